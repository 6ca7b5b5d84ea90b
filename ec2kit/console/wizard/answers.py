"""The create wizard's answers: what there is to choose from, and what is made of them. It asks nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from ec2kit.console.wizard.prompts import Option
from ec2kit.core.model import AccessKey, Reach
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.choices import Choices
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.lcd import Instance
from ec2kit.lifekeeper.options import Creation

ROUTE, EIP = "route-table", "elastic-ip"
ROLE, PROFILE, KEY = "role", "profile", "key"


@dataclass(frozen=True)
class Answers:
    """All answers so far; each has its default. here: this system. choices: what EC2 showed for these credentials.

    form: of the resource in LifeKeeper, by its name. url: empty for the default. tag: empty for the suggested one.
    """

    here: str
    systems: tuple[str, ...]
    server: str
    form: str = str(Form.OWN)
    switchback: str = "intelligent"
    url: str = ""
    signer: str = ROLE
    profile: str = ""
    key_id: str = ""
    key: AccessKey | None = None
    choices: Choices | None = None
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

    @property
    def reach(self) -> Reach:
        """How EC2 is reached."""
        return Reach(profile=self.profile if self.signer == PROFILE else None, url=self.url or None)

    @property
    def creation(self) -> Creation:
        """What create is asked for."""
        route = self.kind == ROUTE
        return Creation(
            tag=self.name,
            ip_resource=self.ip_resource if route else None,
            elastic_ip=None if route else IPv4Address(self.elastic_ip),
            interface=None if route else self.interface,
            switchback=self.switchback,
            server=None if self.local else self.server,
            reach=self.reach,
            key_id=self.key_id if self.signer == KEY else None,
            generic=self.form == str(Form.GENERIC),
        )

    def servers(self) -> list[Option]:
        """Every system, this one first."""
        others = (Option(system, system) for system in self.systems if system != self.here)
        return [Option(f"{self.here} (this system)", self.here), *others]

    def signers(self) -> list[Option]:
        """Whose credentials can sign."""
        refusal = "" if self.local else f"its secret may not travel: give it on {self.server}"
        return [
            Option("the instance's role", ROLE),
            Option("a profile of the AWS configuration files", PROFILE),
            Option("an access key of its own", KEY, refusal),
        ]

    def summary(self) -> list[tuple[str, str]]:
        """Every answer with its name, in the order of the questions; never the secret."""
        signer = {
            ROLE: "the instance's role",
            PROFILE: f"profile {self.profile}",
            KEY: f"access key {self.key_id}",
        }[self.signer]
        if self.kind == ROUTE:
            named = [("EC2 resource type", "route table (backend cluster)"), ("IP resource", self.ip_resource)]
        else:
            named = [("EC2 resource type", "Elastic IP (frontend cluster)"), ("Network interface", self.interface)]
            named.append(("Elastic IP", self.elastic_ip))
        return [
            ("Recovery kit", f"{'Generic Application' if self.creation.generic else 'Amazon EC2'} ({self.form})"),
            ("Switchback type", self.switchback),
            ("Server", self.server),
            ("EC2 URL", self.url or "the default"),
            ("Credentials", signer),
            *named,
            ("Tag", self.name),
        ]


RECOVERY_KITS = (
    Option("Generic Application: LifeKeeper's own, for any scripts", str(Form.GENERIC)),
    Option("Amazon EC2: a kit of its own, not yet tried on a real LifeKeeper", str(Form.OWN)),
)
SWITCHBACKS = (
    Option("intelligent (an administrator switches back)", "intelligent"),
    Option("automatic (comes back as soon as its server is back)", "automatic"),
)
KINDS = (
    Option("route table: a virtual IP in the VPC (backend cluster)", ROUTE),
    Option("Elastic IP: an address in the Internet (frontend cluster)", EIP),
)


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


def interfaces(choices: Choices) -> list[Option]:
    """The server's network interfaces, each with its ENI and the Elastic IPs that are on it."""
    return [
        Option(f"{each.name}  {each.eni}  {', '.join(each.elastic_ips) or 'no Elastic IP'}", each.name)
        for each in choices.interfaces
    ]


def elastic_ips(choices: Choices, interface: str) -> list[Option]:
    """The Elastic IPs of that interface first, then the free ones."""
    on_it = [ip for each in choices.interfaces if each.name == interface for ip in each.elastic_ips]
    return [
        *(Option(f"{ip}  on {interface} now", ip) for ip in on_it),
        *(Option(f"{ip}  free", ip) for ip in choices.free),
    ]


def command(words: Sequence[str]) -> str:
    """A command line of ec2kit that a shell takes."""
    return shlex.join(["ec2kit", *words])
