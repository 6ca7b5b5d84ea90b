"""The OCF grammar: how Pacemaker calls the agents of the provider ec2kit, and what it reads from them.

The action is the only argument; everything else is in the environment. The scripts in ocf/ answer meta-data by
themselves. OCF resource agent API 1.1, github.com/ClusterLabs/OCF-spec. What Pacemaker does on each exit code:
Pacemaker Explained, "How are OCF Return Codes Interpreted?".

An unknown state changes nothing. A recurring monitor is then 0, because Pacemaker asks only for what it
has started here. A probe asks whether it runs here, and is answered by what this node remembers.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property, partial
from pathlib import Path

from ec2kit.core import history, messages
from ec2kit.core.errors import Astray, KitError, Misconfigured, NotHeld, Occupied, brief
from ec2kit.core.kinds.kind import TRUE, Kind, Resource
from ec2kit.core.messages import Level
from ec2kit.core.settings import Budget, Settings
from ec2kit.host import files, guard
from ec2kit.host.log import Journal, clock, daemon
from ec2kit.pacemaker import agents, bare
from ec2kit.pacemaker.memory import LET_GO, Memory, Word, seat
from ec2kit.verbs import lifecycle, past, repeats
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.proof import proven
from ec2kit.verbs.run import Run

_MARGIN = 2.0  # seconds of Pacemaker's time-out that are left for the start and the end of the process
_SHARE = 0.25  # of it, at most
_REASON = "ocf-exit-reason:"
_MOST = 128  # bytes of the reason that crm_mon shows: Pacemaker's EXIT_REASON_MAX_LEN
_RELOAD = "reload-agent"
_LOOK = 10  # the OCF_CHECK_LEVEL from which validate-all looks at AWS
_TRACES = "/var/lib/heartbeat/trace_ra"
_LONG = 300.0  # seconds without an answer, after which the cluster is to show it


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
    """One call of an agent. recurring: a monitor of what Pacemaker has started, not a probe.

    parameters: those of the agent, as they are in the environment. unfit: why they cannot be used, and so are those
    that this node remembers.
    """

    kind: Kind
    action: str
    instance: str
    recurring: bool
    parameters: Mapping[str, str]
    unfit: Misconfigured | None = None

    @property
    def watches(self) -> bool:
        """Whether it is asked of what was started here, and no answer changes nothing about that."""
        return self.recurring or self.action == _RELOAD

    def refuse_clone(self, error: type[KitError], **how: bool) -> None:
        """Raise that error when Pacemaker runs the resource on several nodes at once."""
        if (copies := _number("clone_max")) > 1:
            what = f"{self.instance} is a clone on up to {copies} nodes, and its address can be on one alone"
            raise error(what, "Take it out of the clone (pcs resource unclone), or set clone-max=1", **how)

    @cached_property
    def memory(self) -> Memory:
        """What this node remembers of the resource."""
        return Memory(self.kind.name, self.instance)

    @property
    def budget(self) -> Budget:
        """Whose time it takes, when Pacemaker gives less than that."""
        acting = {"start": Budget.RESTORE, _RELOAD: Budget.RESTORE, "stop": Budget.REMOVE}
        return acting.get(self.action, Budget.QUICKCHECK)

    def remember(self, word: Word, run: Run) -> None:
        """Write down what this run has come to."""
        self.memory.write(word, run.log, self.parameters, seat(run))


def main(kind: str, arguments: Sequence[str] | None = None) -> int:
    """Run one action of an agent; OCF's exit code for it."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    action = given[0] if given else ""
    instance = os.environ.get("OCF_RESOURCE_INSTANCE") or kind
    recurring = action == "monitor" and _number("interval") > 0
    call = Call(agents.AGENTS[kind], action, instance, recurring, agents.given(agents.AGENTS[kind], os.environ))
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
        remembered = call.memory.named() if call.watches or action == "stop" else None
        if remembered is None or action == _RELOAD:
            return _refuse(call, run, error)
        named = remembered
        call = replace(call, parameters=call.memory.read().parameters, unfit=error)
        _tell_remembered(call, named.resource, run, error.why)
    if action == "monitor":
        guard.unknown(_unknown(call, None, named.resource), Code.SUCCESS if recurring else None)
    if action == "stop" and call.memory.recall(named.resource) in {Word.HELD, Word.STARTING}:
        seen_by = (call.memory.named() or named).reach
        if seen_by != agents.parameters(call.kind, call.parameters).reach:  # as given, but for secrets in the URL
            named = replace(named, reach=seen_by)  # the other one may never have worked
            why = "Region, profile or URL are others than when it was seen here."
            _tell_remembered(call, named.resource, run, why)
    whose = f"Pacemaker's resource {call.instance}"
    run = replace(
        run, reach=named.reach, holder=whose, mend=f"Pacemaker restarts {call.instance}, which takes it back"
    )
    run.log.say(messages.BEGIN)
    run.record.resource = named.resource
    work = partial(_ACTIONS[call.action], call, named.resource, run)
    return conclude(run, work, partial(_code, call, run, named.resource), partial(_tell, call, run))


