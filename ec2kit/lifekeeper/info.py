"""The info field of a LifeKeeper instance: what the kit must know to act, as one line. Pure.

    ec2kit=1 kind=route vip=10.1.0.10 interface=eth1 table=rtb-1 table=rtb-2 url=https=3A//ec2.example

LifeKeeper's info field is safe with letters, digits, `- _ . / =` and blank. Any other character of a
value is written as `=` and two hexadecimal digits, as in quoted-printable (RFC 2045, section 6.7).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.kind import INTERFACE, Kind, Parameter, Resource
from ec2kit.core.kinds.known import KINDS, OWN
from ec2kit.core.model import BY_SETTINGS, Reach, VpcId
from ec2kit.lifekeeper.contract import ID_PREFIX

_VERSION = "1"
_TAG = re.compile(r"[A-Za-z0-9_./=][A-Za-z0-9_./=-]{0,255}")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]")
_ESCAPE = re.compile(r"=([0-9A-F]{2})")
TAG_CURE = "Use letters, digits and - _ . / =, and do not begin with a dash"
_CURE = "Create the resource again, or correct the field with ins_setinfo"
_SHARED = {"ec2kit", "kind", "url", "profile", "region", "vpc"}  # the words of each kind


def good_tag(tag: str) -> bool:
    """Whether a tag can name a resource: letters, digits, `- _ . / =`, at most 256 of them, no dash in front."""
    return _TAG.fullmatch(tag) is not None


def identifier(resource: Resource) -> str:
    """LifeKeeper's id of a resource's instances, the same on each system: `EC2-10.1.0.10`."""
    return f"{ID_PREFIX}{resource.address}"


def is_ours(text: str) -> bool:
    """Whether an info field is the kit's, of this or another version."""
    return any(word.startswith("ec2kit=") for word in text.split())


def has_key(text: str) -> bool:
    """Whether an info field names an access key of the resource's own; one that cannot be read may."""
    try:
        return profiles.is_own(decode(text).reach.profile)
    except Misconfigured:
        return True


@dataclass(frozen=True)
class Info:
    """A resource, and how to reach EC2 for it. vpc: where it was created; None in a field of an older version."""

    resource: Resource
    reach: Reach = BY_SETTINGS
    vpc: VpcId | None = None


def encode(info: Info) -> str:
    """The info field for `info`; `decode` gives it back."""
    resource, reach = info.resource, info.reach
    words = parameters_of(KINDS[resource.kind])
    pairs = [
        ("kind", resource.kind),
        *((word, text) for word, each in words.items() for text in each.texts(resource)),
    ]
    shared = [("url", reach.url), ("profile", reach.profile), ("region", reach.region), ("vpc", info.vpc)]
    pairs += [(word, value) for word, value in shared if value]
    return " ".join([f"ec2kit={_VERSION}", *(f"{word}={_escape(value)}" for word, value in pairs)])


def decode(text: str) -> Info:
    """Read an info field. Raises Misconfigured for anything that `encode` did not write."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for word, value in map(_pair, text.split()):
        values[word].append(value)
    if values["ec2kit"] != [_VERSION]:
        raise Misconfigured("the resource's info field is not one of ec2kit's", _CURE)
    kind = KINDS.get(values["kind"][0]) if values["kind"] else None
    words = parameters_of(kind) if kind else {}
    if kind is None or values.keys() - _SHARED - words.keys():
        raise Misconfigured("the resource's info field does not name a known kind of resource", _CURE)
    if any(len(given) > 1 for word, given in values.items() if word in _SHARED or not words[word].many):
        raise Misconfigured("the resource's info field says something twice", _CURE)
    resource = kind.having({each.field: _value(each, word, values[word]) for word, each in words.items()})
    region, profile, url, vpc = (next(iter(values[word]), None) for word in ("region", "profile", "url", "vpc"))
    return Info(resource, Reach(region, profile, url), VpcId(vpc) if vpc else None)


def words_of(own: Mapping[str, str]) -> list[str]:
    """A node's own values as canextend and extend get them: the interface alone, others as `word=value`."""
    others = [f"{OWN[name].info}={text}" for name, text in own.items() if name != INTERFACE.field]
    return [*([own[INTERFACE.field]] if INTERFACE.field in own else []), *others]


def own_of(words: Iterable[str]) -> dict[str, str]:
    """What words_of gave; empty words are not given."""
    fields = {each.info: name for name, each in OWN.items() if name != INTERFACE.field}
    own = {}
    for word in filter(None, words):
        name, equals, text = word.partition("=")
        known = name in fields and equals
        own[fields[name] if known else INTERFACE.field] = text if known else word
    return own


def parameters_of(kind: Kind) -> dict[str, Parameter]:
    """The parameters that the info field has of a kind, by their words, in its order."""
    return {each.info: each for each in kind.described if each.info}


def _value(parameter: Parameter, word: str, texts: Iterable[str]) -> object:
    try:
        value = parameter.value(texts)
    except ValueError:
        value = None
    if value is None and (parameter.required or texts):
        raise Misconfigured(f"the resource's info field does not have {parameter.form.what} for {word}", _CURE)
    return value


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not value or not (key in _SHARED or any(key in parameters_of(kind) for kind in KINDS.values())):
        raise Misconfigured("the resource's info field has a word that is not ec2kit's", _CURE)
    try:
        return key, _unescape(value)
    except (ValueError, UnicodeDecodeError):
        raise Misconfigured(f"the resource's info field has a damaged value for {key}", _CURE) from None


def _escape(value: str) -> str:
    return "".join(
        char if _PLAIN.fullmatch(char) else "".join(f"={byte:02X}" for byte in char.encode()) for char in value
    )


def _unescape(value: str) -> str:
    if "=" in _ESCAPE.sub("", value):
        raise ValueError("'=' without two hexadecimal digits")
    plain = re.sub(rb"=([0-9A-F]{2})", lambda hit: bytes.fromhex(hit[1].decode()), value.encode())
    return plain.decode()
