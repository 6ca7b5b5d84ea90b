"""`ec2kit explain`: what a line of the log means and what to do, from the catalogue. No settings, no network."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from string import Formatter
from typing import Any

from ec2kit.console.catalogue import Explanation
from ec2kit.console.findings import ALL as CATALOGUE
from ec2kit.console.findings import FINDINGS
from ec2kit.core import schema
from ec2kit.core.errors import ExitCode
from ec2kit.core.messages import Level
from ec2kit.host import guard

_ALONE = re.compile(r"\s*([0-9]+)\s*:?\s*")
_IN_LINE = re.compile(r":ec2:[^:]*:[^:]*:([0-9]{6})\b")
_ANYWHERE = re.compile(r"\b(96[0-9]{4})\b")
_STYLES = {Level.INFO: "dim", Level.NOTIFY: "cyan", Level.WARN: "yellow", Level.ERROR: "bold red"}
_HEAD = """\
# Messages

Written by `make docs` from `ec2kit/core/messages.py` and `ec2kit/console/catalogue.py`. On a node
`ec2kit explain NUMBER` says the same.

The numbers are this kit's own, not those of SIOS's message catalogue. A number never changes its meaning and is never
used again. A line of the log is built as LifeKeeper's own are:

    LEVEL:ec2:action:tag:number:text
    ERROR:ec2:restore:ec2-ip-vip:960003:END failed restore of "ec2-ip-vip" after 2.3 s: ...

`action` is LifeKeeper's action or the command line's verb, `tag` the resource's tag or the verb's address. A text of
several lines is several lines of the log, each with the whole head. Syslog gets the same lines, tagged
`LifeKeeper[process id]`, with the facility local6 and the severity info, notice, warning or err for INFO, NOTIFY,
WARN or ERROR.

`<Words>` like these stand for what differs from line to line. Addresses, tags, interfaces and ids in commands are
examples: put yours in their place.
"""


def run(words: Sequence[str], output: str) -> int:
    """Print the message that the words name, or all when there are none, as text, json or markdown; the exit code."""
    entry = None
    if words:
        line = " ".join(words)
        number = number_in(line)
        named = {each.message.number: each for each in CATALOGUE}
        codes = {each.message.text.partition(":")[0]: each for each in FINDINGS}
        code = next((word for word in re.findall("[A-Z_]+", line) if word in codes), "")
        entry = named.get(number) if number else codes.get(code)
        if entry is None:
            guard.verdict(ExitCode.USAGE)
            print(f"ec2kit explain: {_unknown(number)}", file=sys.stderr)
            return ExitCode.USAGE
    guard.verdict(ExitCode.OK)
    if output == "json":
        print(json.dumps(as_json(entry) if entry else [as_json(each) for each in CATALOGUE]))
    elif output == "markdown":
        print(section(entry) if entry else page(), end="")
    else:
        _as_text(entry)
    return ExitCode.OK


def number_in(line: str) -> int | None:
    """The message number in what a person pasted: the number alone, a line of the log, or a part of one."""
    found = _ALONE.fullmatch(line) or _IN_LINE.search(line) or _ANYWHERE.search(line)
    return int(found[1]) if found else None


def _unknown(number: int | None) -> str:
    first, last = CATALOGUE[0].message.number, CATALOGUE[-1].message.number
    what = "that has no message number of this kit" if number is None else f"this kit has no message {number}"
    return f"{what}. Its numbers are from {first} to {last}, with gaps; 'ec2kit explain' alone lists them."


def readable(text: str) -> str:
    """A message's template as a person reads it: `{seconds:.1f} s` is `<seconds> s`."""
    parts = Formatter().parse(text)
    return "".join(before + (f"<{name.replace('_', ' ')}>" if name else "") for before, name, _, _ in parts)


def as_json(entry: Explanation) -> dict[str, Any]:
    """One object: number, level, text, cause, action."""
    message = entry.message
    return schema.VERSION | {
        "number": message.number,
        "level": message.level.name,
        "text": readable(message.text),
        "cause": entry.cause,
        "action": entry.action,
    }


def page() -> str:
    """The whole of docs/messages.md."""
    return "\n".join([_HEAD, *map(section, CATALOGUE)])


def section(entry: Explanation) -> str:
    """One message in Markdown."""
    message = entry.message
    text = "\n".join(f"    {line}" for line in readable(message.text).splitlines())
    return f"## {message.number} {message.level.name}\n\n{text}\n\nCause: {entry.cause}\n\nAction: {entry.action}\n"


def _as_text(entry: Explanation | None) -> None:
    from rich.console import Console
    from rich.text import Text

    out = Console(highlight=False)
    lines = [_heading(each) for each in CATALOGUE] if entry is None else [_heading(entry)]
    if entry:
        lines += [Text.assemble(("Cause", "bold"), f"   {entry.cause}")]
        lines += [Text.assemble(("Action", "bold"), f"  {entry.action}")]
    for line in lines:
        out.print(line, soft_wrap=not out.is_terminal)


def _heading(entry: Explanation) -> Any:
    """Number, level and text in one line."""
    from rich.text import Text

    message = entry.message
    style = _STYLES[message.level]
    text = " ".join(readable(message.text).splitlines())
    return Text.assemble((f"{message.number}", "bold"), "  ", (f"{message.level.name:6}", style), f"  {text}")
