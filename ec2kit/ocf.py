"""The OCF grammar: how Pacemaker calls the agents ocf:ec2kit:route and ocf:ec2kit:eip, and what it reads from them.

The action is the only argument; everything else is in the environment. The scripts in ocf/ answer meta-data by
themselves. OCF resource agent API 1.0, github.com/ClusterLabs/OCF-spec. What Pacemaker does on each exit code:
Pacemaker Explained, "How are OCF Return Codes Interpreted?".

An unknown state changes nothing. A recurring monitor is then 0, because Pacemaker asks only for what it
has started here. A probe asks whether it runs here, and is answered by what this node remembers.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from ec2kit import agents, files, lifecycle, messages
from ec2kit.agents import Agent
from ec2kit.deadline import INTERRUPTED, Deadline, guard, leave
from ec2kit.entry import attempt, read_settings, timed_out
from ec2kit.errors import KitError, Misconfigured, NotHeld
from ec2kit.log import Journal, daemon
from ec2kit.look import Run
from ec2kit.messages import Level
from ec2kit.model import Resource, RouteResource

_AGENTS = {agent.kind: agent for agent in (agents.ROUTE, agents.EIP)}
_BUDGET = {"start": "ec2_restore_timeout", "stop": "ec2_remove_timeout", "monitor": "ec2_quickcheck_timeout"}
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


class Memory(StrEnum):
    """What this node knows of a resource since it booted, from its own last look or action."""

    HELD = "held"  # a look showed that it is here
    ELSEWHERE = "elsewhere"  # a look showed that it is not, and no change was sent since
    STOPPED = "stopped"  # stop let go of it, and no change was sent since
    NONE = ""


_NOT_HERE = frozenset({Memory.ELSEWHERE, Memory.STOPPED})


@dataclass(frozen=True)
class Call:
    """One call of an agent. recurring: a monitor of what Pacemaker has started; a probe is none."""

    agent: Agent
    action: str
    instance: str
    recurring: bool

    @property
    def file(self) -> Path:
        """Where the memory is kept: a folder that is empty after each boot."""
        folder = os.environ.get("HA_RSCTMP") or "/run/resource-agents"
        return Path(folder, "ec2kit", f"{self.agent.kind}-{quote(self.instance, safe='')}")


def main(kind: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one action of an agent and leave with OCF's exit code for it, on time."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    action = given[0] if given else ""
    instance = os.environ.get("OCF_RESOURCE_INSTANCE") or kind
    call = Call(_AGENTS[kind], action, instance, action == "monitor" and _milliseconds("interval") > 0)
    try:
        _main(call)
    except KeyboardInterrupt:
        leave(INTERRUPTED)
    except Exception:  # noqa: BLE001  Python's own code for it is 1, which would be a failed monitor
        _journal(call).say(messages.INTERNAL, trace=traceback.format_exc())
        leave(Code.SUCCESS if call.recurring else Code.ERR_GENERIC)


def _main(call: Call) -> NoReturn:
    if call.action in {"usage", "help"}:
        print(agents.usage(call.agent))
        leave(Code.SUCCESS)
    if call.action not in _ACTIONS:
        print(agents.usage(call.agent), file=sys.stderr)
        leave(Code.ERR_UNIMPLEMENTED if call.action else Code.ERR_ARGS)
    run = _begin(call)
    try:
        named = agents.named(call.agent, os.environ)
    except Misconfigured as error:
        leave(_refuse(call, run, error))
    run = replace(run, region=named.region, profile=named.profile, url=named.url)
    run.log.say(messages.BEGIN)
    guard(
        run.deadline,
        lambda: _finish(call, run, attempt(partial(_ACTIONS[call.action], call, named.resource, run), run.log)),
        lambda: _finish(call, run, timed_out(run.deadline)),
        otherwise=Code.SUCCESS if call.recurring else Code.ERR_GENERIC,
    )


def _begin(call: Call) -> Run:
    """The settings as they are now, the log, and from now on the action's time."""
    settings, notes = read_settings()
    seconds = float(getattr(settings, _BUDGET.get(call.action, "ec2_quickcheck_timeout")))
    if given := _milliseconds("timeout") / 1000:
        seconds = min(seconds, given - min(_MARGIN, _SHARE * given))
    log = _journal(call)
    for message, facts in notes:
        log.say(message, **facts)
    return Run(settings, Deadline(seconds), log)


def _journal(call: Call) -> Journal:
    least = Level.INFO if call.action in {"start", "stop"} else Level.NOTIFY
    return Journal(call.action, call.instance, least=least, sender=daemon(f"{call.agent.kind}({call.instance})"))


def _milliseconds(name: str) -> int:
    """One of the times that Pacemaker gives; 0 when it does not."""
    text = os.environ.get(f"OCF_RESKEY_CRM_meta_{name}", "")
    return int(text) if text.isascii() and text.isdigit() else 0


# ---- the actions: what is true now, or why that cannot be said


