"""Random events, one after another, on a cluster that runs: after each, in its time, one node has it all again.

EVENTS is how many (default: 8), SEED which ones. EVENTS_LOG names a file for a line of each and a table at the end.
An event ends with its own healing: what was cut is joined, what was killed is switched on, what was refused is
answered again. Nothing else is done by hand: no cleanup, no restart. Configured as docs/pacemaker.md advises.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.ec2.server import REGION
from lab.net import fence
from lab.net.hosts import until
from lab.net.network import NODES, NetLab, net_lab
from lab.net.pacemaker import Cluster
from lab.protected import judge
from tests.packets.service import Service

EVENTS = int(os.environ.get("EVENTS") or 8)
SEED = int(os.environ.get("SEED") or 1)
TABLES, DELAY_MS = 3, 50
WINDOW = 1.0  # seconds in which both addresses must be answered by one node alone
FORGOTTEN = 60.0  # failure-timeout: when a start fails on both nodes, which an event may bring on just after another
FIRST = 90.0  # seconds until the cluster's own first start is done
CONFIGURATION = """
primitive vip-ip ocf:heartbeat:IPaddr2 params ip={vip} cidr_netmask=32 nic=eth0 \
  op monitor interval=5s timeout=20s meta failure-timeout=60s migration-threshold=3
primitive vip-route ocf:ec2kit:route params ip={vip} interface=eth0 routing_table="{tables}" \
  op start timeout=120s op stop timeout=60s op monitor interval=5s timeout=60s \
  meta failure-timeout=60s migration-threshold=3
primitive public ocf:ec2kit:eip params elastic_ip={eip} interface=eth0 region={region} \
  op start timeout=120s op stop timeout=60s op monitor interval=5s timeout=60s \
  meta failure-timeout=60s migration-threshold=3
group vip vip-ip vip-route
primitive fence stonith:fence_aws params region={region} pcmk_host_map="{instances}" pcmk_delay_max=2 \
  op monitor interval=300s timeout=60s meta failure-timeout=60s
colocation public-with-vip inf: public vip
rsc_defaults resource-stickiness=100
"""
RESOURCES = ("vip-ip", "vip-route", "public")
AGENTS = "resource.d/ec2kit/"  # in the command line of an agent's processes


@dataclass
class RestlessPair:
    """The lab, the cluster on it, and what chance comes from."""

    lab: NetLab
    cluster: Cluster
    service: Service
    chance: random.Random

    @property
    def tables(self) -> str:
        """The route tables that have the virtual IP."""
        return ",".join(table for name, table in self.lab.vpc.tables.items() if name != "main")

    def named(self) -> str:
        """The route tables whose entry the resource makes again; none: a lost entry is nobody's to make."""
        command = ("crm_resource", "--resource", "vip-route", "--get-parameter", "routing_table")
        return self.cluster.run(*command)

    def active(self) -> str:
        """The node that the Elastic IP is on, else any."""
        return self.service.truth()[1] or NODES[0]

    def node(self) -> str:
        """A node; more often the active one."""
        return self.chance.choice((*NODES, self.active()))

    def boot(self, name: str) -> None:
        """Set up a node that has just got power: its service and its cluster."""
        fence.place(self.lab.hosts[name])
        self.service.start(name)
        self.cluster.start(name)

    def switch_on(self) -> None:
        """Set up the nodes that fencing has booted."""
        for name in NODES:
            if name in self.lab.imds and self.lab.hosts[name].run("pgrep", "corosync").returncode:
                self.boot(name)

    def option(self, name: str, value: str) -> None:
        """Set one of the cluster's options."""
        self.cluster.run("crm_attribute", "--name", name, "--update", value)

    def trouble(self) -> str | None:
        """What is not whole, in one line: the packets, EC2's truth, Pacemaker's word; None when all is."""
        status = self.cluster.status()
        homes = {each: set(status.running.get(each, ())) for each in RESOURCES}
        if status.online != set(NODES) or len({*map(frozenset, homes.values())}) != 1 or len(homes["public"]) != 1:
            return f"Pacemaker: {sorted(status.online)} online, running {homes}, failed {status.failed}"
        (name,) = homes["public"]
        if (truth := self.service.truth()) != (name, name):
            return f"EC2: all runs on {name}, the virtual IP and the Elastic IP are on {truth}"
        found = self.service.answered_by(WINDOW)
        return None if found == ({name}, {name}) else f"packets: all runs on {name}, and {found} answered"

    def recovered(self, seconds: float) -> float:
        """Wait until all is whole; after how many seconds that was. Raises TimeoutError with what is not."""
        began = time.monotonic()
        self.switch_on()
        while trouble := self.trouble():
            if time.monotonic() > began + seconds:
                raise TimeoutError(f"not whole after {seconds} s: {trouble}")
            self.switch_on()
        return time.monotonic() - began - WINDOW


