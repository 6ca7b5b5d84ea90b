"""Fixtures of the tests on real packets. They need root: `make test-cluster`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from lab.net.network import NODES, net_lab, staged
from lab.protected import judge
from tests.packets.pacemaker import CONFIGURATION, INTERVAL, TABLES, PacemakerPair, configured


@pytest.fixture(scope="session")
def kit() -> bytes:
    """The kit as it is installed on the nodes."""
    return staged()


@pytest.fixture(scope="module")
def pair(kit: bytes) -> Iterator[PacemakerPair]:
    """A cluster that runs: the address, its routes and an Elastic IP, all on one node."""
    with net_lab(kit, tables=TABLES) as lab:
        tables = ",".join(table for name, table in lab.vpc.tables.items() if name != "main")
        text = CONFIGURATION.format(vip=lab.vpc.vip, eip=lab.vpc.public_ip, tables=tables, interval=INTERVAL)
        yield configured(lab, text, "vip", "vip-route", "eip")
        judge(lab.ec2)


@pytest.fixture
def nodes(pair: PacemakerPair, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The active node and the standby, when all is calm; shows Pacemaker's log of a story that failed."""
    failures = request.session.testsfailed
    yield pair.calm()
    if request.session.testsfailed > failures:
        for name in NODES:
            if name in pair.lab.hosts:
                log = "\n".join(pair.cluster.log(name).splitlines()[-150:])
                sys.stdout.write(f"---- {name}\n{log}\n")
