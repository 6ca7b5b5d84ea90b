"""The part of LifeKeeper's own managers in extend, unextend and delete, where the command line stands in for them.

The steps and their words are those that LifeKeeper prints. Each takes the admin lock first. AWS is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.lifekeeper import contract, preflight
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.contract import IN_SERVICE_STATES
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Instance, Lcd


@dataclass(frozen=True)
class Extension:
    """What extend is asked for. interface None: the one of the same name. switchback None: as the template's."""

    tag: str
    to: str
    interface: str | None = None
    switchback: str | None = None
    template_priority: int | None = None
    target_priority: int | None = None


def extend(wanted: Extension, cluster: Cluster) -> None:
    """Extend a resource from this system to another. When that fails or is cancelled, the target is as it was."""
    tag, to, lcd = wanted.tag, wanted.to, cluster.lcd
    here = cluster.ours(tag)
    if to not in lcd.systems() or to == cluster.system:
        raise Misconfigured(f"{to} is not another system of this cluster", f"Name one of: {' '.join(lcd.systems())}")
    there = lcd.instance(tag, system=to)
    if there is not None and to in cluster.systems_with(tag):
        raise Misconfigured(f"{tag} is already extended to {to}", "Nothing is left to do")
    numbers = preflight.priorities(
        cluster.priorities(tag),
        cluster.system,
        template_wanted=wanted.template_priority,
        target_wanted=wanted.target_priority,
    )
    with cluster.locked(tag, [cluster.system, to]):
        print("Building independent resource list")
        print("Checking existence of extend and canextend scripts")
        print(f"Checking extendability for {tag}")
        interface = [wanted.interface] if wanted.interface else []
        cluster.script("canextend", to, cluster.system, tag, *interface)
        print("Pre Extend checks were successful")
        print(f"Extending resource instances for {tag}")
        if there is not None:
            print(f"{to} has {tag} from an extension that was not completed; completing it")
            _take_out(tag, to, lcd)
        try:
            cluster.script("extend", to, cluster.system, tag, *interface)
            _complete(wanted, here, numbers, cluster)
        except (KitError, KeyboardInterrupt) as error:
            _take_back(tag, to, lcd, error)
            raise
    print("Hierarchy successfully extended")
    print("Hierarchy Verification Finished")


def _take_back(tag: str, system: str, lcd: Lcd, error: BaseException) -> None:
    print(f"Taking {tag} on {system} back")
    try:
        _take_away(tag, system, lcd)
    except KitError as second:
        raise Unavailable(
            f"{str(error) or 'cancelled'}; and {tag} could not be taken back from {system}: {second}",
            f"When {system} can be reached: ec2kit unextend {tag} --from {system}",
        ) from error


def _complete(wanted: Extension, here: Instance, numbers: tuple[int, int], cluster: Cluster) -> None:
    """Make the new instance part of the hierarchy: dependencies, switchback, equivalencies."""
    tag, to, lcd = wanted.tag, wanted.to, cluster.lcd
    print("Creating dependencies")
    for parent in lcd.parents(tag, system=cluster.system):
        if lcd.instance(parent, system=to) is not None:
            lcd.run("dep_create", "-d", to, "-p", parent, "-c", tag, accept=[ALREADY_EXISTS])
    print("Setting switchback type for hierarchy")
    switchback = wanted.switchback or (here.switchback if here.switchback in contract.SWITCHBACK else "intelligent")
    for where in {cluster.system, to} if wanted.switchback else {to}:
        lcd.run("ins_setas", "-d", where, "-t", tag, "-s", contract.SWITCHBACK[switchback])
    print("Creating equivalencies")
    others = {each.system: each.other_priority for each in lcd.equivalents(tag, system=cluster.system)}
    for system, priority in [
        *others.items(),
        (cluster.system, numbers[0]),
    ]:  # this one last: it says that all is done
        given = ("-p", str(priority)) if priority else ()
        pair = ("-S", to, "-r", str(numbers[1]), "-o", tag, "-e", "SHARED")
        lcd.run("eqv_create", "-d", system, "-t", tag, *given, *pair)


def _take_away(tag: str, system: str, lcd: Lcd) -> None:
    """Remove a resource from one system, as far as it is there: dependencies, equivalencies, instance."""
    _take_out(tag, system, lcd)
    lcd.run("ins_remove", "-d", system, "-t", tag, accept=[NOT_THERE])


def _take_out(tag: str, system: str, lcd: Lcd) -> None:
    """Take an instance out of its hierarchy on one system."""
    for parent in lcd.parents(tag, system=system):
        lcd.run("dep_remove", "-d", system, "-p", parent, "-c", tag, accept=[NOT_THERE])
    for child in lcd.children(tag, system=system):
        lcd.run("dep_remove", "-d", system, "-p", tag, "-c", child, accept=[NOT_THERE])
    for each in lcd.equivalents(tag, system=system):
        pair = ("-t", tag, "-S", each.system, "-o", each.tag, "-e", "SHARED")
        lcd.run("eqv_remove", "-d", system, *pair, accept=[NOT_THERE])


def unextend(tag: str, system: str, cluster: Cluster) -> None:
    """Remove a resource from one system, on which it is not in service. It stays on the others."""
    cluster.ours(tag)
    there = cluster.lcd.instance(tag, system=system)
    if there is None:
        raise Misconfigured(f"{tag} is not extended to {system}", "See where it is with ec2kit status")
    if there.state in IN_SERVICE_STATES:
        raise Misconfigured(
            f"{tag} is in service on {system} ({there.state})",
            "Bring it into service on another system first; it cannot be unextended from where it is in service",
        )
    if len(cluster.systems_with(tag)) == 1:
        raise Misconfigured(f"{system} is the only system that has {tag}", f"To remove it: ec2kit delete {tag}")
    with cluster.locked(tag, cluster.systems_with(tag)):
        print(f"Unextending resource instances for {tag} from {system}")
        _take_away(tag, system, cluster.lcd)
    print("Hierarchy successfully unextended")


def delete(tag: str, cluster: Cluster) -> None:
    """Remove a resource from all systems. They must all be reached before the first one is touched."""
    here = cluster.ours(tag)
    equivalent = cluster.systems_with(tag)
    systems = [*equivalent, *_cut_off(here, equivalent, cluster)]
    found = {system: cluster.lcd.instance(tag, system=system) for system in systems}
    in_service = [system for system, there in found.items() if there and there.state in IN_SERVICE_STATES]
    with cluster.locked(tag, systems):
        for system in sorted(systems, key=lambda each: (each in in_service, each == cluster.system)):
            print(f"Removing resource instances for {tag} from {system}")
            _take_away(tag, system, cluster.lcd)
            if cluster.lcd.instance(tag, system=system) is not None:
                raise Unavailable(
                    f"{tag} is still on {system}", f"See /var/log/lifekeeper.log of {system}; try again"
                )
    print("Hierarchy successfully deleted; nothing was changed in AWS")


def _cut_off(here: Instance, known: Sequence[str], cluster: Cluster) -> list[str]:
    """Systems that have the resource out of service and not equivalent: what a killed delete or extend leaves."""
    found = []
    for system in cluster.lcd.systems():
        if system in known:
            continue
        try:
            there = cluster.lcd.instance(here.tag, system=system)
        except Unavailable as error:
            print(f"Whether {system} has {here.tag} is not known: {error.why}")
            continue
        same = there and (there.app, there.type, there.id) == (here.app, here.type, here.id)
        if same and there and there.state not in IN_SERVICE_STATES:
            found.append(system)
    return found
