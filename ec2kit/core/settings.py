"""The tunables of /etc/default/LifeKeeper and the AWS names of the environment. Pure: text in, values out.

The file is read as sh would read it, and never executed (ec2kit.core.shell). A bad value is a warning and the
default, because a typo must never stop a failover.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, auto
from ipaddress import ip_address
from urllib.parse import urlsplit

from ec2kit.core.errors import Misconfigured
from ec2kit.core.shell import assignments

DEFAULTS_FILE = "/etc/default/LifeKeeper"

# The names that every AWS tool knows, from the environment or from the file (the environment wins).
AWS_NAMES = (
    "AWS_REGION",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTPS_PROXY",
    "NO_PROXY",
)
# In small letters, too, which win: so it is for curl, Python and whatever else reads them.
IN_SMALL_LETTERS = ("HTTPS_PROXY", "NO_PROXY")
_SPELLED = {name: (name.lower(), name) if name in IN_SMALL_LETTERS else (name,) for name in AWS_NAMES}
_ALL_SPELLED = {each for names in _SPELLED.values() for each in names}
_WORDS = {
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ("IPv4", "IPv6"),
    "AWS_USE_FIPS_ENDPOINT": ("true", "false"),
    "AWS_USE_DUALSTACK_ENDPOINT": ("true", "false"),
}
_AWS_ALONE = re.compile(r"AWS_.*|BOTO.*|.*_CA_BUNDLE|SSL.*|.*_PROXY", re.IGNORECASE)  # its library's own
_KIT_NAMES = ("EC2KIT_SYSTEM", "EC2KIT_SYSFS", "EC2KIT_PROCFS", "EC2KIT_CREDENTIALS", "EC2KIT_HISTORY", "LKROOT")
_DAY = 86_400


class Budget(Enum):
    """Whose time a run takes; the command line's and Pacemaker's runs take one of LifeKeeper's four."""

    RESTORE = auto()
    REMOVE = auto()
    RECOVER = auto()
    QUICKCHECK = auto()


@dataclass(frozen=True)
class Settings:
    """Every setting with its default. *_timeout, *_interval, ip_wait_linkdown, ip_max_linkchk: seconds.

    ec2_max_retry: how often a call, and a round of look and act, is tried again, throttled calls not counted.
    ec2_max_retry_given: the file says it: then it holds for a release too, which goes on while there is time else.
    Meanings and defaults: SIOS's administration guide 9.2.1, "Adjusting Recovery Kit for EC2 Tunable Values".
    """

    ec2_restore_timeout: int = 300
    ec2_remove_timeout: int = 300
    ec2_recover_timeout: int = 300
    ec2_quickcheck_timeout: int = 100
    ec2_max_retry: int = 3
    ec2_max_retry_given: bool = False
    ip_nolinkcheck: int = 0
    ip_wait_linkdown: int = 5
    ip_max_linkchk: int = 5
    nobcastping: int = 0
    resrvrectimeout: int = 60
    lkcheckinterval: int = 120
    lkroot: str = "/opt/LifeKeeper"
    ec2kit_system: str | None = None
    ec2kit_sysfs: str = "/sys"
    ec2kit_procfs: str = "/proc"
    ec2kit_credentials: str = "/etc/ec2kit/credentials"
    ec2kit_history: str = "/var/lib/ec2kit"
    aws: Mapping[str, str] = field(default_factory=dict)

    def seconds(self, budget: Budget) -> int:
        """How many seconds one run may take."""
        match budget:
            case Budget.RESTORE:
                return self.ec2_restore_timeout
            case Budget.REMOVE:
                return self.ec2_remove_timeout
            case Budget.RECOVER:
                return self.ec2_recover_timeout
            case Budget.QUICKCHECK:
                return self.ec2_quickcheck_timeout


_LEAST_MOST = {"ec2_max_retry": (0, 100), "ip_nolinkcheck": (0, 1), "nobcastping": (0, 1)}
_FROM_ZERO = ("ip_wait_linkdown", "ip_max_linkchk", "resrvrectimeout")
_NUMBERS = tuple(each.name for each in fields(Settings) if type(each.default) is int)


def settings(text: str, environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read the settings from the file's text and the environment; the second value is the warnings.

    Tunables come from the file alone, as LifeKeeper's administrators expect; the AWS and EC2KIT
    names from both, and there the environment wins.
    """
    found, warnings = assignments(text, [name.upper() for name in _NUMBERS] + [*_KIT_NAMES, *_ALL_SPELLED])
    given = {name: each.value for name, each in found.items() if each.value}
    numbers: dict[str, int] = {}
    for name in _NUMBERS:
        if (value := given.get(name.upper())) is not None:
            least, most = _LEAST_MOST.get(name, (0 if name in _FROM_ZERO else 1, _DAY))
            if re.fullmatch(r"[0-9]{1,6}", value) and least <= int(value) <= most:
                numbers[name] = int(value)
            else:
                default = getattr(Settings, name)
                line = found[name.upper()].line
                warnings.append(
                    f"line {line}: {name.upper()} is not a number from {least} to {most}; using {default}"
                )
    words = {name: value for name in _KIT_NAMES if (value := environ.get(name) or given.get(name))}
    aws = {name: value for name in AWS_NAMES if (value := _first(_SPELLED[name], environ, given))}
    if _switched_off(environ, {name: each.value for name, each in found.items()}):
        aws.pop("HTTPS_PROXY", None)
    for name, known in _WORDS.items():
        if aws.get(name, known[0]).lower() not in map(str.lower, known):
            del aws[name]
            warnings.append(f"{name} is neither {known[0]} nor {known[1]}; using none")
    texts = {name.lower(): value for name, value in words.items()}
    retries_given = "ec2_max_retry" in numbers
    return Settings(**numbers, ec2_max_retry_given=retries_given, **texts, aws=aws), tuple(warnings)  # type: ignore[arg-type]  # names checked above


def _switched_off(*sources: Mapping[str, str]) -> bool:
    """Whether the first source that has a word on the proxy has an empty https_proxy."""
    told = next((source for source in sources if "https_proxy" in source or source.get("HTTPS_PROXY")), {})
    return told.get("https_proxy") == ""


def _first(names: Iterable[str], *sources: Mapping[str, str]) -> str | None:
    """The value of the first of these names that the first source has; an empty one is none."""
    return next((value for source in sources for name in names if (value := source.get(name))), None)


def strangers(environ: Mapping[str, str]) -> list[str]:
    """The variables that AWS's library would go by, and that are not settings of the kit."""
    return [name for name in environ if _AWS_ALONE.fullmatch(name) and name not in _ALL_SPELLED]


def refuse_plain_http(url: str, service: str = "EC2") -> None:
    """Raise Misconfigured for the URL of an AWS service that would send signed requests in the clear.

    Only https is accepted, and http to a loopback address.
    """
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname or "", parts.port
    except ValueError:  # a bracket that is not closed, a port that is not a number
        scheme = host = ""
    if scheme == "https" and host:
        return
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if scheme != "http" or not loopback:
        shown = f"{scheme}://{host}" if host else "the one given"
        raise Misconfigured(
            f"the {service} URL {shown} is not https",
            "Give an https:// URL; http:// works for a loopback address only",
            permanent=True,
        )
