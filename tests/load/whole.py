"""The whole fleet, with and without each measure; run by `make test-load`, which prints the table of docs/load.md."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import pytest

from ec2kit.core import backoff, pace
from ec2kit.core.kinds import elastic_ip
from ec2kit.core.pace import Pace
from ec2kit.ec2 import client
from ec2kit.ec2.client import Ec2
from tests.load.fleet import CHECK, Figures, Shape, simulate

FLEET = Shape()  # 10,000 nodes, a check each in 120 s, a storm of 500
ALONE = Shape(nodes=500, lost=500, outage=0, seconds=0)  # a storm that nobody else's calls disturb
TABLES = Shape(nodes=1, lost=1, tables=500, outage=0, seconds=0)
CHANGES = ("ReplaceRoute", "AssociateAddress")
STORM = Shape(nodes=2_500, lost=150, outage=5, seconds=30)  # a smaller fleet, to compare by


@dataclass(frozen=True)
class Case:
    """One run: its name in the table, the fleet, what is switched off in the kit, and the case to compare it with."""

    name: str
    shape: Shape
    without: Callable[[pytest.MonkeyPatch], None] = lambda _: None
    beside: str = ""


def no_jitter(patch: pytest.MonkeyPatch) -> None:
    """Each pause has its whole length."""
    patch.setattr(random, "random", lambda: 1.0)


def few_tries(patch: pytest.MonkeyPatch) -> None:
    """A call is given up when it has been throttled four times in a row."""
    whole = Ec2._refused

    def refused(self: Ec2, called: str, number: int) -> bool:
        return whole(self, called, number) and self.paces[called].rate >= pace.FIRST / 4

    patch.setattr(Ec2, "_refused", refused)


def short_pauses(patch: pytest.MonkeyPatch) -> None:
    """A refused call is sent again within half a second, however often it is refused."""
    patch.setattr(pace, "FIRST", 2.0)
    patch.setattr(pace, "LOST", 1.0)


def no_hurry(patch: pytest.MonkeyPatch) -> None:
    """Pauses double up to the end of the time."""
    patch.setattr(pace, "SHARE", 0)


def no_rise(patch: pytest.MonkeyPatch) -> None:
    """What is served does not raise the rate."""
    patch.setattr(Pace, "served", lambda *_: None)


def old_facts(patch: pytest.MonkeyPatch) -> None:
    """A change is sent again without a look, however long it has waited."""
    patch.setattr(backoff, "FRESH", 1_000.0)


def botocores_own(patch: pytest.MonkeyPatch) -> None:
    """botocore's standard retries decide about throttled calls, too, also in checks."""
    patch.setattr(client, "throttled", lambda _: False)


def whole_looks(patch: pytest.MonkeyPatch) -> None:
    """A check of an Elastic IP asks for the ENI, too, and for the address again."""
    patch.setattr(elastic_ip, "settled", lambda *_: False)


WHOLE = (
    Case("10,000 nodes", FLEET),
    Case("a check in 600 s", replace(FLEET, interval=600)),
    Case("Elastic IPs", replace(FLEET, tables=0)),
    Case("2,500 nodes, 150 with two tables each", replace(STORM, tables=2)),
)
BARE = (
    Case("500 nodes alone", ALONE),
    Case("the same, refusals take tokens", replace(ALONE, fees=True)),
    Case("500 nodes alone, Elastic IPs", replace(ALONE, tables=0)),
    Case("the same, refusals take tokens, too", replace(ALONE, tables=0, fees=True)),
)
SINGLE = (
    Case("one node with 300 tables", replace(TABLES, tables=300)),
    Case("one node with 300 tables, refusals take tokens", replace(TABLES, tables=300, fees=True)),
    Case("one node with 500 tables", TABLES),
    Case("one node with 500 tables, refusals take tokens", replace(TABLES, fees=True)),
)
ROUTES, EIPS, FEW, HUNDRED = (
    "2,500 nodes, a storm of 150",
    "150 Elastic IPs",
    "80 nodes alone, refusals take tokens",
    "one node, 100 tables",
)
CASES = (
    *WHOLE,
    Case("no hurry towards the end", replace(FLEET, tables=0), no_hurry, "Elastic IPs"),
    *BARE,
    *SINGLE,
    Case("500 nodes alone that send on old facts", ALONE, old_facts),
    Case(ROUTES, STORM),
    Case("without jitter", STORM, no_jitter, ROUTES),
    Case("given up after four tries, four rounds", STORM, few_tries, ROUTES),
    Case("checks that wait throttling out, too", replace(STORM, patient_checks=True), beside=ROUTES),
    Case("botocore's own retries instead", STORM, botocores_own, ROUTES),
    Case(EIPS, replace(STORM, tables=0)),
    Case("whole looks in each check", replace(STORM, tables=0), whole_looks, EIPS),
    Case(FEW, replace(ALONE, nodes=80, lost=80, fees=True)),
    Case("pauses of up to half a second", replace(ALONE, nodes=80, lost=80, fees=True), short_pauses, FEW),
    Case(HUNDRED, replace(TABLES, tables=100)),
    Case("a rate that does not rise", replace(TABLES, tables=100), no_rise, HUNDRED),
)


