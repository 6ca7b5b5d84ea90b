"""A LifeKeeper stand-in: LifeKeeper's programs for several systems on one machine, over one SQLite file.

Each system has its own LKROOT folder: `bin/` with one executable a program, `subsys/` with the kits'
actions, `log/lifekeeper.log`, and `standin.json`, from which a program learns its system, its store and the
environment in which actions run there: {"system": str, "store": str, "environment": {str: str}}. A program
takes nothing from the environment it is called with. Names, arguments, output and exit codes are those of
LifeKeeper's manual pages, or as SIOS's public scripts use them; `lksystem down|up|failover SYSTEM` and
`lksystem status` are the lab's own.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from lab.lifekeeper import store as database

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPER = """#!{python} -IS
import sys

sys.path.insert(0, {repository!r})
from {module} import main

sys.exit(main({name!r}))
"""


def write_program(path: Path, module: str, name: str, python: str) -> None:
    """Write an executable that runs `main(name)` of a module of this repository with a given Python."""
    repository = str(Path(__file__).resolve().parents[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WRAPPER.format(python=python, repository=repository, module=module, name=name))
    path.chmod(0o755)


def install(
    lkroot: Path,
    *,
    system: str,
    store: Path,
    environment: Mapping[str, str],
    python: str = sys.executable,
    manager: bool = False,
) -> None:
    """Make a system: its programs, its standin.json, its row in the store, gen/app; again is harmless.

    environment: the variables of actions and remote commands there, over PATH, HOME and LANG.
    manager: whether it has the extend manager. OSError when the folders cannot be written.
    """
    from lab.lifekeeper import generic
    from lab.lifekeeper.manager import PROGRAM
    from lab.lifekeeper.programs import PROGRAMS

    root, path = lkroot.resolve(), store.resolve()
    for name in PROGRAMS:
        write_program(root / "bin" / name, "lab.lifekeeper.programs", name, python)
    for name in (*generic.ACTIONS, *generic.ADMIN):
        write_program(root / generic.folder(name) / name, "lab.lifekeeper.generic", name, python)
    if manager:
        write_program(root / PROGRAM, "lab.lifekeeper.manager", Path(PROGRAM).name, python)
    (root / "log").mkdir(exist_ok=True)
    facts = {"system": system, "store": str(path), "environment": dict(environment)}
    (root / "standin.json").write_text(json.dumps(facts, indent=2) + "\n")
    database.create(path)
    with closing(database.connect(path)) as db:
        db.execute(
            "INSERT INTO systems (name, lkroot) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET lkroot = excluded.lkroot",
            (system, str(root)),
        )
        database.register(db, system, generic.APP, generic.TYPE)
