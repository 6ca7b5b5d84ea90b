"""The route-table scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariant: the drift of a view is empty exactly when every entry for the destination that was made by hand, in every
route table of the VPC, is active and targets our ENI, no recorded table lacks it, and that ENI's
source/dest check is off. Nothing but our destination and our ENI is ever named in a step. An entry that a gateway
propagates or a route server advertises is told, and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import ClassVar, Self

from ec2kit.core import messages
from ec2kit.core.errors import Misconfigured, NotHeld, Problem, Unavailable
from ec2kit.core.history import Holders
from ec2kit.core.kinds.facts import Facts, Interfaces, RouteTables
from ec2kit.core.kinds.kind import ADDRESS, TABLE, Kind, Parameter, Resource, View, no_broadcast, no_ipv4
from ec2kit.core.model import (
    ACTIVE,
    BY_HAND,
    UNTOLD,
    Destination,
    Elsewhere,
    EniId,
    NetworkInterface,
    Node,
    RouteTable,
    TableId,
    untold,
)
from ec2kit.core.schema import Object
from ec2kit.core.steps import Change, Ec2Step, Grant, Plan, Step, Told, steps_of


@dataclass(frozen=True)
class RouteResource(Resource):
    """A virtual IP that route tables send to one node.

    tables: the route tables recorded at create, whose entry is made again when it is lost.
    """

    kind: ClassVar = "route"
    stays: ClassVar = True
    below: ClassVar = True
    vip: IPv4Address
    interface: str | None = None
    tables: frozenset[TableId] = frozenset()

    @property
    def address(self) -> str:
        """The virtual IP."""
        return str(self.vip)

    @property
    def destination(self) -> Destination:
        """The route's destination, `10.1.0.10/32`."""
        return Destination(f"{self.vip}/32")

    @property
    def target(self) -> str:
        """The route's destination."""
        return self.destination

    def __str__(self) -> str:
        return f"route {self.destination}"

    def view(self, node: Node, facts: Facts) -> RouteView:
        """The route tables that a decision needs: those with our entry when that is all of them, else the VPC's.

        Asked for those with our entry, EC2 sends one page where the VPC has five. But a table that is not among them
        may have lost the entry or be gone, and none at all may mean another account: only the whole list tells.
        """
        having, every = RouteTables(node.vpc, self.destination), RouteTables(node.vpc)
        ours = Interfaces(node.instance)
        facts.want(having, ours)
        whole = facts.knows(every)
        tables = facts.of(every if whole else having)
        for table in tables:
            if table.silent and (not whole or table.id in self.tables):
                raise untold("the routes", table.id or "a route table")
        made = any(table.entries(self.destination) for table in tables)
        if not (made and self.tables <= {table.id for table in tables}) or facts.whole:
            tables = facts.of(every)
        return RouteView.of(self, node, tables, facts.of(ours))

    def recorded(self, view: RouteView) -> Self:
        """With the tables that have the entry, and without those that are gone."""
        having = frozenset(entry.table for entry in view.entries)
        return self.having(tables=having | self.tables - frozenset(view.gone))

    def refreshed(self, view: RouteView) -> Self:
        """With the tables that have the entry, and no others."""
        return self.having(tables=frozenset(entry.table for entry in view.entries))

    def as_json(self) -> Object:
        """What was asked for."""
        return {"destination": self.destination, "tables": sorted(self.tables)}


@dataclass(frozen=True)
class ReplaceRoute(Ec2Step):
    """Point one existing entry at our ENI."""

    about: ClassVar = "table"
    method: ClassVar = "replace_route"
    table: TableId
    destination: Destination
    eni: EniId
    was: str = field(default="", compare=False)
    owner: str = field(default="", compare=False, repr=False)  # the account that the table belongs to, if not ours

    @property
    def denied(self) -> str:
        """That the table is another account's."""
        return _owners(self.table, self.owner) if self.owner else ""

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return _entry(self.table, self.destination, self.eni)

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"{self.table} sends {self.destination} to {self.was or 'another target'}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The entry's target."""
        return (Change("~", f"{self.destination} in {self.table}", self.was or "another target", self.eni),)

    def __str__(self) -> str:
        return f"point {self.destination} in {self.table} at {self.eni}" + (f" (was {self.was})" if self.was else "")