def _start(call: Call, resource: Resource, run: Run) -> str:
    for name in agents.moot(os.environ):
        run.log.say(messages.PARAMETER_MOOT, name=name)
    before = _recall(call)
    _remember(call, run, Memory.NONE)
    try:
        lifecycle.hold(resource, run)
    except BaseException:  # also when the time is up
        if not run.report.acted:
            _remember(call, run, before)
        raise
    _remember(call, run, Memory.HELD)
    return f"{resource} is held by this node"


def _stop(call: Call, resource: Resource, run: Run) -> str:
    """Let go. A stop that fails costs the node its life, so it goes on while there is time, unless it may give up."""
    lifecycle.release(resource, run, persistent=_recall(call) not in _NOT_HERE)
    _remember(call, run, Memory.STOPPED)
    return f"{resource} {'stays as it is' if isinstance(resource, RouteResource) else 'is not on this node'}"


def _monitor(call: Call, resource: Resource, run: Run) -> str:
    """Look. Of a route that was stopped here nothing is asked: its entries may well still show this node."""
    if isinstance(resource, RouteResource) and _recall(call) is Memory.STOPPED:
        raise NotHeld(f"{resource} was stopped on this node")
    try:
        lifecycle.check(resource, run)
    except NotHeld:
        _remember(call, run, Memory.ELSEWHERE)
        raise
    _remember(call, run, Memory.HELD)
    return f"{resource} is held by this node"


def _validate(_call: Call, resource: Resource, _run: Run) -> str:
    return f"the parameters can be used, for {resource}"


_ACTIONS: dict[str, Callable[[Call, Resource, Run], str]] = {
    "start": _start,
    "stop": _stop,
    "monitor": _monitor,
    "validate-all": _validate,
}


# ---- what Pacemaker is told


def _refuse(call: Call, run: Run, error: Misconfigured) -> Code:
    """The parameters cannot be used, on any node. What was never started with them is stopped."""
    if call.action == "stop" and (call.agent is agents.ROUTE or _recall(call) is not Memory.HELD):
        what = f"it was never started here, for its parameters cannot be used: {error}"
        run.log.say(messages.END_OK, seconds=run.deadline.spent, what=what)
        return Code.SUCCESS
    return _fail(run, error, Code.ERR_CONFIGURED)


def _finish(call: Call, run: Run, outcome: str | KitError) -> Code:
    """Log the last line and give the exit code: monitor fails only on evidence, start and stop succeed only on it."""
    if isinstance(outcome, str):
        run.log.say(messages.END_OK, seconds=run.deadline.spent, what=outcome)
        return Code.SUCCESS
    if call.action == "monitor":
        if not isinstance(outcome, NotHeld):
            return _unknown(run, outcome, here=call.recurring or _recall(call) is Memory.HELD)
        if call.recurring:
            return _fail(run, outcome, Code.NOT_RUNNING)
        run.log.say(messages.END_OK, seconds=run.deadline.spent, what=f"it is not here: {outcome}")
        return Code.NOT_RUNNING
    untouched = not run.report.acted and _recall(call) in _NOT_HERE
    if call.action == "stop" and untouched and not isinstance(outcome, NotHeld):
        then = "for it was not here at the last look, and this node has not taken it since"
        run.log.say(messages.END_UNKNOWN, seconds=run.deadline.spent, why=outcome.why, then=then)
        return Code.SUCCESS
    final = call.action == "start" and isinstance(outcome, Misconfigured) and outcome.everywhere
    return _fail(run, outcome, Code.ERR_CONFIGURED if final else Code.ERR_GENERIC)


def _unknown(run: Run, error: KitError, *, here: bool) -> Code:
    if isinstance(error, Misconfigured):
        run.log.say(messages.END_MISCONFIGURED, seconds=run.deadline.spent, why=error.why)
    else:
        then = f"the resource counts as {'running' if here else 'not running here'}"
        run.log.say(messages.END_UNKNOWN, seconds=run.deadline.spent, why=error.why, then=then)
    return Code.SUCCESS if here else Code.NOT_RUNNING


def _fail(run: Run, error: KitError, code: Code) -> Code:
    """Log the failure; the very last line is what Pacemaker shows beside it, as far as 128 bytes go."""
    run.log.say(messages.END_FAILED, seconds=run.deadline.spent, why=error.why)
    print(os.environ.get("OCF_EXIT_REASON_PREFIX") or _REASON, error.why, sep="", file=sys.stderr)
    return code


# ---- what this node remembers


def _recall(call: Call) -> Memory:
    try:
        return Memory(files.read(call.file))
    except (ValueError, Misconfigured):  # what cannot be read is not known
        return Memory.NONE


def _remember(call: Call, run: Run, memory: Memory) -> None:
    """Write it down. When that fails, a probe without an answer takes the resource for not running here."""
    try:
        files.change(call.file, lambda _: memory)
    except Misconfigured as error:
        run.log.say(messages.NOT_REMEMBERED, why=error.why)


if __name__ == "__main__":  # `make docs`
    print(agents.meta_data(_AGENTS[sys.argv[1]]), end="")
