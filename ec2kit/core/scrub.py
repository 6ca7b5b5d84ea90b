"""What is secret in a text that is to leave this node, and the text without it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from ec2kit.core import profiles
from ec2kit.core.words import one_line

OUT = "(secret)"
_NAMES = (
    r"(?:aws_?)?secret_?(?:access_?)?key|(?:session|security|access|refresh|id|auth|api|sso)_?token|api_?key|client_?secret"
    r"|pass_?(?:word|wd|phrase)|private_?key|external_?id|secret|token|x-amz-(?:signature|credential|security-token)"
).replace("_?", "[_-]?")
_NAME = re.compile(rf"(?:.*[_-])?(?:{_NAMES})", re.IGNORECASE)
_VALUE = r"""\\?"[^"]*"|'[^']*'|[^\s"',;&<>]+"""
_PATTERNS = (  # what is looked for, and what stands in its place
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), OUT),
    (re.compile(r"(\bAuthorization\b\W{1,4})[^\r\n]*", re.IGNORECASE), rf"\1{OUT}"),
    (re.compile(rf"""((?:{_NAMES})\\?["']?\s{{0,9}}[=:]\s{{0,9}})(?:{_VALUE})""", re.IGNORECASE), rf"\1{OUT}"),
    (re.compile(r"(Signature=)[0-9A-Fa-f]+"), rf"\1{OUT}"),
    (re.compile(r"""(://)[^\s"'<>]{0,999}@"""), rf"\1{OUT}@"),
    (re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{8,}\b"), OUT),
    (re.compile(r"\b(?:IQoJ|FwoG|FQoG|AQoD)[A-Za-z0-9+/=%]{40,}"), OUT),  # how session tokens begin
    (  # 40 characters of all sorts, as a secret access key has them
        re.compile(
            r"(?<![A-Za-z0-9/+=])(?=[A-Za-z0-9/+]{0,39}[a-z])(?=[A-Za-z0-9/+]{0,39}[A-Z])"
            r"(?=[A-Za-z0-9/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
        OUT,
    ),
)
_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
_SHORT = 8  # characters: a shorter secret is looked for as a word of its own
_PROXY = re.compile(r"(?:[\w+.-]+://)?(?P<user>[^\s:]*):(?P<password>\S*)@")
_SHOWN = frozenset(  # keys of AWS's files whose values are no secret, and tell how the kit gets its credentials
    {
        "ca_bundle",
        "credential_source",
        "defaults_mode",
        "duration_seconds",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "endpoint_url",
        "max_attempts",
        "output",
        "region",
        "retry_mode",
        "role_arn",
        "role_session_name",
        "source_profile",
        "sts_regional_endpoints",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
    }
)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")
_OF_OURS = re.compile(r"EC2\w*|LK\w*|IP_\w+|NOBCASTPING|RESRVRECTIMEOUT|AWS_\w+|HTTPS?_PROXY|NO_PROXY", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a setting, an option or an attribute of that name holds a secret."""
    return _NAME.fullmatch(name) is not None


def of_profiles(text: str) -> set[str]:
    """The secrets of one of AWS's files, and the ids of its keys; a value that goes on in the next line in parts."""
    return {
        value for _, key, value in profiles.values(text) if is_secret(key) or key.lower() == "aws_access_key_id"
    } - {""}


def of_settings(named: Iterable[tuple[str, str]]) -> set[str]:
    """The secrets among settings or variables of the environment, also those in a proxy's URL."""
    found: set[str] = set()
    for name, value in named:
        if is_secret(name) or name == "AWS_ACCESS_KEY_ID":
            found.add(value)
        if "proxy" in name.lower() and (proxy := _PROXY.match(value)):
            found |= {proxy["password"], unquote(proxy["password"]), f"{proxy['user']}:{proxy['password']}"}
    return found - {"", ":"}


def lines(text: str) -> Iterator[tuple[str, str]]:
    """The names and values of lines such as NAME=value, quoted or not."""
    for line in text.splitlines():
        if found := _LINE.match(line):
            yield found[1], found[2].strip().strip("\"'")


class Scrubber:
    """Takes out of a text what is secret on this node, and what looks like a secret of any."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted(filter(None, secrets), key=len, reverse=True)
        parts = [
            written if len(each) >= _SHORT else rf"(?<![A-Za-z0-9]){written}(?![A-Za-z0-9])"
            for each in known
            for written in ["".join(map(_written, each))]
        ]
        self._known = re.compile("|".join(parts)) if parts else None

    def clean(self, text: str) -> str:
        """The text, with words in the place of each secret. JSON stays JSON, also one object a line."""
        try:
            return f"{json.dumps(self._walked(json.loads(text)))}\n"
        except (ValueError, RecursionError):
            pass
        rows = text.splitlines()
        if len(rows) > 1 and all(each.startswith("{") for each in rows):
            return "".join(map(self.clean, rows))
        return self._plain(text)

    def _plain(self, text: str) -> str:
        if self._known:
            text = self._known.sub(OUT, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def _walked(self, part: object) -> object:
        if isinstance(part, dict):
            return {
                self._plain(name): OUT if is_secret(name) and isinstance(each, str) else self._walked(each)
                for name, each in part.items()
            }
        if isinstance(part, list):
            return [self._walked(each) for each in part]
        return self._plain(part) if isinstance(part, str) else part


def _written(char: str) -> str:
    """How a text may write a character of a secret: as it is, in a URL, in JSON, in XML."""
    if char.isalnum() and char.isascii():
        return char
    code = "".join(f"%{each:02x}" for each in char.encode("utf-8", errors="replace"))
    ways = (re.escape(char), f"(?i:{code}|u{ord(char):04x})", _XML.get(char, re.escape(char)))
    return rf"\\*(?:{'|'.join(dict.fromkeys(ways))})"


def shown_profiles(text: str) -> str:
    """One of AWS's files as others may see it: its profiles with the names of their keys; values of harmless ones."""
    told: list[str] = []
    at = ""
    for section, key, value in profiles.values(text):
        if section != at:
            at = section
            told.append(f"[{section}]")
        name = key if re.fullmatch("[A-Za-z0-9_]{1,64}", key) else "(a line of another form)"
        told.append(f"{name} = {value if name in _SHOWN else OUT}")
    return "".join(f"{one_line(each)}\n" for each in told)


def shown_settings(text: str) -> str:
    """The lines of LifeKeeper's settings file that are about LifeKeeper, the kit and AWS; no value of a secret."""
    found = [(name, value) for name, value in lines(text) if _OF_OURS.fullmatch(name)]
    return "".join(f"{one_line(f'{name}={OUT if is_secret(name) else value}')}\n" for name, value in found)


def whole_lines(text: str, most: int) -> str:
    """The last lines of a text, of so many characters at most: never a part of a line, which could be of a secret."""
    if len(text) <= most:
        return text
    return text[-most:].partition("\n")[2]
