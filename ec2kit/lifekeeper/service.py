"""In service and out of service: before another system lets go, this one proves that it could take the addresses.

LifeKeeper's core does the rest. The kit tells afterwards where everything is, and what the way back is.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core import messages
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, NotHeld
from ec2kit.core.history import BROUGHT_IN, TAKEN_OUT, Entry
from ec2kit.core.settings import Budget
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper import info
from ec2kit.lifekeeper.cluster import Cluster, cluster_of, reached
from ec2kit.lifekeeper.contract import IN_SERVICE_STATES
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.past import file_of
from ec2kit.verbs import past
from ec2kit.verbs.process import attempt
from ec2kit.verbs.proof import could_take
from ec2kit.verbs.run import Record, Run

_SPARED = 0.05  # of the time, for telling where everything is when LifeKeeper hangs
_MOST_SECONDS = 5.0  # for one question to one system
_SILENT = "not known"


@dataclass(frozen=True)
class _Standing:
    """The state of a resource on each system that has it: LifeKeeper's word, `gone`, or `not known`."""

    tag: str
    states: Mapping[str, str]

    @property
    def serving(self) -> list[str]:
        """The systems on which it is in service."""
        return [system for system, state in self.states.items() if state in IN_SERVICE_STATES]

    @property
    def silent(self) -> bool:
        """Whether there is a system whose state is not known."""
        return _SILENT in self.states.values()

    def __str__(self) -> str:
        told = ", ".join(f"{system} {state}" for system, state in self.states.items())
        nowhere = "nowhere, as far as is known" if self.silent else "nowhere"
        return f"{self.tag} is in service {'on ' + ', '.join(self.serving) if self.serving else nowhere} ({told})"


def bring_in(tag: str, cluster: Cluster, run: Run, *, force: bool) -> str:
    """Bring a resource and all that it depends on into service here; the last line. Raises KitError.

    force: also where it is not proven that this system could take the addresses.
    """
    here = cluster.need(tag)
    if here.state in IN_SERVICE_STATES:
        force = True  # LifeKeeper has nothing to do
    before = [] if force else _proven(tag, cluster, run)
    trouble = _perform(tag, "restore", cluster)
    now = _standing(tag, cluster)
    if trouble is None and now.states[cluster.system] not in {*IN_SERVICE_STATES, _SILENT}:
        trouble = NotHeld("LifeKeeper says that it is done")
    others = [system for system in (*before, *now.states) if system != cluster.system]
    back = f"ssh {others[0]} {_command(tag)}" if others else _command(tag)
    if trouble:
        what = f"{tag} could not be brought in service on {cluster.system}: {trouble}; {now}"
        raise type(trouble)(what, f"The lines above tell why. To bring it back: {back}")
    _remember(tag, BROUGHT_IN, f"{tag} was brought in service on {cluster.system}", cluster, run)
    others_now = ", ".join(f"{system} {state}" for system, state in now.states.items() if system != cluster.system)
    if here.state in IN_SERVICE_STATES or not others:
        return f"{tag} is in service on {cluster.system}."
    return f"{tag} is in service on {cluster.system} ({others_now}). To bring it back: {back}"


def take_out(tag: str, cluster: Cluster, run: Run) -> str:
    """Take a resource and all that depends on it out of service here; the last line. Raises KitError."""
    cluster.need(tag)
    trouble = _perform(tag, "remove", cluster)
    now = _standing(tag, cluster)
    if trouble:
        what = f"{tag} could not be brought out of service on {cluster.system}: {trouble}; {now}"
        raise type(trouble)(what, "The lines above tell why")
    _remember(tag, TAKEN_OUT, f"{tag} was taken out of service on {cluster.system}", cluster, run)
    told = [f"{tag} is out of service on {cluster.system}"]
    told += [f"it is in service on {', '.join(now.serving)}"] if now.serving else []
    try:
        told += _stays(tag, cluster)
    except KitError as error:
        told.append(f"what stays in service here is not known: {error}")
    return f"{'; '.join(told)}. To bring it back: {_command(_top(tag, cluster))}"


def _top(tag: str, cluster: Cluster) -> str:
    """What stands on top of it here, and comes back with all that it stands on."""
    try:
        return reached(tag, lambda each: cluster.lcd.parents(each, system=cluster.system))[-1]
    except KitError:
        return tag


def _remember(tag: str, action: str, what: str, cluster: Cluster, run: Run) -> None:
    """Write down, for status, what a person has done with addresses of the kit's, or with what stands on them."""
    entry = Entry(time.time(), action, ExitCode.OK, 0.0, what)
    lcd, system = cluster.lcd, cluster.system
    try:
        above = reached(tag, lambda each: lcd.parents(each, system=system))
        touched = dict.fromkeys([*above, *lcd.children(tag, system=system)])
        for each in [lcd.instance(name) for name in touched]:
            if each and each.form:
                file = file_of(each.tag, run.settings)
                before = past.entries(file)[-1:]
                if action == TAKEN_OUT or [old for old in before if old.action == TAKEN_OUT]:
                    past.keep(replace(entry, name=each.tag), file, run)
    except KitError as error:
        run.log.say(messages.HISTORY_LOST, why=error.why)


