"""LifeKeeper's configuration database (LCD), through the programs in $LKROOT/bin and nothing else.

Arguments, output and exit codes: the LifeKeeper 7.5 man pages (ins_list(1M), ins_create(1M), ...).
What is not verified against a LifeKeeper core stands in ec2kit.contract.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ec2kit import contract
from ec2kit.deadline import Deadline
from ec2kit.errors import Misconfigured, Unavailable

ALREADY_EXISTS, NOT_THERE = 4, 7
_EVENT_SECONDS = 3.0  # how long we watch a recovery event start; its recovery goes on without us
_GLANCE = 0.1  # the least of it, when the time is up


@dataclass(frozen=True)
class Instance:
    """One resource instance on one system; state: ISP, ISU, OSU, OSF or ILLSTATE."""

    system: str
    app: str
    type: str
    tag: str
    id: str
    info: str
    state: str


class Lcd:
    """The LCD of one system, inside one run's deadline."""

    def __init__(self, lkroot: str, deadline: Deadline) -> None:
        self._bin = Path(lkroot, "bin")
        self._deadline = deadline

    def run(self, program: str, *arguments: str, accept: Sequence[int] = ()) -> tuple[int, str]:
        """Run one LCD program; its exit code and standard output. What it says on standard error is shown.

        Raises Misconfigured when the program is missing, Unavailable when it hangs or exits with a
        code other than 0 and those to accept.
        """
        command = [str(self._bin / program), *arguments]
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise Misconfigured(
                f"LifeKeeper's program {command[0]} cannot be run ({error.strerror})",
                "Is LifeKeeper installed, and does LKROOT name its folder?",
            ) from error
        with child:
            try:
                with self._deadline.waiting(f"LifeKeeper's {program}"):
                    output, _ = child.communicate(timeout=self._deadline.left)
            except BaseException as error:  # a time-out, the deadline or Ctrl-C: it must not live on
                with suppress(ProcessLookupError):  # it has just ended; who holds its output is not of its group
                    os.killpg(child.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise Unavailable(f"LifeKeeper's {program} did not answer in {error.timeout:.0f} s") from error
                raise
        if child.returncode not in (0, *accept):
            raise Unavailable(
                f"LifeKeeper's {program} failed with exit code {child.returncode}",
                "See /var/log/lifekeeper.log; 9 means that the other system was not reached",
            )
        return child.returncode, output

    def instance(self, tag: str, *, system: str | None = None) -> Instance | None:
        """The instance with that tag on this system, or on another; None when there is none."""
        where = ("-d", system) if system else ()
        code, output = self.run("ins_list", *where, "-t", tag, accept=[NOT_THERE])
        if code == NOT_THERE:
            return None
        for line in output.splitlines():
            fields = line.split(contract.SEPARATOR)
            if len(fields) >= len(Instance.__dataclass_fields__) and fields[3] == tag:
                return Instance(*fields[: len(Instance.__dataclass_fields__)])
        raise Unavailable(f"LifeKeeper's ins_list does not show {tag} in a form that is known")

    def send_event(self, tag: str) -> None:
        """Raise a recovery event for the resource and let its recovery go on without us.

        It is sent even when the deadline has just passed: that does not make a proven loss unknown again.
        Raises Misconfigured or Unavailable when sendevent cannot be run or fails at once.
        """
        command = [
            str(self._bin / "sendevent"),
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
            raise Misconfigured(f"LifeKeeper's {command[0]} cannot be run ({error.strerror})") from error
        except subprocess.TimeoutExpired:
            return  # the recovery is at work
        if code:
            raise Unavailable(f"LifeKeeper's sendevent failed with exit code {code}")
