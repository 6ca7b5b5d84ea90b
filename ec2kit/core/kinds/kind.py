"""How a kind of address is described, once: all that people and engines see of it is made from that. Pure.

A new kind is a module beside this one, and a line in ec2kit.core.kinds.known.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any, ClassVar, Self, cast

from ec2kit.core.errors import KitError, Misconfigured, Problem
from ec2kit.core.history import Holders
from ec2kit.core.kinds.choices import Choices
from ec2kit.core.kinds.facts import Facts, Metadata
from ec2kit.core.model import Elsewhere, EniId, NetworkInterface, Node
from ec2kit.core.schema import Object
from ec2kit.core.settings import Settings
from ec2kit.core.steps import Ec2Step, Grant, Plan, Told, steps_of

# ---- what is written: parameters


@dataclass(frozen=True)
class Form:
    """How one value is written. pattern: matches it whole; read: makes the value, or raises ValueError."""

    pattern: str
    read: Callable[[str], Any]
    what: str  # "an IPv4 address"
    like: str
    write: Callable[[Any], str] = str


def _ipv4(text: str) -> IPv4Address:
    """An IPv4 address; `/32` behind it is allowed."""
    return IPv4Address(text.removesuffix("/32"))


def _id_of(prefix: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(rf"{prefix}-\w+", text):
            raise ValueError(text)
        return text

    return read


TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")  # what OCF's agents take for them


def _truth(text: str) -> bool:
    """What OCF's agents take for true, and its opposites."""
    if (word := text.lower()) not in {*TRUE, *_FALSE}:
        raise ValueError(text)
    return word in TRUE


ADDRESS = Form(r"[0-9.]+(/32)?", _ipv4, "an IPv4 address", "10.1.0.10")
PRIVATE_ADDRESS = replace(ADDRESS, pattern=r"[0-9.]+", read=IPv4Address)
TABLE = Form(r"rtb-\w+", _id_of("rtb"), "the id of a route table", "rtb-1")
ENI = Form(r"eni-\w+", _id_of("eni"), "the id of an ENI", "eni-1")
ALLOCATION = Form(r"eipalloc-\w+", str, "an allocation id", "eipalloc-1")
TRUTH = Form(
    f"(?i:{'|'.join((*TRUE, *_FALSE))})", _truth, "true or false", "false", write=lambda value: str(value).lower()
)
INTERFACE_NAME = Form(r"[^\s/]{1,127}", str, "the name of a network interface", "eth1")  # so long an altname may be


@dataclass(frozen=True)
class Asked:
    """How create's wizard asks for a parameter.

    options: label and value of each answer, of those on the chosen interface; empty: it is not asked for when it need
    not be given, and `none` is told when it must.
    """

    question: str
    options: Callable[[Choices, str], list[tuple[str, str]]]
    none: str = ""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a resource, and what each of the kit's languages calls it; None: it is not there.

    field: of the resource, and the key of `ec2kit properties`. option: of the command line, empty for the address,
    which stands alone. creation: the option of create. info: in LifeKeeper's info field. ocf, short, long, like: in
    the OCF agent. own: each node may have another value. reloadable: Pacemaker need not restart the resource for
    another value.
    """

    field: str
    form: Form
    option: str | None = None
    metavar: str | None = None
    help: str | None = None
    creation: str | None = None
    asked: Asked | None = None
    info: str | None = None
    ocf: str | None = None
    short: str = ""
    long: str = ""
    like: str = ""
    required: bool = False
    many: bool = False
    own: bool = False
    reloadable: bool = False
    default: Any = None

    @property
    def pattern(self) -> str:
        """What the whole OCF parameter matches; several values stand between commas or blanks."""
        one = self.form.pattern
        return rf"{one}([,\s]+{one})*" if self.many else one

    def split(self, text: str) -> list[str]:
        """The values in one text: several stand between commas or blanks."""
        return re.split(r"[,\s]+", text) if self.many else [text]

    @property
    def example(self) -> str:
        """A value of that form."""
        return self.like or self.form.like

    def texts(self, resource: Resource) -> list[str]:
        """The resource's values as texts: none for the default, one, or many in order."""
        value = getattr(resource, self.field)
        return sorted(map(str, value)) if self.many else [] if value == self.default else [self.form.write(value)]

    def value(self, texts: Iterable[str]) -> Any:
        """The resource's value from texts. Raises ValueError."""
        values = [self.form.read(text) for text in texts]
        return frozenset(values) if self.many else next(iter(values), self.default)


