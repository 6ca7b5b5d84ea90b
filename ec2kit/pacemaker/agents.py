"""The two OCF resource agents as Pacemaker and people see them: parameters, actions, meta-data. Pure.

Each parameter is described once: the meta-data is written from it, and its value is read by it.
OCF resource agent API 1.0, github.com/ClusterLabs/OCF-spec; the DTD is resource-agents' ra-api-1.dtd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from ipaddress import AddressValueError, IPv4Address

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AllocationId, ElasticIpResource, Reach, Resource, RouteResource, TableId
from ec2kit.core.settings import refuse_plain_http

OCF_ROOT = "/usr/lib/ocf"
FOLDER = "resource.d/ec2kit"  # below it: the provider is a folder
_GIVEN = "OCF_RESKEY_"  # what Pacemaker puts before a parameter's name


@dataclass(frozen=True)
class Parameter:
    """One parameter. form: the regular expression that a value matches; like: a value of that form."""

    name: str
    short: str
    long: str
    form: str
    like: str
    required: bool = False


@dataclass(frozen=True)
class Agent:
    """One agent of the provider ec2kit. kind: its name, and the command line's word for its resource."""

    kind: str
    short: str
    long: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Parameters:
    """What an agent's parameters name: the resource, and how EC2 is reached for it."""

    resource: Resource
    reach: Reach


ACTIONS = {  # name: attributes, in the meta-data's order
    "start": 'timeout="120s"',
    "stop": 'timeout="60s"',
    "monitor": 'timeout="60s" interval="30s" depth="0"',
    "validate-all": 'timeout="20s"',
    "meta-data": 'timeout="20s"',
}

_ADDRESS = r"[0-9.]+(/32)?"
_SHARED = (
    Parameter(
        "interface",
        "network interface",
        "Network interface of the node whose ENI gets the address, such as eth1. "
        "Without it: the one that has the address already, else that of the default route.",
        r"[^\s/]{1,15}",
        "eth1",
    ),
    Parameter(
        "region", "Region", "AWS Region, such as eu-west-1. Without it: the instance's.", "[a-z0-9-]+", "eu-west-1"
    ),
    Parameter(
        "profile",
        "profile of the credentials",
        "Profile in the AWS configuration files. Without it, or with default: what every AWS tool finds by itself, "
        "in the end the instance's role.",
        r"\S+",
        "cluster",
    ),
    Parameter(
        "endpoint_url",
        "EC2 URL",
        "URL of the EC2 API, such as that of a VPC endpoint. Without it: the Region's.",
        r"\S+",
        "https://ec2.eu-west-1.amazonaws.com",
    ),
)

ROUTE = Agent(
    "route",
    "moves a virtual IP's route-table entries between EC2 instances",
    "Makes every route-table entry for a virtual IP, in all route tables of the VPC, target the network interface "
    "(ENI) of the node that it is started on, and switches that ENI's source/dest check off. The virtual IP lies "
    "outside the VPC's CIDR blocks; IPaddr2 puts it on the interface. stop changes nothing: the node that takes "
    "over moves the entries. monitor fails only when two complete looks at EC2 prove the loss.",
    (
        Parameter("ip", "virtual IP", "The virtual IP, an IPv4 address.", _ADDRESS, "10.1.0.10", required=True),
        Parameter(
            "routing_table",
            "route tables",
            "Route tables that must have the entry, separated by commas: where it is lost, it is made again. "
            "Entries for the virtual IP in other route tables of the VPC are moved as well.",
            r"rtb-\w+([,\s]+rtb-\w+)*",
            "rtb-1,rtb-2",
        ),
        *_SHARED,
    ),
)
EIP = Agent(
    "eip",
    "moves an Elastic IP between EC2 instances",
    "Associates an Elastic IP with the network interface (ENI) of the node that it is started on. stop ends that "
    "association, never one of another node. monitor fails only when two complete looks prove the loss.",
    (
        Parameter("elastic_ip", "Elastic IP", "The Elastic IP.", _ADDRESS, "203.0.113.10", required=True),
        Parameter(
            "allocation_id",
            "allocation id",
            "The allocation id of the Elastic IP. Not needed; where it is given, it must be that of elastic_ip.",
            r"eipalloc-\w+",
            "eipalloc-1",
        ),
        *_SHARED,
    ),
)

