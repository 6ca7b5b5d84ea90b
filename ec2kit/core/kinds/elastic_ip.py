"""The Elastic IP scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariants: the drift of a view is empty exactly when the Elastic IP is associated with our ENI and
the interface has link (or its check is switched off). No step takes the place of an Elastic IP that somebody who uses
the kit on this node holds. The release is non-empty exactly when the
Elastic IP is associated with an ENI of this instance, and it names only the association that was just read. An
Elastic IP whose allocation id is not the one that the resource names as well is never ours.

An answer that shows the Elastic IP on our ENI is a complete look by itself. Any other needs the instance's ENIs too:
without them nothing tells an address that is elsewhere from credentials of another account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from ec2kit.core import messages
from ec2kit.core.errors import Astray, KitError, Misconfigured, Occupied, Problem, Unavailable
from ec2kit.core.history import Holders
from ec2kit.core.kinds.choices import Choices
from ec2kit.core.kinds.facts import DefaultInterface, ElasticIps, Facts, Holder, InterfaceOf, Interfaces, Link
from ec2kit.core.kinds.kind import (
    ADDRESS,
    ALLOCATION,
    PRIVATE_ADDRESS,
    TRUTH,
    Asked,
    Kind,
    Parameter,
    Resource,
    View,
    no_ipv4,
    subnet_block,
)
from ec2kit.core.model import (
    Address,
    AllocationId,
    Association,
    AssociationId,
    Elsewhere,
    EniId,
    NetworkInterface,
    Node,
    untold,
)
from ec2kit.core.schema import Object, optional
from ec2kit.core.steps import BringLinkUp, Change, Ec2Step, Grant, Plan, Step, Told


@dataclass(frozen=True)
class ElasticIpResource(Resource):
    """An Elastic IP that is associated with the ENI behind one interface of the active node.

    allocation: its allocation id, where that is named as well; both must belong to the same Elastic IP. private_ip:
    the private address of the ENI that gets it; None is the primary one, or the one that has it. displace: whether
    another public address that is there, and nobody's who uses the kit here, may lose its place.
    """

    kind: ClassVar = "eip"
    public: ClassVar = True
    claimed: ClassVar = True
    public_ip: IPv4Address
    interface: str | None = None
    allocation: AllocationId | None = None
    private_ip: IPv4Address | None = None
    displace: bool = True

    @property
    def chosen(self) -> str | None:
        """The private address that is to have it, where that is named."""
        return str(self.private_ip) if self.private_ip else None

    @property
    def address(self) -> str:
        """The Elastic IP."""
        return str(self.public_ip)

    def __str__(self) -> str:
        return f"Elastic IP {self.public_ip}"

    def view(self, node: Node, facts: Facts) -> ElasticIpView:
        """The association, the instance's ENIs where that alone does not settle it, and the link.

        A frugal look asks for the Elastic IP alone first; when it is on our ENI, that is enough. Two things are asked
        only where it matters: all addresses, when none of that name is shown, for it may be of another sort; and the
        ENI that has it, when that is on no instance, for it may be an AWS service's.
        """
        named, ours = ElasticIps(self.address), Interfaces(node.instance)
        facts.want(named, along=[ours])
        own = next((each for each in facts.of(named) if each.public_ip == self.address), None)
        if own is None and any(not each.public_ip and not each.other for each in facts.of(named)):
            raise untold("which one it shows as", self.address)
        view = ElasticIpView.of(self, node, own, () if settled(own, node, self.chosen) else facts.of(ours))
        there = view.association
        if own is None and not facts.releasing:
            view = replace(view, bar=_sort_of(self.address, facts) or view.bar)
        elif there and there.eni and not (view.here or there.instance or facts.frugal or facts.releasing):
            view = replace(view, keeper=view.keeper or _keeper(there.eni, facts))
        if not facts.frugal and facts.knows(ours):
            view = replace(view, primary=_primary(view.eni, ours, facts))
        view = replace(view, holder=next(iter(map(facts.of, map(Holder, view.others))), None))
        interface = view.interface
        if interface is None or view.eni is None:
            return view
        if view.unplaced and not facts.frugal:
            view = replace(view, block=subnet_block(view.mac, facts))
        if not facts.frugal:
            view = replace(view, default_route=_default(facts) == interface)
        try:
            return replace(view, link=facts.of(Link(interface)))
        except Unavailable as error:  # what lets go of the address does not need to know
            return replace(view, lack=error)

    def as_json(self) -> Object:
        """What was asked for."""
        return {"public_ip": self.address, "private_ip": self.chosen, "displace": self.displace}


@dataclass(frozen=True)
class AssociateAddress(Ec2Step):
    """Associate the Elastic IP with our ENI, wherever it is now.

    taken: the look has shown it somewhere else. Where it has shown it on nothing, EC2 refuses the step when the peer
    has taken the address since (AllowReassociation). displaces: other Elastic IPs that lose their place by it.
    amazons: Amazon's own public address that does.
    """

    about: ClassVar = "public_ip"
    method: ClassVar = "associate_address"
    public_ip: str
    allocation: AllocationId
    eni: EniId
    private_ip: str
    was: EniId | None = field(default=None, compare=False)
    displaces: tuple[str, ...] = field(default=(), compare=False)
    amazons: str | None = field(default=None, compare=False)
    taken: bool = field(default=False, compare=False, repr=False)
    left: str = field(default="", compare=False, repr=False)  # the private address of that ENI that it was on

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "AllocationId": self.allocation,
            "NetworkInterfaceId": self.eni,
            "PrivateIpAddress": self.private_ip,
            "AllowReassociation": self.taken,
        }

    @property
    def finding(self) -> str:
        """What a look has shown."""
        if self.was == self.eni:
            return f"{self.public_ip} is on {self.left} of {self.eni}, not on {self.private_ip}"
        return f"{self.public_ip} is associated with {self.was or 'nothing'}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The association, and those that lose their place by it."""
        there = f"{self.eni} {self.private_ip}"
        was = f"{self.was or 'another target'} {self.left}".strip() if self.taken else ""
        lost = (Change("-", other, there) for other in self.displaced)
        return (Change("~" if self.taken else "+", self.public_ip, was, there), *lost)

    @property
    def cautions(self) -> tuple[Told, ...]:
        """Each address that loses its place by it."""
        place = {"private_ip": self.private_ip, "eni": self.eni, "public_ip": self.public_ip}
        told = [(messages.DISPLACED, other) for other in self.displaces]
        told += [(messages.AMAZONS, self.amazons)] if self.amazons else []
        return tuple((message, {"other": other, **place}) for message, other in told)

    @property
    def place(self) -> str:
        """The private address of the ENI."""
        return f"{self.eni} {self.private_ip}"

    @property
    def displaced(self) -> tuple[str, ...]:
        """The same addresses."""
        return (*self.displaces, *([self.amazons] if self.amazons else []))

    def __str__(self) -> str:
        return (
            f"associate {self.public_ip} with {self.eni} ({self.private_ip})"
            + (f", taken from {self.left if self.was == self.eni else self.was}" if self.was else "")
            + (f", displacing {' '.join(self.displaced)}" if self.displaced else "")
        )


