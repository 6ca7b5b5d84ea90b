"""A secondary private address that moves between ENIs of one subnet: from facts to a view, to the steps. Pure.

Invariants: the drift of a view is empty exactly when the address is a secondary one of our ENI, in EC2's answer and
in the instance metadata. A step names our ENI and our address alone; it takes the address only when a look has shown
it free, on this node, or on an ENI that the resource names as a peer's. The release names the ENI of this node that
was just seen to have it, so it cannot hit the peer. A primary address is neither taken nor released.

Moving it is asynchronous, and an Elastic IP that is on it moves with it: AssignPrivateIpAddresses in the EC2 API
reference, docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar, Self

from ec2kit.core import messages
from ec2kit.core.errors import Astray, KitError, Misconfigured, Pending, Problem, Unavailable
from ec2kit.core.history import Holders
from ec2kit.core.kinds.facts import Facts, Interfaces, Listing, Metadata
from ec2kit.core.kinds.kind import (
    ADDRESS,
    ENI,
    Kind,
    Parameter,
    Resource,
    View,
    no_broadcast,
    no_ipv4,
    subnet_block,
)
from ec2kit.core.model import Elsewhere, EniId, NetworkInterface, Node, VpcId, untold
from ec2kit.core.schema import Object, optional
from ec2kit.core.steps import Change, Ec2Step, Grant, Plan, Told

_FIRST, _LAST = 4, 1  # addresses of a subnet that AWS keeps: its first four and its last, VPC user guide


@dataclass(frozen=True)
class InterfacesHaving(Listing[NetworkInterface]):
    """The ENI of a VPC that has a private address, or nothing."""

    operation: ClassVar = "describe_network_interfaces"
    filtered: ClassVar = "addresses.private-ip-address"
    vpc: VpcId
    private_ip: str

    @property
    def value(self) -> str:
        """The address."""
        return self.private_ip

    @property
    def scope(self) -> tuple[tuple[str, str], ...]:
        """The VPC."""
        return (("vpc-id", self.vpc),)

    def includes(self, item: NetworkInterface) -> bool:
        """Whether it has that one, in this VPC."""
        return item.has(self.private_ip) and item.vpc in {self.vpc, ""}


@dataclass(frozen=True)
class PrivateResource(Resource):
    """A secondary private address of one subnet.

    peers: the ENIs of the cluster's nodes, from which a takeover may take it; this node's own may be among them.
    """

    kind: ClassVar = "private"
    below: ClassVar = True
    public: ClassVar = False
    gathers: ClassVar = True
    private_ip: IPv4Address
    interface: str | None = None
    peers: frozenset[EniId] = frozenset()

    @property
    def address(self) -> str:
        """The private address."""
        return str(self.private_ip)

    def __str__(self) -> str:
        return f"private address {self.private_ip}"

    def view(self, node: Node, facts: Facts) -> PrivateView:
        """This instance's ENIs; then, where the address is not on them, who has it, unless the look is frugal."""
        ours, holder = Interfaces(node.instance), InterfacesHaving(node.vpc, self.address)
        facts.want(ours, along=[holder])
        view = PrivateView.of(self, node, facts.of(ours))
        if view.eni is None:
            return view
        if view.at == view.eni and not view.primary:
            return view if facts.releasing else self._with_metadata(view, facts)
        if facts.frugal:
            return view
        others = [each for each in facts.of(holder) if each.id != view.at]
        if any(not each.id for each in others):
            raise untold("the id of the network interface", self.address)
        mine = {each.id for each in facts.of(ours)}
        if here := next((each.id for each in others if each.instance == node.instance or each.id in mine), None):
            raise Unavailable(
                f"EC2's answers contradict each other: {self.address} is on {here} of this instance, and is not",
                "Look again: one of them is old",
            )
        return view.beside(next(iter(others), None), subnet_block(view.mac, facts))

    def _with_metadata(self, view: PrivateView, facts: Facts) -> PrivateView:
        """Whether the move has come to its end on this instance, too."""
        try:
            local = (facts.of(Metadata(f"network/interfaces/macs/{view.mac}/local-ipv4s")) or "").split()
        except KitError as error:
            return replace(view, lack=error)
        if view.own not in local:
            what = f"the instance metadata do not tell the private addresses of {view.eni}"
            return replace(view, lack=Unavailable(what, "Look again"))
        return replace(view, remapped=self.address in local)

    def forgotten(self, view: PrivateView) -> Problem | None:
        """That its own ENI is not named, where others are."""
        if not self.peers or view.eni is None or view.eni in self.peers:
            return None
        return Problem(
            f"{view.eni}, this node's own, is not among the peers of {self.address}: no other may take it from here",
            "Name it: in Pacemaker peers=; in LifeKeeper ec2kit properties TAG --set peers=refresh",
            fatal=False,
        )

    def recorded(self, view: PrivateView) -> Self:
        """With this node's ENI among the cluster's."""
        return self.having(peers=self.peers | ({view.eni} if view.eni else set()))

    def as_json(self) -> Object:
        """What was asked for."""
        return {"private_ip": self.address, "peers": sorted(self.peers)}


