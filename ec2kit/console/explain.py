"""`ec2kit explain`: what a line of the log means and what to do, from the catalogue. No settings, no network."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from string import Formatter
from typing import Any

from ec2kit.console.callers import CALLERS
from ec2kit.console.catalogue import Explanation
from ec2kit.console.findings import ALL as CATALOGUE
from ec2kit.console.findings import FINDINGS
from ec2kit.core import schema
from ec2kit.core.errors import ExitCode
from ec2kit.core.messages import Level
from ec2kit.core.words import meant, one_line
from ec2kit.host import guard

_ALONE = re.compile(r"\s*([0-9]+)\s*:?\s*")
_IN_LINE = re.compile(r":ec2:(?P<action>[\w-]*):(?P<tag>.*?):([0-9]{6})\b")
_ANYWHERE = re.compile(r"\b(96[0-9]{4})\b")
_INDENT = 8  # columns before the text of a part
_STYLES = {Level.INFO: "dim", Level.NOTIFY: "cyan", Level.WARN: "yellow", Level.ERROR: "bold red"}
_CODES = {each.message.text.partition(":")[0]: each for each in FINDINGS}
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
    entry, line = None, " ".join(words)
    if words:
        number = number_in(line)
        named = {each.message.number: each for each in CATALOGUE}
        code = next((word for word in re.findall("[A-Z_]+", line) if word in _CODES), "")
        entry = named.get(number) if number else _CODES.get(code)
        if entry is None:
            guard.verdict(ExitCode.USAGE)
            print(f"ec2kit explain: {_unknown(line, number)}", file=sys.stderr)
            return ExitCode.USAGE
    guard.verdict(ExitCode.OK)
    if output == "json":
        print(json.dumps(as_json(entry) if entry else [as_json(each) for each in CATALOGUE]))
    elif output == "markdown":
        print(section(entry) if entry else page(), end="")
    else:
        _as_text(entry, line)
    return ExitCode.OK


def number_in(line: str) -> int | None:
    """The message number in what a person pasted: the number alone, a line of the log, or a part of one."""
    found = _ALONE.fullmatch(line) or _IN_LINE.search(line) or _ANYWHERE.search(line)
    return int(found[found.lastindex or 1]) if found else None


def caller_in(line: str) -> tuple[str, str]:
    """Of a whole line of the log: which action of whose it is from, and what that is for and what comes next."""
    found = _IN_LINE.search(line)
    if found is None or found["action"] not in CALLERS:
        return "", ""
    caller = CALLERS[found["action"]]
    of = f" for {one_line(found['tag'])}" if found["tag"] else ""
    return f"{found['action']} of {caller.engine}{of}", caller.told(int(found[3]))


def _unknown(line: str, number: int | None) -> str:
    first, last = CATALOGUE[0].message.number, CATALOGUE[-1].message.number
    what = "that has no message number of this kit" if number is None else f"this kit has no message {number}"
    known = [*(str(each.message.number) for each in CATALOGUE), *_CODES]
    if hint := meant(line.strip(), known):
        return f"{what}. {hint}"
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


def _as_text(entry: Explanation | None, line: str) -> None:
    from rich.console import Console
    from rich.text import Text

    out = Console(highlight=False)
    if entry is None:
        for each in CATALOGUE:
            out.print(_heading(each), soft_wrap=not out.is_terminal)
        return
    who, what = caller_in(line)
    if who:
        out.print(Text(who, "bold"), Text(wrapped(what, out.width)), sep="\n", soft_wrap=True)
    out.print(_heading(entry), soft_wrap=not out.is_terminal)
    for title, text in (("Cause", entry.cause), ("Action", entry.action)):
        shown = wrapped(text, out.width)
        out.print(Text.assemble((title, "bold"), shown[len(title) :]), soft_wrap=True)


def wrapped(text: str, width: int) -> str:
    """The text in lines of that width, indented. A command in backquotes is not broken, for it is there to copy."""
    import textwrap

    joined = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), text)
    indent = " " * _INDENT
    whole = textwrap.fill(
        joined,
        max(width, 2 * _INDENT),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return whole.replace("\xa0", " ")


def _heading(entry: Explanation) -> Any:
    """Number, level and text in one line."""
    from rich.text import Text

    message = entry.message
    style = _STYLES[message.level]
    text = " ".join(readable(message.text).splitlines())
    return Text.assemble((f"{message.number}", "bold"), "  ", (f"{message.level.name:6}", style), f"  {text}")
