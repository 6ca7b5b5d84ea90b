"""The columns of the fault matrix: what can go wrong with an outside call, and how the bench makes it so.

What can go wrong with the process itself is in tests/faults/process.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lab import PROJECT, imds, taps
from lab.ec2 import faults
from lab.taps import Called
from tests.faults.rows import HOLDING, RELEASING, Edge, Row, active, paged
from tests.faults.stage import Bench, Point

RESOLVER = PROJECT / "lab/resolver"
HANGING = "ec2.hanging.example"
BEHIND = "metadata behind"  # the family
_EVENTS = ("quickCheck", "check")
Environment = dict[str, str]
Arm = Callable[[Bench, Row, Point], Environment]


@dataclass(frozen=True)
class Kind:
    """One fault. means: what is done, in words.

    words: what the last line has, one of these, when a run fails by it (a regular expression).
    fits: whether it can hit that call of that row. arm: puts it in force, and gives what the run's environment
    needs besides.
    edge: of the points that it can hit; "call" and "signal" are all outside calls. family: in which line the page
    tells of it, with its likes. share: of so many cells one is run.
    signal: the number of the signal that is sent. codes: exit codes that are right besides. harmless: no exit code
    is right but that of a run without the fault.
    """

    name: str
    means: str
    edge: Edge | Literal["call", "signal"]
    words: str
    fits: Callable[[Row, Point], bool]
    arm: Arm
    family: str = ""
    share: int = 1
    signal: int = 0
    harmless: bool = False
    codes: Callable[[Row], tuple[int, ...]] = lambda _row: ()

    @property
    def line(self) -> str:
        """Its line of the page."""
        return self.family or self.name

    @property
    def inside(self) -> bool:
        """Whether it is a fault of the process itself."""
        return self.edge in {"process", "module", "signal"}


def _call(_row: Row, point: Point) -> bool:
    return not point.whole


def _any(_row: Row, _point: Point) -> bool:
    return True


def _missable(_row: Row, point: Point) -> bool:
    """Once a program; not ip, for the kit would find this machine's own, nor a copy still to come."""
    return point.nth == 0 and point.name != "ip" and not point.name.startswith("!")


def _changing(_row: Row, point: Point) -> bool:
    return not point.whole and not point.name.startswith("Describe")


def _first_change(row: Row, point: Point) -> bool:
    return _changing(row, point) and point.nth == 0 and "[B]" not in point.label


def _whole(_row: Row, point: Point) -> bool:
    return point.whole


def refuse(bench: Bench, kind: faults.Kind, point: Point, times: int | None, then: Callable[[], None]) -> None:
    """Break the call of that point, and those with the same parameters that follow."""
    bench.lab.ec2.refuse(kind, point.name, None, times, skip=point.nth, then=then, **dict(point.params))


def _nothing() -> None:
    """What is to be done besides: nothing."""


def _once(kind: faults.Kind) -> Arm:
    """This call alone."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        refuse(bench, kind, point, 1, _nothing)
        return {}

    return arm


def _same(kind: faults.Kind) -> Arm:
    """This call and every one like it that follows."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        refuse(bench, kind, point, None, _nothing)
        return {}

    return arm


def _operation(kind: faults.Kind) -> Arm:
    """This call and every one of its operation that follows."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        refuse(bench, kind, point, 1, lambda: _all(bench, kind, point.name))
        return {}

    return arm


def _from_here(kind: faults.Kind) -> Arm:
    """This call and every one that follows."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        if point.whole:
            bench.lab.ec2.refuse(kind)
        else:
            refuse(bench, kind, point, 1, lambda: _all(bench, kind, None))
        return {}

    return arm


def _all(bench: Bench, kind: faults.Kind, action: str | None) -> None:
    bench.lab.ec2.refuse(kind, action)


def _url(scheme: str, host: str) -> Arm:
    """EC2 at another URL; {port} is the lab's."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        port = bench.lab.ec2.url.rpartition(":")[2]
        given = {"AWS_ENDPOINT_URL_EC2": f"{scheme}://{host.format(port=port)}"}
        if host == HANGING:
            given |= {"PYTHONPATH": str(RESOLVER), "LAB_HANGING_HOST": HANGING}
        return given

    return arm


def _stale(reads: int) -> Arm:
    """The run's own changes, from the first on, are not shown by so many Describe calls."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        bench.lab.ec2.stale(reads)
        return {}

    return arm


def _old(bench: Bench, row: Row, point: Point) -> Environment:
    """This one call shows what was before the address came here."""
    bench.lab.ec2.old = bench.before(row)
    refuse(bench, "stale", point, 1, _nothing)
    return {}