@dataclass(frozen=True)
class AssignPrivateIpAddresses(Ec2Step):
    """Make the address a secondary one of our ENI.

    was: the ENI that a look has shown it on, one of this node or of a peer. Where it was shown on none, EC2 refuses
    the step when somebody has taken it since (AllowReassignment).
    """

    about: ClassVar = "private_ip"
    method: ClassVar = "assign_private_ip_addresses"
    private_ip: str
    eni: EniId
    was: EniId | None = None

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "NetworkInterfaceId": self.eni,
            "PrivateIpAddresses": [self.private_ip],
            "AllowReassignment": self.was is not None,
        }

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"{self.private_ip} is {f'on {self.was}' if self.was else 'not on this node'}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """Which ENI has it."""
        return (Change("~" if self.was else "+", self.private_ip, self.was or "", self.eni),)

    def __str__(self) -> str:
        return f"assign {self.private_ip} to {self.eni}" + (f", taken from {self.was}" if self.was else "")


@dataclass(frozen=True)
class UnassignPrivateIpAddresses(Ec2Step):
    """Take the address off our own ENI. elastic_ip: the one on it, whose association ends with it."""

    about: ClassVar = "private_ip"
    method: ClassVar = "unassign_private_ip_addresses"
    aimed: ClassVar = True
    private_ip: str
    eni: EniId
    elastic_ip: str | None = None

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"NetworkInterfaceId": self.eni, "PrivateIpAddresses": [self.private_ip]}

    @property
    def finding(self) -> str:
        """What a look has shown."""
        return f"{self.private_ip} is on {self.eni}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """That ENI has it no more, and nothing has the Elastic IP on it."""
        there = (self.private_ip, *([self.elastic_ip] if self.elastic_ip else []))
        return tuple(Change("-", each, self.eni) for each in there)

    @property
    def cautions(self) -> tuple[Told, ...]:
        """The Elastic IP on it."""
        if self.elastic_ip is None:
            return ()
        problem = f"Elastic IP {self.elastic_ip} is on {self.private_ip}: it is associated with nothing after this"
        return ((messages.CAUTION, {"problem": problem}),)

    def __str__(self) -> str:
        return f"unassign {self.private_ip} from {self.eni}"


@dataclass(frozen=True)
class PrivateView(View):
    """One complete look.

    interface, eni, own (its primary address), subnet, mac: where it is to be; eni is None where this node has none
    now: lack says why. at: the ENI of this instance that has it; here: its interface, if this host has it. primary:
    it is a primary address there, or of the holder. elastic_ip: the one on it, where it is on this node. remapped:
    the metadata show it, too; None where that was not asked. peers: as the resource names them. complete: a look
    that is not frugal has also asked who else has it (holder: an ENI, holds: its instance), and for the block.
    """

    headings: ClassVar = ("Private address", "On", "Elastic IP", "")
    private_ip: str
    interface: str | None
    eni: EniId | None
    at: EniId | None = None
    holder: EniId | None = None
    holds: str = ""
    elastic_ip: str | None = None
    primary: bool = False
    remapped: bool | None = None
    own: str = field(default="", compare=False)
    subnet: str = field(default="", compare=False)
    mac: str = field(default="", compare=False)
    here: str | None = field(default=None, compare=False)
    instance: str = field(default="", compare=False)
    block: IPv4Network | None = field(default=None, compare=False)
    complete: bool = field(default=False, compare=False)
    peers: frozenset[EniId] = field(default=frozenset(), compare=False)
    lack: KitError | None = field(default=None, compare=False)

    @classmethod
    def of(cls, resource: PrivateResource, node: Node, ours: Sequence[NetworkInterface]) -> PrivateView:
        """Build the view from the instance's ENIs.

        Raises Misconfigured when the credentials in use show none, Unavailable when EC2 leaves out what decides.
        """
        node.refuse_unseen(ours)
        address = resource.address
        mine = [each for each in ours if each.vpc in {node.vpc, ""}]  # another VPC may have the same address
        at = next((each for each in mine if each.has(address)), None)
        if at and not at.private_ip:
            raise untold("which private address is the primary one", at.id)
        lack, seat = None, None
        try:
            seat = node.seat(mine, [at.id] if at else [])
        except KitError as error:
            lack = error
        else:
            node, lack = node.at(seat), None if seat.has_ipv4 else no_ipv4(seat)
        return cls(
            private_ip=address,
            interface=node.interface,
            eni=seat.id if seat else None,
            at=at.id if at else None,
            elastic_ip=at.elastic_ip_on(address) if at else None,
            primary=at is not None and at.private_ip == address,
            own=seat.private_ip if seat else "",
            subnet=seat.subnet if seat else "",
            mac=node.mac_of(seat) if seat else "",
            here=node.names.get(at.mac) if at else None,
            instance=node.instance,
            peers=resource.peers,
            lack=lack,
        )

    def beside(self, holder: NetworkInterface | None, block: IPv4Network | None) -> PrivateView:
        """The view with who else has the address, and the subnet's block."""
        whole = replace(self, complete=True, block=block)
        if holder is None:
            return whole
        primary = self.primary or holder.private_ip == self.private_ip
        return replace(whole, holder=holder.id, holds=holder.instance, primary=primary)

    @property
    def partial(self) -> bool:
        """Whether nobody has asked who else has it, and it is not here."""
        return self.at is None and not self.complete

    @property
    def seat(self) -> EniId | None:
        """The ENI that it is to be on."""
        return self.eni

    @property
    def holders(self) -> Holders | None:
        """The ENI that has it; not known where nobody has asked about those of others."""
        if self.at:
            return {self.at: self.instance}
        if self.holder:
            return {self.holder: self.holds or None}
        return {} if self.complete else None

    @property
    def whose(self) -> str:
        """The holder, and its instance."""
        return f"{self.holder} ({self.holds or 'attached to nothing'})"

    @property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """The holder."""
        return (Elsewhere(self.holder, self.holds),) if self.holder else ()

    @property
    def subjects(self) -> frozenset[str]:
        """The address: what a run must see right."""
        return frozenset({self.private_ip})

    @property
    def nearby(self) -> bool:
        """Whether it is on another ENI of this instance."""
        return self.at not in {None, self.eni}

    @property
    def lost(self) -> frozenset[str]:
        """The address, where no ENI of this instance has it; also where this node could not take it now."""
        return self.subjects if self.at is None and self.lack is None else frozenset()

    def drift(self) -> Plan:
        """The step that is missing until this node holds the address; empty when it does.

        Raises Misconfigured where it may not be taken, or cannot be; Unavailable while the move is under way.
        """
        if self.lack or self.eni is None:
            raise self.lack or Misconfigured(f"this node has no interface for {self.private_ip}")
        if self.primary:
            raise Misconfigured(
                f"{self.private_ip} is the primary address of {self.holder or self.at}, and that cannot move",
                "Choose an address of the subnet that is not in use",
                permanent=True,
            )
        if self.at == self.eni:
            if self.remapped is False:
                raise Pending(
                    f"EC2 shows {self.private_ip} on {self.eni}, but the instance metadata do not yet: the move is "
                    "under way",
                    "Look again",
                )
            return ()
        self._refuse_outside()
        if self.holder and self.holder not in self.peers:
            raise Misconfigured(
                f"{self.private_ip} is on {self.whose}, which the resource does not name as a peer's",
                "If it is one of this cluster's, name it (--peer; in Pacemaker peers=; in LifeKeeper: ec2kit "
                "properties TAG --set peers=refresh). Else choose another address",
            )
        return ((AssignPrivateIpAddresses(self.private_ip, self.eni, was=self.at or self.holder),),)

    def _refuse_outside(self) -> None:
        """Raise Misconfigured when the address is not one that the subnet can give."""
        if self.block is None:
            return
        address, kept = IPv4Address(self.private_ip), self.block.num_addresses
        where = f"{self.block}, the subnet of {self.eni}"
        if address not in self.block:
            raise Misconfigured(
                f"{address} is not in {where}: a private address does not leave its subnet",
                "Choose an address of that subnet, or name an interface in the address's own; between two subnets a "
                "virtual IP with routes moves (ec2kit hold route)",
                permanent=True,
            )
        number = int(address) - int(self.block.network_address)
        if number < _FIRST or number >= kept - _LAST:
            raise Misconfigured(
                f"AWS keeps {address} of {where} for itself: the first four addresses and the last",
                "Choose another address of that subnet",
                permanent=True,
            )

    def release(self) -> Plan:
        """The step that takes it off this node's ENI; empty when that does not have it.

        Raises Astray when the resource names an interface that is not there, and it is on another one; Misconfigured
        when it is the primary address of one of them.
        """
        if self.at is None:
            return ()
        if self.primary:
            raise Misconfigured(
                f"{self.private_ip} is the primary address of {self.at}, and a primary address is never taken off",
                "Name a secondary address",
            )
        if self.lack and self.nearby and self.interface and self.here not in {None, self.interface}:
            raise Astray(str(self.lack), self.lack.cure)
        return ((UnassignPrivateIpAddresses(self.private_ip, self.at, self.elastic_ip),),)

    unprovable: ClassVar = ("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")

    def grants(self) -> tuple[Grant, ...]:
        """To give it to this node's ENI, from there or from a peer's, and to take it off."""
        if self.eni is None:
            raise self.lack or Misconfigured(f"this node has no interface for {self.private_ip}")
        resources = tuple(f"network-interface/{each}" for each in sorted({self.eni, *self.peers}))
        return (Grant((AssignPrivateIpAddresses, UnassignPrivateIpAddresses), resources),)

    @property
    def cautions(self) -> list[Problem]:
        """The Elastic IP that a release would cut off."""
        if self.elastic_ip is None:
            return []
        return [
            Problem(
                f"Elastic IP {self.elastic_ip} is on {self.private_ip}: a takeover moves both, but a release ends "
                "its association",
                f"Protect it, too: an Elastic IP resource with the private address {self.private_ip}, above this one",
                fatal=False,
            )
        ]

    def problems(self, *, active: bool) -> list[Problem]:
        """That it cannot be taken, or is not here where it is to be; and whom EC2 may give it to."""
        problems = self.cautions
        take = f"ec2kit hold private {self.private_ip} --interface {self.interface}"
        if active and self.holder and not self.primary:
            what = f"{self.private_ip} is on {self.whose}, not on this node's {self.eni}"
            cure = (
                "If that is a node of this cluster, run create there, or name that system: --server SYSTEM. Else "
                "choose another address"
            )
            return [*problems, Problem(what, cure)]
        try:
            missing = self.drift()
        except Misconfigured as error:
            return [*problems, Problem.of(error)]
        if missing and active:
            problems.append(
                Problem(f"{self.private_ip} is not an address of this node's {self.eni}", f"First: {take}")
            )
        if active:
            subnet = self.subnet or "subnet-..."
            problems.append(
                Problem(
                    f"EC2 may give {self.private_ip} to another interface of {subnet} while it is on none",
                    "Reserve it, if that is not done yet: aws ec2 create-subnet-cidr-reservation "
                    f"--reservation-type explicit --subnet-id {subnet} --cidr {self.private_ip}/32",
                    fatal=False,
                )
            )
        return problems

    def rows(self, nodes: Mapping[str, str]) -> list[tuple[str, ...]]:
        """What it is on, as far as that was asked."""
        where = self.at or self.holder
        return [(self.private_ip, where or "-", self.elastic_ip or "-", nodes.get(where or "", ""))]

    def as_json(self) -> Object:
        """All of it."""
        return {
            "private_ip": self.private_ip,
            "interface": self.interface,
            "eni": self.eni,
            "at": self.at,
            "nearby": self.nearby,
            "primary": self.primary,
            "remapped": self.remapped,
            "holder": self.holder,
            "holder_instance": self.holds,
            "elastic_ip": self.elastic_ip,
            "instance": self.instance,
        }


