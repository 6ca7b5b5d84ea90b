"""The fault matrix as tables: cells by action and fault for the terminal, what each fault does for docs/faults.md.

The page is written from what runs have come to. It can be read back, so that a test can hold it to the actions and
the faults that there are, and a run to what it has told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.faults.cells import ROW_OF, Result
from tests.faults.kinds import KINDS
from tests.faults.rows import ROWS

PAGE = Path(__file__).parents[2] / "docs/faults.md"
ACTIONS = tuple(dict.fromkeys(row.action for row in ROWS))
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
        "a look shows that the Elastic IP is not on this node; a route stays as it is, and nothing is asked.",
    ),
    "1": ("still here (1)", "a look after acting still shows the Elastic IP on this node."),
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
)
GROUPED = {action for _, actions, _ in _GROUPS for action in actions}
_HEAD = """# What goes wrong, and what the kit does then

For each action, how it ends when one thing outside of it goes wrong: a call to EC2, a request to the instance
metadata, a program of LifeKeeper's. Each line was tried at every call that the action makes, with Elastic IPs and
with route tables; where several outcomes are named, it depends on which call was hit, or on the state before. A
number in brackets is the exit code; without one it is 0.

After every one of these runs, and there are thousands, this was so:

1. quickCheck and check said 1 only when the address was lost in truth.
2. restore, recover and hold said 0 only when it was held; remove and release only when the Elastic IP was not here.
3. Nothing in AWS had changed that the resource does not name, nor a peer's association.
4. The process had ended within its budget and one second; its last line named the cause.
5. With the fault gone, the next run did what the action promises, also after a kill.
6. No secret, token or signature was in arguments, output, log, LifeKeeper's tables or files.

The budgets were 3 to 8 s, with EC2_MAX_RETRY=1: with the real ones the same takes longer.
An empty place: the action makes no such call. The end of this page describes each fault.

Written by `make docs-faults`, from runs; `make test-faults` holds the page to what it sees.
"""


def outcome(result: Result) -> str:
    """What a run came to, in the page's words."""
    action = ROW_OF[result.cell.row].action
    unknown = action == "quickCheck" and re.search(r":96000[45]:", result.last)
    code = "?" if unknown and result.code == 0 else str(result.code)
    words = next(words for _, actions, words in _GROUPS if action in actions)
    return words[code][0] if code in words else f"exit code {code}"


def seen(results: Iterable[Result]) -> Told:
    """The outcomes of a run of the matrix, by action and fault."""
    found: Told = defaultdict(set)
    for result in results:
        found[ROW_OF[result.cell.row].action, result.cell.kind].add(outcome(result))
    return found


def told(page: str) -> Told:
    """The outcomes that the page tells."""
    found: Told = defaultdict(set)
    actions: list[str] = []
    for line in page.splitlines():
        first, *rest = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else [""]
        if first == "fault":
            actions = rest
        for action, cell in zip(actions, rest, strict=False):
            if action in ACTIONS and first not in {"fault", "---"} and cell:
                found[action, first] |= set(cell.split(", "))
    return found


def as_text(results: Iterable[Result]) -> str:
    """Cells by action and fault, passed and failed: for the terminal."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for result in results:
        counts[ROW_OF[result.cell.row].action, result.cell.kind][bool(result.broken)] += 1
    lines = ["cells passed/failed" + "".join(f"{action.replace('ec2kit ', 'ec2kit-'):>14}" for action in ACTIONS)]
    for kind in KINDS:
        cells = [counts.get((action, kind.name), [0, 0]) for action in ACTIONS]
        lines.append(
            f"{kind.name:27}" + "".join(f"{f'{good}/{bad}' if good + bad else '':>14}" for good, bad in cells)
        )
    sums = [[sum(counts[action, kind.name][n] for kind in KINDS) for n in (0, 1)] for action in ACTIONS]
    lines.append(f"{'all':27}" + "".join(f"{f'{good}/{bad}':>14}" for good, bad in sums))
    return "\n".join(lines)


def as_markdown(outcomes: Mapping[tuple[str, str], set[str]]) -> str:
    """The page, with these outcomes by action and fault."""
    lines = [_HEAD]
    for title, actions, words in _GROUPS:
        lines += [f"## {title}", "", *(f"- **{short}**: {long}" for short, long in words.values()), ""]
        lines += [f"| fault | {' | '.join(actions)} |", "|" + "---|" * (len(actions) + 1)]
        for kind in KINDS:
            cells = [", ".join(sorted(outcomes.get((action, kind.name), ()))) for action in actions]
            if any(cells):
                lines.append(f"| {kind.name} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["## The faults", "", "| fault | what goes wrong |", "|---|---|"]
    lines += [f"| {kind.name} | {kind.means} |" for kind in KINDS]
    return "\n".join(lines) + "\n"
