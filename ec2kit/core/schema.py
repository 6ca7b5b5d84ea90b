"""What all of the kit's JSON objects share. Pure.

The names of the keys are the outside: scripts read them, and other systems, also of other versions of the kit. A key
may be added; none is taken away, and none changes its meaning. docs/json.md tells them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ec2kit.core.model import Node

T = TypeVar("T")
Object = dict[str, Any]  # a JSON object
VERSION: Object = {"schema": 1}  # of all objects that the kit prints; it grows when a key has to go


def node(here: Node) -> Object:
    """Where this node is."""
    return {
        "region": here.region,
        "instance": here.instance,
        "vpc": here.vpc,
        "cidrs": [str(cidr) for cidr in here.cidrs],
        "interface": here.interface,
        "eni": here.eni,
    }


def optional(told: Any, kind: Callable[[str], T]) -> T | None:
    """None where there is none; whatever else another system tells, as a text of that kind."""
    return None if told is None else kind(str(told))
