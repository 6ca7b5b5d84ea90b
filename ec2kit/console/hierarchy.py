"""The hierarchy from the command line: one function a command. Each goes through LifeKeeper's programs."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core import messages, schema
from ec2kit.core.errors import ExitCode, KitError, Misconfigured
from ec2kit.core.messages import Level
from ec2kit.core.model import BY_SETTINGS, Reach
from ec2kit.core.settings import Budget
from ec2kit.host import guard
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import (
    actions,
    changeover,
    create,
    info,
    keys,
    managers,
    past,
    peers,
    properties,
    service,
)
from ec2kit.lifekeeper.choices import choices
from ec2kit.lifekeeper.cluster import PATIENCE, Cluster, cluster_of
from ec2kit.lifekeeper.forms import FORMS
from ec2kit.lifekeeper.lcd import system_name
from ec2kit.lifekeeper.managers import Extension
from ec2kit.lifekeeper.options import ask_key, own_of
from ec2kit.verbs.process import attempt, begin, conclude, forget_strangers, settings_now
from ec2kit.verbs.run import Run

REPORTED = frozenset({"create", "extend", "unextend", "delete", "in-service", "out-of-service", "key", "info"})
_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True)
class Done:
    """What a command has come to: its exit code, and its last line, or what prints what it has found."""

    code: int = ExitCode.OK
    what: str = ""
    show: Callable[[], None] | None = None

    def tell(self) -> None:
        """Print it."""
        if self.show:
            self.show()
        elif self.what:
            print(self.what)


class _Report:
    """A command's one JSON object on standard output; what LifeKeeper's programs print goes to standard error."""

    def __init__(self, verb: str, tag: str) -> None:
        self._verb, self._tag, self._output = verb, tag, -1
        with suppress(OSError):  # where it is closed, nobody reads
            self._output = os.dup(_STDOUT)
            os.dup2(_STDERR, _STDOUT)

    def outcome(self, what: str | KitError, code: int) -> None:
        """Print it."""
        with suppress(OSError):
            os.dup2(self._output, _STDOUT)
        print(json.dumps(reported(self._verb, self._tag, what, code)), flush=True)


def reported(verb: str, tag: str, what: str | KitError, code: int) -> schema.Object:
    """What a command for LifeKeeper's hierarchy has come to."""
    message, cure = (what, "") if isinstance(what, str) else (str(what), what.cure)
    return schema.VERSION | {
        "verb": verb,
        "tag": tag or None,
        "outcome": ExitCode(code).name,
        "exit_code": int(code),
        "message": message,
        "cure": cure,
    }


def run(options: argparse.Namespace) -> int:
    """Carry out one command of the hierarchy; the exit code."""
    forget_strangers()
    if options.verb == "status" and options.watch:
        from ec2kit.console import status

        return status.watch(options)
    quiet = options.verb in {"status", "choices"}  # they tell what they find, and what is wrong with the settings
    named = getattr(options, "wanted", None) or options
    tag = getattr(options, "of", None) or getattr(named, "tag", None) or ""
    log = Journal(options.verb, tag, least=Level.WARN if quiet else Level.INFO)
    report = _Report(options.verb, tag) if options.verb in REPORTED and options.output == "json" else None
    if options.verb == "create" and options.wanted.server in {None, system_name(settings_now())}:
        then = report.outcome if report else lambda _outcome, _code: None
        return actions.create_asking(options.wanted, then)  # as LifeKeeper's own create does
    if options.verb == "key":
        guard.allow(math.inf)  # a person's typing of the secret is not of the run's time
        options.key = attempt(lambda: ask_key(options.access_key_id), log)
    budget = _BUDGETS.get(options.verb)
    if "type" in dict(getattr(options, "set", None) or ()):
        budget = None
    run = begin(log, lambda settings: settings.seconds(budget) if budget else PATIENCE)
    cluster = cluster_of(run.settings, run.deadline)
    command = partial(_command, options, cluster, run)
    return conclude(run, command, lambda done: done.code, partial(_tell, log, report))


