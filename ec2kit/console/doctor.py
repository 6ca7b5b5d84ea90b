"""`ec2kit doctor`: what a person, or a program, sees of what the doctor has found. Exit code 0, 1 or 9."""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ec2kit import __version__
from ec2kit.core import messages, schema
from ec2kit.core.doctor.checks import CHECKS
from ec2kit.core.doctor.finding import Case, Finding, Mute, Report, Result, SetUp, muted, quiet
from ec2kit.core.doctor.others import Told, compared
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.messages import Level
from ec2kit.core.settings import Budget
from ec2kit.core.words import one_line
from ec2kit.host import files, survey
from ec2kit.host.log import Journal, clock
from ec2kit.lifekeeper import contract, info, preflight
from ec2kit.lifekeeper.cluster import Cluster, cluster_of
from ec2kit.lifekeeper.lcd import system_name
from ec2kit.lifekeeper.systems import hierarchy, not_here, told_by_others
from ec2kit.pacemaker import cib
from ec2kit.pacemaker.cib import Primitive
from ec2kit.verbs import verdicts
from ec2kit.verbs.doctor import examine, library
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


@dataclass(frozen=True)
class Outcome:
    """What this node has found, its versions, and what others tell. elsewhere: the command to run there by hand."""

    own: Told
    reports: tuple[Report, ...]
    others: tuple[Told, ...] = ()
    elsewhere: str | None = None


def of_file(path: str) -> Told:
    """What doctor has printed on another node. Raises ValueError."""
    try:
        return Told.of_json(json.loads(files.read_anyones(Path(path))))
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ValueError(f"{path} is not what 'ec2kit doctor --output json' prints") from None


def _examined(options: argparse.Namespace, resource: Resource | None, run: Run) -> Outcome:
    wanted = cases(options, resource, run)
    ask = options.all_systems and _has_lifekeeper(run)
    found, told = run.deadline.both(
        lambda: run.deadline.together([partial(examine, case, CHECKS, run) for case in wanted], at_most=_AT_ONCE),
        lambda: _elsewhere(options, run) if ask else [],
    )
    own, others = Told(system_name(run.settings), ExitCode.OK, _versions()), (*told, *options.others)
    reports = _reports(options, [*zip(wanted, found, strict=True)], compared(own, others), run)
    words = ["ec2kit", "doctor", *options.what, *_reach(options), "--output", "json"]
    return Outcome(own, tuple(reports), others, shlex.join(words) if options.all_systems and not ask else None)


def _has_lifekeeper(run: Run) -> bool:
    return Path(run.settings.lkroot, "bin").is_dir()


def _elsewhere(options: argparse.Namespace, run: Run) -> list[Told]:
    """What LifeKeeper's other systems tell."""
    words = [*options.what, *_reach(options)]
    return told_by_others(options.tag or "", words, cluster_of(run.settings, run.deadline), run)


def _reach(options: argparse.Namespace) -> list[str]:
    """The options that are the same on every node."""
    given = {"--region": options.region, "--profile": options.profile, "--endpoint-url": options.endpoint_url}
    return [word for name, value in given.items() if value for word in (name, value)]


def _versions() -> dict[str, str | bool]:
    found: dict[str, str | bool] = {"version": __version__, "python": platform.python_version()}
    try:
        botocore, shapes = library()
    except ImportError:  # a check has told that
        return found
    return {**found, "botocore": botocore, "shapes": shapes}


def _reports(
    options: argparse.Namespace,
    examined: Sequence[tuple[Case, tuple[Finding, ...] | KitError]],
    shared: Sequence[Finding],
    run: Run,
) -> list[Report]:
    """A report for each address. shared: findings that are about all of them. What is to be muted is written down."""
    mutes, reports = _mutes(run), []
    for case, found in examined:
        if isinstance(found, KitError):
            raise found
        whole = (*found, *shared)
        subject = str(case.resource or "")
        if options.mute:
            mutes[subject, options.mute] = muted(subject, options.mute, time.time() + options.mute_for, whole)
        own = {code: each for (about, code), each in mutes.items() if about == subject}
        reports.append(Report(subject, case.name, quiet(whole, own, time.time())))
    if options.mute:
        kept = [each.as_json() for each in mutes.values() if each.until > time.time()]
        files.replace(_file(run), json.dumps(kept))
    try:
        verdicts.keep([each for each in reports if each.subject], time.time(), run.settings)
    except KitError as error:
        run.log.say(messages.HISTORY_LOST, why=error.why)
    return reports


