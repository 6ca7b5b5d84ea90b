"""A fleet in simulated time: thousands of nodes, one account's token buckets, and the kit's real code on every node.

Each run of a verb is a greenlet (tests.support.turns); each address has a VPC of its own (lab.wire), all share the
buckets (lab.buckets). One loop takes the next event in time: a run goes on, or a call reaches EC2. The clock is moved
to the event, so nothing is waited for, and with a given seed everything happens again.

What is left out: the process's start, the instance metadata and LifeKeeper. docs/load.md tells it all.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from botocore.awsrequest import AWSResponse
from greenlet import getcurrent, greenlet

from ec2kit.core.errors import DeadlineExceeded, KitError, NotHeld, Unavailable
from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.messages import Level
from ec2kit.core.model import AccessKey, EniId, Node, TableId, VpcId
from ec2kit.core.pace import Pace
from ec2kit.core.settings import Settings
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import SIDE_BY_SIDE, Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs import lifecycle
from ec2kit.verbs.process import attempt
from ec2kit.verbs.run import Run, Site
from lab import wire
from lab.ec2.buckets import Buckets
from lab.wire import Call, Held, State
from tests.support.turns import Clock, ask, hand_over

T = TypeVar("T")

HISTORY = TemporaryDirectory()  # the nodes' claims; it goes with this process
ONE_WAY = 0.025  # seconds that a call needs to EC2, and its answer back
VIP = "10.1.0.10"
PUBLIC = int(IPv4Address("198.18.0.0"))  # the first Elastic IP; each VPC has the next
CHECK, HOLD = 100, 300  # seconds: the budgets of quickCheck and of restore


@dataclass(frozen=True)
class Shape:
    """How the fleet is: each of the nodes checks an address of its own once in `interval` seconds.

    At the second `outage` as many of them as `lost` die, and at that moment their peers take over. tables: route
    tables with an entry for the address; 0 is an Elastic IP instead. seconds: after that, and after the last
    takeover, no check begins. patient_checks: what the kit does not do, for comparison. fees: refused calls take
    tokens, too.
    """

    nodes: int = 10_000
    interval: int = 120
    lost: int = 500
    tables: int = 1
    outage: float = 60.0
    seconds: float = 120.0
    patient_checks: bool = False
    fees: bool = False
    settings: Settings = field(default_factory=lambda: Settings(ip_nolinkcheck=1, ec2kit_history=HISTORY.name))


@dataclass
class Figures:
    """What came of it. seconds of takeovers: from the outage; checks: from their own start."""

    shape: Shape
    checks: list[tuple[float, str]] = field(default_factory=list)
    takeovers: list[tuple[float, str]] = field(default_factory=list)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)  # by who sends, and the operation
    served: Counter[tuple[str, str]] = field(default_factory=Counter)
    false_failures: int = 0

    @property
    def done(self) -> list[float]:
        """The takeovers that succeeded, in the order of their ends."""
        return sorted(seconds for seconds, what in self.takeovers if what == "held")

    @property
    def allowed(self) -> float:
        """Seconds in which the account's buckets serve the storm's calls if nobody else asks, all of them once."""
        return max(
            max(0.0, number - (100 if action.startswith("Describe") else 50))
            / (20 if action.startswith("Describe") else 5)
            for action, number in self.needed.items()
        )

    @property
    def needed(self) -> Counter[str]:
        """The calls of the takeovers if none is refused: two looks each, and the changes."""
        looks, tables = 2, self.shape.tables
        each = (
            {"DescribeRouteTables": looks, "DescribeNetworkInterfaces": looks, "ReplaceRoute": tables}
            if tables
            else {"DescribeAddresses": looks, "DescribeNetworkInterfaces": 1, "AssociateAddress": 1}
        )
        return Counter({action: number * self.shape.lost for action, number in each.items()})

    @property
    def dear(self) -> float:
        """How many times the needed calls the takeovers have sent."""
        return self.calls("takers") / self.needed.total()

    def calls(self, who: str) -> int:
        """How many calls the `takers` or the `checks` have sent."""
        return sum(n for (by, _), n in self.sent.items() if by == who)

    def share(self, what: str) -> float:
        """How many of the checks came to that, 0 to 1."""
        return sum(each == what for _, each in self.checks) / max(1, len(self.checks))


class _Budget(Deadline):
    """A run's deadline in simulated time; calls side by side are greenlets. It brings the run's paces along."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.paces: defaultdict[str, Pace] = defaultdict(Pace)

    def aside(self, call: Callable[[], T]) -> Future[T]:
        """Nothing: who had the address is asked by one call that nobody waits for, with buckets of its own."""
        del call
        future: Future[T] = Future()
        future.set_exception(Unavailable("not asked"))
        return future

    def together(self, calls: Sequence[Callable[[], T]], *, at_most: int = SIDE_BY_SIDE) -> list[T | KitError]:
        """The results in the calls' order, when the last has come."""
        results: list[T | KitError | DeadlineExceeded] = ask(_Together(self, list(calls), at_most))
        found: list[T | KitError] = []
        for result in results:
            if isinstance(result, DeadlineExceeded):
                raise result
            found.append(result)
        return found


