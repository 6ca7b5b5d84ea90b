"""Whole processes on the lab: each verb of the kit, and the peers, in turns.

    python -m bench.processes [--rounds N] [--kit NAME=PREFIX ...] [--only TEXT] [--result FILE]

EC2 is moto behind the lab's front: TLS, boto3's root certificates, 50 ms a call, the
instance role's credentials over IMDSv2. Each round runs every contender of a work once, one after the other, so that
a busy moment hits all of them alike. --kit: an installed ec2kit (default: this checkout, installed into a folder of
its own that is gone afterwards).
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.tables import bars, spread, table
from lab import PROJECT
from lab.ec2.buckets import Buckets
from lab.ec2.server import serial
from lab.ec2.tls import among_others
from lab.ec2.vpc import AddressLab, RouteLab
from lab.nodes import Lab, Node, address_lab, route_lab
from lab.protected import Protected, protect

RESULTS = Path(__file__).parent / "results"
DELAY_MS = 50.0
TABLES = (1, 5, 20)
CLI = "/usr/bin/aws"  # Debian's and the agents' own default
_KIT = "ec2kit"


@dataclass(frozen=True)
class Sample:
    """One process: seconds of wall and CPU, peak MB; EC2 calls, serial ones; metadata requests, connections."""

    wall: float
    cpu: float
    rss: float
    calls: int
    serial: int
    metadata: int
    connections: int


@dataclass(frozen=True)
class Contender:
    """Who does a work: its name, and the command that does it on a node."""

    name: str
    command: Callable[[Node], list[str]]


def timed(lab: Lab, node: Node, command: list[str]) -> Sample:
    """Run a command on a node and measure it. Raises RuntimeError when it fails."""
    lab.ec2.forget()
    node.imds.calls.clear()
    before = node.imds.connections
    environment = {
        **node.environment,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{node.imds.url}/",  # with the slash that older CLIs want
        "AWS_CA_BUNDLE": str(lab.ec2.ca_bundle),  # the kit has these two in its settings file too
        "AWS_PAGER": "",
        "AWS_DEFAULT_REGION": node.identity.region,
    }
    given = json.dumps({"command": command, "environment": environment})
    launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    facts = json.loads(subprocess.run(launch, input=given, capture_output=True, text=True, check=True).stdout)
    if facts["code"]:
        raise RuntimeError(f"{' '.join(command)}: {facts['said'][-500:]}")
    calls = lab.ec2.calls
    return Sample(
        facts["wall"],
        facts["cpu"],
        facts["rss"],
        len(calls),
        serial(calls),
        len(node.imds.calls),
        node.imds.connections - before,
    )


@dataclass
class Course:
    """What is measured: rounds, the installed kits by name, which works, and what came of it."""

    rounds: int
    kits: dict[str, Path]
    only: str
    found: dict[str, dict[str, list[Sample]]]

    def run(
        self, work: str, lab: Lab, contenders: list[Contender], before: Callable[[], Node], *, once: bool = False
    ) -> None:
        """Measure a work in turns. before: puts the scene right for the next one; the node that it runs on.

        once: a work that takes so long that one run tells enough; else a first run is not counted.
        """
        if self.only not in work:
            return
        samples = self.found.setdefault(work, {each.name: [] for each in contenders})
        for number in range(1 if once else 1 + self.rounds):
            for each in contenders:
                node = before()
                sample = timed(lab, node, each.command(node))
                if once or number:
                    samples[each.name].append(sample)
        print(f"{work}: done", file=sys.stderr, flush=True)

    def verb(self, verb: str, words: tuple[str, ...]) -> list[Contender]:
        """The kits, each doing a verb of the command line."""
        return [Contender(name, partial(_verb, prefix, verb, words)) for name, prefix in self.kits.items()]

    def action(self, name: str, protected: Protected) -> list[Contender]:
        """The kits, each as LifeKeeper calls it."""
        return [Contender(kit, partial(_action, prefix, name, protected)) for kit, prefix in self.kits.items()]


def _verb(prefix: Path, verb: str, words: tuple[str, ...], _node: Node) -> list[str]:
    return [f"{prefix}/bin/ec2kit", verb, *words]


def _action(prefix: Path, name: str, protected: Protected, _node: Node) -> list[str]:
    return [f"{prefix}/actions/{name}", *protected.options(name)]


def _cli(lab: Lab, _node: Node) -> list[str]:
    assert isinstance(lab.vpc, RouteLab)
    filters = f"Name=route.destination-cidr-block,Values={lab.vpc.vip}/32"
    return [CLI, "ec2", "describe-route-tables", "--endpoint-url", lab.ec2.url, "--filters", filters]


@contextmanager
def _route_lab(folder: str, tables: int) -> Iterator[Lab]:
    with route_lab(Path(folder), tables=tables, tls=True) as lab:
        among_others(Path(str(lab.ec2.ca_bundle)))
        yield lab


def routes(course: Course, tables: int) -> None:
    """The route-table scenario with so many tables."""
    with tempfile.TemporaryDirectory() as folder, _route_lab(folder, max(2, tables)) as lab:
        assert isinstance(lab.vpc, RouteLab)
        if tables == 1:
            truth, other = lab.ec2.truth(), lab.vpc.tables.pop("B")
            truth.delete_route(RouteTableId=other, DestinationCidrBlock=f"{lab.vpc.vip}/32")
        lab.ec2.delay_ms = DELAY_MS
        protected = protect(lab)
        if tables == 1:
            peers = [Contender("aws", partial(_cli, lab))] if Path(CLI).exists() else []
            course.run("check", lab, [*course.verb("check", protected.words), *peers], lambda: lab.node1)
            course.run("quickCheck", lab, course.action("quickCheck", protected), lambda: lab.node1)
        holding = course.verb("hold", protected.words)
        course.run(f"hold {tables}, held already", lab, holding, lambda: lab.node1)
        course.run(f"hold {tables}", lab, holding, partial(_other, protected))


def many_tables(course: Course) -> None:
    """500 tables, and EC2's token buckets: 50 changes at once, then 5 a second, so 90 s for each who moves them."""
    if course.only not in (work := "hold 500, EC2's buckets"):
        return
    with tempfile.TemporaryDirectory() as folder, _route_lab(folder, 500) as lab:
        protected = protect(lab)
        lab.ec2.delay_ms, lab.ec2.buckets = DELAY_MS, Buckets()
        newest = course.verb("hold", protected.words)[-1:]  # of several kits an old one may give up
        course.run(work, lab, newest, partial(_other, protected), once=True)


