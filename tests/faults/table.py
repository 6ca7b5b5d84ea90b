"""The fault matrix as a table: cells by action and fault, for the terminal and for docs/faults.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.faults.cells import ROW_OF, Result
from tests.faults.kinds import KINDS
from tests.faults.rows import ROWS

ACTIONS = tuple(dict.fromkeys(row.action for row in ROWS))
_HEAD = """# What goes wrong, and what the kit does then

Written by `make docs-faults` from a run of the fault matrix: each action and verb, in both scenarios, times every
outside call that it makes, times every fault. The calls are found by recording a healthy run, so a new one joins by
itself.
In each of the {cells} cells a real process ran with budgets of 3 to 8 s and EC2_MAX_RETRY=1, and these held:

1. quickCheck and check say 1 only when the address is lost in truth.
2. restore, recover and hold say 0 only when it is held; remove and release only when it is not ours any more.
   (A route is left where it is by remove and release: they ask and change nothing.)
3. Nothing else has changed in AWS, nor a peer's association.
4. The process ended within its budget and one second; its last line named the cause; no traceback.
5. With the fault gone, the next run came to what the action promises, also after a kill (`kill -9`).
6. No secret, token or signature was in arguments, output, log, LifeKeeper's tables or files.

A cell of the table has the exit codes that were seen, and how many cells there are with each. `-` is killed.

"""
_MEANING = {
    "restore": "0: held, seen by a look. 1: looked, and not held. 9: could not look or act. 5: a person must act.",
    "recover": "as restore",
    "hold": "as restore",
    "remove": "0: an Elastic IP is not here, seen by a look; a route stays. 1: still here. 9 or 5: not known.",
    "release": "as remove",
    "quickCheck": "0: held, or not proven lost; the log tells which. 1: proven lost by two looks.",
    "check": "0: held. 1: proven lost. 9 or 5: not known.",
    "create": "0: made, whole. 5 or 9: nothing was made. What a kill leaves, the next create completes.",
    "canextend": "0: can be extended. 5 or 9: cannot, or not known. It makes nothing.",
    "extend": "0: made. 5 or 9: nothing was made. What a kill leaves, the next extend completes.",
    "delete": "0: access key and history are gone.",
    "ec2kit extend": "0: extended. 5 or 9: not, or the last line says what to do. It waits 900 s for a program.",
    "ec2kit delete": "0: gone from all systems. 5 or 9: the rest is still there, and the next delete takes it.",
}


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


def as_markdown(results: Iterable[Result]) -> str:
    """The page docs/faults.md."""
    codes: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    cells = 0
    for result in results:
        code = "-" if result.code == -9 else str(result.code)
        codes[ROW_OF[result.cell.row].action, result.cell.kind][code] += 1
        cells += 1
    lines = [f"| fault | {' | '.join(ACTIONS)} |", "|" + "---|" * (len(ACTIONS) + 1)]
    for kind in KINDS:
        seen = [codes.get((action, kind.name), {}) for action in ACTIONS]
        told = [", ".join(f"{code} ({count})" for code, count in sorted(each.items())) for each in seen]
        lines.append(f"| {kind.name} | {' | '.join(told)} |")
    what = [f"| {action} | {_MEANING[action]} |" for action in ACTIONS]
    meaning = ["", "## What the exit codes tell", "", "| action | exit codes |", "|---|---|", *what]
    faults = ["", "## The faults", "", "| fault | what is done |", "|---|---|"]
    faults += [f"| {kind.name} | {kind.means} |" for kind in KINDS]
    return _HEAD.format(cells=cells) + "\n".join([*lines, *meaning, *faults]) + "\n"
