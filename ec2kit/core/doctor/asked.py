"""What the doctor asks beside what a look asks: of this host, of the way to EC2, of EC2. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core.kinds.facts import Query
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import Answer, Ec2Instance, Node
from ec2kit.core.steps import Ec2Step


@dataclass(frozen=True)
class Here(Query[Node]):
    """Where this node is, as the instance metadata tell it."""


@dataclass(frozen=True)
class Way:
    """How EC2 is asked. url, proxy: without user and password. whose: what signs.

    hidden: the role that a key comes before. bundle: the certificate authorities, in words. files: those of AWS's
    that others can read or write, each with why.
    """

    url: str
    proxy: str
    whose: str
    hidden: str
    bundle: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TheWay(Query[Way]):
    """How EC2 is asked, and with which credentials. Raises what is wrong with them."""


@dataclass(frozen=True)
class Sight(Query[View]):
    """A complete look at an address from this node."""

    resource: Resource


@dataclass(frozen=True)
class Options(Query[Ec2Instance | None]):
    """The options of an EC2 instance."""

    instance: str


@dataclass(frozen=True)
class Rehearsal(Query[None]):
    """A call that changes nothing (DryRun). Raises why EC2 would not carry it out, or that this is not known."""

    step: Ec2Step


@dataclass(frozen=True)
class Addresses(Query[tuple[str, ...]]):
    """The addresses that this host has for a name."""

    host: str


@dataclass(frozen=True)
class Probe(Query[Answer]):
    """Whether something answers at EC2's URL: a request without signature."""


@dataclass(frozen=True)
class File(Query[str | None]):
    """The text of one of this host's files; None where there is no such file."""

    path: str


@dataclass(frozen=True)
class Output(Query[str | None]):
    """What a program of this host's prints, whatever its exit code; None where there is no such program."""

    command: tuple[str, ...]


@dataclass(frozen=True)
class Writers(Query[str]):
    """Why others than root can change one of this host's files; empty: they cannot, or it is not there."""

    path: str


@dataclass(frozen=True)
class Library(Query[tuple[str, bool]]):
    """The version of botocore, AWS's library, and whether the kit's own description of EC2 is there for it."""