@dataclass(frozen=True)
class CreateRoute(Ec2Step):
    """Make the entry again in a recorded table that has lost it."""

    about: ClassVar = "table"
    method: ClassVar = "create_route"
    table: TableId
    destination: Destination
    eni: EniId
    owner: str = field(default="", compare=False, repr=False)

    @property
    def denied(self) -> str:
        """That the table is another account's."""
        return _owners(self.table, self.owner) if self.owner else ""

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return _entry(self.table, self.destination, self.eni)

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"{self.table} has lost its entry for {self.destination}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The entry."""
        return (Change("+", f"{self.destination} in {self.table}", after=self.eni),)

    def __str__(self) -> str:
        return f"create {self.destination} in {self.table} (lost) with target {self.eni}"


@dataclass(frozen=True)
class DisableSourceDestCheck(Ec2Step):
    """Let our ENI take packets for an address that is not its own."""

    about: ClassVar = "eni"
    method: ClassVar = "modify_network_interface_attribute"
    eni: EniId
    owner: str = field(default="", compare=False, repr=False)  # its account, where the tables are another's

    @property
    def denied(self) -> str:
        """That the ENI is not the account's that has the tables."""
        return _check_off(self.eni, self.owner) if self.owner else ""

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"NetworkInterfaceId": self.eni, "SourceDestCheck": {"Value": False}}

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"the source/dest check of {self.eni} is on"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The check."""
        return (Change("~", f"source/dest check of {self.eni}", "on", "off"),)

    def __str__(self) -> str:
        return f"switch off the source/dest check of {self.eni}"


def _whose(table: RouteTable) -> str:
    """The subnets that go by a table, in words; empty: none."""
    rest = ["the subnets without a table of their own"] * table.main
    return ", ".join([*table.subnets, *rest])


def _owners(table: str, owner: str) -> str:
    return (
        f"Only account {owner}, the owner of {table}, can change that: name a profile with a role of it (--profile)"
    )


def _check_off(eni: EniId, owner: str) -> str:
    return (
        f"Only account {owner}, the owner of {eni}, can change that. With its credentials, once: "
        f"aws ec2 modify-network-interface-attribute --no-source-dest-check --network-interface-id {eni}"
    )


def _entry(table: TableId, destination: Destination, eni: EniId) -> dict[str, object]:
    return {"RouteTableId": table, "DestinationCidrBlock": destination, "NetworkInterfaceId": eni}


@dataclass(frozen=True)
class RouteEntry:
    """What one table says about our destination. origin: who made the entry, as `Route` tells."""

    table: TableId
    target: str
    state: str
    origin: str = BY_HAND
    instance: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.table} ({self.target}, {self.state}, origin {self.origin})"

    def as_json(self) -> Object:
        """All of it."""
        return {"table": self.table, "target": self.target, "state": self.state, "origin": self.origin}


@dataclass(frozen=True)
class RouteView(View):
    """One complete look. missing: recorded tables without the entry; gone: recorded, no longer there.

    nearby: tables that send the address to this node, but to another ENI, or not by an entry made by hand.
    foreign: the entries that were not made by hand. owner: the account that the tables belong to, where the ENI is
    another's, which is account. without: other tables of the VPC, as far as they were asked for, and whose they are.
    Raises ValueError without entries and without missing ones: such a view would look healthy.
    """

    headings: ClassVar = ("Route table", "Target", "State", "")
    destination: Destination
    eni: EniId
    source_dest_check: bool
    entries: tuple[RouteEntry, ...]
    missing: tuple[TableId, ...] = ()
    gone: tuple[TableId, ...] = ()
    nearby: tuple[TableId, ...] = ()
    foreign: tuple[RouteEntry, ...] = ()
    owner: str = field(default="", compare=False)
    account: str = field(default="", compare=False)
    without: tuple[tuple[TableId, str], ...] = field(default=(), compare=False)

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
        ours = tuple(interfaces)
        if ours:  # else the seat is not shown
            node.refuse_unseen(ours)
        _refuse_untold(resource, node, tables, {each.id for each in ours})
        ordered = sorted(tables, key=lambda table: table.id)
        entries = _entries(resource, ordered, by_hand=True)
        foreign = _entries(resource, ordered, by_hand=False)
        seat = node.seat(ours, (entry.target for entry in entries))
        if not seat.has_ipv4:
            raise no_ipv4(seat)
        if not node.cidrs:
            raise Unavailable(f"the instance metadata do not tell the IPv4 CIDR blocks of {node.vpc}", "Look again")
        if seat.source_dest_check is None:
            raise untold("the source/dest check", seat.id)
        there = {table.id for table in tables}
        missing = tuple(sorted(resource.tables & there - {entry.table for entry in entries}))
        reached = {
            each.id for each in ours if not each.source_dest_check
        }  # what EC2 delivers, or may, to this node by
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
                "Create it, on the node that is to have it: aws ec2 create-route --route-table-id rtb-... "
                f"--destination-cidr-block {resource.destination} --network-interface-id {seat.id}",
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
            owner=next((each.owner for each in tables if seat.owner and each.owner not in {"", seat.owner}), ""),
            account=seat.owner,
            without=tuple(
                (each.id, _whose(each)) for each in ordered if not each.of(resource.destination) and _whose(each)
            ),
        )

    @property
    def seat(self) -> EniId:
        """The ENI that the entries are to target."""
        return self.eni

    @property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """The ENIs of others that entries target."""
        found = {
            each.target: Elsewhere(EniId(each.target), each.instance)
            for each in self.entries
            if each.target.startswith("eni-") and each.target != self.eni and each.table not in self.nearby
        }
        return tuple(found.values())

    @property
    def served_elsewhere(self) -> bool:
        """Whether all entries target one ENI of another node, and none is missing."""
        active = {each.target for each in self.entries if each.state == ACTIVE}
        (*there,) = (each.eni for each in self.elsewhere)
        return (
            not self.missing
            and len(there) == 1
            and active == {*there}
            and all(e.state == ACTIVE for e in self.entries)
        )

    @property
    def holders(self) -> Holders:
        """The targets of the entries made by hand."""
        return {each.target: each.instance or None for each in self.entries}

    @property
    def subjects(self) -> frozenset[str]:
        """The tables that should send the address here: what a run must see right, each of them."""
        return frozenset(entry.table for entry in self.entries) | frozenset(self.missing)

    @property
    def lost(self) -> frozenset[str]:
        """What proves that the address does not reach this node: tables, and the ENI that would drop its traffic."""
        wrong = {step.subject for step in steps_of(self.drift())} - {*self.nearby}
        passed_by = self.nearby and all(entry.target != self.eni for entry in self.entries)
        return frozenset(wrong - {self.eni} if passed_by else wrong)

    @property
    def notices(self) -> tuple[Told, ...]:
        """Recorded tables that are gone, and entries that are left alone."""
        gone: list[Told] = [(messages.TABLE_GONE, {"table": table}) for table in self.gone]
        left: list[Told] = [
            (messages.FOREIGN, {"destination": self.destination, "entry": entry}) for entry in self.foreign
        ]
        return (*gone, *left)

    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does.

        The source/dest check is switched off first, in a batch of its own: traffic that comes before that
        is dropped.
        """
        own = self.account if self.owner else ""
        check: tuple[Step, ...] = (DisableSourceDestCheck(self.eni, own),) if self.source_dest_check else ()
        creates = tuple(CreateRoute(table, self.destination, self.eni, self.owner) for table in self.missing)
        replaces = tuple(
            ReplaceRoute(
                entry.table,
                self.destination,
                self.eni,
                was=entry.target if entry.state == ACTIVE else f"{entry.target}, {entry.state}",
                owner=self.owner,
            )
            for entry in self.entries
            if entry.target != self.eni or entry.state != ACTIVE
        )
        return tuple(batch for batch in (check, creates + replaces) if batch)

    @property
    def cautions(self) -> list[Problem]:
        """That the tables are another account's."""
        if not self.owner:
            return []
        what = f"the VPC is shared: {self.eni} belongs to account {self.account}, whose own roles cannot move routes"
        cure = _owners(", ".join(sorted(self.subjects)), self.owner)
        return [Problem(what, cure, fatal=False, code="ANOTHER_ACCOUNT")]

    def release(self) -> Plan:
        """Nothing: the node that takes over moves the entries."""
        return ()

    def problems(self, *, active: bool) -> list[Problem]:
        """The source/dest check; entries that point elsewhere, where the address is to be here; another VPC."""
        problems = self.cautions
        if self.source_dest_check:
            problems.append(
                Problem(
                    f"the source/dest check of {self.eni} is on: it would drop the traffic for {self.destination}",
                    "aws ec2 modify-network-interface-attribute --no-source-dest-check "
                    f"--network-interface-id {self.eni}",
                    fatal=active,  # where the address is not yet, in-service switches it off
                    code="SOURCE_DEST_CHECK_ON",
                )
            )
        problems += [
            Problem(
                f"{self.destination} in {step.table} points at {step.was}, not at this node's {self.eni}",
                self._where_to_create(step),
            )
            for step in steps_of(self.drift())
            if active and isinstance(step, ReplaceRoute)
        ]
        if self.gone and not self.entries:
            what = "none of the recorded route tables is in this node's VPC"
            problems.append(Problem(what, "Both nodes must be in one VPC"))
        return problems

    def _where_to_create(self, step: ReplaceRoute) -> str:
        """What to do about an entry that points elsewhere: nothing that moves the traffic of a node that has it."""
        if step.table in self.nearby:
            return "Name the interface of this node that has it"
        if re.fullmatch(r"eni-\w+", step.was):
            return f"Run create on the node that has it ({step.was}), or name that system: --server SYSTEM"
        return f"No node has it. First, here: ec2kit hold route {self.destination.partition('/')[0]}"

    finds: ClassVar = frozenset(
        {
            "ANOTHER_ACCOUNT",
            "SOURCE_DEST_CHECK_ON",
            "ROUTES_DISAGREE",
            "ROUTE_BLACKHOLE",
            "TABLE_WITHOUT_ENTRY",
            "ROUTE_BY_OTHERS",
            "TABLE_GONE",
        }
    )

    def findings(self) -> list[Problem]:
        """Entries that disagree or lead nowhere; tables without one, or gone; entries that others have made."""
        vip, refresh = self.destination.removesuffix("/32"), "ec2kit properties TAG --set tables=refresh"
        targets = {each.target for each in self.entries if each.state == ACTIVE}
        whose = "; ".join(f"{table} (of {subnets})" for table, subnets in self.without)
        found = [
            (
                "ROUTES_DISAGREE",
                ", ".join(sorted(targets)) if len(targets) > 1 else "",
                f"route tables send {vip} to different places: {{}}",
                f"See where it is to be: ec2kit plan route {vip}",
            ),
            (
                "ROUTE_BLACKHOLE",
                ", ".join(each.table for each in self.entries if each.state != ACTIVE),
                f"what {vip} is sent to is not there: {{}}",
                "Whoever holds the address next mends it; until then it reaches nobody by that table",
            ),
            (
                "TABLE_WITHOUT_ENTRY",
                whose,
                f"clients cannot reach {vip} from where these route tables count, which have no entry: {{}}",
                f"If clients there need it, create the entry, and record it: {refresh}",
            ),
            (
                "ROUTE_BY_OTHERS",
                ", ".join(map(str, self.foreign)),
                "an entry that was not made by hand is left as it is: {}",
                "Have the gateway or the route server leave that destination out, or let it move the address",
            ),
            ("TABLE_GONE", ", ".join(self.gone), "recorded route tables no longer exist: {}", refresh),
        ]
        return [
            Problem(what.format(which), cure, fatal=False, code=code) for code, which, what, cure in found if which
        ]

    def rehearsal(self) -> tuple[Ec2Step, ...]:
        """Each entry pointed at this node's ENI, each lost one made again, the source/dest check off if it is on."""
        replaces = (ReplaceRoute(each.table, self.destination, self.eni, owner=self.owner) for each in self.entries)
        creates = (CreateRoute(table, self.destination, self.eni, self.owner) for table in self.missing)
        own = self.account if self.owner else ""
        check = (DisableSourceDestCheck(self.eni, own),) if self.source_dest_check else ()
        return (*check, *replaces, *creates)

    def grants(self) -> tuple[Grant, ...]:
        """To move the entries of these tables, and to switch off the check of this node's ENI."""
        tables = tuple(f"route-table/{each}" for each in sorted(self.subjects))
        return (
            Grant((ReplaceRoute, CreateRoute), tables, self.owner),
            Grant((DisableSourceDestCheck,), (f"network-interface/{self.eni}",)),
        )

    def rows(self, nodes: Mapping[str, str]) -> list[tuple[str, ...]]:
        """Each route table, with its target and whose that is."""
        rows = [(each.table, each.target, each.state, nodes.get(each.target, "")) for each in self.entries]
        return [*rows, *((table, "-", "missing", "") for table in self.missing)]

    def as_json(self) -> Object:
        """All of it."""
        return {
            "destination": self.destination,
            "eni": self.eni,
            "source_dest_check": self.source_dest_check,
            "entries": [each.as_json() for each in self.entries],
            "missing": list(self.missing),
            "gone": list(self.gone),
            "nearby": list(self.nearby),
            "foreign": [each.as_json() for each in self.foreign],
        }


