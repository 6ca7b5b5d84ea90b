"""ClusterLabs' own test of resource agents, ocf-tester, on a node of the lab, and what its last stop leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.ec2.vpc import addresses, route_tables
from lab.net.network import NetLab, net_lab
from lab.protected import judge

FOLDER = "/usr/lib/ocf/resource.d/ec2kit"


@pytest.fixture(scope="module")
def lab(kit: bytes) -> Iterator[NetLab]:
    """A lab without a cluster."""
    with net_lab(kit, tables=2) as made:
        yield made
        judge(made.ec2)


@pytest.mark.parametrize("kind", ["route", "eip"])
def test_ocf_tester_passes(lab: NetLab, kind: str) -> None:
    """All that ocf-tester asks of an agent: meta-data, validate-all, start, monitor and stop, once and twice."""
    options = {"route": ("-o", f"ip={lab.vpc.vip}"), "eip": ("-o", f"elastic_ip={lab.vpc.public_ip}")}[kind]
    node = lab.hosts["node2"]
    done = node.run(
        "ocf-tester", "-n", f"tested-{kind}", "-o", "interface=eth0", *options, f"{FOLDER}/{kind}", timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FOLDER}/{kind} passed all tests" in done.stdout
    eni = lab.vpc.nodes["node2"].interfaces[0].eni
    if kind == "route":
        held = {routes.get(f"{lab.vpc.vip}/32") for routes in route_tables(lab.ec2.truth(), lab.vpc.vpc).values()}
        assert held == {(eni, "active"), None}, "stop leaves a route as it is, and start had moved it here"
    else:
        assert addresses(lab.ec2.truth())[lab.vpc.public_ip] == (None, None), "stop lets go of an Elastic IP"
    changes = {call.action for call in lab.ec2.calls if not call.action.startswith("Describe")}
    assert {"route": "ReplaceRoute", "eip": "DisassociateAddress"}[kind] in changes
