"""`ec2kit doctor`: what a person, or a program, sees of what the doctor has found. Exit code 0, 1 or 9."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ec2kit import __version__
from ec2kit.core import messages, schema
from ec2kit.core.doctor.checks import CHECKS
from ec2kit.core.doctor.finding import Case, Mute, Report, Result, SetUp, muted, quiet
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.messages import Level
from ec2kit.core.settings import Budget
from ec2kit.host import files, survey
from ec2kit.host.log import Journal, clock
from ec2kit.lifekeeper import contract, info, preflight
from ec2kit.lifekeeper.cluster import Cluster, cluster_of
from ec2kit.lifekeeper.lcd import system_name
from ec2kit.pacemaker import cib
from ec2kit.pacemaker.cib import Primitive
from ec2kit.verbs import verdicts
from ec2kit.verbs.doctor import examine
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.run import Run

_LIFEKEEPER_SECONDS = 10.0  # for it to tell what it has here
_AT_ONCE = 8  # addresses
_SHOWN = (Result.FAIL, Result.UNKNOWN, Result.BROKEN, Result.WARN)
_ORDER = (*_SHOWN, Result.SKIPPED, Result.OK)
_STYLES = {Result.FAIL: "bold red", Result.WARN: "yellow", Result.OK: "green", Result.SKIPPED: "dim"}


def run(options: argparse.Namespace, resource: Resource | None) -> int:
    """Examine this node; the exit code. resource: what is named; None: by options.tag, or whatever there is here."""
    log = Journal("doctor", options.tag or (str(resource.address) if resource else ""), least=Level.ERROR)
    run = begin(log, lambda settings: options.timeout or settings.seconds(Budget.QUICKCHECK))
    node = system_name(run.settings)
    work = partial(_examined, options, resource, run)
    return conclude(run, work, _code, partial(_tell, options, node))


def _examined(options: argparse.Namespace, resource: Resource | None, run: Run) -> list[Report]:
    cases, mutes, reports = _cases(options, resource, run), _mutes(run), []
    examined = run.deadline.together([partial(examine, case, CHECKS, run) for case in cases], at_most=_AT_ONCE)
    for case, found in zip(cases, examined, strict=True):
        if isinstance(found, KitError):
            raise found
        subject = str(case.resource or "")
        if options.mute:
            mutes[subject, options.mute] = muted(subject, options.mute, time.time() + options.mute_for, found)
        own = {code: each for (about, code), each in mutes.items() if about == subject}
        reports.append(Report(subject, case.name, quiet(found, own, time.time())))
    if options.mute:
        kept = [each.as_json() for each in mutes.values() if each.until > time.time()]
        files.replace(_file(run), json.dumps(kept))
    try:
        verdicts.keep([each for each in reports if each.subject], time.time(), run.settings)
    except KitError as error:
        run.log.say(messages.HISTORY_LOST, why=error.why)
    return reports


def _cases(options: argparse.Namespace, resource: Resource | None, run: Run) -> list[Case]:
    """What is examined: what is named; else each resource that LifeKeeper or Pacemaker has; else any address."""
    lifekeeper = Path(run.settings.lkroot, "bin").is_dir()
    if lifekeeper and not resource:
        cluster = cluster_of(run.settings, run.deadline)
        tags = [options.tag] if options.tag else [each.tag for each in cluster.lcd.ours(most=_LIFEKEEPER_SECONDS)]
        if tags:
            return [_case(tag, cluster, run) for tag in tags]
    known, alone = _pacemakers(run), Case(resource, run.settings, options.reach, options.interface)
    if options.tag:
        return [_of_name(options.tag, known)]
    if resource:
        set_up = next((each.set_up for each in known or [] if _same(each.resource, resource)), alone.set_up)
        return [replace(alone, set_up=set_up)]
    if known is None and not lifekeeper:
        return [replace(alone, set_up=SetUp((cib.SILENT,), cib.FINDS))]
    return known or [alone]


def _of_name(tag: str, known: list[Case] | None) -> Case:
    """Pacemaker's resource of that name. known: all that it has, None where it does not tell."""
    if known is None:
        raise Unavailable(cib.SILENT.what, cib.SILENT.cure)
    for each in known:
        if each.name == tag:
            return each
    what = f'LifeKeeper is not here, and Pacemaker has no resource "{tag}" of the kit'
    raise Misconfigured(what, "Name the address: ec2kit doctor KIND ADDRESS")


