"""What somebody else does in the AWS account."""

from __future__ import annotations

from dataclasses import replace

from lab.ec2.vpc import RouteLab
from lab.nodes import Lab


def drop_entry(lab: Lab, name: str) -> str:
    """Delete the entry for the virtual IP from a table; the table's id."""
    assert isinstance(lab.vpc, RouteLab)
    table = lab.vpc.tables[name]
    lab.ec2.truth().delete_route(RouteTableId=table, DestinationCidrBlock=f"{lab.vpc.vip}/32")
    return table


def without_ipv4(lab: Lab, name: str, number: int) -> None:
    """Put one of a node's interfaces into a subnet for IPv6 alone."""
    machine = lab.nodes[name]
    interfaces = list(machine.identity.interfaces)
    interfaces[number] = replace(interfaces[number], private_ip="", subnet_cidr="")
    machine.imds.identity = replace(machine.identity, interfaces=tuple(interfaces))
    lab.ec2.without_ipv4(interfaces[number].eni)
