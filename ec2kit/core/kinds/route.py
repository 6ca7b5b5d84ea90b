"""The route-table scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariant: the drift of a view is empty exactly when every entry for the destination, in every
route table of the VPC, is active and targets our ENI, no recorded table lacks it, and that ENI's
source/dest check is off. Nothing but our destination and our ENI is ever named in a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ec2kit.core.errors import Misconfigured, NotHeld
from ec2kit.core.model import Destination, EniId, NetworkInterface, Node, RouteResource, RouteTable, TableId
from ec2kit.core.steps import CreateRoute, DisableSourceDestCheck, Plan, ReplaceRoute, Step


@dataclass(frozen=True)
class RouteEntry:
    """What one table says about our destination."""

    table: TableId
    target: str
    state: str


@dataclass(frozen=True)
class RouteView:
    """One complete look. missing: recorded tables without the entry; gone: recorded, no longer there.

    Raises ValueError without entries and without missing ones: such a view would look healthy.
    """

    destination: Destination
    eni: EniId
    source_dest_check: bool
    entries: tuple[RouteEntry, ...]
    missing: tuple[TableId, ...] = ()
    gone: tuple[TableId, ...] = ()

    def __post_init__(self) -> None:
        if not self.entries and not self.missing:
            raise ValueError("a view without routes would look healthy")

    @classmethod
    def of(
        cls,
        resource: RouteResource,
        node: Node,
        tables: Sequence[RouteTable],
        interfaces: Iterable[NetworkInterface],
    ) -> RouteView:
        """Build the view from all route tables of the node's VPC and the node's ENI, as EC2 shows them.

        Raises Misconfigured when the credentials in use do not see this VPC or this ENI (then nothing
        has been seen) or the virtual IP is inside the VPC; NotHeld when no table has an entry.
        """
        refuse_inside_vpc(resource, node)
        ours = node.among(interfaces)
        if not tables:
            raise Misconfigured(
                f"EC2 shows no route table of {node.vpc} in {node.region}",
                "Every VPC has one: these credentials belong to another account, or the Region or EC2 URL is wrong",
            )
        entries = tuple(
            RouteEntry(table.id, route.target, route.state)
            for table in sorted(tables, key=lambda table: table.id)
            for route in table.routes
            if route.destination == resource.destination and not route.propagated
        )
        there = {table.id for table in tables}
        having = {entry.table for entry in entries}
        missing = tuple(sorted(resource.tables & there - having))
        gone = tuple(sorted(resource.tables - there))
        if not entries and not missing:
            raise NotHeld(
                f"none of the {len(tables)} route tables of {node.vpc} has an entry for {resource.destination}",
                f"Create it: aws ec2 create-route --route-table-id rtb-... --destination-cidr-block "
                f"{resource.destination} --network-interface-id {node.eni}",
            )
        return cls(resource.destination, node.eni, ours.source_dest_check, entries, missing, gone)

    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does.

        The source/dest check is switched off first, in a batch of its own: traffic that comes before that
        is dropped.
        """
        check: tuple[Step, ...] = (DisableSourceDestCheck(self.eni),) if self.source_dest_check else ()
        creates = tuple(CreateRoute(table, self.destination, self.eni) for table in self.missing)
        replaces = tuple(
            ReplaceRoute(
                entry.table,
                self.destination,
                self.eni,
                was=entry.target if entry.state == "active" else f"{entry.target}, {entry.state}",
            )
            for entry in self.entries
            if entry.target != self.eni or entry.state != "active"
        )
        return tuple(batch for batch in (check, creates + replaces) if batch)

    def release(self) -> Plan:
        """Nothing: the node that takes over moves the entries."""
        return ()


def refuse_inside_vpc(resource: RouteResource, node: Node) -> None:
    """Raise Misconfigured when the virtual IP lies in a CIDR block of the VPC: EC2 routes those itself."""
    for cidr in node.cidrs:
        if resource.vip in cidr:
            raise Misconfigured(
                f"{resource.vip} lies inside {cidr}, a CIDR block of {node.vpc}: no route can move it",
                "Choose a virtual IP outside every CIDR block of the VPC",
            )
