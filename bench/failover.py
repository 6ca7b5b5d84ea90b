"""How long a client is without service when the cluster moves it: the kit beside ClusterLabs' agents, in packets.

    python -m bench.failover [--runs N] [--tables N ...] [--only TEXT] [--result FILE]        as root, on Debian

Real corosync (token 1 s) and Pacemaker on the lab with real packets: TLS, 50 ms a call, the instance role's keys.
Each round runs every contender once, one after the other, on the same cluster: a planned move (standby of the active
node), then the active node cut off from everything. aws-vpc-move-ip and awseip are Debian's, unmodified.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

from bench.contenders import CONTENDERS, Contender
from bench.tables import curves, table
from lab.ec2.server import REGION
from lab.ec2.vpc import route_tables
from lab.net import echo
from lab.net.network import NODES, NetLab, net_lab, staged
from lab.net.pacemaker import Cluster, why_not
from lab.net.probe import Probe, Report

RESULTS = Path(__file__).parent / "results"
DELAY_MS, TOKEN_MS = 50.0, 1000
TABLES = (1, 5, 20)
SLOW_FROM = 5  # route tables from which a peer takes minutes a run, so that few runs must do
LOST = "pacemaker-controld", "state is now lost"  # of the survivor's log: corosync has told of the failure
EventName = Literal["planned", "cut off"]


_TEXT = """## Service gap when the address moves

`make bench-failover` (as root, on Debian; about half an hour) measures it again: real packets, real corosync
(token {token} ms) and Pacemaker, without fencing, TLS, {delay:g} ms a call of EC2, no delay of EC2's own
between a change and its effect. A client in another subnet asks by datagrams 5 ms apart, by new TCP
connections 20 ms apart and on one that stays; for the Elastic IP a client outside of the VPC does. Medians,
with the least and the most in parentheses. All contenders ran in turns on the same cluster; ClusterLabs'
agents are Debian's, unmodified, with their defaults. {versions}.

All nodes, EC2 and the clients share the two cores of one machine here, so these seconds are also its own, and
other machines' differ: here `aws --version` alone, without any call, took {cli}. Pacemaker's load-threshold is so
high that it never holds back for the load. Few runs: a tenth of a second is noise.

