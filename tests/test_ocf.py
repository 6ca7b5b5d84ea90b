"""The OCF agents through their executables: what Pacemaker is told, and when nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from subprocess import CompletedProcess

import pytest

from lab.nodes import Node
from lab.vpc import RouteLab
from tests.cluster import Protected, eni_of, through_the_front

SUCCESS, NOT_RUNNING = 0, 7


@dataclass(frozen=True)
class Agent:
    """One agent on the lab's nodes, with the parameters of the lab's resource."""

    protected: Protected
    kind: str
    parameters: dict[str, str]

    def run(self, action: str, node: Node, **more: str) -> CompletedProcess[str]:
        """Run one action as Pacemaker does; more: parameters, on top of the resource's own."""
        return node.ocf(self.kind, action, **self.environment(**more))

    def environment(self, **more: str) -> dict[str, str]:
        """What Pacemaker adds to its own environment."""
        given = {f"OCF_RESKEY_{name}": value for name, value in {**self.parameters, **more}.items() if value}
        return {"OCF_RESOURCE_INSTANCE": "vip", "OCF_RESKEY_CRM_meta_timeout": "20000", **given}

    def monitor(self, node: Node, **more: str) -> CompletedProcess[str]:
        """The recurring monitor."""
        return self.run("monitor", node, CRM_meta_interval="30000", **more)

    def probe(self, node: Node, **more: str) -> CompletedProcess[str]:
        """The monitor that asks whether it runs here."""
        return self.run("monitor", node, CRM_meta_interval="0", **more)


def agent_of(protected: Protected) -> Agent:
    """The agent for the lab's resource."""
    vpc = protected.lab.vpc
    if isinstance(vpc, RouteLab):
        return Agent(protected, "route", {"ip": vpc.vip, "interface": "eth1"})
    named = {"elastic_ip": vpc.public_ip, "allocation_id": vpc.allocation}
    return Agent(protected, "eip", {**named, "interface": "eth1"})


@pytest.fixture
def agent(either: Protected) -> Agent:
    """Both agents, one after the other; the address is on node1, and nothing is remembered yet."""
    return agent_of(either)


@pytest.fixture
def eip_agent(eip: Protected) -> Agent:
    """The agent for Elastic IPs."""
    return agent_of(eip)


@pytest.fixture
def route_agent(routes: Protected) -> Agent:
    """The agent for routes."""
    return agent_of(routes)


def hurry(*nodes: Node) -> None:
    """Few retries and a small budget, so that waiting for nothing is short."""
    for node in nodes:
        node.set(EC2_MAX_RETRY=1, EC2_RESTORE_TIMEOUT=6, EC2_REMOVE_TIMEOUT=6, EC2_QUICKCHECK_TIMEOUT=5)


def reason(done: CompletedProcess[str]) -> str:
    """The exit reason, which is the last line."""
    prefix, _, text = done.stderr.splitlines()[-1].partition(":")
    assert prefix == "ocf-exit-reason"
    return text


def take(agent: Agent, name: str) -> None:
    """Somebody gives the address to a node of that name, past the agents."""
    vpc, client = agent.protected.lab.vpc, through_the_front(agent.protected.lab)
    eni = eni_of(agent.protected.lab, name)
    if isinstance(vpc, RouteLab):
        for table in ("A", "B"):
            client.replace_route(
                RouteTableId=vpc.tables[table], DestinationCidrBlock=f"{vpc.vip}/32", NetworkInterfaceId=eni
            )
    else:
        client.associate_address(AllocationId=vpc.allocation, NetworkInterfaceId=eni, AllowReassociation=True)


def test_a_planned_move(agent: Agent) -> None:
    """stop on one node, start on the other; each says the truth about itself all the time, and is silent about it."""
    one, two = agent.protected.lab.node1, agent.protected.lab.node2
    assert [agent.probe(one).returncode, agent.probe(two).returncode] == [SUCCESS, NOT_RUNNING]
    assert agent.run("stop", one).returncode == SUCCESS
    assert agent.probe(one).returncode == NOT_RUNNING
    assert agent.run("start", two).returncode == SUCCESS
    assert agent.protected.holder() == "node2"
    watched = [agent.monitor(two), agent.probe(two), agent.probe(one)]
    assert [done.returncode for done in watched] == [SUCCESS, SUCCESS, NOT_RUNNING]
    assert [done.stdout + done.stderr for done in watched] == ["", "", ""]
    assert agent.run("start", two).returncode == SUCCESS
    assert agent.run("stop", one).returncode == SUCCESS
    assert agent.protected.holder() == "node2"
