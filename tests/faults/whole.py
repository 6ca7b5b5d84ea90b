"""The whole fault matrix: `make test-faults`. Each cell is a test; the cells come from recorded healthy runs."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.cells import Cell, Result, pool
from tests.faults.rows import ROWS
from tests.faults.table import PAGE, as_markdown, seen, told

WORKERS = {"route": 9, "eip": 9, "private": 2}  # many more than cores: most cells wait
_LONG = re.compile(r"ec2kit (extend|delete)|hang|no reply|slow|for ever|unseen|50[03]|reset|SIGPIPE|stuck|locked")


class Matrix:
    """The matrix of this run: its cells, started at once, and their results as they come."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._pool = self._stack.enter_context(pool(**WORKERS))
        self.results: dict[Cell, Result] = {}
        self.healthy: list[Result] = []
        self.cells: list[Cell] = []
        for healthy, cells in self._pool.record(ROWS):
            self.healthy.append(healthy)
            self.cells += cells
        self.cells.sort(key=lambda cell: cell.id)
        # Those that wait come first, so that no process is left alone with them at the end; the others are mixed, so
        # that not all processes wait for their turn to execute a program.
        self._coming: Iterator[Result] = self._pool.run(
            sorted(self.cells, key=lambda cell: (not _LONG.search(cell.id), zlib.crc32(cell.id.encode())))
        )

    def result(self, cell: Cell) -> Result:
        """The cell's result, when it has come."""
        while cell not in self.results:
            found = next(self._coming)
            self.results[found.cell] = found
        return self.results[cell]

    def close(self) -> list[str]:
        """End the processes; what the judge of all calls has found."""
        found = self._pool.close()
        self._stack.close()
        return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Record the rows, start all cells, and make each a test."""
    if "cell" in metafunc.fixturenames:
        matrix = metafunc.config.stash.setdefault(MATRIX, None) or Matrix()
        metafunc.config.stash[MATRIX] = matrix
        metafunc.parametrize("cell", matrix.cells, ids=[cell.id for cell in matrix.cells])


MATRIX = pytest.StashKey[Matrix | None]()


def _matrix(request: pytest.FixtureRequest) -> Matrix:
    found = request.config.stash[MATRIX]
    assert found is not None
    return found


def test_cell(cell: Cell, request: pytest.FixtureRequest) -> None:
    """Every promise holds, whatever goes wrong with this call."""
    result = _matrix(request).result(cell)
    assert not result.broken, "\n".join([f"exit code {result.code}: {result.last}", *result.broken])


def test_every_healthy_run_ends_as_it_should(request: pytest.FixtureRequest) -> None:
    """What was recorded is the real thing."""
    assert [each for each in _matrix(request).healthy if each.broken] == []


def test_no_call_is_outside_the_policy(request: pytest.FixtureRequest) -> None:
    """Over the whole matrix only the acting verbs change anything."""
    assert _matrix(request).close() == []


def test_the_page_tells_every_outcome(request: pytest.FixtureRequest) -> None:
    """docs/faults.md has what was seen; with EC2KIT_FAULTS_PAGE it is written, what it told before included."""
    found = seen(_matrix(request).results.values())
    known = told(PAGE.read_text()) if PAGE.exists() else {}
    if os.environ.get("EC2KIT_FAULTS_PAGE"):
        both = {pair: found.get(pair, set()) | known.get(pair, set()) for pair in {*found, *known}}
        PAGE.write_text(as_markdown(both))
    else:
        assert {pair: new for pair, outcomes in found.items() if (new := outcomes - known.get(pair, set()))} == {}
