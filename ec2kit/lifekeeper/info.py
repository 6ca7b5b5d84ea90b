"""The info field of a LifeKeeper instance: what the kit must know to act, as one line. Pure.

    ec2kit=1 kind=route vip=10.1.0.10 interface=eth1 table=rtb-1 table=rtb-2 url=https=3A//ec2.example

LifeKeeper's info field is safe with letters, digits, `- _ . / =` and blank. Any other character of a
value is written as `=` and two hexadecimal digits, as in quoted-printable (RFC 2045, section 6.7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import BY_SETTINGS, ElasticIpResource, Reach, Resource, RouteResource, TableId, VpcId
from ec2kit.lifekeeper.contract import ID_PREFIX

_VERSION = "1"
_TAG = re.compile(r"[A-Za-z0-9_./=][A-Za-z0-9_./=-]{0,255}")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]")
_ESCAPE = re.compile(r"=([0-9A-F]{2})")
TAG_CURE = "Use letters, digits and - _ . / =, and do not begin with a dash"
_CURE = "Create the resource again, or correct the field with ins_setinfo"
_ONCE = ("ec2kit", "kind", "vip", "eip", "interface", "url", "profile", "region", "vpc")


def good_tag(tag: str) -> bool:
    """Whether a tag can name a resource: letters, digits, `- _ . / =`, at most 256 of them, no dash in front."""
    return _TAG.fullmatch(tag) is not None


def identifier(resource: Resource) -> str:
    """LifeKeeper's id of a resource's instances, the same on each system: `EC2-10.1.0.10`."""
    return f"{ID_PREFIX}{resource.vip if isinstance(resource, RouteResource) else resource.public_ip}"


def is_ours(text: str) -> bool:
    """Whether an info field is the kit's, of this or another version."""
    return any(word.startswith("ec2kit=") for word in text.split())


@dataclass(frozen=True)
class Info:
    """A resource, and how to reach EC2 for it. vpc: where it was created; None in a field of an older version."""

    resource: Resource
    reach: Reach = BY_SETTINGS
    vpc: VpcId | None = None


def encode(info: Info) -> str:
    """The info field for `info`; `decode` gives it back."""
    reach = info.reach
    match info.resource:
        case RouteResource(vip, interface, tables):
            pairs = [("kind", "route"), ("vip", str(vip)), ("interface", interface)]
            pairs += [("table", table) for table in sorted(tables)]
        case ElasticIpResource(public_ip, interface):
            pairs = [("kind", "eip"), ("eip", str(public_ip)), ("interface", interface)]
    pairs += [("url", reach.url), ("profile", reach.profile), ("region", reach.region), ("vpc", info.vpc)]
    return " ".join([f"ec2kit={_VERSION}", *(f"{key}={_escape(value)}" for key, value in pairs if value)])


def decode(text: str) -> Info:
    """Read an info field. Raises Misconfigured for anything that `encode` did not write."""
    pairs = [_pair(word) for word in text.split()]
    values = {key: value for key, value in pairs if key != "table"}
    if len(values) != len([key for key, _ in pairs if key != "table"]):
        raise Misconfigured("the resource's info field says something twice", _CURE)
    if values.get("ec2kit") != _VERSION:
        raise Misconfigured("the resource's info field is not one of ec2kit's", _CURE)
    resource: Resource
    if values.get("kind") == "route" and "eip" not in values:
        tables = frozenset(TableId(value) for key, value in pairs if key == "table")
        resource = RouteResource(_address(values, "vip"), values.get("interface"), tables)
    elif values.get("kind") == "eip" and "vip" not in values:
        resource = ElasticIpResource(_address(values, "eip"), values.get("interface"))
    else:
        raise Misconfigured("the resource's info field does not name a known kind of resource", _CURE)
    vpc = VpcId(values["vpc"]) if "vpc" in values else None
    reach = Reach(values.get("region"), values.get("profile"), values.get("url"))
    return Info(resource, reach, vpc)


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not value or key not in (*_ONCE, "table"):
        raise Misconfigured("the resource's info field has a word that is not ec2kit's", _CURE)
    try:
        return key, _unescape(value)
    except (ValueError, UnicodeDecodeError):
        raise Misconfigured(f"the resource's info field has a damaged value for {key}", _CURE) from None


def _address(values: dict[str, str], key: str) -> IPv4Address:
    try:
        return IPv4Address(values.get(key, ""))
    except AddressValueError:
        raise Misconfigured(f"the resource's info field has no IPv4 address for {key}", _CURE) from None


def _escape(value: str) -> str:
    return "".join(
        char if _PLAIN.fullmatch(char) else "".join(f"={byte:02X}" for byte in char.encode()) for char in value
    )


def _unescape(value: str) -> str:
    if "=" in _ESCAPE.sub("", value):
        raise ValueError("'=' without two hexadecimal digits")
    plain = re.sub(rb"=([0-9A-F]{2})", lambda hit: bytes.fromhex(hit[1].decode()), value.encode())
    return plain.decode()