@dataclass(frozen=True)
class Event:
    """Something that happens. do: makes it happen, heals it, tells on what. within: seconds to be whole after.

    fencing: whether a node may be shot meanwhile.
    """

    name: str
    do: Callable[[RestlessPair], str]
    within: float
    fencing: bool = False


def _wait(pair: RestlessPair, least: float, most: float) -> str:
    """Let some time go by."""
    seconds = pair.chance.uniform(least, most)
    time.sleep(seconds)
    return f"{seconds:.0f} s"


def _kill(pair: RestlessPair) -> str:
    name = pair.node()
    pair.lab.kill(name)
    how_long = _wait(pair, 1, 12)
    pair.lab.boot(name)
    pair.boot(name)
    return f"{name} without power, {how_long}"


def _cut(pair: RestlessPair) -> str:
    name = pair.node()
    pair.lab.cut(name)
    how_long = _wait(pair, 1, 15)
    pair.lab.heal()
    return f"{name}, {how_long}"


def _part(pair: RestlessPair) -> str:
    pair.lab.part()
    how_long = _wait(pair, 4, 15)
    pair.lab.heal()
    return how_long


def _standby(pair: RestlessPair) -> str:
    name = pair.node()
    pair.cluster.standby(name, on=True)
    how_long = _wait(pair, 1, 10)
    pair.cluster.standby(name, on=False)
    return f"{name}, {how_long}"


def _repoint(pair: RestlessPair) -> str:
    lab, client = pair.lab, pair.lab.ec2.truth()
    table = pair.chance.choice([name for name in lab.vpc.tables if name != "main"])
    entry: Any = {"RouteTableId": lab.vpc.tables[table], "DestinationCidrBlock": f"{lab.vpc.vip}/32"}
    if pair.chance.random() < 0.3 and lab.vpc.tables[table] in pair.named():
        client.delete_route(**entry)
        return f"the entry of table {table} deleted"
    other = next(name for name in NODES if name != pair.active())
    client.replace_route(**entry, NetworkInterfaceId=pair.service.eni(other))
    return f"the entry of table {table} to {other}"


def _readdress(pair: RestlessPair) -> str:
    lab, client = pair.lab, pair.lab.ec2.truth()
    if pair.chance.random() < 0.5:
        address = client.describe_addresses(AllocationIds=[lab.vpc.allocation])["Addresses"][0]
        client.disassociate_address(AssociationId=address["AssociationId"])
        return "disassociated"
    other = next(name for name in NODES if name != pair.active())
    eni = pair.service.eni(other)
    client.associate_address(AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni, AllowReassociation=True)
    return f"to {other}"


def _check_on(pair: RestlessPair) -> str:
    name, on = pair.active(), dict[str, Any](Value=True)
    client, eni = pair.lab.ec2.truth(), pair.service.eni(name)
    client.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck=on)  # type: ignore[arg-type]  # a plain dict is one
    return name


def _throttled(pair: RestlessPair) -> str:
    pair.lab.ec2.refuse("throttled")
    how_long = _wait(pair, 5, 20)
    _mend(pair)
    return how_long


def _gone(pair: RestlessPair) -> str:
    kind = pair.chance.choice(("reset", "hang", "refused", "denied"))
    pair.lab.ec2.refuse(kind)  # type: ignore[arg-type]  # one of Kind
    how_long = _wait(pair, 5, 20)
    _mend(pair)
    return f"{kind}, {how_long}"


