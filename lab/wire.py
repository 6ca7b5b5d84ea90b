"""A small EC2 in this process, for tests that need thousands of runs: the acting verbs' operations, as XML.

Its whole state is one value, every change makes a new one, and all former ones are kept: what a stale read shows is
one of those. botocore's own hook `before-send` hands the requests over, so the kit, boto3's serializer, signer and
parser are the real ones; only the wire is missing. The lab's moto (lab.ec2) is the fuller EC2; a test holds the two
to the same answers.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import parse_qsl

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from ec2kit.core.model import EniId

_FILTER_NAME = re.compile(r"Filter\.\d+\.Name")
_LOCAL = "10.0.0.0/16"  # every table has the VPC's own entry
_OWNER = "123456789012"  # the account of all that is here
_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"


@dataclass(frozen=True)
class Held:
    """One Elastic IP: its allocation, and what it is associated with (nothing: None)."""

    allocation: str
    association: str | None = None
    eni: str | None = None


@dataclass(frozen=True)
class Foreign:
    """An entry of a route table that nobody created by hand: its target, where it comes from, and its state.

    origin: EnableVgwRoutePropagation or Advertisement; state: active, blackhole or filtered.
    """

    target: str
    origin: str = "Advertisement"
    state: str = "active"


@dataclass(frozen=True)
class State:
    """One VPC. routes: (table, destination) -> ENI; checks: ENI -> source/dest check; private: ENI -> address.

    instances: ENI -> the instance that it is attached to, none where it is not in it; the first ENI of an instance is
    its device 0. macs: ENI -> its MAC, one made of its name where it is not in it. foreign: (table, destination) ->
    what a gateway or a route server put there, beside an entry of `routes` or alone. blackholes: ENIs whose entries
    are shown as blackholes. worn: ENI -> the Elastic IPs that it tells of itself, where not those of `held`.
    """

    tables: tuple[str, ...]
    routes: Mapping[tuple[str, str], str]
    checks: Mapping[str, bool]
    private: Mapping[str, str]
    held: Mapping[str, Held]
    serial: int = 0  # of association ids: one is never used twice
    vpc: str = "vpc-1"
    instances: Mapping[str, str] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[tuple[str, str], Foreign] = field(default_factory=dict)
    blackholes: frozenset[str] = frozenset()
    worn: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def mac(self, eni: str) -> str:
        """The MAC of an ENI."""
        return self.macs.get(eni) or "02:00:" + zlib.crc32(eni.encode()).to_bytes(4).hex(":")


Key = str | tuple[str, str]
K = TypeVar("K", bound=Key)
V = TypeVar("V")


class RefusedError(Exception):
    """EC2 refuses the call with an error code."""


@dataclass(frozen=True)
class Call:
    """One request of the kit: the operation and its flat parameters."""

    action: str
    params: Mapping[str, str]

    @property
    def changing(self) -> bool:
        """Whether it would change something."""
        return not self.action.startswith("Describe")

    def filter(self, name: str) -> str | None:
        """The value of one of a Describe call's filters, of which it gives one."""
        return next(iter(self.filters.get(name, ())), None)

    @property
    def filters(self) -> dict[str, set[str]]:
        """A Describe call's filters: name -> values, of which one must fit."""
        names = {key.split(".")[1]: name for key, name in self.params.items() if _FILTER_NAME.fullmatch(key)}
        return {
            name: {value for key, value in self.params.items() if key.startswith(f"Filter.{number}.Value.")}
            for number, name in names.items()
        }


def call_of(request: AWSPreparedRequest) -> Call:
    """Read a prepared request of botocore's."""
    body = request.body
    fields = dict(parse_qsl(body.decode() if isinstance(body, bytes) else str(body), keep_blank_values=True))
    return Call(fields.pop("Action"), fields)


def answer(state: State, call: Call) -> str:
    """The answer of a Describe call on a state, as XML."""
    return _reply(call.action, _READ[call.action](state, call))


def changed(state: State, call: Call) -> State:
    """The state after a changing call. Raises RefusedError with EC2's error code."""
    return _CHANGE[call.action](state, call)


