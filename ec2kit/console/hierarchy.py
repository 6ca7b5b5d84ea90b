"""The hierarchy from the command line: one function a command. Each goes through LifeKeeper's programs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from ec2kit.core import messages, schema
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, NotHeld
from ec2kit.core.messages import Level
from ec2kit.core.model import BY_SETTINGS, Reach
from ec2kit.core.settings import Budget
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import actions, contract, info, keys, managers, properties, status
from ec2kit.lifekeeper.choices import choices
from ec2kit.lifekeeper.cluster import PATIENCE, Cluster, cluster_of
from ec2kit.lifekeeper.lcd import system_name
from ec2kit.lifekeeper.managers import Extension
from ec2kit.lifekeeper.options import ask_key, creation
from ec2kit.verbs.process import attempt, begin, settings_now
from ec2kit.verbs.run import Run


def run(options: argparse.Namespace) -> int:
    """Carry out one command of the hierarchy; the exit code."""
    quiet = options.verb in {"status", "choices"}  # what they find is all that they tell
    log = Journal(options.verb, getattr(options, "tag", None) or "", least=Level.ERROR if quiet else Level.INFO)
    outcome = attempt(lambda: _carried_out(options, log, quiet=quiet), log)
    if isinstance(outcome, KitError):
        log.say(messages.FAILED, why=outcome.why)
        return outcome.code
    return outcome


def _carried_out(options: argparse.Namespace, log: Journal, *, quiet: bool) -> int:
    if options.verb == "create":
        options.wanted = creation(options, options.refuse)
        if options.wanted.server in {None, system_name(settings_now())}:
            return actions.create_asking(options.wanted)  # as LifeKeeper's own create does
    run = begin(log, lambda settings: settings.seconds(Budget.QUICKCHECK) if quiet else PATIENCE)
    return _COMMANDS[options.verb](options, cluster_of(run.settings, run.deadline), run)


def _create(options: argparse.Namespace, cluster: Cluster, _run: Run) -> int:
    """Create on another system: that system's own create does it."""
    wanted = options.wanted
    if wanted.key_id:
        raise Misconfigured("an access key is given on the system that keeps it", f"Run this on {wanted.server}")
    code, output = cluster.ask("create", wanted.server, *wanted.arguments())
    print(output, end="")
    return code


def _choices(options: argparse.Namespace, _cluster: Cluster, run: Run) -> int:
    run = replace(run, reach=Reach(profile=options.profile, url=options.ec2_url))
    print(json.dumps(choices(run).as_json()))
    return ExitCode.OK


def _key(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    """Give this system another access key for a resource, or the first one, before it is extended to it."""
    key = ask_key(options.access_key_id)
    there = cluster.lcd.instance(options.tag)
    known = info.decode(cluster.ours(options.tag).info).reach if there else BY_SETTINGS
    reach = Reach(known.region, url=options.ec2_url or known.url)
    keys.prove(options.tag, replace(run, key=key, reach=reach))
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
            raise Misconfigured(f"{options.tag} was not deleted", "To delete it, answer y or give --yes")
    managers.delete(options.tag, cluster)
    return ExitCode.OK


def _properties(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    if options.set:
        properties.change(options.tag, dict(options.set), cluster, run)
    found = properties.properties(options.tag, cluster)
    if options.output == "json":
        print(json.dumps(found.as_json()))
    else:
        from ec2kit.console import tables

        tables.show_properties(found)
    return ExitCode.OK


def _status(options: argparse.Namespace, cluster: Cluster, run: Run) -> int:
    found = status.collect(options.tag, cluster, run, here=options.here)
    if options.output == "json":
        told = {"system": cluster.system, "resources": [each.as_json() for each in found]}
        print(json.dumps(schema.VERSION | told))
    elif found:
        from ec2kit.console import tables

        tables.show_status(found)
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
