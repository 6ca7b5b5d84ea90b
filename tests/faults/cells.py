"""One cell of the fault matrix: one row, one call, one fault. And the processes that run many of them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import tempfile
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from lab.forks import Forks
from lab.protected import SLACK
from lab.protected import judge as judge_calls
from tests.faults.judge import converges, judge, lied_to
from tests.faults.kinds import OUTSIDE, Kind
from tests.faults.process import PROCESS
from tests.faults.rows import OCF, OWN_ITEMS, ROWS, SCENARIOS, Row, Scenario
from tests.faults.stage import Bench, Point, World, bench

_PATIENCE = 300  # seconds that no cell takes
_EXECUTED = 3  # runs that are executed at once, on few processors: one that waits for its turn is late for nothing
ROW_OF = {row.id: row for row in ROWS}
KINDS = (*OUTSIDE, *PROCESS)
BY_NAME = {kind.name: kind for kind in KINDS}


def _share(row: Row, kind: Kind) -> int:
    """Pacemaker's agents and copies of scripts act by code that other rows try with every fault: one of two is tried.

    A change of the form is extend and delete, which have rows of their own, and takes seconds: of its, one of eight.
    """
    if row.action == "ec2kit changeover":
        return 8 * kind.share
    return kind.share if kind.inside else row.share * (1 + (row.action in OCF or row.generic))


def faults_of(row: Row, point: Point) -> list[Kind]:
    """The faults that are tried at a call of a row, at its process or at a module: of some kinds a share."""
    call = point.edge not in {"process", "module"}
    edges: set[str] = {point.edge, "call"} if call and point.edge in row.edges else set()
    if "process" in row.edges and not (call and point.whole):
        edges.add("signal" if call else point.edge)
    if row.scenario == "private" and point.edge == "metadata" and not (point.whole or OWN_ITEMS.search(point.name)):
        return []
    turn = zlib.crc32(f"{row.name} {point.label}".encode()) + SCENARIOS.index(row.scenario)
    return [
        kind
        for number, kind in enumerate(KINDS)
        if kind.edge in edges and (turn + number) % _share(row, kind) == 0 and kind.fits(row, point)
    ]


@dataclass(frozen=True)
class Cell:
    """One row (its id), one call that it makes, one fault (its name)."""

    row: str
    point: Point
    kind: str

    @property
    def id(self) -> str:
        """The cell's name."""
        return f"{self.row} | {self.point.edge} {self.point.label} | {self.kind}"


@dataclass(frozen=True)
class Result:
    """What a cell came to: its exit code, its last line, and every promise that it broke."""

    cell: Cell
    code: int | None
    last: str
    broken: tuple[str, ...]
    seconds: float = 0.0


class Runner:
    """Runs cells on one bench. A world from which the next run was tried is not tried again.

    known: the folder in which all runners keep what came of it.
    """

    def __init__(self, on: Bench, known: Path) -> None:
        self.on = on
        self._known = known

    def points(self, row: Row) -> tuple[Result, list[Cell]]:
        """The row's healthy run, and its cells."""
        done, _, points = self.on.record(row)
        broken = () if done.code == row.code else (f"a healthy run ends with {done.code}: {done.err[-500:]}",)
        cells = [Cell(row.id, point, kind.name) for point in points for kind in faults_of(row, point)]
        healthy = Cell(row.id, Point("EC2", "", "", (), -1, ""), "none")
        return Result(healthy, done.code, done.last, broken), cells

    def run(self, cell: Cell, *, executed: bool = False) -> Result:
        """Run one cell and judge it."""
        row, kind, on = ROW_OF[cell.row], BY_NAME[cell.kind], self.on
        before = on.reset(row)
        environment = kind.arm(on, row, cell.point)
        done = on.run(row, budget=row.budget, limit=row.limit + 2 + SLACK, executed=executed, environment=environment)
        on.settle()
        after = on.world()
        broken = judge(row, kind, on, before, done, after)
        if not on.struck(row, cell.point, done):
            broken.append("nothing was tried: the run did not come to this call")
        on.mend()
        broken += [] if lied_to(row, kind) else self._next_run(row, after)
        return Result(cell, done.code, done.last, tuple(broken), done.seconds)

    def _next_run(self, row: Row, world: World) -> list[str]:
        path = self._known / hashlib.sha256(f"{row.id}{world.print}".encode()).hexdigest()
        if not path.exists():
            new = path.with_suffix(f".{os.getpid()}")
            new.write_text(json.dumps(converges(row, self.on)))
            new.rename(path)
        found: list[str] = json.loads(path.read_text())
        return found


def _work(
    scenario: Scenario, server: Path, gate: AbstractContextManager[object], todo: Queue[Any], results: Queue[Any]
) -> None:
    """One process: a bench, and what comes from `todo` until None does: rows to record, and cells to run."""
    with (
        tempfile.TemporaryDirectory(prefix="ec2kit-faults-") as folder,
        bench(scenario, Path(folder), server, gate) as on,
    ):
        runner = Runner(on, server.parent)
        while (task := todo.get()) is not None:
            try:
                results.put(runner.points(task) if isinstance(task, Row) else runner.run(task))
            except Exception:
                if isinstance(task, Row):
                    raise
                results.put(Result(task, None, "", (f"the matrix itself failed: {traceback.format_exc()}",)))
        try:
            judge_calls(on.lab.ec2)
            results.put("")
        except AssertionError as error:
            results.put(f"{scenario}: {error}")


@dataclass
class Pool:
    """Processes with a bench each; `shares` is how many there are for each scenario."""

    server: Path
    shares: dict[Scenario, int]

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._results: Queue[Any] = context.Queue()
        gate = context.Semaphore(_EXECUTED)
        self._todo: dict[Scenario, Queue[Any]] = {}
        self._processes = []
        for scenario, share in self.shares.items():
            self._todo[scenario] = queue = context.Queue()
            for _ in range(share):
                process = context.Process(
                    target=_work, args=(scenario, self.server, gate, queue, self._results), daemon=True
                )
                process.start()
                self._processes.append(process)

    def record(self, rows: Sequence[Row]) -> Iterator[tuple[Result, list[Cell]]]:
        """Each row's healthy run, and its cells."""
        for row in rows:
            self._todo[row.scenario].put(row)
        for _ in rows:
            yield self._results.get(timeout=_PATIENCE)

    def run(self, cells: Sequence[Cell]) -> Iterator[Result]:
        """Start the cells; their results, as they come."""
        for cell in cells:
            self._todo[ROW_OF[cell.row].scenario].put(cell)
        return (self._results.get(timeout=_PATIENCE) for _ in cells)

    def close(self) -> list[str]:
        """Let the processes end; what the judge of all calls has found."""
        for scenario, share in self.shares.items():
            for _ in range(share):
                self._todo[scenario].put(None)
        found = [str(self._results.get(timeout=_PATIENCE)) for _ in self._processes]
        for process in self._processes:
            process.join(_PATIENCE)
        return [each for each in found if each]

    def end(self) -> None:
        """End the processes, whatever they do."""
        for process in self._processes:
            process.terminate()


@contextmanager
def pool(**shares: int) -> Iterator[Pool]:
    """A pool with its own fork server."""
    with tempfile.TemporaryDirectory(prefix="ec2kit-forks-") as folder, Forks(Path(folder, "forks")) as forks:
        made = Pool(forks.path, {scenario: shares[scenario] for scenario in SCENARIOS if scenario in shares})
        try:
            yield made
        finally:
            made.end()