@dataclass(frozen=True)
class DisassociateAddress(Ec2Step):
    """End exactly the association that was just read: it is a compare-and-swap, the peer's has another id."""

    about: ClassVar = "public_ip"
    method: ClassVar = "disassociate_address"
    aimed: ClassVar = True
    public_ip: str
    association: AssociationId
    eni: EniId | None

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"AssociationId": self.association}

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"{self.public_ip} is associated with {self.eni or 'this instance'}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The association."""
        return (Change("-", self.public_ip, self.eni or "this instance"),)

    def __str__(self) -> str:
        return f"disassociate {self.public_ip} from {self.eni or 'this instance'} ({self.association})"


@dataclass(frozen=True)
class ElasticIpView(View):
    """One complete look. allocation is None when the account in use does not own the Elastic IP, or EC2 is silent.

    interface, eni: where it is to be; eni is None where this node has none now. lack: why this node cannot hold it,
    bar: why none can, keeper: the AWS service, or its ENI, that has it and alone can let go of it.
    private_ip: the private address there that ours has or would take; unplaced: the interface does not have that one
    now, and its subnet has the block. primary: the interface's primary address, as far as known. others: the Elastic
    IP that would lose that place, holder: whose it is here; amazons: Amazon's own public address that would.
    displace: as the resource says. here: it is on an ENI of
    this instance. nearby: it is at another place of it; at: the interface there, if this host has it.
    link: None when the link check is switched off. expected: the allocation id that the resource names.
    default_route: the interface is that of the default route, as far as that was asked.
    """

    headings: ClassVar = ("Elastic IP", "Associated with", "Private IP", "Link", "")
    public_ip: str
    allocation: AllocationId | None
    association: Association | None
    interface: str | None
    eni: EniId | None
    private_ip: str
    others: tuple[str, ...] = ()
    holder: str | None = None
    amazons: str | None = None
    displace: bool = True
    primary: str = field(default="", compare=False)
    here: bool = False
    nearby: bool = False
    at: str | None = None
    link: bool | None = None
    expected: AllocationId | None = None
    default_route: bool = False
    unplaced: bool = False
    mac: str = field(default="", compare=False)
    block: IPv4Network | None = field(default=None, compare=False)
    lack: KitError | None = field(default=None, compare=False)
    bar: KitError | None = field(default=None, compare=False)
    keeper: str = field(default="", compare=False)

    @classmethod
    def of(
        cls, resource: ElasticIpResource, node: Node, own: Address | None, ours: Sequence[NetworkInterface]
    ) -> ElasticIpView:
        """Build the view from the Elastic IP as EC2 shows it (None: it does not), and the instance's ENIs; no link.

        The ENIs are needed where the Elastic IP is not on node.eni. Raises Misconfigured when the credentials in use
        do not see them: then an address that is not shown proves nothing.
        """
        chosen = resource.chosen
        association = _completed(own.association, str(resource.public_ip), ours) if own and own.association else None
        at = association.eni if association else None
        there = (association.private_ip or "") if association else ""
        private_ip, displaced, amazons, lack, seat, unplaced = there, None, None, None, None, False
        if not settled(own, node, chosen):
            node.refuse_unseen(ours)
            having = [each.id for each in ours if chosen and each.has(chosen)] or ([at] if at else [])
            try:
                seat = node.seat(ours, having)
            except KitError as error:
                node, lack = replace(node, eni=None), error
            else:
                node = node.at(seat)
                if chosen or seat.id != at:
                    private_ip = chosen or seat.private_ip
                    unplaced = bool(chosen and not seat.has(chosen) and seat.has_ipv4 and not seat.unlisted)
                    displaced = seat.elastic_ip_on(private_ip)
                    amazons = seat.amazons if private_ip == seat.private_ip else None
                if not seat.has_ipv4:
                    lack = no_ipv4(seat)
                elif seat.id != at and not private_ip:
                    lack = untold("the primary private address", seat.id)
        here = association is not None and (association.instance == node.instance or at in {each.id for each in ours})
        if here and (at is None or (chosen and at == node.eni and not there)):
            lack = lack or untold("which interface and private address has", str(resource.public_ip))
        return cls(
            public_ip=str(resource.public_ip),
            allocation=own.allocation if own else None,
            association=association,
            interface=node.interface,
            eni=node.eni,
            private_ip=private_ip,
            others=(displaced,) if displaced not in {None, str(resource.public_ip)} else (),
            amazons=amazons,
            displace=resource.displace,
            here=here,
            nearby=here and (at != node.eni or chosen not in {None, there}),
            at=next((node.names.get(each.mac) for each in ours if each.id == at), None),
            expected=resource.allocation,
            unplaced=unplaced,
            mac=node.mac_of(seat) if seat else "",
            lack=lack,
            bar=_bar(own, resource),
            keeper=own.service if own else "",
        )

    @property
    def associated_here(self) -> bool:
        """Whether the Elastic IP is associated with our ENI."""
        return self.here and not self.nearby

    @property
    def seat(self) -> EniId | None:
        """The ENI that it is to be on."""
        return self.eni

    @property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """The ENI of another node that it is associated with."""
        there = self.association
        return (Elsewhere(there.eni, there.instance or ""),) if there and there.eni and not self.here else ()

    @property
    def holders(self) -> Holders | None:
        """What it is associated with; not known where EC2 does not show it."""
        if self.association is None:
            return {} if self.allocation else None
        return {self.association.eni or self.association.id: self.association.instance}

    @property
    def subjects(self) -> frozenset[str]:
        """The Elastic IP: what a run must see right."""
        return frozenset({self.public_ip})

    @property
    def lost(self) -> frozenset[str]:
        """The Elastic IP, or the link under it; also where this node could not take it now."""
        ours = not self.bar and not self.contradicted  # else nothing is proven
        barred = self.unplaced or self._occupied or self.keeper
        return self.subjects if ours and barred and not self.here else super().lost

    @property
    def contradicted(self) -> bool:
        """Whether the Elastic IP has another allocation id than the resource names."""
        return self.allocation is not None and self.expected not in {None, self.allocation}

    @property
    def cautions(self) -> list[Problem]:
        """The interface of the default route, which may be this node's way to EC2; and what loses its place."""
        if not self.default_route or self.primary not in {"", self.private_ip}:
            return self.displacing  # the node's own packets leave from its primary address
        return [
            *self.displacing,
            Problem(
                f"{self.public_ip} is for {self.interface}, which has this node's default route: where the node "
                "reaches EC2 by that address, each release cuts its own way to EC2 off",
                "Give it another way: a VPC endpoint for EC2, a NAT gateway, or another interface",
                fatal=False,
                code="ONLY_WAY_OUT",
            ),
        ]

    @property
    def awaited(self) -> str:
        """The private address that it is to be on, where this node does not have that now."""
        return self.private_ip if self.unplaced else ""

    @property
    def displacing(self) -> list[Problem]:
        """The Elastic IP, or Amazon's address, that this one will take the place of."""
        if self._occupied:
            return []
        there = f"on {self.private_ip} of {self.eni}; {self.public_ip} will take its place"
        cures = {
            f"Elastic IP {other}": "Move it to another address first if it is still needed" for other in self.others
        }
        if self.amazons:
            cures[f"{self.amazons}, a public address of Amazon's own, which does not come back,"] = (
                f"If something needs it: {_GIVE_PLACE[0].lower()}{_GIVE_PLACE[1:]}"
            )
        return [Problem(f"{what} is {there}", cure, fatal=False, code="PLACE_TAKEN") for what, cure in cures.items()]

    @property
    def _occupied(self) -> Occupied | None:
        """Why it cannot take the place that it is to have."""
        found = self.others or ((self.amazons,) if self.amazons else ())
        if not found or (self.displace and not self.holder):
            return None
        there = f"{found[0]} is on {self.private_ip} of {self.eni}"
        if self.holder:
            why, way = f"{self.holder} holds it on this node", f"or let go of it here: ec2kit release eip {found[0]}"
        else:
            why, way = f"{self.public_ip} is not to displace anything (displace=false)", "or move the other one"
        return Occupied(f"{there}, and {why}: {self.public_ip} cannot have that place", f"{_GIVE_PLACE}, {way}")

    def rules_out(self, other: Resource) -> bool:
        """Whether that is another Elastic IP for the same private address of the same interface."""
        if not isinstance(other, ElasticIpResource) or str(other.public_ip) == self.public_ip:
            return False
        return other.interface == self.interface and (other.chosen or self.primary) == self.private_ip != ""

    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does.

        The link comes first, so that no traffic is attracted to an interface that cannot take it.
        Raises Misconfigured when the account does not own the Elastic IP, or owns it by another
        allocation id than the resource names, or an AWS service has it: no step can help. Raises what the node lacks.
        """
        if self.bar and (self.expected or not self.associated_here):
            raise self.bar
        if self.contradicted:
            raise Misconfigured(
                f"{self.public_ip} has the allocation id {self.allocation}, not {self.expected}",
                "Name the Elastic IP and the allocation id that belong together",
                everywhere=True,
            )
        if self.keeper and not self.here:
            where = self.association.eni if self.association and self.association.eni else "nothing"
            raise Misconfigured(
                f"an AWS service manages {self.public_ip}, or the interface that has it ({self.keeper}); it is on "
                f"{where}: EC2 lets nobody else move it",
                "Take it off that service first (a NAT gateway, a load balancer, a database: in that service's own "
                "console), or name another Elastic IP",
                permanent=True,
            )
        if self.lack or self.eni is None or self.interface is None:
            raise self.lack or Misconfigured(f"this node has no interface for {self.public_ip}")
        if self.unplaced:
            there = self.association.eni if self.association else None
            raise Misconfigured(
                f"{self.private_ip} is not an address of {self.eni} now, and is to have {self.public_ip}, which is "
                f"associated with {there or 'nothing'}",
                "Give it to that interface first (ec2kit hold private, or aws ec2 assign-private-ip-addresses), or "
                "name an address that it has",
            )
        if self._occupied:
            raise self._occupied
        link: tuple[Step, ...] = (BringLinkUp(self.interface),) if self.link is False else ()
        if self.associated_here:
            return (link,) if link else ()
        if self.allocation is None:
            raise untold("the allocation id", self.public_ip)
        associate = AssociateAddress(
            self.public_ip,
            self.allocation,
            self.eni,
            self.private_ip,
            was=self.association.eni if self.association else None,
            taken=self.association is not None,
            left=(self.association.private_ip or "") if self.association else "",
            displaces=self.others,
            amazons=self.amazons,
        )
        return tuple(batch for batch in (link, (associate,)) if batch)

    def release(self) -> Plan:
        """The step that lets go of what this look shows to be this node's; empty when it is not.

        Raises Astray when the resource names an interface that is not there, and it is on another one. Raises
        Unavailable where EC2 does not tell the association's id, or whether it is the allocation that is named.
        """
        there = self.association
        if there is None or self.contradicted or not self.here:
            return ()
        if self.allocation is None and self.expected:
            raise untold("the allocation id", self.public_ip)
        if not there.id:
            raise untold("the association id", self.public_ip)
        if self.lack and self.nearby and self.interface and self.at not in {None, self.interface}:
            raise Astray(str(self.lack), self.lack.cure)
        return ((DisassociateAddress(self.public_ip, there.id, there.eni),),)

    finds: ClassVar = frozenset({"PLACE_TAKEN", "ONLY_WAY_OUT"})
    unprovable: ClassVar = ("DisassociateAddress",)  # what it names is known only where the address is

    def rehearsal(self) -> tuple[Ec2Step, ...]:
        """The association with this node's ENI."""
        if self.allocation is None or self.eni is None or self.unplaced:
            return ()
        taken = self.association is not None
        associate = AssociateAddress(self.public_ip, self.allocation, self.eni, self.private_ip, taken=taken)
        return (associate,)

    reads: ClassVar = ("DescribeAddresses", *View.reads)

    def grants(self) -> tuple[Grant, ...]:
        """To associate it with this node's ENI, and to end that."""
        if self.allocation is None:
            raise self.bar or untold("the allocation id", self.public_ip)
        if self.eni is None:
            raise self.lack or Misconfigured(f"this node has no interface for {self.public_ip}")
        resources = (f"elastic-ip/{self.allocation}", f"network-interface/{self.eni}")
        return (Grant((AssociateAddress, DisassociateAddress), resources),)

    def problems(self, *, active: bool) -> list[Problem]:
        """That it is not the account's, that this node cannot hold it, and whom it would displace.

        A private address that is not on the node where it comes later may come there with it, from within the subnet.
        """
        problems = self.cautions
        try:
            self.drift()
        except Misconfigured as error:
            comes = self.unplaced and self.block is not None and IPv4Address(self.private_ip) in self.block
            problems.append(Problem(str(error), error.cure, fatal=active or not comes))
        return problems

    def rows(self, nodes: Mapping[str, str]) -> list[tuple[str, ...]]:
        """What it is associated with, and the link there."""
        there = self.association
        where = (there.eni or "another kind of target") if there else "nothing"
        private_ip = (there.private_ip or "-") if there else "-"
        return [(self.public_ip, where, private_ip, _LINK[self.link], nodes.get(where, ""))]

    def as_json(self) -> Object:
        """All of it."""
        there = self.association
        return {
            "public_ip": self.public_ip,
            "allocation": self.allocation,
            "association": {"id": there.id, "eni": there.eni, "private_ip": there.private_ip} if there else None,
            "interface": self.interface,
            "eni": self.eni,
            "private_ip": self.private_ip,
            "others": list(self.others),
            "held_by": self.holder,
            "amazons": self.amazons,
            "displace": self.displace,
            "here": self.here,
            "nearby": self.nearby,
            "link": self.link,
            "expected": self.expected,
        }