def mixed(old: State, new: State, keys: Container[Key]) -> State:
    """What a look shows that is half old: the new state, but what `keys` name is as in the old one, or not there.

    keys: (table, destination) for an entry, an ENI, or a public IP. Only to be read: no change is made of it.
    """

    def mix(then: Mapping[K, V], now: Mapping[K, V]) -> dict[K, V]:
        """In the order of the old one, as far as it has them."""
        both = {**then, **now}
        return {key: (then if key in keys else now)[key] for key in both if key in (then if key in keys else now)}

    private = mix(old.private, new.private)
    return replace(
        new,
        routes=mix(old.routes, new.routes),
        foreign=mix(old.foreign, new.foreign),
        checks=mix(old.checks, new.checks),
        private=private,
        instances=mix(old.instances, new.instances),
        macs=mix(old.macs, new.macs),
        held=mix(old.held, new.held),
        blackholes=frozenset(eni for eni in private if eni in (old if eni in keys else new).blackholes),
        worn={eni: _worn(old if eni in keys else new, eni) for eni in private},
    )


def done(call: Call) -> str:
    """The reply to a changing call that succeeded, as XML."""
    return _reply(call.action, "<return>true</return>")


def response(status: int, text: str) -> AWSResponse:
    """What botocore's hook takes for the answer of the wire."""
    return AWSResponse("https://ec2.invalid/", status, HTTPHeaders(), _Raw(text.encode()))


def error(status: int, code: str) -> AWSResponse:
    """An error of EC2's."""
    return response(
        status,
        f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors>"
        "<RequestID>1</RequestID></Response>",
    )


