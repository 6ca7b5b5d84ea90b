"""Real Pacemaker with both agents on real packets, 20 route tables, 50 ms a call: what happens to the service.

Each story is judged by the packets of a client in the VPC and one outside, by EC2's truth, and by Pacemaker's word.
Without fencing. The bounds are for a busy machine; figures are the benchmarks' business.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from ec2kit.core.messages import END_UNKNOWN
from ec2kit.core.repetition import of_text
from lab.net.hosts import until
from lab.net.network import NODES, NetLab, net_lab
from lab.net.pacemaker import Cluster, Status
from lab.protected import judge
from tests.packets.service import Service

TABLES, DELAY_MS, INTERVAL = 20, 50, 3
MANY = 3  # monitor intervals that a healthy service must live through
CONFIGURATION = """
primitive vip ocf:heartbeat:IPaddr2 params ip={vip} cidr_netmask=32 nic=eth0 \
  op monitor interval=5s timeout=20s
primitive vip-route ocf:ec2kit:route params ip={vip} interface=eth0 routing_table="{tables}" \
  op start timeout=60s op stop timeout=30s op monitor interval={interval}s timeout=20s
primitive eip ocf:ec2kit:eip params elastic_ip={eip} interface=eth0 \
  op start timeout=60s op stop timeout=30s op monitor interval={interval}s timeout=20s
group service vip vip-route
colocation together inf: eip service
rsc_defaults resource-stickiness=100
"""


@dataclass
class PacemakerPair:
    """The lab, the cluster on it, and the names of its resources."""

    lab: NetLab
    cluster: Cluster
    service: Service
    resources: frozenset[str]

    def runs_on(self, name: str) -> Callable[[Status], bool]:
        """Whether Pacemaker says that all runs on that node, and on no other."""
        return lambda status: all(status.running.get(each) == frozenset({name}) for each in self.resources)

    def boot(self, name: str) -> None:
        """Switch a killed node on again, with its cluster and its service."""
        self.lab.boot(name)
        self.service.start(name)
        self.cluster.start(name)

    def calm(self) -> tuple[str, str]:
        """End all faults and wait until the cluster is whole; the active node and the standby."""
        self.lab.ec2.mend()
        self.lab.ec2.delay_ms = DELAY_MS
        self.lab.heal()
        for name in NODES:
            if name not in self.lab.hosts:
                self.boot(name)
            self.lab.imds[name].mend()
        for name in NODES:
            self.cluster.standby(name, on=False)
        self.cluster.wait(lambda status: status.online == set(NODES), 60)
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            time.sleep(0.5)
            if active := self.whole():
                self.cluster.crm("resource", "cleanup")  # of what is written of failures; nothing is mended by it
                time.sleep(INTERVAL + 1)
                if self.whole() == active and not self.cluster.status().failed:
                    return active, next(name for name in NODES if name != active)
        raise TimeoutError(f"not whole after 120 s: {self.service.truth()}, {self.cluster.status()}")

    def whole(self) -> str | None:
        """The node on which all runs, by Pacemaker's word and by EC2's truth; None when there is no such node."""
        status, truth = self.cluster.status(), self.service.truth()
        return next((name for name in NODES if truth == (name, name) and self.runs_on(name)(status)), None)

    def check(self, name: str) -> None:
        """The service is whole on that node, in packets, in EC2's truth and in Pacemaker's word."""
        assert self.service.truth() == (name, name)
        assert self.runs_on(name)(self.cluster.status(name))
        assert self.service.answered_by() == ({name}, {name})
        self.service.stayed(name)


@pytest.fixture(scope="module")
def pair(kit: bytes) -> Iterator[PacemakerPair]:
    """A cluster that runs: the address, its routes and an Elastic IP, all on one node."""
    with net_lab(kit, tables=TABLES) as lab:
        tables = ",".join(table for name, table in lab.vpc.tables.items() if name != "main")
        text = CONFIGURATION.format(vip=lab.vpc.vip, eip=lab.vpc.public_ip, tables=tables, interval=INTERVAL)
        yield configured(lab, text, "vip", "vip-route", "eip")
        judge(lab.ec2)


def configured(lab: NetLab, text: str, *resources: str) -> PacemakerPair:
    """A cluster with that configuration on the lab, and the service on both nodes."""
    lab.ec2.delay_ms = DELAY_MS
    made = PacemakerPair(lab, Cluster(lab), Service(lab), frozenset(resources))
    made.cluster.configure(text)
    for name in NODES:
        made.service.start(name)
    return made


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


def test_a_planned_move(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Standby of the active node: the other has it all, in 20 tables, after a gap of few seconds."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.cluster.standby(active, on=True)
        pair.cluster.wait(pair.runs_on(standby), 60)
        time.sleep(1)
    pair.service.moved(active, standby, 15)
    pair.check(standby)
    assert not pair.cluster.status().failed


def test_the_active_node_cut_off_and_healed(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """No packet from or to it: the other takes over; when it is back, exactly one node has all of it, and stays."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.lab.cut(active)
        pair.cluster.wait(pair.runs_on(standby), 60, on=standby)
        time.sleep(1)
    pair.service.moved(active, standby, 30)
    pair.check(standby)
    pair.lab.heal()
    after, _ = pair.calm()
    time.sleep(MANY * INTERVAL)
    pair.check(after)


