"""LifeKeeper's stand-in on real packets: the same stories as the real engines', with the kit's LifeKeeper actions.

Each story is judged by the packets of two clients, by EC2's truth, and by the states in LifeKeeper's store.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.net.hosts import until
from lab.net.lifekeeper import LifeKeeper
from lab.net.network import NODES, NetLab, net_lab
from lab.protected import judge
from tests.packets.service import SOON, Service

INTERVALS = 3  # that a healthy service must live through


class LifeKeeperPair:
    """The lab with the stand-in, and two hierarchies of the kit's, in service on node1 and extended to node2."""

    def __init__(self, lab: NetLab, folder: Path) -> None:
        self.lab = lab
        self.service = Service(lab)
        self.lifekeeper = LifeKeeper(lab, folder)
        self.tops = ("ip-vip", f"ec2-{lab.vpc.public_ip}")
        for name in NODES:
            self.service.start(name)
        for name, state in zip(NODES, ("ISP", "OSU"), strict=True):
            kind = ("-a", "comm", "-r", "ip", "-t", "ip-vip", "-i", f"IP-{lab.vpc.vip}", "-I", f"INIT_{state}")
            self.lifekeeper.run(name, "ins_create", *kind)
        equal = ("-t", "ip-vip", "-p", "1", "-r", "10", "-S", "node2", "-o", "ip-vip", "-e", "SHARED")
        self.lifekeeper.run("node1", "eqv_create", *equal)
        lab.hosts["node1"].run("ip", "address", "replace", f"{lab.vpc.vip}/32", "dev", "eth0", check=True)
        lab.hosts["node1"].run("ip", "link", "property", "add", "dev", "eth0", "altname", "ens5", check=True)
        for address in (("route", lab.vpc.vip), ("eip", lab.vpc.public_ip)):
            self.ec2kit("node1", "hold", *address, "--interface", "ens5")
        self.ec2kit("node1", "create", "--type", "route-table", "--ip-resource", "ip-vip", "--interface", "ens5")
        self.ec2kit(
            "node1", "create", "--type", "elastic-ip", "--interface", "ens5", "--elastic-ip", lab.vpc.public_ip
        )
        for tag in ("ec2-ip-vip", self.tops[1]):
            self.ec2kit("node1", "extend", tag, "--to", "node2")

    def ec2kit(self, name: str, *words: str) -> None:
        """Run the kit's command line on a node."""
        self.lab.hosts[name].run("ec2kit", *words, timeout=200, check=True)

    def boot(self, name: str) -> None:
        """Switch a killed node on again, with LifeKeeper and the service."""
        self.lab.boot(name)
        self.service.start(name)
        self.lifekeeper.start(name)
        self.lifekeeper.run(name, "lksystem", "up", name)

    def states(self, name: str) -> dict[str, str]:
        """The states of a node's instances, by their tags."""
        rows = (row.split("\x01") for row in self.lifekeeper.run("node2", "ins_list", "-d", name).splitlines())
        return {row[3]: row[6] for row in rows}

    def is_on(self, name: str) -> bool:
        """Whether that node has it all in service, by LifeKeeper's word, EC2's truth and the packets."""
        return set(self.states(name).values()) == {"ISP"} and self.service.is_on(name)

    def tell(self) -> object:
        """What is so, for whoever waited in vain."""
        return self.lifekeeper.run("node2", "lksystem", "status"), self.service.truth(), self.service.answered_by()

    def serve_on(self, name: str) -> None:
        """What an administrator does on a node that is to have it all."""
        for tag in self.tops:
            self.ec2kit(name, "in-service", tag)


@pytest.fixture(scope="module")
def running(kit: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifeKeeperPair]:
    """The stand-in on both nodes, and calls of 50 ms."""
    with net_lab(kit, tables=3) as lab:
        lab.ec2.delay_ms = 50
        made = LifeKeeperPair(lab, tmp_path_factory.mktemp("lifekeeper"))
        yield made
        made.lifekeeper.close()
        judge(lab.ec2)


