"""An OCF agent on the lab's nodes, as Pacemaker calls it."""

from __future__ import annotations

from dataclasses import dataclass
from subprocess import CompletedProcess

from lab.ec2.vpc import PrivateLab, RouteLab
from lab.nodes import Node
from lab.protected import Protected, eni_of, through_the_front


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
    if isinstance(vpc, PrivateLab):
        peers = ",".join(eni_of(protected.lab, name) for name in protected.lab.nodes)
        return Agent(protected, "private", {"ip": vpc.address, "peers": peers, "interface": "eth1"})
    named = {"elastic_ip": vpc.public_ip, "allocation_id": vpc.allocation}
    return Agent(protected, "eip", {**named, "interface": "eth1"})


def take(protected: Protected, name: str) -> None:
    """Somebody gives the address to a node of that name, past the kit."""
    vpc, client = protected.lab.vpc, through_the_front(protected.lab)
    eni = eni_of(protected.lab, name)
    if isinstance(vpc, RouteLab):
        for table in ("A", "B"):
            client.replace_route(
                RouteTableId=vpc.tables[table], DestinationCidrBlock=f"{vpc.vip}/32", NetworkInterfaceId=eni
            )
    elif isinstance(vpc, PrivateLab):
        client.assign_private_ip_addresses(
            NetworkInterfaceId=eni, PrivateIpAddresses=[vpc.address], AllowReassignment=True
        )
    else:
        client.associate_address(AllocationId=vpc.allocation, NetworkInterfaceId=eni, AllowReassociation=True)
