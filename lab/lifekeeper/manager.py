"""LifeKeeper's extend manager, run on the template system.

    extmgrDoExtend.pl -p1 -f, TAG TARGET PRIORITY SWITCHBACK BUNDLE

The command line is from SIOS's AWS quick start, the steps with their words from SIOS's walk through the GUI. What -p
means is not known, nor what the manager does when it is ended: here it takes back what it has made.
"""

from __future__ import annotations

import getopt
import os
import re
import shlex
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lab.lifekeeper import store
from lab.lifekeeper.generic import SWITCHBACKS
from lab.lifekeeper.instances import ins_remove, ins_setas
from lab.lifekeeper.relations import dep_create, eqv_create
from lab.lifekeeper.remote import lcdremexec
from lab.lifekeeper.store import Call, LcdError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

PROGRAM = "lkadm/bin/extmgrDoExtend.pl"


class Extension(NamedTuple):
    """One run: from which system to which, and what was asked for. values: of a resource's extend, by tag."""

    db: sqlite3.Connection
    own: str
    target: str
    tag: str
    priority: str
    switchback: str
    values: dict[str, list[str]]

    def run(self, program: Callable[[Call], int], system: str, **options: str) -> int:
        """Run a program of LifeKeeper's in this process, for a system; LcdError when it says so."""
        return program(Call(self.db, self.own, system, options, [], []))

    def script(self, row: store.Instance, name: str, *values: str) -> None:
        """Run canextend or extend of a resource's kit on the target. LcdError 1 when that fails.

        SIOS's AWS quick start runs canextend so, with the first two values; that extend gets the others behind
        them is inferred.
        """
        words = [f"{store.lkroot_of(self.db, self.own)}/{_place(row, name)}", self.own, row.tag, *values]
        call = Call(self.db, self.own, self.target, {"d": self.target}, [shlex.join(words)], [])
        if status := lcdremexec(call):
            raise LcdError(store.SYSTEM, f"{name} of {row.tag} on {self.target} failed with exit code {status}")

    def tag_there(self, tag: str) -> str | None:
        """Give the tag that a resource has on the target; None when it is not extended to it."""
        rows = store.equivalents(self.db, self.own, tag)
        return next((row.othertag for row in rows if row.othersystem == self.target), None)

    def kind_there(self, row: store.Instance) -> set[str]:
        """Give the tags of all instances on the target that have a resource's type."""
        rows = store.instances(self.db, self.target)
        return {each.tag for each in rows if (each.app, each.type) == (row.app, row.type)}


def _place(row: store.Instance, name: str) -> str:
    """Give the place of canextend or extend of a resource's kit, below LKROOT."""
    return f"lkadm/subsys/{row.app}/{row.type}/bin/{name}"


def _values(bundle: str, separator: str) -> dict[str, list[str]]:
    """Read BUNDLE: a group in double quotes for a resource, first its tag, then what its extend gets; LcdError 5.

    Inferred from the one example, of which a shell makes the word `"MP,MP,MP" "TAG,,SYNC,DEV,...,SYNC"`.
    """
    if not re.fullmatch(r'(\s*"[^"]*")*\s*', bundle):
        raise LcdError(store.ILLEGAL, f"not groups in double quotes: {bundle}")
    groups = [group.split(separator) for group in re.findall(r'"([^"]*)"', bundle)]
    return {tag: values for tag, *values in groups}


@contextmanager
def _locked(asked: Extension) -> Iterator[None]:
    """Hold the admin lock on both systems. LcdError 1 while somebody else has one there."""
    flag = f"!action!{os.getpid()}!{int(time.time())}!{asked.own}:{asked.tag}"
    systems = (asked.own, asked.target)
    try:
        for system in systems:
            store.claim(asked.db, system, flag)
            sql = "SELECT flag FROM flags WHERE system = ? AND flag LIKE '!action!%' AND flag != ?"
            if others := asked.db.execute(sql, (system, flag)).fetchall():
                raise LcdError(store.SYSTEM, f"{system} is locked: {others[0][0]}")
        yield
    finally:
        for system in systems:
            store.drop_flag(asked.db, system, flag)
    _tell(f"LifeKeeper Admin Lock ({asked.tag}) Released")


def _tell(line: str) -> None:
    """Print one step at once: scripts print between the steps."""
    print(line, flush=True)


