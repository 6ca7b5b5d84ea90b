"""All kinds of address: the only place that knows each of them. Pure."""

from __future__ import annotations

from typing import Any

from ec2kit.core.kinds.elastic_ip import ELASTIC_IP
from ec2kit.core.kinds.kind import View
from ec2kit.core.kinds.route import ROUTE

KINDS = {kind.name: kind for kind in (ROUTE, ELASTIC_IP)}
TYPES = {kind.type_word: kind for kind in KINDS.values()}  # by the word of create


def read_view(told: Any) -> View | None:
    """The view that `View.as_json` gave; None for anything else, such as a kind that a newer version knows."""
    for kind in KINDS.values():
        try:
            return kind.read_view(told)
        except (KeyError, TypeError, ValueError):
            continue
    return None
