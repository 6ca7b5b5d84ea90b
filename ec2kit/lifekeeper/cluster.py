"""LifeKeeper's cluster as this system sees it: its systems, this kit's resources on them, the admin lock."""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.settings import Settings
from ec2kit.core.words import meant
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import tell
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.lcd import NOT_THERE, Instance, Lcd, system_name
from ec2kit.lifekeeper.places import SCRIPTS
from ec2kit.verbs.process import settings_now

# Seconds: an action's own budget, twice (remove on one system, restore on the other), and LifeKeeper's own work.
PATIENCE = 900
_ASK_SECONDS = 5.0  # for one question to another system
_UNLOCK_SECONDS = 15.0  # for one system to give a lock back
_NAMED = 8  # so many tags are named
_SPARED = 0.1  # of its time, for giving locks back where another system hangs


_Relations = tuple[list[tuple[str, str]], dict[str, dict[str, str]]]  # dependencies, counterparts


@dataclass(frozen=True)
class Cluster:
    """LifeKeeper as this system sees it: its LCD, this system's name, and LKROOT, the same on every system."""

    lcd: Lcd
    system: str
    lkroot: str
    _told: dict[str, _Relations | None] = field(default_factory=dict, compare=False, repr=False)

    def ours(self, tag: str) -> Instance:
        """This kit's resource of that tag on this system. Raises Misconfigured when there is none."""
        found = self.need(tag)
        if found.form is None:
            raise Misconfigured(
                f'"{tag}" is a resource of another kit ({found.app}/{found.type})',
                "This command changes EC2 resources only",
            )
        return found

    def need(self, tag: str) -> Instance:
        """The resource of that tag on this system, whichever kit's. Raises Misconfigured when there is none."""
        if found := self.lcd.instance(tag):
            return found
        raise self.missing(tag)

    def missing(self, tag: str) -> Misconfigured:
        """The error that this system does not have that tag; it tells what tag was meant, or which there are."""
        return Misconfigured(f'there is no resource "{tag}" on {self.system}', self._named(tag))

    def _named(self, tag: str) -> str:
        """What to say to somebody who has named a tag that does not fit: one like it, or those of the kit here."""
        try:
            found = self.lcd.all(most=_ASK_SECONDS)
        except KitError:  # it is about a better text only
            found = []
        ours = sorted(each.tag for each in found if each.form)[:_NAMED]
        named = f"Name one of: {' '.join(ours)}" if ours else "See the tags with ec2kit status"
        return meant(tag, (each.tag for each in found if each.tag != tag)) or named

    def below(self, tag: str) -> list[str]:
        """The tag, and all that it depends on here."""
        return reached(tag, lambda each: self.lcd.children(each, system=self.system))

    def beneath(self, tag: str) -> list[Instance]:
        """This kit's resource of that tag here; of another kit's, those of this kit that it depends on.

        Raises Misconfigured when there is none.
        """
        found = self.need(tag)
        if found.form:
            return [found]
        _, *below = self.below(tag)
        ours = [there for each in below if (there := self.lcd.instance(each)) and there.form]
        if not ours:
            named = f", only on {', '.join(below)}" if below else ""
            what = f'"{tag}" is a resource of another kit ({found.app}/{found.type})'
            raise Misconfigured(f"{what}, and does not depend on an EC2 resource{named}", self._named(""))
        return sorted(ours, key=lambda each: each.tag)

    def missing_dependencies(self, tag: str) -> list[tuple[str, str, str]]:
        """What stands on what on another system and not on this one, of the tag's hierarchy: system, parent, child.

        By this system's tags. A system that does not tell is left out.
        """
        pairs_here, others = self._relations(self.system) or ([], {})
        here, found = set(pairs_here), []
        for system in others.get(tag, {}):
            if (told := self._relations(system)) is None:
                continue
            pairs, names = told
            mine = {its: tags[self.system] for its, tags in names.items() if self.system in tags}
            known = [(mine[parent], mine[child]) for parent, child in pairs if parent in mine and child in mine]
            near = _around(tag, known)
            found += [(system, *pair) for pair in known if pair[0] in near and pair not in here]
        return sorted(found)

    def alone(self, tag: str) -> bool:
        """Whether this system alone is known to have the resource."""
        told = self._relations(self.system)
        return told is not None and tag not in told[1]

    def _relations(self, system: str) -> _Relations | None:
        """A system's dependencies and counterparts, asked once; None where it does not tell."""
        if system not in self._told:
            try:
                self._told[system] = self.lcd.dependencies(system=system), self.lcd.counterparts(system=system)
            except KitError:
                self._told[system] = None
        return self._told[system]

    def need_system(self, system: str, *, other: bool = False) -> None:
        """Raise Misconfigured where the cluster has no system of that name. other: than this one."""
        names = [each for each in self.lcd.systems() if not (other and each == self.system)]
        if system not in names:
            what = "another system" if other else "a system"
            raise Misconfigured(f"{system} is not {what} of this cluster", f"Name one of: {' '.join(names)}")

    def anywhere(self, tag: str) -> Instance | None:
        """The kit's resource of that tag, on this system or on another; None where not every system can be asked.

        Raises Misconfigured when no system has it.
        """
        if self.lcd.instance(tag):
            return self.ours(tag)
        silent = False
        for system in self.lcd.systems():
            try:
                found = None if system == self.system else self.lcd.instance(tag, system=system, most=_ASK_SECONDS)
            except Unavailable:
                silent = True
                continue
            if found and found.form:
                return found
        if silent:
            return None
        raise Misconfigured(f'no system has a resource "{tag}"', self._named(tag))

    def systems_with(self, tag: str) -> dict[str, str]:
        """The systems that the resource is extended to, this one first, each with its tag there."""
        others = {each.system: each.tag for each in self.lcd.equivalents(tag, system=self.system)}
        return {self.system: tag, **others}

    def priorities(self, tag: str) -> dict[str, int]:
        """The priorities of the systems that have the resource, as far as known; empty before an extension."""
        known: dict[str, int] = {}
        for each in self.lcd.equivalents(tag, system=self.system):
            known |= {self.system: each.priority} if each.priority else {}
            known |= {each.system: each.other_priority} if each.other_priority else {}
        return known

    def ask(
        self, name: str, system: str, *arguments: str, folder: str = SCRIPTS, most: float = math.inf
    ) -> tuple[int, str]:
        """Run one of the kit's programs on another system; its exit code and output. Its log is shown as it comes.

        A shell there reads the command, so it is one word, in which each argument is quoted. folder: below LKROOT.
        most: seconds.
        """
        command = shlex.join([f"{self.lkroot}/{folder}/{name}", *arguments])
        words = (*contract.REMOTE_OPTIONS, "-d", system, "--", command)
        return self.lcd.run("lcdremexec", *words, accept=range(1, 256), most=most)

    def script(self, name: str, system: str, *arguments: str, folder: str = SCRIPTS) -> str:
        """Run one of the kit's scripts on another system; what it prints.

        Raises Unavailable when it ended so, Misconfigured when it failed in another way.
        """
        code, output = self.ask(name, system, *arguments, folder=folder)
        if code:
            meaning = Unavailable if code == ExitCode.UNAVAILABLE else Misconfigured
            older = code == ExitCode.USAGE  # it does not know what it is asked
            cure = "Install this version of the kit there, too" if older else "Its own log tells why, line by line"
            raise meaning(f"{name} on {system} failed with exit code {code}", cure)
        return output

    @contextmanager
    def locked(self, tag: str, systems: Iterable[str]) -> Iterator[None]:
        """Hold LifeKeeper's admin lock on those systems. Raises Misconfigured while somebody else has it."""
        facts = {"pid": os.getpid(), "time": int(time.time()), "system": self.system, "tag": tag}
        flag = contract.ADMIN_LOCK.format(**facts)
        held: dict[str, bool] = {}  # whether flg_create has said so; where it hangs it may have done it
        try:
            with self.lcd.sparing(_SPARED):
                for system in systems:
                    held[system] = False
                    self.lcd.run("flg_create", "-d", system, "-f", flag)
                    held[system] = True
                    self.refuse_busy(system, own=flag)
                yield
        except BaseException:
            if left := self._unlock(held, flag):
                sys.stderr.write(f"{left.why}\n")
            raise
        if left := self._unlock(held, flag):
            raise left
        tell(f"LifeKeeper Admin Lock ({tag}) Released")

    def _unlock(self, held: Mapping[str, bool], flag: str) -> Unavailable | None:
        """Give the lock back on every system that answers; the error that tells where it stays."""
        left: dict[str, KitError] = {}
        for number, system in enumerate(held):
            words, share = ("-d", system, "-f", flag), 1 / (len(held) - number)
            try:
                self.lcd.run("flg_remove", *words, accept=[NOT_THERE], share=share, most=_UNLOCK_SECONDS)
            except KitError as error:
                left[system] = error
        if not left:
            return None
        cure = "; ".join(f"flg_remove -d {system} -f {shlex.quote(flag)}" for system in left)
        places = ", ".join(system if held[system] else f"{system} (if it came there)" for system in left)
        what = f"the admin lock could not be given back on {places}: {next(iter(left.values()))}"
        return Unavailable(what, f"Give it back: {cure}")

    def refuse_busy(self, system: str, *, own: str = "") -> None:
        """Raise Misconfigured while somebody has the admin lock there. own: our own lock."""
        _, flags = self.lcd.run("flg_list", "-d", system, accept=[NOT_THERE])
        prefix = contract.ADMIN_LOCK.partition("{")[0]
        others = [flag for flag in flags.splitlines() if flag.startswith(prefix) and flag != own]
        if others:
            raise Misconfigured(
                f"another administration is under way on {system} ({others[0]})",
                f"Wait until it ends; if it has died: flg_remove -d {system} -f {shlex.quote(others[0])}",
            )


def _around(tag: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """All that hangs together with a tag. pairs: parent and child."""
    both = [*pairs, *((child, parent) for parent, child in pairs)]
    return reached(tag, lambda each: [other for one, other in both if one == each])


def reached(tag: str, related: Callable[[str], list[str]]) -> list[str]:
    """The tag, and all that is reached from it, step by step."""
    found = [tag]
    for each in found:  # it grows meanwhile
        found += [more for more in related(each) if more not in found]
    return found


def cluster_of(settings: Settings, deadline: Deadline) -> Cluster:
    """LifeKeeper as this system sees it, inside a run's time."""
    return Cluster(Lcd(settings.lkroot, deadline), system_name(settings), settings.lkroot)


def cluster_now() -> Cluster:
    """The same with the settings as they are now, and all the time that a command has."""
    return cluster_of(settings_now(), Deadline(PATIENCE))
