"""Is an address served? The one word, the sentence and the cure, for every engine and none. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ec2kit.core.errors import ExitCode
from ec2kit.core.schema import Object

_NAMED = 3  # how many addresses the headline names


class Word(StrEnum):
    """What is so, the worst first. STOPPED: a person has taken it out of service."""

    OUTAGE = "outage"
    UNKNOWN = "unknown"
    STOPPED = "out of service"
    SERVED = "served"


_ORDER = list(Word)
_SAID = {Word.OUTAGE: "not served", Word.UNKNOWN: "not known", Word.STOPPED: "out of service on purpose"}


@dataclass(frozen=True)
class Serving:
    """Whether one address is served. name: its engine's word for it; resource: what it is.

    where: the systems, each with its state, in few words. what: the sentence that says what is so, why: its rest.
    cure: the command that brings it back. since: when it began, in seconds since 1970; None: not known. system: the
    one that serves it.
    """

    word: Word
    name: str
    resource: str
    where: str
    what: str
    why: str = ""
    cure: str = ""
    since: float | None = None
    system: str = ""

    def as_json(self) -> Object:
        """What is added to a resource's own JSON."""
        return {"served": self.word.value, "what": self.what + self.why, "cure": self.cure, "since": self.since}


def sorted_(found: Sequence[Serving]) -> list[Serving]:
    """The worst first, else as they are."""
    return sorted(found, key=lambda each: _ORDER.index(each.word))


def code(found: Sequence[Serving]) -> ExitCode:
    """1 for an outage, else 9 when one is unknown, else 0."""
    words = {each.word for each in found}
    if Word.OUTAGE in words:
        return ExitCode.NOT_HELD
    return ExitCode.UNAVAILABLE if Word.UNKNOWN in words else ExitCode.OK


def headline(found: Sequence[Serving]) -> str:
    """The verdict on several in one sentence."""
    ordered, parts = sorted_(found), []
    for word, said in _SAID.items():
        names = [each.name or each.resource for each in ordered if each.word is word]
        if names:
            shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            parts.append(f"{len(names)} of {len(found)} {'is' if len(names) == 1 else 'are'} {said}: {shown}")
    if parts:
        return "; ".join(parts)
    systems = Counter(each.system for each in found if each.system)
    by = ", ".join(f"{system} {count}" for system, count in sorted(systems.items()))
    return f"All {len(found)} addresses are served" + f" ({by})" * bool(by)


def total(found: Sequence[Serving]) -> str:
    """How many there are of each word."""
    counts = Counter(each.word for each in found)
    told = ", ".join(f"{counts[word]} {word}" for word in Word if counts[word])
    return f"{len(found)} address{'' if len(found) == 1 else 'es'}: {told}"
