"""One protected resource on the lab, and a judge over every call that was sent for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import boto3

from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.private import PrivateResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.model import EniId, TableId
from ec2kit.lifekeeper.info import Info, encode
from lab import PROJECT
from lab.ec2.server import Call, Ec2
from lab.ec2.vpc import AddressLab, PrivateLab, RouteLab, addresses, private_addresses, route_tables
from lab.lifekeeper import generic as harness
from lab.nodes import Lab, Node

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

SLACK = 3.0  # seconds that a busy machine may add to a budget and its one second; what hangs, hangs far longer
CHANGING_VERBS = {"restore", "remove", "recover", "hold", "release", "start", "stop", "reload-agent"}
READING = re.compile("Describe|Get|List")


def policy() -> set[str]:
    """The EC2 operations that the IAM policy of docs/reference.md allows."""
    (text,) = re.findall(r"```json\n(\{.*?\})\n```", (PROJECT / "docs/reference.md").read_text(), re.DOTALL)
    return {
        action.removeprefix("ec2:") for statement in json.loads(text)["Statement"] for action in statement["Action"]
    }


def judge(ec2: Ec2) -> None:
    """Every call of the kit: only the acting verbs change anything, and nothing outside the policy is called."""
    allowed = policy()
    for call in ec2.history:
        if "ec2kit/" in call.agent:
            assert call.action in allowed, f"{call.action} is not in the IAM policy of docs/reference.md"
            reads = READING.match(call.action) or call.params.get("DryRun") == "true"
            assert reads or verb_of(call) in CHANGING_VERBS, f"{verb_of(call)}: {call.action}"


def verb_of(call: Call) -> str:
    """Which action or verb of the kit sent the call."""
    (verb,) = re.findall(r"ec2kit-action/([\w-]+)", call.agent)
    return str(verb)


@dataclass(frozen=True)
class Protected:
    """One protected resource on the lab: tag, id, its command-line name, and the lab.

    generic: it is a Generic Application of LifeKeeper's, which has copies of the kit's scripts.
    """

    lab: Lab
    tag: str
    id: str
    words: tuple[str, ...]  # of the command line: kind, address, --interface eth1
    generic: bool = False

    def run(self, action: str, node: Node) -> CompletedProcess[str]:
        """Run one action as LifeKeeper's core does."""
        return node.run(str(self.program(action, node)), *self.options(action))

    def program(self, action: str, node: Node) -> Path:
        """What LifeKeeper's core runs for an action: of a Generic Application the harness, or its copy of recover."""
        if not self.generic:
            return node.script(action)
        return node.copy_of(action, self.tag) if action == "recover" else node.harness(action)

    def options(self, action: str) -> tuple[str, ...]:
        """What LifeKeeper's core gives an action."""
        if action == "recover" and not self.generic:
            return ("-C", "ec2", "-E", "ec2fail", "-m", "lkcheck", "-n", self.tag, "-i", "1", "-t", "261123120000")
        return ("-t", self.tag, "-i", self.id)

    def verb(self, verb: str, node: Node, *more: str) -> CompletedProcess[str]:
        """Run one verb of the command line."""
        return node.ec2kit(*self.line(verb), *more)

    def line(self, verb: str) -> tuple[str, ...]:
        """One verb of the command line; hold with --force, for LifeKeeper has the address."""
        return (verb, *self.words, *(("--force",) if verb == "hold" else ()))

    def holder(self) -> str | None:
        """The node that holds the address in truth, read past the front; None when none does, wholly."""
        truth = self.lab.ec2.truth()
        if isinstance(self.lab.vpc, PrivateLab):
            eni = private_addresses(truth, self.lab.vpc.vpc).get(self.lab.vpc.address)
            return next((name for name in self.lab.nodes if eni_of(self.lab, name) == eni), None)
        if isinstance(self.lab.vpc, AddressLab):
            eni = addresses(truth)[self.lab.vpc.public_ip][0]
            return next((name for name in self.lab.nodes if eni_of(self.lab, name) == eni), None)
        destination = f"{self.lab.vpc.vip}/32"
        tables = route_tables(truth, self.lab.vpc.vpc)
        targets = {routes[destination][0] for routes in tables.values() if destination in routes}
        return next((name for name in self.lab.nodes if targets == {eni_of(self.lab, name)}), None)

    def state(self, node: Node, state: str) -> None:
        """Tell LifeKeeper that the resource is in that state there."""
        node.lk("ins_setstate", "-t", self.tag, "-S", state).check_returncode()


def eni_of(lab: Lab, name: str, interface: str = "eth1") -> str:
    """The ENI behind a node's interface."""
    return next(each.eni for each in lab.nodes[name].identity.interfaces if each.name == interface)


def protect(lab: Lab, *, generic: bool = False) -> Protected:
    """Make the lab's resource on both nodes: in service on node1, where the address is.

    generic: as a Generic Application. sendevent only writes down how it was called, so that a quickCheck that fails
    starts no recovery in the middle of a test; the recovery itself is tests/promises/test_story.py's.
    """
    resource: Resource
    if isinstance(lab.vpc, RouteLab):
        recorded = frozenset(
            TableId(lab.vpc.tables[name]) for name in lab.vpc.tables if name not in {"public", "main"}
        )
        resource = RouteResource(IPv4Address(lab.vpc.vip), "eth1", recorded)
        words: tuple[str, ...] = ("route", lab.vpc.vip, "--interface", "eth1")
    elif isinstance(lab.vpc, PrivateLab):
        peers = frozenset(EniId(eni_of(lab, name)) for name in lab.nodes)
        resource = PrivateResource(IPv4Address(lab.vpc.address), "eth1", peers)
        words = ("private", lab.vpc.address, "--interface", "eth1", *(f"--peer={eni}" for eni in sorted(peers)))
    else:
        resource = ElasticIpResource(IPv4Address(lab.vpc.public_ip), "eth1")
        words = ("eip", lab.vpc.public_ip, "--interface", "eth1")
    tag = f"ec2-{words[1]}"
    made = Protected(lab, tag, tag if generic else f"EC2-{words[1]}", words, generic)
    app, kind = (harness.APP, harness.TYPE) if generic else ("comm", "ec2")
    for node, state in ((lab.node1, "INIT_ISP"), (lab.node2, "INIT_OSU")):
        which = ("-a", app, "-r", kind, "-t", made.tag, "-i", made.id)
        node.lcd("ins_create", *which, "-I", state, "-v", encode(Info(resource)))
        if generic:
            harness.keep(node.lkroot, tag, {script: node.script(script) for script in harness.SCRIPTS})
        sendevent = node.lkroot / "bin/sendevent"
        sendevent.unlink()
        sendevent.write_text(f'#!/bin/sh\necho "$*" >> "{node.root}/events"\n')
        sendevent.chmod(0o755)
    return made


def events(node: Node) -> list[str]:
    """The recovery events that were sent on a node: sendevent's arguments."""
    path = node.root / "events"
    return path.read_text().splitlines() if path.exists() else []


def through_the_front(lab: Lab) -> EC2Client:
    """A client of somebody else's, whose calls the front sees."""
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=lab.ec2.url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
