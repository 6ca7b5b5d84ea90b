"""The OCF resource agents as Pacemaker and people see them: parameters, actions, meta-data. Pure.

There is one for each kind of address, made from its description.
OCF resource agent API 1.1, github.com/ClusterLabs/OCF-spec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.kind import TRUTH, Form, Kind, Parameter, Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.model import Reach
from ec2kit.core.settings import refuse_plain_http

AGENTS = KINDS  # by name
OCF_ROOT = "/usr/lib/ocf"
PROVIDER = "ec2kit"
FOLDER = f"resource.d/{PROVIDER}"  # below OCF_ROOT
GIVEN = "OCF_RESKEY_"  # what Pacemaker puts before a parameter's name


@dataclass(frozen=True)
class Parameters:
    """What an agent's parameters name: the resource, and how EC2 is reached for it."""

    resource: Resource
    reach: Reach


ACTIONS = {  # name: attributes, in the meta-data's order
    "start": 'timeout="120s"',
    "stop": 'timeout="60s"',
    "monitor": 'timeout="60s" interval="30s" depth="0"',
    "reload-agent": 'timeout="120s"',
    "validate-all": 'timeout="20s"',
    "meta-data": 'timeout="20s"',
}

REACH = (  # what does not belong to the resource
    Parameter(
        "region",
        Form("[a-z0-9-]+", str, "a Region", "eu-west-1"),
        ocf="region",
        reloadable=True,
        short="Region",
        long="AWS Region, such as eu-west-1. Without it: the instance's.",
    ),
    Parameter(
        "profile",
        Form(r"\S+", str, "the name of a profile", "cluster"),
        ocf="profile",
        reloadable=True,
        short="profile of the credentials",
        long="Profile in the AWS configuration files. Without it, or with default: what every AWS tool finds by "
        "itself, in the end the instance's role.",
    ),
    Parameter(
        "url",
        Form(r"\S+", str, "a URL", "https://ec2.eu-west-1.amazonaws.com"),
        ocf="endpoint_url",
        reloadable=True,
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
    return [name for name in _IGNORED if environ.get(GIVEN + name)]


def given(kind: Kind, environ: Mapping[str, str]) -> dict[str, str]:
    """The agent's parameters as `parameters` reads them; a URL without user, password and query."""
    names = [name for name in described(kind) if environ.get(GIVEN + name)]
    return {GIVEN + name: re.sub(r"(?<=://)[^/?#]*@|[?#].*", "", environ[GIVEN + name]) for name in names}


def written(resource: Resource, reach: Reach) -> dict[str, str]:
    """The parameters that name a resource, as `given` gives them."""
    texts = {each.ocf: ",".join(each.texts(resource)) for each in AGENTS[resource.kind].agent}
    texts |= {"region": reach.region or "", "profile": reach.profile or "", "endpoint_url": reach.url or ""}
    return given(AGENTS[resource.kind], {f"{GIVEN}{name}": text for name, text in texts.items()})


def parameters(kind: Kind, environ: Mapping[str, str]) -> Parameters:
    """Read the parameters. Raises Misconfigured for what they alone prove to be impossible."""
    for error in wrong(kind, environ):
        raise error
    values = {each.field: _value(each, environ) for each in described(kind).values()}
    profile, region, url = (values.pop(name) for name in ("profile", "region", "url"))
    return Parameters(kind.having(values), Reach(region, None if profile == "default" else profile, url))


def wrong(kind: Kind, environ: Mapping[str, str]) -> list[Misconfigured]:
    """All that the parameters alone prove to be impossible."""
    known = described(kind)
    found = [
        Misconfigured(f"the parameter {name} is not supported", cure)
        for name, cure in _REFUSED.items()
        if environ.get(GIVEN + name) and name not in known
    ]
    for each in known.values():
        try:
            value = _value(each, environ)
            if each.field == "url" and value:
                refuse_plain_http(value)
        except Misconfigured as error:
            found.append(error)
    return found


def described(kind: Kind) -> dict[str, Parameter]:
    """An agent's parameters by their names, in the order of the meta-data."""
    return {str(each.ocf): each for each in (*kind.agent, *REACH)}


def _value(parameter: Parameter, environ: Mapping[str, str]) -> Any:
    """What is given for a parameter."""
    text = environ.get(f"{GIVEN}{parameter.ocf}", "").strip()
    if parameter.required and not text:
        raise Misconfigured(f"the parameter {parameter.ocf} is missing", f"Give it: {_example(parameter)}")
    if text and not re.fullmatch(parameter.pattern, text):
        raise _no(parameter, text, f"it like {_example(parameter)}")
    try:
        return parameter.value(parameter.split(text) if text else [])
    except ValueError:
        raise _no(parameter, text, parameter.form.what) from None


def _no(parameter: Parameter, value: str, wanted: str) -> Misconfigured:
    return Misconfigured(f"the parameter {parameter.ocf} cannot be {value!r}", f"Give {wanted}")


def _example(parameter: Parameter) -> str:
    return f"{parameter.ocf}={parameter.example}"


def usage(kind: Kind) -> str:
    """How the agent is called."""
    return f"usage: {kind.name} {{{'|'.join([*ACTIONS, 'usage'])}}}\nParameters are read from {GIVEN}*."


def meta_data(kind: Kind) -> str:
    """The agent's meta-data, of OCF 1.1; valid also for who goes by the DTD of 1.0, as ocf-tester does."""
    parameters_ = "\n".join(_parameter(each) for each in described(kind).values())
    actions = "\n".join(f'<action name="{name}" {attributes} />' for name, attributes in ACTIONS.items())
    return f"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!-- The DTD is OCF 1.0's: this is what 1.1 adds. -->
<!ATTLIST parameter unique-group CDATA #IMPLIED reloadable (1|0) "0">
<!ATTLIST action name ({"|".join(ACTIONS)}) #REQUIRED>
]>
<resource-agent name="{kind.name}" version="{__version__}">
<version>1.1</version>
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
    flags = 'required="0" unique="0"'
    if parameter.required:  # the address, which no two resources may share; crmsh goes by OCF 1.0's word for that
        flags = 'required="1" unique="1" unique-group="address"'
    if parameter.reloadable:
        flags += ' reloadable="1"'
    return f"""<parameter name="{parameter.ocf}" {flags}>
<longdesc lang="en">{escape(parameter.long)}</longdesc>
<shortdesc lang="en">{escape(parameter.short)}</shortdesc>
<content type="{kind}"{default} />
</parameter>"""
