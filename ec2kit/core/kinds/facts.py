"""What a look asks, and what it has been told so far. Pure.

A kind of address says what it needs by reading it: `Facts.of` gives an answer, or raises Open with what must be asked
first. So a view comes from a complete look or not at all, and no condition of a look stands twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from ec2kit.core.errors import KitError
from ec2kit.core.model import Address, Destination, EniId, NetworkInterface, RouteTable, VpcId

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Query(Generic[T_co]):
    """One thing that a look can ask for. What has failed has its KitError as its answer."""


@dataclass(frozen=True)
class Link(Query[bool | None]):
    """Whether an interface of this host has link; None when the link check is switched off."""

    interface: str


@dataclass(frozen=True)
class DefaultInterface(Query[str | None]):
    """The interface with this host's default route; None where the host does not show its routes."""


@dataclass(frozen=True)
class Holder(Query[str | None]):
    """Whose Elastic IP it is on this node, of those who use the kit here; None: nobody's of them."""

    public_ip: str


@dataclass(frozen=True)
class Metadata(Query[str | None]):
    """One item of the instance metadata, below `/latest/meta-data/`; None when there is no such item."""

    path: str


@dataclass(frozen=True)
class Listing(Query[tuple[T_co, ...]], ABC):
    """What EC2 shows by one filter: queries of the same class and scope are joined into one call.

    operation: EC2's name of the call, as boto3 writes it. filtered: the filter that takes `value`. steady: it
    tells what this node is, not who has the address, so its age does not count for what may be changed after a look.
    """

    operation: ClassVar[str]
    filtered: ClassVar[str]
    steady: ClassVar[bool] = False

    @property
    @abstractmethod
    def value(self) -> str | None:
        """What the filter is to find; None: everything of the scope."""

    @property
    def scope(self) -> tuple[tuple[str, str], ...]:
        """The filters that all joined queries share: name and value."""
        return ()

    @property
    def whole(self) -> Self | None:
        """The query for all of the scope, where that is asked for in the place of several; None: it is not."""
        return None

    @abstractmethod
    def includes(self, item: Any) -> bool:
        """Whether an item of a joined answer is this query's."""


@dataclass(frozen=True)
class RouteTables(Listing[RouteTable]):
    """The route tables of a VPC that have an entry for a destination; None: every one."""

    operation: ClassVar = "describe_route_tables"
    filtered: ClassVar = "route.destination-cidr-block"
    vpc: VpcId
    destination: Destination | None = None

    @property
    def value(self) -> str | None:
        """The destination."""
        return self.destination

    @property
    def scope(self) -> tuple[tuple[str, str], ...]:
        """The VPC."""
        return (("vpc-id", self.vpc),)

    @property
    def whole(self) -> Self:
        """All tables: of several destinations one is often missing in some table, and then all are asked for."""
        return replace(self, destination=None)

    def includes(self, item: RouteTable) -> bool:
        """Whether the table has such an entry."""
        return self.destination is None or bool(item.of(self.destination))


@dataclass(frozen=True)
class ElasticIps(Listing[Address]):
    """The account's Elastic IP of that name, or nothing; None: every one, and addresses of other sorts."""

    operation: ClassVar = "describe_addresses"
    filtered: ClassVar = "public-ip"
    public_ip: str | None = None

    @property
    def value(self) -> str | None:
        """The address."""
        return self.public_ip

    def includes(self, item: Address) -> bool:
        """Whether it is that one."""
        return self.public_ip in {None, item.public_ip}


@dataclass(frozen=True)
class Interfaces(Listing[NetworkInterface]):
    """The ENIs that are attached to an instance."""

    operation: ClassVar = "describe_network_interfaces"
    filtered: ClassVar = "attachment.instance-id"
    steady: ClassVar = True
    instance: str

    @property
    def value(self) -> str:
        """The instance."""
        return self.instance

    def includes(self, item: NetworkInterface) -> bool:
        """Whether it is attached to that one."""
        return item.instance == self.instance


@dataclass(frozen=True)
class InterfaceOf(Listing[NetworkInterface]):
    """The ENI of that id, or nothing."""

    operation: ClassVar = "describe_network_interfaces"
    filtered: ClassVar = "network-interface-id"
    steady: ClassVar = True
    eni: EniId

    @property
    def value(self) -> str:
        """The id."""
        return self.eni

    def includes(self, item: NetworkInterface) -> bool:
        """Whether it is that one."""
        return item.id == self.eni


Answers = dict[Query[Any], Any]  # what each query has been answered, or its KitError


class Open(Exception):
    """Read before it was asked: these queries are to be answered, and then the view is to be made again."""

    def __init__(self, queries: Iterable[Query[Any]]) -> None:
        super().__init__()
        self.queries = tuple(queries)


class Facts:
    """What has been answered so far. frugal: only what is needed in any case is asked, one thing after the other.

    releasing: it is for a release, which needs to know less.
    whole: all that a person may want to know is asked. read: the queries whose answers were used.
    """

    def __init__(
        self, answers: Answers, *, frugal: bool = False, releasing: bool = False, whole: bool = False
    ) -> None:
        self._answers = answers
        self.frugal = frugal
        self.releasing = releasing
        self.whole = whole
        self.read: set[Query[Any]] = set()

    def want(self, *queries: Query[Any], along: Iterable[Query[Any]] = ()) -> None:
        """Raise Open for those that have no answer yet; with them go those `along`, unless the look is frugal."""
        if any(each not in self._answers for each in queries):
            wanted = (*queries, *(() if self.frugal else along))
            raise Open(each for each in wanted if each not in self._answers)

    def knows(self, query: Query[Any]) -> bool:
        """Whether it was asked already."""
        return query in self._answers

    def of(self, query: Query[T_co]) -> T_co:
        """The answer. Raises its KitError when it has failed, and Open when it was not asked yet."""
        self.want(query)
        self.read.add(query)
        answer = self._answers[query]
        if isinstance(answer, KitError):
            raise answer
        return cast("T_co", answer)
