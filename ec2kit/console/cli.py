"""The admin's command line: `ec2kit hold|check|release|plan` for any engine, LifeKeeper's hierarchy, explain."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ec2kit import __version__
from ec2kit.console.outcome import Outcome
from ec2kit.core import history, messages
from ec2kit.core.errors import ExitCode, KitError, NotHeld
from ec2kit.core.kinds.kind import Kind, Parameter, Resource
from ec2kit.core.kinds.known import KINDS, OWN
from ec2kit.core.messages import Level
from ec2kit.core.model import Reach
from ec2kit.core.settings import Budget
from ec2kit.core.words import meant, one_line
from ec2kit.host import guard
from ec2kit.host.log import Journal, Quiet
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.options import (
    SWITCHBACK_HELP,
    URL_HELP,
    URL_OPTIONS,
    Parser,
    create_parser,
    creation,
    creation_of,
    given_of,
    own_options,
    resource_parser,
    value_of,
    values_of,
)
from ec2kit.verbs import claims, lifecycle, past
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.run import Run

T = TypeVar("T")
_SAME_AS = {"help": "--help", "version": "--version"}
UNASKED: dict[str, Any] = {"switchback": "intelligent", "server": None, "access_key_id": None, "generic": True}
_DAY = 86_400  # seconds
_MUTED_DAYS = 90
_OUTPUT = "text for people (the default), or JSON"
_TAG = "tag of the resource in LifeKeeper"
Verb = Callable[[Resource, Run], None]


def _hold(resource: Resource, run: Run, planned: str = "", *, force: bool = False) -> None:
    from ec2kit.pacemaker import memory

    if not force:
        from ec2kit.console import engines

        engines.refuse(resource, run)
    memory.hold(resource, run, planned=planned)


def _check(resource: Resource, run: Run) -> None:
    try:
        lifecycle.check(resource, run)
    except NotHeld as error:
        from ec2kit.console import engines

        if error.cure == lifecycle.MEND and (owner := engines.ask(resource, run)):
            raise NotHeld(str(error), f"{owner.name} has it. {owner.way}") from error
        raise


def _plan(resource: Resource, run: Run) -> None:
    lifecycle.plan(resource, run)
    if run.record.todo:
        from ec2kit.console import engines

        if owner := engines.ask(resource, run):
            run.log.say(messages.CAUTION, problem=f"{owner.name} has {resource}: hold would ask for --force")


def _release(resource: Resource, run: Run) -> None:
    from ec2kit.pacemaker import memory

    memory.release(resource, run)


_VERBS: dict[str, tuple[Verb, Budget, str]] = {
    "hold": (_hold, Budget.RESTORE, "make this node hold the address"),
    "check": (_check, Budget.QUICKCHECK, "tell whether this node holds the address"),
    "release": (_release, Budget.REMOVE, "let go of the address if it is this node's"),
    "plan": (_plan, Budget.QUICKCHECK, "show what hold would do; changes nothing"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code, of ec2kit.core.errors.ExitCode."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["create"], ["create", "--generic"]):
        return create(given[1:])
    options = _parsed(_options, given)
    if options.verb in _VERBS:
        return _run_verb(options)
    if options.verb == "explain":
        from ec2kit.console import explain

        return explain.run(options.line, options.output)
    if options.verb == "doctor":
        from ec2kit.console import doctor, policy

        options.reach = Reach(options.region, options.profile, options.endpoint_url)
        resource = _resource(options) if options.kind else None
        return policy.run(options, resource) if options.policy else doctor.run(options, resource)
    if options.verb == "collect":
        from ec2kit.console import collect

        return collect.run(options)
    from ec2kit.console import hierarchy

    return hierarchy.run(options)


def create(arguments: Sequence[str] | None = None) -> int:
    """LifeKeeper's script create, and `ec2kit create`: on a terminal, without what it is to create, it asks."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in ([], ["--generic"]) and all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        from ec2kit.console.wizard import questions

        return questions.main(generic=bool(given))
    from ec2kit.lifekeeper import actions

    return actions.create_asking(_parsed(creation_of, given))


