"""The words of the domain: what is protected, where this node is, what EC2 tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar, NewType

from ec2kit.core.errors import Misconfigured

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
    default route. tables: the route tables recorded at create, whose entry is made again when it is lost.
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
class ElasticIpResource:
    """An Elastic IP that is associated with the ENI behind one interface of the active node.

    allocation: its allocation id, where that is named as well; both must belong to the same Elastic IP.
    """

    kind: ClassVar = "eip"
    public_ip: IPv4Address
    interface: str | None = None
    allocation: AllocationId | None = None

    def __str__(self) -> str:
        return f"Elastic IP {self.public_ip}"


Resource = RouteResource | ElasticIpResource


@dataclass(frozen=True)
class Node:
    """Where this node is, as the instance metadata says."""

    region: str
    instance: str
    vpc: VpcId
    cidrs: tuple[IPv4Network, ...]
    interface: str
    eni: EniId

    def among(self, interfaces: Iterable[NetworkInterface]) -> NetworkInterface:
        """This node's ENI among those that EC2 shows. Raises Misconfigured when it is not there."""
        for each in interfaces:
            if each.id == self.eni:
                return each
        raise Misconfigured(
            f"EC2 does not show {self.eni}, this node's {self.interface}, in {self.region}",
            "These credentials belong to another account, or the Region or EC2 URL is wrong",
        )

    def __str__(self) -> str:
        return f"{self.interface} ({self.eni}) of {self.instance}"


@dataclass(frozen=True)
class Reach:
    """How EC2 is reached: Region, profile of the credentials, URL of the API; None: as the settings say."""

    region: str | None = None
    profile: str | None = None
    url: str | None = None


BY_SETTINGS = Reach()


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
    """One ENI. private_ip: its primary private address; elastic_ip: the Elastic IP on that, if there is one."""

    id: EniId
    private_ip: str
    source_dest_check: bool
    elastic_ip: str | None = None


@dataclass(frozen=True)
class Ec2Instance:
    """What one EC2 instance's own options say: of EC2's recovery, and of its metadata service.

    auto_recovery: `default` (on where the type supports it), `disabled`, or empty when EC2 does not tell.
    hop_limit: how many network hops an answer of the metadata service lives; None when EC2 does not tell.
    """

    id: str
    auto_recovery: str = ""
    hop_limit: int | None = None
    metadata_enabled: bool = True


@dataclass(frozen=True)
class AccessKey:
    """An access key with its secret, which is shown nowhere."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Association:
    """What an Elastic IP is associated with. eni is None when it is not an ENI of a VPC."""

    id: AssociationId
    eni: EniId | None
    private_ip: str | None


@dataclass(frozen=True)
class Address:
    """One Elastic IP of the account."""

    public_ip: str
    allocation: AllocationId
    association: Association | None
