"""A cluster of real Pacemaker on the lab, with both agents: the stories' subject."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.net.network import NODES, NetLab
from lab.net.pacemaker import Cluster, Status
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


def configured(lab: NetLab, text: str, *resources: str) -> PacemakerPair:
    """A cluster with that configuration on the lab, and the service on both nodes."""
    lab.ec2.delay_ms = DELAY_MS
    made = PacemakerPair(lab, Cluster(lab), Service(lab), frozenset(resources))
    made.cluster.configure(text)
    for name in NODES:
        made.service.start(name)
    return made
