"""Fencing by the lines of docs/pacemaker.md: who is shot, who takes over, what an outage of EC2's API does to it.

The lab's fence agent has EC2 stop an instance, as fence_aws does, and the lab takes that node's power: what keeps
the kit from EC2 keeps it from shooting, too. Only times are shorter than on the page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.net import fence
from lab.net.hosts import until
from lab.net.network import NODES, net_lab
from lab.net.pacemaker import Cluster
from lab.protected import judge
from tests.packets.pacemaker import PacemakerPair
from tests.packets.pages import Page, blocks
from tests.packets.service import Service

OUTAGE = "Moving or shutting down while EC2's API is away"
SHORTER = {"op stop timeout=60s": "op stop timeout=6s", "delay=15s": "delay=4s", "delay_max=5": "delay_max=1"}


@pytest.fixture(scope="module")
def pair(kit: bytes) -> Iterator[PacemakerPair]:
    """A cluster with fencing: the address, its routes and an Elastic IP in one group."""
    with net_lab(kit, tables=3) as lab:
        lab.power_by_ec2()
        made = PacemakerPair(lab, Cluster(lab), Service(lab), frozenset({"vip-ip", "vip-route", "public"}))
        for name in NODES:
            boot(made, name)
        for block in blocks("Set up", "crm") + blocks("Fencing", "crm"):
            for long, short in SHORTER.items():
                block = block.replace(long, short)  # noqa: PLW2901
            paste(made, block)
        yield made
        judge(lab.ec2)


@pytest.fixture
def nodes(pair: PacemakerPair) -> tuple[str, str]:
    """The active node and the standby."""
    until(pair.whole, lambda: (pair.service.truth(), pair.cluster.status()), 60)
    until(lambda: pair.cluster.status().running.get("fence"), pair.cluster.status, 60)
    active = pair.whole() or ""
    return active, next(name for name in NODES if name != active)


def paste(pair: PacemakerPair, block: str) -> None:
    """Run a block of the page on a node."""
    Page(pair.lab, pair.cluster).paste(block)


def boot(pair: PacemakerPair, name: str) -> None:
    """Set up the service of a node that has power."""
    fence.place(pair.lab.hosts[name])
    pair.service.start(name)


def back(pair: PacemakerPair, name: str) -> None:
    """A node that was fenced has power again and joins the cluster."""
    until(lambda: name in pair.lab.imds, lambda: f"{name} has no power", 30)
    boot(pair, name)
    pair.cluster.start(name)
    pair.cluster.wait(lambda status: status.online == set(NODES), 60)


def shut_down(pair: PacemakerPair, name: str) -> None:
    """Tell a node's Pacemaker to end, as a system's shutdown does."""
    pair.lab.hosts[name].run("pkill", "-TERM", "pacemakerd", check=True)


def stopped(pair: PacemakerPair) -> list[str]:
    """The instances that EC2 was asked to stop, and did."""
    return [
        call.params["InstanceId.1"]
        for call in pair.lab.ec2.calls
        if call.action == "StopInstances" and call.status == 200
    ]


def instance(pair: PacemakerPair, name: str) -> str:
    """A node's instance."""
    return pair.lab.vpc.nodes[name].instance_id


def test_nodes_that_lose_sight_of_each_other(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """The one that runs the service shoots the other, and clients notice nothing; nor when that one comes back."""
    active, standby = nodes
    pair.lab.ec2.forget()
    with pair.service.asked():
        pair.lab.part()
        until(lambda: stopped(pair), pair.cluster.status, 60)
        pair.lab.heal()
        back(pair, standby)
        time.sleep(3)
    assert stopped(pair) == [instance(pair, standby)]
    pair.service.stayed(active)
    pair.check(active)


def test_a_shutdown_while_ec2_is_away(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """The stop of public fails, and so does fencing; clients are answered. Once EC2 is back the node is shot.

    The other takes over. When the node has come back, it takes nothing.
    """
    active, standby = nodes
    pair.lab.ec2.forget()
    with pair.service.asked():
        pair.lab.ec2.refuse("throttled")
        shut_down(pair, active)
        pair.cluster.wait(lambda status: any("public_stop" in each for each in status.failed), 60, on=standby)
        until(
            lambda: [call for call in pair.lab.ec2.calls if call.action == "StopInstances"], pair.cluster.status, 60
        )
        time.sleep(2)
    pair.service.stayed(active)
    assert active in pair.lab.hosts
    with pair.service.asked():
        time.sleep(1)
        pair.lab.ec2.mend()
        pair.cluster.wait(pair.runs_on(standby), 90, on=standby)
        time.sleep(1)
    assert stopped(pair) == [instance(pair, active)]
    pair.service.moved(active, standby, 40)
    with pair.service.asked():
        back(pair, active)
        time.sleep(3)
    pair.service.stayed(standby)
    pair.check(standby)


def test_maintenance_keeps_the_addresses_through_a_shutdown(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """EC2 is away, and the active node's Pacemaker ends and comes back: nothing moves, nobody is shot or notices."""
    active, standby = nodes
    maintenance = [blocks(OUTAGE, tool)[1] for tool in ("crm", "pcs")]
    pair.lab.ec2.forget()
    with pair.service.asked():
        pair.lab.ec2.refuse("throttled")
        for block in maintenance:
            paste(pair, block)
        shut_down(pair, active)
        pair.cluster.wait(lambda status: status.online == {standby}, 60, on=standby)
        time.sleep(2)
        pair.cluster.again(active)
        pair.cluster.wait(lambda status: status.online == set(NODES) and pair.runs_on(active)(status), 60, on=standby)
        pair.lab.ec2.mend()
        for block in maintenance:
            paste(pair, block.replace("true", "false"))
        time.sleep(3)
    pair.service.stayed(active)
    pair.check(active)
    assert not stopped(pair)


def test_without_fencing_a_person_cleans_up(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """A standby while EC2 is away is blocked at public; after the page's line the other has it all."""
    active, standby = nodes
    paste(pair, "crm_attribute --name stonith-enabled --update false")
    pair.lab.ec2.refuse("denied")
    pair.cluster.standby(active, on=True)
    pair.cluster.wait(lambda status: any("public_stop" in each for each in status.failed), 60)
    pair.lab.ec2.mend()
    time.sleep(3)
    assert pair.service.truth() == (active, active), "nobody has cleaned up yet"
    for tool in ("crm", "pcs"):
        paste(pair, blocks(OUTAGE, tool)[0])
    pair.cluster.wait(pair.runs_on(standby), 60)
    pair.check(standby)