def _same(one: Resource | None, other: Resource) -> bool:
    return one is not None and (one.kind, one.address) == (other.kind, other.address)


def _case(tag: str, cluster: Cluster, run: Run) -> Case:
    there = cluster.ours(tag)
    try:
        known = info.decode(there.info)
    except KitError as error:
        return Case(None, run.settings, name=tag, unfit=error)
    active = there.state in contract.IN_SERVICE_STATES
    set_up = preflight.set_up(run.settings, KINDS[known.resource.kind])
    return Case(
        known.resource, run.settings, known.reach, known.resource.interface, active, known.vpc, tag, set_up=set_up
    )


def _pacemakers(run: Run) -> list[Case] | None:
    """What Pacemaker has here of the kit's agents; None where it is here and does not tell."""
    try:
        told = survey.output(cib.QUERY)
        found = [] if told is None else cib.read(told, system_name(run.settings))
    except Unavailable:
        return None
    return [_primitive(each, run) for each in found]


def _primitive(found: Primitive, run: Run) -> Case:
    named = found.named
    if isinstance(named, KitError):
        return Case(None, run.settings, name=found.id, unfit=named, set_up=found.set_up)
    where = named.resource.interface
    return Case(named.resource, run.settings, named.reach, where, name=found.id, set_up=found.set_up)


def _code(outcome: list[Report] | KitError) -> int:
    """1 when something hinders a takeover, else 9 when that is not known, else 0; an error's own."""
    if isinstance(outcome, KitError):
        return outcome.code
    codes = {report.code for report in outcome}
    return next((code for code in (ExitCode.NOT_HELD, ExitCode.UNAVAILABLE) if code in codes), ExitCode.OK)


def _tell(options: argparse.Namespace, node: str, outcome: list[Report] | KitError, code: int) -> None:
    if options.output == "json":
        print(json.dumps(_as_json(node, outcome, code)), flush=True)
    elif isinstance(outcome, KitError):
        print(outcome.why, file=sys.stderr)
    else:
        _show(outcome, node, long=options.long)


def _as_json(node: str, outcome: list[Report] | KitError, code: int) -> schema.Object:
    """All of it. error: what kept everything from being looked at, else null."""
    return schema.VERSION | {
        "system": node,
        "outcome": ExitCode(code).name,
        "error": {"message": str(outcome), "cure": outcome.cure} if isinstance(outcome, KitError) else None,
        "version": __version__,
        "python": platform.python_version(),
        "reports": [] if isinstance(outcome, KitError) else [each.as_json(node) for each in outcome],
    }


def _show(reports: Sequence[Report], node: str, *, long: bool) -> None:
    """The verdicts first; then what is not as it should be, each thing once; with `long` also what is right."""
    from rich.console import Console
    from rich.text import Text

    out = Console(highlight=False, soft_wrap=True)
    for report in reports:
        style = {ExitCode.OK: "green", ExitCode.NOT_HELD: "bold red"}.get(report.code, "yellow")
        out.print(Text(f"{report.verdict(node)}.", style))
    told: set[tuple[str, str]] = set()
    for report in reports:
        for finding in sorted(report.findings, key=lambda each: _ORDER.index(each.result)):
            key = (finding.check.code, finding.what)
            if key in told or not (long or finding.result in _SHOWN):
                continue
            told.add(key)
            until = f"  muted until {clock(finding.muted)}" if finding.muted else ""
            head = f"{finding.result.value:8}{finding.check.code} ({finding.check.number}){until}"
            out.print(Text(head, _STYLES.get(finding.result, "magenta")))
            out.print(Text(f"        {finding.what}."))
            if finding.cure:
                out.print(Text(f"        {finding.cure}."))
    count = {result: sum(f.result is result for r in reports for f in r.findings) for result in Result}
    skipped = f"; not looked at: {count[Result.SKIPPED]}" if count[Result.SKIPPED] else ""
    out.print(Text(f"Checks that are right: {count[Result.OK]}{skipped}. All of them: --long", "dim"))


def _file(run: Run) -> Path:
    return Path(run.settings.ec2kit_history, "doctor", "muted.json")


def _mutes(run: Run) -> dict[tuple[str, str], Mute]:
    """What is muted, by address and code; what cannot be read mutes nothing."""
    try:
        told = json.loads(files.read(_file(run)) or "[]")
        return {(each.subject, each.code): each for each in map(Mute.of_json, told)}
    except (KitError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {}
