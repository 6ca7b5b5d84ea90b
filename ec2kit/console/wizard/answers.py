"""The create wizard's answers: what there is to choose from, and what is made of them. It asks nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address

from ec2kit.console.wizard.prompts import Option
from ec2kit.core.kinds.choices import Choices
from ec2kit.core.kinds.kind import Asked, Kind, Parameter
from ec2kit.core.kinds.known import TYPES
from ec2kit.core.model import AccessKey, Reach
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.lcd import Instance
from ec2kit.lifekeeper.options import Creation

ROLE, PROFILE, KEY = "role", "profile", "key"


@dataclass(frozen=True)
class Answers:
    """All answers so far; each has its default. here: this system. choices: what EC2 showed for these credentials.

    form: of the resource in LifeKeeper, by its name. url: empty for the default. type: create's word for the kind of
    address. given: what only that kind is asked for, by field; empty texts are not given. tag: empty for the
    suggested one.
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
    type: str = next(iter(TYPES))
    ip_resource: str = ""
    interface: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""

    @property
    def local(self) -> bool:
        """Whether it is created on this system."""
        return self.server == self.here

    @property
    def kind(self) -> Kind:
        """The kind of address."""
        return TYPES[self.type]

    @property
    def below(self) -> bool:
        """Whether the address is that of an IP resource."""
        return self.kind.resource.below

    @property
    def asked(self) -> dict[Parameter, str]:
        """The kind's own parameters that are given, with their values; what is not offered any more is not."""
        given = {each: value for each in self.kind.creation if (value := self.given.get(each.field))}
        return {each: value for each, value in given.items() if each.required or self._offers(each, value)}

    def _offers(self, parameter: Parameter, value: str) -> bool:
        asked = parameter.asked
        return asked is not None and value in [each.value for each in offered(asked, self.choices, self.interface)]

    @property
    def suggested(self) -> str:
        """The tag that create would take."""
        return f"ec2-{self.ip_resource if self.below else self.given.get(self.kind.address.field, '')}"

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
        return Creation(
            self.kind,
            tag=self.name,
            ip_resource=self.ip_resource if self.below else None,
            given={each.field: each.form.read(value) for each, value in self.asked.items()},
            interface=self.interface if self.kind.place else None,
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
        named = [("EC2 resource type", self.kind.summary)]
        named += [("IP resource", self.ip_resource)] if self.below else []
        named += [("Network interface", self.interface)] if self.kind.place else []
        named += [(each.asked.question, value) for each, value in self.asked.items() if each.asked]
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
KINDS = tuple(Option(kind.option, name) for name, kind in TYPES.items())


def ip_resources(found: Iterable[Instance]) -> list[Option]:
    """The IP resources whose address can be moved: in service, and IPv4."""
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


def offered(asked: Asked, choices: Choices | None, interface: str) -> list[Option]:
    """What can be chosen for a parameter of the kind's own."""
    return [Option(*each) for each in asked.options(choices, interface)] if choices else []


def command(words: Sequence[str]) -> str:
    """A command line of ec2kit that a shell takes."""
    return shlex.join(["ec2kit", *words])