_GIVE_PLACE = (
    "Give each a private address of its own (--private-ip; in Pacemaker private_ip_address=; in LifeKeeper create "
    "--private-ip)"
)
_LINK = {True: "up", False: "down", None: "not checked"}


def _read_view(told: Object) -> ElasticIpView:
    there, link = told["association"], told["link"]
    return ElasticIpView(
        public_ip=str(told["public_ip"]),
        allocation=optional(told["allocation"], AllocationId),
        association=_read_association(there) if there else None,
        interface=optional(told["interface"], str),
        eni=optional(told["eni"], EniId),
        private_ip=str(told["private_ip"]),
        others=tuple(map(str, told["others"])),
        holder=optional(told.get("held_by"), str),
        amazons=optional(told.get("amazons"), str),
        displace=bool(told.get("displace", True)),
        here=bool(told.get("here", there and there["eni"] == told["eni"])),
        nearby=bool(told.get("nearby")),
        link=link if isinstance(link, bool) else None,
        expected=optional(told["expected"], AllocationId),
    )


def _read_association(told: Object) -> Association:
    return Association(
        AssociationId(str(told["id"])), optional(told["eni"], EniId), optional(told["private_ip"], str)
    )


def _default(facts: Facts) -> str | None:
    try:
        return facts.of(DefaultInterface())
    except KitError:  # nothing is said of it then
        return None


