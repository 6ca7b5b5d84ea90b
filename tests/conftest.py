"""Fixtures: the lab's two figures, with one protected resource."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.nodes import address_lab, route_lab
from tests.cluster import Protected, judge, protect


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[Protected]:
    """Figure 1 with its virtual IP protected, on node1."""
    with route_lab(tmp_path) as lab:
        yield protect(lab)
        judge(lab.ec2)


@pytest.fixture
def eip(tmp_path: Path) -> Iterator[Protected]:
    """Figure 2 with its Elastic IP protected, on node1."""
    with address_lab(tmp_path) as lab:
        yield protect(lab)
        judge(lab.ec2)


@pytest.fixture(params=["routes", "eip"])
def either(request: pytest.FixtureRequest) -> Protected:
    """Both scenarios, one after the other."""
    made: Protected = request.getfixturevalue(request.param)
    return made
