"""Two nodes at once: any interleaving, call by call, of their actions, with crashes, faults and people in between.

The kit's verbs run over boto3 and lab.wire, each node in a greenlet that stops at each call. Hypothesis chooses who
goes on and what becomes of the call. Time is the machine's own: a stale read shows what was so within the last STALE
seconds, all of it or single entries, which is shorter than the pause between two looks that are to prove something.

Each node has two ENIs, eth1 and eth2. The resource names eth1, or none: then it is the one that has the address
already, else that of the default route, which may be gone. eth1's ENI comes late, and goes.

A private address may be taken from the nodes' eth1 and from this node's eth2, not from a stranger's ENI, which a
person may give it to. EC2 cannot be told from whom to take it: an AssignPrivateIpAddresses with AllowReassignment
takes it from whoever has it when the call arrives. What is held here is when it is sent: not without a look, FRESH
seconds old at most, that showed the address where it may be taken from. So a stranger can lose it within that time,
or to a call that its sender has given up and that arrives late. Without AllowReassignment EC2 refuses to take it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Network
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar, cast

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from greenlet import GreenletExit, greenlet
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ec2kit.core.backoff import FRESH
from ec2kit.core.errors import KitError, Misconfigured, NotHeld, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.messages import Level
from ec2kit.core.model import AccessKey, EniId, Node, VpcId
from ec2kit.core.settings import Settings
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs import lifecycle
from ec2kit.verbs.process import attempt
from ec2kit.verbs.run import Run, Site
from lab import wire
from lab.imds import Imds, NodeIdentity, NodeInterface
from lab.wire import Call, Held, Key, State
from tests.support.pair import ABOVE, BEGINNING, BEGINNINGS, ENIS, PRIVATE_IP, PUBLIC_IP, RESOURCES, SECOND, VIP
from tests.support.turns import Clock, hand_over

T = TypeVar("T")

EXAMPLES = int(os.environ.get("EC2KIT_TEST_EXAMPLES", "60"))  # of each scenario
PART = 500  # hypothesis remembers all that it has tried, and needs longer for each example the more that is
STALE = 0.9
VERBS: dict[str, Callable[[Resource, Run, Site], None]] = {
    "restore": lifecycle.hold,
    "recover": lifecycle.hold,
    "remove": lifecycle.release,
    "quickCheck": lifecycle.check,
}
ANSWERS = (
    *["ok"] * 14,
    *["stale"] * 3,
    *["half stale"] * 3,
    *["throttled"] * 3,
    "denied",
    "expired",
    "timeout",
    "late",
    "error after",
)
REFUSALS = {
    "throttled": (503, "RequestLimitExceeded"),
    "denied": (403, "UnauthorizedOperation"),
    "expired": (400, "RequestExpired"),
}
SEATS = ("named", "named", "named", "default", "no default route")  # how the resource says which interface it is for
LACK = Unavailable("this host has no default route now")
VANISHED = Misconfigured("eth1 is not a network interface of this EC2 instance")
HISTORY = TemporaryDirectory()  # both nodes' claims; it goes with this process
AIMED = {"DisassociateAddress", "UnassignPrivateIpAddresses"}  # at what was read, and at nothing that came after it


class Turns(Deadline):
    """A deadline whose calls side by side are taken one after the other, so that each is a turn of its own."""

    def aside(self, call: Callable[[], T]) -> Future[T]:
        """Nothing: as where no thread can be had."""
        del call
        future: Future[T] = Future()
        future.set_exception(Unavailable("no thread"))
        return future

    def together(self, calls: Sequence[Callable[[], T]], *, at_most: int = 1) -> list[T | KitError]:
        """The same results in the same order."""
        del at_most
        return [self._one(call) for call in calls]

    @staticmethod
    def _one(call: Callable[[], T]) -> T | KitError:
        try:
            return call()
        except KitError as error:
            return error


@dataclass
class Runner:
    """One node: its way to EC2, and the verb that runs on it. waits: for an answer to a call, or until a time.

    seat: how the resource of that run says which interface it is for. last_look: when the last one began; seen: when
    its answer told who has the address. sent: when its call left. past: what its metadata know.
    """

    name: str
    ec2: Ec2
    past: Past
    metadata: Imds
    running: greenlet | None = None
    verb: str = ""
    began: float = 0.0
    waits: Call | float | None = None
    last_look: float = 0.0
    seen: float = 0.0
    sent: float = 0.0
    seat: str = "named"
    vanished: bool = False

    @property
    def eni(self) -> str:
        """Its eth1's ENI."""
        return ENIS[self.name]

    @property
    def enis(self) -> tuple[str, ...]:
        """Its ENIs to which that run may move the address."""
        return (self.eni,) if self.seat == "named" else (self.eni, SECOND[self.name])

    def site(self, state: State) -> Site:
        """Where it is, as the metadata tell it now."""
        self.vanished = self.seat != "no default route" and state.instances.get(self.eni) != self.name
        lack = LACK if self.seat == "no default route" else VANISHED if self.vanished else None
        return Site(
            Node(
                "us-east-1",
                self.name,
                VpcId("vpc-1"),
                (IPv4Network("10.0.0.0/16"),),
                None if lack is LACK else "eth1",
                None if lack else EniId(self.eni),
                named=self.seat == "named",
                names={state.mac(self.eni): "eth1", state.mac(SECOND[self.name]): "eth2"},
                lack=lack,
            ),
            self.ec2,
        )


