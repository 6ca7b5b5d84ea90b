"""What a resource's actions have come to on this system: for `ec2kit status` to tell, never to decide by. Pure.

One JSON object a line: {"at": seconds since 1970, "action": "restore", "code": 0, "seconds": 0.5, "what": "..."}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ec2kit.core.errors import ExitCode

MOST_BYTES, KEPT_LINES = 131_072, 200  # of one resource's file
_LONGEST = 500  # characters of `what`
TAKEN_OUT = "out-of-service"  # a person has taken it, or what stands on it, out of service by the kit's command
OUT_OF_SERVICE = ("remove", TAKEN_OUT)
TELLING_OF_SERVICE = ("restore", "recover", "quickCheck", *OUT_OF_SERVICE)
_TELLING = ("restore", "recover", "quickCheck")  # what these come to says whether this system holds the address


@dataclass(frozen=True)
class Entry:
    """One run of an action. at: when it ended, seconds since 1970. what: its last line, in words.

    code: what it found, as ec2kit.core.errors.ExitCode has it; a quickCheck that could not look has 9 here,
    though LifeKeeper was told 0.
    """

    at: float
    action: str
    code: int
    seconds: float
    what: str

    @property
    def held(self) -> bool | None:
        """Whether this run showed that this system holds the address; None when it showed neither."""
        if self.action not in _TELLING:
            return False if self.action == "remove" and self.code == ExitCode.OK else None
        return {ExitCode.OK: True, ExitCode.NOT_HELD: False}.get(ExitCode(self.code))

    @property
    def outcome(self) -> str:
        """The exit code's name."""
        return ExitCode(self.code).name


def line(entry: Entry) -> str:
    """The entry as a line of the file."""
    return json.dumps(as_json(entry) | {"what": entry.what[:_LONGEST]})


def entries(text: str) -> list[Entry]:
    """The entries of a file, oldest first; a line that is not an entry (half written in a crash) is left out."""
    return [entry for each in text.splitlines() if (entry := _entry(each))]


def as_json(entry: Entry) -> dict[str, Any]:
    """The entry as a JSON object."""
    return {
        "at": entry.at,
        "action": entry.action,
        "code": int(entry.code),
        "seconds": entry.seconds,
        "what": entry.what,
    }


def of_json(told: Any) -> Entry | None:
    """The entry that as_json gave; None for anything else."""
    try:
        at, seconds = float(told["at"]), float(told["seconds"])
        return Entry(at, str(told["action"]), ExitCode(told["code"]), seconds, str(told["what"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _entry(text: str) -> Entry | None:
    try:
        return of_json(json.loads(text))
    except (ValueError, RecursionError):
        return None


def worth_keeping(past: Sequence[Entry], entry: Entry) -> bool:
    """Whether an entry says something new about a resource that is there.

    create and extend do when they made it; restore, remove and recover always; a quickCheck when its outcome changes.
    """
    if entry.action in {"create", "extend"}:
        return entry.code == ExitCode.OK
    if entry.action != "quickCheck":
        return entry.action in {"restore", "remove", "recover", TAKEN_OUT}
    telling = [old for old in past if old.action in _TELLING]
    return not telling or telling[-1].code != entry.code


def since(past: Sequence[Entry], *, held: bool | None) -> float | None:
    """When what is so now began, in seconds since 1970: held, not held, or (None) unknown.

    None when the actions have not shown it yet: it is so since now at the latest.
    """
    began = None
    for entry in reversed([old for old in past if old.action in (*_TELLING, "remove")]):
        if entry.held is not held:
            break
        began = entry.at
    return began
