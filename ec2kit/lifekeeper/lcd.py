"""LifeKeeper's configuration database (LCD), through the programs in $LKROOT/bin and nothing else.

Arguments, output and exit codes: the LifeKeeper 7.5 man pages (ins_list(1M), ins_create(1M), ...).
What is not verified against a LifeKeeper core is in ec2kit.lifekeeper.contract.
"""

from __future__ import annotations

import errno
import math
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.core.settings import Settings
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper import contract, forms
from ec2kit.lifekeeper.forms import Form

ALREADY_EXISTS, NOT_THERE = 4, 7
_FIELDS = 7  # of ins_list that are known: sys app type tag id info state
_EQUIVALENCY_FIELDS = 4  # of eqv_list: sys tag othersys othertag
_EVENT_SECONDS = 3.0  # how long we watch a recovery event start; its recovery goes on without us
_NOT_A_PROGRAM = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC, errno.ELOOP, errno.EISDIR}
_GLANCE = 0.1  # the least of it, when the time is up
_UNWINDING = 5.0  # seconds that a manager of LifeKeeper's has to put right what it has begun, when it is ended


@dataclass(frozen=True)
class Instance:
    """One resource instance on one system; state: ISP, ISU, OSU, OSF or ILLSTATE.

    switchback: `intelligent`, `automatic`, or `unknown` where ins_list does not show it in a known place.
    """

    system: str
    app: str
    type: str
    tag: str
    id: str
    info: str
    state: str
    switchback: str

    @property
    def form(self) -> Form | None:
        """In which form it is the kit's; None when it is another kit's."""
        return forms.form_of(self.app, self.type, self.info)

    @property
    def identity(self) -> str:
        """What it protects: `EC2-10.1.0.10`."""
        return forms.identity(self.id, self.info)

    @property
    def usual_switchback(self) -> str:
        """Its switchback type; `intelligent`, LifeKeeper's default, where it is unknown."""
        return self.switchback if self.switchback in contract.SWITCHBACK else "intelligent"

    @classmethod
    def of(cls, line: str) -> Instance:
        """Read one line of ins_list. Raises Unavailable when it is in no known form."""
        fields = line.split(contract.SEPARATOR)
        if len(fields) < _FIELDS:
            raise Unavailable("LifeKeeper's ins_list shows a resource in an unknown form")
        word = next(iter(fields[contract.SWITCHBACK_FIELD :]), "")
        switchback = next((name for name, value in contract.SWITCHBACK.items() if value == word), "unknown")
        system, app, kind, tag, identifier, known, state = fields[:_FIELDS]
        return cls(system, app, kind, tag, identifier, known, state, switchback)


@dataclass(frozen=True)
class Equivalent:
    """The same resource on another system. priority: this side's, other_priority: the other's; None: unknown."""

    system: str
    tag: str
    priority: int | None
    other_priority: int | None


def system_name(settings: Settings) -> str:
    """LifeKeeper's name of this system."""
    return settings.ec2kit_system or platform.node()