def _read_view(told: Object) -> PrivateView:
    remapped = told["remapped"]
    return PrivateView(
        private_ip=str(told["private_ip"]),
        interface=optional(told["interface"], str),
        eni=optional(told["eni"], EniId),
        at=optional(told["at"], EniId),
        holder=optional(told["holder"], EniId),
        holds=str(told["holder_instance"]),
        elastic_ip=optional(told["elastic_ip"], str),
        primary=bool(told["primary"]),
        remapped=remapped if isinstance(remapped, bool) else None,
        instance=str(told["instance"]),
    )


PRIVATE = Kind(
    name="private",
    help="a secondary private address within one subnet",
    short="moves a secondary private address between EC2 instances of one subnet",
    long="Makes an address of the subnet a secondary private address of the network interface (ENI) of the node that "
    "it is started on; IPaddr2 puts it on the interface. An Elastic IP on it moves with it. It is taken only when it "
    "is free, on this node, or on an ENI that peers names. stop takes it off this node's ENI, never off another "
    "one's. monitor fails only when two complete looks prove the loss.",
    type_word="private",
    option="private address: one subnet, same-AZ cluster",
    summary="private address (one subnet, same-AZ cluster)",
    resource=PrivateResource,
    parameters=(
        Parameter(
            "private_ip",
            ADDRESS,
            option="",
            metavar="ADDRESS",
            help="the private address, such as 10.0.1.50",
            info="private",
            ocf="ip",
            short="private address",
            long="The private address, an IPv4 address of the interface's subnet.",
            like="10.0.1.50",
            required=True,
        ),
        Parameter(
            "peers",
            ENI,
            option="--peer",
            metavar="ENI",
            help="the ENI of another node of the cluster, from which the address may be taken; repeat",
            info="peer",
            ocf="peers",
            reloadable=True,
            short="the nodes' ENIs",
            long="ENIs of the cluster's nodes, separated by commas: from these the address may be taken. This node's "
            "own may be among them, so that all nodes have the same value.",
            like="eni-1,eni-2",
            many=True,
        ),
    ),
    read_view=_read_view,
    settings=no_broadcast("LifeKeeper would broadcast for the address, and a VPC has no broadcast"),
)
