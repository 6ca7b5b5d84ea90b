"""A small fleet, and a node with 500 tables, in simulated time: nobody fails falsely, the storm gets through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.load.fleet import CHECK, Figures, Shape, simulate

SMALL = Shape(nodes=2_500, interval=30, lost=200, outage=5, seconds=5)  # as many calls a second as 10,000 at 120 s


@pytest.fixture(scope="module")
def small() -> Figures:
    """What the small fleet came to."""
    return simulate(SMALL)


def test_no_check_fails_falsely_and_none_is_long(small: Figures) -> None:
    """Most are unknown, because the account's calls are used up; none says lost, and each ends at once."""
    assert small.false_failures == 0
    assert small.share("unknown") > 0.5
    assert small.share("held") > 0
    assert max(seconds for seconds, _ in small.checks) < 2 < CHECK


def test_a_check_sends_no_call_twice(small: Figures) -> None:
    """It leaves the account's calls to the takeovers."""
    for action in ("DescribeRouteTables", "DescribeNetworkInterfaces"):
        assert small.sent["checks", action] == len(small.checks)


def test_every_takeover_of_the_storm_succeeds_in_the_time_that_the_account_allows(small: Figures) -> None:
    """200 changes through a bucket of 50 that refills with 5 a second: 30 s and a fifth more, beside all checks."""
    assert len(small.done) == SMALL.lost
    assert small.allowed == 30
    assert small.done[-1] <= small.allowed * 1.2
    assert small.served["takers", "ReplaceRoute"] == SMALL.lost, "each entry is moved once"


def test_500_tables_of_one_node() -> None:
    """The bucket's own time is 90 s, and a fifth more is allowed; nothing is given up, nothing moved twice."""
    figures = simulate(Shape(nodes=1, lost=1, tables=500, outage=0, seconds=0))
    assert figures.allowed == 90
    assert len(figures.done) == 1, figures.takeovers
    assert figures.done[0] <= figures.allowed * 1.2
    assert figures.served["takers", "ReplaceRoute"] == 500, "all are moved, each once"


def test_elastic_ips_too() -> None:
    """A storm of AssociateAddress, beside as many checks: of one that is healthy only the address is asked."""
    figures = simulate(replace(SMALL, tables=0))
    assert len(figures.done) == SMALL.lost
    assert figures.done[-1] <= figures.allowed * 1.2
    assert figures.false_failures == 0
    assert figures.sent["checks", "DescribeAddresses"] == len(figures.checks)
    assert not figures.sent["checks", "DescribeNetworkInterfaces"]