def _options(given: list[str]) -> argparse.Namespace:
    if not given:
        sys.stderr.write(parser().format_help())
        sys.exit(ExitCode.USAGE)
    options = parser().parse_args(given)
    if options.verb in _SAME_AS:
        about = getattr(options, "about", [])
        if about == ["exit-codes"]:
            from ec2kit.console import manual

            sys.stdout.write(manual.exit_codes())
            sys.exit(ExitCode.OK)
        parser().parse_args([*about, _SAME_AS[options.verb]])
    if options.verb == "doctor":
        _name(options)
    if options.verb == "create":
        options.wanted = creation(options, options.refuse)
    if options.verb == "info":
        if bool(options.of) == bool(options.type):
            options.refuse("name a resource that is there, by its TAG, or one that is to be made, by --type")
        if options.template and not options.of:
            options.refuse("--template needs the TAG of a resource that SYSTEM has")
        named = {name for name, value in vars(options).items() if value is not None}
        allowed = {"verb", "of", "template", "refuse", "output", *UNASKED, *(OWN if options.template else ())}
        if options.of and named - allowed:
            own = " ".join(f"[{each.option} {(each.metavar or name).upper()}]" for name, each in OWN.items())
            options.refuse(f"with a TAG there is only --template SYSTEM {own}")
        options.wanted = creation(options, options.refuse) if options.type else None
    return options


def _name(options: argparse.Namespace) -> None:
    """Read what doctor is to examine: a kind and an address, or a tag; and what other nodes have told."""
    from ec2kit.console import doctor

    if options.policy and (not options.what or options.all_systems or options.files or options.mute or options.long):
        options.refuse("--policy needs a TAG, or KIND ADDRESS, and none of the other answers of doctor")
    if bool(options.mute) != bool(options.mute_for):
        options.refuse("--mute CODE and --for TIME belong together")
    try:
        options.others = [doctor.of_file(each) for each in options.files]
    except ValueError as error:
        options.refuse(str(error))
    match options.what:
        case []:
            return
        case [name] if name in KINDS:
            options.refuse(f"{name} needs its address, such as {KINDS[name].address.form.like}")
        case [tag]:
            options.tag = tag
            own = ("interface", "region", "profile", "endpoint_url", "table", "private_ip", "peer")
            if any(getattr(options, name, None) for name in own):
                options.refuse("with a TAG its info field says all; the other options are for KIND ADDRESS")
        case [name, address] if name in KINDS:
            options.kind = name
            try:
                options.address = KINDS[name].address.form.read(address)
            except ValueError:
                form = KINDS[name].address.form
                options.refuse(f"{address!r} is not {form.what}, such as {form.like}")
        case _:
            hint = meant(options.what[0], KINDS) if options.what[0] not in KINDS else ""
            options.refuse(
                f"name a resource by its TAG, or {' or '.join(KINDS)} and its address. {hint}".rstrip(". ")
            )


def _parsed(parse: Callable[[list[str]], T], given: list[str]) -> T:
    """What the arguments ask for. Raises SystemExit for those that cannot be used, once its code is fixed."""
    said, wrong = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(wrong):
            return parse(given)
    except SystemExit as end:
        guard.verdict(end.code if isinstance(end.code, int) else ExitCode.OK)
        sys.stdout.write(said.getvalue())
        lines = [one_line(each) for each in wrong.getvalue().splitlines()]
        if lines and "json" in (word.removeprefix("--output=") for word in given):
            _report_misuse(given[0], lines[-1])
        if "--quiet" in given and lines:
            Quiet("", "").conclude(Level.ERROR, lines[-1])
        else:
            sys.stderr.writelines(f"{each}\n" for each in lines)
        raise


def _report_misuse(verb: str, why: str) -> None:
    """Tell bad arguments to a program, too, that has asked for JSON."""
    from ec2kit.console import hierarchy

    if verb in hierarchy.REPORTED:
        print(json.dumps(hierarchy.reported(verb, "", why, ExitCode.USAGE)))


