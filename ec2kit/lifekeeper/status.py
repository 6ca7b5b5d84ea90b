"""status: what is protected, where it is in service, what EC2 says of it right now, and what has been done.

Each system tells its own part; the others are asked through lcdremexec. EC2 is only read, and nothing is decided
by what the actions have written down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core import history, messages, schema
from ec2kit.core.errors import ExitCode, KitError, NotHeld
from ec2kit.core.history import Entry
from ec2kit.core.kinds.kind import View
from ec2kit.core.kinds.known import read_view
from ec2kit.core.model import Elsewhere
from ec2kit.core.schema import Object
from ec2kit.core.serving import Serving, Word
from ec2kit.host.log import clock
from ec2kit.lifekeeper import info
from ec2kit.lifekeeper.cluster import Cluster, reached
from ec2kit.lifekeeper.contract import FAILED, IN_SERVICE_STATES, MEND
from ec2kit.lifekeeper.lcd import Instance
from ec2kit.lifekeeper.past import file_of
from ec2kit.verbs import past, verdicts
from ec2kit.verbs.checks import Answer, Case, checks
from ec2kit.verbs.run import Record, Run

LAST_ACTIONS = 5
_SHARE = 0.8  # of the time that is left, for another system
_SILENT = "-"  # the state of a system that could not be asked
_UNKNOWN = "unknown"
_VERDICTS = {"lost": -2, _UNKNOWN: -1}  # the worst first


@dataclass(frozen=True)
class Advice:
    """What the doctor has said last: whether the system could take the address. at: seconds since 1970."""

    at: float
    outcome: str

    def as_json(self) -> Object:
        """All of it."""
        return {"at": self.at, "outcome": self.outcome}

    @classmethod
    def of_json(cls, told: object) -> Advice | None:
        """What as_json gave; None for anything else."""
        at = told.get("at") if isinstance(told, dict) else None
        return cls(at, str(told.get("outcome"))) if isinstance(told, dict) and isinstance(at, int | float) else None


@dataclass(frozen=True)
class Relative:
    """A resource of LifeKeeper's that another stands on, or that stands on it. state: LifeKeeper's."""

    tag: str
    state: str

    def as_json(self) -> Object:
        """All of it."""
        return {"tag": self.tag, "state": self.state}


def _relatives(told: object) -> tuple[Relative, ...]:
    """What Relative.as_json gave, for each; the rest is left out."""
    return tuple(
        Relative(str(each.get("tag")), str(each.get("state")))
        for each in (told if isinstance(told, list) else [])
        if isinstance(each, dict)
    )


@dataclass(frozen=True)
class Part:
    """What one system tells of one resource.

    state, switchback: LifeKeeper's. verdict: a word or two for people; outcome: the exit code's name; why: what the
    look failed for. since: when what is so began, in seconds since 1970. interface, eni: this system's. actions: the
    last ones, oldest first. parents, children: what stands on it and below it there. doctor: what it has said
    last. elsewhere: who has it instead, where it is in service.
    """

    system: str
    state: str
    switchback: str = _UNKNOWN
    verdict: str = _UNKNOWN
    why: str = ""
    outcome: str = ExitCode.UNAVAILABLE.name
    since: float | None = None
    interface: str | None = None
    eni: str | None = None
    view: View | None = None
    actions: tuple[Entry, ...] = ()
    parents: tuple[Relative, ...] = ()
    children: tuple[Relative, ...] = ()
    doctor: Advice | None = None
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether it is in service there."""
        return self.state in IN_SERVICE_STATES

    def as_json(self) -> Object:
        """The part as one JSON object; other systems read it."""
        return {
            "system": self.system,
            "state": self.state,
            "switchback": self.switchback,
            "verdict": self.verdict,
            "why": self.why,
            "outcome": self.outcome,
            "since": self.since,
            "interface": self.interface,
            "eni": self.eni,
            "view": self.view.as_json() if self.view else None,
            "actions": [history.as_json(entry) for entry in self.actions],
            "parents": [each.as_json() for each in self.parents],
            "children": [each.as_json() for each in self.children],
            "doctor": self.doctor.as_json() if self.doctor else None,
            "elsewhere": [each.as_json() for each in self.elsewhere],
        }

    @classmethod
    def of_json(cls, told: Object) -> Part:
        """Read what as_json gave, here or in another version: what it cannot read of view and actions is left out.

        Raises KeyError, TypeError or AttributeError when it does not tell system, state and verdict.
        """
        system, state, verdict = told["system"], told["state"], told["verdict"]
        if not all(isinstance(word, str) for word in (system, state, verdict)):
            raise TypeError("a system, a state and a verdict are texts")
        since, actions, elsewhere = told.get("since"), told.get("actions"), told.get("elsewhere")
        entries = map(history.of_json, actions if isinstance(actions, list) else [])
        return cls(
            system=system,
            state=state,
            switchback=str(told.get("switchback") or _UNKNOWN),
            verdict=verdict,
            why=str(told.get("why") or ""),
            outcome=str(told.get("outcome") or ExitCode.UNAVAILABLE.name),
            since=since if isinstance(since, int | float) else None,
            interface=schema.optional(told.get("interface"), str),
            eni=schema.optional(told.get("eni"), str),
            view=read_view(told.get("view")),
            actions=tuple(entry for entry in entries if entry),
            parents=_relatives(told.get("parents")),
            children=_relatives(told.get("children")),
            doctor=Advice.of_json(told.get("doctor")),
            elsewhere=tuple(filter(None, map(Elsewhere.of_json, elsewhere if isinstance(elsewhere, list) else []))),
        )


