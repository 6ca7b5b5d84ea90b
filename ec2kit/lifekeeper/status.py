"""status: what is protected, where it is in service, what EC2 says of it right now, and what has been done.

Each system tells its own part; the others are asked through lcdremexec. EC2 is only read, and nothing is decided
by what the actions have written down.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from ec2kit.core.errors import ExitCode, KitError, NotHeld
from ec2kit.host import files
from ec2kit.lifekeeper import contract, history, info
from ec2kit.lifekeeper.lcd import Instance
from ec2kit.lifekeeper.managers import IN_SERVICE, Cluster
from ec2kit.verbs import lifecycle
from ec2kit.verbs.look import Report, Run, locate, look
from ec2kit.verbs.process import attempt, past_of

LAST_ACTIONS = 5
Part = dict[str, Any]  # what one system tells of one resource
Told = dict[str, Any]  # what all systems tell of one resource


@dataclass(frozen=True)
class Asked:
    """What status is asked for. tag None: every resource. here: this system's part alone."""

    tag: str | None = None
    here: bool = False


def collect(asked: Asked, cluster: Cluster, run: Run) -> list[Told]:
    """Every resource that is asked for: `tag`, `resource`, `systems` (one part a system, this one's first)."""
    found = [cluster.ours(asked.tag)] if asked.tag else cluster.lcd.instances(contract.APP, contract.TYPE)
    wholes = run.deadline.together([partial(_whole, each, asked, cluster, run) for each in found])
    failed = next((whole for whole in wholes if isinstance(whole, KitError)), None)
    if failed:
        raise failed
    return [whole for whole in wholes if not isinstance(whole, KitError)]


def _whole(here: Instance, asked: Asked, cluster: Cluster, run: Run) -> Told:
    others = [] if asked.here else cluster.systems_with(here.tag)[1:]
    questions: list[Callable[[], Part]] = [partial(_own_part, here, run)]
    questions += [partial(_part_of, system, here.tag, cluster) for system in others]
    parts = run.deadline.together(questions)
    systems = [
        _silent(system, part) if isinstance(part, KitError) else part
        for system, part in zip([cluster.system, *others], parts, strict=True)
    ]
    return {"tag": here.tag, "resource": _named(here), "systems": systems}


def _named(here: Instance) -> str:
    try:
        return str(info.decode(here.info).resource)
    except KitError:
        return here.id


def _own_part(here: Instance, run: Run) -> Part:
    """What this system tells: its state in LifeKeeper, a look at EC2, and its own last actions."""
    run = replace(run, report=Report())
    outcome = attempt(lambda: _look(here, run), run.log)
    code = outcome.code if isinstance(outcome, KitError) else ExitCode.OK
    held = {ExitCode.OK: True, ExitCode.NOT_HELD: False}.get(code)
    past = history.entries(files.read(past_of(here.tag, run.settings)))
    began = history.since(past, held=held)
    site, seen = run.report.site, run.report.view
    return {
        "system": here.system,
        "state": here.state,
        "switchback": here.switchback,
        "verdict": _verdict(here.state, held=held),
        "why": outcome.why if isinstance(outcome, KitError) else "",
        "outcome": code.name,
        "since": began,
        "interface": site.node.interface if site else None,
        "eni": site.node.eni if site else None,
        "view": asdict(seen) if seen else None,
        "actions": [{**asdict(entry), "outcome": entry.outcome} for entry in past[-LAST_ACTIONS:]],
    }


def _look(here: Instance, run: Run) -> None:
    """Raise what quickCheck would, where it is in service; elsewhere, NotHeld when one look shows it."""
    known = info.decode(here.info)
    run = replace(run, region=known.region, profile=known.profile, url=known.url)
    if here.state in IN_SERVICE:
        lifecycle.check(known.resource, run)
    elif lifecycle.drift(look(known.resource, locate(known.resource.interface, run), run)):
        raise NotHeld(f"{known.resource} is not on this system")


def _verdict(state: str, *, held: bool | None) -> str:
    """One word or two for people: held, lost, unknown where it is in service; else not here, held here too."""
    if held is None:
        return "unknown"
    if state in IN_SERVICE:
        return "held" if held else "lost"
    return "held, but out of service" if held else "not here"


def _part_of(system: str, tag: str, cluster: Cluster) -> Part:
    """What another system tells. Raises KitError when it does not."""
    _, output = cluster.ask("ec2kit", system, "status", tag, "--here", "--output", "json")
    try:
        (told,) = json.loads(output)["resources"]
        part: Part = told["systems"][0]
        _ = part["system"], part["state"], part["verdict"]
    except (ValueError, KeyError, TypeError, IndexError):
        there = cluster.lcd.instance(tag, system=system)
        state = there.state if there else "gone"
        return _silent(system, "its kit gave no answer; is it installed there, and of the same version?", state)
    return part


def _silent(system: str, why: KitError | str, state: str = "-") -> Part:
    """The part of a system that could not be asked."""
    return {
        "system": system,
        "state": state,
        "switchback": "unknown",
        "verdict": "unknown",
        "why": why.why if isinstance(why, KitError) else why,
        "outcome": ExitCode.UNAVAILABLE.name,
        "since": None,
        "interface": None,
        "eni": None,
        "view": None,
        "actions": [],
    }


def code(found: list[Told]) -> ExitCode:
    """1 when a resource is lost where it is in service, else 9 when one is unknown there, else 0."""
    verdicts = {_verdict_of(told) for told in found}
    if "lost" in verdicts:
        return ExitCode.NOT_HELD
    return ExitCode.UNAVAILABLE if "unknown" in verdicts else ExitCode.OK


def _verdict_of(told: Told) -> str:
    """The verdict of the system where it is in service; unknown when one that cannot be asked may be that."""
    in_service = [str(part["verdict"]) for part in told["systems"] if part["state"] in IN_SERVICE]
    silent = any(part["state"] == "-" for part in told["systems"])
    return next(iter(in_service), "unknown" if silent else "not in service")
