"""The addresses that Pacemaker's configuration names, as this node has it (crmsh's `configure show xml`). Pure.

Pacemaker Explained, "Resources": `primitive` with class, provider and type; `instance_attributes` with `nvpair`s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.pacemaker import agents

QUERY = ("cibadmin", "--query", "--local", "--scope", "resources")
NOT_RUNNING = 102  # cibadmin's exit code where there is no Pacemaker to ask


@dataclass(frozen=True)
class Primitive:
    """A resource of Pacemaker's that is one of the kit's. named: what its parameters name; None: they do not tell."""

    name: str
    named: agents.Parameters | None


def primitives(text: str) -> Iterator[Primitive]:
    """The kit's resources of what QUERY prints. Raises Unavailable where it is not XML."""
    try:
        root = ET.fromstring(text)  # noqa: S314  of this machine's own Pacemaker, by a program that root alone runs
    except ET.ParseError as error:
        raise Unavailable("Pacemaker's cibadmin shows something in an unknown form") from error
    for each in root.iter("primitive"):
        kind = agents.AGENTS.get(each.get("type", ""))
        if kind and (each.get("class"), each.get("provider")) == ("ocf", agents.PROVIDER):
            pairs = {
                pair.get("name", ""): pair.get("value", "") for pair in each.iterfind("instance_attributes/nvpair")
            }
            try:
                named = agents.parameters(kind, {f"{agents.GIVEN}{name}": value for name, value in pairs.items()})
            except Misconfigured:
                named = None
            yield Primitive(each.get("id", ""), named)
