"""What the runs have come to on this system, one schema for all engines: to be told, never to decide by. Pure.

A line of a resource's file is one run, as a JSON object; docs/reference.md names its keys. Those that version 0.1.0
wrote and reads (at, action, code, seconds, what) are in each line. Unknown keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ec2kit.core.errors import ExitCode

SCHEMA = 1
LIFEKEEPER, PACEMAKER, BY_HAND = "LifeKeeper", "Pacemaker", ""  # engines
MOST_BYTES, KEPT_LINES = 400_000, 200  # of one resource's file
_LATEST = 1e11  # seconds since 1970: what is after it is not a time
_MOST_TEXT, _MOST_STEPS = 500, 20  # characters of `what` and of a step, and steps, of one line
_CHECKS = frozenset({"quickCheck", "check", "monitor"})
_TAKES = frozenset({"restore", "recover", "hold", "start", "reload-agent"})
_LETS_GO = frozenset({"remove", "release", "stop"})
_MAKES = frozenset({"create", "extend"})
BROUGHT_IN = "in-service"  # likewise, brought in service
TAKEN_OUT = "out-of-service"  # a person has taken it, or what stands on it, out of service by the kit's command
Holders = Mapping[str, str | None]  # what has the address, an ENI as a rule, and its instance where that is told


@dataclass(frozen=True)
class Calls:
    """Requests of one operation of EC2's: how many, the seconds until their answers, how many were throttled."""

    count: int = 0
    seconds: float = 0.0
    throttled: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.count + other.count, self.seconds + other.seconds, self.throttled + other.throttled)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {"count": self.count, "seconds": round(self.seconds, 3), "throttled": self.throttled}

    @classmethod
    def of_json(cls, told: Any) -> Calls:
        """Read what as_json gave. Raises KeyError, TypeError or ValueError."""
        return cls(int(told["count"]), float(told["seconds"]), int(told["throttled"]))


@dataclass(frozen=True)
class Entry:
    """One run of an action or a verb. at: when it ended, seconds since 1970. what: its last line, in words.

    code: what it found, as ec2kit.core.errors.ExitCode has it; a quickCheck that could not look has 9 here,
    though LifeKeeper was told 0. name: the engine's, a tag for example. before, after: what had the address at its
    first look and since its last change; empty: nothing had it, None: not known. steps: what EC2 accepted, with the
    seconds that it took. script: it was run with --quiet, as no person does.
    """

    at: float
    action: str
    code: int
    seconds: float
    what: str
    engine: str = LIFEKEEPER
    name: str = ""
    kind: str = ""
    address: str = ""
    before: Holders | None = None
    after: Holders | None = None
    steps: Sequence[tuple[str, float]] = ()
    calls: Mapping[str, Calls] = field(default_factory=dict)
    script: bool = False

    @property
    def began(self) -> float:
        """When it began, seconds since 1970."""
        return self.at - self.seconds

    @property
    def outcome(self) -> str:
        """The exit code's name."""
        return ExitCode(self.code).name

    @property
    def held(self) -> bool | None:
        """Whether this run showed that this system holds the address; None when it showed neither."""
        if self.action in _LETS_GO:
            return False if self.code == ExitCode.OK else None
        return {ExitCode.OK: True, ExitCode.NOT_HELD: False}.get(ExitCode(self.code)) if self.tells else None

    @property
    def tells(self) -> bool:
        """Whether what it came to says whether this system holds the address."""
        return self.action in _CHECKS | _TAKES

    @property
    def takes(self) -> bool:
        """Whether it was to bring the address to this node."""
        return self.action in _TAKES

    @property
    def by_person(self) -> bool:
        """Whether a person has brought it in service or taken it out by the kit's command."""
        return self.action in {BROUGHT_IN, TAKEN_OUT}

    @property
    def ends(self) -> bool:
        """Whether it has taken the address out of service."""
        return self.action in _LETS_GO | {TAKEN_OUT} and self.code == ExitCode.OK

    @property
    def counts(self) -> bool:
        """Whether it is counted: all that looks at the address, or changes where it is."""
        return self.action in _CHECKS | _TAKES | _LETS_GO


