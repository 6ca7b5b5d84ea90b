"""The kit's errors: one root, three meanings and the bug, each with its exit code. Pure.

NotHeld        we looked, and this node does not hold the address
Unavailable    we could not look or act; the state is unknown (what every unlisted failure is)
Misconfigured  the question makes no sense until a person fixes it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from ec2kit.core.words import one_line

_LONG_WORD = 12  # characters: a longer one is cut rather than left out


class ExitCode(IntEnum):
    """What every command of the kit exits with; LifeKeeper's LCD commands use the same numbers."""

    OK = 0
    NOT_HELD = 1
    USAGE = 2
    INTERNAL = 3
    MISCONFIGURED = 5
    UNAVAILABLE = 9


class KitError(Exception):
    """An expected failure: `str(error)` says what was tried, on what; `cure` what a person can do. Each is one line.

    permanent: time alone changes nothing about it, so a run does not try again. refused: AWS has answered, and its
    answer is no, for want of rights or because of the credentials.
    """

    code = ExitCode.UNAVAILABLE
    refused = False

    def __init__(self, what: str, cure: str = "", *, permanent: bool = False) -> None:
        super().__init__(one_line(what))
        self.cure = one_line(cure)
        self.permanent = permanent

    @property
    def why(self) -> str:
        """The whole last line: what happened, then what to do."""
        end = "" if self.cure.endswith("?") else "."
        return f"{self}. {self.cure}{end}" if self.cure else f"{self}."


def brief(error: KitError, most: int) -> str:
    """What happened and what to do in at most so many bytes, without details; of an error's cause, if any."""
    if len(error.why.encode()) <= most:
        return error.why
    root = error.__cause__ if isinstance(error.__cause__, KitError) else error
    room = most - len(". .")
    what, cure = str(root), root.cure or error.cure
    what = _shortened(what, max(room * 6 // 11, room - len(cure.encode())))
    return KitError(what, _shortened(cure, room - len(what.encode()))).why.replace("....", "...")


def _shortened(text: str, most: int) -> str:
    """The text in so many bytes: without what is in brackets, up to a clause's end, or cut behind a word."""
    if len(text.encode()) <= most:
        return text
    text = re.sub(r" \([^()]*\)", "", text)
    if len(text.encode()) <= most:
        return text
    ends = [len(text[: each.start()].encode()) for each in re.finditer(r"[;:,.] ", text)]
    if fitting := [end for end in ends if most // 2 <= end <= most]:
        return text.encode()[: fitting[-1]].decode()
    text = text.encode()[: most - len("...")].decode(errors="ignore")
    whole = text.rpartition(" ")[0]
    return f"{whole if len(text) - len(whole) < _LONG_WORD else text}..."


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it must be. `fatal` ones forbid the creation, others are cautions.

    code: the doctor's name of it (ec2kit.core.doctor); empty: the address cannot be taken, or had better not.
    """

    what: str
    cure: str
    fatal: bool = True
    code: str = ""

    def __str__(self) -> str:
        return one_line(f"{self.what}. {self.cure}")

    @classmethod
    def of(cls, error: KitError) -> Problem:
        """The problem that an error tells."""
        return cls(str(error), error.cure)


class NotHeld(KitError):
    """A complete look shows that this node does not hold what it should."""

    code = ExitCode.NOT_HELD


class Misconfigured(KitError):
    """Nothing sensible can be done until a person changes a setting, the info field or the set-up.

    everywhere: it is so on every node and for ever, because the resource contradicts itself.
    """

    code = ExitCode.MISCONFIGURED

    def __init__(self, what: str, cure: str = "", *, permanent: bool = False, everywhere: bool = False) -> None:
        super().__init__(what, cure, permanent=permanent or everywhere)
        self.everywhere = everywhere


class Astray(Misconfigured):
    """A complete look shows the address on this node, but on another network interface than it is to be on."""


class Occupied(Misconfigured):
    """On this node, and on it alone, another address has the place and is not to be pushed off."""


class Unavailable(KitError):
    """Could not look or act, so nothing is known."""


class Pending(Unavailable):
    """What was changed is under way: it is waited for as long as there is time."""


class Unanswered(Unavailable):
    """No answer has come: whether the call was carried out is not known either."""


class Stale(Unavailable):
    """A change was not sent, or not sent again, because what the look showed is too old by now."""


class Internal(KitError):
    """A bug of the kit's. The log has the traceback."""

    code = ExitCode.INTERNAL


class DeadlineExceeded(BaseException):
    """The budget of the run is used up.

    A BaseException, because botocore swallows and retries any Exception raised inside a call.
    """
