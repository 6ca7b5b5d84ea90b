"""More columns of the fault matrix: what can go wrong with the process of the kit itself, at its start and later.

The program is executed where its start is hit. Where a fault lets it fail, its exit code tells that nothing is known.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from tests.faults.kinds import Arm, Environment, Kind, program, refuse
from tests.faults.rows import LONG, OCF, Row
from tests.faults.stage import Bench, Point

STREAMS = {"standard output": 1, "standard error": 2}
LATE = 0.5  # seconds that a call's answer comes after the signal
SHARED = 3  # of so many cells one is run
LIKE = 2 * SHARED  # of those kinds that have many likes
_STRANGERS = 50_000  # from here on no user has a process
_NO_FORK = """import errno, os

def fork():
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

os.fork = fork
"""
_NO_PACKAGE = """import sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""


def _every(_row: Row, _point: Point) -> bool:
    return True


def _shell(text: str, **environment: str) -> Arm:
    """A shell does that first, in the process that becomes the program."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        bench.launcher = ("/bin/sh", "-c", f'{text} && exec "$@"', "sh")
        return environment

    return arm


def _given(**environment: str) -> Arm:
    """It is executed with that in its environment."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        bench.launcher = ()
        return environment

    return arm


def _place(**environment: str) -> Arm:
    """It has that in its environment."""
    return lambda _bench, _row, _point: environment


def _processes(most: int) -> Arm:
    """The limit of processes, threads among them, holds for root too where root is another user with its rights.

    A user that has processes already has reached it.
    """

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        limit = ("prlimit", f"--nproc={most}:{most}")
        may = "+dac_override,+fowner"
        stranger = _STRANGERS + os.getpid() % _STRANGERS  # each bench has its own
        other = (f"--reuid={stranger}", "--clear-groups", f"--inh-caps={may}", f"--ambient-caps={may}")
        bench.launcher = (*(("setpriv", *other) if os.geteuid() == 0 else ()), *limit)
        return {}

    return arm


def _no_fork(bench: Bench, _row: Row, _point: Point) -> Environment:
    return bench.hook("no-fork", _NO_FORK)


def _no_package(package: str) -> Arm:
    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        bench.launcher = ()
        return bench.hook(f"no-{package}", _NO_PACKAGE.format(package=package))

    return arm


def _full_device(number: int) -> Arm:
    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        bench.streams[number] = _kept(bench, os.open("/dev/full", os.O_WRONLY))
        return {}

    return arm