@dataclass(frozen=True)
class _Together:
    budget: _Budget
    calls: list[Callable[[], Any]]
    at_most: int


class _WhoeverAsks(Deadline):
    """The deadline of the run that asks: one client serves them all, for making one takes long."""

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def spent(self) -> float:
        return _own().spent

    @property
    def left(self) -> float:
        return _own().left

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        with _own().waiting(what) if getcurrent().parent else nullcontext():  # nobody asks yet while it is made
            yield

    def check(self) -> None:
        _own().check()

    def sleep(self, seconds: float, before: str) -> None:
        _own().sleep(seconds, before)


class _WhoeversPaces(defaultdict[str, Pace]):
    """The paces of the run that asks."""

    def __missing__(self, action: str) -> Pace:
        return _own().paces[action]


def _own() -> _Budget:
    return _own_of(getcurrent())


class Fleet:
    """Runs a Shape; what came of it is in `figures`."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self._chance = random.Random(seed)  # noqa: S311  no secret
        self.figures = Figures(shape)
        self.clock = Clock()
        self.buckets = Buckets(clock=self.clock.monotonic, fees=shape.fees)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._vpcs = [_vpc(number, shape.tables) for number in range(shape.nodes)]
        self._watcher, self._taker = _client(patient=shape.patient_checks), _client(patient=True)
        self._began = self.clock.now

    def run(self) -> Figures:
        """The whole, to the end of the shape's time or of the last takeover, whichever is later."""
        patch = pytest.MonkeyPatch()
        self.clock.rule(patch)
        try:
            self._plan()
            while self._events:
                at, _, event = heapq.heappop(self._events)
                self.clock.now = max(self.clock.now, at)
                event()
        finally:
            patch.undo()
        return self.figures

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), event))

    def _plan(self) -> None:
        """Each node's checks, at a phase of its own; and the outage, which the first nodes do not outlive."""
        for node in range(self.shape.nodes):
            dies = self.shape.outage if node < self.shape.lost else math.inf
            self._check_from(node, 1, self._chance.random() * self.shape.interval, dies)
        for node in range(self.shape.lost):
            self._at(self._began + self.shape.outage, partial(self._take_over, node))

    def _check_from(self, address: int, side: int, first: float, dies: float) -> None:
        """A node's checks, the first at that second, until it dies or all is over."""

        def again() -> None:
            now = self.clock.now - self._began
            if now < dies and (now < self.shape.seconds or len(self.figures.takeovers) < self.shape.lost):
                self._check(address, side)
                self._at(self.clock.now + self.shape.interval, again)

        self._at(self._began + first, again)

    def _check(self, address: int, side: int) -> None:
        began = self.clock.now

        def ended(outcome: object) -> None:
            what = "held" if outcome is None else "lost" if isinstance(outcome, NotHeld) else "unknown"
            self.figures.false_failures += what == "lost"
            self.figures.checks.append((self.clock.now - began, what))

        self._start(lifecycle.check, (address, side), _Budget(CHECK), self._watcher, ended)

    def _take_over(self, address: int) -> None:
        began = self.clock.now

        def ended(outcome: object) -> None:
            held = all(target == f"eni-{address}-2" for target in _targets(self._vpcs[address]))
            assert outcome is not None or held, "says that it holds the address, and does not"
            self.figures.takeovers.append((self.clock.now - began, "held" if outcome is None else str(outcome)))
            if outcome is None:  # from now on the peer checks it
                phase = self._chance.random() * self.shape.interval
                self._check_from(address, 2, self.clock.now - self._began + phase, math.inf)

        self._start(lifecycle.hold, (address, 2), _Budget(HOLD), self._taker, ended)

    def _start(
        self,
        verb: Callable[[Resource, Run, Site], None],
        place: tuple[int, int],
        budget: _Budget,
        ec2: Ec2,
        ended: Callable[[object], None],
    ) -> None:
        address, side = place
        run = Run(self.shape.settings, budget, Journal("simulation", "x", least=Level.ERROR))
        node = Node(
            "us-east-1",
            f"i-{address}-{side}",
            VpcId(f"vpc-{address}"),
            (IPv4Network("10.0.0.0/16"),),
            "eth1",
            EniId(f"eni-{address}-{side}"),
        )
        work = partial(attempt, partial(verb, _resource(address, self.shape.tables), run, Site(node, ec2)), run.log)
        self._go(_made(work, budget), None, ended)

    def _go(self, run: greenlet, told: object, ended: Callable[[object], None]) -> None:
        """Let a run go on; its next event is a call, a pause, runs side by side, or its end."""
        wanted = run.switch(told) if told is not None else run.switch()
        if run.dead:
            ended(wanted)
        elif isinstance(wanted, Call):
            self._at(self.clock.now + ONE_WAY, partial(self._arrive, run, wanted, ended))
        elif isinstance(wanted, _Together):
            self._side_by_side(run, wanted, ended)
        else:
            self._at(wanted, partial(self._go, run, None, ended))

    def _side_by_side(self, run: greenlet, wanted: _Together, ended: Callable[[object], None]) -> None:
        results: list[object] = [None] * len(wanted.calls)
        todo = iter(range(len(wanted.calls)))
        missing = len(wanted.calls)

        def finished(number: int, outcome: object) -> None:
            nonlocal missing
            results[number] = outcome
            missing -= 1
            following = next(todo, None)
            if following is not None:  # not from here: where hundreds fail at once, the stack would not do
                self._at(self.clock.now, partial(begin, following))
            elif not missing:
                self._at(self.clock.now, partial(self._go, run, results, ended))

        def begin(number: int) -> None:
            self._go(_made(partial(_outcome, wanted.calls[number]), wanted.budget), None, partial(finished, number))

        for number in list(itertools.islice(todo, wanted.at_most)):
            begin(number)

    def _arrive(self, run: greenlet, call: Call, ended: Callable[[object], None]) -> None:
        who = "takers" if _own_of(run).seconds == HOLD else "checks"
        self.figures.sent[who, call.action] += 1
        if self.buckets.take(call.action, call.params):
            self.figures.served[who, call.action] += 1
            answer = self._answer(call)
        else:
            answer = wire.error(503, "RequestLimitExceeded")
        self._at(self.clock.now + ONE_WAY, partial(self._go, run, answer, ended))

    def _answer(self, call: Call) -> AWSResponse:
        number = _vpc_of(call)
        if not call.changing:
            return wire.response(200, wire.answer(self._vpcs[number], call))
        self._vpcs[number] = wire.changed(self._vpcs[number], call)
        return wire.response(200, wire.done(call))