def run(name: str) -> Figures:
    """Run one case, in a process of its own."""
    case = next(each for each in CASES if each.name == name)
    with pytest.MonkeyPatch.context() as patch:
        case.without(patch)
        return simulate(case.shape)


@pytest.fixture(scope="module")
def all_figures() -> Iterator[dict[str, Figures]]:
    """What each case came to; at the end the table is printed."""
    names = [case.name for case in CASES]
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        found = dict(zip(names, pool.map(run, names), strict=True))
    yield found
    print("\n" + table(found))  # noqa: T201  it is for people


def table(found: dict[str, Figures]) -> str:
    """The figures as a table of Markdown."""
    rows = [
        "| fleet | takeovers | half | last | allowed | calls of takeovers | of the needed | checks held / unknown |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        half = each.done[len(each.done) // 2] if each.done else 0
        checks = (
            f"{each.share('held'):.0%} / {each.share('unknown'):.0%}" if each.shape.nodes > each.shape.lost else ""
        )
        rows.append(
            f"| {name} | {len(each.done)} of {each.shape.lost} | {half:.0f} s | {max(each.done, default=0):.0f} s "
            f"| {each.allowed:.0f} s | {each.calls('takers')} | {each.dear:.1f} x | {checks} |"
        )
    return "\n".join(rows)


@pytest.mark.parametrize("name", [case.name for case in WHOLE])
def test_beside_all_checks(all_figures: dict[str, Figures], name: str) -> None:
    """No false failure, checks inside their budget, all takeovers in theirs, each entry moved once."""
    figures = all_figures[name]
    assert figures.false_failures == 0
    assert max(seconds for seconds, _ in figures.checks) < CHECK
    assert len(figures.done) == figures.shape.lost
    moved = sum(n for (who, action), n in figures.served.items() if who == "takers" and action in CHANGES)
    assert moved == figures.shape.lost * max(1, figures.shape.tables)


def test_beside_checks_that_are_rare_enough(all_figures: dict[str, Figures]) -> None:
    """Where checks leave some reads, the storm is through in the buckets' time and a half."""
    figures = all_figures["a check in 600 s"]
    assert figures.done[-1] <= figures.allowed * 1.5


@pytest.mark.parametrize("case", BARE, ids=lambda case: case.name)
def test_a_storm_alone(all_figures: dict[str, Figures], case: Case) -> None:
    """In the buckets' time and a quarter, and never a collapse."""
    figures = all_figures[case.name]
    assert len(figures.done) == figures.shape.lost
    assert figures.done[-1] <= figures.allowed * (2.5 if case.shape.fees else 1.25)
    assert figures.dear <= (7 if case.shape.fees else 6)


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: case.name)
def test_one_node_with_many_tables(all_figures: dict[str, Figures], case: Case) -> None:
    """At most 1.3 times the needed calls in 1.1 times the least time."""
    figures = all_figures[case.name]
    assert len(figures.done) == 1
    assert figures.done[0] <= figures.allowed * 1.1
    assert figures.dear <= 1.3


def test_checks_that_are_rare_enough_are_all_served(all_figures: dict[str, Figures]) -> None:
    """10,000 checks in 600 s are fewer than the buckets refill; only those beside the storm may be unknown."""
    figures = all_figures["a check in 600 s"]
    assert figures.share("held") > 0.5
    assert all_figures["10,000 nodes"].share("held") < 0.5


@pytest.mark.parametrize("case", [case for case in CASES if case.beside], ids=lambda case: case.name)
def test_each_measure_earns_its_place(all_figures: dict[str, Figures], case: Case) -> None:
    """Without it takeovers fail, or come later, or they or each check cost more calls."""
    kit, without = all_figures[case.beside], all_figures[case.name]
    late = len(without.done) < kit.shape.lost or without.done[-1] > kit.done[-1] * 1.2
    dear = without.calls("takers") > 1.5 * kit.calls("takers")
    dear_checks = without.calls("checks") * len(kit.checks) > 1.5 * kit.calls("checks") * len(without.checks)
    assert late or dear or dear_checks, table({case.beside: kit, case.name: without})
