"""What the command line tells of itself: the verbs in groups, examples of each, and exit codes. Data and layout only.

No run that does something loads it. A test holds it to the parsers, and each example to what they take.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from ec2kit.core.errors import ExitCode
from ec2kit.core.kinds.known import KINDS

_WIDTH = 80
_HEAD = """\
usage: ec2kit [-h] [--version] VERB ...

Moves a cluster's address between EC2 instances.
"""
_FOOT = """
ec2kit help VERB tells all about one, ec2kit help exit-codes what the exit codes
mean. ec2kit doctor is a good beginning: it changes nothing.
"""
GROUPS = {
    "For any engine, and by hand": ("hold", "check", "release", "plan"),
    "LifeKeeper's resources": (
        *("create", "extend", "in-service", "out-of-service", "properties", "info", "key", "unextend", "delete"),
    ),
    "To look and to understand": ("status", "doctor", "explain", "collect", "help", "version"),
}
HIDDEN = ("choices",)  # for programs: it has its own help, but no line in the list
EXAMPLES = {
    "hold": (
        "hold route 10.1.0.10 --interface eth1",
        "hold eip 203.0.113.10 --force",
        "hold private 10.0.1.50 --peer eni-2",
    ),
    "check": ("check route 10.1.0.10 --interface eth1",),
    "release": ("release eip 203.0.113.10 --interface eth1",),
    "plan": ("plan eip 203.0.113.10 --interface eth1",),
    "create": (
        "create --generic --type route-table --ip-resource ip-vip",
        "create --generic --type elastic-ip --interface eth1 --elastic-ip 203.0.113.10",
    ),
    "extend": ("extend ec2-ip-vip --to node2",),
    "in-service": ("in-service ip-vip",),
    "out-of-service": ("out-of-service ip-vip",),
    "properties": ("properties ec2-ip-vip", "properties ec2-ip-vip --set switchback=automatic"),
    "info": ("info ec2-ip-vip",),
    "key": ("key ec2-ip-vip --access-key-id AKIAIOSFODNN7EXAMPLE",),
    "unextend": ("unextend ec2-ip-vip --from node2",),
    "delete": ("delete ec2-ip-vip",),
    "status": ("status", "status ip-vip", "status --watch"),
    "doctor": ("doctor", "doctor ec2-ip-vip", "doctor route 10.1.0.10 --interface eth1"),
    "explain": ("explain 960003", "explain 'ERROR:ec2:restore:ec2-ip-vip:960003:END failed restore of ...'"),
    "collect": ("collect", "collect --output /root/for-support.tar.gz"),
    "help": ("help hold route", "help exit-codes"),
    "version": ("version",),
    "choices": ("choices",),
}
MEANINGS = {
    ExitCode.OK: "it is as the command promises, and a look has shown it",
    ExitCode.NOT_HELD: "a look has shown that it is not so",
    ExitCode.USAGE: "bad arguments",
    ExitCode.INTERNAL: "a bug; the log has the traceback",
    ExitCode.MISCONFIGURED: "a person must act: bad info field, bad setting, wrong account",
    ExitCode.UNAVAILABLE: "could not look or act: throttled, denied, timed out, unreachable",
}
_LOCAL = {ExitCode.OK: "it is printed", ExitCode.USAGE: MEANINGS[ExitCode.USAGE]}  # of what only prints
_OWN = {  # what a verb's exit codes mean besides
    "hold": {ExitCode.OK: "this node holds it", ExitCode.NOT_HELD: "this node does not hold it"},
    "check": {ExitCode.OK: "this node holds it", ExitCode.NOT_HELD: "it does not: the only code that proves a loss"},
    "release": {ExitCode.OK: "it is not this node's any more, or never was"},
    "plan": {
        ExitCode.OK: "it could look, whatever there is to do",
        ExitCode.NOT_HELD: "only with --detailed-exitcode: there is something to do",
    },
    "in-service": {ExitCode.OK: "it is in service here", ExitCode.NOT_HELD: "it is not in service here"},
    "out-of-service": {ExitCode.OK: "it is out of service here"},
    "status": {
        ExitCode.OK: "every address is served, or taken out of service on purpose",
        ExitCode.NOT_HELD: "an outage: one that should be served is not",
        ExitCode.UNAVAILABLE: "of one it is not known",
    },
    "doctor": {
        ExitCode.OK: "this node could take over",
        ExitCode.NOT_HELD: "something hinders that",
        ExitCode.UNAVAILABLE: "it is not known",
    },
}


def overview(about: Mapping[str, str]) -> str:
    """The list of all verbs, in groups. about: what each does; one that no group has comes last."""
    grouped = {name for names in GROUPS.values() for name in names}
    *first, (title, names) = GROUPS.items()
    others = [name for name in about if name not in grouped and name not in HIDDEN]
    parts = [_group(title, names, about) for title, names in (*first, (title, (*names, *others)))]
    return "\n".join([_HEAD, *parts]) + _FOOT


def _group(title: str, names: tuple[str, ...], about: Mapping[str, str]) -> str:
    lines = [_row(f"    {name:14}  ", about[name].removesuffix(".")) for name in names]
    return "\n".join([f"{title}:", *lines, ""])


def _row(begin: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin))


def end(verb: str, kind: str = "") -> str:
    """What the help of a verb, or of one of its kinds, ends with."""
    shown = examples(verb, kind)
    lines = [f"example{'s' if len(shown) > 1 else ''}:", *(f"  ec2kit {each}" for each in shown)]
    return "\n".join([*lines, "", "exit codes:", *_codes(verb), ""])


def examples(verb: str, kind: str = "") -> tuple[str, ...]:
    """What may stand behind `ec2kit`: for each verb, and for each of its kinds."""
    if kind:
        return (f"{verb} {kind} {KINDS[kind].address.example} --interface eth1",)
    return EXAMPLES.get(verb, ())


def exit_codes() -> str:
    """What the exit codes mean, for all verbs."""
    lines = [_row(f"  {code}  {code.name:13}  ", text) for code, text in MEANINGS.items()]
    more = (
        "Any other, such as 130 after Ctrl-C, is a failure of the command, not a loss. docs/reference.md tells more."
    )
    return "\n".join([*lines, "", textwrap.fill(more, _WIDTH), ""])


def _codes(verb: str) -> Iterator[str]:
    told = _LOCAL if verb in {"explain", "help", "version"} else MEANINGS | _OWN.get(verb, {})
    for code, text in told.items():
        yield _row(f"  {code}  ", text)