def _made(work: Callable[[], object], budget: _Budget) -> greenlet:
    made = greenlet(work)
    made.budget = budget  # type: ignore[attr-defined]
    return made


def _own_of(run: greenlet) -> _Budget:
    mine: _Budget = run.budget  # type: ignore[attr-defined]  # set where the greenlet is made
    return mine


def _outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (KitError, DeadlineExceeded) as error:
        return error


def _client(*, patient: bool) -> Ec2:
    signer = Signer(key=AccessKey("AKIAIOSFODNN7EXAMPLE", "secret"))
    ec2 = Ec2(
        {},
        region="us-east-1",
        signer=signer,
        action="simulation",
        retries=Settings().ec2_max_retry,
        deadline=_WhoeverAsks(),
        patience=(lambda _: None) if patient else None,
    )
    ec2.paces = _WhoeversPaces()
    return hand_over(ec2)


def _resource(number: int, tables: int) -> Resource:
    if not tables:
        return ElasticIpResource(IPv4Address(PUBLIC + number), "eth1")
    return RouteResource(
        IPv4Address(VIP), "eth1", frozenset(TableId(f"rtb-{number}-{table}") for table in range(tables))
    )


def _vpc(number: int, tables: int) -> State:
    """One address's VPC: its first node holds it, its second is the peer."""
    names = tuple(f"rtb-{number}-{table}" for table in range(tables))
    first, second = f"eni-{number}-1", f"eni-{number}-2"
    return State(
        tables=names,
        routes={(name, f"{VIP}/32"): first for name in names},
        checks={first: False, second: False},
        instances={first: f"i-{number}-1", second: f"i-{number}-2"},
        private={first: "10.0.1.11", second: "10.0.3.11"},
        held={}
        if tables
        else {str(IPv4Address(PUBLIC + number)): Held(f"eipalloc-{number}", f"eipassoc-{number}", first)},
        vpc=f"vpc-{number}",
    )


def _targets(state: State) -> list[str | None]:
    return [*state.routes.values(), *(each.eni for each in state.held.values())]


def _vpc_of(call: Call) -> int:
    """Which VPC a call is about; every id names it."""
    found = [call.filter(name) for name in ("vpc-id", "attachment.instance-id", "public-ip")]
    found += [call.params.get(name) for name in ("RouteTableId", "NetworkInterfaceId")]
    identifier = next(each for each in found if each)
    return int(identifier.split("-")[1]) if "-" in identifier else int(IPv4Address(identifier)) - PUBLIC


def simulate(shape: Shape, *, seed: int = 1) -> Figures:
    """Run it; the same seed gives the same figures."""
    random.seed(seed)
    return Fleet(shape, seed).run()
