"""What somebody else does in the AWS account."""

from __future__ import annotations

from lab.ec2.vpc import RouteLab
from lab.nodes import Lab


def drop_entry(lab: Lab, name: str) -> str:
    """Delete the entry for the virtual IP from a table; the table's id."""
    assert isinstance(lab.vpc, RouteLab)
    table = lab.vpc.tables[name]
    lab.ec2.truth().delete_route(RouteTableId=table, DestinationCidrBlock=f"{lab.vpc.vip}/32")
    return table
