"""How a run begins and ends, whichever engine called it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ec2kit.core import messages
from ec2kit.core.errors import DeadlineExceeded, Internal, KitError, Unavailable
from ec2kit.core.model import BY_SETTINGS, Reach
from ec2kit.core.settings import DEFAULTS_FILE, Settings, settings
from ec2kit.host import files
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs.run import Run

T = TypeVar("T")

_HANGS = "What it waited for hangs; the state is unknown"
_Notes = list[tuple[messages.Message, dict[str, str]]]


def begin(log: Journal, seconds: Callable[[Settings], float], reach: Reach = BY_SETTINGS) -> Run:
    """Begin a run: its settings as they are now, what is wrong with them in the log, and from now on its time."""
    found, notes = _read_settings()
    for message, facts in notes:
        log.say(message, **facts)
    return Run(found, Deadline(seconds(found)), log, reach)


def settings_now() -> Settings:
    """The settings as they are now; what is wrong with them is not told."""
    return _read_settings()[0]


def _read_settings() -> tuple[Settings, _Notes]:
    """The settings, and what to log about them. A file that is missing or bad stops nothing."""
    path = os.environ.get("EC2KIT_DEFAULTS") or DEFAULTS_FILE
    notes: _Notes = []
    text = ""
    try:
        text = files.read_anyones(Path(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        notes.append((messages.DEFAULTS_UNREADABLE, {"file": path, "why": error.strerror or "unknown"}))
    found, warnings = settings(text, os.environ)
    notes += [(messages.SETTING_IGNORED, {"file": path, "warning": warning}) for warning in warnings]
    return found, notes


def timed_out(deadline: Deadline) -> Unavailable:
    """What to tell of a run that its deadline has ended."""
    return Unavailable(deadline.epitaph, _HANGS)


def attempt(work: Callable[[], T], log: Journal) -> T | KitError:
    """Run `work`; its result, or the KitError that tells why there is none."""
    try:
        return work()
    except KitError as error:
        return error
    except DeadlineExceeded as error:
        return Unavailable(str(error), _HANGS)
    except Exception:  # noqa: BLE001  the boundary: a bug must end in a line and an exit code
        log.say(messages.INTERNAL, trace=traceback.format_exc())
        return Internal("internal error", "Please report it, with the log")