def runner(name: str) -> Runner:
    """A node whose requests go to whoever runs it."""
    signer = Signer(key=AccessKey("AKIAIOSFODNN7EXAMPLE", "secret"))
    ec2 = Ec2(
        {},
        region="us-east-1",
        signer=signer,
        action="test",
        retries=1,
        deadline=Turns(1e9),
        patience=lambda _: None,
    )
    past = Past()
    return Runner(name, hand_over(ec2, signed=False), past, metadata_service(name, past))


@dataclass
class Timeline:
    """What is so, what was so and until when, and the changes that are still on their way."""

    clock: Clock
    states: list[tuple[float, State]]
    late: list[tuple[Runner, str, tuple[str, ...], Call]] = field(default_factory=list)

    @property
    def now(self) -> State:
        """What is so."""
        return self.states[-1][1]

    def between(self, began: float, ended: float) -> list[State]:
        """All that was so at some moment of that time."""
        ends = [*(at for at, _ in self.states[1:]), float("inf")]
        return [state for (at, state), end in zip(self.states, ends, strict=True) if at <= ended and end > began]

    def at(self, moment: float) -> State:
        """What was so then, or in the beginning."""
        return next((state for since, state in reversed(self.states) if since <= moment), self.states[0][1])

    def put(self, state: State) -> None:
        """From now on it is so."""
        self.states.append((self.clock.now, state))


@dataclass
class Past:
    """What a node's metadata service asks of EC2, in the place of lab.ec2.server.Ec2: it is `lag` seconds behind.

    told: the private addresses that it has told in the node's run, by ENI.
    """

    timeline: Timeline | None = None
    lag: float = 0.0
    told: dict[str, list[str]] = field(default_factory=dict)
    credentials: dict[str, float] = field(default_factory=dict)

    def worn(self, eni: str) -> dict[str, str | None]:
        """The private addresses of an ENI, the primary one first, each with the Elastic IP on it."""
        assert self.timeline is not None
        state = self.timeline.at(self.timeline.clock.now - self.lag)
        self.told[eni] = list(state.addresses(eni))
        on = {place: public_ip for public_ip, place, _ in state.told(eni)}
        return {address: on.get(address) for address in self.told[eni]}


