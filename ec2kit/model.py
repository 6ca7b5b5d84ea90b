"""The words of the domain: what is protected, where this node is, which steps exist. Pure.

Names of steps and of their parameters are those of the EC2 API:
docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar, NewType

EniId = NewType("EniId", str)
TableId = NewType("TableId", str)
VpcId = NewType("VpcId", str)
AllocationId = NewType("AllocationId", str)
AssociationId = NewType("AssociationId", str)
Destination = NewType("Destination", str)  # "10.1.0.10/32"


@dataclass(frozen=True)
class RouteResource:
    """A virtual IP that route tables send to one node.

    interface: network interface of this node whose ENI gets the traffic; None is the one with the
    default route. tables: the route tables recorded at create, whose entry is made anew when lost.
    """

    kind: ClassVar = "route"
    vip: IPv4Address
    interface: str | None = None
    tables: frozenset[TableId] = frozenset()

    @property
    def destination(self) -> Destination:
        """The route's destination, `10.1.0.10/32`."""
        return Destination(f"{self.vip}/32")

    def __str__(self) -> str:
        return f"route {self.destination}"


@dataclass(frozen=True)
class AddressResource:
    """An Elastic IP that is associated with the ENI behind one interface of the active node."""

    kind: ClassVar = "eip"
    public_ip: IPv4Address
    interface: str | None = None

    def __str__(self) -> str:
        return f"Elastic IP {self.public_ip}"


Resource = RouteResource | AddressResource


@dataclass(frozen=True)
class Node:
    """Where this node is, as the instance metadata says."""

    region: str
    instance: str
    vpc: VpcId
    cidrs: tuple[IPv4Network, ...]
    interface: str
    eni: EniId

    def __str__(self) -> str:
        return f"{self.interface} ({self.eni}) of {self.instance}"


# ---- facts, as the EC2 API tells them


@dataclass(frozen=True)
class Route:
    """One entry of a route table. target: ENI, gateway, ... id; state: `active` or `blackhole`."""

    destination: Destination
    target: str
    state: str = "active"
    propagated: bool = False


@dataclass(frozen=True)
class RouteTable:
    """One route table with all its IPv4 entries."""

    id: TableId
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class NetworkInterface:
    """One ENI. private_ip is its primary private address."""

    id: EniId
    private_ip: str
    source_dest_check: bool


@dataclass(frozen=True)
class Association:
    """What an Elastic IP is associated with. eni is None for what is no ENI of the VPC kind."""

    id: AssociationId
    eni: EniId | None
    private_ip: str | None


@dataclass(frozen=True)
class Address:
    """One Elastic IP of the account."""

    public_ip: str
    allocation: AllocationId
    association: Association | None


# ---- steps: each is one call, idempotent, and says in words what it does


@dataclass(frozen=True)
class ReplaceRoute:
    """Point one existing entry at our ENI."""

    method: ClassVar = "replace_route"
    table: TableId
    destination: Destination
    eni: EniId
    was: str = field(default="", compare=False)

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "RouteTableId": self.table,
            "DestinationCidrBlock": self.destination,
            "NetworkInterfaceId": self.eni,
        }

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.table} sends {self.destination} to {self.was or 'another target'}"

    def __str__(self) -> str:
        return f"point {self.destination} in {self.table} at {self.eni}" + (f" (was {self.was})" if self.was else "")


@dataclass(frozen=True)
class CreateRoute:
    """Make the entry again in a recorded table that has lost it."""

    method: ClassVar = "create_route"
    table: TableId
    destination: Destination
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "RouteTableId": self.table,
            "DestinationCidrBlock": self.destination,
            "NetworkInterfaceId": self.eni,
        }

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.table} has lost its entry for {self.destination}"

    def __str__(self) -> str:
        return f"create {self.destination} in {self.table} (lost) with target {self.eni}"


@dataclass(frozen=True)
class DisableSourceDestCheck:
    """Let our ENI take packets for an address that is not its own."""

    method: ClassVar = "modify_network_interface_attribute"
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"NetworkInterfaceId": self.eni, "SourceDestCheck": {"Value": False}}

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"the source/dest check of {self.eni} is on"

    def __str__(self) -> str:
        return f"switch off the source/dest check of {self.eni}"


@dataclass(frozen=True)
class AssociateAddress:
    """Associate the Elastic IP with our ENI, wherever it is now.

    AllowReassociation is always said: without it an address in use is refused where the account
    or the endpoint does not imply it. displaces: other Elastic IPs that lose their place by it.
    """

    method: ClassVar = "associate_address"
    public_ip: str
    allocation: AllocationId
    eni: EniId
    private_ip: str
    was: EniId | None = field(default=None, compare=False)
    displaces: tuple[str, ...] = field(default=(), compare=False)

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "AllocationId": self.allocation,
            "NetworkInterfaceId": self.eni,
            "PrivateIpAddress": self.private_ip,
            "AllowReassociation": True,
        }

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.public_ip} is associated with {self.was or 'nothing'}"

    def __str__(self) -> str:
        return (
            f"associate {self.public_ip} with {self.eni} ({self.private_ip})"
            + (f", taken from {self.was}" if self.was else "")
            + (f", displacing {' '.join(self.displaces)}" if self.displaces else "")
        )


@dataclass(frozen=True)
class DisassociateAddress:
    """End exactly the association that was just read: it is a compare-and-swap, the peer's has another id."""

    method: ClassVar = "disassociate_address"
    public_ip: str
    association: AssociationId
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"AssociationId": self.association}

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.public_ip} is associated with {self.eni}"

    def __str__(self) -> str:
        return f"disassociate {self.public_ip} from {self.eni} ({self.association})"


@dataclass(frozen=True)
class BringLinkUp:
    """Take the interface down and up again because it has no link. The only step that is not an EC2 call."""

    interface: str

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.interface} has no link"

    def __str__(self) -> str:
        return f"take {self.interface} down and up again"


Ec2Step = ReplaceRoute | CreateRoute | DisableSourceDestCheck | AssociateAddress | DisassociateAddress
Step = Ec2Step | BringLinkUp
Batch = tuple[Step, ...]  # independent of each other: they go out together
Plan = tuple[Batch, ...]  # one batch after the other; the next only when the one before was accepted


def findings(plan: Plan, *, most: int = 3) -> str:
    """Why a plan is not empty, in words; the first `most` findings are told, the others counted."""
    found = [step.finding for batch in plan for step in batch]
    return "; ".join(found[:most]) + (f"; and {len(found) - most} more" if len(found) > most else "")


def operation(step: Ec2Step) -> str:
    """EC2's name of the step's call, as IAM policies and error messages use it: `ReplaceRoute`."""
    return "".join(word.capitalize() for word in step.method.split("_"))
