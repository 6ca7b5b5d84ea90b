"""What is said again and again: a change is told, then one line each ten minutes, with a count. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass

_FAR = 4e9  # seconds since 1970, the year 2096: no line has been said then
AGAIN = 600.0  # seconds in which the same line is told once


@dataclass(frozen=True)
class Said:
    """One line. since, told: when it was first and last told, seconds since 1970; times: how often it was due."""

    since: float
    told: float
    times: int


def once_more(before: Said | None, now: float) -> tuple[Said, bool]:
    """A line is due again at `now`: what there is to remember of it, and whether to tell it."""
    if before is None:
        return Said(now, now, 1), True
    tell = not 0 <= now - before.told < AGAIN  # nor is a clock that was set back a reason to be silent for long
    return Said(before.since, now if tell else before.told, before.times + 1), tell


def remembered(past: Mapping[str, Said], said: Mapping[str, Said], now: float) -> dict[str, Said]:
    """What the next run must know: what this one said, and, as causes may alternate, what was told shortly before."""
    return {line: each for line, each in past.items() if 0 <= now - each.told < AGAIN} | dict(said)


def text(lines: Mapping[str, Said]) -> str:
    """The lines as the text of a file; empty for none."""
    return json.dumps({line: astuple(each) for line, each in lines.items()}) if lines else ""


def of_text(told: str) -> dict[str, Said]:
    """Read what `text` gave; nothing for anything else."""
    try:
        found = json.loads(told or "{}")
        lines = {
            str(line): Said(float(first), float(last), int(times)) for line, (first, last, times) in found.items()
        }
        return {line: each for line, each in lines.items() if 0 <= each.since < _FAR and 0 <= each.told < _FAR}
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return {}