def _metadata(kind: imds.Fault) -> Arm:
    """This request and every one that follows."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        service = bench.lab.nodes[point.node].imds

        def rest() -> None:
            service.fault = kind

        if point.whole:
            rest()
        else:
            service.refuse("reset" if kind == "refused" else kind, point.name, 1, skip=point.nth, then=rest)
        return {}

    return arm


def _item(bench: Bench, _row: Row, point: Point) -> Environment:
    """This item, from here on."""
    bench.lab.nodes[point.node].imds.refuse("missing", point.name, skip=point.nth)
    return {}


def _behind(reads: int) -> Arm:
    """The interface's private addresses, when they have changed, are told as before so often."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        bench.lab.nodes[point.node].imds.behind = reads
        return {}

    return arm


def _moving(row: Row, point: Point) -> bool:
    """Whether the row moves a private address, and asks for those of an interface."""
    moves = row.scenario == "private" and row.action in HOLDING | RELEASING
    return moves and point.name.endswith("/local-ipv4s") and point.nth == 0


def program(kind: taps.Kind) -> Arm:
    """This call of the program alone."""

    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        left = [point.nth]

        def wrong(called: Called) -> taps.Kind | None:
            if (called.node, called.program) != (point.node, point.name):
                return None
            left[0] -= 1
            return kind if left[0] == -1 else None

        bench.taps.wrong = wrong
        return {}

    return arm


def _missing(bench: Bench, _row: Row, point: Point) -> Environment:
    """The program is not there."""
    bench.hide(point.node, point.name)
    return {}


def _killed(when: Literal["before", "after"]) -> Arm:
    """The process is killed when the call arrives, or when it has been carried out."""

    def arm(bench: Bench, row: Row, point: Point) -> Environment:
        if point.edge == "program":
            bench.taps.killing = bench.kill
            return program("killed before" if when == "before" else "killed after")(bench, row, point)
        if point.edge == "metadata":
            service = bench.lab.nodes[point.node].imds
            service.refuse(
                "reset",
                point.name,
                1,
                skip=point.nth,
                then=bench.kill,
            )
        else:
            refuse(bench, "reset" if when == "before" else "lost", point, 1, bench.kill)
        return {}

    return arm


def _patient(row: Row, point: Point) -> bool:
    """A program that hangs: not below `ec2kit extend` and `delete`, which wait 900 s for it."""
    return not point.whole and not row.action.startswith("ec2kit")


_HELD_READING = {active, paged}
_NO_ANSWER = (
    r"no usable answer|no answer to|incomplete answer|that is not AWS's|timed out|does not answer|"
    r"failed with exit code|did not answer"
)
_SOMETHING_ELSE = (
    r"incomplete|no usable answer|that is not AWS's|shows no|does not show|not an Elastic IP|after acting|none of|"
    r"throttled"
)
_DOWN = r"metadata|MetadataRetrieval|NoCredentials|timed out"
_NO_DATA = r"no token|none|metadata|no credentials|no network interface|not a network interface|does not show|EC2"
_NO_ITEM = (
    r"gives no token|no network interface|not a network interface|the metadata service|no credentials|points? at|"
    r"metadata do not (yet|tell)"
)
_MISSING = r"cannot be run|is missing|is not here|could not be taken back|exit code"
_EXIT_9 = r"exit code|failed|could not be taken back"