INTERFACE = Parameter(
    "interface",
    INTERFACE_NAME,
    option="--interface",
    info="interface",
    ocf="interface",
    short="network interface",
    long="Network interface of the node whose ENI gets the address, such as eth1. "
    "Without it: the one that has the address already, else that of the default route.",
    own=True,
)


# ---- what is protected, and what EC2 shows of it


@dataclass(frozen=True)
class Resource(ABC):
    """An address that is on one node at a time.

    interface: network interface of this node whose ENI has it; None is the one that has it already, else the one with
    the default route. stays: a release changes nothing. below: in LifeKeeper it stands below the IP resource of the
    same address. public: whether the instance metadata tell it among an ENI's public or its private addresses.
    gathers: it names the ENIs of all nodes, its peers. claimed: another address could push it off its place, so this
    node's own is written down as somebody's.
    """

    kind: ClassVar[str]
    stays: ClassVar[bool] = False
    below: ClassVar[bool] = False
    public: ClassVar[bool | None] = None
    gathers: ClassVar[bool] = False
    claimed: ClassVar[bool] = False

    @property
    @abstractmethod
    def interface(self) -> str | None:
        """The network interface of this node."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The address, without a mask."""

    @property
    def peers(self) -> frozenset[EniId]:
        """The ENIs of the cluster's nodes, of a kind that gathers them."""
        return frozenset()

    @property
    def target(self) -> str:
        """The address as EC2 writes it."""
        return self.address

    @abstractmethod
    def view(self, node: Node, facts: Facts) -> View:
        """What the facts show. Raises Open while some are missing, and KitError when nothing can be seen."""

    @abstractmethod
    def as_json(self) -> Object:
        """What was asked for, without kind and interface."""

    def on(self, interface: str | None) -> Self:
        """The same, on another interface."""
        return self.having(interface=interface)

    def having(self, **values: Any) -> Self:
        """The same with other values."""
        return cast("Self", replace(cast("Any", self), **values))

    def recorded(self, view: Any) -> Self:  # noqa: ARG002  kinds that record nothing
        """The resource as create and extend record it, with what a look has shown to belong to it."""
        return self

    def forgotten(self, view: Any) -> Problem | None:  # noqa: ARG002
        """What keeps the other nodes from taking the address from this one, as a look of this one shows it."""
        return None

    def refreshed(self, view: Any) -> Self | None:  # noqa: ARG002
        """The resource with its route tables as a look shows them; None when it has none."""
        return None


class View(ABC):
    """One complete look.

    finds: the codes of its problems and findings. unprovable: calls of a takeover or a release that no DryRun can
    prove. reads: the calls of a look, and of create and extend.
    """

    headings: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def seat(self) -> EniId | None:
        """The ENI of this node that the address is, or is to be, on; None where there is none now."""

    @property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """Who has the address now, of other nodes, as far as the look has shown it."""
        return ()

    @property
    def served_elsewhere(self) -> bool:
        """Whether one other node has it, wholly."""
        return len(self.elsewhere) == 1

    @property
    @abstractmethod
    def holders(self) -> Holders | None:
        """What has the address, and whose instance it is, where this look tells; None where it does not say what."""

    @property
    @abstractmethod
    def subjects(self) -> frozenset[str]:
        """What a run must see right, each by the word that a step about it has as its subject."""

    @property
    def nearby(self) -> object:
        """Whether it is on this node, but not at its place."""
        return False

    @property
    def lost(self) -> frozenset[str]:
        """What proves that the address does not reach this node; empty when it is held, or is on it nearby."""
        return frozenset() if self.nearby else frozenset(step.subject for step in steps_of(self.drift()))

    @property
    def partial(self) -> bool:
        """Whether a frugal look has left out what a step needs to know."""
        return False

    @property
    def notices(self) -> tuple[Told, ...]:
        """What is told once a run."""
        return ()

    @property
    def cautions(self) -> list[Problem]:
        """What a person should know before it is taken."""
        return self.displacing

    @property
    def awaited(self) -> str:
        """The address that must come to this node first, with another resource; empty: none."""
        return ""

    @property
    def displacing(self) -> list[Problem]:
        """What loses its place on this node when the address comes; empty where it is."""
        return []

    def rules_out(self, other: Resource) -> bool:  # noqa: ARG002
        """Whether another resource could not be on this node at the same time."""
        return False

    @abstractmethod
    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does. Raises KitError."""

    @abstractmethod
    def release(self) -> Plan:
        """The steps that let go of what this look shows to be this node's; empty when nothing is. Raises KitError."""

    @abstractmethod
    def problems(self, *, active: bool) -> list[Problem]:
        """What stands against creating it. active: this node has the address now, not only later."""

    finds: ClassVar[frozenset[str]] = frozenset()
    unprovable: ClassVar[tuple[str, ...]] = ()

    def findings(self) -> list[Problem]:
        """What a person should know on a quiet day, beside its problems: each with its code. Cautions only."""
        return []

    def rehearsal(self) -> tuple[Ec2Step, ...]:
        """The calls that a takeover by this node could send, with what they would name: those that have a DryRun."""
        return ()

    reads: ClassVar[tuple[str, ...]] = ("DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeInstances")

    def grants(self) -> tuple[Grant, ...]:
        """What this node must be allowed to change, to take the address and to let go of it. Raises KitError."""
        return ()

    @abstractmethod
    def rows(self, nodes: Mapping[str, str]) -> list[tuple[str, ...]]:
        """The lines of a table below the headings. nodes: whose an ENI is."""

    @abstractmethod
    def as_json(self) -> Object:
        """All of it."""