class Lcd:
    """The LCD of one system, inside one run's deadline."""

    def __init__(self, lkroot: str, deadline: Deadline) -> None:
        self._root = Path(lkroot)
        self._deadline = deadline
        self._spared = 0.0  # seconds at the end of the time that no program may take

    def path(self, program: str) -> Path:
        """Where a program is: of $LKROOT/bin by its name, any other by its path below LKROOT."""
        return self._root / ("" if "/" in program else "bin") / program

    def has(self, program: str) -> bool:
        """Whether this LifeKeeper has that program."""
        return self.path(program).is_file()

    def need_time(self, part: float, otherwise: str) -> None:
        """Raise Unavailable when less than that part of the run's whole time is left."""
        if self._deadline.left < part * self._deadline.seconds:
            raise Unavailable(f"timed out after {self._deadline.spent:.1f} s: {otherwise}", "Run it again")

    @contextmanager
    def sparing(self, part: float) -> Iterator[None]:
        """Leave that part of the run's whole time for what comes after."""
        self._spared = part * self._deadline.seconds
        try:
            yield
        finally:
            self._spared = 0.0

    def run(
        self,
        program: str,
        *arguments: str,
        accept: Sequence[int] = (),
        share: float = 1.0,
        most: float = math.inf,
        manager: bool = False,
    ) -> tuple[int, str]:
        """Run one program of LifeKeeper's; its exit code and output. What it says on standard error is shown.

        share: of the time that is left, how much it may take before it counts as hanging; most: in seconds. manager:
        its output is shown as it comes, not given back, and when it has to end, it may first put right what it has
        begun.
        Raises Misconfigured when the program is missing, Unavailable when it hangs or exits with a
        code other than 0 and those to accept.
        """

        def seconds(left: float) -> float:
            return max(_GLANCE, min(most, share * (left - self._spared)))

        command = [str(self.path(program)), *arguments]
        program = command[0].rpartition("/")[2]
        if manager and sys.stdout:
            sys.stdout.flush()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=None if manager else subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise _not_run(command[0], error) from error
        with child:
            try:
                with self._deadline.waiting(f"LifeKeeper's {program}"):
                    output, _ = child.communicate(timeout=seconds(self._deadline.left))
            except BaseException as error:  # a time-out, the deadline or Ctrl-C: it must not live on
                _end(child, seconds=_UNWINDING if manager else 0)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise Unavailable(f"LifeKeeper's {program} did not answer in {error.timeout:.0f} s") from error
                raise
        if child.returncode not in (0, *accept):
            raise Unavailable(
                f"LifeKeeper's {program} failed with exit code {child.returncode}",
                "The lines above tell why, or /var/log/lifekeeper.log"
                if manager
                else "See /var/log/lifekeeper.log; 9 means that the other system could not be reached",
            )
        return child.returncode, output or ""

    def _ask(self, program: str, *arguments: str, share: float = 1.0, most: float = math.inf) -> str | None:
        """What a program shows; None when it says that there is nothing. Raises Unavailable, as run does."""
        code, output = self.run(program, *arguments, accept=[NOT_THERE], share=share, most=most)
        if "\0" in output:  # no name has it, and as an argument of the next program it would be an error of ours
            raise _unknown_form(program)
        return None if code == NOT_THERE else output

    def instance(
        self, tag: str, *, system: str | None = None, share: float = 1.0, most: float = math.inf
    ) -> Instance | None:
        """The instance with that tag on this system, or on another; None when there is none. The rest: as of run."""
        where = ("-d", system) if system else ()
        output = self._ask("ins_list", *where, "-t", tag, share=share, most=most)
        if output is None:
            return None
        for line in output.splitlines():
            if line.count(contract.SEPARATOR) >= _FIELDS - 1 and (found := Instance.of(line)).tag == tag:
                return found
        raise Unavailable(f"LifeKeeper's ins_list does not show {tag} in a known form")

    def all(self, *, most: float = math.inf) -> list[Instance]:
        """All instances of every kit on this system. most: as of run."""
        return list(map(Instance.of, (self._ask("ins_list", most=most) or "").splitlines()))

    def instances(self, app: str, kind: str, *, system: str | None = None, most: float = math.inf) -> list[Instance]:
        """All instances of one application and type, on this system or on another. most: as of run."""
        where = ("-d", system) if system else ()
        output = self._ask("ins_list", *where, "-a", app, "-r", kind, most=most)
        return list(map(Instance.of, (output or "").splitlines()))

    def ours(self, system: str | None = None, *, most: float = math.inf) -> list[Instance]:
        """All instances of the kit on this system, or on another, in either form, by tag. most: as of run."""
        whole = [self.instances(*form.value, system=system, most=most) for form in Form]
        found = [each for instances in whole for each in instances if each.form]
        return sorted(found, key=lambda each: each.tag)

    def systems(self) -> list[str]:
        """The names of all systems that LifeKeeper knows."""
        return (self._ask("sys_list") or "").split()

    def flag(self, name: str) -> bool:
        """Whether a flag is up on this system."""
        return self._ask("flg_test", "-f", name) is not None

    def parents(self, tag: str, *, system: str) -> list[str]:
        """The tags that depend on a resource."""
        return self._related("-c", tag, system, contract.DEPENDENCY_PARENT)

    def children(self, tag: str, *, system: str) -> list[str]:
        """The tags that a resource depends on."""
        return self._related("-p", tag, system, 1 - contract.DEPENDENCY_PARENT)

    def dependencies(self, *, system: str) -> list[tuple[str, str]]:
        """Every parent with its child."""
        rows = _rows("dep_list", self._ask("dep_list", "-d", system), least=2)
        at = contract.DEPENDENCY_PARENT
        return [(row[at], row[1 - at]) for row in rows]

    def _related(self, option: str, tag: str, system: str, field: int) -> list[str]:
        rows = _rows("dep_list", self._ask("dep_list", "-d", system, option, tag), least=2)
        return [row[field] for row in rows]

    def counterparts(self, *, system: str) -> dict[str, dict[str, str]]:
        """Each tag of a system with the other systems that have the resource, and its tag there."""
        found: dict[str, dict[str, str]] = {}
        for row in _rows("eqv_list", self._ask("eqv_list", "-d", system), least=_EQUIVALENCY_FIELDS):
            if row[0] == system:
                found.setdefault(row[1], {})[row[2]] = row[3]
        return found

    def equivalents(self, tag: str, *, system: str) -> list[Equivalent]:
        """The same resource on other systems, as LifeKeeper of that system knows it."""
        rows = _rows("eqv_list", self._ask("eqv_list", "-d", system, "-t", tag), least=_EQUIVALENCY_FIELDS)
        return [
            Equivalent(
                row[2],
                row[3],
                _priority(row, contract.EQUIVALENCY_PRIORITY),
                _priority(row, contract.EQUIVALENCY_OTHER_PRIORITY),
            )
            for row in rows
            if (row[0], row[1]) == (system, tag)
        ]

    def send_event(self, tag: str) -> None:
        """Raise a recovery event for the resource and let its recovery go on without us.

        It is sent even when the deadline has just passed: that does not make a proven loss unknown again.
        Raises Misconfigured or Unavailable when sendevent cannot be run or fails at once.
        """
        command = [
            str(self.path("sendevent")),
            *("-C", contract.EVENT_CLASS, "-E", contract.EVENT, "-m", "ec2kit", "-n", tag),
        ]
        watch = min(_EVENT_SECONDS, max(_GLANCE, self._deadline.seconds - self._deadline.spent))
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            with self._deadline.waiting("LifeKeeper's sendevent"):
                code = child.wait(watch)
        except OSError as error:
            raise _not_run(command[0], error) from error
        except subprocess.TimeoutExpired:
            return  # the recovery is at work
        if code:
            raise Unavailable(f"LifeKeeper's sendevent failed with exit code {code}")


