"""status: what is protected, where it is in service, what EC2 says of it right now, and what has been done.

Each system tells its own part; the others are asked through lcdremexec. EC2 is only read, and nothing is decided
by what the actions have written down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core import messages, schema
from ec2kit.core.errors import ExitCode, KitError, NotHeld
from ec2kit.core.kinds.kind import View
from ec2kit.core.kinds.known import read_view
from ec2kit.core.schema import Object
from ec2kit.lifekeeper import history, info, past
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.contract import IN_SERVICE_STATES, MEND
from ec2kit.lifekeeper.history import Entry
from ec2kit.lifekeeper.lcd import Instance
from ec2kit.verbs import lifecycle
from ec2kit.verbs.locate import locate
from ec2kit.verbs.process import attempt
from ec2kit.verbs.run import Record, Run

LAST_ACTIONS = 5
_SILENT = "-"  # the state of a system that could not be asked
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Part:
    """What one system tells of one resource.

    state, switchback: LifeKeeper's. verdict: a word or two for people; outcome: the exit code's name; why: what the
    look failed for. since: when what is so began, in seconds since 1970. interface, eni: this system's. actions: the
    last ones, oldest first.
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
            "actions": [history.as_json(entry) | {"outcome": entry.outcome} for entry in self.actions],
        }

    @classmethod
    def of_json(cls, told: Object) -> Part:
        """Read what as_json gave, here or in another version: what it cannot read of view and actions is left out.

        Raises KeyError, TypeError or AttributeError when it does not tell system, state and verdict.
        """
        system, state, verdict = told["system"], told["state"], told["verdict"]
        if not all(isinstance(word, str) for word in (system, state, verdict)):
            raise TypeError("a system, a state and a verdict are texts")
        since, actions = told.get("since"), told.get("actions")
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
        )


@dataclass(frozen=True)
class Status:
    """What all systems tell of one resource: one part a system, this one's first. type: `comm/ec2` or `gen/app`."""

    tag: str
    resource: str
    type: str
    parts: tuple[Part, ...]

    def as_json(self) -> Object:
        """All of it as one JSON object."""
        parts = [part.as_json() for part in self.parts]
        return {"tag": self.tag, "resource": self.resource, "type": self.type, "systems": parts}

    @property
    def verdict(self) -> str:
        """That of the system where it is in service; unknown when one that cannot be asked may be that."""
        in_service = [part.verdict for part in self.parts if part.state in IN_SERVICE_STATES]
        silent = any(part.state == _SILENT for part in self.parts)
        return next(iter(in_service), _UNKNOWN if silent else "not in service")


def collect(tag: str | None, cluster: Cluster, run: Run, *, here: bool = False) -> list[Status]:
    """The resource of that tag, or every one; what all systems tell of it, or this one alone."""
    found = [cluster.ours(tag)] if tag else cluster.lcd.ours()
    wholes = run.deadline.together([partial(_whole, each, here, cluster, run) for each in found])
    failed = next((whole for whole in wholes if isinstance(whole, KitError)), None)
    if failed:
        raise failed
    return [whole for whole in wholes if not isinstance(whole, KitError)]


def code(found: Sequence[Status]) -> ExitCode:
    """1 when a resource is lost where it is in service, else 9 when one is unknown there, else 0."""
    verdicts = {status.verdict for status in found}
    if "lost" in verdicts:
        return ExitCode.NOT_HELD
    return ExitCode.UNAVAILABLE if _UNKNOWN in verdicts else ExitCode.OK


def _whole(instance: Instance, here: bool, cluster: Cluster, run: Run) -> Status:
    others = {} if here else cluster.systems_with(instance.tag)
    others.pop(cluster.system, None)
    questions: list[Callable[[], Part]] = [partial(_own_part, instance, run)]
    questions += [partial(_part_of, system, tag, cluster) for system, tag in others.items()]
    parts = [
        Part(system, _SILENT, why=part.why) if isinstance(part, KitError) else part
        for system, part in zip([cluster.system, *others], run.deadline.together(questions), strict=True)
    ]
    return Status(instance.tag, _named(instance), str(instance.form), tuple(parts))


def _named(here: Instance) -> str:
    try:
        return str(info.decode(here.info).resource)
    except KitError:
        return here.id


def _own_part(here: Instance, run: Run) -> Part:
    """What this system tells: its state in LifeKeeper, a look at EC2, and its own last actions."""
    run = replace(run, record=Record(), mend=MEND)
    outcome = attempt(lambda: _look(here, run), run.log)
    code = outcome.code if isinstance(outcome, KitError) else ExitCode.OK
    held = {ExitCode.OK: True, ExitCode.NOT_HELD: False}.get(code)
    done = _history(here.tag, run)
    site = run.record.site
    return Part(
        system=here.system,
        state=here.state,
        switchback=here.switchback,
        verdict=_verdict(here.state, held=held),
        why=outcome.why if isinstance(outcome, KitError) else "",
        outcome=code.name,
        since=history.since(done, held=held),
        interface=site.node.interface if site else None,
        eni=site.node.eni if site else None,
        view=run.record.view,
        actions=tuple(done[-LAST_ACTIONS:]),
    )


def _history(tag: str, run: Run) -> list[Entry]:
    """What has been written down; nothing, with a line of the log, when that cannot be read."""
    try:
        return past.entries(tag, run.settings)
    except KitError as error:
        run.log.say(messages.PROBLEM, problem=error.why)
        return []


def _look(here: Instance, run: Run) -> None:
    """Raise what quickCheck would, where it is in service; elsewhere, NotHeld when one look shows it."""
    known = info.decode(here.info)
    run = replace(run, reach=known.reach)
    if here.state in IN_SERVICE_STATES:
        lifecycle.check(known.resource, run)
        return
    try:
        lifecycle.check_once(known.resource, locate(known.resource.interface, run), run)
    except NotHeld as error:
        raise NotHeld(f"{known.resource} is not on this system") from error


def _verdict(state: str, *, held: bool | None) -> str:
    """One word or two for people: held, lost, unknown where it is in service; else not here, held here too."""
    if held is None:
        return _UNKNOWN
    if state in IN_SERVICE_STATES:
        return "held" if held else "lost"
    return "held, but out of service" if held else "not here"


def _part_of(system: str, tag: str, cluster: Cluster) -> Part:
    """What another system tells. Raises KitError when it does not."""
    _, output = cluster.ask("ec2kit", system, "status", tag, "--here", "--output", "json")
    try:
        (told,) = json.loads(output)["resources"]
        return Part.of_json(told["systems"][0])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        there = cluster.lcd.instance(tag, system=system)
        why = "the kit there gave no answer; is it installed, and is it the same version?"
        return Part(system, there.state if there else "gone", why=why)
