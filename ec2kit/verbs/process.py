"""How a process of the kit starts and ends, whichever engine called it."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from ec2kit.core import messages
from ec2kit.core.errors import DeadlineExceeded, Internal, KitError, Unavailable
from ec2kit.core.settings import DEFAULTS_FILE, Settings, settings
from ec2kit.host import files
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal

T = TypeVar("T")

_HANGS = "What it waited for hangs; the state is unknown"
_NOTES = list[tuple[messages.Message, dict[str, str]]]


def read_settings() -> tuple[Settings, _NOTES]:
    """The settings as they are now, and what to log about them. A file that is missing or bad stops nothing."""
    path = os.environ.get("EC2KIT_DEFAULTS") or DEFAULTS_FILE
    notes: _NOTES = []
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


def system_name(found: Settings) -> str:
    """LifeKeeper's name of this system."""
    return found.ec2kit_system or platform.node()


def past_of(tag: str, found: Settings) -> Path:
    """The file with what the resource's actions have come to on this system."""
    return Path(found.ec2kit_history, f"{quote(os.fsencode(tag), safe='')}.jsonl")


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