- **planned**: standby of the active node. **cut off**: no packet from or to it any more. The survivor's corosync
  calls it lost after about 2.1 s; Pacemaker decides at once, or a second later where the survivor was its DC already:
  the DC then finds updates of its own under way, and waits 1,000 ms before it looks again (`do_pe_invoke_callback`
  in Pacemaker's `daemons/controld/controld_schedulerd.c`). No agent and no option changes that.
  *Since the decision* is what the agents and Pacemaker's own steps make of the gap.
- **a group**: IPaddr2, then route. **side by side**: a colocation in its place, and an order for stopping
  alone, so that the new node starts while the old one still takes the address off (docs/pacemaker.md).
  **the address on both nodes**: it is on both nodes' lo for good, and the route alone decides.

"""


@dataclass(frozen=True)
class Sample:
    """One move. udp, connect, session: the gaps that a client sees, ms. calls: EC2's, up to the end of the start.

    detection: ms until corosync told the survivor of the failure; decision: until Pacemaker acted on it; 0: planned.
    resets: of the established session.
    """

    udp: float
    connect: float
    session: float
    resets: int
    calls: int
    detection: float = 0
    decision: float = 0


@dataclass
class Arena:
    """The lab, with the cluster on it."""

    lab: NetLab
    cluster: Cluster
    tables: int
    found: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)

    def home(self, contender: Contender, *, of: Sequence[str] = NODES, timeout: float = 200) -> str:
        """Wait until it runs on one of these nodes, and on no other; that node."""

        def on(name: str) -> bool:
            return all(status.running.get(each) == frozenset({name}) for each in contender.leads)

        status = self.cluster.status(of[0])
        limit = time.monotonic() + timeout
        while not (homes := [name for name in of if on(name)]):
            if time.monotonic() > limit:
                raise TimeoutError(f"{contender.name} does not run after {timeout} s: {status}")
            time.sleep(0.1)
            status = self.cluster.status(of[0])
        return homes[0]

    def run(self, contender: Contender) -> None:
        """Start it, move it as planned, cut its node off, stop it; two samples."""
        with self._addressed(contender):
            self.cluster.configure(contender.resources.format(**self._names()))
            active = self.home(contender)
            self._settled(contender, active)
            other = next(name for name in NODES if name != active)
            self._note(contender, "planned", self._planned(contender, active, other))
            self._settled(contender, other)
            self._note(contender, "cut off", self._cut_off(contender, other, active))

    def _planned(self, contender: Contender, active: str, other: str) -> Sample:
        with self._asking(contender, active, other) as told:
            self.lab.hosts[active].run("crm_standby", "-N", active, "-v", "on", check=True)
            self.home(contender, of=(other,))
            told.calls = len(self.lab.ec2.calls)
        self.lab.hosts[other].run("crm_standby", "-N", active, "-D", check=True)
        self.cluster.wait(lambda status: status.online == set(NODES), 60)
        return _sample(told)

    def _cut_off(self, contender: Contender, active: str, other: str) -> Sample:
        with self._asking(contender, active, other) as told:
            began = time.time()
            self.lab.cut(active)
            self.home(contender, of=(other,))
            told.calls = len(self.lab.ec2.calls)
        told.detection, told.decision = (1000 * (when - began) for when in _logged(self.cluster.log(other), began))
        self._change(other, "constraints", "<constraints/>")  # before the nodes meet again: the newer one holds
        self._change(other, "resources", "<resources/>")
        self.lab.heal()
        self.cluster.wait(lambda status: status.online == set(NODES), 60)
        self.cluster.wait(lambda status: not status.running, 60)
        return _sample(told)

    @contextmanager
    def _asking(self, contender: Contender, active: str, other: str) -> Iterator[_Told]:
        """Ask while it moves, and for a while before and after. Raises RuntimeError when it did not come back."""
        told = _Told()
        probe = self._probe(contender)
        time.sleep(1)
        self.lab.ec2.forget()
        yield told
        self.lab.mirror.settle()
        time.sleep(1.5)
        told.report = probe.stop()
        udp = told.report.udp
        if set(udp.by) != {active, other} or udp.gap_at + udp.gap_ms / 1000 > told.report.ended - 0.5:
            raise RuntimeError(f"{contender.name}: the service did not come back on {other}: {told.report}")
        if contender.asked == "virtual IP":
            self._moved(other)

    def _moved(self, name: str) -> None:
        """Raise RuntimeError where an entry for the virtual IP, of any table, does not target that node."""
        eni, to = self.lab.vpc.nodes[name].interfaces[0].eni, f"{self.lab.vpc.vip}/32"
        for name_of_it, entries in route_tables(self.lab.ec2.truth(), self.lab.vpc.vpc).items():
            if to in entries and entries[to][0] != eni:
                raise RuntimeError(f"the entry of table {name_of_it} targets {entries[to][0]}, not {name}")

    def _probe(self, contender: Contender) -> Probe:
        if contender.asked == "virtual IP":
            return Probe(self.lab.hosts["client"], self.lab.vpc.vip)
        return Probe(self.lab.hosts["internet"], self.lab.vpc.public_ip)

    def _settled(self, contender: Contender, name: str) -> None:
        """The packets come to that node, and no monitor is under way."""
        self.lab.mirror.settle()
        probe = self._probe(contender)
        time.sleep(2)
        report = probe.stop()
        if set(report.udp.by) != {name}:
            raise RuntimeError(f"{contender.name} runs on {name}, but {report.udp.by or 'nobody'} answers")

    def _change(self, on: str, section: str, xml: str) -> None:
        """Put a section of the configuration in the place of the one that is there."""
        self.lab.hosts[on].run("cibadmin", "--replace", "--scope", section, "--xml-text", xml, check=True)

    def _names(self) -> dict[str, str]:
        tables = ",".join(table for name, table in self.lab.vpc.tables.items() if name != "main")
        vpc = self.lab.vpc
        return {
            "vip": vpc.vip,
            "eip": vpc.public_ip,
            "allocation": vpc.allocation,
            "region": REGION,
            "tables": tables,
        }

    @contextmanager
    def _addressed(self, contender: Contender) -> Iterator[None]:
        """Have the virtual IP on both nodes meanwhile, where the contender wants that."""
        for verb in ("add", "del"):
            for name in NODES if contender.on_both else ():
                self.lab.hosts[name].run("ip", "address", verb, f"{self.lab.vpc.vip}/32", "dev", "lo", check=True)
            if verb == "add":
                yield

    def _note(self, contender: Contender, event: EventName, sample: Sample) -> None:
        self.found.setdefault(contender.name, {}).setdefault(event, []).append(sample)
        print(f"{self.tables} tables, {contender.name}, {event}: {sample}", file=sys.stderr, flush=True)


@dataclass
class _Told:
    """What is gathered while one move goes on."""

    report: Report | None = None
    calls: int = 0
    detection: float = 0
    decision: float = 0


def _sample(told: _Told) -> Sample:
    assert told.report  # _asking has put it there
    ways = told.report.udp.gap_ms, told.report.connect.gap_ms, told.report.session.gap_ms
    return Sample(*ways, told.report.resets, told.calls, round(told.detection), round(told.decision))


def _logged(log: str, began: float) -> tuple[float, float]:
    """When the survivor heard that the other is lost, and when Pacemaker first started something (time.time())."""
    year = datetime.now().astimezone().year
    lost = started = 0.0
    for line in log.splitlines():
        if not (when := _when(line, year)) or when < began:
            continue
        if not lost and all(part in line for part in LOST):
            lost = when
        if lost and "Initiating start operation" in line:
            started = when
            break
    if not started:
        raise RuntimeError("the log tells of no failure")
    return lost, started


def _when(line: str, year: int) -> float:
    """The time at a log line's beginning; 0 where there is none."""
    try:
        return datetime.strptime(f"{year} {line[:19]}", "%Y %b %d %H:%M:%S.%f").timestamp()  # noqa: DTZ007  local time
    except ValueError:
        return 0


@contextmanager
def arena(kit: bytes, tables: int) -> Iterator[Arena]:
    """A lab with so many route tables and a cluster with all contenders, stopped."""
    with net_lab(kit, tables=tables, forwards=True) as lab:
        lab.ec2.delay_ms = DELAY_MS
        for name in NODES:  # the peers' own documentation asks for a Region in a profile
            config = lab.hosts[name].root / "root/.aws/config"
            config.write_text(f"{config.read_text()}region = {REGION}\n")
            echo.start(lab.hosts[name])
        cluster = Cluster(lab, token=TOKEN_MS)
        # All nodes share one machine here: without this, its load makes Pacemaker do one thing at a time.
        cluster.configure("property load-threshold=10000%\nrsc_defaults resource-stickiness=100\n")
        yield Arena(lab, cluster, tables)


def section(result: dict[str, Any]) -> str:
    """The page's section."""
    rows, gaps = [], dict[str, dict[int, float]]()
    for event in ("planned", "cut off"):
        for tables, contenders in result["tables"].items():
            for name, events in contenders.items():
                samples = events.get(event, [])
                if not samples:
                    continue
                after = [each["udp"] - each["decision"] for each in samples]
                ways = [[each[way] for each in samples] for way in ("udp", "connect", "session")]
                calls = median(each["calls"] for each in samples)
                rows.append(
                    [
                        event,
                        tables,
                        name,
                        *map(_span, [*ways, after if event == "cut off" else []]),
                        f"{calls:g}",
                        str(len(samples)),
                    ]
                )
                if len(contenders) > 1 and "eip" not in name and event == "planned":
                    gaps.setdefault(name, {})[int(tables)] = median(ways[0]) / 1000
    head = ["event", "tables", "who", "datagrams out, s", "new TCP out, s", "session out, s", "since the decision, s"]
    told = ", ".join(f"{name} {version}" for name, version in result["machine"].items())
    cli = f"{median(result['cli_s']):.2f} s"
    return (
        _TEXT.format(delay=result["delay_ms"], token=result["token_ms"], versions=told, cli=cli)
        + table([*head, "EC2 calls", "n"], rows)
        + "\n"
        + curves("failover", "planned move: service gap", "route tables", "seconds without service", gaps)
    )


def _span(values: Sequence[float]) -> str:
    """The median, and in parentheses the least and the most, of milliseconds in seconds; empty: no text."""
    if not values:
        return ""
    return f"{median(values) / 1000:.2f} ({min(values) / 1000:.2f}-{max(values) / 1000:.2f})"


def versions() -> dict[str, str]:
    """What was measured with, as Debian numbers it."""
    packages = ("pacemaker", "corosync", "resource-agents", "awscli")
    told = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *packages],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return {"python": platform.python_version(), **dict(line.split(" ", 1) for line in told.splitlines())}


