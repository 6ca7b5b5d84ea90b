"""The kit's values as JSON objects, and back. Pure.

The names of the keys are the outside: scripts read them, and other systems, also of other versions of the kit. A key
may be added; none is taken away, and none changes its meaning. docs/json.md tells them all.
"""

from __future__ import annotations

from typing import Any

from ec2kit.core import steps
from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.known import View
from ec2kit.core.kinds.route import RouteEntry, RouteView
from ec2kit.core.model import Association, AssociationId, Destination, EniId, Node, Resource, RouteResource, TableId
from ec2kit.core.steps import Step

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
        "entries": [{"table": each.table, "target": each.target, "state": each.state} for each in seen.entries],
        "missing": list(seen.missing),
        "gone": list(seen.gone),
    }


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
        "link": seen.link,
        "expected": seen.expected,
    }


def view_of(told: Any) -> View | None:
    """The view that `view` gave; None for anything else, such as a kind that a newer version knows."""
    try:
        return _route_view_of(told) if "entries" in told else _elastic_ip_view_of(told)
    except (KeyError, TypeError, ValueError):
        return None


def _route_view_of(told: Object) -> RouteView:
    return RouteView(
        Destination(told["destination"]),
        EniId(told["eni"]),
        told["source_dest_check"],
        tuple(RouteEntry(TableId(each["table"]), each["target"], each["state"]) for each in told["entries"]),
        tuple(map(TableId, told["missing"])),
        tuple(map(TableId, told["gone"])),
    )


def _elastic_ip_view_of(told: Object) -> ElasticIpView:
    there = told["association"]
    return ElasticIpView(
        public_ip=told["public_ip"],
        allocation=told["allocation"],
        association=Association(AssociationId(there["id"]), there["eni"], there["private_ip"]) if there else None,
        interface=told["interface"],
        eni=EniId(told["eni"]),
        private_ip=told["private_ip"],
        others=tuple(told["others"]),
        link=told["link"],
        expected=told["expected"],
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