@dataclass(frozen=True)
class Status:
    """What all systems tell of one resource: one part a system, this one's first. type: `comm/ec2` or `gen/app`."""

    tag: str
    resource: str
    type: str
    parts: tuple[Part, ...]
    top: str = ""

    def as_json(self) -> Object:
        """All of it as one JSON object."""
        parts = [part.as_json() for part in self.parts]
        about = {"tag": self.tag, "resource": self.resource, "type": self.type, "engine": "LifeKeeper"}
        return about | self.serving.as_json() | {"systems": parts}

    @property
    def serving(self) -> Serving:
        """Whether it is served: in service on a system that has it, with all that stands on it."""
        serving = [part for part in self.parts if part.serves]
        silent = [part.system for part in self.parts if part.state == _SILENT]
        if not serving:
            return self._nowhere(silent)
        (part, *_) = sorted(serving, key=lambda each: _VERDICTS.get(each.verdict, 0))
        if part.verdict == "lost":
            has = f" to {', '.join(map(str, part.elsewhere))}" if part.elsewhere else ""
            so = f"is in service on {part.system}, but lost{has}"
            return self._told(Word.OUTAGE, so, f": {part.why}", since=part.since)
        if part.verdict == _UNKNOWN:
            so = f"is in service on {part.system}; whether it is held is not known"
            return self._told(Word.UNKNOWN, so, f": {part.why}")
        held = f"{self.resource} is held by {part.system}"
        idle = [each for each in part.parents if each.state not in IN_SERVICE_STATES]
        if not idle or len(idle) < len(part.parents):
            told = [f"; {', '.join(silent)} cannot be asked"] * bool(silent)
            told += [
                f"; {each.system} could not take it, as ec2kit doctor has found there at {clock(each.doctor.at)}"
                for each in self.parts
                if each.doctor and each.doctor.outcome == ExitCode.NOT_HELD.name and not each.serves
            ]
            why = "".join(told)
            return self._told(Word.SERVED, f"is served: {held}", why, since=part.since)
        last = part.actions[-1] if part.actions else None
        if last and last.action == history.TAKEN_OUT and all(each.state != FAILED for each in idle):
            return self._told(Word.STOPPED, "is out of service", f" ({last.what})", since=last.at)
        names = ", ".join(f"{each.tag} ({each.state})" for each in idle)
        cure = f"To bring it in service, on {part.system}: ec2kit in-service {idle[0].tag}"
        why = f": {held}, but what stands on it is not in service: {names}"
        return self._told(Word.OUTAGE, "serves nobody", why, cure)

    def _nowhere(self, silent: Sequence[str]) -> Serving:
        """It is in service on no system that has told."""
        if silent:
            so = f"is not in service on the systems that answer, and {', '.join(silent)} cannot be asked"
            return self._told(Word.UNKNOWN, so)
        done = sorted(((entry, part.system) for part in self.parts for entry in part.actions), key=lambda e: e[0].at)
        telling = [(entry, system) for entry, system in done if entry.counts or entry.by_person]
        last, where = telling[-1] if telling else (None, "")
        failed = any(part.state == FAILED for part in self.parts)
        cure = f"To bring it in service here: ec2kit in-service {self.top or self.tag}"
        if last and not failed and last.action == history.TAKEN_OUT:
            return self._told(Word.STOPPED, "is out of service", f" (taken out on {where})", cure, last.at)
        states = ", ".join(f"{part.state} on {part.system}" for part in self.parts)
        began = last.at if last and last.held is False else None
        why = f"; the last that was done: {last.action} on {where}: {last.what}" if last else ""
        return self._told(Word.OUTAGE, "is in service nowhere", f" ({states}){why}", cure, began)

    def _told(self, word: Word, so: str, why: str = "", cure: str = "", since: float | None = None) -> Serving:
        where = ", ".join(f"{part.system} {part.state}" for part in self.parts)
        system = next((part.system for part in self.parts if part.serves), "")
        return Serving(word, self.tag, self.resource, where, f"{self.tag} {so}", why, cure, since, system)