def _primary(eni: EniId | None, ours: Interfaces, facts: Facts) -> str:
    try:
        return next((each.private_ip for each in facts.of(ours) if each.id == eni), "")
    except KitError:  # nothing depends on it
        return ""


def _completed(there: Association, public_ip: str, ours: Sequence[NetworkInterface]) -> Association:
    """The association with what EC2 leaves out of it, where one of our ENIs tells that."""
    at = next((each for each in ours if each.place_of(public_ip) and there.eni in {None, each.id}), None)
    return replace(there, eni=at.id, private_ip=there.private_ip or at.place_of(public_ip)) if at else there


def _bar(own: Address | None, resource: ElasticIpResource) -> KitError | None:
    """Why no node could take it, as far as the address itself tells."""
    if own is None:
        return Misconfigured(
            f"{resource.public_ip} is not an Elastic IP of the account and Region in use",
            "Name one that 'aws ec2 describe-addresses' lists with these credentials",
        )
    if own.sort:
        return _another_sort(str(resource.public_ip), own.sort)
    return None if own.allocation else untold("the allocation id", str(resource.public_ip))


def _another_sort(address: str, sort: str) -> Misconfigured:
    return Misconfigured(
        f"{address} is an address {sort}, not an Elastic IP: the kit cannot move it",
        "Name an Elastic IP (aws ec2 allocate-address)",
        permanent=True,
    )