def _other(protected: Protected) -> Node:
    """The node that does not hold the address."""
    return next(node for name, node in protected.lab.nodes.items() if name != protected.holder())


def elastic_ip(course: Course) -> None:
    """The Elastic IP scenario."""
    with tempfile.TemporaryDirectory() as folder, address_lab(Path(folder), tls=True) as lab:
        among_others(Path(str(lab.ec2.ca_bundle)))
        protected = protect(lab)
        lab.ec2.delay_ms = DELAY_MS
        course.run("eip check", lab, course.verb("check", protected.words), lambda: lab.node1)
        course.run("eip hold", lab, course.verb("hold", protected.words), partial(_other, protected))
        course.run("eip release", lab, course.verb("release", protected.words), partial(_on_node1, lab))


def _on_node1(lab: Lab) -> Node:
    """Node 1, with the Elastic IP on it."""
    assert isinstance(lab.vpc, AddressLab)
    lab.ec2.truth().associate_address(
        AllocationId=lab.vpc.allocation,
        NetworkInterfaceId=lab.node1.identity.interfaces[1].eni,
        AllowReassociation=True,
    )
    return lab.node1


@contextmanager
def installed(project: Path) -> Iterator[Path]:
    """The kit of a checkout, installed into a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ec2kit-bench-") as folder:
        places = {"prefix": "kit", "sbin": "sbin", "lkroot": "LifeKeeper", "defaults": "defaults", "ocf-root": "ocf"}
        options = [word for name, place in places.items() for word in (f"--{name}", f"{folder}/{place}")]
        subprocess.run([sys.executable, str(project / "install"), *options], stdout=sys.stderr, check=True)
        yield Path(folder, "kit")


@contextmanager
def kits(given: list[str]) -> Iterator[dict[str, Path]]:
    """The installed kits that NAME=PREFIX options name; without any, this checkout's."""
    if given:
        yield {name: Path(prefix) for name, _, prefix in (each.partition("=") for each in given)}
    else:
        with installed(PROJECT) as prefix:
            yield {_KIT: prefix}