def _tell_remembered(call: Call, resource: Resource, run: Run, why: str) -> None:
    eni = call.memory.read().eni
    run.log.say(messages.REMEMBERED, why=why, resource=resource, eni=f" on {eni}" if eni else "")


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
    least = Level.INFO if call.action in {"start", "stop", _RELOAD} else Level.NOTIFY
    sender = daemon(f"{call.kind.name}({call.instance})")
    return Journal(call.action, call.instance, least=least, sender=sender, trace=_trace(call))


def _trace(call: Call) -> Path | None:
    """The file that `crm resource trace` wants of this run, as resource-agents' ocf-shellfuncs name it."""
    wanted, folder = (os.environ.get(f"OCF_RESKEY_trace_{each}") for each in ("ra", "dir"))
    if (wanted or os.environ.get("OCF_TRACE_RA", "")).lower() not in TRUE:
        return None
    name = f"{files.name_of(call.instance)}.{call.action}.{clock(time.time()).replace(' ', '.')}"
    return Path(folder or _TRACES, call.kind.name, name)


def _number(name: str) -> int:
    """One of the numbers that Pacemaker gives, times in milliseconds; 0 when it does not."""
    return _whole(os.environ.get(f"OCF_RESKEY_CRM_meta_{name}", ""))


def _whole(text: str) -> int:
    """The number that a text is, 0 for any other text."""
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else 0


def _start(call: Call, resource: Resource, run: Run) -> str:
    call.refuse_clone(Misconfigured, everywhere=True)
    for name in agents.ignored(os.environ):
        run.log.say(messages.PARAMETER_IGNORED, name=name)
    with call.memory.taking(run, call.parameters, resource):
        lifecycle.hold(resource, run)
    if problem := resource.forgotten(run.record.view):
        run.log.say(messages.CAUTION, problem=problem)
    return f"{resource} is held by this node"


def _stop(call: Call, resource: Resource, run: Run) -> str:
    """Let go. A stop that fails costs the node its life, so it goes on while there is time, unless it may give up."""
    lifecycle.release(resource, run, persistent=call.memory.recall(resource) not in LET_GO)
    call.remember(Word.STOPPED, run)
    if run.record.left:
        return f"{resource} is left to {run.record.left}"
    return f"{resource} {'stays as it is' if resource.stays else 'is not on this node'}"


def _monitor(call: Call, resource: Resource, run: Run) -> str:
    """Look. Of what stays when it is stopped nothing is asked then: EC2 may well still show this node."""
    if not call.recurring:
        call.refuse_clone(NotHeld)
    if resource.stays and call.memory.recall(resource) is Word.STOPPED:
        raise NotHeld(f"{resource} was stopped on this node")
    try:
        lifecycle.check(resource, run)
    except NotHeld:
        call.remember(Word.ELSEWHERE, run)
        raise
    except Astray:
        call.remember(Word.HELD, run)
        raise
    call.remember(Word.HELD, run)
    return f"{resource} is held by this node"


def _reload(call: Call, resource: Resource, run: Run) -> str:
    """Go by other parameters without a restart: hold what is missing by them."""
    call.refuse_clone(Misconfigured)
    with call.memory.taking(run, call.parameters, resource):
        lifecycle.hold(resource, run)
    return f"{resource} is held by this node"


def _validate(call: Call, resource: Resource, run: Run) -> str:
    """Judge the form of the parameters alone; by OCF's level 10 also look whether this node could start it now."""
    call.refuse_clone(Misconfigured, everywhere=True)
    if _whole(os.environ.get("OCF_CHECK_LEVEL", "")) < _LOOK:
        return f"the parameters can be used, for {resource}"
    problems = proven(resource, resource.interface, run, active=False).problems
    for problem in problems:
        run.log.say(messages.PROBLEM if problem.fatal else messages.CAUTION, problem=problem)
    if fatal := [Misconfigured(each.what, each.cure, everywhere=True) for each in problems if each.fatal]:
        raise _first(fatal)
    return f"this node could start {resource} now"


def _first(errors: Sequence[Misconfigured]) -> Misconfigured:
    """The first of several problems, of which the log has all."""
    more = f", and {len(errors) - 1} more, see the log" if len(errors) > 1 else ""
    return Misconfigured(f"{errors[0]}{more}", errors[0].cure, everywhere=True)


_ACTIONS: dict[str, Callable[[Call, Resource, Run], str]] = {
    "start": _start,
    "stop": _stop,
    "monitor": _monitor,
    _RELOAD: _reload,
    "validate-all": _validate,
}


def _code(call: Call, run: Run, resource: Resource, outcome: str | KitError) -> Code:
    """OCF's exit code of what an action has come to: monitor fails only on evidence, start and stop succeed on it."""
    if isinstance(outcome, str):
        return Code.SUCCESS
    if call.action == "monitor":
        return Code.NOT_RUNNING if isinstance(outcome, NotHeld) else _unknown(call, outcome, resource)
    if call.action == _RELOAD:
        return Code.ERR_GENERIC if isinstance(outcome, NotHeld) else Code.SUCCESS
    if _let_go(call, run, outcome, resource):
        return Code.SUCCESS
    if call.action == "start" and isinstance(outcome, Occupied):
        return Code.ERR_INSTALLED  # so on this node alone
    final = call.action in {"start", "validate-all"} and isinstance(outcome, Misconfigured) and outcome.everywhere
    return Code.ERR_CONFIGURED if final else Code.ERR_GENERIC