def _sort_of(address: str, facts: Facts) -> KitError | None:
    """What an address is that EC2 does not show as an Elastic IP; None: it is not the account's."""
    try:
        found = next((each for each in facts.of(ElasticIps()) if each.other == address), None)
    except KitError:  # only the words depend on it
        return None
    return _another_sort(address, found.sort) if found else None


def _keeper(eni: EniId, facts: Facts) -> str:
    """As what an AWS service holds the ENI that is on no instance; empty: none does."""
    try:
        return next((each.service for each in facts.of(InterfaceOf(eni))), "")
    except KitError:  # then EC2 itself refuses what is not allowed
        return ""


def settled(address: Address | None, node: Node, chosen: str | None = None) -> bool:
    """Whether the Elastic IP is on the very ENI that it is to be on, and EC2 knows that one as this instance's.

    chosen: the private address that it is to be on, where that is named.
    """
    there = address.association if address else None
    if there is None or chosen not in {None, there.private_ip}:
        return False
    return there.eni == node.eni and there.instance == node.instance


def _offered(choices: Choices, interface: str) -> list[tuple[str, str]]:
    """The Elastic IPs of that interface first, then the free ones."""
    on_it = [ip for each in choices.interfaces if each.name == interface for ip in each.elastic_ips]
    return [*((f"{ip}  on {interface} now", ip) for ip in on_it), *((f"{ip}  free", ip) for ip in choices.free)]