AGENTS = {agent.kind: agent for agent in (ROUTE, EIP)}

# Parameters of ClusterLabs' aws-vpc-move-ip and awseip: those that can be ignored ...
_IGNORED = ("awscli", "auth_type", "monapi", "lookup_type", "api_delay", "curl_retries", "curl_sleep", "iflabel")
_REFUSED = {  # ... and those that cannot, with what to do instead.
    "address": "Name it ip",
    "routing_table_role": "Name a profile that has role_arn in the AWS configuration file: profile=...",
    "private_ip_address": "Leave it out: the primary private address of the interface gets the Elastic IP",
}


def ignored(environ: Mapping[str, str]) -> list[str]:
    """The given parameters that ClusterLabs' agents have and that are ignored here."""
    return [name for name in _IGNORED if environ.get(_GIVEN + name)]


def parameters(agent: Agent, environ: Mapping[str, str]) -> Parameters:
    """Read the parameters. Raises Misconfigured for what they alone prove to be impossible."""
    for name, cure in _REFUSED.items():
        if environ.get(_GIVEN + name):
            raise Misconfigured(f"the parameter {name} is not supported", cure)
    given = {each.name: _value(each, environ) for each in agent.parameters}
    if given["endpoint_url"]:
        refuse_plain_http(given["endpoint_url"])
    interface = given["interface"] or None
    resource: Resource
    if agent is ROUTE:
        tables = re.split(r"[,\s]+", given["routing_table"]) if given["routing_table"] else []
        resource = RouteResource(_address("ip", given), interface, frozenset(map(TableId, tables)))
    else:
        allocation = AllocationId(given["allocation_id"]) if given["allocation_id"] else None
        resource = ElasticIpResource(_address("elastic_ip", given), interface, allocation)
    profile = None if given["profile"] == "default" else given["profile"] or None
    return Parameters(resource, Reach(given["region"] or None, profile, given["endpoint_url"] or None))


def _value(parameter: Parameter, environ: Mapping[str, str]) -> str:
    """The parameter's value, empty when it is not given."""
    value = environ.get(_GIVEN + parameter.name, "").strip()
    if parameter.required and not value:
        raise Misconfigured(f"the parameter {parameter.name} is missing", f"Give it: {_example(parameter)}")
    if value and not re.fullmatch(parameter.form, value):
        raise _no(parameter.name, value, f"it like {_example(parameter)}")
    return value


def _address(name: str, given: Mapping[str, str]) -> IPv4Address:
    try:
        return IPv4Address(given[name].removesuffix("/32"))
    except AddressValueError:
        raise _no(name, given[name], "an IPv4 address") from None


def _no(name: str, value: str, wanted: str) -> Misconfigured:
    return Misconfigured(f"the parameter {name} cannot be {value!r}", f"Give {wanted}")


def _example(parameter: Parameter) -> str:
    return f"{parameter.name}={parameter.like}"


def usage(agent: Agent) -> str:
    """How the agent is called."""
    return f"usage: {agent.kind} {{{'|'.join([*ACTIONS, 'usage'])}}}\nParameters are read from {_GIVEN}*."


def meta_data(agent: Agent) -> str:
    """The agent's meta-data, valid against ra-api-1.dtd."""
    described = "\n".join(_parameter(each) for each in agent.parameters)
    actions = "\n".join(f'<action name="{name}" {attributes} />' for name, attributes in ACTIONS.items())
    return f"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="{agent.kind}" version="{__version__}">
<version>1.0</version>
<longdesc lang="en">{escape(agent.long)}</longdesc>
<shortdesc lang="en">{escape(agent.short)}</shortdesc>
<parameters>
{described}
</parameters>
<actions>
{actions}
</actions>
</resource-agent>
"""


def _parameter(parameter: Parameter) -> str:
    flag = int(parameter.required)  # what must be given, the address, is also what no two resources may share
    return f"""<parameter name="{parameter.name}" required="{flag}" unique="{flag}">
<longdesc lang="en">{escape(parameter.long)}</longdesc>
<shortdesc lang="en">{escape(parameter.short)}</shortdesc>
<content type="string" />
</parameter>"""
