"""LifeKeeper's grammar: how its core calls the actions, and what it reads from their exit codes.

Arguments: ec2kit.lifekeeper.contract says what is verified of them. restore, remove, quickCheck, delete:
`-t tag -i id`; recover: sendevent's options, or the same; canextend and extend: `<system> <tag> [<interface>]
[<word of the info field>=<value>]`.
What a resource is, its info field alone says, whatever its app and type.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ec2kit.core import history, messages
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, NotHeld
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.messages import Level
from ec2kit.core.model import AccessKey
from ec2kit.core.settings import Budget
from ec2kit.host import guard
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import contract, info
from ec2kit.lifekeeper.entry import WATCHES
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.lcd import Instance, Lcd, system_name
from ec2kit.lifekeeper.past import file_of, said_of
from ec2kit.verbs import lifecycle, past, repeats
from ec2kit.verbs.process import attempt, begin, conclude, forget_strangers
from ec2kit.verbs.run import Run

if TYPE_CHECKING:
    from ec2kit.lifekeeper.options import Creation

_BUDGET = {
    "restore": Budget.RESTORE,
    "remove": Budget.REMOVE,
    "delete": Budget.REMOVE,
    "recover": Budget.RECOVER,
    "quickCheck": Budget.QUICKCHECK,
    "create": Budget.RESTORE,
    "extend": Budget.RESTORE,
    "canextend": Budget.RESTORE,
}


Then = Callable[[str | KitError, int], None]  # hears what a run has come to, and its exit code


@dataclass(frozen=True)
class Call:
    """One call of an action, for the resource of that tag."""

    action: str
    tag: str
    arguments: tuple[str, ...]


def main(action: str, arguments: Sequence[str] | None = None) -> int:
    """Run one action; LifeKeeper's exit code for it."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    call = Call(action, tag_of(action, given), given)
    run = _begin(call)
    if not call.tag:
        guard.verdict(ExitCode.USAGE)
        run.log.say(messages.USAGE, why=f"usage: {action} {_USAGE.get(action, '-t <tag> -i <id>')}")
        return ExitCode.USAGE
    return _carry_out(call, run, partial(_ACTIONS[action], call, run))


def create_asking(wanted: Creation, then: Then = lambda _outcome, _code: None) -> int:
    """Run the action create once the secret of its access key is known, if it has one; the exit code.

    then: hears what it has come to, when that is logged.
    """
    from ec2kit.lifekeeper.options import ask_key

    guard.allow(math.inf)  # a person's typing of the secret is not of its time
    log = Journal("create", wanted.tag)
    key = attempt(lambda: ask_key(wanted.key_id), log)
    if isinstance(key, KitError):
        guard.verdict(key.code)
        log.say(messages.FAILED, why=key.why)
        then(key, key.code)
        return key.code
    return create(wanted, key, then)


def create(wanted: Creation, key: AccessKey | None, then: Then = lambda _outcome, _code: None) -> int:
    """Run the action create on time; the exit code. then: as of create_asking."""
    call = Call("create", wanted.tag, ())
    run = replace(_begin(call), key=key, reach=wanted.reach)
    return _carry_out(call, run, partial(_create, wanted, run), then)


def _begin(call: Call) -> Run:
    forget_strangers()
    log = Journal(call.action, call.tag, least=Level.NOTIFY if call.action == WATCHES else Level.INFO)
    said = partial(said_of, call.tag) if call.action == WATCHES and call.tag else None
    run = begin(log, lambda settings: settings.seconds(_BUDGET[call.action]), said=said)
    return replace(run, holder=holder(call.tag), mend=contract.MEND)


def holder(tag: str) -> str:
    """Whose address it is that a resource takes, in words."""
    return f"LifeKeeper's resource {tag}"


def _carry_out(call: Call, run: Run, work: Callable[[], str], then: Then = lambda _outcome, _code: None) -> int:
    def tell(outcome: str | KitError, code: int) -> None:
        _tell(call, run, outcome, code)
        then(outcome, code)

    run.log.say(messages.BEGIN)
    return conclude(run, work, partial(code_of, call.action), tell)


def code_of(action: str, outcome: str | KitError) -> int:
    """The exit code of what an action has come to: quickCheck fails only on evidence."""
    if isinstance(outcome, str) or (action == WATCHES and not isinstance(outcome, NotHeld)):
        return ExitCode.OK
    return outcome.code


def _tell(call: Call, run: Run, outcome: str | KitError, code: int) -> None:
    """Keep what the action has come to for status, and log the last line."""
    seconds = run.deadline.spent
    answered = isinstance(outcome, str | NotHeld)
    if call.action == WATCHES and answered:
        repeats.keep(said_of(call.tag, run.settings), run.log, answered=True)
    if call.action != "delete":
        entry = past.entry(run, outcome, engine=history.LIFEKEEPER, name=call.tag)
        past.keep(entry, file_of(call.tag, run.settings), run)
    if isinstance(outcome, str):
        run.log.say(messages.END_OK, seconds=seconds, what=outcome)
    elif code:
        run.log.say(messages.END_FAILED, seconds=seconds, why=outcome.why)
    elif isinstance(outcome, Misconfigured):
        run.log.say(messages.END_MISCONFIGURED, seconds=seconds, why=outcome.why)
    else:
        then = "the resource stays in service"
        run.log.say(messages.END_UNKNOWN, seconds=seconds, why=outcome.why, then=then)
    if call.action == WATCHES and not answered:
        repeats.keep(said_of(call.tag, run.settings), run.log, answered=False)


_USAGE = {
    "recover": "-n <tag> [sendevent's options], or -t <tag> -i <id>",
    "canextend": "<template system> <template tag> [<interface>] [private=<address>]",
    "extend": "<template system> <template tag> [<interface>] [private=<address>]",
}


