"""`ec2kit doctor ... --policy`: the least IAM policy for one address on this node, to paste."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from functools import partial

from ec2kit.console.doctor import cases
from ec2kit.core.errors import ExitCode, KitError, Misconfigured
from ec2kit.core.kinds.facts import Interfaces
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.messages import Level
from ec2kit.core.policy import policy, unknown
from ec2kit.core.schema import Object
from ec2kit.core.settings import Budget
from ec2kit.core.words import one_line
from ec2kit.host.log import Journal
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import look
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.run import Record, Run


def run(options: argparse.Namespace, resource: Resource | None) -> int:
    """Print the policy, and to standard error what it cannot know; the exit code."""
    log = Journal("doctor", options.tag or (str(resource.address) if resource else ""), least=Level.ERROR)
    run = begin(log, lambda settings: options.timeout or settings.seconds(Budget.QUICKCHECK))
    return conclude(run, partial(_policy, options, resource, run), _code, _tell)


def _policy(options: argparse.Namespace, resource: Resource | None, run: Run) -> tuple[Object, list[str]]:
    (case,) = cases(options, resource, run)
    if case.unfit or case.resource is None:
        raise case.unfit or Misconfigured("no address is named", "Name it: ec2kit doctor KIND ADDRESS --policy")
    run = replace(run, reach=case.reach, record=Record())
    site = locate(case.interface, run, let_go=True)
    view = look(case.resource, site, run, whole=True)
    ours = site.ec2.ask(Interfaces(site.node.instance))
    account = next((each.owner for each in ours if each.id == view.seat), "")
    partition = site.ec2.way.client.meta.partition
    made = policy(view, partition=partition, region=site.node.region, account=account)
    return made, unknown(view, account)


def _code(outcome: tuple[Object, list[str]] | KitError) -> int:
    return outcome.code if isinstance(outcome, KitError) else ExitCode.OK


def _tell(outcome: tuple[Object, list[str]] | KitError, _code: int) -> None:
    if isinstance(outcome, KitError):
        print(outcome.why, file=sys.stderr)
        return
    made, missing = outcome
    print(json.dumps(made, indent=2), flush=True)
    for each in missing:
        print(one_line(f"{each}."), file=sys.stderr)
