"""Where Pacemaker runs each resource, as crm_mon tells it. Pure.

The schema of its XML: github.com/ClusterLabs/pacemaker, xml/api/resources-2.rng.
"""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core.errors import Unavailable

NAME = ("crm_node", "--name")
QUERY = ("crm_mon", "--one-shot", "--inactive", "--output-as", "xml")


@dataclass(frozen=True)
class State:
    """Where a resource runs. stopped: it is to run nowhere; managed: Pacemaker acts on it."""

    nodes: tuple[str, ...] = ()
    stopped: bool = False
    managed: bool = True


def states(text: str) -> dict[str, State]:
    """The state of each resource of what QUERY prints, by its name. Raises Unavailable where it is not XML."""
    from xml.etree import ElementTree as ET

    unknown = Unavailable("Pacemaker's crm_mon shows something in an unknown form", "See it: crm_mon -1")
    if "<!" in text:  # neither entities nor a DTD
        raise unknown
    try:
        root = ET.fromstring(text)  # noqa: S314  the cluster's own, and without entities
    except (ET.ParseError, ValueError, RecursionError):
        raise unknown from None
    return {
        each.get("id", ""): State(
            tuple(node.get("name", "") for node in each.iterfind("node")),
            each.get("target_role", "").lower() == "stopped",
            each.get("managed", "true") == "true",
        )
        for each in root.iter("resource")
    }