def line(entry: Entry) -> str:
    """The entry as a line of the file: all of it, but for what is too long."""
    whole = {
        "schema": SCHEMA,
        **as_json(entry),
        "what": entry.what[:_MOST_TEXT],
        "began": round(entry.began, 3),
        "engine": entry.engine,
        "name": entry.name,
        "kind": entry.kind,
        "address": entry.address,
        "before": None if entry.before is None else dict(entry.before),
        "after": None if entry.after is None else dict(entry.after),
        "steps": [{"what": what[:_MOST_TEXT], "seconds": seconds} for what, seconds in entry.steps[:_MOST_STEPS]],
        "calls": {operation: calls.as_json() for operation, calls in entry.calls.items()},
        "script": entry.script,
    }
    return json.dumps(whole)


def entries(text: str) -> list[Entry]:
    """The entries of a file, in the order in which they began.

    A line that is not an entry (half written in a crash, or of a newer version) is left out.
    """
    return sorted(_read(text.splitlines()), key=lambda entry: entry.began)


def as_json(entry: Entry) -> dict[str, Any]:
    """What `ec2kit status` tells of the entry, also to the kit of another version on another system."""
    return {
        "at": entry.at,
        "action": entry.action,
        "code": int(entry.code),
        "seconds": entry.seconds,
        "what": entry.what,
        "outcome": entry.outcome,
    }


def of_json(told: Any) -> Entry | None:
    """The entry that as_json or a line gave, here or in another version; None for anything else."""
    try:
        at, seconds = float(told["at"]), float(told["seconds"])
        if not (0 <= at <= _LATEST and 0 <= seconds <= _LATEST):
            return None
        entry = Entry(
            at,
            str(told["action"]),
            ExitCode(told["code"]),
            seconds,
            str(told["what"]),
            engine=str(told.get("engine", LIFEKEEPER)),  # who alone wrote lines in version 0.1.0
            name=str(told.get("name", "")),
            kind=str(told.get("kind", "")),
            address=str(told.get("address", "")),
            before=_holders(told.get("before")),
            after=_holders(told.get("after")),
            steps=tuple((str(each["what"]), float(each["seconds"])) for each in told.get("steps", ())),
            calls={str(name): Calls.of_json(each) for name, each in told.get("calls", {}).items()},
            script=told.get("script") is True,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    return entry


def _holders(told: Any) -> Holders | None:
    if told is None:
        return None
    return {str(target): None if instance is None else str(instance) for target, instance in told.items()}


def _read(lines: Iterable[str]) -> Iterator[Entry]:
    for each in lines:
        try:
            told = json.loads(each)
        except (ValueError, RecursionError):
            continue
        if entry := of_json(told):
            yield entry


def worth_keeping(text: str, entry: Entry) -> bool:
    """Whether an entry says something new about a resource that is there. text: the file, as it is.

    create and extend do when they made it; what is to change where the address is always; a check when its verdict
    is another than what the same resource's runs have shown last.
    """
    if entry.action in _MAKES:
        return entry.code == ExitCode.OK
    if entry.action not in _CHECKS:
        return entry.action in _TAKES | _LETS_GO | {TAKEN_OUT, BROUGHT_IN}
    written = _read(reversed(text.splitlines()))
    same = (old for old in written if old.tells and (old.engine, old.name) == (entry.engine, entry.name))
    last = next(same, None)
    return last is None or last.code != entry.code


def since(past: Sequence[Entry], *, held: bool | None) -> float | None:
    """When what is so now began, in seconds since 1970: held, not held, or (None) unknown.

    past: in the order in which they began. None when the runs have not shown it yet: it is so since now at the
    latest.
    """
    began = None
    for entry in reversed([old for old in past if old.counts]):
        if entry.held is not held:
            break
        began = entry.at
    return began