def _extend(asked: Extension) -> None:
    """Extend a resource and all below it that are not yet on the target. LcdError for a step that fails."""
    db, tag = asked.db, asked.tag
    with _locked(asked):
        _tell("Building independent resource list")
        tree = [store.instance(db, asked.own, each) for each in store.below(db, asked.own, tag)]
        todo = [row for row in tree if asked.tag_there(row.tag) is None]
        if strangers := asked.values.keys() - {row.tag for row in tree}:
            raise LcdError(store.ILLEGAL, f"not below {tag}: {' '.join(strangers)}")
        if not todo:
            raise LcdError(store.SYSTEM, f"{tag} is extended to {asked.target} already")
        _tell("Checking existence of extend and canextend scripts")
        for row in todo:
            for name in ("extend", "canextend"):
                if not Path(store.lkroot_of(db, asked.own), _place(row, name)).is_file():
                    raise LcdError(store.SYSTEM, f"no {name} script for {row.app}/{row.type}")
        _tell(f"Checking extendability for {tag}")
        for row in todo:
            asked.script(row, "canextend")
        _tell("Pre Extend checks were successful")
        before = {row.tag: asked.kind_there(row) for row in todo}
        try:
            _make(asked, todo)
        except BaseException:
            _take_back(asked, {each for row in todo for each in asked.kind_there(row) - before[row.tag]})
            raise


def _make(asked: Extension, todo: list[store.Instance]) -> None:
    """Make the instances on the target, and all that ties them to the rest of the hierarchy."""
    db, own, target = asked.db, asked.own, asked.target
    _tell(f"Extending resource instances for {asked.tag}")
    made: dict[str, str] = {}
    for row in todo:
        before = asked.kind_there(row)
        asked.script(row, "extend", *asked.values.get(row.tag, []))
        new = asked.kind_there(row) - before
        made[row.tag] = new.pop() if len(new) == 1 else store.instance(db, target, row.tag).tag
    _tell("Creating dependencies")
    tags = {each: made.get(each) or asked.tag_there(each) for each in store.hierarchy(db, own, asked.tag)}
    for parent, there in tags.items():
        for below in [tags[child] for child in store.children(db, own, parent)]:
            if there and below and below not in store.children(db, target, there):
                asked.run(dep_create, target, p=there, c=below)
    _tell("Setting switchback type for hierarchy")
    for each, there in made.items():
        asked.run(ins_setas, own, t=each, s=asked.switchback)
        asked.run(ins_setas, target, t=there, s=asked.switchback)
    _tell("Creating equivalencies")
    for each, there in made.items():
        others = store.equivalents(db, own, each)
        asked.run(eqv_create, own, t=each, S=target, r=asked.priority, o=there, e="SHARED")  # its own: 1 at first
        for other in others:
            asked.run(eqv_create, target, t=there, S=other.othersystem, o=other.othertag, e="SHARED")


def _take_back(asked: Extension, tags: set[str]) -> None:
    """Remove instances from the target. What cannot be removed stays, and is told."""
    for tag in tags:
        asked.db.execute(
            "DELETE FROM dependencies WHERE system = ? AND (parent = ? OR child = ?)", (asked.target, tag, tag)
        )
        try:
            status = asked.run(ins_remove, asked.target, t=tag)
        except LcdError as error:  # such as that the target has died: the others are tried all the same
            status = error.status
        if status:
            _tell(f"{tag} stays on {asked.target}: exit code {status}")


def _run(lkroot: Path, argv: list[str]) -> int:
    """Do what the command line asks for. LcdError, OSError, sqlite3.Error."""
    try:
        options, words = getopt.getopt(argv, "p:f:")
    except getopt.GetoptError as error:
        raise LcdError(store.SYNTAX, str(error)) from None
    separator = dict(options).get("-f", ",")
    if len(words) != 5 or words[3] not in SWITCHBACKS or len(separator) != 1:
        raise LcdError(store.SYNTAX, "[-p1] [-fC] TAG TARGET PRIORITY intelligent|automatic BUNDLE")
    tag, target, priority, switchback, bundle = words
    with store.opened(lkroot) as (db, own):
        for system in (own, target):
            store.need_up(db, system)
        values = _values(bundle, separator)
        _extend(Extension(db, own, target, tag, priority, SWITCHBACKS[switchback], values))
    _tell("Hierarchy successfully extended")
    _tell(f"Examining hierarchy on {target}")
    _tell("Hierarchy Verification Finished")
    return store.OK


def main(name: str) -> int:
    """Run the manager on sys.argv, for the system in whose tree its executable stands: 0, or 1 when it failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(store.SYSTEM))
    lkroot = Path(sys.argv[0]).resolve().parents[2]
    return min(store.SYSTEM, store.exit_code(name, lambda: _run(lkroot, sys.argv[1:])))