def _yardstick() -> float:
    """Seconds that the peers' own tool takes to start here."""
    began = time.perf_counter()
    subprocess.run(["aws", "--version"], capture_output=True, check=True)  # noqa: S607
    return time.perf_counter() - began


def main() -> None:
    """Measure, and write the samples down."""
    parser = argparse.ArgumentParser("python -m bench.failover", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--slow-runs", type=int, default=2, help=f"of a peer from {SLOW_FROM} tables on")
    parser.add_argument("--tables", type=int, nargs="+", default=TABLES)
    parser.add_argument("--only", default="", metavar="TEXT", help="contenders whose name contains it")
    parser.add_argument("--result", type=Path, default=RESULTS / "failover.json")
    given = parser.parse_args()
    if (trouble := why_not()) is not None:
        parser.exit(1, f"{trouble}\n")
    kit = staged()
    found: dict[str, dict[str, dict[str, list[Sample]]]] = {}
    for tables in given.tables:
        with arena(kit, tables) as made:
            for number in range(given.runs):
                for each in CONTENDERS:
                    few = each.peer and each.asked == "virtual IP" and tables >= SLOW_FROM
                    wanted = given.slow_runs if few else given.runs
                    again = each.asked == "virtual IP" or tables == min(given.tables)
                    if given.only in each.name and number < wanted and again:
                        made.run(each)
        found[str(tables)] = made.found
        _write(given.result, found)


def _write(result: Path, found: dict[str, dict[str, dict[str, list[Sample]]]]) -> None:
    """Put the samples of these tables into the file, beside those of others that are there."""
    tables: dict[str, Any] = json.loads(result.read_text())["tables"] if result.exists() else {}
    for number, contenders in found.items():
        tables[number] = {
            name: {event: [asdict(sample) for sample in samples] for event, samples in events.items()}
            for name, events in contenders.items()
        }
    said = {
        "machine": versions(),
        "cli_s": [_yardstick() for _ in range(5)],
        "delay_ms": DELAY_MS,
        "token_ms": TOKEN_MS,
        "tables": dict(sorted(tables.items(), key=lambda each: int(each[0]))),
    }
    result.parent.mkdir(exist_ok=True)
    result.write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
