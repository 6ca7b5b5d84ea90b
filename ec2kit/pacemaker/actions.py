"""The OCF grammar: how Pacemaker calls the agents of the provider ec2kit, and what it reads from them.

The action is the only argument; everything else is in the environment. The scripts in ocf/ answer meta-data by
themselves. OCF resource agent API 1.0, github.com/ClusterLabs/OCF-spec. What Pacemaker does on each exit code:
Pacemaker Explained, "How are OCF Return Codes Interpreted?".

An unknown state changes nothing. A recurring monitor is then 0, because Pacemaker asks only for what it
has started here. A probe asks whether it runs here, and is answered by what this node remembers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial

from ec2kit.core import messages
from ec2kit.core.errors import Astray, KitError, Misconfigured, NotHeld, Occupied
from ec2kit.core.kinds.kind import Kind, Resource
from ec2kit.core.messages import Level
from ec2kit.core.settings import Budget, Settings
from ec2kit.host import guard
from ec2kit.host.log import Journal, daemon
from ec2kit.pacemaker import agents
from ec2kit.pacemaker.memory import LET_GO, Memory, Word
from ec2kit.verbs import lifecycle, repeats
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.run import Run

_MARGIN = 2.0  # seconds of Pacemaker's time-out that are left for the start and the end of the process
_SHARE = 0.25  # of it, at most
_REASON = "ocf-exit-reason:"


class Code(IntEnum):
    """OCF's exit codes, of which Pacemaker treats ERR_CONFIGURED as final on all nodes, ERR_INSTALLED on this one."""

    SUCCESS = 0
    ERR_GENERIC = 1
    ERR_ARGS = 2
    ERR_UNIMPLEMENTED = 3
    ERR_INSTALLED = 5
    ERR_CONFIGURED = 6
    NOT_RUNNING = 7


@dataclass(frozen=True)
class Call:
    """One call of an agent. recurring: a monitor of what Pacemaker has started, not a probe."""

    kind: Kind
    action: str
    instance: str
    recurring: bool

    def refuse_clone(self, error: type[KitError], **how: bool) -> None:
        """Raise that error when Pacemaker runs the resource on several nodes at once."""
        if (copies := _number("clone_max")) > 1:
            what = f"{self.instance} is a clone on up to {copies} nodes, and its address can be on one alone"
            raise error(what, "Take it out of the clone (pcs resource unclone), or set clone-max=1", **how)

    @property
    def memory(self) -> Memory:
        """What this node remembers of the resource."""
        return Memory(self.kind.name, self.instance)

    @property
    def budget(self) -> Budget:
        """Whose time it takes, when Pacemaker gives less than that."""
        return {"start": Budget.RESTORE, "stop": Budget.REMOVE}.get(self.action, Budget.QUICKCHECK)


def main(kind: str, arguments: Sequence[str] | None = None) -> int:
    """Run one action of an agent; OCF's exit code for it."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    action = given[0] if given else ""
    instance = os.environ.get("OCF_RESOURCE_INSTANCE") or kind
    call = Call(agents.AGENTS[kind], action, instance, action == "monitor" and _number("interval") > 0)
    if call.action not in _ACTIONS:
        return _usage(call)
    if call.action == "monitor":
        guard.unknown(_unknown(call), Code.SUCCESS if call.recurring else None)
    run = begin(
        _journal(call), partial(_seconds, call), said=(lambda _: call.memory.said) if call.recurring else None
    )
    if call.action == "stop":
        run.log.past = {}  # it may try for a long time
    try:
        named = agents.parameters(call.kind, os.environ)
    except Misconfigured as error:
        return _refuse(call, run, error)
    run = replace(run, reach=named.reach, holder=f"Pacemaker's resource {call.instance}")
    run.log.say(messages.BEGIN)
    work = partial(_ACTIONS[call.action], call, named.resource, run)
    return conclude(run, work, partial(_code, call, run), partial(_tell, call, run))


def _usage(call: Call) -> Code:
    """Tell how the agent is called: who asks for it, and who calls it otherwise."""
    asked = call.action in {"usage", "help"}
    code = Code.SUCCESS if asked else Code.ERR_UNIMPLEMENTED if call.action else Code.ERR_ARGS
    guard.verdict(code)
    print(agents.usage(call.kind), file=sys.stdout if asked else sys.stderr)
    return code


def _seconds(call: Call, settings: Settings) -> float:
    """The run's time: the setting, and less than what Pacemaker gives."""
    seconds = float(settings.seconds(call.budget))
    if given := _number("timeout") / 1000:
        seconds = min(seconds, given - min(_MARGIN, _SHARE * given))
    return seconds


def _journal(call: Call) -> Journal:
    least = Level.INFO if call.action in {"start", "stop"} else Level.NOTIFY
    return Journal(call.action, call.instance, least=least, sender=daemon(f"{call.kind.name}({call.instance})"))


