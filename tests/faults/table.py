"""The fault matrix as tables: cells by action and fault for the terminal, what each fault does for docs/faults.md.

The page is written from what runs have come to. It can be read back, so that a test can hold it to the actions and
the faults that there are, and a run to what it has told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.faults.cells import BY_NAME, KINDS, ROW_OF, Result
from tests.faults.kinds import Kind
from tests.faults.rows import ROWS

PAGE = Path(__file__).parents[2] / "docs/faults.md"
ACTIONS = tuple(dict.fromkeys(row.action for row in ROWS))
LINES = {line: [kind for kind in KINDS if kind.line == line] for line in dict.fromkeys(each.line for each in KINDS)}
Told = dict[tuple[str, str], set[str]]  # by action and fault: the outcomes
_KILLED = ("killed", "it was ended by `kill -9`. Nothing is left that the next run does not mend.")
_PERSON = ("needs a person (5)", "a person must act; the last line says what to do.")
_UNKNOWN = (
    "unknown (9)",
    "it could not look, or not act. The last line names the cause; the next run starts from what EC2 shows.",
)
_HOLDING = {
    "0": ("holds", "the fault did no harm: a look after the last change shows that this node holds the address."),
    "1": (
        "not held (1)",
        "a look after acting shows that something is still missing. What could be moved was moved.",
    ),
    "5": _PERSON,
    "9": _UNKNOWN,
    "-9": _KILLED,
}
_LETTING = {
    "0": (
        "not here",
        "a look shows that the address is not on this node; a route stays as it is, and nothing is asked.",
    ),
    "1": ("still here (1)", "a look after acting still shows the address on this node."),
    "5": _PERSON,
    "9": _UNKNOWN,
    "-9": _KILLED,
}
_ASKING = {
    "0": ("held", "a look shows that this node holds the address."),
    "?": (
        "stays in service",
        (
            "quickCheck alone: it is not known whether the address is held, which proves no loss. Exit code 0, "
            "no failover; a WARN or ERROR in the log names the cause, and the next interval asks again."
        ),
    ),
    "1": ("lost (1)", "two looks, a second apart, prove the loss. Only where it was lost in truth."),
    "5": ("needs a person (5)", "check alone: not known, and a person must act."),
    "9": ("unknown (9)", "check alone: not known; no reason to fail over."),
    "-9": _KILLED,
}
_MAKING = {
    "0": ("made", "all of it is there."),
    "1": ("not made (1)", "a look shows that it cannot be made; nothing was made."),
    "5": ("refused (5)", "nothing was made, or it was taken back; each problem is told with its cure."),
    "9": (
        "unknown (9)",
        "could not look or act; nothing was made, or it was taken back, or the last line says what is left.",
    ),
    "-9": ("killed", "it was ended by `kill -9`. The next run of the same action completes what is left."),
}
_DELETING = {
    "0": ("gone", "the resource, its access key and its history are gone. Nothing in AWS is touched, ever."),
    "1": ("not gone (1)", "something is still there; the next run removes it."),
    "5": (
        "needs a person (5)",
        "something is still there; the last line says what to do, and the next run removes the rest.",
    ),
    "9": ("unknown (9)", "something may still be there; the next run removes it."),
    "-9": ("killed", "it was ended by `kill -9`. The next run removes the rest."),
}
_CHANGING = {
    "0": ("changed", "LifeKeeper has it in the new form on every system, with all that it had."),
    "1": ("not held (1)", "a look shows that this node does not hold the address; nothing was changed."),
    "5": ("refused (5)", "nothing was changed, or it was taken back; the last line says what to do."),
    "9": ("unknown (9)", "it is as it was, or the last line says how to complete it."),
    "-9": ("killed", "it was ended by `kill -9`. The same command completes it."),
}
_BY_PACEMAKER = {
    "0": (
        "done",
        "the address is held, or let go; a stop also where this node has not taken it since its look.",
    ),
    "1": (
        "failed (1)",
        "it could not look or act, or something is missing. Pacemaker stops, starts or fences.",
    ),
    "5": ("not installed (5)", "the kit cannot be loaded here; Pacemaker takes another node."),
    "6": ("not configured (6)", "a parameter cannot be right on any node; the last line says what to do."),
    "-9": _KILLED,
}
_WATCHED = {
    "0": ("runs here", "a look shows that this node holds the address."),
    "?": (
        "counts as before",
        "it is not known. A monitor is 0; a probe is 0 where this node remembers that it has the address, else 7.",
    ),
    "7": ("not running (7)", "two looks prove that it is not here."),
    "-9": _KILLED,
}
_DESCRIBED = {
    "0": ("told", "what was asked for."),
    "1": ("failed (1)", "it could not be told."),
    "5": ("not installed (5)", "the kit cannot be loaded here."),
}
_SERVED = {
    "0": ("done", "LifeKeeper has brought it into service, or out of service."),
    "1": ("not done (1)", "LifeKeeper's action has failed; its own lines tell why."),
    "5": _PERSON,
    "9": _UNKNOWN,
    "-9": _KILLED,
}
_TOLD = {
    "0": ("told", "what was asked for; of properties and key: it is done."),
    "5": _PERSON,
    "9": ("unknown (9)", "it could not look, tell or act. The last line names the cause."),
    "-9": _KILLED,
}
_GROUPS: tuple[tuple[str, tuple[str, ...], dict[str, tuple[str, str]]], ...] = (
    (
        "Taking the address: restore, recover, hold",
        ("restore", "recover", "hold"),
        _HOLDING,
    ),
    ("Letting go: remove, release", ("remove", "release"), _LETTING),
    ("Watching: quickCheck, check", ("quickCheck", "check"), _ASKING),
    ("Making a resource: create, canextend, extend", ("create", "canextend", "extend", "ec2kit extend"), _MAKING),
    ("Deleting a resource: delete", ("delete", "ec2kit delete"), _DELETING),
    ("Pacemaker: start, stop", ("start", "stop"), _BY_PACEMAKER),
    ("Pacemaker: monitor, probe", ("monitor", "probe"), _WATCHED),
    ("Pacemaker: validate-all, meta-data", ("validate-all", "meta-data"), _DESCRIBED),
    ("Changing the form: properties --set type", ("ec2kit changeover",), _CHANGING),
    ("LifeKeeper: in-service, out-of-service", ("ec2kit in-service", "ec2kit out-of-service"), _SERVED),
    (
        "The command line: plan, status, choices, properties, key, explain",
        tuple(f"ec2kit {verb}" for verb in ("plan", "status", "choices", "properties", "key", "explain")),
        _TOLD,
    ),
)
_SIGNALLED = "ended by the signal"
_OF_PROCESS = "fault of the process"
GROUPED = {action for _, actions, _ in _GROUPS for action in actions}
_HEAD = """# What goes wrong, and what the kit does then

