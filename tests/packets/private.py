"""Real Pacemaker with a private address of one subnet, and the Elastic IP on it: who answers, and what EC2 was asked.

Judged as the stories of the route are. The private address is IPaddr2's on the interface; EC2 says whose it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.ec2.vpc import snapshot
from lab.net.network import NODES, net_lab
from lab.protected import judge
from tests.packets.pacemaker import INTERVAL, PacemakerPair, configured

CONFIGURATION = """
primitive vip ocf:heartbeat:IPaddr2 params ip={vip} cidr_netmask=32 nic=eth0 \
  op monitor interval=5s timeout=20s
primitive vip-private ocf:ec2kit:private params ip={vip} peers="{peers}" interface=eth0 \
  op start timeout=60s op stop timeout=30s op monitor interval={interval}s timeout=20s
primitive eip ocf:ec2kit:eip params elastic_ip={eip} private_ip_address={vip} interface=eth0 \
  op start timeout=60s op stop timeout=30s op monitor interval={interval}s timeout=20s
group service vip vip-private eip
rsc_defaults resource-stickiness=100
"""


@pytest.fixture(scope="module")
def pair(kit: bytes) -> Iterator[PacemakerPair]:
    """A cluster that runs in one subnet: the address, its place in EC2 and the Elastic IP on it, all on one node."""
    with net_lab(kit, private=True) as lab:
        peers = ",".join(lab.vpc.nodes[name].interfaces[0].eni for name in NODES)
        text = CONFIGURATION.format(vip=lab.vpc.address, eip=lab.vpc.public_ip, peers=peers, interval=INTERVAL)
        yield configured(lab, text, "vip", "vip-private", "eip")
        judge(lab.ec2)


def changes(pair: PacemakerPair) -> list[str]:
    """What EC2 was asked to change, in that order."""
    return [call.action for call in pair.lab.ec2.calls if not call.action.startswith("Describe")]


def with_it_on(pair: PacemakerPair, before: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """All that is in EC2, as it is when nothing but the two addresses has moved from one node to the other."""
    address, there, here = pair.lab.vpc.address, pair.service.eni(old), pair.service.eni(new)
    private = {**before["private"], there: [each for each in before["private"][there] if each != address]}
    return {
        **before,
        "private": {**private, here: [*private[here], address]},
        "addresses": {**before["addresses"], pair.lab.vpc.public_ip: (here, address)},
    }


def test_the_active_node_killed(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Its power fails: one call gives the other node both addresses, and both clients are answered there."""
    active, standby = nodes
    before = snapshot(pair.lab.ec2.truth())
    pair.lab.ec2.forget()
    with pair.service.asked():
        time.sleep(1)
        pair.lab.kill(active)
        pair.cluster.wait(pair.runs_on(standby), 60, on=standby)
        time.sleep(1)
    pair.service.moved(active, standby, 30)
    pair.check(standby)
    assert changes(pair) == ["AssignPrivateIpAddresses"]
    assert snapshot(pair.lab.ec2.truth()) == with_it_on(pair, before, active, standby)


def test_a_planned_move(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Standby of the active node: it lets go of both addresses, the other takes them, and EC2 is else as before."""
    active, standby = nodes
    before = snapshot(pair.lab.ec2.truth())
    pair.lab.ec2.forget()
    with pair.service.asked():
        time.sleep(1)
        pair.cluster.standby(active, on=True)
        pair.cluster.wait(pair.runs_on(standby), 60)
        time.sleep(1)
    pair.service.moved(active, standby, 15)
    pair.check(standby)
    assert not pair.cluster.status().failed
    let_go = ["DisassociateAddress", "UnassignPrivateIpAddresses"]
    assert changes(pair) == [*let_go, "AssignPrivateIpAddresses", "AssociateAddress"]
    assert snapshot(pair.lab.ec2.truth()) == with_it_on(pair, before, active, standby)
