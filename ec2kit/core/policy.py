"""The IAM policy for one address on one node: what the kit calls for it, and on what. Pure."""

from __future__ import annotations

from ec2kit.core.kinds.kind import View
from ec2kit.core.schema import Object


def policy(view: View, *, partition: str, region: str, account: str) -> Object:
    """What a role must be allowed, so that this node can take the address and let go of it. Raises KitError.

    account: of this node's ENI; empty: EC2 does not tell it, then any. Describe* takes no resource.
    """
    statements: list[Object] = [{"Effect": "Allow", "Action": _actions(view.reads), "Resource": "*"}]
    for grant in view.grants():
        whose = f"arn:{partition}:ec2:{region}:{grant.account or account or '*'}"
        named = [f"{whose}:{each}" for each in grant.resources]
        statements.append({"Effect": "Allow", "Action": _actions(grant.operations), "Resource": named})
    return {"Version": "2012-10-17", "Statement": statements}


def unknown(view: View, account: str) -> list[str]:
    """What such a policy cannot know, in sentences."""
    grants = view.grants()
    told = [
        "It is for this node. A role of several nodes needs all their interfaces: run it on each, add what differs"
    ]
    if any(each.startswith("route-table/") for grant in grants for each in grant.resources):
        told.append("A route table that gets an entry for the address later must be added")
    if owners := sorted({grant.account for grant in grants} - {""}):
        told.append(f"Account {', '.join(owners)} has the route tables: it must allow that to a role of its own")
    if not account:
        told.append("EC2 does not tell the account of this node's interface: put its number in the place of the *")
    return told


def _actions(operations: tuple[str, ...]) -> list[str]:
    return [f"ec2:{each}" for each in operations]
