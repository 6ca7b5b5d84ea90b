"""The one SQLite file in which all systems of the stand-in keep their LifeKeeper configuration.

Everything here takes an open connection in autocommit mode. A change of several rows stands inside `writing`,
which is one immediate transaction: a process killed in the middle leaves the store as it was before.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, SYSTEM, SYNTAX, INTERNAL, EXISTS, ILLEGAL, INDEX, ABSENT, DEPENDS, COMMUNICATION = range(10)
"""Exit codes shared by all programs."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS systems (
    name TEXT PRIMARY KEY,
    lkroot TEXT NOT NULL,
    up INTEGER NOT NULL DEFAULT 1,
    reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS types (
    system TEXT NOT NULL, app TEXT NOT NULL, type TEXT NOT NULL,
    PRIMARY KEY (system, app, type));
CREATE TABLE IF NOT EXISTS instances (
    system TEXT NOT NULL, app TEXT NOT NULL, type TEXT NOT NULL, tag TEXT NOT NULL, id TEXT NOT NULL,
    info TEXT NOT NULL, state TEXT NOT NULL, switchback TEXT NOT NULL,
    PRIMARY KEY (system, tag), UNIQUE (system, id));
CREATE TABLE IF NOT EXISTS dependencies (
    system TEXT NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL,
    PRIMARY KEY (system, parent, child));
CREATE TABLE IF NOT EXISTS equivalencies (
    system TEXT NOT NULL, tag TEXT NOT NULL, othersystem TEXT NOT NULL, othertag TEXT NOT NULL,
    type TEXT NOT NULL, priority INTEGER NOT NULL, otherpriority INTEGER NOT NULL,
    PRIMARY KEY (system, tag, othersystem, othertag));
CREATE TABLE IF NOT EXISTS flags (
    system TEXT NOT NULL, flag TEXT NOT NULL, pid INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (system, flag));
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    system TEXT NOT NULL, class TEXT NOT NULL, event TEXT NOT NULL, tag TEXT NOT NULL);
"""


class LcdError(Exception):
    """A program ends here with an exit code: `LcdError(ABSENT, "no such tag")`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Instance(NamedTuple):
    """One resource instance on one system, fields in the order in which ins_list prints them."""

    system: str
    app: str
    type: str
    tag: str
    id: str
    info: str
    state: str
    switchback: str


class Equivalency(NamedTuple):
    """One direction of "this tag here is that tag there", fields in eqv_list's order."""

    system: str
    tag: str
    othersystem: str
    othertag: str
    type: str
    priority: int
    otherpriority: int


class Call(NamedTuple):
    """One run of a program: where it runs, which system it addresses, what it was given."""

    db: sqlite3.Connection
    own: str
    target: str
    options: dict[str, str]
    words: list[str]
    argv: list[str]


def create(path: Path) -> None:
    """Make the store's tables when they are not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
    finally:
        db.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing store. sqlite3.OperationalError when it is not there."""
    return sqlite3.connect(path.absolute().as_uri() + "?mode=rw", timeout=30, isolation_level=None, uri=True)


