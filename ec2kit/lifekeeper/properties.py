"""A resource's properties: what LifeKeeper's Resource Properties show and change, on every system that has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ec2kit.core.errors import KitError, Misconfigured
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import RouteResource, TableId
from ec2kit.lifekeeper import contract, info
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import Equivalent
from ec2kit.lifekeeper.managers import Cluster, known_priorities
from ec2kit.verbs.look import Run, locate, look

KEYS = ("switchback", "priority", "ec2-url", "profile", "tables")
_MOST = 999  # the guide: priorities are 1 to 999


def assignment(text: str) -> tuple[str, str]:
    """Read `key=value` of --set. Raises ValueError that says what is wrong with it."""
    key, equals, value = text.partition("=")
    if not equals or key not in KEYS:
        raise ValueError(f"{text!r} is not one of {' '.join(f'{key}=...' for key in KEYS)}")
    if key == "switchback" and value not in contract.SWITCHBACK:
        raise ValueError("switchback is intelligent or automatic")
    if key == "priority" and not (value.isascii() and value.isdecimal() and 1 <= int(value) <= _MOST):
        raise ValueError("priority is a number from 1 to 999")
    if key == "tables" and value != "refresh":
        raise ValueError("tables=refresh records the route tables that have the entry now")
    return key, value


def view(tag: str, cluster: Cluster) -> dict[str, Any]:
    """All there is to know of a resource from LifeKeeper, as one JSON object; EC2 is not asked."""
    here = cluster.ours(tag)
    priorities = known_priorities(tag, cluster)
    systems = {}
    for system in cluster.systems_with(tag):
        there = cluster.lcd.instance(tag, system=system)
        if there is not None:
            facts = {"state": there.state, "switchback": there.switchback, "priority": priorities.get(system)}
            systems[system] = facts | _shown(info.decode(there.info))
    return {
        "tag": tag,
        "id": here.id,
        "type": f"{here.app}/{here.type}",
        "resource": str(info.decode(here.info).resource),
        "parents": cluster.lcd.parents(tag, system=cluster.system),
        "children": cluster.lcd.children(tag, system=cluster.system),
        "systems": systems,
    }


def _shown(known: Info) -> dict[str, Any]:
    tables = {"tables": sorted(known.resource.tables)} if isinstance(known.resource, RouteResource) else {}
    return {
        "interface": known.resource.interface,
        **tables,
        "ec2-url": known.url,
        "profile": known.profile,
        "region": known.region,
        "vpc": known.vpc,
    }


def change(tag: str, wanted: Mapping[str, str], cluster: Cluster, run: Run) -> None:
    """Change properties on every system that has the resource; priority on this one.

    How EC2 is reached is proven on each system before it is written there: Misconfigured or Unavailable, and
    nothing is changed, when one of them cannot look with it.
    """
    here = cluster.ours(tag)
    systems = cluster.systems_with(tag)
    with cluster.locked(tag, systems):
        if wanted.keys() & {"ec2-url", "profile", "tables"}:
            _change_info(tag, here.info, _wanted_info(info.decode(here.info), wanted, run), cluster)
        if "switchback" in wanted:
            for system in systems:
                cluster.lcd.run("ins_setas", "-d", system, "-t", tag, "-s", contract.SWITCHBACK[wanted["switchback"]])
        if "priority" in wanted:
            _change_priority(tag, int(wanted["priority"]), cluster)


def _wanted_info(known: Info, wanted: Mapping[str, str], run: Run) -> Info:
    """The info field as it is to be, after a look has shown that EC2 is reached so."""
    url = (wanted["ec2-url"] or None) if "ec2-url" in wanted else known.url
    profile = (wanted["profile"] or None) if "profile" in wanted else known.profile
    run = replace(run, url=url, profile=profile, region=known.region)
    seen = look(known.resource, locate(known.resource.interface, run), run)
    resource = known.resource
    if "tables" in wanted:
        if not isinstance(resource, RouteResource) or not isinstance(seen, RouteView):
            raise Misconfigured(f"{resource} has no route tables", "tables=refresh is for a route-table resource")
        resource = replace(resource, tables=frozenset(TableId(entry.table) for entry in seen.entries))
    return replace(known, resource=resource, url=url, profile=profile)


def _change_info(tag: str, before: str, wanted: Info, cluster: Cluster) -> None:
    """Write the info here, let each other system prove it with canextend, then write it there, interface kept."""
    lcd = cluster.lcd
    others: dict[str, Info] = {}
    lcd.run("ins_setinfo", "-t", tag, "-v", info.encode(wanted))
    try:
        for system in cluster.systems_with(tag)[1:]:
            there = lcd.instance(tag, system=system)
            if there is None:
                continue
            known = info.decode(there.info)
            interface = [known.resource.interface] if known.resource.interface else []
            cluster.script("canextend", system, cluster.system, tag, *interface)
            resource = replace(wanted.resource, interface=known.resource.interface)
            others[system] = replace(wanted, resource=resource)
    except (KitError, KeyboardInterrupt):
        lcd.run("ins_setinfo", "-t", tag, "-v", before)
        raise
    for system, known in others.items():
        lcd.run("ins_setinfo", "-d", system, "-t", tag, "-v", info.encode(known))


def _change_priority(tag: str, number: int, cluster: Cluster) -> None:
    """Give this system another priority: its equivalencies are made anew with it, or as they were if that fails."""
    pairs = cluster.lcd.equivalents(tag, system=cluster.system)
    if not pairs:
        raise Misconfigured(f"{tag} is on one system only", "A priority is given when it is extended")
    taken = {system: known for system, known in known_priorities(tag, cluster).items() if system != cluster.system}
    owner = next((system for system, known in taken.items() if known == number), None)
    if owner:
        raise Misconfigured(f"priority {number} is in use by {owner}", "Choose another number from 1 to 999")
    for pair in pairs:
        named = ("-S", pair.system, "-o", pair.tag, "-e", "SHARED")
        cluster.lcd.run("eqv_remove", "-t", tag, *named)
    try:
        for pair in pairs:
            _pair(tag, pair, number, cluster)
    except (KitError, KeyboardInterrupt):
        left = {pair.system for pair in cluster.lcd.equivalents(tag, system=cluster.system)}
        for pair in pairs:
            if pair.system not in left:
                _pair(tag, pair, pair.priority, cluster)
        raise


def _pair(tag: str, pair: Equivalent, number: int | None, cluster: Cluster) -> None:
    own = ("-p", str(number)) if number else ()
    other = ("-r", str(pair.other_priority)) if pair.other_priority else ()
    cluster.lcd.run("eqv_create", "-t", tag, *own, "-S", pair.system, *other, "-o", pair.tag, "-e", "SHARED")