class _Raw(io.BytesIO):
    """urllib3's raw response, as far as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """All of it at once."""
        yield self.read()


def _reply(action: str, inner: str) -> str:
    return f'<{action}Response xmlns="{_XMLNS}"><requestId>1</requestId>{inner}</{action}Response>'


def _fits(call: Call, facts: Mapping[str, set[str]]) -> bool:
    """Whether what has these facts, filter by filter, is asked for. KeyError for a filter that is not known here."""
    return all(values & facts[name] for name, values in call.filters.items())


def _route_tables(state: State, call: Call) -> str:
    items = ""
    for table in state.tables:
        entries = [
            (_LOCAL, Foreign("local", "CreateRouteTable")),
            *(
                (to, Foreign(eni, "CreateRoute", "blackhole" if eni in state.blackholes else "active"))
                for (name, to), eni in state.routes.items()
                if name == table
            ),
            *((to, each) for (name, to), each in state.foreign.items() if name == table),
        ]
        facts = {
            "vpc-id": {state.vpc},
            "route-table-id": {table},
            "route.destination-cidr-block": {to for to, _ in entries},
        }
        if not _fits(call, facts):
            continue
        routes = "".join(
            f"<item><destinationCidrBlock>{to}</destinationCidrBlock>{_target(state, each.target)}"
            f"<state>{each.state}</state><origin>{each.origin}</origin></item>"
            for to, each in entries
        )
        items += (
            f"<item><routeTableId>{table}</routeTableId><vpcId>{state.vpc}</vpcId><ownerId>{_OWNER}</ownerId>"
            f"<routeSet>{routes}</routeSet></item>"
        )
    return f"<routeTableSet>{items}</routeTableSet>"


def _target(state: State, target: str) -> str:
    if not target.startswith("eni-"):
        return f"<gatewayId>{target}</gatewayId>"
    return f"{_instance(state, target)}<networkInterfaceId>{target}</networkInterfaceId>"


def _instance(state: State, eni: str) -> str:
    """The instance that an ENI is attached to, or nothing."""
    instance = state.instances.get(eni)
    return f"<instanceId>{instance}</instanceId>" if instance else ""


def _private(state: State, eni: str) -> str:
    """The private address of an ENI; nothing of one that a mixed state knows by its Elastic IP alone."""
    return f"<privateIpAddress>{state.private[eni]}</privateIpAddress>" if eni in state.private else ""


def _interfaces(state: State, call: Call) -> str:
    items = ""
    for eni, private in state.private.items():
        instance = state.instances.get(eni)
        facts = {
            "network-interface-id": {eni},
            "vpc-id": {state.vpc},
            "attachment.instance-id": {instance} if instance else set(),
        }
        if not _fits(call, facts):
            continue
        check, status = str(state.checks[eni]).lower(), "in-use" if instance else "available"
        items += (
            f"<item><networkInterfaceId>{eni}</networkInterfaceId><privateIpAddress>{private}</privateIpAddress>"
            f"<sourceDestCheck>{check}</sourceDestCheck><macAddress>{state.mac(eni)}</macAddress>"
            f"<ownerId>{_OWNER}</ownerId><vpcId>{state.vpc}</vpcId><status>{status}</status>"
            f"{_attachment(state, eni)}{_association(state, eni)}</item>"
        )
    return f"<networkInterfaceSet>{items}</networkInterfaceSet>"


def _attachment(state: State, eni: str) -> str:
    instance = state.instances.get(eni)
    if not instance:
        return ""
    number = [each for each in state.private if state.instances.get(each) == instance].index(eni)
    return (
        f"<attachment><instanceId>{instance}</instanceId><instanceOwnerId>{_OWNER}</instanceOwnerId>"
        f"<deviceIndex>{number}</deviceIndex><status>attached</status></attachment>"
    )


def _association(state: State, eni: str) -> str:
    return "".join(
        f"<association><publicIp>{public_ip}</publicIp><allocationId>{held.allocation}</allocationId></association>"
        for public_ip, held in state.held.items()
        if public_ip in _worn(state, eni)
    )


def _worn(state: State, eni: str) -> frozenset[str]:
    if eni in state.worn:
        return state.worn[eni]
    return frozenset(public_ip for public_ip, held in state.held.items() if held.eni == eni)


def _addresses(state: State, call: Call) -> str:
    items = ""
    for public_ip, held in state.held.items():
        if not _fits(call, {"public-ip": {public_ip}}):
            continue
        where = (
            f"<associationId>{held.association}</associationId><networkInterfaceId>{held.eni}</networkInterfaceId>"
            f"<networkInterfaceOwnerId>{_OWNER}</networkInterfaceOwnerId>"
            f"{_private(state, held.eni)}{_instance(state, held.eni)}"
            if held.eni
            else ""
        )
        items += (
            f"<item><publicIp>{public_ip}</publicIp><allocationId>{held.allocation}</allocationId>"
            f"<domain>vpc</domain>{where}</item>"
        )
    return f"<addressesSet>{items}</addressesSet>"


def _replace_route(state: State, call: Call) -> State:
    key = (call.params["RouteTableId"], call.params["DestinationCidrBlock"])
    if key not in state.routes:  # nor where the only one is foreign; what EC2 really says of that is not known
        raise RefusedError("InvalidParameterValue")
    return replace(state, routes={**state.routes, key: call.params["NetworkInterfaceId"]})


def _create_route(state: State, call: Call) -> State:
    key = (call.params["RouteTableId"], call.params["DestinationCidrBlock"])
    if key in state.routes:  # a foreign one does no harm: of a gateway's AWS says so, of a route server's nothing
        raise RefusedError("RouteAlreadyExists")
    return replace(state, routes={**state.routes, key: call.params["NetworkInterfaceId"]})


def _modify_interface(state: State, call: Call) -> State:
    value = call.params["SourceDestCheck.Value"] == "true"
    return replace(state, checks={**state.checks, call.params["NetworkInterfaceId"]: value})


def _associate(state: State, call: Call) -> State:
    eni = call.params["NetworkInterfaceId"]
    held = {
        public_ip: replace(each, association=None, eni=None) if each.eni == eni else each
        for public_ip, each in state.held.items()
    }
    ours = next(public_ip for public_ip, each in held.items() if each.allocation == call.params["AllocationId"])
    if held[ours].eni and call.params.get("AllowReassociation") == "false":
        raise RefusedError("Resource.AlreadyAssociated")
    serial = state.serial + 1
    held[ours] = replace(held[ours], association=f"eipassoc-{serial}", eni=eni)
    return replace(state, held=held, serial=serial)


def _disassociate(state: State, call: Call) -> State:
    for public_ip, each in state.held.items():
        if each.association == call.params["AssociationId"]:
            return replace(state, held={**state.held, public_ip: replace(each, association=None, eni=None)})
    raise RefusedError("InvalidAssociationID.NotFound")


_READ: dict[str, Callable[[State, Call], str]] = {
    "DescribeRouteTables": _route_tables,
    "DescribeNetworkInterfaces": _interfaces,
    "DescribeAddresses": _addresses,
}
_CHANGE: dict[str, Callable[[State, Call], State]] = {
    "ReplaceRoute": _replace_route,
    "CreateRoute": _create_route,
    "ModifyNetworkInterfaceAttribute": _modify_interface,
    "AssociateAddress": _associate,
    "DisassociateAddress": _disassociate,
}


def eni(number: int) -> EniId:
    """The ENI of node 1, 2, ..."""
    return EniId(f"eni-{number}")
