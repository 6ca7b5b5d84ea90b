"""keepalived for real, with the repository's sample and notify script: what happens to the service on real packets.

node1 has the higher priority. Each story is judged by two clients' packets, by EC2's truth, and by VRRP's states.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from lab.net.hosts import until
from lab.net.keepalived import AGAIN, Keepalived
from lab.net.network import NODES, NetLab, net_lab
from lab.protected import judge
from tests.packets.service import SOON, Service


class KeepalivedPair:
    """The lab with keepalived and the service on its nodes."""

    def __init__(self, lab: NetLab) -> None:
        self.lab = lab
        self.service = Service(lab)
        self.keepalived = Keepalived(lab)
        for name in NODES:
            self.service.start(name)
            self.keepalived.start(name)

    def boot(self, name: str) -> None:
        """Switch a killed node on again, with all that runs on it."""
        self.lab.boot(name)
        self.service.start(name)
        self.keepalived.start(name)

    def states(self) -> dict[str, str]:
        """VRRP's state on each node that is up."""
        return {name: self.keepalived.state(name) for name in NODES if name in self.lab.hosts}

    def is_on(self, name: str) -> bool:
        """Whether that node, and no other that is up, is master by VRRP's word, EC2's truth and the packets."""
        masters = [each for each, state in self.states().items() if state == "MASTER"]
        return masters == [name] and self.service.is_on(name)

    def tell(self) -> object:
        """What is so, for whoever waited in vain."""
        return self.states(), self.service.truth(), self.service.answered_by()

    def wait(self, name: str) -> None:
        """Wait until that node alone is master and serves."""
        until(lambda: self.is_on(name), self.tell, SOON)

    def rest(self) -> None:
        """Wait until the notify scripts have nothing to do any more: the hold that is done once more is done, too."""
        until(lambda: time.monotonic() - max(each.ended for each in self.lab.ec2.calls) > AGAIN + 3, self.tell, SOON)

    def runs(self, name: str) -> int:
        """How many runs of the kit there were on a node since it was booted: each asks for the role's credentials."""
        role = self.lab.vpc.nodes[name].role
        return sum(path.endswith(f"/security-credentials/{role}") for _, path, _ in self.lab.imds[name].calls)


@pytest.fixture(scope="module")
def running(kit: bytes) -> Iterator[KeepalivedPair]:
    """keepalived on both nodes, and calls of 50 ms."""
    with net_lab(kit, tables=3) as lab:
        lab.ec2.delay_ms = 50
        yield KeepalivedPair(lab)
        judge(lab.ec2)


@pytest.fixture
def pair(running: KeepalivedPair, request: pytest.FixtureRequest) -> Iterator[KeepalivedPair]:
    """All is well, and node1 has it, without a step by hand; shows keepalived's log of a story that failed."""
    failures = request.session.testsfailed
    running.wait("node1")
    yield running
    if request.session.testsfailed > failures:
        for name in running.lab.hosts.keys() & set(NODES):
            sys.stdout.write(f"---- {name}\n{running.keepalived.log(name)}\n")
    running.lab.heal()
    running.lab.ec2.mend()
    for name in NODES:
        if name not in running.lab.hosts:
            running.boot(name)
        elif not running.keepalived.running(name):
            running.keepalived.start(name)


def test_the_node_of_higher_priority_has_it(pair: KeepalivedPair) -> None:
    """From the start, one is master and has both addresses; the other is backup."""
    assert pair.states() == {"node1": "MASTER", "node2": "BACKUP"}
    assert pair.service.is_on("node1")


def test_keepalived_is_stopped_and_started_on_the_master(pair: KeepalivedPair) -> None:
    """A planned move there, and back."""
    with pair.service.asked():
        time.sleep(1)
        pair.keepalived.stop("node1")
        until(lambda: pair.service.truth() == ("node2", "node2"), pair.tell, SOON)
        time.sleep(1)
    pair.service.moved("node1", "node2", 20)
    assert pair.keepalived.state("node2") == "MASTER"
    with pair.service.asked():
        time.sleep(1)
        pair.keepalived.start("node1")
        until(lambda: pair.service.truth() == ("node1", "node1"), pair.tell, SOON)
        time.sleep(1)
    pair.service.moved("node2", "node1", 20)
    pair.wait("node1")


def test_the_master_is_killed_and_booted(pair: KeepalivedPair) -> None:
    """Its power fails: the other has it. Booted again it takes it back, for its priority is higher."""
    with pair.service.asked():
        time.sleep(1)
        pair.lab.kill("node1")
        until(lambda: pair.service.truth() == ("node2", "node2"), pair.tell, SOON)
        time.sleep(1)
    pair.service.moved("node1", "node2", 30)
    pair.wait("node2")
    pair.boot("node1")
    pair.wait("node1")


@pytest.mark.parametrize("fault", ["cut off", "parted"])
def test_a_split_and_its_end(pair: KeepalivedPair, fault: str) -> None:
    """Both are master, who held last has it and keeps it; after the end node1 does, which was master all along."""
    pair.rest()
    pair.lab.ec2.forget()
    if fault == "parted":
        pair.lab.part()
    else:
        pair.lab.cut("node1")
    until(lambda: pair.service.is_on("node2"), pair.tell, SOON)
    pair.rest()
    assert pair.states() == {"node1": "MASTER", "node2": "MASTER"}
    assert pair.service.is_on("node2")
    assert not [call for call in pair.lab.ec2.calls if "NODE1" in call.key], "node1 did not sit still"
    before = pair.keepalived.log("node1")
    pair.lab.heal()
    pair.wait("node1")
    assert "Entering" not in pair.keepalived.log("node1").removeprefix(before), "a transition"


def test_ec2_is_away_while_the_master_dies(pair: KeepalivedPair) -> None:
    """The new master cannot take it, and goes on trying, also after a reload; when EC2 is back, it takes it."""
    before = pair.runs("node2")
    pair.lab.ec2.refuse("reset")
    pair.lab.kill("node1")
    until(lambda: pair.runs("node2") >= before + 4, pair.tell, SOON)  # two for each address
    assert pair.states() == {"node2": "MASTER"}
    assert pair.service.truth() == ("node1", "node1")
    assert pair.service.answered_by() == (set(), set())
    pair.keepalived.reload("node2")
    pair.keepalived.reload("node2")
    pair.lab.ec2.mend()
    pair.wait("node2")
