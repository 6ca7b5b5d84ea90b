"""The ENIs of a cluster's nodes, which a kind of address may record: what each system knows goes to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.model import EniId
from ec2kit.lifekeeper import info, status
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.lcd import Lcd
from ec2kit.verbs.run import Run


def share(systems: Mapping[str, str], lcd: Lcd) -> None:
    """Let the info field of each of these systems name all ENIs that one of them names. systems: tags by system."""
    found = {system: lcd.instance(tag, system=system) for system, tag in systems.items()}
    known = {system: info.decode(there.info) for system, there in found.items() if there}
    every = frozenset(eni for each in known.values() for eni in each.resource.peers)
    for system, each in known.items():
        if each.resource.gathers and each.resource.peers != every:
            wanted = replace(each, resource=each.resource.having(peers=every))
            lcd.run("ins_setinfo", "-d", system, "-t", systems[system], "-v", info.encode(wanted))


def refreshed(resource: Resource, tag: str, cluster: Cluster, run: Run) -> Resource:
    """The resource with the ENIs that all systems have now, and no others. Raises KitError when one does not tell."""
    if not resource.gathers:
        raise Misconfigured(f"{resource} has no peers", "peers=refresh is for a private address")
    (found,) = status.collect(tag, cluster, run)
    silent = [part for part in found.parts if part.eni is None]
    if silent:
        raise Unavailable(
            f"{silent[0].system} does not tell its network interface: {silent[0].why}", "Nothing is changed"
        )
    return resource.having(peers=frozenset(EniId(str(part.eni)) for part in found.parts))
