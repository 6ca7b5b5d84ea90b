"""The create wizard's answers: what there is to choose from, and what is made of them. It asks nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from ec2kit.console.wizard.prompts import Option
from ec2kit.core.model import AccessKey
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.choices import Offer
from ec2kit.lifekeeper.lcd import Instance

ROUTE, EIP = "route-table", "elastic-ip"
ROLE, PROFILE, KEY = "role", "profile", "key"


@dataclass(frozen=True)
class Answers:
    """All answers so far; each has its default. here: this system. offer: what EC2 showed for these credentials.

    url: empty for the default. tag: empty for the one that is suggested.
    """

    here: str
    systems: tuple[str, ...]
    server: str
    switchback: str = "intelligent"
    url: str = ""
    signer: str = ROLE
    profile: str = ""
    key_id: str = ""
    key: AccessKey | None = None
    offer: Offer | None = None
    kind: str = ROUTE
    ip_resource: str = ""
    interface: str = ""
    elastic_ip: str = ""
    tag: str = ""

    @property
    def local(self) -> bool:
        """Whether it is created on this system."""
        return self.server == self.here

    @property
    def suggested(self) -> str:
        """The tag that create would take."""
        return f"ec2-{self.ip_resource if self.kind == ROUTE else self.elastic_ip}"

    @property
    def name(self) -> str:
        """The new resource's tag."""
        return self.tag or self.suggested

    @property
    def signing(self) -> AccessKey | None:
        """The access key, when one was chosen."""
        return self.key if self.signer == KEY else None


SWITCHBACKS = (
    Option("intelligent (an administrator switches back)", "intelligent"),
    Option("automatic (comes back as soon as its server is back)", "automatic"),
)
KINDS = (
    Option("route table: a virtual IP in the VPC (backend cluster)", ROUTE),
    Option("Elastic IP: an address in the Internet (frontend cluster)", EIP),
)


def servers(answers: Answers) -> list[Option]:
    """Every system, this one first."""
    others = (Option(system, system) for system in answers.systems if system != answers.here)
    return [Option(f"{answers.here} (this system)", answers.here), *others]


def signers(answers: Answers) -> list[Option]:
    """Whose credentials can sign."""
    refusal = "" if answers.local else f"its secret may not travel: give it on {answers.server}"
    return [
        Option("the instance's role", ROLE),
        Option("a profile of the AWS configuration files", PROFILE),
        Option("an access key of its own", KEY, refusal),
    ]


def ip_resources(found: Iterable[Instance]) -> list[Option]:
    """The IP resources that route tables can move: in service, and IPv4."""
    return [
        Option(f"{each.tag}  {address}", each.tag)
        for each in found
        if each.state == contract.IN_SERVICE and _ipv4(address := each.id.removeprefix(contract.IP_ID_PREFIX))
    ]


def _ipv4(address: str) -> bool:
    try:
        IPv4Address(address)
    except AddressValueError:
        return False
    return True


def interfaces(offer: Offer) -> list[Option]:
    """The server's network interfaces, each with its ENI and the Elastic IPs that stand there."""
    return [
        Option(f"{each.name}  {each.eni}  {', '.join(each.elastic_ips) or 'no Elastic IP'}", each.name)
        for each in offer.interfaces
    ]


def elastic_ips(offer: Offer, interface: str) -> list[Option]:
    """The Elastic IPs of that interface first, then the free ones."""
    on_it = [ip for each in offer.interfaces if each.name == interface for ip in each.elastic_ips]
    return [
        *(Option(f"{ip}  on {interface} now", ip) for ip in on_it),
        *(Option(f"{ip}  free", ip) for ip in offer.free),
    ]


def way(answers: Answers) -> list[str]:
    """The options that tell how EC2 is reached. The secret is never among them."""
    options = _given(("--ec2-url", answers.url))
    if answers.signer == PROFILE:
        options += _given(("--profile", answers.profile))
    if answers.signer == KEY:
        options += _given(("--access-key-id", answers.key_id))
    return options


def arguments(answers: Answers) -> list[str]:
    """The answers as create's options."""
    if answers.kind == ROUTE:
        named = [("--ip-resource", answers.ip_resource)]
    else:
        named = [("--interface", answers.interface), ("--elastic-ip", answers.elastic_ip)]
    return [
        *_given(("--type", answers.kind), *named, ("--tag", answers.name), ("--switchback", answers.switchback)),
        *_given(("--server", "" if answers.local else answers.server)),
        *way(answers),
    ]


def _given(*pairs: tuple[str, str]) -> list[str]:
    """Options with their values, without the empty ones; a value that begins with a dash is tied to its name."""
    words: list[str] = []
    for name, value in pairs:
        if value:
            words += [f"{name}={value}"] if value.startswith("-") else [name, value]
    return words


def command(words: Sequence[str]) -> str:
    """A command line of ec2kit that a shell takes."""
    return shlex.join(["ec2kit", *words])


def summary(answers: Answers) -> list[tuple[str, str]]:
    """Every answer with its name, in the order of the questions; never the secret."""
    signer = {
        ROLE: "the instance's role",
        PROFILE: f"profile {answers.profile}",
        KEY: f"access key {answers.key_id}",
    }[answers.signer]
    if answers.kind == ROUTE:
        named = [("EC2 resource type", "route table (backend cluster)"), ("IP resource", answers.ip_resource)]
    else:
        named = [("EC2 resource type", "Elastic IP (frontend cluster)"), ("Network interface", answers.interface)]
        named.append(("Elastic IP", answers.elastic_ip))
    return [
        ("Switchback type", answers.switchback),
        ("Server", answers.server),
        ("EC2 URL", answers.url or "the default"),
        ("Credentials", signer),
        *named,
        ("Tag", answers.name),
    ]
