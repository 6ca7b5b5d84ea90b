"""The words of the domain: where this node is, what EC2 tells. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import NewType

from ec2kit.core.errors import KitError, Misconfigured, Unavailable

EniId = NewType("EniId", str)
TableId = NewType("TableId", str)
VpcId = NewType("VpcId", str)
AllocationId = NewType("AllocationId", str)
AssociationId = NewType("AssociationId", str)
Destination = NewType("Destination", str)  # "10.1.0.10/32"
ACTIVE = "active"  # the state of a route whose target is there
BY_HAND = "CreateRoute"  # the origin of a route that a call has made
UNTOLD = "not told"  # the state or origin of a route that EC2 leaves out


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

    def refuse_unseen(self, ours: Sequence[NetworkInterface]) -> None:
        """Raise what keeps an answer from being a look at this instance's ENIs."""
        if not ours:
            raise Misconfigured(
                f"EC2 shows no network interface of {self.instance} in {self.region}",
                "These credentials belong to another account, or the Region or EC2 URL is wrong",
            )
        if any(not each.id for each in ours):
            raise untold("the id of a network interface", self.instance)

    def seat(self, ours: Sequence[NetworkInterface], having: Iterable[str]) -> NetworkInterface:
        """The one of this instance's ENIs that the address is to be on. having: what it is on now, ENIs or others.

        Where the resource names no interface, one that has the address keeps it: the default route may change, and
        that moves no address. Raises Misconfigured when EC2 does not show the ENI, and what the node lacks.
        """
        at = Counter(having)
        best = max(ours, key=lambda each: (at[each.id], each.id == self.eni, each.id), default=None)
        if best and not self.named and (at[best.id] or (self.interface is None and len(ours) == 1)):
            if best.id != self.eni and not best.mac:
                raise untold("the hardware address", best.id)
            if best.id != self.eni and best.mac not in self.names:
                raise Misconfigured(
                    f"this host has no interface with the hardware address of {best.id} ({best.mac})",
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

    def mac_of(self, seat: NetworkInterface) -> str:
        """The hardware address of this node's ENI: as EC2 tells it, else as this host does."""
        return seat.mac or next((mac for mac, name in self.names.items() if name == self.interface), "")

    def __str__(self) -> str:
        return f"{self.interface} ({self.eni}) of {self.instance}" if self.eni else self.instance


def untold(what: str, whose: str) -> Unavailable:
    """What it means that EC2's answer lacks something that decides.

    In EC2's own description nothing but an answer's outer form is certain: each field may be left out.
    """
    return Unavailable(f"EC2 does not tell {what} of {whose}, and without that nothing is known", "Look again")


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

    instance: the one that the ENI is attached to, as far as EC2 tells it.

    origin: who made it. Ours to move is only what was made by the call of that name; a gateway propagates others
    (`EnableVgwRoutePropagation`), or a route server advertises them (`Advertisement`). Both: UNTOLD where EC2 leaves
    them out.
    docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html
    """

    destination: Destination
    target: str
    state: str = ACTIVE
    origin: str = BY_HAND
    instance: str = field(default="", compare=False)


@dataclass(frozen=True)
class RouteTable:
    """One route table with all its IPv4 entries. owner: its account, empty: not told.

    silent: EC2 leaves its routes out, or where one of them leads. subnets: those that it is associated with; main: it
    is that of the subnets which are associated with none.
    """

    id: TableId
    routes: tuple[Route, ...]
    owner: str = ""
    silent: bool = False
    subnets: tuple[str, ...] = ()
    main: bool = False

    def entries(self, destination: Destination, *, by_hand: bool = True) -> list[Route]:
        """The entries for the destination that were made by hand, or the others."""
        return [each for each in self.of(destination) if (each.origin == BY_HAND) is by_hand]

    def of(self, destination: Destination) -> list[Route]:
        """All entries for the destination."""
        return [each for each in self.routes if each.destination == destination]


@dataclass(frozen=True)
class NetworkInterface:
    """One ENI. private_ip: its primary private address, empty when it has no IPv4 address.

    source_dest_check: None where EC2 does not tell it. elastic_ip: the Elastic IP on that address, if there is one,
    or the address of a customer-owned pool or a carrier that has the place. mac: its hardware address, lower case;
    empty when EC2 does not tell it. instance: the one that it is attached to. subnet, vpc: their ids. secondary: its
    other private addresses, each with the Elastic IP on it, or None. amazons: the public address of Amazon's on its
    primary one.
    unlisted: EC2 has left out some of its private addresses. owner: its account, empty: not told. service: as what an
    AWS service holds it, in EC2's word; empty: none does.
    """

    id: EniId
    private_ip: str
    source_dest_check: bool | None
    elastic_ip: str | None = None
    mac: str = ""
    instance: str = ""
    subnet: str = ""
    secondary: tuple[tuple[str, str | None], ...] = ()
    vpc: str = ""
    amazons: str | None = None
    unlisted: bool = False
    owner: str = ""
    service: str = ""

    @property
    def has_ipv4(self) -> bool:
        """Whether it has any IPv4 address."""
        return bool(self.private_ip or self.secondary or self.unlisted)

    def has(self, private_ip: str) -> bool:
        """Whether that is one of its private addresses."""
        return private_ip == self.private_ip or private_ip in dict(self.secondary)

    def elastic_ip_on(self, private_ip: str) -> str | None:
        """The Elastic IP on one of its private addresses."""
        return self.elastic_ip if private_ip == self.private_ip else dict(self.secondary).get(private_ip)

    def place_of(self, public_ip: str) -> str | None:
        """Which of its private addresses has that Elastic IP."""
        places = ((self.private_ip, self.elastic_ip), *self.secondary)
        return next((place for place, on in places if on == public_ip), None)


@dataclass(frozen=True)
class Ec2Instance:
    """One EC2 instance, and what its own options say: of EC2's recovery, and of its metadata service.

    name: its tag Name; state: EC2's word, such as `running`.
    auto_recovery: `default` (on where the type supports it), `disabled`, or empty when EC2 does not tell.
    hop_limit: how many network hops an answer of the metadata service lives; None when EC2 does not tell.
    """

    id: str
    auto_recovery: str = ""
    hop_limit: int | None = None
    metadata_enabled: bool = True
    name: str = ""
    state: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """An ENI of another node that has an address; its instance, with the tag Name and the state, as far as known."""

    eni: EniId
    instance: str = ""
    name: str = ""
    state: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is an instance, and nothing speaks against it that it runs."""
        return bool(self.instance) and self.state in {"", "running", "pending"}

    def __str__(self) -> str:
        """As people read it: `eni-2 of i-2 (node2, running)`."""
        known = ", ".join(filter(None, (self.name, self.state)))
        return self.eni + f" of {self.instance}" * bool(self.instance) + f" ({known})" * bool(known)

    @classmethod
    def of_json(cls, told: object) -> Elsewhere | None:
        """What as_json gave, here or in another version; None for anything else."""
        if not isinstance(told, dict) or not isinstance(told.get("eni"), str):
            return None
        return cls(EniId(told["eni"]), *(str(told.get(name) or "") for name in ("instance", "name", "state")))

    def as_json(self) -> dict[str, str | None]:
        """All of it; null: not known."""
        words = {"instance": self.instance, "name": self.name, "state": self.state}
        return {"eni": self.eni, **{name: word or None for name, word in words.items()}}


@dataclass(frozen=True)
class Answer:
    """What has answered: HTTP status; seconds that it took, connection and TLS included; how far ahead our clock is.

    ahead: in seconds; None where the answer does not tell the time.
    """

    status: int
    seconds: float
    ahead: float | None


@dataclass(frozen=True)
class AccessKey:
    """An access key with its secret, which is shown nowhere."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Association:
    """What an Elastic IP is associated with. eni is None when it is not an ENI of a VPC, or EC2 does not tell.

    instance: the one that the ENI is attached to; None when it is attached to none, or EC2 does not tell. id: empty
    where EC2 does not tell it.
    """

    id: AssociationId
    eni: EniId | None
    private_ip: str | None
    instance: str | None = None


@dataclass(frozen=True)
class Address:
    """One address of the account: an Elastic IP, or what EC2 lists beside those.

    public_ip: empty for an address of another sort, which stands in `other`; sort: which one, in words, empty for an
    Elastic IP. allocation: None where EC2 does not tell it. service: the AWS service that manages it, empty: none.
    """

    public_ip: str
    allocation: AllocationId | None
    association: Association | None
    other: str = ""
    sort: str = ""
    service: str = ""

    @property
    def movable(self) -> bool:
        """Whether it can be associated with an ENI of ours."""
        return bool(self.public_ip and self.allocation and not self.sort and not self.service)