def tag_of(action: str, arguments: Sequence[str]) -> str:
    """The resource's tag among an action's arguments; empty when it is not there."""
    if action in {"canextend", "extend"}:
        return next(iter(arguments[contract.EXTEND_TAG :]), "")
    options = options_of(arguments)
    names = contract.RECOVER_TAG_OPTIONS if action == "recover" else (contract.TAG_OPTION,)
    return next((options[name] for name in names if options.get(name)), "")


def options_of(arguments: Sequence[str]) -> dict[str, str]:
    """Read `-x value` pairs and lone `-x` flags, whatever they are; the core may add some that we do not know."""
    options: dict[str, str] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            name, value = argument[:2], argument[2:]
            options[name] = value
        elif name:
            options[name] = argument
            name = ""
    return options


def _lcd(run: Run) -> Lcd:
    return Lcd(run.settings.lkroot, run.deadline)


def _instance(call: Call, run: Run) -> Instance | None:
    return _lcd(run).instance(call.tag)


def _here(call: Call, run: Run) -> Instance:
    found = _instance(call, run)
    if found is None:
        raise Misconfigured(
            f'there is no resource "{call.tag}" on {system_name(run.settings)}',
            f"See the tags with {run.settings.lkroot}/bin/ins_list, or create it",
        )
    return found


def _hold(call: Call, run: Run) -> str:
    known = info.decode(_here(call, run).info)
    run = replace(run, reach=known.reach)
    lifecycle.hold(known.resource, run)
    _tell_forgotten(known.resource, run)
    return f"{known.resource} is held by this node ({_steps(run)})"


def _tell_forgotten(resource: Resource, run: Run) -> None:
    """Say before the night what would keep the other systems from taking over."""
    if problem := resource.forgotten(run.record.view):
        run.log.say(messages.CAUTION, problem=problem)


def _remove(call: Call, run: Run) -> str:
    known = info.decode(_here(call, run).info)
    run = replace(run, reach=known.reach)
    lifecycle.release(known.resource, run)
    if known.resource.stays:
        return f"{known.resource} stays as it is"
    if run.record.left:
        return f"{known.resource} is left to {run.record.left}"
    return f"{known.resource} is not on this node ({_steps(run)})"


def _steps(run: Run) -> str:
    done = len(run.record.done)
    return f"{done} step{'' if done == 1 else 's'} taken" if done else "nothing was to do"


def _quick_check(call: Call, run: Run) -> str:
    found = _here(call, run)
    if found.state != contract.IN_SERVICE:
        return f"not checked, because it is {found.state}"
    known = info.decode(found.info)
    try:
        lifecycle.check(known.resource, replace(run, reach=known.reach))
        _tell_forgotten(known.resource, run)
    except NotHeld:
        if contract.QUICKCHECK_SENDS_EVENT and found.form is Form.OWN:  # a harness raises the event itself
            _send_event(call, run)
        raise
    return f"{known.resource} is held by this node"


def _send_event(call: Call, run: Run) -> None:
    """Raise the recovery event; when that fails, the exit code alone must tell, so it is only logged."""
    try:
        _lcd(run).send_event(call.tag)
    except KitError as error:
        run.log.say(messages.EVENT_FAILED, why=error.why)
    else:
        run.log.say(messages.EVENT_SENT, event_class=contract.EVENT_CLASS, event=contract.EVENT)


def _delete(call: Call, run: Run) -> str:
    from ec2kit.lifekeeper.create import forget

    if (found := _instance(call, run)) is None:
        run.log.say(messages.ALREADY_DELETED)
    if _lcd(run).flag(contract.CHANGING.format(tag=call.tag)):
        return "its form is being changed, so its access key and its history are kept"
    try:
        forget(call.tag, run)
    except KitError as error:
        if found is None or info.has_key(found.info):
            raise
        run.log.say(messages.CAUTION, problem=error.why)  # it has no key there
    return "nothing in AWS belongs to the resource alone, so nothing is undone there"


_ELSEWHERE = "ec2kit create --server SYSTEM"


def _create(wanted: Creation, run: Run) -> str:
    from ec2kit.lifekeeper.create import create as make

    system = system_name(run.settings)
    if wanted.server not in {None, system}:
        raise Misconfigured(f"this is {system}, not {wanted.server}", f"Run create there, or: {_ELSEWHERE}")
    state = make(wanted, system, run, _lcd(run))
    waits = wanted.generic and state != contract.IN_SERVICE  # LifeKeeper extends it from where it is in service only
    first = f"bring it into service here (ec2kit in-service {wanted.tag}), then " if waits else ""
    return f"{wanted.tag} exists on {system}; {first}extend it to another system to protect it"


def _can_extend(call: Call, run: Run) -> str:
    from ec2kit.lifekeeper.create import check_extend

    template = call.arguments[contract.EXTEND_SYSTEM]
    known = check_extend(template, call.tag, run, _lcd(run), _own(call))
    return f"{known.resource} can be extended to this system, on {known.resource.interface}"


def _extend(call: Call, run: Run) -> str:
    from ec2kit.lifekeeper.create import extend

    extend(call.arguments[contract.EXTEND_SYSTEM], call.tag, run, _lcd(run), _own(call))
    return "the instance exists on this system"


def _own(call: Call) -> dict[str, str]:
    """This node's own values, where the extend manager gives them behind system and tag."""
    return info.own_of(call.arguments[contract.EXTEND_OWN :])


_ACTIONS: dict[str, Callable[[Call, Run], str]] = {
    "restore": _hold,
    "recover": _hold,
    "remove": _remove,
    "quickCheck": _quick_check,
    "delete": _delete,
    "canextend": _can_extend,
    "extend": _extend,
}
