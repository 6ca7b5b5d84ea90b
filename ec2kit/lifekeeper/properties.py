"""A resource's properties: what LifeKeeper's Resource Properties show and change, on every system that has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ec2kit.core import schema
from ec2kit.core.errors import KitError, Misconfigured
from ec2kit.core.kinds.known import KINDS, own_texts, placed
from ec2kit.core.schema import Object
from ec2kit.lifekeeper import contract, info, peers
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.forms import FORMS
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import Equivalent, Instance
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import look
from ec2kit.verbs.run import Run

Property = str | int | list[str] | None
KEYS = ("switchback", "priority", "ec2-url", "profile", "tables", "peers", "type")
_MOST = 999  # the guide: priorities are 1 to 999


def assignment(text: str) -> tuple[str, str]:
    """Read `key=value` of --set. Raises ValueError that says what is wrong with it."""
    key, equals, value = text.partition("=")
    if not equals or key not in KEYS:
        raise ValueError(f"{text!r} is not one of {' '.join(f'{key}=...' for key in KEYS)}")
    if key == "switchback" and value not in contract.SWITCHBACK:
        raise ValueError("switchback must be intelligent or automatic")
    if key == "priority" and not (value.isascii() and value.isdecimal() and 1 <= int(value) <= _MOST):
        raise ValueError("priority must be a number from 1 to 999")
    if key == "tables" and value != "refresh":
        raise ValueError("tables must be refresh, which records the route tables that have the entry now")
    if key == "peers" and value != "refresh":
        raise ValueError("peers must be refresh, which records the network interfaces of all systems as they are now")
    if key == "type" and value not in FORMS:
        raise ValueError("type must be gen/app (a Generic Application) or comm/ec2 (a kit of its own)")
    return key, value


@dataclass(frozen=True)
class Properties:
    """All there is to know of a resource from LifeKeeper; EC2 is not asked. priorities: as far as they are known."""

    here: Instance
    parents: tuple[str, ...]
    children: tuple[str, ...]
    instances: Mapping[str, Instance]
    priorities: Mapping[str, int]

    @property
    def resource(self) -> str:
        """The resource in words, as this system's info field names it."""
        return str(info.decode(self.here.info).resource)

    def of(self, system: str) -> dict[str, Property]:
        """One system's own, by name."""
        there = self.instances[system]
        known = info.decode(there.info)
        resource, reach = known.resource, known.reach
        return {
            "state": there.state,
            "switchback": there.switchback,
            "priority": self.priorities.get(system),
            "interface": resource.interface,
            **{
                each.field.replace("_", "-"): texts if each.many else next(iter(texts), None)
                for each in KINDS[resource.kind].parameters[1:]
                if each.info and ((texts := each.texts(resource)) or each.many)
            },
            "ec2-url": reach.url,
            "profile": reach.profile,
            "region": reach.region,
            "vpc": known.vpc,
        }

    def as_json(self) -> Object:
        """All of it as one JSON object."""
        return schema.VERSION | {
            "tag": self.here.tag,
            "id": self.here.id,
            "type": f"{self.here.app}/{self.here.type}",
            "resource": self.resource,
            "parents": list(self.parents),
            "children": list(self.children),
            "systems": {system: self.of(system) for system in self.instances},
        }


def properties(tag: str, cluster: Cluster) -> Properties:
    """The properties of this kit's resource of that tag, on every system that has it. Raises KitError."""
    here, lcd = cluster.ours(tag), cluster.lcd
    found = {system: lcd.instance(there, system=system) for system, there in cluster.systems_with(tag).items()}
    return Properties(
        here,
        tuple(lcd.parents(tag, system=cluster.system)),
        tuple(lcd.children(tag, system=cluster.system)),
        {system: there for system, there in found.items() if there},
        cluster.priorities(tag),
    )


def change(tag: str, wanted: Mapping[str, str], cluster: Cluster, run: Run) -> None:
    """Change properties on every system that has the resource; priority on this one.

    How EC2 is reached is proven on each system before it is written there: Misconfigured or Unavailable, and
    nothing is changed, when one of them cannot look with it.
    """
    here = cluster.ours(tag)
    systems = cluster.systems_with(tag)
    with cluster.locked(tag, systems):
        if wanted.keys() & {"ec2-url", "profile", "tables", "peers"}:
            known = _wanted_info(info.decode(here.info), wanted, run)
            if "peers" in wanted:
                known = replace(known, resource=peers.refreshed(known.resource, tag, cluster, run))
            _change_info(tag, here.info, known, cluster)
        if "switchback" in wanted:
            for system, there in systems.items():
                word = contract.SWITCHBACK[wanted["switchback"]]
                cluster.lcd.run("ins_setas", "-d", system, "-t", there, "-s", word)
        if "priority" in wanted:
            _change_priority(tag, int(wanted["priority"]), cluster)


def _wanted_info(known: Info, wanted: Mapping[str, str], run: Run) -> Info:
    """The info field as it is to be, after a look has shown that EC2 is reached so."""
    reach = known.reach
    if "ec2-url" in wanted:
        reach = replace(reach, url=wanted["ec2-url"] or None)
    if "profile" in wanted:
        reach = replace(reach, profile=wanted["profile"] or None)
    run = replace(run, reach=reach)
    seen = look(known.resource, locate(known.resource.interface, run), run)
    resource = known.resource
    if "tables" in wanted:
        refreshed = resource.refreshed(seen)
        if refreshed is None:
            raise Misconfigured(f"{resource} has no route tables", "tables=refresh is for a route-table resource")
        resource = refreshed
    return replace(known, resource=resource, reach=reach)


def _change_info(tag: str, before: str, wanted: Info, cluster: Cluster) -> None:
    """Write the info here, let each other system prove it with canextend, then write it there with its own values."""
    lcd = cluster.lcd
    systems = cluster.systems_with(tag)
    others: dict[str, Info] = {}
    lcd.run("ins_setinfo", "-t", tag, "-v", info.encode(wanted))
    try:
        for system in list(systems)[1:]:
            there = lcd.instance(systems[system], system=system)
            if there is None:
                continue
            known = info.decode(there.info)
            own = own_texts(known.resource)
            cluster.script("canextend", system, cluster.system, tag, *info.words_of(own))
            resource = placed(wanted.resource.on(None), own)
            others[system] = replace(wanted, resource=resource)
    except (KitError, KeyboardInterrupt):
        lcd.run("ins_setinfo", "-t", tag, "-v", before)
        raise
    for system, known in others.items():
        lcd.run("ins_setinfo", "-d", system, "-t", systems[system], "-v", info.encode(known))


def _change_priority(tag: str, number: int, cluster: Cluster) -> None:
    """Give this system another priority: its equivalencies are made again with it, or as they were if that fails."""
    pairs = cluster.lcd.equivalents(tag, system=cluster.system)
    if not pairs:
        raise Misconfigured(f"{tag} is on one system only", "A priority is given when it is extended")
    taken = {system: known for system, known in cluster.priorities(tag).items() if system != cluster.system}
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
