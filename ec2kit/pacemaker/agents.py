"""The OCF resource agents as Pacemaker and people see them: parameters, actions, meta-data. Pure.

There is one for each kind of address, made from its description.
OCF resource agent API 1.0, github.com/ClusterLabs/OCF-spec; the DTD is resource-agents' ra-api-1.dtd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.kind import TRUTH, Form, Kind, Parameter, Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.model import Reach
from ec2kit.core.settings import refuse_plain_http

AGENTS = KINDS  # by name
OCF_ROOT = "/usr/lib/ocf"
FOLDER = "resource.d/ec2kit"  # below it: the provider is a folder
_GIVEN = "OCF_RESKEY_"  # what Pacemaker puts before a parameter's name


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

REACH = (  # what does not belong to the resource
    Parameter(
        "region",
        Form("[a-z0-9-]+", str, "a Region", "eu-west-1"),
        ocf="region",
        short="Region",
        long="AWS Region, such as eu-west-1. Without it: the instance's.",
    ),
    Parameter(
        "profile",
        Form(r"\S+", str, "the name of a profile", "cluster"),
        ocf="profile",
        short="profile of the credentials",
        long="Profile in the AWS configuration files. Without it, or with default: what every AWS tool finds by "
        "itself, in the end the instance's role.",
    ),
    Parameter(
        "url",
        Form(r"\S+", str, "a URL", "https://ec2.eu-west-1.amazonaws.com"),
        ocf="endpoint_url",
        short="EC2 URL",
        long="URL of the EC2 API, such as that of a VPC endpoint. Without it: the Region's.",
    ),
)

# Parameters of ClusterLabs' aws-vpc-move-ip and awseip: those that can be ignored ...
_IGNORED = ("awscli", "auth_type", "monapi", "lookup_type", "api_delay", "curl_retries", "curl_sleep", "iflabel")
_REFUSED = {  # ... and those that cannot, with what to do instead.
    "address": "Name it ip",
    "routing_table_role": "Name a profile that has role_arn in the AWS configuration file: profile=...",
    "private_ip_address": "Leave it out: it is for an Elastic IP",
    "secondary_private_ip": "ocf:ec2kit:private moves such an address; there its name is ip",
}


def ignored(environ: Mapping[str, str]) -> list[str]:
    """The given parameters that ClusterLabs' agents have and that are ignored here."""
    return [name for name in _IGNORED if environ.get(_GIVEN + name)]


def parameters(kind: Kind, environ: Mapping[str, str]) -> Parameters:
    """Read the parameters. Raises Misconfigured for what they alone prove to be impossible."""
    known = described(kind)
    for name, cure in _REFUSED.items():
        if environ.get(_GIVEN + name) and name not in known:
            raise Misconfigured(f"the parameter {name} is not supported", cure)
    given = {each.field: _texts(each, environ) for each in known.values()}
    profile, region, url = (next(iter(given.pop(name)), None) for name in ("profile", "region", "url"))
    if url:
        refuse_plain_http(url)
    resource = kind.having({each.field: _value(each, given[each.field]) for each in kind.agent})
    return Parameters(resource, Reach(region, None if profile == "default" else profile, url))


def described(kind: Kind) -> dict[str, Parameter]:
    """An agent's parameters by their names, in the order of the meta-data."""
    return {str(each.ocf): each for each in (*kind.agent, *REACH)}


def _texts(parameter: Parameter, environ: Mapping[str, str]) -> list[str]:
    """What is given for a parameter."""
    text = environ.get(f"{_GIVEN}{parameter.ocf}", "").strip()
    if parameter.required and not text:
        raise Misconfigured(f"the parameter {parameter.ocf} is missing", f"Give it: {_example(parameter)}")
    if text and not re.fullmatch(parameter.pattern, text):
        raise _no(parameter, text, f"it like {_example(parameter)}")
    return parameter.split(text) if text else []


def _value(parameter: Parameter, texts: Sequence[str]) -> object:
    try:
        return parameter.value(texts)
    except ValueError:
        raise _no(parameter, " ".join(texts), parameter.form.what) from None


def _no(parameter: Parameter, value: str, wanted: str) -> Misconfigured:
    return Misconfigured(f"the parameter {parameter.ocf} cannot be {value!r}", f"Give {wanted}")


def _example(parameter: Parameter) -> str:
    return f"{parameter.ocf}={parameter.example}"


def usage(kind: Kind) -> str:
    """How the agent is called."""
    return f"usage: {kind.name} {{{'|'.join([*ACTIONS, 'usage'])}}}\nParameters are read from {_GIVEN}*."


def meta_data(kind: Kind) -> str:
    """The agent's meta-data, valid against ra-api-1.dtd."""
    parameters_ = "\n".join(_parameter(each) for each in described(kind).values())
    actions = "\n".join(f'<action name="{name}" {attributes} />' for name, attributes in ACTIONS.items())
    return f"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="{kind.name}" version="{__version__}">
<version>1.0</version>
<longdesc lang="en">{escape(kind.long)}</longdesc>
<shortdesc lang="en">{escape(kind.short)}</shortdesc>
<parameters>
{parameters_}
</parameters>
<actions>
{actions}
</actions>
</resource-agent>
"""


def _parameter(parameter: Parameter) -> str:
    kind = "boolean" if parameter.form is TRUTH else "string"
    default = "" if parameter.default is None else f' default="{parameter.form.write(parameter.default)}"'
    flag = int(parameter.required)  # what must be given, the address, is also what no two resources may share
    return f"""<parameter name="{parameter.ocf}" required="{flag}" unique="{flag}">
<longdesc lang="en">{escape(parameter.long)}</longdesc>
<shortdesc lang="en">{escape(parameter.short)}</shortdesc>
<content type="{kind}"{default} />
</parameter>"""