def _unread(number: int) -> Arm:
    """A pipe that is full and that nobody reads."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        _, full = (_kept(bench, each) for each in os.pipe())
        os.set_blocking(full, False)
        with suppress(BlockingIOError):
            while True:
                os.write(full, b"x" * 65_536)
        with suppress(BlockingIOError):
            while True:
                os.write(full, b"x")
        os.set_blocking(full, True)
        bench.streams[number] = full
        return {}

    return arm


def _unheard(number: int) -> Arm:
    """A pipe whose reader has gone."""

    def arm(bench: Bench, _row: Row, _point: Point) -> Environment:
        reader, writer = os.pipe()
        os.close(reader)
        bench.streams[number] = _kept(bench, writer)
        return {}

    return arm


def _kept(bench: Bench, handle: int) -> int:
    bench.undo.callback(os.close, handle)
    return handle


def _no_space(bench: Bench, row: Row, _point: Point) -> Environment:
    """No file can have a byte. What is printed goes through pipes to files, which have room."""
    bench.pipe()
    return _shell("ulimit -f 0")(bench, row, _point)


def _locked(folder: str) -> Arm:
    """Another process holds the lock of that folder of the node."""

    def arm(bench: Bench, row: Row, _point: Point) -> Environment:
        handle = _kept(bench, os.open(bench.lab.nodes[row.node].root / folder, os.O_RDONLY | os.O_DIRECTORY))
        fcntl.flock(handle, fcntl.LOCK_EX)
        return {}

    return arm


def _module(content: bytes) -> Arm:
    def arm(bench: Bench, _row: Row, point: Point) -> Environment:
        bench.damage(point.name, content)
        return {}

    return arm


def _signal(number: int, send: Callable[[int, int], None], *, answered: bool) -> Arm:
    """The signal comes when the call has arrived; the call is answered after a while, or no call is from then on."""
    manner: Literal["late", "hang"] = "late" if answered else "hang"

    def arm(bench: Bench, row: Row, point: Point) -> Environment:
        def strike(rest: Callable[[], object]) -> Callable[[], None]:
            def struck() -> None:
                bench.signal(number, send)
                if answered:
                    time.sleep(LATE)
                else:
                    rest()

            return struck

        if point.edge == "program":
            bench.taps.killing = strike(lambda: None)
            return program(manner)(bench, row, point)
        if point.edge == "metadata":
            service = bench.lab.nodes[point.node].imds
            then = strike(lambda: setattr(service, "fault", "hang"))
            service.refuse(manner, point.name, 1, skip=point.nth, then=then)
        else:
            refuse(bench, manner, point, 1, strike(lambda: bench.lab.ec2.refuse("hang")))
        return {}

    return arm


def _bounded(row: Row, _point: Point) -> bool:
    """What waits for its answer ends soon: not those commands whose time no setting shortens."""
    return row.limit < LONG


Fits = Callable[[Row, Point], bool]


def _of_pacemaker(row: Row, _point: Point) -> bool:
    return row.action in OCF


def _of_lifekeeper(row: Row, _point: Point) -> bool:
    return row.action not in OCF


def _keeping_a_key(row: Row) -> bool:
    """Whether the row's run reads or writes an access key of the resource's own."""
    return bool(row.stdin) or row.action in {"delete", "ec2kit delete"}


def _needs_notes(row: Row) -> tuple[int, ...]:
    """As _needs_key; and a change of the form is not begun where it cannot be written down."""
    return (5,) if row.action == "ec2kit changeover" else _needs_key(row)


def _needs_key(row: Row) -> tuple[int, ...]:
    """A file that must be written or read cannot be: a person must act."""
    return (5,) if _keeping_a_key(row) else ()


def _not_installed(row: Row) -> tuple[int, ...]:
    """Pacemaker is told that the agent is not installed here, but by its recurring monitor."""
    return (5,) if row.action in OCF and row.action != "monitor" else ()


def _kind(name: str, means: str, arm: Arm, family: str = "", share: int = SHARED, *, told: bool = True) -> Kind:
    """told: whether a reason must be printed where it fails: standard error can be written."""
    return Kind(name, means, "process", "." if told else "", _every, arm, family, share)


def _scarce(name: str, means: str, arm: Arm, family: str) -> Kind:
    """What may be too little for the kit to be loaded at all."""
    return Kind(name, means, "process", ".", _every, arm, family, LIKE, codes=_not_installed)


def _unread_by_us(row: Row, _point: Point) -> bool:
    """Not where a program of LifeKeeper's writes to the standard error of the command, and hangs."""
    return row.action not in {"ec2kit in-service", "ec2kit out-of-service", "ec2kit delete", "ec2kit extend"}


def _limits() -> tuple[Kind, ...]:
    memory = (32, 48, 64, 100, 160)
    descriptors = (5, 6, 8, 12, 20)
    return (
        _kind(
            "no thread",
            "two processes reach the user's limit (RLIMIT_NPROC): no thread is to be had, nor a program",
            _processes(2),
            "no thread, or two",
        ),
        _kind(
            "two threads",
            "two processes and two threads reach the user's limit",
            _processes(4),
            "no thread, or two",
        ),
        _kind("no process", "fork fails with EAGAIN; threads can be had", _no_fork),
        _kind(
            "no process and no thread",
            "the limit of the user's processes is reached (RLIMIT_NPROC), also for programs",
            _processes(1),
        ),
        *(
            _scarce(f"{n} MiB of memory", "the process may have no more (RLIMIT_AS)", _shell(f"ulimit -v {n << 10}"),
                    "little memory")
            for n in memory
        ),
        *(
            _scarce(f"{n} descriptors", "the process may have no more (RLIMIT_NOFILE)", _shell(f"ulimit -n {n}"),
                    "few descriptors")
            for n in descriptors
        ),
    )  # fmt: skip


