"""What is run to see the outside of the kit: one program, from one start state, with one thing wrong or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.ec2.vpc import AddressLab, PrivateLab, RouteLab
from lab.protected import Protected, eni_of
from tests.faults.rows import Row, Scenario, active
from tests.faults.stage import PATIENCE, Bench, Done

Start = Callable[[Protected], None]
Wrong = Callable[[Bench], object]


@dataclass(frozen=True)
class Case:
    """One run of a program of the kit, on a node.

    program: an action of LifeKeeper's, "ocf", or "ec2kit ". broken: the networks of the metadata
    cannot be read, by an error that no code of the kit expects; then the program is executed, else forked.
    """

    words: tuple[str, ...] = ()
    start: Start = active
    node: str = "node1"
    wrong: Wrong = lambda _on: None
    program: str = "ec2kit "
    broken: bool = False
    stdin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def run(case: Case, on: Bench, *, reset: bool = True) -> Done:
    """Run it. reset: from its start state; else from the state in which the run before it has left all things."""
    row = Row("", scenario_of(on), case.program, case.node, case.start, case.words, case.stdin)
    if reset:
        on.reset(row)
    on.mend()
    case.wrong(on)
    environment = dict(case.environment)
    if case.broken:
        environment["PYTHONPATH"] = str(_with_a_bug(on.folder))
    done = on.run(row, budget=PATIENCE, limit=PATIENCE, executed=case.broken, environment=environment)
    on.mend()
    assert done.code is not None, case
    return done


def codes(cases: Mapping[str, Case], on: Bench) -> str:
    """The exit code of each case, a line each."""
    return "".join(f"{name}: {run(case, on).code}\n" for name, case in cases.items())


def scenario_of(on: Bench) -> Scenario:
    """Which resource the bench has."""
    vpc = on.lab.vpc
    return "route" if isinstance(vpc, RouteLab) else "private" if isinstance(vpc, PrivateLab) else "eip"


_BUG = """import ipaddress

def broken(*_):
    raise RuntimeError("broken")

ipaddress.IPv4Network.__init__ = broken
"""


def _with_a_bug(folder: Path) -> Path:
    place = folder / "broken"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_BUG)
    return place


# ---- what goes wrong


def denied(action: str | None = None) -> Wrong:
    """EC2 denies that operation, or all of them."""
    return lambda on: on.lab.ec2.refuse("denied", action)


def refused(on: Bench) -> None:
    """EC2 denies the change that gives a node the address."""
    denied(
        {"route": "ReplaceRoute", "eip": "AssociateAddress", "private": "AssignPrivateIpAddresses"}[scenario_of(on)]
    )(on)


def kept(on: Bench) -> None:
    """EC2 denies the change that takes the address off a node."""
    denied("UnassignPrivateIpAddresses" if scenario_of(on) == "private" else "DisassociateAddress")(on)


def failing(program: str) -> Wrong:
    """That program of LifeKeeper's ends with 9, on each node: the other system is not reached."""

    def wrong(on: Bench) -> None:
        on.taps.wrong = lambda called: "exit9" if called.program == program else None

    return wrong


# ---- start states, beside those of the fault matrix. Tables are told apart by the order of their ids, in which the
# ---- kit names them: so a golden file is the same, whatever ids there are


def tables(made: Protected) -> tuple[str, str]:
    """The ids of the two tables with an entry for the virtual IP, in their order."""
    first, second = sorted((made.lab.vpc.tables["A"], made.lab.vpc.tables["B"]))
    return first, second


def _entry(made: Protected, table: str, node: str | None) -> None:
    """Let a table's entry point at a node, or take it away."""
    assert isinstance(made.lab.vpc, RouteLab)
    truth, destination = made.lab.ec2.truth(), f"{made.lab.vpc.vip}/32"
    if node is None:
        truth.delete_route(RouteTableId=table, DestinationCidrBlock=destination)
    else:
        eni = eni_of(made.lab, node)
        truth.replace_route(RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=eni)


def advertised(made: Protected) -> None:
    """A route server advertises the address in the public table, to node2."""
    assert isinstance(made.lab.vpc, RouteLab)
    public = made.lab.vpc.tables["public"]
    made.lab.ec2.advertise(public, f"{made.lab.vpc.vip}/32", eni_of(made.lab, "node2"))


def gone(made: Protected) -> None:
    """No table has an entry."""
    for table in tables(made):
        _entry(made, table, None)


def half(made: Protected) -> None:
    """The second table's entry points at node2, the first one's at node1 still."""
    _entry(made, tables(made)[1], "node2")


def bare(made: Protected) -> None:
    """The first table has lost its entry, the second one's points at node1, and node2's source/dest check is on."""
    _entry(made, tables(made)[0], None)
    made.lab.ec2.truth().modify_network_interface_attribute(
        NetworkInterfaceId=eni_of(made.lab, "node2"), SourceDestCheck={"Value": True}
    )


def half_bare(made: Protected) -> None:
    """As bare, but the second table's entry points at node2: what is missing there can be made in one order only."""
    bare(made)
    half(made)


def occupied(made: Protected) -> None:
    """node2's interface has no link, and another Elastic IP."""
    vpc = made.lab.vpc
    assert isinstance(vpc, AddressLab)
    made.lab.ec2.truth().associate_address(
        AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(made.lab, "node2")
    )
    (made.lab.node2.sysfs / "class/net/eth1/carrier").write_text("0\n")
