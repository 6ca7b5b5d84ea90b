"""The whole fleet, with and without each measure; run by `make test-load`, which prints the table of docs/load.md."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import pytest

from ec2kit.core import backoff
from ec2kit.core.kinds import elastic_ip
from ec2kit.ec2 import client
from tests.load.fleet import CHECK, Figures, Shape, simulate

FLEET = Shape()  # 10,000 nodes, a check each in 120 s, a storm of 500
STORM = Shape(nodes=2_500, lost=150, outage=5, seconds=30)  # a smaller one, to compare by


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
    """A throttled call is given up after EC2_MAX_RETRY tries more."""
    whole = backoff.throttled_call

    def pause(sent: int, left: float, chance: float) -> float | None:
        return whole(sent, left, chance) if sent <= 3 else None

    patch.setattr(backoff, "throttled_call", pause)


def long_pauses(patch: pytest.MonkeyPatch) -> None:
    """Ceilings of 1, 2, 4, ... 20 seconds, as the SDKs have them."""
    patch.setattr(backoff, "CALL_FIRST", 1.0)
    patch.setattr(backoff, "CALL_MOST", 20.0)


def botocores_own(patch: pytest.MonkeyPatch) -> None:
    """botocore's standard retries decide about throttled calls, too, also in checks."""
    patch.setattr(client, "throttled", lambda _: False)


def whole_looks(patch: pytest.MonkeyPatch) -> None:
    """A check of an Elastic IP asks for the ENI, too, and for the address again."""
    patch.setattr(elastic_ip, "stands_here", lambda *_: None)


WHOLE = (
    Case("the kit", FLEET),
    Case("the kit, a check in 600 s", replace(FLEET, interval=600)),
    Case("the kit, Elastic IPs", replace(FLEET, tables=0)),
    Case("the kit, 150 with two tables each", replace(FLEET, lost=150, tables=2, outage=10, seconds=10)),
)
ROUTES, EIPS = "the kit, a storm of 150", "the kit, 150 Elastic IPs"
CASES = (
    *WHOLE,
    Case(ROUTES, STORM),
    Case("without jitter", STORM, no_jitter, ROUTES),
    Case("four tries a call, four rounds", STORM, few_tries, ROUTES),
    Case("pauses of up to 20 s", STORM, long_pauses, ROUTES),
    Case("checks that wait throttling out, too", replace(STORM, patient_checks=True), beside=ROUTES),
    Case("botocore's own retries instead", STORM, botocores_own, ROUTES),
    Case(EIPS, replace(STORM, tables=0)),
    Case("whole looks in each check", replace(STORM, tables=0), whole_looks, EIPS),
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
        "| fleet | takeovers | last | allowed | calls of takeovers / checks | checks held / unknown | longest |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        sent = {who: sum(n for (by, _), n in each.sent.items() if by == who) for who in ("takers", "checks")}
        rows.append(
            f"| {name} | {len(each.done)} of {each.shape.lost} | {max(each.done, default=0):.0f} s "
            f"| {each.allowed:.0f} s | {sent['takers']} / {sent['checks']} "
            f"| {each.share('held'):.0%} / {each.share('unknown'):.0%} "
            f"| {max(seconds for seconds, _ in each.checks):.1f} s |"
        )
    return "\n".join(rows)


@pytest.mark.parametrize("name", [case.name for case in WHOLE])
def test_the_kit_keeps_its_promises(all_figures: dict[str, Figures], name: str) -> None:
    """No false failure, checks inside their budget, the storm through in the buckets' time and a fifth."""
    figures = all_figures[name]
    assert figures.false_failures == 0
    assert max(seconds for seconds, _ in figures.checks) < CHECK
    assert len(figures.done) == figures.shape.lost
    assert figures.done[-1] <= figures.allowed * 1.2


def test_checks_that_are_rare_enough_are_all_served(all_figures: dict[str, Figures]) -> None:
    """10,000 checks in 600 s are fewer than the buckets refill; only those beside the storm may be unknown."""
    figures = all_figures["the kit, a check in 600 s"]
    assert figures.share("held") > 0.5
    assert all_figures["the kit"].share("held") < 0.5


@pytest.mark.parametrize("case", [case for case in CASES if case.beside], ids=lambda case: case.name)
def test_each_measure_earns_its_place(all_figures: dict[str, Figures], case: Case) -> None:
    """Without it takeovers fail, or come later, or cost more calls."""
    kit, without = all_figures[case.beside], all_figures[case.name]
    late = len(without.done) < kit.shape.lost or without.done[-1] > kit.done[-1] * 1.2
    dear = sum(without.sent.values()) > 1.5 * sum(kit.sent.values())
    assert late or dear, table({case.beside: kit, case.name: without})