def metadata_service(name: str, past: Past) -> Imds:
    """A node's metadata service."""
    state = BEGINNINGS["private"]  # ENIs, MACs and primary addresses are the same in all
    interfaces = tuple(
        NodeInterface(
            interface, state.mac(eni), eni, state.vpc, state.subnet(eni)[0], state.private[eni], ("10.0.0.0/16",),
            number, state.subnet(eni)[1],
        )
        for number, (interface, eni) in enumerate((("eth1", ENIS[name]), ("eth2", SECOND[name])))
    )  # fmt: skip
    identity = NodeIdentity(name, "us-east-1", "us-east-1a", "123456789012", interfaces, "role")
    return Imds(identity, cast("Any", past), name)


def holds(state: State, eni: str, scenario: str) -> bool:
    """Whether that ENI has the whole address; an oracle that does not know the kit's."""
    return has_traffic(state, eni, scenario) and (scenario != "routes" or not state.checks[eni])


def where(state: State, scenario: str) -> str | None:
    """The ENI that the Elastic IP, or the private address, is on."""
    if scenario == "address":
        return state.held[PUBLIC_IP].eni
    having = [eni for eni, addresses in state.secondary.items() if PRIVATE_IP in addresses]
    assert len(having) <= 1, "EC2 gives it to one"
    return next(iter(having), None)


def has_traffic(state: State, eni: str, scenario: str) -> bool:
    """Whether the address leads to that ENI, wherever it must and wherever it is."""
    if scenario != "routes":
        return where(state, scenario) == eni
    entries = {table: state.routes.get((table, VIP)) for table in state.tables}
    must = ("rtb-1", "rtb-2")
    named = [target for table, target in entries.items() if target is not None or table in must]
    return all(target == eni for target in named)


def is_on(state: State, node: Runner, scenario: str) -> bool:
    """Whether the address leads to this node, by whichever of its interfaces are attached to it."""
    ours = {eni for eni, instance in state.instances.items() if instance == node.name}
    if scenario != "routes":
        return where(state, scenario) in ours
    entries = {table: state.routes.get((table, VIP)) for table in state.tables}
    must = {table for table in ("rtb-1", "rtb-2") if entries[table] is None}
    targets = {target for target in entries.values() if target}
    return not must and targets <= ours and not (node.eni in targets and state.checks[node.eni])


def was_right(states: Sequence[State], table: str, enis: tuple[str, ...]) -> bool:
    """Whether at some moment nothing was wrong with that table's entry."""
    must = table in ("rtb-1", "rtb-2")
    entries = (state.routes.get((table, VIP)) for state in states)
    return any(target in enis if target or must else True for target in entries)


def only_ours(before: State, after: State, enis: tuple[str, ...]) -> bool:
    """Whether a node's change touches nothing that the resource does not name."""
    routes = {key for key in {*before.routes, *after.routes} if before.routes.get(key) != after.routes.get(key)}
    checks = {key for key in before.checks if before.checks[key] != after.checks[key]}
    held = {key for key in before.held if before.held[key] != after.held[key]}
    displaced = all(before.held[key].eni in enis for key in held - {PUBLIC_IP})
    return all(key[1] == VIP and after.routes[key] in enis for key in routes) and checks <= {*enis} and displaced


def only_the_private_address(before: State, after: State, enis: tuple[str, ...]) -> bool:
    """Whether a node's change moves that address alone to its ENI, or frees it, and Elastic IPs only as EC2 does.

    That on the address goes with it, and is on nothing when the address is.
    """
    address, eni = where(before, "private"), where(after, "private")
    on = {name for name, each in before.held.items() if (each.eni, each.private) == (address, PRIVATE_IP)}
    freed = Held(before.held[ABOVE].allocation)
    held = {
        name: (replace(each, eni=eni) if eni else replace(freed, allocation=each.allocation)) if name in on else each
        for name, each in before.held.items()
    }
    moved = {
        each: tuple(a for a in before.secondary.get(each, ()) if a != PRIVATE_IP) + (PRIVATE_IP,) * (each == eni)
        for each in before.private
    }
    secondary = {each: addresses for each, addresses in moved.items() if addresses}
    return eni in {None, *enis} and after == replace(before, held=held, secondary=secondary)


