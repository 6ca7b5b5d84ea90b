"""The lines of docs/pacemaker.md, taken out of the page and pasted into a real cluster: by crm, and by pcs.

Each block is complete: all that it makes runs where it is to run, has a monitor, and EC2 says the same. What fencing
does, and what is done in an outage, is told in tests/packets/fencing.py.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from lab import PROJECT
from lab.ec2.vpc import addresses, private_addresses, route_tables
from lab.net import fence
from lab.net.hosts import Host
from lab.net.network import NODES, NetLab, net_lab
from lab.net.pacemaker import Cluster
from lab.protected import judge

HEARTBEAT = "/usr/lib/ocf/resource.d/heartbeat"
TOOLS = ("crm", "pcs", "crm_resource")
ABSENT = ("SAPInstance", "aws-vpc-move-ip")  # what they manage, or call, is not on the nodes


def section(heading: str) -> str:
    """The text of a section of the page, without those below it."""
    page = (PROJECT / "docs/pacemaker.md").read_text()
    _, found, rest = page.partition(f"# {heading}\n")
    assert found, heading
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(heading: str, tool: str) -> list[str]:
    """What a section has to paste that begins with that program."""
    found = [textwrap.dedent(block) for block in re.findall(r"(?:^ {4,}.*\n)+", section(heading), re.MULTILINE)]
    return [block for block in found if block.split()[0] == tool]


@dataclass
class Page:
    """The lab with a cluster that has no resources, and what the page's values are here."""

    lab: NetLab
    cluster: Cluster
    empty: str = ""  # the configuration before anything is pasted; resources are not let run

    def here(self, block: str) -> str:
        """A block of the page, with this lab's interface, ids and addresses."""
        vpc, (one, two) = self.lab.vpc, [self.lab.vpc.nodes[name] for name in NODES]
        tables = ",".join(table for name, table in vpc.tables.items() if name != "main")
        first, second = one.interfaces[0], two.interfaces[0]
        values = {"eth1": "eth0", "rtb-1,rtb-2,rtb-3": tables, "rtb-1,rtb-2": tables, "eu-west-1": "us-east-1"}
        values |= {"eni-1,eni-2": f"{first.eni},{second.eni}", "eni-1,eni-3": f"{second.eni},{first.eni}"}
        values |= {"i-1": one.instance_id, "i-2": two.instance_id}
        values |= {"10.0.2.12": first.private_ip, "10.0.4.12": second.private_ip}
        return re.sub("|".join(rf"\b{each}\b" for each in values), lambda found: values[found[0]], block)

    def paste(self, block: str) -> None:
        """Run a block in a shell of a node."""
        host = next(self.lab.hosts[name] for name in NODES if name in self.lab.hosts)
        host.run("sh", "-ec", self.here(block), check=True, timeout=180)

    def configuration(self) -> str:
        """What is configured."""
        return self.lab.hosts["node1"].run("cibadmin", "--query", "--scope", "configuration", check=True).stdout

    def run_together(self, *together: str) -> None:
        """Each of these (names of resources) runs whole on one node, and EC2 names the same one."""
        sets = [each.split() for each in together]
        ids = {each for names in sets for each in names}
        status = self.cluster.wait(lambda status: all(status.running.get(each) for each in ids), 40)
        assert not status.failed
        assert status.running.keys() == ids
        homes = [{node for each in names for node in status.running[each]} for names in sets]
        assert all(len(each) == 1 for each in homes), status.running
        holders = self.holders()
        for primitive in ET.fromstring(self.configuration()).iterfind(".//primitive"):  # noqa: S314  the lab's own
            name, given = primitive.get("id", ""), parameters(primitive)
            assert [op for op in primitive.iterfind(".//op[@name='monitor']") if op.get("interval") != "0s"], name
            if primitive.get("provider") == "ec2kit":
                address = given.get("elastic_ip") or given["ip"]
                assert {holders[address]} == set(status.running[name]), (name, address)

    def holders(self) -> dict[str, str | None]:
        """The node that has an address, by EC2's truth; None: several."""
        client, vpc = self.lab.ec2.truth(), self.lab.vpc
        names = {vpc.nodes[name].interfaces[0].eni: name for name in NODES}
        private = {address: names.get(eni) for address, eni in private_addresses(client, vpc.vpc).items()}
        public = {address: names.get(eni or "") for address, (eni, _) in addresses(client).items()}
        found: dict[str, set[str | None]] = {}
        for table, entries in route_tables(client, vpc.vpc).items():
            for to, (target, _) in entries.items():
                if table != "main" and to.endswith("/32"):
                    found.setdefault(to.removesuffix("/32"), set()).add(names.get(target))
        return {**private, **public, **{to: each.pop() if len(each) == 1 else None for to, each in found.items()}}

    def let_run(self, *, on: bool) -> None:
        """Let the resources run, or stop them all."""
        value = "false" if on else "true"
        self.lab.hosts["node1"].run("crm_attribute", "--name", "stop-all-resources", "--update", value, check=True)

    def clear(self) -> None:
        """Stop all resources, and take them away with all else that was pasted."""
        self.let_run(on=False)
        self.cluster.wait(lambda status: not any(status.running.values()), 40)
        command = ("cibadmin", "--replace", "--scope", "configuration", "--xml-pipe")
        self.lab.hosts["node1"].run(*command, stdin=self.empty, check=True)
        assert not self.cluster.wait(lambda status: not status.running, 40).failed


def parameters(primitive: ET.Element) -> dict[str, str]:
    """The parameters of a resource, those of a rule by the rule's node."""
    found: dict[str, str] = {}
    for given in primitive.iterfind("instance_attributes"):
        where = "".join(f"@{each.get('value')}" for each in given.iterfind("rule/expression"))
        found |= {each.get("name", "") + where: each.get("value", "") for each in given.iterfind("nvpair")}
    return found