def cases(options: argparse.Namespace, resource: Resource | None, run: Run) -> list[Case]:
    """What is examined: what is named; else each resource that LifeKeeper or Pacemaker has; else any."""
    lifekeeper = _has_lifekeeper(run)
    if lifekeeper and not resource:
        cluster = cluster_of(run.settings, run.deadline)
        tags = [options.tag] if options.tag else [each.tag for each in cluster.lcd.ours(most=_LIFEKEEPER_SECONDS)]
        if tags:
            return [_case(tag, cluster, run) for tag in tags]
        alone = Case(resource, run.settings, options.reach, options.interface, set_up=not_here(cluster))
    else:
        alone = Case(resource, run.settings, options.reach, options.interface)
    known = _pacemakers(run)
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
    set_up = preflight.set_up(run.settings, KINDS[known.resource.kind], hierarchy(tag, cluster))
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


def _code(outcome: Outcome | KitError) -> int:
    """1 when something hinders a takeover, by any node, else 9 when that is not known, else 0; an error's own."""
    if isinstance(outcome, KitError):
        return outcome.code
    codes = {report.code for report in outcome.reports} | {each.outcome for each in outcome.others}
    if ExitCode.NOT_HELD in codes:
        return ExitCode.NOT_HELD
    return ExitCode.UNAVAILABLE if codes - {ExitCode.OK} else ExitCode.OK


def _tell(options: argparse.Namespace, node: str, outcome: Outcome | KitError, code: int) -> None:
    if options.output == "json":
        print(json.dumps(_as_json(node, outcome, code)), flush=True)
    elif isinstance(outcome, KitError):
        print(outcome.why, file=sys.stderr)
    else:
        _show(outcome, node, long=options.long)


def _as_json(node: str, outcome: Outcome | KitError, code: int) -> schema.Object:
    """All of it. error: what kept everything from being looked at, else null."""
    if isinstance(outcome, KitError):
        versions = {"version": __version__, "python": platform.python_version()}
        error = {"message": str(outcome), "cure": outcome.cure}
        own = Told(node, ExitCode(code), versions, error=error)
        return schema.VERSION | own.as_json() | {"others": [], "elsewhere": None}
    reports = tuple(each.as_json(node) for each in outcome.reports)
    own = replace(outcome.own, system=node, outcome=ExitCode(code), reports=reports)
    others = {"others": [each.as_json() for each in outcome.others], "elsewhere": outcome.elsewhere}
    return schema.VERSION | own.as_json() | others


def _show(outcome: Outcome, node: str, *, long: bool) -> None:
    """The verdicts first; then what is not as it should be, each thing once; with `long` also what is right."""
    from ec2kit.console import tables

    out = tables.screen()
    own = [(report.code, report.verdict(node)) for report in outcome.reports]
    for code, verdict in (*own, *(each for other in outcome.others for each in other.verdicts)):
        style = {ExitCode.OK: "green", ExitCode.NOT_HELD: "bold red"}.get(code, "yellow")
        tables.line(out, f"{verdict}.", style)
    if outcome.elsewhere:
        tables.line(out, f"On each other node: {outcome.elsewhere} > FILE; then here, with --with FILE.")
    tell = _Teller(partial(tables.line, out), long=long)
    for report in outcome.reports:
        tell.findings([each.as_json() for each in report.findings])
    for other in outcome.others:
        for told in other.reports:
            tell.findings(told["findings"], f" on {other.system}")
    count = {result: sum(f.result is result for r in outcome.reports for f in r.findings) for result in Result}
    skipped = f"; not looked at: {count[Result.SKIPPED]}" if count[Result.SKIPPED] else ""
    tables.line(out, f"Checks that are right: {count[Result.OK]}{skipped}. All of them: --long", "dim")


class _Teller:
    """Tells findings, each once. long: also what is right."""

    def __init__(self, say: Callable[[str, str], None], *, long: bool) -> None:
        self._say, self._long = say, long
        self._told: set[tuple[str, str, str]] = set()

    def findings(self, found: Iterable[schema.Object], where: str = "") -> None:
        """Those that are worth it, the worst first."""
        for each in sorted(found, key=lambda each: _ORDER.index(Result(each["result"]))):
            result, muted = Result(each["result"]), None if where else each["muted_until"]
            key = (where, str(each["code"]), str(each["what"]))
            if key in self._told or not (self._long or result in _SHOWN):
                continue
            self._told.add(key)
            until = f"  muted until {clock(muted)}" if muted else ""
            head = f"{result.value:8}{each['code']} ({each['number']}){where}{until}"
            self._say(one_line(head), _STYLES.get(result, "magenta"))
            for line in filter(None, (each["what"], each["cure"])):
                self._say(one_line(f"        {line}."), "")


def _file(run: Run) -> Path:
    return Path(run.settings.ec2kit_history, "doctor", "muted.json")


def _mutes(run: Run) -> dict[tuple[str, str], Mute]:
    """What is muted, by address and code; what cannot be read mutes nothing."""
    try:
        told = json.loads(files.read(_file(run)) or "[]")
        return {(each.subject, each.code): each for each in map(Mute.of_json, told)}
    except (KitError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {}