def _places(choices: Choices, interface: str) -> list[tuple[str, str]]:
    """The private addresses of that interface, where it has several."""
    private_ips = next((each.private_ips for each in choices.interfaces if each.name == interface), ())
    first = [("the primary one", "")]
    return [*first, *((each, each) for each in private_ips)] if private_ips else []


def _manners(_choices: Choices, _interface: str) -> list[tuple[str, str]]:
    return [("take its place", ""), ("leave it there, and fail", "false")]


ELASTIC_IP = Kind(
    name="eip",
    help="an Elastic IP",
    short="moves an Elastic IP between EC2 instances",
    long="Associates an Elastic IP with the network interface (ENI) of the node that it is started on. stop ends "
    "that association, never one of another node. monitor fails only when two complete looks prove the loss.",
    type_word="elastic-ip",
    option="Elastic IP: an address in the Internet (frontend cluster)",
    summary="Elastic IP (frontend cluster)",
    resource=ElasticIpResource,
    parameters=(
        Parameter(
            "public_ip",
            ADDRESS,
            option="",
            metavar="ELASTIC-IP",
            creation="--elastic-ip",
            asked=Asked(
                "Elastic IP",
                _offered,
                "No Elastic IP is on {interface}, and none is free. Choose the interface that has one, or "
                "allocate one (aws ec2 allocate-address) and begin again.",
            ),
            info="eip",
            ocf="elastic_ip",
            short="Elastic IP",
            long="The Elastic IP.",
            like="203.0.113.10",
            required=True,
        ),
        Parameter(
            "allocation",
            ALLOCATION,
            ocf="allocation_id",
            short="allocation id",
            long="The allocation id of the Elastic IP. Not needed; where it is given, it must be that of elastic_ip.",
        ),
        Parameter(
            "private_ip",
            PRIVATE_ADDRESS,
            option="--private-ip",
            metavar="A.B.C.D",
            help="private address that gets the Elastic IP (default: the interface's primary one)",
            creation="--private-ip",
            asked=Asked("Private address", _places),
            info="private",
            ocf="private_ip_address",
            short="private address",
            long="Private address of the interface that gets the Elastic IP, primary or secondary. Without it: the "
            "primary one. So one interface can have several Elastic IPs. Where the nodes are in two subnets, each "
            "has another one: give it by a rule on #uname.",
            like="10.0.2.12",
            own=True,
        ),
        Parameter(
            "displace",
            TRUTH,
            option="--displace",
            metavar="true|false",
            help="whether another public address that is at its place may lose it (default: true)",
            creation="--displace",
            asked=Asked("If another public address is at its place", _manners),
            info="displace",
            ocf="displace",
            reloadable=True,
            short="whether to displace another address",
            long="What happens where another public address is on that private address: with true, the Elastic IP "
            "takes its place, and the other one is on nothing then; with false, start fails. The Elastic IP of "
            "another resource of this kit's on the node never loses its place.",
            default=True,
        ),
    ),
    read_view=_read_view,
    place=True,
)
