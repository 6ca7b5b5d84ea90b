"""One node with many tables, a storm and a small fleet, in simulated time: nobody fails falsely, all get through."""

from __future__ import annotations

import pytest

from tests.load.fleet import CHECK, HOLD, Figures, Shape, simulate

SMALL = Shape(nodes=2_500, interval=150, lost=100, outage=5, seconds=5)  # as many calls a second as 10,000 at 600 s
STORM = 500  # nodes that take over at one moment


@pytest.fixture(scope="module")
def small() -> Figures:
    """What the small fleet came to."""
    return simulate(SMALL)


def test_no_check_fails_falsely_and_none_is_long(small: Figures) -> None:
    """Beside the storm many are unknown; none says lost, and each ends at once."""
    assert small.false_failures == 0
    assert small.share("unknown") > 0.1
    assert small.share("held") > 0.1
    assert max(seconds for seconds, _ in small.checks) < 2 < CHECK


def test_a_check_sends_no_call_twice(small: Figures) -> None:
    """It leaves the account's calls to the takeovers."""
    for action in ("DescribeRouteTables", "DescribeNetworkInterfaces"):
        assert small.sent["checks", action] == len(small.checks)


def test_takeovers_succeed_beside_checks(small: Figures) -> None:
    """The buckets' own time is 10 s; the checks take most of the reads."""
    assert len(small.done) == SMALL.lost
    assert small.served["takers", "ReplaceRoute"] == SMALL.lost, "each entry is moved once"
    assert small.done[-1] <= 6 * small.allowed


@pytest.mark.parametrize(("tables", "fees"), [(300, True), (500, False)])
def test_one_node_with_many_tables(tables: int, *, fees: bool) -> None:
    """1.3 times the calls that are needed, in 1.1 times the least possible time; nothing is moved twice."""
    figures = simulate(Shape(nodes=1, lost=1, tables=tables, outage=0, seconds=0, fees=fees))
    assert figures.allowed == (tables - 50) / 5
    assert len(figures.done) == 1, figures.takeovers
    assert figures.done[0] <= figures.allowed * 1.1
    assert figures.needed.total() == tables + 4
    assert figures.dear <= 1.3
    assert figures.served["takers", "ReplaceRoute"] == tables, "all are moved, each once"


@pytest.mark.parametrize(("tables", "fees"), [(1, False), (0, True)], ids=["routes", "Elastic IPs"])
def test_a_storm(tables: int, *, fees: bool) -> None:
    """500 nodes, one change each: the last in the buckets' time and a quarter; never a collapse (docs/load.md)."""
    figures = simulate(Shape(nodes=STORM, lost=STORM, tables=tables, outage=0, seconds=0, fees=fees))
    assert figures.allowed == 90
    assert len(figures.done) == STORM
    assert figures.done[-1] <= figures.allowed * (2.5 if fees else 1.25) < HOLD
    assert figures.dear <= (7 if fees else 6)
    change = "ReplaceRoute" if tables else "AssociateAddress"
    assert figures.served["takers", change] == STORM, "each is moved once"
    assert figures.sent["takers", change] <= 5 * STORM