def _run_verb(options: argparse.Namespace) -> int:
    verb, budget, _ = _VERBS[options.verb]
    resource = _resource(options)
    quiet = Quiet(options.verb, str(options.address)) if options.quiet else None
    least = Level.INFO if options.verbose else Level.WARN
    work = partial(_hold, planned=options.if_plan or "", force=options.force) if verb is _hold else verb
    log = quiet or Journal(options.verb, str(options.address), least=least)
    reach = Reach(options.region, options.profile, options.endpoint_url)
    run = begin(log, lambda settings: options.timeout or settings.seconds(budget), reach)
    if options.verb == "hold":
        run = replace(run, holder=f"{claims.BY_HAND} {options.kind} {options.address}'")
    run.record.resource, deadline = resource, run.deadline

    def tell(error: KitError | None, code: int) -> None:
        outcome = Outcome(options.verb, resource, run.record, error, deadline.spent, code)
        if options.output == "json":
            print(json.dumps(outcome.as_json()), flush=True)
        elif not quiet:
            outcome.show(brief=deadline.spent >= deadline.seconds)
        if quiet:
            quiet.conclude(outcome.level, outcome.line)
        new = past.entry(run, error or outcome.summary, engine=history.BY_HAND)
        past.keep_address(replace(new, script=bool(quiet)), run)

    return conclude(run, partial(work, resource, run), partial(_code, options, run), tell)


def _code(options: argparse.Namespace, run: Run, error: KitError | None) -> int:
    """The exit code: plan succeeds whenever it could look, unless it is to tell by its code what there is to do."""
    if options.verb != "plan":
        return error.code if error else ExitCode.OK
    if isinstance(error, NotHeld) or (error is None and run.record.todo):
        return ExitCode.NOT_HELD if options.detailed_exitcode else ExitCode.OK
    return error.code if error else ExitCode.OK


def _resource(options: argparse.Namespace) -> Resource:
    kind = KINDS[options.kind]
    given = {
        each.field: given_of(options, each.option or "address") for each in kind.parameters if each.option is not None
    }
    several = {each.field for each in kind.parameters if each.many}
    values = {name: frozenset(value) if name in several else value for name, value in given.items()}
    return kind.having({**values, "interface": options.interface})


class Below(argparse._SubParsersAction):  # type: ignore[type-arg]  # noqa: SLF001  nothing public does it
    """The parsers below one; the line by which the list tells a parser is its description as well."""

    def add_parser(self, name: str, **more: Any) -> Any:
        """As argparse's."""
        about = more["help"]
        return super().add_parser(name, **{"description": f"{about[:1].upper()}{about[1:]}."} | more)


class _Manual(Parser):
    """A parser whose help has examples and exit codes; that of the top lists the verbs in groups."""

    below: Below | None = None

    def add_subparsers(self, **more: Any) -> Any:
        """As argparse's."""
        made: Any = super().add_subparsers(action=Below, **more)
        self.below = made
        return made

    def format_help(self) -> str:
        """The whole help, which is put together only here: most runs do not need it."""
        from ec2kit.console import manual

        _, *words = self.prog.split()
        if self.below and not words:
            return manual.overview({name: each.description for name, each in self.below.choices.items()})
        return f"{super().format_help()}\n{manual.end(*words)}"


def parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    top = _Manual("ec2kit")
    top.add_argument("--version", action="version", version=f"ec2kit {__version__}", help="the same as version")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (_, _, help_) in _VERBS.items():
        kinds = verbs.add_parser(name, help=help_).add_subparsers(dest="kind", required=True, metavar="KIND")
        for kind in KINDS.values():
            about = f"{help_.capitalize()}: {kind.help}."
            taken = [_common(), _special(name)]
            _add_parameters(kinds.add_parser(kind.name, parents=taken, help=kind.help, description=about), kind)
    about = "create a LifeKeeper resource; without options, or with --generic alone, it asks on a terminal"
    creating = verbs.add_parser("create", parents=[create_parser()], help=about)
    creating.add_argument("--output", choices=["text", "json"], default="text", help=_OUTPUT)
    creating.set_defaults(refuse=creating.error)
    _add_doctor(verbs)
    _add_hierarchy(verbs)
    _add_looking(verbs)
    told = verbs.add_parser("help", help="list the verbs, or tell all about one")
    about = "a verb, and a KIND behind it if you like; or exit-codes (default: list all verbs)"
    told.add_argument("about", nargs="*", metavar="VERB", help=about)
    verbs.add_parser("version", help="print the version")
    return top


