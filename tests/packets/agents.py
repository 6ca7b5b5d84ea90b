"""ClusterLabs' own test of resource agents, ocf-tester, on a node of the lab, and what its last stop leaves."""

from __future__ import annotations

from lab.ec2.vpc import private_addresses
from lab.net.network import NODES, net_lab
from lab.protected import judge

AGENT = "/usr/lib/ocf/resource.d/ec2kit/private"


def test_ocf_tester_passes(kit: bytes) -> None:
    """All that ocf-tester asks of an agent: meta-data, validate-all, start, monitor and stop, once and twice.

    The agents of all kinds are tried with it by tests/pacemaker/test_actions.py; here it is root's, on real packets.
    """
    with net_lab(kit, private=True) as lab:
        peers = ",".join(lab.vpc.nodes[name].interfaces[0].eni for name in NODES)
        options = ("interface=eth0", f"ip={lab.vpc.address}", f"peers={peers}")
        words = [word for option in options for word in ("-o", option)]
        done = lab.hosts["node2"].run("ocf-tester", "-n", "tested", *words, AGENT, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{AGENT} passed all tests" in done.stdout
        assert lab.vpc.address not in private_addresses(lab.ec2.truth(), lab.vpc.vpc), "stop lets go of it"
        changes = {call.action for call in lab.ec2.calls if not call.action.startswith("Describe")}
        assert {"AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"} <= changes
        judge(lab.ec2)