def _end(child: subprocess.Popen[str], *, seconds: float) -> None:
    """End a program and all of its group: asked to, when it has seconds for that, then killed."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        if seconds:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(seconds)
    with suppress(ProcessLookupError):  # it has just ended; what holds its output is not of its group
        os.killpg(child.pid, signal.SIGKILL)


def _not_run(program: str, error: OSError) -> KitError:
    """A person must act where the program is not there or is not one; of want of memory or processes nobody knows."""
    what = f"LifeKeeper's program {program} cannot be run ({error.strerror})"
    if error.errno in _NOT_A_PROGRAM:
        return Misconfigured(what, "Is LifeKeeper installed, and does LKROOT name its folder?")
    return Unavailable(what, "Run it again")


def _rows(program: str, output: str | None, *, least: int) -> list[list[str]]:
    """The fields of each line. Raises Unavailable when one has too few: nothing may be left out unseen."""
    rows = [line.split(contract.SEPARATOR) for line in (output or "").splitlines()]
    if any(len(row) < least for row in rows):
        raise _unknown_form(program)
    return rows


def _unknown_form(program: str) -> Unavailable:
    return Unavailable(f"LifeKeeper's {program} shows something in an unknown form")


def _priority(row: list[str], field: int) -> int | None:
    text = next(iter(row[field : field + 1]), "")
    return int(text) if text.isdecimal() else None