def _add_doctor(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """doctor takes a tag, or a kind and an address as the other verbs do, or neither."""
    about = "tell whether this node could take over now, and what would hinder it; changes nothing"
    doctor = verbs.add_parser("doctor", parents=[_common(engines=False)], help=about)
    doctor.add_argument(
        "what",
        nargs="*",
        metavar="TAG | KIND ADDRESS",
        help="the resource (default: all that LifeKeeper or Pacemaker has here)",
    )
    doctor.add_argument("--long", action="store_true", help="also what is right")
    doctor.add_argument("--all-systems", action="store_true", help="also on the other nodes of the cluster")
    about = "print the least IAM policy for the address on this node, and nothing else"
    doctor.add_argument("--policy", action="store_true", help=about)
    about = "what doctor --output json has printed on another node; repeat"
    doctor.add_argument("--with", dest="files", action="append", default=[], metavar="FILE", help=about)
    doctor.add_argument("--mute", type=_known_code, metavar="CODE", help="do not count what that check finds now")
    doctor.add_argument("--for", dest="mute_for", type=_while, metavar="TIME", help="how long: 10m, 8h, 7d")
    for kind in KINDS.values():
        for each in kind.parameters:
            if each.option:
                _add_parameter(doctor, each)
    doctor.set_defaults(refuse=doctor.error, kind=None, tag=None)


def _known_code(text: str) -> str:
    from ec2kit.core.doctor.checks import BY_CODE

    if text.upper() not in BY_CODE:
        told = meant(text, BY_CODE) or "ec2kit doctor --long shows them"
        raise argparse.ArgumentTypeError(f"{text!r} is not the code of a check. {told}")
    return text.upper()


def _while(text: str) -> float:
    """A time such as 90s, 10m, 8h, 7d, in seconds."""
    found = re.fullmatch("([0-9]{1,7})([smhd])", text)
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": _DAY}[found[2]] if found else 0.0
    if not 0 < seconds <= _MUTED_DAYS * _DAY:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 10m, 8h or 7d, of at most {_MUTED_DAYS} days"
        )
    return seconds


def _add_parameters(parser: argparse.ArgumentParser, kind: Kind) -> None:
    """A kind's own parameters."""
    for each in kind.parameters:
        if each.option is not None:
            _add_parameter(parser, each)


def _add_parameter(parser: argparse.ArgumentParser, each: Parameter) -> None:
    more: dict[str, Any] = {"action": "extend", "default": []} if each.many else {"default": each.default}
    name, read = each.option or "address", values_of(each) if each.many else value_of(each.form)
    parser.add_argument(name, type=read, metavar=each.metavar, help=each.help or each.short, **more)