def _streams() -> tuple[Kind, ...]:
    states: tuple[tuple[str, str, Callable[[int], Arm]], ...] = (
        ("closed", "it is not open when the process starts", lambda number: _shell(f"exec {number}>&-")),
        ("full", "each write fails with ENOSPC (/dev/full)", _full_device),
        ("without a reader", "a pipe whose reader has gone", _unheard),
        ("stuck", "a full pipe that nobody reads", _unread),
    )
    return (
        *(
            Kind(
                f"{stream} {state}",
                means,
                "process",
                "." if number == STREAMS["standard output"] else "",
                _unread_by_us if (number, state) == (STREAMS["standard error"], "stuck") else _every,
                arm(number),
                f"{stream} closed, full, stuck",
                SHARED,
            )
            for stream, number in STREAMS.items()
            for state, means, arm in states
        ),
        _kind("both outputs closed", "standard output and standard error", _shell("exec >&- 2>&-"), told=False),
        Kind(
            "standard input closed",
            "it is not open when the process starts",
            "process",
            ".",
            _every,
            _shell("exec <&-"),
            share=SHARED,
            codes=lambda row: (5,) if row.stdin else (),  # the secret is not given
        ),
        *(
            _kind(f"locale {name}", means, _given(**environment), "locale", LIKE)
            for name, means, environment in (
                ("C", "LC_ALL=C", {"LC_ALL": "C"}),
                (
                    "C, without UTF-8",
                    "as it was before Python 3.7",
                    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
                ),
                ("of 8 bits", "output is latin-1", {"PYTHONIOENCODING": "latin-1"}),
            )
        ),
    )


def _files() -> tuple[Kind, ...]:
    unwritable, locked = "no file can be written", "a lock held by another process"
    kept: tuple[tuple[str, str, str, Fits, bool], ...] = (
        ("history", "EC2KIT_HISTORY", "var/lib/ec2kit", _of_lifekeeper, True),
        ("memory", "HA_RSCTMP", "run/resource-agents/ec2kit", _of_pacemaker, True),
        ("credentials", "EC2KIT_CREDENTIALS", "etc/ec2kit", lambda row, _point: _keeping_a_key(row), False),
    )
    means = "another process holds the lock of the folder, and keeps it"
    return (
        Kind("no space for files", "no file can be given a byte (RLIMIT_FSIZE)", "process", ".", _every, _no_space,
             unwritable, SHARED, codes=_needs_notes),
        *(
            Kind(f"{what} not a folder", f"{name} is below a file", "process", ".", fits,
                 _place(**{name: "/dev/null/x"}), unwritable, SHARED, codes=_needs_notes)
            for what, name, _, fits, _ in kept
        ),
        *(
            Kind(f"{what} locked", means, "process", ".", fits, _locked(folder), locked, SHARED, harmless=harmless,
                 codes=_needs_notes)
            for what, _, folder, fits, harmless in kept
        ),
    )  # fmt: skip


def _installation() -> tuple[Kind, ...]:
    modules = (
        ("module empty", "a module of the kit has no text", b""),
        ("module of NUL bytes", "a module of the kit has NUL bytes alone, as after a crash", b"\0" * 4096),
        ("module with a syntax error", "a module of the kit is cut off in the middle of a word", b"def broken(:\n"),
        ("module that raises", "a module of the kit raises OSError", b'raise OSError(5, "Input/output error")\n'),
    )  # fmt: skip
    return (
        *(
            Kind(name, means, "module", ".", _every, _module(content), "a module of the kit broken", 8,
                 codes=_not_installed)
            for name, means, content in modules
        ),
        *(
            Kind(f"{package} missing", f"Python does not find {package}", "process", ".", _every,
                 _no_package(package), "a package missing", SHARED, codes=_not_installed)
            for package in ("botocore", "ec2kit")
        ),
    )  # fmt: skip


def _signals() -> tuple[Kind, ...]:
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE")
    targets: tuple[tuple[str, Callable[[int, int], None]], ...] = (("", os.kill), (" to the group", os.killpg))
    return tuple(
        Kind(
            f"{name}{to} and {'a late' if answered else 'no'} answer",
            f"sent when a call arrives, which is answered {LATE} s later"
            if answered
            else "sent when a call arrives, and no call is answered from then on",
            "signal",
            ".",
            _bounded if (name, answered) == ("SIGPIPE", False) else _every,
            _signal(getattr(signal, name), send, answered=answered),
            "SIGPIPE" if name == "SIGPIPE" else "SIGTERM, SIGINT or SIGHUP",
            16,
            getattr(signal, name),
        )
        for name in names
        for to, send in targets
        for answered in (True, False)
    )


PROCESS: tuple[Kind, ...] = (*_limits(), *_streams(), *_files(), *_installation(), *_signals())
