"""A small EC2 in this process, for tests that need thousands of runs: the acting verbs' operations, as XML.

Its whole state is one value, every change makes a new one, and all former ones are kept: what a stale read shows is
one of those. botocore's own hook `before-send` hands the requests over, so the kit, boto3's serializer, signer and
parser are the real ones; only the wire is missing. The lab's moto (lab.ec2) is the fuller EC2; a test holds the two
to the same answers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from ec2kit.core.model import EniId
from lab.wirestate import Call, Foreign, Held, Key, RefusedError, State, changed, mixed

__all__ = ["Call", "Foreign", "Held", "Key", "RefusedError", "State", "changed", "mixed"]
_LOCAL = "10.0.0.0/16"  # every table has the VPC's own entry
_OWNER = "123456789012"  # the account of all that is here
_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"


def call_of(request: AWSPreparedRequest) -> Call:
    """Read a prepared request of botocore's."""
    body = request.body
    fields = dict(parse_qsl(body.decode() if isinstance(body, bytes) else str(body), keep_blank_values=True))
    return Call(fields.pop("Action"), fields)


def answer(state: State, call: Call) -> str:
    """The answer of a Describe call on a state, as XML."""
    return _reply(call.action, _READ[call.action](state, call))


def done(call: Call) -> str:
    """The reply to a changing call that succeeded, as XML."""
    if call.action == "AssignPrivateIpAddresses":
        items = "".join(f"<item><privateIpAddress>{each}</privateIpAddress></item>" for each in call.addresses)
        return _reply(
            call.action,
            f"<networkInterfaceId>{call.params['NetworkInterfaceId']}</networkInterfaceId>"
            f"<assignedPrivateIpAddressesSet>{items}</assignedPrivateIpAddressesSet>",
        )
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


def _interfaces(state: State, call: Call) -> str:
    items = ""
    for eni, private in state.private.items():
        instance = state.instances.get(eni)
        facts = {
            "network-interface-id": {eni},
            "vpc-id": {state.vpc},
            "subnet-id": {state.subnet(eni)[0]},
            "attachment.instance-id": {instance} if instance else set(),
            "addresses.private-ip-address": set(state.addresses(eni)),
        }
        if not _fits(call, facts):
            continue
        worn = {place: _association(state, public_ip, id_) for public_ip, place, id_ in state.told(eni)}
        listed = "".join(
            f"<item><privateIpAddress>{each}</privateIpAddress><primary>{str(each == private).lower()}</primary>"
            f"{worn.get(each, '')}</item>"
            for each in state.addresses(eni)
        )
        check, status = str(state.checks[eni]).lower(), "in-use" if instance else "available"
        items += (
            f"<item><networkInterfaceId>{eni}</networkInterfaceId><privateIpAddress>{private}</privateIpAddress>"
            f"<sourceDestCheck>{check}</sourceDestCheck><macAddress>{state.mac(eni)}</macAddress>"
            f"<ownerId>{_OWNER}</ownerId><vpcId>{state.vpc}</vpcId><status>{status}</status>"
            f"<subnetId>{state.subnet(eni)[0]}</subnetId><privateIpAddressesSet>{listed}</privateIpAddressesSet>"
            f"{_attachment(state, eni)}{worn.get(private, '')}</item>"
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


def _association(state: State, public_ip: str, association: str) -> str:
    """An Elastic IP as the ENI tells it."""
    return (
        f"<association><publicIp>{public_ip}</publicIp><allocationId>{state.held[public_ip].allocation}</allocationId>"
        f"<associationId>{association}</associationId></association>"
    )


def _addresses(state: State, call: Call) -> str:
    items = ""
    for public_ip, held in state.held.items():
        if not _fits(call, {"public-ip": {public_ip}}):
            continue
        private = state.place(held)
        where = (
            f"<associationId>{held.association}</associationId><networkInterfaceId>{held.eni}</networkInterfaceId>"
            f"<networkInterfaceOwnerId>{_OWNER}</networkInterfaceOwnerId>"
            f"{f'<privateIpAddress>{private}</privateIpAddress>' if private else ''}{_instance(state, held.eni)}"
            if held.eni
            else ""
        )
        items += (
            f"<item><publicIp>{public_ip}</publicIp><allocationId>{held.allocation}</allocationId>"
            f"<domain>vpc</domain>{where}</item>"
        )
    return f"<addressesSet>{items}</addressesSet>"


_READ: dict[str, Callable[[State, Call], str]] = {
    "DescribeRouteTables": _route_tables,
    "DescribeNetworkInterfaces": _interfaces,
    "DescribeAddresses": _addresses,
}


def eni(number: int) -> EniId:
    """The ENI of node 1, 2, ..."""
    return EniId(f"eni-{number}")