For each action, how it ends when one thing outside of it goes wrong: a call to EC2, a request to the instance
metadata, a program of LifeKeeper's. Each line was tried at every call that the action makes, with Elastic IPs and
with route tables, and with private addresses at the calls that only they make; where several outcomes are named, it
depends on which call was hit, or on the state before. A number in brackets is the exit code; without one it is 0.
LifeKeeper's actions were tried in both forms of a resource. Of start, stop, monitor, and of the copies that
LifeKeeper makes of scripts, half of the cells were tried, of a change of the form one in eight.

[The process itself](#the-process-itself) tells the same for faults of the process: memory, threads, files, signals.

After every one of these runs, and there are thousands, this was so:

1. quickCheck and check said 1 only when the address was lost in truth, monitor and probe 7 only then.
2. restore, recover, hold, start said 0 only when it was held; remove, release, stop only when it had left, unless it
   is a route, which stays.
3. Nothing in AWS had changed that the resource does not name, nor a peer's association; a private address was taken
   from the peers that the resource names alone. The Elastic IP on it had moved with it, or was on nothing when it had
   been let go.
4. The process had ended within its budget and one second; its last line named the cause.
5. With the fault gone, the next run did what the action promises, also after a kill.
6. No secret, token or signature was in arguments, output, log, LifeKeeper's tables or files.

The budgets were 3 to 8 s, with EC2_MAX_RETRY=1: with the real ones the same takes longer.
An empty place: the action makes no such call. The end of this page describes each fault.

Written by `make docs-faults`, from runs; `make test-faults` holds the page to what it sees.
"""
_INSIDE = f"""A fault of the process itself is never a verdict. The exit code is that of the same run without it, or
the engine's word for "unknown": 0 of quickCheck and monitor, of a probe what this node remembers, 1 of the other
actions of Pacemaker's (5 where the kit cannot be loaded), 9 of all others. quickCheck and monitor are 0 also where a
signal ends them; all others end by that signal, told here as **{_SIGNALLED}**. Of all these cells a share was tried.

One fault cannot be judged: an interpreter that is missing, that cannot start, or that a signal ends as it starts.
Then no code of the kit runs, and the exit code is the system's.
"""


def outcome(result: Result) -> str:
    """What a run came to, in the page's words."""
    action = ROW_OF[result.cell.row].action
    unknown = action in {"quickCheck", "monitor", "probe"} and re.search(r":96000[45]:", result.last)
    if result.code is not None and result.code == -BY_NAME[result.cell.kind].signal != 0:
        return _SIGNALLED
    code = "?" if unknown and result.code in {0, ROW_OF[result.cell.row].unknown} else str(result.code)
    words = next(words for _, actions, words in _GROUPS if action in actions)
    return words[code][0] if code in words else f"exit code {code}"


def seen(results: Iterable[Result]) -> Told:
    """The outcomes of a run of the matrix, by action and fault."""
    found: Told = defaultdict(set)
    for result in results:
        found[ROW_OF[result.cell.row].action, BY_NAME[result.cell.kind].line].add(outcome(result))
    return found


def told(page: str) -> Told:
    """The outcomes that the page tells."""
    found: Told = defaultdict(set)
    actions: list[str] = []
    for line in page.splitlines():
        first, *rest = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else [""]
        if first in {"fault", _OF_PROCESS}:
            actions = rest
        for action, cell in zip(actions, rest, strict=False):
            if action in ACTIONS and first in LINES and cell:
                found[action, first] |= set(cell.split(", "))
    return found


def as_text(results: Iterable[Result]) -> str:
    """Cells by fault and group of actions, passed and failed: for the terminal."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    groups = {action: title.partition(":")[0] for title, actions, _ in _GROUPS for action in actions}
    columns = list(dict.fromkeys(groups.values()))
    for result in results:
        for kind in (result.cell.kind, "all"):
            counts[groups[ROW_OF[result.cell.row].action], kind][bool(result.broken)] += 1
    lines = [f"{'cells passed/failed':35}" + "".join(f"{column:>22}" for column in columns)]
    for kind in (*BY_NAME, "all"):
        cells = [counts.get((column, kind), [0, 0]) for column in columns]
        lines.append(f"{kind:35}" + "".join(f"{f'{good}/{bad}' if good + bad else '':>22}" for good, bad in cells))
    return "\n".join(lines)


def as_markdown(outcomes: Mapping[tuple[str, str], set[str]]) -> str:
    """The page, with these outcomes by action and fault."""
    lines = [_HEAD]
    for title, actions, words in _GROUPS:
        lines += [f"## {title}", "", *(f"- **{short}**: {long}" for short, long in words.values()), ""]
        lines += _rows("fault", actions, outcomes)
    lines += ["## The process itself", "", _INSIDE]
    for title, actions, _ in _GROUPS:
        lines += [f"### The process: {title}", "", *_rows(_OF_PROCESS, actions, outcomes)]
    lines += ["## The faults", "", "| fault | what goes wrong |", "|---|---|"]
    lines += [f"| {line} | {_means(kinds)} |" for line, kinds in LINES.items()]
    return "\n".join(lines) + "\n"


def _rows(head: str, actions: Sequence[str], outcomes: Mapping[tuple[str, str], set[str]]) -> list[str]:
    """The lines of one table, of faults outside or of those of the process; none where nothing was tried."""
    rows = []
    for line in [line for line, kinds in LINES.items() if kinds[0].inside == (head == _OF_PROCESS)]:
        cells = [", ".join(sorted(outcomes.get((action, line), ()))) for action in actions]
        rows += [f"| {line} | {' | '.join(cells)} |"] if any(cells) else []
    return [f"| {head} | {' | '.join(actions)} |", "|" + "---|" * (len(actions) + 1), *rows, ""] if rows else []


def _means(kinds: Sequence[Kind]) -> str:
    """What a line's faults are: each by its name where there are several, and those that mean the same together."""
    names: dict[str, list[str]] = defaultdict(list)
    for kind in kinds:
        names[kind.means].append(kind.name)
    if kinds[0].line == kinds[0].name:
        return kinds[0].means
    return "; ".join(f"{', '.join(of)}: {means}" for means, of in names.items())