def _unknown(call: Call, outcome: KitError | None = None, resource: Resource | None = None) -> Code:
    """What a monitor is that cannot tell: a probe goes by what this node remembers. On another interface is here."""
    here = call.recurring or isinstance(outcome, Astray) or call.memory.recall(resource) is Word.HELD
    return Code.SUCCESS if here else Code.NOT_RUNNING


def _let_go(call: Call, run: Run, error: KitError, resource: Resource) -> bool:
    """Whether a stop that cannot tell has nothing to let go of: it was not here, and has not been taken since."""
    untouched = not run.record.acted and call.memory.recall(resource) in LET_GO
    return call.action == "stop" and untouched and not isinstance(error, NotHeld | Astray)


def _tell(call: Call, run: Run, outcome: str | KitError, code: int) -> None:
    """Log the last line, and the reason that Pacemaker shows for a failure."""
    seconds = run.deadline.spent
    answered = isinstance(outcome, str | NotHeld)
    if call.recurring and answered:
        repeats.keep(call.memory.said, run.log, answered=True)  # before the last line, which Pacemaker shows
    past.keep_address(past.entry(run, outcome, engine=history.PACEMAKER, name=call.instance), run)
    if isinstance(outcome, str):
        run.log.say(messages.END_OK, seconds=seconds, what=outcome)
    elif (call.action == "monitor" or call.watches) and not isinstance(outcome, NotHeld):
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
    if call.action != "validate-all":
        _show(call, run, outcome)


def _show(call: Call, run: Run, outcome: str | KitError) -> None:
    """Have crm_mon show that a monitor is blind, when that can be taken back; or take it back."""
    answered, text = isinstance(outcome, str | NotHeld), ""
    if call.recurring and call.unfit:
        text = brief(call.unfit, _MOST)
    elif call.recurring and isinstance(outcome, KitError) and not answered:
        since = repeats.silent_since(run.log)
        long = since is not None and time.time() - since >= _LONG
        text = f"no answer since {clock(since)}: {brief(outcome, _MOST)}" if since and long else ""
    if text:
        with suppress(OSError):
            bare.mark_shown(str(call.memory.shown), text)
            bare.show(call.instance, text)
    elif answered:
        _show_no_more(call, run)


def _show_no_more(call: Call, run: Run) -> None:
    """Take that back, also what a kit that could not be loaded has shown."""
    try:
        if os.path.lexists(call.memory.shown):
            bare.show_no_more(call.instance)
            files.remove(call.memory.shown)
    except KitError as error:
        run.log.say(messages.NOT_REMEMBERED, why=error.why)


def _refuse(call: Call, run: Run, error: Misconfigured) -> Code:
    """The parameters cannot be used, on any node. What was never started with them is stopped."""
    if call.watches:  # what runs here goes on by those before
        guard.verdict(Code.SUCCESS)
        _tell(call, run, error, Code.SUCCESS)
        return Code.SUCCESS
    if call.action == "validate-all":
        problems = agents.wrong(call.kind, os.environ)
        for problem in problems:
            run.log.say(messages.PROBLEM, problem=problem.why)
        error = _first(problems)
    word = call.memory.read().word
    if call.action == "stop" and (call.kind.resource.stays or word in LET_GO):
        guard.verdict(Code.SUCCESS)
        what = f"it was never started here, for its parameters cannot be used: {error}"
        run.log.say(messages.END_OK, seconds=run.deadline.spent, what=what)
        return Code.SUCCESS
    guard.verdict(Code.ERR_CONFIGURED)
    if call.action == "stop":  # of a deleted resource: nobody can give it parameters any more
        release = (
            f"'ec2kit release {call.kind.name} ADDRESS', then 'crm_resource --cleanup --resource {call.instance}'"
        )
        error = Misconfigured(f"{error}, and this node does not remember what it holds", f"By hand: {release}")
    if word is Word.NONE and call.action in {"start", "monitor"}:  # a stop follows, which must know that
        call.memory.write(Word.UNTOUCHED, run.log)
    _fail(run, error)
    return Code.ERR_CONFIGURED


def _fail(run: Run, error: KitError) -> None:
    """Log the failure; the very last line is what Pacemaker shows beside it, as far as 128 bytes go."""
    run.log.say(messages.END_FAILED, seconds=run.deadline.spent, why=error.why)
    print(os.environ.get("OCF_EXIT_REASON_PREFIX") or _REASON, brief(error, _MOST), sep="", file=sys.stderr)


if __name__ == "__main__":  # `make docs`
    print(agents.meta_data(agents.AGENTS[sys.argv[1]]), end="")