@contextmanager
def opened(lkroot: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Open the store for the system whose LKROOT that is; its name comes too. OSError, sqlite3.Error: it is none."""
    facts = json.loads((lkroot / "standin.json").read_text())
    with closing(connect(Path(facts["store"]))) as db:
        yield db, facts["system"]


def exit_code(name: str, run: Callable[[], int]) -> int:
    """Run a program of that name to its exit code; what went wrong is told on stderr."""
    try:
        return run()
    except LcdError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.status
    except (OSError, sqlite3.Error) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return SYSTEM


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """All changes made inside, or none of them."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:  # also SystemExit, with which programs end
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def register(db: sqlite3.Connection, system: str, app: str, kind: str) -> None:
    """Let a system know an application and a type of it; again is harmless."""
    rows = [(system, app, each) for each in ("", kind)]
    db.executemany("INSERT OR IGNORE INTO types VALUES (?, ?, ?)", rows)


def systems(db: sqlite3.Connection) -> list[tuple[str, str, bool, str]]:
    """All systems as (name, LKROOT, up, why it is down), by name."""
    rows = db.execute("SELECT name, lkroot, up, reason FROM systems ORDER BY name")
    return [(name, lkroot, bool(up), reason) for name, lkroot, up, reason in rows]


def lkroot_of(db: sqlite3.Connection, system: str) -> str:
    """Give the LKROOT of a system. LcdError 7 when there is no such system."""
    for name, lkroot, _, _ in systems(db):
        if name == system:
            return lkroot
    raise LcdError(ABSENT, f"no system {system}")


def is_up(db: sqlite3.Connection, system: str) -> bool:
    """Say whether the system is known and up."""
    return any(name == system and up for name, _, up, _ in systems(db))


def need_up(db: sqlite3.Connection, system: str) -> None:
    """LcdError 9 when the system is unknown or down."""
    if not is_up(db, system):
        raise LcdError(COMMUNICATION, f"communication with system {system} failed")


def instances(db: sqlite3.Connection, system: str) -> list[Instance]:
    """All instances of a system, by tag."""
    sql = "SELECT system, app, type, tag, id, info, state, switchback FROM instances WHERE system = ? ORDER BY tag"
    return [Instance(*row) for row in db.execute(sql, (system,))]


def instance(db: sqlite3.Connection, system: str, tag: str) -> Instance:
    """One instance. LcdError 7 when the system has no such tag."""
    for row in instances(db, system):
        if row.tag == tag:
            return row
    raise LcdError(ABSENT, f"no resource {tag} on {system}")


def set_state(db: sqlite3.Connection, system: str, tag: str, state: str) -> None:
    """Write an instance's state."""
    db.execute("UPDATE instances SET state = ? WHERE system = ? AND tag = ?", (state, system, tag))


def parents(db: sqlite3.Connection, system: str, tag: str) -> list[str]:
    """Give the tags that depend on this one, sorted."""
    sql = "SELECT parent FROM dependencies WHERE system = ? AND child = ? ORDER BY parent"
    return [parent for (parent,) in db.execute(sql, (system, tag))]


def children(db: sqlite3.Connection, system: str, tag: str) -> list[str]:
    """Give the tags this one depends on, sorted."""
    sql = "SELECT child FROM dependencies WHERE system = ? AND parent = ? ORDER BY child"
    return [child for (child,) in db.execute(sql, (system, tag))]


def below(db: sqlite3.Connection, system: str, tag: str) -> list[str]:
    """Give the tag and all it depends on, children before parents."""
    order: list[str] = []
    for child in children(db, system, tag):
        order += [found for found in below(db, system, child) if found not in order]
    return [*order, tag]


def above(db: sqlite3.Connection, system: str, tag: str) -> list[str]:
    """Give the tag and all that depend on it, parents before children."""
    order: list[str] = []
    for parent in parents(db, system, tag):
        order += [found for found in above(db, system, parent) if found not in order]
    return [*order, tag]


def hierarchy(db: sqlite3.Connection, system: str, tag: str) -> list[str]:
    """Give all tags connected with this one by dependencies, parents before children."""
    found, todo = {tag}, [tag]
    while todo:
        here = todo.pop()
        new = {*parents(db, system, here), *children(db, system, here)} - found
        found |= new
        todo += new
    order: list[str] = []
    for each in sorted(found):
        order += [more for more in above(db, system, each) if more not in order]
    return order


def equivalents(db: sqlite3.Connection, system: str, tag: str) -> list[Equivalency]:
    """Give the tag's equivalencies as seen from this system, best (lowest) priority of the other first."""
    sql = (
        "SELECT system, tag, othersystem, othertag, type, priority, otherpriority FROM equivalencies"
        " WHERE system = ? AND tag = ? ORDER BY otherpriority, othersystem"
    )
    return [Equivalency(*row) for row in db.execute(sql, (system, tag))]


def claim(db: sqlite3.Connection, system: str, flag: str) -> bool:
    """Raise a flag for this process; False when a living process holds it already."""
    with writing(db):
        row = db.execute("SELECT pid FROM flags WHERE system = ? AND flag = ?", (system, flag)).fetchone()
        if row and _lives(*row):
            return False
        db.execute("INSERT OR REPLACE INTO flags VALUES (?, ?, ?)", (system, flag, os.getpid()))
    return True


def recovers(db: sqlite3.Connection, system: str) -> bool:
    """Whether an event's recovery is at work on this system."""
    rows = db.execute("SELECT pid FROM flags WHERE system = ? AND flag LIKE '!recover!%'", (system,))
    return any(_lives(*row) for row in rows)


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def drop_flag(db: sqlite3.Connection, system: str, flag: str) -> bool:
    """Take a flag down; False when it was not there."""
    cursor = db.execute("DELETE FROM flags WHERE system = ? AND flag = ?", (system, flag))
    return cursor.rowcount > 0