def section(result: dict[str, Any]) -> str:
    """The page's section."""
    works: dict[str, dict[str, list[dict[str, float]]]] = result["works"]
    head = ["work", "who", "wall s", "CPU s", "peak MB", "EC2 calls", "of them serial", "metadata", "wall / aws"]
    rows = [
        [
            work,
            name,
            spread([each["wall"] for each in samples]),
            spread([each["cpu"] for each in samples]),
            f"{median(each['rss'] for each in samples):.0f}",
            *(f"{median(each[count] for each in samples):g}" for count in ("calls", "serial", "metadata")),
            _ratio(samples, contenders.get("aws", [])),
        ]
        for work, contenders in works.items()
        for name, samples in contenders.items()
    ]
    medians = {
        f"{work}: {name}": {"wall": median(each["wall"] for each in samples)}
        for work, contenders in works.items()
        for name, samples in contenders.items()
        if len(samples) > 1 and "already" not in work  # neither a minute and a half, nor each look three times
    }
    return (
        f"## Whole processes\n\nEC2 over TLS with {result['delay_ms']:g} ms a call and boto3's root certificates, "
        f"the instance role's credentials over IMDSv2, n={result['rounds']}, Python {result['python']}. "
        "A number behind hold: route tables. aws: "
        "`aws ec2 describe-route-tables` of Debian's awscli, which ClusterLabs' agents call for each table. The "
        "last row is one run against EC2's token buckets as AWS documents them, which serve 500 changes in 90 s. A "
        "fourth serial call of hold 20: of twenty sent together the last began when the first had ended.\n\n"
        + table(head, rows)
        + "\n"
        + bars("processes", "whole processes, median wall time", "s", medians)
    )


def _ratio(samples: list[dict[str, float]], peers: list[dict[str, float]]) -> str:
    """Wall time by that of the peer's run in the same round."""
    return spread([own["wall"] / peer["wall"] for own, peer in zip(samples, peers, strict=True)], 2) if peers else ""


def main() -> None:
    """Measure, and write the samples down."""
    parser = argparse.ArgumentParser("python -m bench.processes", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--kit", action="append", default=[], metavar="NAME=PREFIX")
    parser.add_argument("--only", default="", metavar="TEXT", help="works whose name contains it")
    parser.add_argument("--result", type=Path, default=RESULTS / "processes.json")
    given = parser.parse_args()
    with kits(given.kit) as found:
        course = Course(given.rounds, found, given.only, {})
        for tables in TABLES:
            routes(course, tables)
        elastic_ip(course)
        many_tables(course)
    said = {
        "python": platform.python_version(),
        "delay_ms": DELAY_MS,
        "rounds": given.rounds,
        "works": {
            work: {name: [_rounded(sample) for sample in samples] for name, samples in contenders.items()}
            for work, contenders in course.found.items()
        },
    }
    given.result.parent.mkdir(exist_ok=True)
    given.result.write_text(json.dumps(said) + "\n")


def _rounded(sample: Sample) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(sample).items()}


if __name__ == "__main__":
    main()
