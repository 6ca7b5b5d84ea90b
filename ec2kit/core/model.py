"""The words of the domain: where this node is, what EC2 tells. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import NewType

from ec2kit.core.errors import KitError, Misconfigured

EniId = NewType("EniId", str)
TableId = NewType("TableId", str)
VpcId = NewType("VpcId", str)
AllocationId = NewType("AllocationId", str)
AssociationId = NewType("AssociationId", str)
Destination = NewType("Destination", str)  # "10.1.0.10/32"
ACTIVE = "active"  # the state of a route whose target is there
BY_HAND = "CreateRoute"  # the origin of a route that a call has made


@dataclass(frozen=True)
class Node:
    """Where this node is: its instance, and the network interface that an address is to be on.

    interface, eni: those that the resource names (named), else those with the default route; eni is None where there
    is none now, and then `lack` says why. names: this host's interfaces by their hardware addresses.
    """

    region: str
    instance: str
    vpc: VpcId
    cidrs: tuple[IPv4Network, ...]
    interface: str | None
    eni: EniId | None
    named: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    lack: KitError | None = None

    def seat(self, ours: Sequence[NetworkInterface], having: Iterable[str]) -> NetworkInterface:
        """The one of this instance's ENIs that the address is to be on. having: what it is on now, ENIs or others.

        Where the resource names no interface, one that has the address keeps it: the default route may change, and
        that moves no address. Raises Misconfigured when EC2 does not show the ENI, and what the node lacks.
        """
        at = Counter(having)
        best = max(ours, key=lambda each: (at[each.id], each.id == self.eni, each.id), default=None)
        if best and not self.named and (at[best.id] or (self.interface is None and len(ours) == 1)):
            if best.id != self.eni and best.mac not in self.names:
                raise Misconfigured(
                    f"this host has no interface with the hardware address of {best.id} ({best.mac or 'not told'})",
                    "Check the interface's driver, or name another interface",
                )
            return best
        if self.eni is None:
            raise self.lack or Misconfigured(f"{self.interface} is not a network interface of {self.instance}")
        return self._among(ours)

    def _among(self, ours: Iterable[NetworkInterface]) -> NetworkInterface:
        for each in ours:
            if each.id == self.eni:
                return each
        raise Misconfigured(
            f"EC2 does not show {self.eni}, this node's {self.interface}, in {self.region}",
            "It was attached or detached just now; or the credentials, the Region or the EC2 URL are another's",
        )

    def at(self, seat: NetworkInterface) -> Node:
        """This node, with that ENI as the one that the address is to be on."""
        if seat.id == self.eni:
            return self
        return replace(self, interface=self.names[seat.mac], eni=seat.id, lack=None)

    def __str__(self) -> str:
        return f"{self.interface} ({self.eni}) of {self.instance}" if self.eni else self.instance


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
    """One entry of a route table. target: ENI, gateway, ... id; state: `active`, `blackhole` or `filtered`.

    origin: who made it. Ours to move is only what was made by the call of that name; a gateway propagates others
    (`EnableVgwRoutePropagation`), or a route server advertises them (`Advertisement`).
    docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html
    """

    destination: Destination
    target: str
    state: str = ACTIVE
    origin: str = BY_HAND


@dataclass(frozen=True)
class RouteTable:
    """One route table with all its IPv4 entries."""

    id: TableId
    routes: tuple[Route, ...]

    def entries(self, destination: Destination, *, by_hand: bool = True) -> list[Route]:
        """The entries for the destination that were made by hand, or the others."""
        return [
            each for each in self.routes if each.destination == destination and (each.origin == BY_HAND) is by_hand
        ]


@dataclass(frozen=True)
class NetworkInterface:
    """One ENI. private_ip: its primary private address, empty when it has no IPv4 address.

    elastic_ip: the Elastic IP on that address, if there is one. mac: its hardware address, lower case; empty when EC2
    does not tell it. instance: the one that it is attached to. subnet, vpc: their ids. secondary: its other private
    addresses, each with the Elastic IP on it, or None. amazons: the public address of Amazon's on its primary one.
    """

    id: EniId
    private_ip: str
    source_dest_check: bool
    elastic_ip: str | None = None
    mac: str = ""
    instance: str = ""
    subnet: str = ""
    secondary: tuple[tuple[str, str | None], ...] = ()
    vpc: str = ""
    amazons: str | None = None

    def has(self, private_ip: str) -> bool:
        """Whether that is one of its private addresses."""
        return private_ip == self.private_ip or private_ip in dict(self.secondary)

    def elastic_ip_on(self, private_ip: str) -> str | None:
        """The Elastic IP on one of its private addresses."""
        return self.elastic_ip if private_ip == self.private_ip else dict(self.secondary).get(private_ip)


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
    """What an Elastic IP is associated with. eni is None when it is not an ENI of a VPC.

    instance: the one that the ENI is attached to; None when it is attached to none, or EC2 does not tell.
    """

    id: AssociationId
    eni: EniId | None
    private_ip: str | None
    instance: str | None = None


@dataclass(frozen=True)
class Address:
    """One Elastic IP of the account."""

    public_ip: str
    allocation: AllocationId
    association: Association | None
