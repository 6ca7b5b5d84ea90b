"""Addresses that no engine of this machine tells of: what its history knows of them, and what EC2 shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ec2kit.core.errors import ExitCode, NotHeld
from ec2kit.core.history import Entry
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.model import BY_SETTINGS
from ec2kit.core.schema import Object
from ec2kit.core.serving import Serving, Word
from ec2kit.verbs import past
from ec2kit.verbs.checks import Answer, Case, checks
from ec2kit.verbs.run import Run


@dataclass(frozen=True)
class Remembered:
    """An address that a run has taken on this node, here. last: the newest that took it or let go of it."""

    resource: Resource
    last: Entry
    answer: Answer
    here: str

    def as_json(self) -> Object:
        """All of it."""
        about = {"tag": "", "resource": str(self.resource), "type": self.resource.kind}
        part = {"system": self.here, "state": "-"} | self.answer.as_json()
        return about | {"engine": self.last.engine} | self.serving.as_json() | {"systems": [part]}

    @property
    def serving(self) -> Serving:
        """Whether it is served: by this node, or wholly by one other whose instance is not known to be down."""
        error, view, there = self.answer.error, self.answer.view, self.answer.elsewhere
        if error is None:
            return self._told(Word.SERVED, f"is served: held by {self.here}", system=self.here)
        if view and view.served_elsewhere and there[0].runs:
            return self._told(Word.SERVED, f"is served by {there[0]}")
        seen = f"EC2 shows it on {', '.join(map(str, there))}" if there else str(error)
        if not (view or isinstance(error, NotHeld)):
            return self._told(Word.UNKNOWN, "is not known", f": {error.why}")
        if self.last.ends and not (self.last.script or self.last.engine):  # by a person
            what = f" (the last that was done here: {self.last.action})"
            return self._told(Word.STOPPED, "is out of service", what, since=self.last.at)
        words = f"{self.resource.kind} {self.resource.address}"
        cure = (
            f"To take it here: ec2kit hold {words}, with its options. To have it told no more: ec2kit release {words}"
        )
        return self._told(Word.OUTAGE, "is served nowhere", f": {seen}", cure)

    def _told(
        self, word: Word, so: str, why: str = "", cure: str = "", since: float | None = None, system: str = ""
    ) -> Serving:
        by = f"last {self.last.action} by {self.last.engine or 'hand'}"
        name = str(self.resource)
        return Serving(word, "", name, by, f"{name} {so}", why, cure, since, system)


def collect(known: Collection[str], here: str, run: Run) -> list[Remembered]:
    """What the history has of addresses that were taken on this node, beside those: resources in words."""
    found = [
        (resource, last)
        for entries in past.addresses(run.settings)
        if (last := _last(entries)) and (resource := _resource(last)) and str(resource) not in known
    ]
    answers = checks([Case(resource, BY_SETTINGS, serving=False, whose=True) for resource, _ in found], run)
    return [Remembered(*each, answer, here) for each, answer in zip(found, answers, strict=True)]


def _last(entries: Iterable[Entry]) -> Entry | None:
    """The newest that took the address or let go of it; None where none has ever taken it here."""
    acted = [each for each in entries if each.kind and (each.takes or each.ends)]
    return acted[-1] if any(each.takes and each.code == ExitCode.OK for each in acted) else None


def _resource(entry: Entry) -> Resource | None:
    """What it is about; None for a kind that this version does not know."""
    kind = KINDS.get(entry.kind)
    try:
        return kind.having({kind.address.field: kind.address.form.read(entry.address)}) if kind else None
    except ValueError:
        return None