def _command(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    """Carry the command out; before, tell of each change of a resource's form that was cut off."""
    tags = [options.tag] if getattr(options, "tag", None) else past.changes(run.settings)
    for tag in tags:
        try:
            if said := changeover.cut_off(tag, run):
                run.log.say(messages.PROBLEM, problem=said)
        except KitError as error:  # nothing but a change needs it
            run.log.say(messages.CAUTION, problem=error.why)
    return _COMMANDS[options.verb](options, cluster, run)


def _tell(log: Journal, report: _Report | None, done: Done | KitError, code: int) -> None:
    if isinstance(done, KitError):
        log.say(messages.FAILED, why=done.why)
    elif report is None:
        done.tell()
    if report:
        report.outcome(done if isinstance(done, KitError) else done.what, code)


def _create(options: argparse.Namespace, cluster: Cluster, _run: Run) -> Done:
    """Create on another system: that system's own create does it."""
    wanted = options.wanted
    cluster.need_system(wanted.server)
    if wanted.key_id:
        raise Misconfigured("an access key is given on the system that keeps it", f"Run this on {wanted.server}")
    code, output = cluster.ask("create", wanted.server, *wanted.arguments())
    return Done(code, output.strip())


def _choices(options: argparse.Namespace, _cluster: Cluster, run: Run) -> Done:
    run = replace(run, reach=Reach(profile=options.profile, url=options.ec2_url))
    return Done(show=partial(print, json.dumps(choices(run).as_json())))


def _info(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    """The info field that a resource has here, or would have here: for LifeKeeper's GUI, and for another system."""
    if options.wanted:
        run = replace(run, reach=options.wanted.reach)
        told = f"the info field of {options.wanted.tag} cannot be told yet"
        known = create.outline(options.wanted, cluster.system, run, cluster.lcd, refusal=told).known
    elif options.template == cluster.system:
        raise Misconfigured(
            f"{options.template} is this system", "Run this on the one that is to have the resource, too"
        )
    elif options.template:
        cluster.need_system(options.template)
        known = create.check_extend(options.template, options.of, run, cluster.lcd, own_of(options))
        peers.tell(known.resource, options.template, options.of, cluster.lcd)
    else:
        known = info.decode(cluster.ours(options.of).info)
    return Done(what=info.encode(known))


def _key(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    """Give this system another access key for a resource, or the first one, before it is extended to it."""
    key = options.key
    if isinstance(key, KitError):
        raise key
    found = cluster.anywhere(options.tag)
    known = info.decode(found.info).reach if found else BY_SETTINGS
    if found:
        keys.need_own(options.tag, known)
    reach = Reach(known.region, url=options.ec2_url or known.url)
    keys.prove(options.tag, replace(run, key=key, reach=reach))
    return Done()


def _in_service(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    return Done(what=service.bring_in(options.tag, cluster, run, force=options.force))


def _out_of_service(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    return Done(what=service.take_out(options.tag, cluster, run))


def _extend(options: argparse.Namespace, cluster: Cluster, _run: Run) -> Done:
    wanted = Extension(
        tag=options.tag,
        to=options.to,
        own=own_of(options),
        switchback=options.switchback,
        template_priority=options.template_priority,
        target_priority=options.target_priority,
    )
    managers.extend(wanted, cluster)
    return Done()


def _unextend(options: argparse.Namespace, cluster: Cluster, _run: Run) -> Done:
    managers.unextend(options.tag, options.system, cluster)
    return Done()


def _delete(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    if cluster.lcd.instance(options.tag) is None and keys.forget(options.tag, run):
        return Done()  # a create that was killed has left the key, and nothing else
    cluster.ours(options.tag)
    systems = ", ".join(cluster.systems_with(options.tag))
    if not options.yes and sys.stdin and sys.stdin.isatty():
        try:
            answer = input(f"Delete {options.tag} from {systems}? AWS stays as it is. [y/N] ")
        except EOFError:  # Ctrl-D
            answer = ""
        if answer.strip().lower() not in {"y", "yes"}:
            raise Misconfigured(f"{options.tag} was not deleted", "To delete it, answer y or give --yes")
    managers.delete(options.tag, cluster, changeover.systems(options.tag, run))
    return Done()


def _properties(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    wanted = dict(options.set or ())
    form = wanted.pop("type", None)
    if wanted:
        properties.change(options.tag, wanted, cluster, run)
    if form:
        changeover.change(options.tag, FORMS[form], cluster, run)
    found = properties.properties(options.tag, cluster)
    told = found.as_json()  # it raises, for people too, what is wrong with any of it
    if options.output == "json":
        return Done(show=partial(print, json.dumps(told)))
    from ec2kit.console import tables

    return Done(show=partial(tables.show_properties, found))


def _status(options: argparse.Namespace, cluster: Cluster, run: Run) -> Done:
    from ec2kit.console import status

    found = status.collect(options.tag, cluster, run, here=options.here)
    if options.output == "json":
        return Done(found.code, show=partial(print, json.dumps(found.as_json())))
    return Done(found.code, show=partial(found.show, long=options.long or options.tag is not None))


_BUDGETS = {
    "status": Budget.QUICKCHECK,
    "choices": Budget.QUICKCHECK,
    "info": Budget.RESTORE,
    "key": Budget.RESTORE,
    "properties": Budget.RESTORE,
}  # the others take as long as LifeKeeper does
_COMMANDS = {
    "create": _create,
    "choices": _choices,
    "extend": _extend,
    "info": _info,
    "key": _key,
    "unextend": _unextend,
    "delete": _delete,
    "in-service": _in_service,
    "out-of-service": _out_of_service,
    "properties": _properties,
    "status": _status,
}