def test_the_active_node_killed(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Its power fails: the other takes over. Booted again it joins, and the service stays where it is, unnoticed."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.lab.kill(active)
        pair.cluster.wait(pair.runs_on(standby), 60, on=standby)
        time.sleep(1)
    pair.service.moved(active, standby, 30)
    pair.check(standby)
    with pair.service.asked():
        pair.boot(active)
        pair.cluster.wait(lambda status: status.online == set(NODES), 60, on=standby)
        time.sleep(2 * INTERVAL)
    pair.service.stayed(standby)
    pair.check(standby)


def unknown(pair: PacemakerPair, name: str) -> int:
    """How many monitors on that node could not tell since one could: of the agent that had fewest.

    The log has the first one alone; with its line the node keeps how often it was due.
    """
    counts = []
    for memory in ("route-vip-route", "eip-eip"):
        kept = pair.lab.hosts[name].run("cat", f"/run/resource-agents/ec2kit/{memory}+said").stdout
        lines = of_text(kept).items()
        counts.append(sum(each.times for line, each in lines if line.startswith(f"{END_UNKNOWN.number}")))
    return min(counts)


@pytest.mark.parametrize("what", ["metadata hangs", "EC2 resets", "EC2 throttles"])
def test_what_proves_nothing_changes_nothing(pair: PacemakerPair, nodes: tuple[str, str], what: str) -> None:
    """Three monitors in a row that cannot tell: no failover, no restart, no change in EC2, no packet lost."""
    active, _ = nodes
    before, seen = pair.cluster.status(), unknown(pair, active)
    pair.lab.ec2.forget()
    with pair.service.asked():
        if what == "metadata hangs":
            pair.lab.imds[active].fault = "hang"
        else:
            pair.lab.ec2.refuse("reset" if what == "EC2 resets" else "throttled")
        until(lambda: unknown(pair, active) >= seen + MANY, lambda: f"{unknown(pair, active) - seen} of {MANY}", 120)
    pair.service.stayed(active)
    after = pair.cluster.status()
    assert (after.running, after.started, after.failed) == (before.running, before.started, ())
    assert not [call for call in pair.lab.ec2.calls if not call.action.startswith("Describe")]
    pair.lab.imds[active].mend()
    pair.lab.ec2.mend()
    pair.check(active)


def test_ec2_throttles_while_the_active_node_fails(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """The standby's first calls are all refused: it goes on until EC2 lets it, in one start and within its time."""
    active, standby = nodes
    refused = pair.lab.ec2.refuse("throttled", times=12)
    with pair.service.asked():
        time.sleep(0.5)
        pair.lab.kill(active)
        pair.cluster.wait(pair.runs_on(standby), 90, on=standby)
        time.sleep(1)
    assert refused.hits == 12, "nothing was throttled"
    pair.service.moved(active, standby, 60)
    assert not [each for each in pair.cluster.status(standby).failed if "start" in each]
    pair.check(standby)


@pytest.mark.usefixtures("nodes")
def test_nodes_that_lose_sight_of_each_other(pair: PacemakerPair) -> None:
    """Both run it then, for there is no fencing; EC2 has it on one. After the heal all is on one node, and stays."""
    pair.lab.part()
    for name in NODES:
        pair.cluster.wait(lambda status, name=name: status.online == {name}, 60, on=name)  # type: ignore[misc]  # a lambda with a default
    time.sleep(2 * INTERVAL)
    pair.lab.heal()
    pair.cluster.wait(lambda status: status.online == set(NODES), 60)
    after, _ = pair.calm()
    pair.check(after)
    with pair.service.asked():
        time.sleep(MANY * INTERVAL)
    pair.service.stayed(after)