def _read_view(told: Object) -> RouteView:
    return RouteView(
        Destination(str(told["destination"])),
        EniId(str(told["eni"])),
        bool(told["source_dest_check"]),
        tuple(RouteEntry(TableId(str(e["table"])), str(e["target"]), str(e["state"])) for e in told["entries"]),
        tuple(TableId(str(each)) for each in told["missing"]),
        tuple(TableId(str(each)) for each in told["gone"]),
        tuple(TableId(str(each)) for each in told.get("nearby", ())),
    )


def _entries(resource: RouteResource, tables: Iterable[RouteTable], *, by_hand: bool) -> tuple[RouteEntry, ...]:
    return tuple(
        RouteEntry(table.id, route.target, route.state, route.origin, route.instance)
        for table in tables
        for route in table.entries(resource.destination, by_hand=by_hand)
    )


def _refuse_untold(resource: RouteResource, node: Node, tables: Sequence[RouteTable], ours: Container[str]) -> None:
    """Raise Unavailable when EC2 leaves out of a table, or of an entry for the destination, what decides."""
    recorded = resource.tables - {table.id for table in tables}
    for table in tables:
        entries = table.of(resource.destination)
        if not table.id and (entries or recorded):
            raise untold("the id", "a route table")
        for entry in entries:
            if entry.origin == UNTOLD or (entry.state == UNTOLD and entry.target in ours):
                raise untold("state and origin", f"the entry for {resource.destination} in {table.id}")
            if entry.target == node.instance:
                raise untold("the network interface", f"the entry for {resource.destination} in {table.id}")


