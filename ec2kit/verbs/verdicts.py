"""What the doctor has said last of each address on this node, kept for `ec2kit status`: advice, with its age."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ec2kit.core.doctor.finding import Report
from ec2kit.core.errors import ExitCode, KitError
from ec2kit.core.settings import Settings
from ec2kit.host import files

_MOST = 1000  # addresses


def keep(reports: Iterable[Report], at: float, settings: Settings) -> None:
    """Write down what it has said now. Raises Misconfigured. at: seconds since 1970."""
    known = known_of(settings)
    for each in reports:
        known.pop(each.subject, None)  # the newest last
        known[each.subject] = (at, each.code)
    told = [{"subject": subject, "at": at, "outcome": code.name} for subject, (at, code) in known.items()]
    files.replace(_file(settings), json.dumps(told[-_MOST:]))


def known_of(settings: Settings) -> dict[str, tuple[float, ExitCode]]:
    """When it has said what, by the address in words; what cannot be read is not known."""
    try:
        told = json.loads(files.read(_file(settings)) or "[]")
        return {str(each["subject"]): (float(each["at"]), ExitCode[each["outcome"]]) for each in told}
    except (KitError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {}


def _file(settings: Settings) -> Path:
    return Path(settings.ec2kit_history, "doctor", "verdicts.json")