TURN = rule(
    name=st.sampled_from(sorted(ENIS)),
    verb=st.sampled_from(sorted(VERBS)),
    seat=st.sampled_from(SEATS),
    hows=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4),
    half=st.frozensets(st.sampled_from([("rtb-1", VIP), ("rtb-2", VIP), *ENIS.values(), PUBLIC_IP]), min_size=1),
)
LAGS = (0.0, 0.0, 0.5, 3.0, 20.0)  # seconds that the metadata are behind EC2 with private addresses


class TwoNodes(RuleBasedStateMachine):
    """Hypothesis drives it; scenario: routes, address or private."""

    scenario: ClassVar[str]
    runners: ClassVar[dict[str, Runner]] = {}

    @initialize()
    def begin(self) -> None:
        """node1 holds the address, nothing runs."""
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        self.clock.rule(self.patch)
        self.timeline = Timeline(self.clock, [(self.clock.now, BEGINNINGS[self.scenario])])
        for name in ENIS:
            if name not in self.runners:  # a client takes long to make, and keeps nothing of a run
                self.runners[name] = runner(name)
            node = self.runners[name]
            node.running = None
            node.past.timeline, node.past.lag = self.timeline, 0.0
            node.metadata.hidden = set()

    def turn(self, name: str, verb: str, seat: str, hows: list[str], half: frozenset[Key]) -> None:
        """LifeKeeper, or a person, starts an action on a node that runs none; then it goes on by some calls.

        hows: what becomes of each call. half: which entries are old where half of an answer is.
        """
        node = self.runners[name]
        self.half = half
        if node.running is None:
            self._start(node, verb, seat)
        for how in hows:
            if node.running is not None:
                self._go_on(node, how)

    # Hypothesis takes each rule as often as any other; this one matters most.
    turn_1, turn_2, turn_3, turn_4 = TURN(turn), TURN(turn), TURN(turn), TURN(turn)

    @rule(name=st.sampled_from(sorted(ENIS)), reached=st.booleans())
    def crash(self, name: str, reached: bool) -> None:
        """A node dies in the middle of an action, before or after its call has reached EC2."""
        node = self.runners[name]
        if node.running is not None:
            if reached and isinstance(node.waits, Call) and node.waits.changing:
                self._change(node, node.waits, node.verb, node.enis)
            node.running.throw(GreenletExit)
            node.running = None

    @rule(
        table=st.sampled_from(BEGINNING.tables),
        eni=st.sampled_from([*BEGINNING.checks, ""]),
        check=st.sampled_from(sorted(ENIS.values())),
    )
    def by_hand(self, table: str, eni: str, check: str) -> None:
        """A person re-points or deletes an entry, moves or frees the address, or switches a check on."""
        now = self.timeline.now
        if self.scenario == "routes":
            routes = {key: target for key, target in now.routes.items() if key != (table, VIP)}
            if eni:
                routes[table, VIP] = eni
            else:
                now = replace(now, checks={**now.checks, check: True})
            self.timeline.put(replace(now, routes=routes))
        elif self.scenario == "private":
            self._assign_by_hand(eni)
        else:
            held = {**now.held, PUBLIC_IP: replace(now.held[PUBLIC_IP], association=None, eni=None)}
            if eni:
                held = {
                    ip: replace(each, association=None, eni=None) if each.eni == eni else each
                    for ip, each in held.items()
                }
                held[PUBLIC_IP] = Held("eipalloc-1", f"eipassoc-{now.serial + 1}", eni)
            self.timeline.put(replace(now, held=held, serial=now.serial + 1))

    def _assign_by_hand(self, eni: str) -> None:
        """Give the private address to an ENI, or take it off the one that has it."""
        now = self.timeline.now
        at, action = (
            (eni, "AssignPrivateIpAddresses") if eni else (where(now, "private"), "UnassignPrivateIpAddresses")
        )
        if at is not None:
            params = {"NetworkInterfaceId": at, "PrivateIpAddress.1": PRIVATE_IP, "AllowReassignment": "true"}
            self.timeline.put(wire.changed(now, Call(action, params)))

    @rule(name=st.sampled_from(sorted(ENIS)), lag=st.sampled_from(LAGS))
    def fall_behind(self, name: str, lag: float) -> None:
        """The metadata of a node tell what was so before, or catch up."""
        self.runners[name].past.lag = lag

    @rule(name=st.sampled_from(sorted(ENIS)))
    def put_right_by_hand(self, name: str) -> None:
        """A person gives a node the whole address, as an administrator does who trusts no program."""
        now, eni = self.timeline.now, ENIS[name]
        if self.scenario == "routes":
            tables = {table for table, destination in now.routes if destination == VIP} | {"rtb-1", "rtb-2"}
            routes = {**now.routes, **{(table, VIP): eni for table in tables}}
            self.timeline.put(replace(now, routes=routes, checks={**now.checks, eni: False}))
        else:
            self.by_hand(table="", eni=eni, check="")

    @rule(name=st.sampled_from(sorted(ENIS)))
    def attach_or_detach(self, name: str) -> None:
        """The ENI of a node's eth1 goes, or comes back."""
        now, eni = self.timeline.now, ENIS[name]
        others = {each: instance for each, instance in now.instances.items() if each != eni}
        there = others if eni in now.instances else {**others, eni: name}
        self.timeline.put(replace(now, instances=there))
        self.runners[name].metadata.hidden = set() if eni in there else {now.mac(eni)}

    @precondition(lambda self: self.timeline.late)
    @rule()
    def arrive(self) -> None:
        """A call that its sender has given up arrives after all."""
        node, verb, enis, call = self.timeline.late.pop(0)
        self._change(node, call, verb, enis)

    @rule(seconds=st.sampled_from([0.1, 1.0, 120.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds

    def teardown(self) -> None:
        """The faults stop, what runs comes to its end, one node is told to restore: it holds, and stays."""
        if not hasattr(self, "timeline"):
            return
        try:
            while self.timeline.late:
                self.arrive()
            for node in self.runners.values():
                self._finish(node)
            winner, other = self.runners["node2"], self.runners["node1"]
            self.timeline.put(replace(self.timeline.now, instances=BEGINNING.instances))
            for node in self.runners.values():
                node.past.lag, node.metadata.hidden = 0.0, set()
            self.clock.now += 1.0
            if self.scenario == "private":
                self._refuse_strangers(winner)
            for node, verb in ((winner, "restore"), (other, "remove"), (winner, "quickCheck")):
                self._start(node, verb)
                assert self._finish(node) is None, f"{verb} on {node.name}"
                assert holds(self.timeline.now, winner.eni, self.scenario)
        finally:
            self.patch.undo()

    def _refuse_strangers(self, winner: Runner) -> None:
        """Where an ENI that no one names as a peer's has the address, it is not taken; a person frees it then."""
        stranger = where(self.timeline.now, "private")
        if stranger in {None, *ENIS.values(), SECOND[winner.name]}:
            return
        self._start(winner, "restore")
        assert isinstance(self._finish(winner), Misconfigured)
        assert where(self.timeline.now, "private") == stranger
        self._assign_by_hand("")
        self.clock.now += 1.0

    def _start(self, node: Runner, verb: str, seat: str = "named") -> None:
        budget = Turns(300)
        node.ec2._deadline = budget
        node.ec2.paces.clear()
        node.seat = seat
        log = Journal(verb, "x", least=Level.ERROR)
        node.past.told.clear()
        aws = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": node.metadata.url}
        settings = Settings(ec2_max_retry=1, ip_nolinkcheck=1, ec2kit_history=HISTORY.name, aws=aws)
        run = Run(settings, budget, log)
        work = partial(
            attempt, partial(VERBS[verb], RESOURCES[self.scenario], run, node.site(self.timeline.now)), log
        )
        node.verb, node.began, node.last_look, node.seen = verb, self.clock.now, self.clock.now, self.clock.now
        node.running = greenlet(work)
        self._resume(node, node.running.switch())

    def _finish(self, node: Runner) -> KitError | None:
        """Let it go on without faults; what came of it."""
        self.outcome: KitError | None = None
        while node.running is not None:
            self._go_on(node, "ok")
        return self.outcome

    def _go_on(self, node: Runner, how: str) -> None:
        assert node.running is not None
        self.clock.now += 0.05
        if isinstance(node.waits, float):
            self.clock.now = max(self.clock.now, node.waits)
            self._resume(node, node.running.switch(None))
            return
        assert node.waits is not None
        answered = self._answer(node, node.waits, how)
        if isinstance(answered, Exception):
            self._resume(node, node.running.throw(answered))
        else:
            self._resume(node, node.running.switch(answered))

    def _answer(self, node: Runner, call: Call, how: str) -> AWSResponse | Exception:
        if how in REFUSALS:
            return wire.error(*REFUSALS[how])
        lost = ReadTimeoutError(endpoint_url="https://ec2.invalid/") if how in {"timeout", "late"} else None
        if not call.changing:
            return lost or (wire.error(500, "InternalError") if how == "error after" else self._read(node, call, how))
        young = node.sent - node.seen < FRESH + 0.1
        assert young or call.action in AIMED, "nothing but what was read itself is changed on old facts"
        if how == "late":
            self.timeline.late.append((node, node.verb, node.enis, call))
            code = ""
        else:
            code = self._change(node, call, node.verb, node.enis)
        if how == "error after":
            return wire.error(500, "InternalError")
        return lost or (wire.error(400, code) if code else wire.response(200, wire.done(call)))

    def _read(self, node: Runner, call: Call, how: str) -> AWSResponse:
        now = self.clock.now
        ours = self.scenario == "private" and "attachment.instance-id" in call.filters
        if call.action == "DescribeRouteTables" or "public-ip" in call.filters or ours:  # a look begins with it
            node.last_look = node.seen = now
        if "addresses.private-ip-address" in call.filters:  # and goes on with who has it, where it is not here
            node.seen = now
        state = self.timeline.now
        if "stale" in how:
            old = self.timeline.between(now - STALE, now)[0]
            state = old if how == "stale" else wire.mixed(old, state, self.half)
        return wire.response(200, wire.answer(state, call))

    def _change(self, node: Runner, call: Call, verb: str, enis: tuple[str, ...]) -> str:
        """Make the change that a node has sent, if EC2 takes it; EC2's error code, else empty."""
        before = self.timeline.now
        try:
            after = wire.changed(before, call)
        except wire.RefusedError as error:
            return str(error)
        assert verb != "quickCheck", "quickCheck changes nothing"
        ours = (node.eni, SECOND[node.name])
        if self.scenario == "private":
            assert only_the_private_address(before, after, enis), (before, after)
        else:
            assert only_ours(before, after, enis), (before, after)
        if call.action in AIMED:
            assert where(before, self.scenario) in ours, "the peer's is never removed"
        self.timeline.put(after)
        return ""

    def _sent(self, node: Runner, call: Call) -> None:
        """A private address is sent for: only ours, to our ENI, and from a holder only as a fresh look allows it."""
        assert (call.addresses, call.params["NetworkInterfaceId"] in node.enis) == ([PRIVATE_IP], True)
        if call.params["AllowReassignment"] == "true":
            may = {*ENIS.values(), SECOND[node.name]}
            shown = self.timeline.between(self.clock.now - FRESH - 0.1 - STALE, self.clock.now)
            assert any(where(state, "private") in may for state in shown), "taken from a stranger"

    def _resume(self, node: Runner, told: Any) -> None:
        """What a node does next: a call, a pause, or its end, which is judged."""
        assert node.running is not None
        if not node.running.dead:
            node.waits, node.sent = told, self.clock.now
            if isinstance(told, Call) and told.action == "AssignPrivateIpAddresses":
                self._sent(node, told)
            return
        node.running, self.outcome = None, told
        seen = self.timeline.between(node.last_look - STALE, self.clock.now)
        whole = self.timeline.between(node.began, self.clock.now)
        if node.verb in {"restore", "recover"} and told is None:
            if self.scenario != "routes":
                assert any(has_traffic(state, eni, self.scenario) for state in whole for eni in node.enis)
            if self.scenario == "private":
                assert any(where(state, "private") in node.enis for state in seen), "at the look"
                assert any(PRIVATE_IP in node.past.told.get(eni, ()) for eni in node.enis), "in the metadata, too"
            if self.scenario == "routes":
                assert all(was_right(whole, table, node.enis) for table in BEGINNING.tables)
                assert not all(state.checks[eni] for state in seen for eni in node.enis)
        if node.verb == "remove" and told is None and self.scenario != "routes":
            assert not all(is_on(state, node, self.scenario) for state in whole)
        if node.verb == "quickCheck" and isinstance(told, NotHeld):
            assert not all(is_on(state, node, self.scenario) for state in whole)
            assert not (node.vanished and node.seat == "named")


@pytest.mark.parametrize("part", range(-(-EXAMPLES // PART)))
@pytest.mark.parametrize("scenario", BEGINNINGS)
def test_two_nodes(scenario: str, part: int) -> None:
    """Whatever happens in whatever order, nobody lies, nobody touches what is not his, and the last word stays."""
    machine = type("Machine", (TwoNodes,), {"scenario": scenario, "runners": {}})
    wanted = hypothesis_settings(
        max_examples=min(PART, EXAMPLES - part * PART), stateful_step_count=40, deadline=None
    )
    if EXAMPLES > PART:  # in CI hypothesis tries the same ones each time, and so would each part
        wanted = hypothesis_settings(wanted, derandomize=False)
    run_state_machine_as_test(machine, settings=wanted)


# ---- what has once been found by the machine, or by breaking the kit under it, told as plain stories


@contextmanager
def story(scenario: str) -> Iterator[TwoNodes]:
    """The two nodes, led by hand; at its end the machine's own last word is tried as well."""
    told = type("Story", (TwoNodes,), {"scenario": scenario, "runners": {}})()
    told.begin()
    told.clock.now += 120
    try:
        yield told
    finally:
        told.teardown()


@pytest.mark.parametrize("scenario", ["routes", "private"])
def test_two_stale_looks_are_no_loss(scenario: str) -> None:
    """Both looks of quickCheck are stale, but they are further apart than EC2 is ever behind."""
    with story(scenario) as two:
        two.by_hand(table="rtb-1", eni="eni-2", check="eni-1")
        two.clock.now += 1.0
        two.put_right_by_hand("node1")
        node = two.runners["node1"]
        two._start(node, "quickCheck")
        looks = 0
        while node.running is not None:
            looks += isinstance(node.waits, Call) and "attachment.instance-id" in node.waits.filters  # each asks so
            two._go_on(node, "stale")
        assert looks == 2, "the first one has shown a loss"
        assert two.outcome is None


def test_a_late_call_of_the_old_node_is_a_loss_that_recover_mends() -> None:
    """A change that the old node has given up arrives when the new one holds: that is seen, and put right."""
    with story("routes") as two:
        old, new = two.runners["node1"], two.runners["node2"]
        two.put_right_by_hand("node2")
        two.clock.now += 1.0
        two._start(old, "restore")
        while not two.timeline.late:
            two._go_on(old, "late" if isinstance(old.waits, Call) and old.waits.changing else "ok")
        two.crash("node1", reached=False)
        two._start(new, "restore")
        assert two._finish(new) is None
        two.arrive()
        two.clock.now += 1.0
        two._start(new, "quickCheck")
        assert isinstance(two._finish(new), NotHeld)
        two._start(new, "recover")
        assert two._finish(new) is None
        assert holds(two.timeline.now, new.eni, "routes")


@pytest.mark.parametrize("scenario", ["address", "private"])
def test_the_reply_to_a_change_is_not_believed(scenario: str) -> None:
    """Every change is accepted, and undone by the peer before the next look: restore does not say that it holds."""
    with story(scenario) as two:
        node = two.runners["node1"]
        two.put_right_by_hand("node2")
        two.clock.now += 1.0
        two._start(node, "restore")
        while node.running is not None:
            changing = isinstance(node.waits, Call) and node.waits.changing
            two._go_on(node, "ok")
            if changing:
                two.put_right_by_hand("node2")
        assert isinstance(two.outcome, NotHeld)


@pytest.mark.parametrize("scenario", ["address", "private"])
def test_the_peer_that_takes_it_meanwhile_keeps_it(scenario: str) -> None:
    """remove has looked, the peer takes it, remove's call comes: it names a spent association, or our ENI."""
    with story(scenario) as two:
        old, new = two.runners["node1"], two.runners["node2"]
        two._start(old, "remove")
        while not (isinstance(old.waits, Call) and old.waits.changing):
            two._go_on(old, "ok")
        two._start(new, "restore")
        assert two._finish(new) is None
        assert two._finish(old) is None
        assert holds(two.timeline.now, new.eni, scenario)


STRANGER = "eni-9"


def until_it_sends(two: TwoNodes, node: Runner) -> None:
    """It takes the private address over from the peer, and its change has left."""
    two.put_right_by_hand("node2")
    two.clock.now += 1.0
    two._start(node, "restore")
    while not (isinstance(node.waits, Call) and node.waits.changing):
        two._go_on(node, "ok")


def test_a_stranger_that_has_it_keeps_it_from_a_change_that_has_waited() -> None:
    """EC2 throttles the change; meanwhile somebody gives the address to a stranger's ENI: the next look shows it."""
    with story("private") as two:
        node = two.runners["node1"]
        until_it_sends(two, node)
        two.by_hand(table="rtb-1", eni=STRANGER, check="eni-1")
        two.clock.now += FRESH + STALE
        while node.running is not None:
            changing = isinstance(node.waits, Call) and node.waits.changing
            two._go_on(node, "throttled" if changing else "ok")
        assert isinstance(two.outcome, Misconfigured)
        assert where(two.timeline.now, "private") == STRANGER


def test_a_late_change_takes_it_from_whoever_has_it() -> None:
    """What EC2 cannot be asked for: it was sent when the peer had the address, and arrives when a stranger has it."""
    with story("private") as two:
        node = two.runners["node1"]
        until_it_sends(two, node)
        two._go_on(node, "late")
        two.crash("node1", reached=False)
        two.by_hand(table="rtb-1", eni=STRANGER, check="eni-1")
        two.arrive()
        assert where(two.timeline.now, "private") == node.eni


def test_hold_waits_until_the_metadata_show_it_too() -> None:
    """They are 20 seconds behind: as long does it take, and more rounds than EC2_MAX_RETRY."""
    with story("private") as two:
        node = two.runners["node2"]
        two.fall_behind("node2", 20.0)
        began = two.clock.now
        two._start(node, "restore")
        assert two._finish(node) is None
        assert two.clock.now - began > 20