def refuse_inside_vpc(resource: RouteResource, node: Node) -> None:
    """Raise Misconfigured when the virtual IP lies in a CIDR block of the VPC: EC2 routes those itself."""
    for cidr in node.cidrs:
        if resource.vip in cidr:
            raise Misconfigured(
                f"{resource.vip} lies inside {cidr}, a CIDR block of {node.vpc}: no route can move it",
                "Choose a virtual IP outside every CIDR block of the VPC",
                permanent=True,
            )


ROUTE = Kind(
    name="route",
    help="entries of route tables for a virtual IP",
    short="moves a virtual IP's route-table entries between EC2 instances",
    long="Makes every route-table entry for a virtual IP, in all route tables of the VPC, target the network "
    "interface (ENI) of the node that it is started on, and switches that ENI's source/dest check off. The virtual "
    "IP lies outside the VPC's CIDR blocks; IPaddr2 puts it on the interface. stop changes nothing: the node that "
    "takes over moves the entries. monitor fails only when two complete looks at EC2 prove the loss.",
    type_word="route-table",
    option="route table: a virtual IP in the VPC (backend cluster)",
    summary="route table (backend cluster)",
    resource=RouteResource,
    parameters=(
        Parameter(
            "vip",
            ADDRESS,
            option="",
            metavar="VIP",
            help="the virtual IP, such as 10.1.0.10",
            info="vip",
            ocf="ip",
            short="virtual IP",
            long="The virtual IP, an IPv4 address.",
            required=True,
        ),
        Parameter(
            "tables",
            TABLE,
            option="--table",
            metavar="RTB",
            help="a table that must have the entry; repeat",
            info="table",
            ocf="routing_table",
            reloadable=True,
            short="route tables",
            long="Route tables that must have the entry, separated by commas: where it is lost, it is made again. "
            "Entries for the virtual IP in other route tables of the VPC are moved as well.",
            like="rtb-1,rtb-2",
            many=True,
        ),
    ),
    read_view=_read_view,
    settings=no_broadcast("LifeKeeper would ping for the virtual IP, which is in no subnet"),
)