def meaning(told: str) -> Any:
    """What a configuration says, whatever its ids and order: resources, constraints, defaults, fencing."""
    configuration = ET.fromstring(told)  # noqa: S314  the lab's own Pacemaker

    def values(above: ET.Element, path: str) -> set[tuple[str | None, str | None]]:
        return {(each.get("name"), each.get("value")) for each in above.iterfind(path)}

    resources = {
        each.get("id"): (
            *(each.get(name) for name in ("class", "provider", "type")),
            parameters(each),
            values(each, "meta_attributes/nvpair") - {("target-role", "Started")},
            {(op.get("interval"), op.get("timeout")) for op in each.iterfind(".//op[@name='monitor']")},
        )
        for each in configuration.iterfind(".//primitive")
    }
    groups = {
        each.get("id"): (
            [one.get("id") for one in each.iterfind("primitive")],
            values(each, "meta_attributes/nvpair"),
        )
        for each in configuration.iterfind(".//group")
    }
    same = {"inf": "INFINITY", "Mandatory": None}  # the latter is what counts without a word
    constraints = {
        frozenset(
            (name, same.get(value, value)) for name, value in each.items() if name != "id" and same.get(value, value)
        )
        for each in configuration.iterfind("constraints/*")
    }
    options = {(name, value) for name, value in values(configuration, "crm_config//nvpair") if "fenc" in f"{name}"}
    return resources, groups, constraints, values(configuration, "rsc_defaults//nvpair"), options


@pytest.fixture(scope="module")
def page(kit: bytes) -> Iterator[Page]:
    """A lab with both nodes in one subnet, and a cluster without a resource."""
    with net_lab(kit, tables=3, private=True) as lab:
        for name in NODES:
            for agent in ABSENT:
                absent(lab, name, agent)
            fence.place(lab.hosts[name])
        made = Page(lab, Cluster(lab))
        made.let_run(on=False)
        made.empty = made.configuration()
        yield made
        judge(lab.ec2)


def absent(lab: NetLab, name: str, agent: str) -> None:
    """Let an agent of ClusterLabs' have its own meta-data, and do what their Dummy does."""
    host = lab.hosts[name]
    host.run("mv", f"{HEARTBEAT}/{agent}", f"{HEARTBEAT}/.{agent}", check=True)
    text = f'#!/bin/sh\n[ "$1" = meta-data ] && exec {HEARTBEAT}/.{agent} "$1"\nexec {HEARTBEAT}/Dummy "$@"\n'
    host.write(f"{HEARTBEAT}/{agent}", text, 0o755)


SECTIONS = {
    "Set up": ["vip-ip vip-route public"],
    "Side by side": ["vip-ip vip-route"],
    "Interfaces that are called differently": ["vip-ip vip-route"],
    "A private address, with an Elastic IP on it": ["vip-ip vip-private public"],
    "An Elastic IP on a chosen private address": ["public"],
    "SAP ASCS and ERS, two addresses": ["ascs-ip ascs-route ascs", "ers-ip ers-route ers"],
    "Fencing": ["fence"],
}
AFTERWARDS = {"Set up": ["Other values without a restart", "Before it is started", "A trace"]}  # of what runs then


@pytest.mark.parametrize("heading", SECTIONS)
def test_what_a_section_says_to_paste_runs(page: Page, heading: str) -> None:
    """Its program takes each block; crm's and pcs's mean the same, and all that crm's make runs."""
    made = {}
    with differently(page.lab.hosts["node2"]) if "differently" in heading else nullcontext():
        for tool in ("pcs", "crm"):
            page.clear()
            page.let_run(on=tool == "crm")
            for block in blocks(heading, tool):
                page.paste(block)
            made[tool] = meaning(page.configuration())
        assert made["crm"] == made["pcs"]
        page.run_together(*SECTIONS[heading])
        for line in AFTERWARDS.get(heading, []):
            for block in (block for tool in TOOLS for block in blocks(line, tool)):
                page.paste(block)
        page.run_together(*SECTIONS[heading])
        page.clear()


@pytest.mark.parametrize("tool", ["crm", "pcs"])
def test_a_former_agent_is_taken_out(page: Page, tool: str) -> None:
    """Its resource runs, and the lines for changing over leave nothing of it, without a failure."""
    heading = "Changing over from aws-vpc-move-ip"
    page.let_run(on=True)
    former, *_ = blocks(heading, "crm")
    page.paste(former)
    page.cluster.wait(lambda status: bool(status.running.get("vip")), 40)
    page.paste(blocks(heading, tool)[-1])
    assert not page.cluster.wait(lambda status: not status.running, 40).failed
    assert "<primitive" not in page.configuration()


def test_no_block_of_the_page_is_left_out() -> None:
    """Each section that has lines to paste is one that a test pastes."""
    page = (PROJECT / "docs/pacemaker.md").read_text()
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    to_paste = [each for each in headings if any(blocks(each, tool) for tool in TOOLS)]
    elsewhere = ["Moving or shutting down while EC2's API is away", "Changing over from aws-vpc-move-ip"]
    afterwards = [each for lines in AFTERWARDS.values() for each in lines]
    assert sorted(to_paste) == sorted([*SECTIONS, *afterwards, *elsewhere])


@contextmanager
def differently(host: Host) -> Iterator[None]:
    """Let a node's interface have the second name of the page."""
    host.run("ip", "link", "set", "eth0", "name", "ens6", check=True)
    yield
    host.run("ip", "link", "set", "ens6", "name", "eth0", check=True)
