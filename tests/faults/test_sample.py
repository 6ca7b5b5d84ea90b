"""A sample of the fault matrix for `make test`: every action and every fault. `make test-faults` has all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.cells import BY_NAME, KINDS, ROW_OF, Cell, Runner, pool
from tests.faults.rows import ROWS, Row
from tests.faults.stage import bench
from tests.faults.table import ACTIONS, GROUPED, LINES, PAGE, as_markdown, seen, told


def chosen_rows() -> list[Row]:
    """One row an action, in turn of the scenarios, and those whose calls some faults need."""
    of_action = [[row for row in ROWS if row.action == action] for action in ACTIONS]
    first = [[row for row in of if row.name == of[0].name] for of in of_action]
    rows = [of[number % len(of)] for number, of in enumerate(first)]
    more = {"private: remove", "private: hold, somebody else's", "eip: restore, no link", "route: quickCheck, lost"}
    return list(dict.fromkeys([*rows, *(row for row in ROWS if row.id in more)]))


def sample(cells: Sequence[Cell]) -> list[Cell]:
    """Each fault once, those that fit the fewest calls first: with the action, and the call, of the fewest turns."""
    turns = Counter({"ec2kit changeover": 3, "ec2kit extend": 2, "ec2kit delete": 2})  # which take seconds
    found = []
    for of_kind in sorted(([cell for cell in cells if cell.kind == kind.name] for kind in KINDS), key=len):
        found.append(min(of_kind, key=lambda cell: (turns[ROW_OF[cell.row].action], turns[cell.point.name], cell.id)))
        turns.update((ROW_OF[found[-1].row].action, found[-1].point.name))
    return found


def test_a_sample_of_the_matrix() -> None:
    """No false failure, no false success, nothing else changed, on time, mended by the next run, no secret told."""
    with pool(route=2, eip=2, private=1) as processes:
        recorded = [*processes.record(chosen_rows())]
        assert [healthy for healthy, _ in recorded if healthy.broken] == []
        cells = sample(sorted((cell for _, found in recorded for cell in found), key=lambda cell: cell.id))
        assert {cell.kind for cell in cells} == set(BY_NAME)
        assert {ROW_OF[cell.row].action for cell in cells} == set(ACTIONS)
        results = [*processes.run(cells)]
        assert processes.close() == []
    broken = [f"{each.cell.id}: exit code {each.code}: {each.broken}" for each in results if each.broken]
    assert not broken, "\n".join(broken)
    assert told(as_markdown(seen(results))) == seen(results)


def test_a_forked_run_tells_what_an_executed_one_does(tmp_path: Path, fork_server: Path) -> None:
    """The fork server changes nothing: same exit code, same lines, for healthy and for faulty runs."""
    kinds = ("changed, reply lost", "metadata 404", "program exit 7", "killed after")
    rows = [row for row in ROWS if row.scenario == "eip" and row.name in {"restore", "quickCheck", "check, lost"}]
    with bench("eip", tmp_path / "lab", fork_server) as on:
        runner = Runner(on, tmp_path)
        cells = [cell for row in rows for cell in runner.points(row)[1]]
        for cell in [next(cell for cell in cells if cell.kind == kind) for kind in kinds]:
            forked, executed = runner.run(cell), runner.run(cell, executed=True)
            assert (executed.code, executed.broken) == (forked.code, forked.broken)
            assert _untimed(executed.last) == _untimed(forked.last)


def _untimed(line: str) -> str:
    return re.sub(r"after [0-9.]+ s|eipassoc-\w+", "", line)


def test_the_page_is_of_these_actions_and_faults() -> None:
    """docs/faults.md has each action and each fault, in their order and words; `make docs-faults` writes it."""
    page = PAGE.read_text()
    outcomes = told(page)
    assert set(ACTIONS) == GROUPED
    assert {action for action, _ in outcomes} == set(ACTIONS)
    assert {fault for _, fault in outcomes} == set(LINES)
    assert as_markdown(outcomes) == page
