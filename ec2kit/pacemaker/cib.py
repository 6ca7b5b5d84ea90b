"""What Pacemaker's configuration and its monitor tell of the kit's resources. Pure.

Pacemaker Explained, "Resources": `primitive` with class, provider and type; `instance_attributes` with `nvpair`s. The
schema of crm_mon's XML: github.com/ClusterLabs/pacemaker, xml/api/resources-2.rng.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.pacemaker import agents

QUERY = ("cibadmin", "--query", "--local", "--scope", "resources")
MONITOR = ("crm_mon", "--one-shot", "--inactive", "--output-as", "xml")
NOT_RUNNING = 102  # exit code of both where there is no Pacemaker to ask


@dataclass(frozen=True)
class Primitive:
    """A resource of Pacemaker's that is one of the kit's. agent: `ocf:ec2kit:route`.

    named: what its parameters name; None: they do not tell.
    """

    name: str
    agent: str
    named: agents.Parameters | None


@dataclass(frozen=True)
class State:
    """Where a resource runs. stopped: it is to run nowhere; managed: Pacemaker acts on it."""

    nodes: tuple[str, ...] = ()
    stopped: bool = False
    managed: bool = True


def primitives(text: str) -> Iterator[Primitive]:
    """The kit's resources of what QUERY prints. Raises Unavailable where it is not XML."""
    root = _parsed(text, QUERY[0])
    templates = {each.get("id"): each for each in root.iter("template")}
    for each in root.iter("primitive"):
        template = templates.get(each.get("template"))
        about = each if template is None else template
        kind = agents.AGENTS.get(about.get("type", ""))
        if kind and (about.get("class"), about.get("provider")) == ("ocf", agents.PROVIDER):
            sources = [each] if template is None else [template, each]  # its own parameters come before
            pairs = [pair for source in sources for pair in source.iterfind("instance_attributes/nvpair")]
            given = {f"{agents.GIVEN}{pair.get('name', '')}": pair.get("value", "") for pair in pairs}
            try:
                named = agents.parameters(kind, given)
            except Misconfigured:
                named = None
            yield Primitive(each.get("id", ""), f"ocf:{agents.PROVIDER}:{kind.name}", named)


def states(text: str) -> dict[str, State]:
    """The state of each resource of what MONITOR prints, by its name. Raises Unavailable where it is not XML."""
    return {
        each.get("id", ""): State(
            tuple(node.get("name", "") for node in each.iterfind("node")),
            each.get("target_role", "") == "Stopped",
            each.get("managed", "true") == "true",
        )
        for each in _parsed(text, MONITOR[0]).iter("resource")
    }


def _parsed(text: str, program: str) -> ET.Element:
    try:
        return ET.fromstring(text)  # noqa: S314  of this machine's own Pacemaker, by a program that root alone runs
    except ET.ParseError as error:
        raise Unavailable(f"Pacemaker's {program} shows something in an unknown form") from error