OUTSIDE: tuple[Kind, ...] = (
    Kind(
        "throttled once",
        "RequestLimitExceeded to this call, once",
        "EC2",
        r"throttled|timed out",
        _call,
        _once("throttled"),
    ),
    Kind(
        "throttled for ever",
        "RequestLimitExceeded from this call on",
        "EC2",
        r"RequestLimitExceeded|timed out",
        _call,
        _from_here("throttled"),
    ),
    Kind(
        "denied",
        "UnauthorizedOperation (403) to this operation, from this call on",
        "EC2",
        r"UnauthorizedOperation",
        _call,
        _operation("denied"),
    ),
    Kind(
        "expired credentials",
        "RequestExpired from this call on",
        "EC2",
        r"RequestExpired",
        _call,
        _from_here("expired"),
    ),
    Kind(
        "clock skew",
        "SignatureDoesNotMatch from this call on",
        "EC2",
        r"SignatureDoesNotMatch",
        _call,
        _from_here("skewed"),
    ),
    Kind(
        "500", "InternalError to this request, each time", "EC2", r"InternalError|timed out", _call, _same("error500")
    ),
    Kind(
        "503",
        "Unavailable to this request, each time",
        "EC2",
        r"\(Unavailable|timed out",
        _call,
        _same("error503"),
    ),
    Kind("connection refused", "from this call on nobody listens", "EC2", _NO_ANSWER, _any, _from_here("refused")),
    Kind(
        "reset",
        "TCP reset instead of a reply, each time; a change is not made",
        "EC2",
        _NO_ANSWER,
        _call,
        _same("reset"),
    ),
    Kind(
        "reset in mid-reply",
        "TCP reset after half of the reply, each time; a change is made",
        "EC2",
        _NO_ANSWER,
        _call,
        _same("cut"),
    ),
    Kind(
        "reply truncated",
        "the connection closes after half of the reply, each time; a change is made",
        "EC2",
        _NO_ANSWER,
        _call,
        _same("truncated"),
    ),
    Kind("not XML", "200 with something that is not XML, each time", "EC2", _NO_ANSWER, _call, _same("garbage")),
    Kind(
        "XML of something else",
        "200 with XML that has nothing of what was asked, each time",
        "EC2",
        _SOMETHING_ELSE,
        _call,
        _same("hollow"),
    ),
    Kind("endless slow reply", "a byte a second, each time", "EC2", _NO_ANSWER, _call, _same("slow")),
    Kind("no reply", "nothing comes, from this call on", "EC2", _NO_ANSWER, _call, _from_here("hang")),
    Kind(
        "TLS refused",
        "an https URL where nobody speaks TLS",
        "EC2",
        _NO_ANSWER,
        _whole,
        _url("https", "127.0.0.1:{port}"),
    ),
    Kind(
        "DNS without an answer",
        "a host name that is not known",
        "EC2",
        _NO_ANSWER,
        _whole,
        _url("https", "ec2.nowhere.invalid"),
    ),
    Kind(
        "DNS hangs",
        "a host name whose look-up waits for ever, in C (lab/resolver: a real one would need root)",
        "EC2",
        _NO_ANSWER,
        _whole,
        _url("https", HANGING),
    ),
    Kind(
        "changed, reply lost", "the change is made, then TCP reset, once", "EC2", _NO_ANSWER, _changing, _once("lost")
    ),
    Kind(
        "changed, all replies lost",
        "the change is made, then TCP reset, each time",
        "EC2",
        _NO_ANSWER,
        _changing,
        _same("lost"),
    ),
    Kind(
        "changed, error told",
        "the change is made, and the reply is InternalError, each time",
        "EC2",
        r"InternalError|after acting",
        _changing,
        _same("lied"),
    ),
    *(
        Kind(
            f"change unseen by {n} reads",
            f"the run's changes are not shown by the {n} reading calls after the first of them",
            "EC2",
            r"after acting|timed out|contradict each other",
            _first_change,
            _stale(n),
        )
        for n in (1, 2, 4, 9)
    ),
    Kind(
        "one stale read",
        "this one reading call still shows that the peer has the address",
        "EC2",
        r"^$",
        lambda row, point: _call(row, point) and row.action in _EVENTS and row.start in _HELD_READING,
        _old,
    ),
    Kind("metadata down", "from this request on nobody listens", "metadata", _DOWN, _any, _metadata("refused")),
    Kind(
        "metadata 401",
        "Unauthorized from this request on",
        "metadata",
        r"HTTP 401|no credentials",
        _call,
        _metadata("unauthorized"),
    ),
    Kind(
        "metadata 403",
        "Forbidden from this request on, as where the service is switched off",
        "metadata",
        r"switched off|no credentials",
        _call,
        _metadata("off"),
    ),
    Kind("metadata 404", "this item is not there, from here on", "metadata", _NO_ITEM, _call, _item),
    Kind(
        "metadata 500",
        "Internal Server Error from this request on",
        "metadata",
        r"HTTP 500|no credentials|timed out",
        _call,
        _metadata("error500"),
    ),
    Kind(
        "metadata hangs",
        "no answer from this request on",
        "metadata",
        r"does not answer|no credentials|timed out",
        _call,
        _metadata("hang"),
    ),
    Kind(
        "metadata garbage",
        "200 with bytes of no meaning from this request on",
        "metadata",
        _NO_DATA,
        _call,
        _metadata("garbage"),
    ),
    *(
        Kind(
            f"{BEHIND} {words}",
            f"{means} question for an interface's private addresses is answered as before the change",
            "metadata",
            r"metadata do not yet|timed out",
            _moving,
            _behind(reads),
            BEHIND,
        )
        for words, means, reads in (("by 2 reads", "the first and the second", 2), ("for ever", "each", 1_000_000))
    ),
    Kind(
        "program missing",
        "the program is not in LKROOT/bin",
        "program",
        _MISSING,
        _missable,
        _missing,
    ),
    Kind(
        "program hangs",
        "this call of the program does not end",
        "program",
        r"did not answer|timed out|did not end",
        _patient,
        program("hang"),
    ),
    Kind(
        "program garbage",
        "the program does its work, and prints bytes of no meaning",
        "program",
        r".",
        _call,
        program("garbage"),
    ),
    Kind(
        "program exit 7",
        "the program does nothing and ends with 7 (not there)",
        "program",
        r".",
        _call,
        program("exit7"),
    ),
    Kind(
        "program exit 9",
        "the program does nothing and ends with 9 (system not reached)",
        "program",
        _EXIT_9,
        _call,
        program("exit9"),
    ),
    Kind(
        "killed before",
        "kill -9 when the call arrives, before it is carried out",
        "call",
        r"",
        _call,
        _killed("before"),
    ),
    Kind(
        "killed after",
        "kill -9 when the call has been carried out, before its answer",
        "call",
        r"",
        _call,
        _killed("after"),
    ),
)