def collect(tag: str | None, cluster: Cluster, run: Run, *, here: bool = False) -> list[Status]:
    """The resource of that tag, those that another kit's stands on, or every one; what all systems tell, or this one.

    Raises Misconfigured where there is none of that tag, and none under it.
    """
    everything = {each.tag: each for each in cluster.lcd.all()}
    found = cluster.beneath(tag) if tag else [each for _, each in sorted(everything.items()) if each.form]
    if not found:
        return []
    pairs = cluster.lcd.dependencies(system=cluster.system)
    alone = tag if tag == found[0].tag else None
    others = {} if here else cluster.lcd.counterparts(system=cluster.system)
    most = _SHARE * run.deadline.left
    asked = sorted({system for each in found for system in others.get(each.tag, {})})
    theirs = {system: others[alone][system] if alone else None for system in asked}
    own, *told = run.deadline.together(
        [
            partial(_own_parts, found, everything, pairs, run),
            *(partial(_parts_of, system, its, cluster, most) for system, its in theirs.items()),
        ]
    )
    if isinstance(own, KitError):
        raise own
    elsewhere = dict(zip(asked, told, strict=True))
    return [
        Status(
            each.tag,
            _named(each),
            str(each.form),
            (
                own[each.tag],
                *(_part(system, its, elsewhere[system], cluster) for system, its in others.get(each.tag, {}).items()),
            ),
            reached(each.tag, lambda tag: [parent for parent, child in pairs if child == tag])[-1],
        )
        for each in found
    ]


def _named(here: Instance) -> str:
    try:
        return str(info.decode(here.info).resource)
    except KitError:
        return here.id