def _add_hierarchy(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands for LifeKeeper's hierarchy, beside create."""
    extend = verbs.add_parser("extend", help="extend a LifeKeeper resource to another system")
    extend.add_argument("tag", help=_TAG)
    extend.add_argument("--to", required=True, metavar="SYSTEM", help="the system that is to have it, too")
    own_options(
        extend,
        interface="network interface there (default: the one of the same name)",
        private_ip="private address there that gets the Elastic IP (default: the same one, if one is named)",
    )
    extend.add_argument(
        "--switchback", choices=list(contract.SWITCHBACK), help=f"{SWITCHBACK_HELP} (default: as it is)"
    )
    for name, text in (
        ("--template-priority", "priority of this system, at the first extend; lower is higher (default: 1)"),
        ("--target-priority", "priority of the other system; lower is higher (default: 10, else the first unused)"),
    ):
        extend.add_argument(name, type=int, choices=range(1, 1000), metavar="1-999", help=text)
    about = (
        "print the info field that a resource has on this system, or would have, after create's or extend's checks"
    )
    info = shown = verbs.add_parser("info", parents=[resource_parser(required=False)], help=about)
    shown.add_argument("of", nargs="?", metavar="TAG", help="a resource that is there")
    shown.add_argument("--template", metavar="SYSTEM", help="the system that has TAG, which is to be extended here")
    shown.add_argument("--profile", help="profile in the AWS configuration files, as of create")
    shown.set_defaults(refuse=shown.error, **UNASKED)
    unextend = verbs.add_parser("unextend", help="remove a resource from a system on which it is not in service")
    unextend.add_argument("tag", help=_TAG)
    unextend.add_argument(
        "--from", dest="system", required=True, metavar="SYSTEM", help="the system that is to lose it"
    )
    delete = verbs.add_parser("delete", help="remove a resource from all systems; AWS stays as it is")
    delete.add_argument("tag", help=_TAG)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    bring = verbs.add_parser("in-service", help="bring into service here, with all that it depends on")
    bring.add_argument("tag", help=_TAG)
    about = "also when it is not proven that this system could take the addresses"
    bring.add_argument("--force", action="store_true", help=about)
    about = "take out of service here, with all that depends on it"
    leave = verbs.add_parser("out-of-service", help=about)
    leave.add_argument("tag", help=_TAG)
    shown = verbs.add_parser("properties", help="show a resource's properties, or change them")
    shown.add_argument("tag", help=_TAG)
    shown.add_argument(
        "--set",
        action="append",
        type=_assignment,
        metavar="KEY=VALUE",
        help="switchback=intelligent|automatic, priority=1-999 (of this system), ec2-url=URL, profile=NAME "
        "(empty: the default), tables=refresh, peers=refresh, type=gen/app|comm/ec2; repeat for several",
    )
    shown.add_argument("--output", choices=["text", "json"], default="text", help=_OUTPUT)
    key = verbs.add_parser("key", help="give this system an access key for a resource; its secret is asked for")
    key.add_argument("tag", help=_TAG)
    key.add_argument("--access-key-id", required=True, metavar="ID", help="id of the access key")
    choices = verbs.add_parser("choices", help="what create can choose from on this system, as JSON")
    choices.add_argument("--profile", help="profile in the AWS configuration files (default: the role)")
    for each in (extend, info, unextend, delete, bring, leave, key):
        each.add_argument("--output", choices=["text", "json"], default="text", help=_OUTPUT)
    for each in (key, choices):
        each.add_argument(*reversed(URL_OPTIONS), metavar="URL", help=URL_HELP)


def _add_looking(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What tells, and changes nothing: status, collect, explain."""
    status = verbs.add_parser("status", help="is each address served? Since when not, why, and what brings it back")
    about = f"{_TAG}, or of one that stands on such resources (default: all of them)"
    status.add_argument("tag", nargs="?", help=about)
    status.add_argument("--long", action="store_true", help="all that is known of each")
    status.add_argument("--watch", action="store_true", help="again and again, every 5 seconds, until Ctrl-C")
    status.add_argument("--here", action="store_true", help="this system's part alone")
    status.add_argument("--output", choices=["text", "json"], default="text", help=_OUTPUT)
    about = "write one archive for support: what this node and its engines tell, without secrets"
    collect = verbs.add_parser("collect", help=about)
    collect.add_argument(
        "--output", metavar="FILE", help="the archive (default: ec2kit-NODE-TIME.tar.gz, in this folder)"
    )
    collect.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="for all of it (default: 60)")
    explain = verbs.add_parser("explain", help="tell why a line of the log appears and what to do about it")
    about = "a message's number, or a line of the log in quotation marks (default: list all messages)"
    explain.add_argument("line", nargs="*", metavar="NUMBER", help=about)
    explain.add_argument(
        "--output", choices=["text", "json", "markdown"], default="text", help=f"{_OUTPUT}, or Markdown"
    )


def _assignment(text: str) -> tuple[str, str]:
    from ec2kit.lifekeeper.properties import assignment

    try:
        return assignment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _common(*, engines: bool = True) -> argparse.ArgumentParser:
    common = Parser(add_help=False)
    common.add_argument(
        "--interface",
        help="network interface of this node (default: the one that has the address, else that of the default route)",
    )
    common.add_argument("--region", help="Region of EC2 (default: the instance's)")
    common.add_argument("--profile", help="credentials: profile of the AWS configuration files (default: the role)")
    common.add_argument(*URL_OPTIONS, metavar="URL", help=URL_HELP)
    common.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="time for the run (default: the settings file's)"
    )
    common.add_argument("--output", choices=["text", "json"], default="text", help=_OUTPUT)
    if not engines:
        return common
    loud = common.add_mutually_exclusive_group()
    loud.add_argument("-v", "--verbose", action="store_true", help="log every step")
    loud.add_argument("--quiet", action="store_true", help="one line in the log tells all, as ec2kit's; no table")
    return common


def _special(verb: str) -> argparse.ArgumentParser:
    """The options of one verb alone."""
    special = Parser(add_help=False)
    if verb == "hold":
        about = "change nothing where EC2 has changed since the plan that printed this mark"
        special.add_argument("--if-plan", type=_mark, metavar="MARK", help=about)
        about = "also where an engine on this machine has the address as its resource"
        special.add_argument("--force", action="store_true", help=about)
    if verb == "plan":
        about = "0: nothing to do, 1: something to do (without it 0 as well)"
        special.add_argument("--detailed-exitcode", action="store_true", help=about)
    return special


def _mark(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{16}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a mark that plan has printed")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _DAY:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
