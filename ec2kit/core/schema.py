"""The kit's values as JSON objects, and back. Pure.

The names of the keys are the outside: scripts read them, and other systems, also of other versions of the kit. A key
may be added; none is taken away, and none changes its meaning. docs/json.md tells them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ec2kit.core import steps
from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.known import View
from ec2kit.core.kinds.route import RouteEntry, RouteView
from ec2kit.core.model import (
    AllocationId,
    Association,
    AssociationId,
    Destination,
    EniId,
    Node,
    Resource,
    RouteResource,
    TableId,
)
from ec2kit.core.steps import Step

T = TypeVar("T")
Object = dict[str, Any]  # a JSON object
VERSION: Object = {"schema": 1}  # of all objects that the kit prints; it grows when a key has to go


def resource(named: Resource) -> Object:
    """What was asked for."""
    if isinstance(named, RouteResource):
        own: Object = {"destination": named.destination, "tables": sorted(named.tables)}
    else:
        own = {"public_ip": str(named.public_ip)}
    return {"kind": named.kind, "interface": named.interface, **own}


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


def view(seen: View) -> Object:
    """One complete look."""
    return _route_view(seen) if isinstance(seen, RouteView) else _elastic_ip_view(seen)


def _route_view(seen: RouteView) -> Object:
    return {
        "destination": seen.destination,
        "eni": seen.eni,
        "source_dest_check": seen.source_dest_check,
        "entries": [_entry(each) for each in seen.entries],
        "missing": list(seen.missing),
        "gone": list(seen.gone),
        "nearby": list(seen.nearby),
        "foreign": [_entry(each) for each in seen.foreign],
    }


def _entry(told: RouteEntry) -> Object:
    return {"table": told.table, "target": told.target, "state": told.state, "origin": told.origin}


def _elastic_ip_view(seen: ElasticIpView) -> Object:
    there = seen.association
    return {
        "public_ip": seen.public_ip,
        "allocation": seen.allocation,
        "association": {"id": there.id, "eni": there.eni, "private_ip": there.private_ip} if there else None,
        "interface": seen.interface,
        "eni": seen.eni,
        "private_ip": seen.private_ip,
        "others": list(seen.others),
        "here": seen.here,
        "nearby": seen.nearby,
        "link": seen.link,
        "expected": seen.expected,
    }


def view_of(told: Any) -> View | None:
    """The view that `view` gave; None for anything else, such as a kind that a newer version knows."""
    try:
        return _route_view_of(told) if "entries" in told else _elastic_ip_view_of(told)
    except (KeyError, TypeError, ValueError):
        return None


def optional(told: Any, kind: Callable[[str], T]) -> T | None:
    """None where there is none; whatever else another system tells, as a text of that kind."""
    return None if told is None else kind(str(told))


def _route_view_of(told: Object) -> RouteView:
    return RouteView(
        Destination(str(told["destination"])),
        EniId(str(told["eni"])),
        bool(told["source_dest_check"]),
        tuple(RouteEntry(TableId(str(e["table"])), str(e["target"]), str(e["state"])) for e in told["entries"]),
        tuple(TableId(str(each)) for each in told["missing"]),
        tuple(TableId(str(each)) for each in told["gone"]),
        tuple(TableId(str(each)) for each in told.get("nearby", ())),
    )


def _elastic_ip_view_of(told: Object) -> ElasticIpView:
    there, link = told["association"], told["link"]
    return ElasticIpView(
        public_ip=str(told["public_ip"]),
        allocation=optional(told["allocation"], AllocationId),
        association=_association_of(there) if there else None,
        interface=optional(told["interface"], str),
        eni=optional(told["eni"], EniId),
        private_ip=str(told["private_ip"]),
        others=tuple(map(str, told["others"])),
        here=bool(told.get("here", there and there["eni"] == told["eni"])),
        nearby=bool(told.get("nearby")),
        link=link if isinstance(link, bool) else None,
        expected=optional(told["expected"], AllocationId),
    )


def _association_of(told: Object) -> Association:
    return Association(
        AssociationId(str(told["id"])), optional(told["eni"], EniId), optional(told["private_ip"], str)
    )


def step(change: Step) -> Object:
    """One step: its name, and what it names."""
    return {"step": type(change).__name__, **_step(change)}


def _step(change: Step) -> Object:
    match change:
        case steps.ReplaceRoute(table, destination, eni, was):
            return {"table": table, "destination": destination, "eni": eni, "was": was}
        case steps.CreateRoute(table, destination, eni):
            return {"table": table, "destination": destination, "eni": eni}
        case steps.DisableSourceDestCheck(eni):
            return {"eni": eni}
        case steps.AssociateAddress(public_ip, allocation, eni, private_ip, was, displaces):
            place = {"eni": eni, "private_ip": private_ip, "was": was, "displaces": list(displaces)}
            return {"public_ip": public_ip, "allocation": allocation, **place}
        case steps.DisassociateAddress(public_ip, association, eni):
            return {"public_ip": public_ip, "association": association, "eni": eni}
        case steps.BringLinkUp(interface):
            return {"interface": interface}
