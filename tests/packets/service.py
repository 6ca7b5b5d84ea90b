"""The service that an engine protects, as its clients and EC2 see it: the virtual IP and the Elastic IP.

In a lab with one subnet for both nodes the virtual IP is the private address there, which no route leads to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.ec2.vpc import addresses, private_addresses, route_tables
from lab.net import echo
from lab.net.network import NODES, NetLab
from lab.net.probe import Probe, Report

SOON = 90.0  # seconds that a very busy machine may take


@dataclass(frozen=True)
class Service:
    """What runs on the nodes is lab.net.echo, which says who answers. reports: of those who `asked` last."""

    lab: NetLab
    reports: list[Report] = field(default_factory=list)

    @property
    def vip(self) -> str:
        """The address that the client in the VPC asks."""
        return self.lab.vpc.address or self.lab.vpc.vip

    def start(self, name: str) -> None:
        """Start it on a node that has just been booted."""
        echo.start(self.lab.hosts[name])

    def eni(self, name: str) -> str:
        """The network interface of a node."""
        return self.lab.vpc.nodes[name].interfaces[0].eni

    def truth(self) -> tuple[str | None, str | None]:
        """The nodes that have the virtual IP, in all its tables, and the Elastic IP; None: no single one."""
        client, vpc, names = self.lab.ec2.truth(), self.lab.vpc, {self.eni(name): name for name in NODES}
        if vpc.address:
            found = {names.get(private_addresses(client, vpc.vpc).get(vpc.address, ""))}
        else:
            tables = route_tables(client, vpc.vpc)
            entries = {each.get(f"{vpc.vip}/32") for table, each in tables.items() if table != "main"}
            found = {names.get(entry[0]) if entry and entry[1] == "active" else None for entry in entries}
        eip, _ = addresses(client)[vpc.public_ip]
        return found.pop() if len(found) == 1 else None, names.get(eip or "")

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Let a client in the VPC ask the virtual IP meanwhile, and one outside the Elastic IP; then `reports`."""
        hosts, public_ip = self.lab.hosts, self.lab.vpc.public_ip
        probes = Probe(hosts["client"], self.vip), Probe(hosts["internet"], public_ip)
        try:
            yield
        finally:
            self.reports[:] = [probe.stop() for probe in probes]

    def answered_by(self, seconds: float = 0.5) -> tuple[set[str], set[str]]:
        """The nodes that answer at the virtual IP, and at the Elastic IP, within so many seconds from now on."""
        with self.asked():
            time.sleep(seconds)
        one, two = (set(report.udp.by) for report in self.reports)
        return one, two

    def is_on(self, name: str) -> bool:
        """Whether that node has both addresses in EC2's truth, and it alone answers at both."""
        return self.truth() == (name, name) and self.answered_by() == ({name}, {name})

    def moved(self, old: str, new: str, seconds: float) -> None:
        """Both clients that asked were answered by the old node, then by the new one, with no longer gap."""
        for report in self.reports:
            for kind in (report.udp, report.connect):
                assert kind.by.keys() == {old, new}, report
                assert kind.last[old] < kind.first[new], report
                assert kind.gap_ms < 1000 * seconds, report

    def stayed(self, name: str) -> None:
        """Both clients that asked were answered by that node alone, and noticed nothing.

        A gap without a loss is the probe's own, on a busy machine.
        """
        for report in self.reports:
            assert report.udp.by.keys() == {name}, report
            assert report.udp.lost <= 2, report
            assert report.resets == 0, report