def _own_parts(
    found: Sequence[Instance],
    everything: Mapping[str, Instance],
    pairs: Sequence[tuple[str, str]],
    run: Run,
) -> dict[str, Part]:
    """What this system tells of each: its state in LifeKeeper, a look at EC2, and its own last actions.

    pairs: parent and child.
    """
    run = replace(run, record=Record())
    cases: dict[str, Case] = {}
    answers: dict[str, Answer] = {}
    for each in found:
        try:
            known = info.decode(each.info)
        except KitError as error:
            answers[each.tag] = Answer(error)
        else:
            serving = each.state in IN_SERVICE_STATES
            cases[each.tag] = Case(known.resource, known.reach, serving, MEND)
    answers |= zip(cases, checks(list(cases.values()), run), strict=True)
    said = {name: Advice(at, code.name) for name, (at, code) in verdicts.known_of(run.settings).items()}
    return {
        each.tag: _own_part(
            each, answers[each.tag], _relations(each.tag, everything, pairs), said.get(_named(each)), run
        )
        for each in found
    }


def _relations(
    tag: str, everything: Mapping[str, Instance], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[Relative, ...], tuple[Relative, ...]]:
    """The parents and the children of a resource here."""

    def relative(other: str) -> Relative:
        return Relative(other, everything[other].state if other in everything else _UNKNOWN)

    return (
        tuple(relative(parent) for parent, child in pairs if child == tag),
        tuple(relative(child) for parent, child in pairs if parent == tag),
    )


def _own_part(
    here: Instance,
    answer: Answer,
    relations: tuple[tuple[Relative, ...], tuple[Relative, ...]],
    advice: Advice | None,
    run: Run,
) -> Part:
    error = answer.error
    code = error.code if error else ExitCode.OK
    held = {ExitCode.OK: True, ExitCode.NOT_HELD: False}.get(code)
    serves = here.state in IN_SERVICE_STATES
    if held is False and not serves:
        error = NotHeld(f"{_named(here)} is not on this system")
    done = _history(here.tag, run)
    return Part(
        system=here.system,
        state=here.state,
        switchback=here.switchback,
        verdict=_verdict(serves=serves, held=held),
        why=error.why if error else "",
        outcome=code.name,
        since=history.since(done, held=held),
        interface=answer.node.interface if answer.node else None,
        eni=answer.node.eni if answer.node else None,
        view=answer.view,
        actions=tuple(done[-LAST_ACTIONS:]),
        parents=relations[0],
        children=relations[1],
        doctor=advice,
        elsewhere=answer.elsewhere if serves else (),
    )


def _history(tag: str, run: Run) -> list[Entry]:
    """What has been written down; nothing, with a line of the log, when that cannot be read."""
    try:
        return past.entries(file_of(tag, run.settings))
    except KitError as error:
        run.log.say(messages.PROBLEM, problem=error.why)
        return []


def _verdict(*, serves: bool, held: bool | None) -> str:
    """One word or two for people: held, lost, unknown where it is in service; else not here, held here too."""
    if held is None:
        return _UNKNOWN
    if serves:
        return "held" if held else "lost"
    return "held, but out of service" if held else "not here"


def _parts_of(system: str, tag: str | None, cluster: Cluster, most: float) -> dict[str, Part]:
    """What another system tells, by its tags; nothing when it has the kit, and that does not answer.

    tag: this alone; most: seconds. Raises KitError when it cannot be asked.
    """
    words = ("status", *([tag] if tag else []), "--here", "--output", "json")
    _, output = cluster.ask("ec2kit", system, *words, most=most)
    try:
        return {each["tag"]: Part.of_json(each["systems"][0]) for each in json.loads(output)["resources"]}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError):
        return {}


def _part(system: str, tag: str, told: dict[str, Part] | KitError, cluster: Cluster) -> Part:
    """Another system's part of one resource."""
    if isinstance(told, KitError):
        return Part(system, _SILENT, why=told.why)
    if tag in told:
        return told[tag]
    try:
        there = cluster.lcd.instance(tag, system=system)
    except KitError as error:
        return Part(system, _SILENT, why=error.why)
    why = "the kit there gave no answer; is it installed, and is it the same version?"
    return Part(system, there.state if there else "gone", why=why)
