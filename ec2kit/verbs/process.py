"""How a run begins and ends, whichever engine called it: its settings, its time, and its one outcome.

ec2kit.host.guard keeps the promises of this from outside the run.
"""

from __future__ import annotations

import opcode
import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from ec2kit.core import messages
from ec2kit.core.errors import DeadlineExceeded, Internal, KitError, Unavailable
from ec2kit.core.model import BY_SETTINGS, Reach
from ec2kit.core.settings import DEFAULTS_FILE, Settings, settings, strangers
from ec2kit.host import files, guard
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs import repeats
from ec2kit.verbs.run import Run

T = TypeVar("T")

GRACE = 0.3  # seconds after its time that a run has to end by itself
LAST_WORDS = 0.3  # seconds more in which its last words are said for it
_HANGS = "What it waited for hangs; the state is unknown"
_Notes = list[tuple[messages.Message, dict[str, str]]]


def begin(
    log: Journal,
    seconds: Callable[[Settings], float],
    reach: Reach = BY_SETTINGS,
    *,
    said: Callable[[Settings], Path] | None = None,
) -> Run:
    """Begin a run: its settings as they are now, what is wrong with them in the log, and from now on its time.

    said: the file of what runs like this one have told already, and need not tell again so soon.
    """
    found, notes = _read_settings()
    deadline = Deadline(seconds(found))
    guard.allow(deadline.seconds + GRACE + LAST_WORDS)
    if said:
        repeats.recall(said(found), log)
    for message, facts in notes:
        log.say(message, **facts)
    return Run(found, deadline, log, reach)


def forget_strangers() -> None:
    """Forget the variables of the environment that AWS's library goes by and the settings do not name.

    LifeKeeper may call with each line of its settings file as a variable, or with none of them: what it calls, and
    what proves to a person that it will work, goes by the same in both cases.
    """
    for name in strangers(os.environ):
        del os.environ[name]


def settings_now() -> Settings:
    """The settings as they are now; what is wrong with them is not told."""
    return _read_settings()[0]


def _read_settings() -> tuple[Settings, _Notes]:
    """The settings, and what to log about them. A file that is missing or bad stops nothing."""
    path = os.environ.get("EC2KIT_DEFAULTS") or DEFAULTS_FILE
    notes: _Notes = []
    text = ""
    why = files.others_can_write(Path(path))
    try:
        text = "" if why else files.read_anyones(Path(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        why = error.strerror or "unknown"
    if why:
        notes.append((messages.DEFAULTS_UNREADABLE, {"file": path, "why": why}))
    found, warnings = settings(text, os.environ)
    notes += [(messages.SETTING_IGNORED, {"file": path, "warning": warning}) for warning in warnings]
    return found, notes


def conclude(
    run: Run, work: Callable[[], T], code: Callable[[T | KitError], int], tell: Callable[[T | KitError, int], None]
) -> int:
    """Run `work` within the run's time, fix the exit code of what came of it, then tell both; the exit code.

    What came of it: its result, or the KitError that says why there is none. Where the work hangs, a thread says so,
    when one can be had, and ends the process.
    """
    turn = threading.Lock()

    def concluded(outcome: T | KitError) -> int:
        number = code(outcome)
        guard.verdict(number)
        tell(outcome, number)
        return number

    def expired() -> None:
        if turn.acquire(blocking=False):
            guard.leave(concluded(Unavailable(run.deadline.epitaph, _HANGS)))

    watch = threading.Timer(run.deadline.seconds - run.deadline.spent + GRACE, expired)
    watch.daemon = True
    with suppress(RuntimeError):  # without a thread: whoever waits for this process ends it
        watch.start()
    try:
        outcome = attempt(work, run.log)
    except guard.Ended as signalled:
        outcome = Unavailable(str(signalled))
    if not turn.acquire(blocking=False):
        threading.Event().wait()  # the thread is at its last words
    watch.cancel()
    return concluded(outcome)


def attempt(work: Callable[[], T], log: Journal) -> T | KitError:
    """Run `work`; its result, or the KitError that tells why there is none."""
    try:
        return work()
    except KitError as error:
        return error
    except DeadlineExceeded as error:
        return Unavailable(str(error), _HANGS)
    except Exception as error:  # noqa: BLE001  the boundary: a bug must end in a line and an exit code
        if what := _lacking(error):
            return Unavailable(what, "The state is unknown; run it again")
        log.say(messages.INTERNAL, trace=traceback.format_exc())
        return Internal("internal error", "Please report it, with the log")


def _lacking(error: Exception) -> str | None:
    """What this process lacks: memory, descriptors, a part of the kit; None when the error is a bug."""
    if isinstance(error, MemoryError):
        return "this process gets no more memory"
    if _importing(error):
        return f"a part of the kit cannot be loaded ({type(error).__name__}: {error}); install it again"
    if isinstance(error, OSError):
        return f"this process cannot go on ({error.strerror or type(error).__name__})"
    return None


def _importing(error: Exception) -> bool:
    """Whether it was raised by an import. A damaged module may raise anything: then its own frame is in the trace.

    Where its text cannot be read at all, Python leaves its own frames out: the last one stands at the import.
    """
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return True  # a module that is empty
    trace, doing = error.__traceback__, ""
    while trace:
        running = trace.tb_frame.f_code
        if running.co_name == "<module>":
            return True
        doing = opcode.opname[running.co_code[trace.tb_lasti]]
        trace = trace.tb_next
    return doing in {"IMPORT_NAME", "IMPORT_FROM"}
