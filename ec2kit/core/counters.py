"""How often the runs of a resource have come to what, since they are counted: numbers that only grow. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ec2kit.core.history import Calls, Entry

SCHEMA = 1
_ABOUT = ("engine", "name", "kind", "address")


@dataclass(frozen=True)
class Counters:
    """since: when the first run that is counted began, seconds since 1970; infinite: none is.

    about: the resource, as the last run had it. runs: how many, by action and name of the exit code; seconds: their
    time, by action; calls: by EC2's operation.
    """

    since: float = math.inf
    about: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, Calls] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry) -> Counters:
        """One run."""
        return cls(
            entry.began,
            {name: getattr(entry, name) for name in _ABOUT},
            {(entry.action, entry.outcome): 1},
            {entry.action: entry.seconds},
            entry.calls,
        )

    def __add__(self, later: Counters) -> Counters:
        calls = {
            name: self.calls.get(name, Calls()) + later.calls.get(name, Calls())
            for name in (*self.calls, *later.calls)
        }
        seconds = {
            name: self.seconds.get(name, 0.0) + later.seconds.get(name, 0.0)
            for name in (*self.seconds, *later.seconds)
        }
        runs = dict(Counter(self.runs) + Counter(later.runs))
        return Counters(min(self.since, later.since), later.about or self.about, runs, seconds, calls)

    def text(self) -> str:
        """All of it as the text of a file."""
        runs: dict[str, dict[str, int]] = {}
        for (action, outcome), times in self.runs.items():
            runs.setdefault(action, {})[outcome] = times
        whole = {
            "schema": SCHEMA,
            "since": round(self.since, 3),
            **self.about,
            "runs": runs,
            "seconds": {action: round(seconds, 3) for action, seconds in self.seconds.items()},
            "calls": {operation: calls.as_json() for operation, calls in self.calls.items()},
        }
        return json.dumps(whole)

    @classmethod
    def of_text(cls, text: str) -> Counters:
        """Read what `text` gave; nothing is counted in anything else."""
        try:
            told: dict[str, Any] = json.loads(text)
            since = float(told["since"])
            return cls(
                since if math.isfinite(since) else math.inf,
                {name: str(told[name]) for name in _ABOUT},
                {
                    (str(action), str(outcome)): int(times)
                    for action, outcomes in told["runs"].items()
                    for outcome, times in outcomes.items()
                },
                {str(action): float(seconds) for action, seconds in told["seconds"].items()},
                {str(operation): Calls.of_json(each) for operation, each in told["calls"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            return cls()