def _metadata(pair: RestlessPair) -> str:
    name = pair.node()
    pair.lab.imds[name].fault = "hang"
    how_long = _wait(pair, 5, 20)
    pair.lab.imds[name].mend()
    return f"{name}, {how_long}"


def _throttled_kill(pair: RestlessPair) -> str:
    pair.lab.ec2.refuse("throttled")
    told = _kill(pair)
    _mend(pair)
    return told


def _shot(pair: RestlessPair) -> str:
    before = dict(pair.lab.hosts)
    pair.lab.part()
    until(lambda: any(pair.lab.hosts.get(name) is not before[name] for name in NODES), pair.cluster.status, 60)
    shot = [name for name in NODES if pair.lab.hosts.get(name) is not before[name]]
    pair.lab.heal()
    return f"{', '.join(shot)} was shot"


def _reload(pair: RestlessPair) -> str:
    """A parameter that the agents take over without a restart."""
    resource, name, value = pair.chance.choice(
        (
            ("public", "region", ""),
            ("public", "region", REGION),
            ("vip-route", "region", REGION),
            ("vip-route", "region", ""),
            ("vip-route", "routing_table", pair.tables),
            ("vip-route", "routing_table", pair.lab.vpc.tables["client"]),
        )
    )
    return _set(pair, resource, name, value)


def _update(pair: RestlessPair) -> str:
    """A parameter that restarts what has it."""
    resource = pair.chance.choice(("public", "vip-route"))
    return _set(pair, resource, "interface", pair.chance.choice(("", "eth0")))


def _set(pair: RestlessPair, resource: str, name: str, value: str) -> str:
    given = ("--set-parameter", name, "--parameter-value", value) if value else ("--delete-parameter", name)
    pair.cluster.run("crm_resource", "--resource", resource, *given)
    return f"{name}={value} of {resource}"


def _delete(pair: RestlessPair) -> str:
    """A resource is deleted while it runs, just after a cleanup, so that nothing tells its stop the parameters."""
    resource = pair.chance.choice(("public", "vip-route"))
    kept = pair.cluster.run("cibadmin", "--query", "--scope", "configuration")
    pair.cluster.run("crm_resource", "--cleanup", "--resource", resource)
    for path in (f"//constraints/*[@rsc='{resource}']", f"//resources//primitive[@id='{resource}']"):
        pair.cluster.run("cibadmin", "--delete-all", "--force", "--xpath", path)
    how_long = _wait(pair, 1, 8)
    pair.cluster.run("cibadmin", "--replace", "--scope", "configuration", "--xml-pipe", stdin=kept)
    return f"{resource}, {how_long}"


def _kill_agents(pair: RestlessPair) -> str:
    """Processes of the agents are killed at any moment: the called one or its child, whatever they do."""
    name, killed = pair.active(), 0
    if moving := pair.chance.random() < 0.5:
        pair.cluster.standby(name, on=True)
    limit = time.monotonic() + pair.chance.uniform(3, 10)
    while time.monotonic() < limit:
        which = pair.chance.choice(("--oldest", "--newest"))
        victims = [host for node, host in [*pair.lab.hosts.items()] if node in NODES]
        killed += sum(not each.run("pkill", "-KILL", which, "-f", AGENTS).returncode for each in victims)
        time.sleep(pair.chance.uniform(0.1, 1.5))
    if moving:
        pair.cluster.standby(name, on=False)
    return f"{killed} of them, {f'while {name} was in standby' if moving else 'without a move'}"


def _mend(pair: RestlessPair) -> None:
    pair.lab.ec2.mend()
    pair.lab.ec2.delay_ms = DELAY_MS


KINDS = (
    Event("node killed and switched on", _kill, 90),
    Event("node cut off and joined", _cut, 45),
    Event("nodes parted and joined", _part, 45),
    Event("standby and online", _standby, 30),
    Event("route changed by hand", _repoint, 30),
    Event("Elastic IP changed by hand", _readdress, 30),
    Event("source/dest check switched on", _check_on, 30),
    Event("EC2 throttles", _throttled, 45),
    Event("EC2 gone", _gone, FORGOTTEN + 30),
    Event("metadata service hangs", _metadata, 45),
    Event("node killed while EC2 throttles", _throttled_kill, 120),
    Event("nodes parted, with fencing", _shot, 90, fencing=True),
    Event("parameter reloaded", _reload, 30),
    Event("parameter changed, with a restart", _update, 30),
    Event("resource deleted after a cleanup, and made again", _delete, 45),
    Event("agents' processes killed", _kill_agents, FORGOTTEN + 90, fencing=True),
)