def _number(name: str) -> int:
    """One of the numbers that Pacemaker gives, times in milliseconds; 0 when it does not."""
    text = os.environ.get(f"OCF_RESKEY_CRM_meta_{name}", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _start(call: Call, resource: Resource, run: Run) -> str:
    call.refuse_clone(Misconfigured, everywhere=True)
    for name in agents.ignored(os.environ):
        run.log.say(messages.PARAMETER_IGNORED, name=name)
    before = call.memory.recall()
    call.memory.write(Word.STARTING, run.log)
    try:
        lifecycle.hold(resource, run)
    except BaseException:  # also when the time is up
        if not run.record.acted and run.record.view is None:  # nor has a look shown it here
            call.memory.write(before or Word.UNTOUCHED, run.log)
        raise
    call.memory.write(Word.HELD, run.log)
    if problem := resource.forgotten(run.record.view):
        run.log.say(messages.CAUTION, problem=problem)
    return f"{resource} is held by this node"


def _stop(call: Call, resource: Resource, run: Run) -> str:
    """Let go. A stop that fails costs the node its life, so it goes on while there is time, unless it may give up."""
    lifecycle.release(resource, run, persistent=call.memory.recall() not in LET_GO)
    call.memory.write(Word.STOPPED, run.log)
    if run.record.left:
        return f"{resource} is left to {run.record.left}"
    return f"{resource} {'stays as it is' if resource.stays else 'is not on this node'}"


def _monitor(call: Call, resource: Resource, run: Run) -> str:
    """Look. Of what stays when it is stopped nothing is asked then: EC2 may well still show this node."""
    if not call.recurring:
        call.refuse_clone(NotHeld)
    if resource.stays and call.memory.recall() is Word.STOPPED:
        raise NotHeld(f"{resource} was stopped on this node")
    try:
        lifecycle.check(resource, run)
    except NotHeld:
        call.memory.write(Word.ELSEWHERE, run.log)
        raise
    except Astray:
        call.memory.write(Word.HELD, run.log)
        raise
    call.memory.write(Word.HELD, run.log)
    return f"{resource} is held by this node"


def _validate(call: Call, resource: Resource, _run: Run) -> str:
    call.refuse_clone(Misconfigured, everywhere=True)
    return f"the parameters can be used, for {resource}"


_ACTIONS: dict[str, Callable[[Call, Resource, Run], str]] = {
    "start": _start,
    "stop": _stop,
    "monitor": _monitor,
    "validate-all": _validate,
}


def _code(call: Call, run: Run, outcome: str | KitError) -> Code:
    """OCF's exit code of what an action has come to: monitor fails only on evidence, start and stop succeed on it."""
    if isinstance(outcome, str):
        return Code.SUCCESS
    if call.action == "monitor":
        return Code.NOT_RUNNING if isinstance(outcome, NotHeld) else _unknown(call, outcome)
    if _let_go(call, run, outcome):
        return Code.SUCCESS
    if call.action == "start" and isinstance(outcome, Occupied):
        return Code.ERR_INSTALLED  # so on this node alone
    final = call.action in {"start", "validate-all"} and isinstance(outcome, Misconfigured) and outcome.everywhere
    return Code.ERR_CONFIGURED if final else Code.ERR_GENERIC


def _unknown(call: Call, outcome: KitError | None = None) -> Code:
    """What a monitor is that cannot tell: a probe goes by what this node remembers. On another interface is here."""
    here = call.recurring or isinstance(outcome, Astray) or call.memory.recall() is Word.HELD
    return Code.SUCCESS if here else Code.NOT_RUNNING


def _let_go(call: Call, run: Run, error: KitError) -> bool:
    """Whether a stop that cannot tell has nothing to let go of: it was not here, and has not been taken since."""
    untouched = not run.record.acted and call.memory.recall() in LET_GO
    return call.action == "stop" and untouched and not isinstance(error, NotHeld | Astray)


def _tell(call: Call, run: Run, outcome: str | KitError, code: int) -> None:
    """Log the last line, and the reason that Pacemaker shows for a failure."""
    seconds = run.deadline.spent
    answered = isinstance(outcome, str | NotHeld)
    if call.recurring and answered:
        repeats.keep(call.memory.said, run.log, answered=True)  # before the last line, which Pacemaker shows
    if isinstance(outcome, str):
        run.log.say(messages.END_OK, seconds=seconds, what=outcome)
    elif call.action == "monitor" and not isinstance(outcome, NotHeld):
        if isinstance(outcome, Misconfigured):
            run.log.say(messages.END_MISCONFIGURED, seconds=seconds, why=outcome.why)
        else:
            then = f"the resource counts as {'not running here' if code else 'running'}"
            run.log.say(messages.END_UNKNOWN, seconds=seconds, why=outcome.why, then=then)
    elif call.action == "monitor" and not call.recurring:
        run.log.say(messages.END_OK, seconds=seconds, what=f"it is not here: {outcome}")
    elif code == Code.SUCCESS:
        then = "for this node has let go of it, or has sent no change to take it"
        run.log.say(messages.END_UNKNOWN, seconds=seconds, why=outcome.why, then=then)
    else:
        _fail(run, outcome)
    if call.recurring and not answered:
        repeats.keep(call.memory.said, run.log, answered=False)


def _refuse(call: Call, run: Run, error: Misconfigured) -> Code:
    """The parameters cannot be used, on any node. What was never started with them is stopped."""
    if call.action == "stop" and (call.kind.resource.stays or call.memory.recall() is not Word.HELD):
        guard.verdict(Code.SUCCESS)
        what = f"it was never started here, for its parameters cannot be used: {error}"
        run.log.say(messages.END_OK, seconds=run.deadline.spent, what=what)
        return Code.SUCCESS
    guard.verdict(Code.ERR_CONFIGURED)
    _fail(run, error)
    return Code.ERR_CONFIGURED


def _fail(run: Run, error: KitError) -> None:
    """Log the failure; the very last line is what Pacemaker shows beside it, as far as 128 bytes go."""
    run.log.say(messages.END_FAILED, seconds=run.deadline.spent, why=error.why)
    print(os.environ.get("OCF_EXIT_REASON_PREFIX") or _REASON, error.why, sep="", file=sys.stderr)


if __name__ == "__main__":  # `make docs`
    print(agents.meta_data(agents.AGENTS[sys.argv[1]]), end="")
