"""The ENIs of a cluster's nodes, which a kind of address may record: what each system knows goes to all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.model import EniId
from ec2kit.lifekeeper import info, status
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import Instance, Lcd
from ec2kit.verbs.run import Run


def tell(resource: Resource, template: str, tag: str, lcd: Lcd) -> list[Instance]:
    """Let the info fields of the template system, and of all that have the resource, name what this one names.

    Those that were changed, as they were before.
    """
    if not resource.gathers:
        return []
    pairs = lcd.equivalents(tag, system=template)
    changed: list[tuple[Instance, Info]] = []
    for system, its_tag in {template: tag, **{pair.system: pair.tag for pair in pairs}}.items():
        there = lcd.instance(its_tag, system=system)
        if there is None:
            raise Unavailable(f"{system} has no resource {its_tag} any more", "See the tags there with ins_list")
        known = info.decode(there.info)
        if not resource.peers <= known.resource.peers:
            more = known.resource.having(peers=known.resource.peers | resource.peers)
            changed.append((there, replace(known, resource=more)))
    for there, wanted in changed:
        _write(there, info.encode(wanted), lcd)
    return [there for there, _ in changed]


def take_back(told: Iterable[Instance], lcd: Lcd) -> None:
    """Give these their info fields back."""
    for there in told:
        _write(there, there.info, lcd)


def _write(there: Instance, text: str, lcd: Lcd) -> None:
    lcd.run("ins_setinfo", "-d", there.system, "-t", there.tag, "-v", text)


def refreshed(resource: Resource, tag: str, cluster: Cluster, run: Run) -> Resource:
    """The resource with the ENIs that all systems have now, and no others. Raises KitError when one does not tell."""
    if not resource.gathers:
        raise Misconfigured(f"{resource} has no peers", "peers=refresh is for a private address")
    (found,) = status.collect(tag, cluster, run)
    silent = [part for part in found.parts if part.eni is None]
    if silent:
        raise Unavailable(
            f"{silent[0].system} does not tell its network interface: {silent[0].why}",
            "Nothing is changed. To take the address from a node that is down: ec2kit hold --force "
            f"{resource.kind} {resource.address} --interface {resource.interface} --peer ENI",
        )
    return resource.having(peers=frozenset(EniId(str(part.eni)) for part in found.parts))