def _perform(tag: str, action: str, cluster: Cluster) -> KitError | None:
    """Let LifeKeeper's core do it, whose own lines are shown as they come; what went wrong."""
    try:
        with cluster.lcd.sparing(_SPARED):
            code, _ = cluster.lcd.run("perform_action", "-t", tag, "-a", action, accept=range(1, 256))
    except KitError as error:
        return error
    return NotHeld(f"LifeKeeper's perform_action ended with {code}") if code else None


def _command(tag: str, *more: str) -> str:
    return shlex.join(["ec2kit", "in-service", tag, *more])


# ---- what LifeKeeper knows


def _standing(tag: str, cluster: Cluster) -> _Standing:
    """Where a resource is, as far as each system tells it in a few seconds."""
    try:
        systems = cluster.systems_with(tag)
    except KitError:
        return _Standing(tag, {cluster.system: _state(tag, cluster.system, cluster), "others": _SILENT})
    return _Standing(tag, {system: _state(its_tag, system, cluster) for system, its_tag in systems.items()})


def _state(tag: str, system: str, cluster: Cluster) -> str:
    where = None if system == cluster.system else system
    try:
        found = cluster.lcd.instance(tag, system=where, most=_MOST_SECONDS)
    except KitError:
        return _SILENT
    return found.state if found else "gone"


def _stays(tag: str, cluster: Cluster) -> list[str]:
    """What is in service here still, of that hierarchy and what shares a part with it; what EC2 keeps by design."""
    lcd, system = cluster.lcd, cluster.system
    above = reached(tag, lambda each: lcd.parents(each, system=system))
    shared = reached(tag, lambda each: [*lcd.parents(each, system=system), *lcd.children(each, system=system)])
    found = {each: there for each in shared if (there := lcd.instance(each))}
    serving = [each for each, there in found.items() if there.state in IN_SERVICE_STATES]
    told = [f"{', '.join(serving)} {'stay' if len(serving) > 1 else 'stays'} in service here"] if serving else []
    gone = [info.decode(found[each].info).resource for each in above if each in found and found[each].form]
    return told + [f"in EC2 {each} stays as it is until another system takes it" for each in gone if each.stays]


# ---- before another system lets go


def _proven(tag: str, cluster: Cluster, run: Run) -> list[str]:
    """Which other systems have it in service, once this one has proven that it could take every address.

    Where nothing of it is in service anywhere, nothing can be lost: then what speaks against it is only told.
    Raises KitError.
    """
    deadline = Deadline(min(run.deadline.left, run.settings.seconds(Budget.QUICKCHECK)))
    brief, within = replace(run, deadline=deadline), cluster_of(run.settings, deadline)
    looks, asks = partial(_troubles, tag, within, brief), partial(_standings, tag, within)
    answer = attempt(lambda: deadline.both(looks, asks), run.log)
    if isinstance(answer, KitError):  # the time is up
        answer = [answer], [_standing(tag, cluster)]
    troubles, standings = answer
    serving: dict[str, list[str]] = {}
    for each in standings:
        for system in each.serving:
            serving.setdefault(system, []).append(each.tag)
    silent = [each for each in standings if each.silent]
    safe = not serving and not silent
    for trouble in troubles if safe else troubles[1:]:
        run.log.say(messages.CAUTION if safe else messages.PROBLEM, problem=trouble.why)
    if not troubles or safe:
        return list(serving)
    first = troubles[0]
    where = [
        f"{', '.join(tags)} {'stay' if len(tags) > 1 else 'stays'} in service on {system}"
        for system, tags in serving.items()
    ] or [str(each) for each in silent]
    cure = f"{first.cure}. " if first.cure else ""
    raise type(first)(
        f"{tag} was not brought in service on {cluster.system}: {first}; nothing was changed, and {'; '.join(where)}",
        f"{cure}To do it all the same: {_command(tag, '--force')}",
    )


def _standings(tag: str, cluster: Cluster) -> list[_Standing]:
    return [_standing(each, cluster) for each in cluster.below(tag)]


def _troubles(tag: str, cluster: Cluster, run: Run) -> list[KitError]:
    """Why this system could not take the EC2 resources that come into service with that tag; empty when it could."""
    try:
        found = [cluster.lcd.instance(each) for each in cluster.below(tag)]
        coming = [each for each in found if each and each.form and each.state not in IN_SERVICE_STATES]
        known = [info.decode(each.info) for each in coming]
        along = {each.resource.address for each in known if each.resource.gathers}
        for system, parent, child in cluster.missing_dependencies(tag):
            what = f"on {system} {parent} stands on {child}, and on {cluster.system} it does not"
            return [Misconfigured(what, f"Make it so here: {cluster.lcd.path('dep_create')} -p {parent} -c {child}")]
        answers = run.deadline.together([partial(_could_take, each, along, run) for each in known])
    except KitError as error:
        return [error]
    return [each for each in answers if isinstance(each, KitError)]


def _could_take(known: Info, along: Collection[str], run: Run) -> None:
    could_take(known.resource, replace(run, reach=known.reach, record=Record()), along)
