"""The part of LifeKeeper's own managers in extend, unextend and delete, where the command line stands in for them.

The steps and their words are those that LifeKeeper prints. Each takes the admin lock first. AWS is never touched.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper import contract, preflight
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Instance, Lcd
from ec2kit.lifekeeper.places import SCRIPTS
from ec2kit.verbs.process import read_settings, system_name

IN_SERVICE = ("ISP", "ISU")

# Seconds: an action's own budget, twice (remove on one system, restore on the other), and LifeKeeper's own work.
PATIENCE = 900


@dataclass(frozen=True)
class Cluster:
    """LifeKeeper as this system sees it: its LCD, this system's name, and LKROOT, the same on every system."""

    lcd: Lcd
    system: str
    lkroot: str

    def ours(self, tag: str) -> Instance:
        """This kit's resource of that tag on this system. Raises Misconfigured when there is none."""
        found = self.lcd.instance(tag)
        if found is None:
            raise Misconfigured(f'there is no resource "{tag}" on {self.system}', "See the tags with ec2kit status")
        if (found.app, found.type) != (contract.APP, contract.TYPE):
            raise Misconfigured(
                f'"{tag}" is a resource of another kit ({found.app}/{found.type})',
                "This command changes EC2 resources only",
            )
        return found

    def systems_with(self, tag: str) -> list[str]:
        """The systems that the resource is extended to, this one first."""
        return [self.system, *(each.system for each in self.lcd.equivalents(tag, system=self.system))]

    def ask(self, name: str, system: str, *arguments: str) -> tuple[int, str]:
        """Run one of the kit's programs on another system; its exit code and output. Its log is shown as it comes."""
        command = (*contract.REMOTE_OPTIONS, "-d", system, "--", f"{self.lkroot}/{SCRIPTS}/{name}", *arguments)
        return self.lcd.run("lcdremexec", *command, accept=range(1, 256))

    def script(self, name: str, system: str, *arguments: str) -> None:
        """Run one of the kit's scripts on another system.

        Raises Unavailable when it ended so, Misconfigured when it failed in another way.
        """
        code, _ = self.ask(name, system, *arguments)
        if code:
            meaning = Unavailable if code == ExitCode.UNAVAILABLE else Misconfigured
            raise meaning(f"{name} on {system} failed with exit code {code}", "Its own log tells why, line by line")

    @contextmanager
    def locked(self, tag: str, systems: Sequence[str]) -> Iterator[None]:
        """Hold LifeKeeper's admin lock on those systems. Raises Misconfigured while somebody else has it."""
        facts = {"pid": os.getpid(), "time": int(time.time()), "system": self.system, "tag": tag}
        flag = contract.ADMIN_LOCK.format(**facts)
        held: list[str] = []
        try:
            for system in systems:
                self.lcd.run("flg_create", "-d", system, "-f", flag)
                held.append(system)
                self._refuse_other(flag, system)
            yield
        finally:
            for system in held:
                self.lcd.run("flg_remove", "-d", system, "-f", flag, accept=[NOT_THERE])
        print(f"LifeKeeper Admin Lock ({tag}) Released")

    def _refuse_other(self, own: str, system: str) -> None:
        _, flags = self.lcd.run("flg_list", "-d", system, accept=[NOT_THERE])
        prefix = contract.ADMIN_LOCK.partition("{")[0]
        others = [flag for flag in flags.splitlines() if flag.startswith(prefix) and flag != own]
        if others:
            raise Misconfigured(
                f"another administration is under way on {system} ({others[0]})",
                f"Wait for its end; if it has died: flg_remove -d {system} -f '{others[0]}'",
            )


def cluster_now() -> Cluster:
    """LifeKeeper as this system sees it, with the settings as they are now and all the time that a command has."""
    settings, _ = read_settings()
    return Cluster(Lcd(settings.lkroot, Deadline(PATIENCE)), system_name(settings), settings.lkroot)


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
        raise Misconfigured(f"{to} is no other system of this cluster", f"Name one of: {' '.join(lcd.systems())}")
    there = lcd.instance(tag, system=to)
    if there is not None and to in cluster.systems_with(tag):
        raise Misconfigured(f"{tag} is extended to {to} already", "Nothing is left to do")
    numbers = preflight.priorities(
        known_priorities(tag, cluster),
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
            print(f"{to} has {tag} from an extension that did not come to its end; it is completed")
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


def known_priorities(tag: str, cluster: Cluster) -> dict[str, int]:
    """The priorities of the systems that have the resource, as far as they are known; empty before an extension."""
    known: dict[str, int] = {}
    for each in cluster.lcd.equivalents(tag, system=cluster.system):
        known |= {cluster.system: each.priority} if each.priority else {}
        known |= {each.system: each.other_priority} if each.other_priority else {}
    return known


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
    if there.state in IN_SERVICE:
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
    in_service = [system for system, there in found.items() if there and there.state in IN_SERVICE]
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
        if same and there and there.state not in IN_SERVICE:
            found.append(system)
    return found
