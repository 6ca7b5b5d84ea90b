"""ClusterLabs' own test of resource agents, ocf-tester, on a node of the lab, and what its last stop leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.ec2.vpc import addresses, private_addresses, route_tables
from lab.net.network import NODES, NetLab, net_lab
from lab.protected import judge

FOLDER = "/usr/lib/ocf/resource.d/ec2kit"
CHANGES = {
    "route": {"ReplaceRoute"},
    "eip": {"AssociateAddress", "DisassociateAddress"},
    "private": {"AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"},
}


@pytest.fixture(scope="module")
def lab(kit: bytes) -> Iterator[NetLab]:
    """A lab without a cluster, with both nodes in one subnet."""
    with net_lab(kit, tables=2, private=True) as made:
        yield made
        judge(made.ec2)


@pytest.mark.parametrize("kind", ["route", "eip", "private"])
def test_ocf_tester_passes(lab: NetLab, kind: str) -> None:
    """All that ocf-tester asks of an agent: meta-data, validate-all, start, monitor and stop, once and twice."""
    node, eni = lab.hosts["node2"], lab.vpc.nodes["node2"].interfaces[0].eni
    peers = ",".join(lab.vpc.nodes[name].interfaces[0].eni for name in NODES)
    options = {
        "route": ("-o", f"ip={lab.vpc.vip}"),
        "eip": ("-o", f"elastic_ip={lab.vpc.public_ip}"),
        "private": ("-o", f"ip={lab.vpc.address}", "-o", f"peers={peers}"),
    }[kind]
    lab.ec2.forget()
    done = node.run(
        "ocf-tester", "-n", f"tested-{kind}", "-o", "interface=eth0", *options, f"{FOLDER}/{kind}", timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FOLDER}/{kind} passed all tests" in done.stdout
    if kind == "route":
        held = {routes.get(f"{lab.vpc.vip}/32") for routes in route_tables(lab.ec2.truth(), lab.vpc.vpc).values()}
        assert held == {(eni, "active"), None}, "stop leaves a route as it is, and start had moved it here"
    elif kind == "eip":
        assert addresses(lab.ec2.truth())[lab.vpc.public_ip] == (None, None), "stop lets go of an Elastic IP"
    else:
        held_by = private_addresses(lab.ec2.truth(), lab.vpc.vpc)
        assert lab.vpc.address not in held_by, "stop lets go of a private address"
    changes = {call.action for call in lab.ec2.calls if not call.action.startswith("Describe")}
    assert CHANGES[kind] <= changes
