"""The hierarchy from the command line: one function a command. Each goes through LifeKeeper's programs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from ec2kit.console import tables
from ec2kit.core import messages
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, NotHeld
from ec2kit.core.messages import Level
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import actions, choices, contract, create, info, managers, properties, status
from ec2kit.lifekeeper.lcd import Lcd
from ec2kit.lifekeeper.managers import PATIENCE, Cluster, Extension
from ec2kit.lifekeeper.options import ask_key
from ec2kit.verbs.look import Run
from ec2kit.verbs.process import attempt, read_settings, system_name


def run(options: argparse.Namespace) -> int:
    """Carry out one command of the hierarchy; the exit code."""
    settings, notes = read_settings()
    quiet = options.verb in {"status", "choices"}  # what they find is all that they tell
    log = Journal(options.verb, getattr(options, "tag", None) or "", least=Level.ERROR if quiet else Level.INFO)
    for message, facts in notes if options.verb != "create" else ():  # create tells them itself
        log.say(message, **facts)
    deadline = Deadline(settings.ec2_quickcheck_timeout if quiet else PATIENCE)
    cluster = Cluster(Lcd(settings.lkroot, deadline), system_name(settings), settings.lkroot)
    outcome = attempt(lambda: _COMMANDS[options.verb](options, cluster, Run(settings, deadline, log)), log)
    if isinstance(outcome, KitError):
        log.say(messages.FAILED, why=outcome.why)
        return outcome.code
    return outcome


def _create(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    """Create on this system as LifeKeeper's own create does; on another one, that system's create does it."""
    if options.server in {None, cluster.system}:
        actions.main("create", options.given)
    if options.access_key_id:
        raise Misconfigured(
            "an access key is given on the system that is to keep it", f"Run this on {options.server}"
        )
    code, output = cluster.ask("create", options.server, *options.given)
    print(output, end="")
    return code


def _choices(options: argparse.Namespace, _cluster: Cluster, run: Run) -> int:
    run = replace(run, url=options.ec2_url, profile=options.profile)
    print(json.dumps(choices.as_json(choices.offer(run))))
    return ExitCode.OK


def _key(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    """Give this system another access key for a resource, or the first one, before it is extended to it."""
    key = ask_key(options.access_key_id)
    there = cluster.lcd.instance(options.tag)
    known = info.decode(cluster.ours(options.tag).info) if there else None
    url, region = (known.url, known.region) if known else (None, None)
    create.prove_key(options.tag, replace(run, key=key, url=options.ec2_url or url, region=region))
    return ExitCode.OK


def _perform(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    """In service or out of service, as LifeKeeper's core does it; its own lines are shown as they come."""
    tag, words = options.tag, options.verb.replace("-", " ")
    if cluster.lcd.instance(tag) is None:
        raise Misconfigured(f'there is no resource "{tag}" on {cluster.system}', "See the tags with ec2kit status")
    action = "restore" if options.verb == "in-service" else "remove"
    code, _ = cluster.lcd.run("perform_action", "-t", tag, "-a", action, accept=range(1, 256))
    if code:
        raise NotHeld(f"{tag} could not be brought {words} on {cluster.system}", "The lines above tell why")
    print(f"{tag} is {words} on {cluster.system}.")
    return ExitCode.OK


def _extend(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    wanted = Extension(
        tag=options.tag,
        to=options.to,
        interface=options.interface,
        switchback=options.switchback,
        template_priority=options.template_priority,
        target_priority=options.target_priority,
    )
    managers.extend(wanted, cluster)
    return ExitCode.OK


def _unextend(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    managers.unextend(options.tag, options.system, cluster)
    return ExitCode.OK


def _delete(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    cluster.ours(options.tag)
    systems = ", ".join(cluster.systems_with(options.tag))
    if not options.yes and sys.stdin.isatty():
        answer = input(f"Delete {options.tag} from {systems}? AWS stays as it is. [y/N] ")
        if answer.strip().lower() not in {"y", "yes"}:
            raise Misconfigured(f"{options.tag} was not deleted", "It was not confirmed")
    managers.delete(options.tag, cluster)
    return ExitCode.OK


def _properties(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    if options.set:
        properties.change(options.tag, dict(options.set), cluster, run)
    found = properties.view(options.tag, cluster)
    if options.output == "json":
        print(json.dumps(found))
    else:
        tables.properties_text(found)
    return ExitCode.OK


def _status(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    found = status.collect(status.Asked(options.tag, here=options.here), cluster, run)
    if options.output == "json":
        print(json.dumps({"system": cluster.system, "resources": found}))
    elif found:
        tables.status_text(found)
    else:
        print(f"{cluster.system} has no resource of type {contract.APP}/{contract.TYPE}; make one: ec2kit create")
    return status.code(found)


_COMMANDS = {
    "create": _create,
    "choices": _choices,
    "extend": _extend,
    "key": _key,
    "unextend": _unextend,
    "delete": _delete,
    "in-service": _perform,
    "out-of-service": _perform,
    "properties": _properties,
    "status": _status,
}