@pytest.fixture
def pair(running: LifeKeeperPair, request: pytest.FixtureRequest) -> Iterator[LifeKeeperPair]:
    """All is in service on node1; shows LifeKeeper's log of a story that failed."""
    failures = request.session.testsfailed
    running.serve_on("node1")
    until(lambda: running.is_on("node1"), running.tell, SOON)
    yield running
    if request.session.testsfailed > failures:
        for name in NODES:
            sys.stdout.write(f"---- {name}\n{running.lifekeeper.log(name)}\n")
    running.lab.heal()
    running.lab.ec2.mend()


def test_a_switchover(pair: LifeKeeperPair) -> None:
    """In service on node2, by a command there: both addresses move, and node1 has neither any more."""
    with pair.service.asked():
        time.sleep(1)
        pair.serve_on("node2")
        time.sleep(1)
    pair.service.moved("node1", "node2", 30)
    assert pair.is_on("node2")
    assert set(pair.states("node1").values()) == {"OSU"}


@pytest.mark.parametrize("fault", ["killed", "cut off"])
def test_a_node_is_lost(pair: LifeKeeperPair, fault: str) -> None:
    """LifeKeeper on node2 takes over from a node that is dead or not reached; booted, that one leaves it there."""
    with pair.service.asked():
        time.sleep(1)
        (pair.lab.kill if fault == "killed" else pair.lab.cut)("node1")
        pair.lifekeeper.run("node2", "lksystem", "down", "node1")
        pair.lifekeeper.run("node2", "lksystem", "failover", "node1")
        time.sleep(1)
    pair.service.moved("node1", "node2", 30)
    assert pair.is_on("node2")
    if fault == "cut off":
        pair.lab.kill("node1")  # what a cluster does with a node that comes back from a split
    with pair.service.asked():
        pair.boot("node1")
    pair.service.stayed("node2")
    assert pair.is_on("node2")


def test_checks_without_an_answer_change_nothing(pair: LifeKeeperPair) -> None:
    """Three intervals in which EC2 gives no answer: no event, no change, no packet lost."""
    before = pair.lifekeeper.log("node1")
    pair.lab.ec2.forget()
    with pair.service.asked():
        for fault in ("reset", "throttled", "denied")[:INTERVALS]:
            pair.lab.ec2.refuse(fault)  # type: ignore[arg-type]
            pair.lifekeeper.run("node1", "lkcheck", "--once")
            pair.lab.ec2.mend()
    pair.service.stayed("node1")
    said = pair.lifekeeper.log("node1").removeprefix(before)
    for tag in ("ec2-ip-vip", pair.tops[1]):
        assert (
            sum(f":quickCheck:{tag}:9600" in line and "stays in service" in line for line in said.splitlines()) == 3
        )
    assert "recover" not in said
    assert not [call for call in pair.lab.ec2.calls if not call.action.startswith("Describe")]
    assert pair.is_on("node1")


def test_what_a_hand_has_moved_comes_back(pair: LifeKeeperPair) -> None:
    """Somebody points one route table's entry and the Elastic IP at node2: the next check on node1 recovers both."""
    truth, vpc, node2 = pair.lab.ec2.truth(), pair.lab.vpc, pair.lab.vpc.nodes["node2"].interfaces[0].eni
    table, to = vpc.tables["client"], f"{vpc.vip}/32"
    truth.replace_route(RouteTableId=table, DestinationCidrBlock=to, NetworkInterfaceId=node2)
    truth.associate_address(AllocationId=vpc.allocation, NetworkInterfaceId=node2, AllowReassociation=True)
    assert pair.service.truth() == (None, "node2")
    pair.lifekeeper.run("node1", "lkcheck", "--once")
    until(lambda: pair.is_on("node1"), pair.tell, SOON)
    assert set(pair.states("node2").values()) == {"OSU"}