@dataclass
class Log:
    """A line of each event, and at the end a table of all."""

    lines: list[str] = field(default_factory=list)
    found: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Write a line down at once."""
        print(line, flush=True)  # noqa: T201  what is going on, for pytest -s
        self.lines.append(line)
        if path := os.environ.get("EVENTS_LOG"):
            Path(path).write_text("\n".join(self.lines) + "\n")

    def table(self) -> None:
        """Median and largest, of each kind of event."""
        self.say(
            "\n| event | times | whole again after, s | virtual IP out, s | Elastic IP out, s |"
            "\n|---|---|---|---|---|"
        )
        for name, all_of_it in self.found.items():
            columns = [
                f"{statistics.median(column):.1f} (at most {max(column):.1f})"
                for column in zip(*all_of_it, strict=True)
            ]
            self.say(f"| {name} | {len(all_of_it)} | {' | '.join(columns)} |")


@pytest.fixture(scope="module")
def pair(kit: bytes) -> Iterator[RestlessPair]:
    """A cluster that runs: the address, its routes and an Elastic IP, all on one node."""
    with net_lab(kit, tables=TABLES) as lab:
        lab.ec2.delay_ms = DELAY_MS
        made = RestlessPair(lab, Cluster(lab), Service(lab), random.Random(SEED))  # noqa: S311  no secret
        lab.power_by_ec2()
        for name in NODES:
            fence.place(lab.hosts[name])
        instances = ";".join(f"{name}:{lab.vpc.nodes[name].instance_id}" for name in NODES)
        named = {"vip": lab.vpc.vip, "eip": lab.vpc.public_ip, "tables": made.tables}
        made.cluster.configure(CONFIGURATION.format(**named, region=REGION, instances=instances))
        for name in NODES:
            made.service.start(name)
        made.recovered(FIRST)
        yield made
        judge(lab.ec2)


def test_after_each_event_one_node_has_it_all_again(pair: RestlessPair) -> None:
    """Both addresses are answered by the node that Pacemaker and EC2 name, by no other, within the event's time."""
    log, order = Log(), list[Event]()
    clients = Service(pair.lab)  # who ask all the time, while pair.service asks now and then
    log.say(f"{EVENTS} events, seed {SEED}, {TABLES} route tables, {DELAY_MS} ms a call")
    for number in range(1, EVENTS + 1):
        if not order:
            order = pair.chance.sample(KINDS, len(KINDS))
        event = order.pop()
        with clients.asked():
            began = time.monotonic()
            try:
                pair.option("stonith-enabled", str(event.fencing).lower())
                what = event.do(pair)
                took = time.monotonic() - began
                after = pair.recovered(event.within)
            except Exception as error:
                log.say(f"{number:3} {event.name}: NOT WHOLE AGAIN: {error}")
                _show(pair, log)
                raise
        gaps = [report.udp.gap_ms / 1000 for report in clients.reports]
        log.found.setdefault(event.name, []).append((after, *gaps))  # type: ignore[arg-type]  # two gaps
        log.say(
            f"{number:3} {time.strftime('%T')} {event.name}: {what}; its own time {took:.1f} s, "
            f"whole again {after:.1f} s after, now on {pair.active()}; "
            f"virtual IP out {gaps[0]:.2f} s, Elastic IP out {gaps[1]:.2f} s"
        )
    log.table()
    assert sum(map(len, log.found.values())) == EVENTS


def _show(pair: RestlessPair, log: Log) -> None:
    for name in NODES:
        if name in pair.lab.hosts:
            lines = pair.cluster.log(name).splitlines()[-150:]
            log.say(f"---- {name}\n" + "\n".join(line for line in lines if "pacemaker-based" not in line))