# ---- the whole description


@dataclass(frozen=True)
class Kind:
    """A kind of address: what it is called, its parameters (the address first), and how it is read.

    name: on the command line, in the info field, and of the OCF agent; help: behind it. short, long: of the agent's
    meta-data. type_word: of create; option, summary: in the wizard. read_view: of View.as_json, raises KeyError,
    TypeError or ValueError for another kind's. settings: problems with LifeKeeper's settings. place: create needs
    the interface named.
    """

    name: str
    help: str
    short: str
    long: str
    type_word: str
    option: str
    summary: str
    resource: type[Resource]
    parameters: tuple[Parameter, ...]
    read_view: Callable[[Object], View]
    settings: Callable[[Settings], list[Problem]] = field(default=lambda _: [])
    place: bool = False

    @property
    def address(self) -> Parameter:
        """The parameter that names the address."""
        return self.parameters[0]

    @property
    def described(self) -> tuple[Parameter, ...]:
        """The parameters of the info field, and of `ec2kit properties`: the interface comes behind the address."""
        return (self.address, INTERFACE, *self.parameters[1:])

    @property
    def agent(self) -> tuple[Parameter, ...]:
        """The parameters of the OCF agent: what kinds share comes last."""
        return (*(each for each in self.parameters if each.ocf), INTERFACE)

    @property
    def creation(self) -> tuple[Parameter, ...]:
        """What create is given by options."""
        return tuple(each for each in self.parameters if each.creation)

    def having(self, values: Mapping[str, Any]) -> Resource:
        """The resource with these values by field."""
        return cast("Resource", cast("Any", self.resource)(**values))


def no_broadcast(why: str) -> Callable[[Settings], list[Problem]]:
    """The check that the IP resource above does not look for the address by a broadcast. why: what is bad in that."""

    def problems(settings: Settings) -> list[Problem]:
        cure = "Put NOBCASTPING=1 into /etc/default/LifeKeeper on every node"
        return (
            []
            if settings.nobcastping == 1
            else [Problem(f"NOBCASTPING is not 1: {why}", cure, code="BROADCAST_PING_ON")]
        )

    return problems


def no_ipv4(seat: NetworkInterface) -> Misconfigured:
    """What it means that the ENI which an IPv4 address is to be on has none."""
    return Misconfigured(
        f"{seat.id} has no IPv4 address",
        "Name an interface that has one (a subnet for IPv6 alone gives none)",
    )


def subnet_block(mac: str, facts: Facts) -> IPv4Network | None:
    """The CIDR block of an interface's subnet; None where the metadata do not tell it."""
    try:
        return IPv4Network(facts.of(Metadata(f"network/interfaces/macs/{mac}/subnet-ipv4-cidr-block")) or "")
    except (KitError, ValueError):
        return None
