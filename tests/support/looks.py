"""A look without any edge: the queries of a kind are answered from a list of what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ec2kit.core.kinds.facts import Answers, Facts, Listing, Open, Query
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import Address, NetworkInterface, Node, RouteTable

_LISTED = {
    "describe_route_tables": RouteTable,
    "describe_addresses": Address,
    "describe_network_interfaces": NetworkInterface,
}


def seen(
    resource: Resource,
    node: Node,
    there: Iterable[object],
    others: Mapping[Query[Any], object] | None = None,
    *,
    frugal: bool = False,
) -> View:
    """The view that comes of it. there: route tables, Elastic IPs, ENIs; others: what else is answered, else None."""
    answers: Answers = dict(others or {})
    things = list(there)
    while True:
        try:
            return resource.view(node, Facts(answers, frugal=frugal))
        except Open as open_:
            for each in open_.queries:
                answers[each] = _found(each, things) if isinstance(each, Listing) else None


def _found(query: Listing[Any], things: list[object]) -> tuple[object, ...]:
    kind = _LISTED[query.operation]
    return tuple(each for each in things if isinstance(each, kind) and query.includes(each))
