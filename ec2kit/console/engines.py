"""Which engine on this machine has an address as its resource: what a person takes, the engine must know of."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core import messages
from ec2kit.core.errors import DeadlineExceeded, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.host import programs
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper import info
from ec2kit.lifekeeper.contract import IN_SERVICE_STATES
from ec2kit.lifekeeper.lcd import Instance, Lcd
from ec2kit.pacemaker import cib
from ec2kit.pacemaker.status import node_name
from ec2kit.verbs.run import Run

_LEAST = 0.1  # seconds, also when the time is up
_PATIENCE = 2.0  # seconds for all of them to answer: who holds an address in a disaster does not wait for longer


@dataclass(frozen=True)
class Owner:
    """An engine's resource. name: in the engine's own words; way: how it brings the address to this node."""

    name: str
    way: str


def ask(resource: Resource, run: Run) -> Owner | None:
    """The resource of an engine on this machine that has the address; None where none is known to have it.

    An engine that does not answer in time is told, and is not an obstacle, nor hides what another one says.
    """
    seconds = max(_LEAST, min(_PATIENCE, run.deadline.seconds - run.deadline.spent - _LEAST))
    questions = {
        "LifeKeeper": lambda within: _of_lifekeeper(resource, Lcd(run.settings.lkroot, within.deadline)),
        "Pacemaker": lambda within: _of_pacemaker(resource, within),
    }
    calls = [partial(_answered, each, replace(run, deadline=Deadline(seconds))) for each in questions.values()]
    found = None
    for engine, told in zip(questions, run.deadline.together(calls), strict=True):
        if isinstance(told, KitError):
            what = f"whether {engine} has {resource} as its resource is not known: {told}"
            why = Unavailable(what, "See to it that it knows of what is done here").why
            run.log.say(messages.CAUTION, problem=why)
        found = found or (None if isinstance(told, KitError) else told)
    return found


def _answered(question: Callable[[Run], Iterator[Owner]], within: Run) -> Owner | None:
    try:
        return next(question(within), None)
    except DeadlineExceeded as error:
        raise Unavailable(str(error)) from error


def refuse(resource: Resource, run: Run) -> None:
    """Raise Misconfigured where an engine on this machine has the address: it would not know who took it."""
    if owner := ask(resource, run):
        raise Misconfigured(
            f"{owner.name} has {resource}, and would not know of this; nothing was done",
            f"{owner.way}. To take the address all the same: --force",
            permanent=True,
        )


def _of_lifekeeper(resource: Resource, lcd: Lcd) -> Iterator[Owner]:
    for each in lcd.ours() if lcd.has("ins_list") else ():
        if _names(each, resource):
            way = f"To bring it here: ec2kit in-service {shlex.quote(each.tag)}"
            if each.state in IN_SERVICE_STATES:
                way = "LifeKeeper's next quickCheck finds what is lost, and its recover puts it right"
            yield Owner(f"LifeKeeper's resource {each.tag} ({each.state} here)", way)


def _names(instance: Instance, resource: Resource) -> bool:
    """Whether LifeKeeper's resource has that address."""
    try:
        known = info.decode(instance.info).resource
    except KitError:
        return instance.identity == info.identifier(resource)
    return _same(known, resource)


def _of_pacemaker(resource: Resource, run: Run) -> Iterator[Owner]:
    if not programs.installed(cib.QUERY[0]):
        return
    done = programs.tell(cib.QUERY, run.deadline.left)
    if done.returncode == cib.NOT_RUNNING:
        return
    if done.returncode:
        raise Unavailable(f"{cib.QUERY[0]} ended with {done.returncode}")
    node = node_name(run)
    for each in cib.read(done.stdout, node):
        if not isinstance(each.named, KitError) and _same(each.named.resource, resource):
            move = shlex.join(["crm_resource", "--move", "--resource", each.id, "--node", node])
            yield Owner(f"Pacemaker's resource {each.id}", f"To bring it here: {move}")


def _same(one: Resource, other: Resource) -> bool:
    return (one.kind, one.address) == (other.kind, other.address)
