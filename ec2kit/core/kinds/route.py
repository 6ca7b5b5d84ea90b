"""The route-table scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariant: the drift of a view is empty exactly when every entry for the destination that was made by hand, in every
route table of the VPC, is active and targets our ENI, no recorded table lacks it, and that ENI's
source/dest check is off. Nothing but our destination and our ENI is ever named in a step. An entry that a gateway
propagates or a route server advertises is told, and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ec2kit.core.errors import Misconfigured, NotHeld
from ec2kit.core.model import (
    ACTIVE,
    BY_HAND,
    Destination,
    EniId,
    NetworkInterface,
    Node,
    RouteResource,
    RouteTable,
    TableId,
)
from ec2kit.core.steps import CreateRoute, DisableSourceDestCheck, Plan, ReplaceRoute, Step


@dataclass(frozen=True)
class RouteEntry:
    """What one table says about our destination. origin: who made the entry, as `Route` tells."""

    table: TableId
    target: str
    state: str
    origin: str = BY_HAND

    def __str__(self) -> str:
        return f"{self.table} ({self.target}, {self.state}, origin {self.origin})"


@dataclass(frozen=True)
class RouteView:
    """One complete look. missing: recorded tables without the entry; gone: recorded, no longer there.

    nearby: tables that send the address to this node, but to another ENI, or not by an entry made by hand.
    foreign: the entries that were not made by hand.
    Raises ValueError without entries and without missing ones: such a view would look healthy.
    """

    destination: Destination
    eni: EniId
    source_dest_check: bool
    entries: tuple[RouteEntry, ...]
    missing: tuple[TableId, ...] = ()
    gone: tuple[TableId, ...] = ()
    nearby: tuple[TableId, ...] = ()
    foreign: tuple[RouteEntry, ...] = ()

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
        """Build the view from all route tables of the node's VPC and the instance's ENIs, as EC2 shows them.

        Raises Misconfigured when the credentials in use do not see this VPC or this ENI (then nothing
        has been seen) or the virtual IP is inside the VPC; NotHeld when no table has an entry; what the node lacks.
        """
        refuse_inside_vpc(resource, node)
        if not tables:
            raise Misconfigured(
                f"EC2 shows no route table of {node.vpc} in {node.region}",
                "Every VPC has one: these credentials belong to another account, or the Region or EC2 URL is wrong",
            )
        ordered = sorted(tables, key=lambda table: table.id)
        entries = _entries(resource, ordered, by_hand=True)
        foreign = _entries(resource, ordered, by_hand=False)
        ours = tuple(interfaces)
        seat = node.seat(ours, (entry.target for entry in entries))
        there = {table.id for table in tables}
        missing = tuple(sorted(resource.tables & there - {entry.table for entry in entries}))
        reached = {each.id for each in ours if not each.source_dest_check}  # what EC2 delivers to this node by
        brought = {entry.table for entry in foreign if entry.target in reached and entry.state == ACTIVE}
        if not entries and not missing:
            if brought:
                raise Misconfigured(
                    f"{resource.destination} comes to this node, but by no entry that was made by hand: "
                    f"{', '.join(map(str, foreign))}",
                    "The kit moves what was made by hand alone; create such an entry, or let the route server do it",
                )
            also = f", made by hand; there is {', '.join(map(str, foreign))}" if foreign else ""
            raise NotHeld(
                f"none of the {len(tables)} route tables of {node.vpc} has an entry for {resource.destination}{also}",
                f"Create it: aws ec2 create-route --route-table-id rtb-... --destination-cidr-block "
                f"{resource.destination} --network-interface-id {seat.id}",
            )
        others = reached - {seat.id}
        return cls(
            resource.destination,
            seat.id,
            seat.source_dest_check,
            entries,
            missing,
            gone=tuple(sorted(resource.tables - there)),
            nearby=(
                *(entry.table for entry in entries if entry.target in others and entry.state == ACTIVE),
                *(table for table in missing if table in brought),
            ),
            foreign=foreign,
        )

    @property
    def subjects(self) -> frozenset[str]:
        """The tables that should send the address here: what a run must see right, each of them."""
        return frozenset(entry.table for entry in self.entries) | frozenset(self.missing)

    @property
    def lost(self) -> frozenset[str]:
        """What proves that the address does not reach this node: tables, and the ENI that would drop its traffic."""
        wrong = {step.subject for batch in self.drift() for step in batch} - {*self.nearby}
        passed_by = self.nearby and all(entry.target != self.eni for entry in self.entries)
        return frozenset(wrong - {self.eni} if passed_by else wrong)

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
                was=entry.target if entry.state == ACTIVE else f"{entry.target}, {entry.state}",
            )
            for entry in self.entries
            if entry.target != self.eni or entry.state != ACTIVE
        )
        return tuple(batch for batch in (check, creates + replaces) if batch)

    def release(self) -> Plan:
        """Nothing: the node that takes over moves the entries."""
        return ()


def _entries(resource: RouteResource, tables: Iterable[RouteTable], *, by_hand: bool) -> tuple[RouteEntry, ...]:
    return tuple(
        RouteEntry(table.id, route.target, route.state, route.origin)
        for table in tables
        for route in table.entries(resource.destination, by_hand=by_hand)
    )


def refuse_inside_vpc(resource: RouteResource, node: Node) -> None:
    """Raise Misconfigured when the virtual IP lies in a CIDR block of the VPC: EC2 routes those itself."""
    for cidr in node.cidrs:
        if resource.vip in cidr:
            raise Misconfigured(
                f"{resource.vip} lies inside {cidr}, a CIDR block of {node.vpc}: no route can move it",
                "Choose a virtual IP outside every CIDR block of the VPC",
                permanent=True,
            )
