"""Running a kit's action scripts: bringing resources in and out of service, and LifeKeeper's log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lab.lifekeeper import store
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from lab.lifekeeper.store import Instance

IN_SERVICE = ("ISP", "ISU")
NOT_RUN = 126
"""Exit status in the place of that of a script that cannot be run."""
BARE = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
}
LOGGED = re.compile(r"\w+ [ \d]\d [\d:]{8} \S+ (perform_action|sendevent|lkcheck|lksystem|ins_remove)\[\d+\]: ")
"""A line that a program of the stand-in, started by an action, has put into the log already."""
SETTING = re.compile(
    r"""\s*(?:export\s+)?([A-Za-z_]\w*)=("[^"$`\\\0]*"|'[^'\0]*'|[^\s"'$`\\;&|<>()#\0]*)\s*(?:#.*)?"""
)
"""A line of /etc/default/LifeKeeper that means the same to a shell and to everybody else."""


def environment_of(lkroot: str) -> dict[str, str]:
    """Give the whole environment in which actions and remote commands run on a system."""
    added: dict[str, str] = json.loads((Path(lkroot) / "standin.json").read_text())["environment"]
    return with_settings(BARE | added)


def with_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment with each plain `NAME=value` line of the file that its EC2KIT_DEFAULTS names.

    SIOS's scripts begin with /etc/default/LifeKeeper.pl, which puts the lines of /etc/default/LifeKeeper into the
    environment. Which value counts where both have a name is not known: here the environment's.
    """
    try:
        text = Path(environment.get("EC2KIT_DEFAULTS", "")).read_text(errors="surrogateescape")
    except OSError:  # there is none
        return dict(environment)
    found = [match.groups() for match in map(SETTING.fullmatch, text.split("\n")) if match]
    return {name: value[1:-1] if value[:1] in ("'", '"') else value for name, value in found} | dict(environment)


def program() -> str:
    """Name the running program."""
    return Path(sys.argv[0]).name


def say(db: sqlite3.Connection, row: Instance, action: str, text: str, level: str = "INFO:000000") -> None:
    """Write one line to the log of the instance's system and to stderr; level is e.g. "ERROR:001047"."""
    severity, number = level.split(":")
    stamp, head = time.strftime("%b %d %H:%M:%S"), f"{program()}[{os.getpid()}]"
    line = f"{stamp} {row.system} {head}: {severity}:lcd:{action}:{row.tag}:{number}:{text}\n"
    if LOGGED.match(text):
        line = text + "\n"
    else:
        path = Path(store.lkroot_of(db, row.system)) / "log" / "lifekeeper.log"
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(line)
    with suppress(OSError):  # a caller that has gone does not end a failover
        sys.stderr.write(line)


def find_script(db: sqlite3.Connection, row: Instance, action: str) -> Path | None:
    """Give the path of an action's script: the type's own, else the application's, else None."""
    app = Path(store.lkroot_of(db, row.system)) / "subsys" / row.app
    for folder in (app / "resources" / row.type / "actions", app / "actions"):
        if (folder / action).is_file():
            return folder / action
    return None


def _forward(pipe: IO[str], tell: Callable[[str], None]) -> None:
    """Tell each line of a script's output as it comes."""
    with pipe:
        for line in pipe:
            tell(line.removesuffix("\n"))


def _start(command: list[str], lkroot: str) -> subprocess.Popen[str]:
    """Start a kit's script in its system's environment. OSError when it cannot be run."""
    return subprocess.Popen(
        command,
        env=environment_of(lkroot),
        cwd=lkroot,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def run_script(db: sqlite3.Connection, row: Instance, action: str, script: Path, words: list[str]) -> int:
    """Run a kit's script for an action on the instance's system; exit status, negative for a signal.

    A process that the script leaves behind does not hold this up, even when it keeps the output open.
    LcdError 9: the system is down.
    """
    store.need_up(db, row.system)
    try:
        process = _start([str(script), *words], store.lkroot_of(db, row.system))
    except OSError as error:
        say(db, row, action, str(error), "ERROR:000000")
        return NOT_RUN
    assert process.stdout
    output: list[str] = []
    reader = threading.Thread(target=_forward, args=(process.stdout, output.append), daemon=True)
    reader.start()
    while reader.is_alive() and process.poll() is None:
        reader.join(0.02)
        _flush(db, row, action, output)
    status = process.wait()
    reader.join(1)
    _flush(db, row, action, output)
    return status


def _flush(db: sqlite3.Connection, row: Instance, action: str, output: list[str]) -> None:
    """Log the lines that have come so far; the connection belongs to this thread."""
    while output:
        say(db, row, action, output.pop(0))


def run_action(db: sqlite3.Connection, row: Instance, action: str, words: list[str]) -> int:
    """Run an action of an instance; its exit status, or for a missing one 1 (restore, remove) or 7 (others)."""
    script = find_script(db, row, action)
    if script is None:
        missing = store.SYSTEM if action in {"restore", "remove"} else store.ABSENT
        say(db, row, action, f"no {action} script for {row.app}/{row.type}", "ERROR:000000")
        return missing
    say(db, row, action, f'BEGIN {action} of "{row.tag}"')
    status = run_script(db, row, action, script, ["-t", row.tag, "-i", row.id, *words])
    how = "successful" if status == 0 else "failed"
    say(
        db,
        row,
        action,
        f'END {how} {action} of "{row.tag}"',
        "INFO:000000" if status == 0 else "ERROR:000000",
    )
    return status


def change(db: sqlite3.Connection, system: str, tag: str, action: str) -> None:
    """Run restore or remove of one instance and write its new state.

    LcdError 1 when it fails (the state is OSF then), or when the system died meanwhile (the state stays).
    """
    status = run_action(db, store.instance(db, system, tag), action, [])
    with store.writing(db):
        if not store.is_up(db, system):
            raise LcdError(store.SYSTEM, f"{system} died during {action} of {tag}")
        good = "ISP" if action == "restore" else "OSU"
        store.set_state(db, system, tag, "OSF" if status else good)
    if status:
        raise LcdError(store.SYSTEM, f"{action} of {tag} failed on {system}")


def _release(db: sqlite3.Connection, system: str, tag: str) -> None:
    """Take the equivalents of a tag and of all below it out of service elsewhere, parents first."""
    for each in store.below(db, system, tag):
        for other in store.equivalents(db, system, each):
            if store.is_up(db, other.othersystem) and in_service(db, other.othersystem, other.othertag):
                remove(db, other.othersystem, other.othertag)


def in_service(db: sqlite3.Connection, system: str, tag: str) -> bool:
    """Say whether an instance is ISP or ISU."""
    return store.instance(db, system, tag).state in IN_SERVICE


def restore(db: sqlite3.Connection, system: str, tag: str) -> None:
    """Bring a tag in service: off the other systems first, then children before parents.

    Nothing to do when it is ISP. LcdError 1 at the first script that fails, 7 for an unknown tag.
    """
    if store.instance(db, system, tag).state == "ISP":
        return
    _release(db, system, tag)
    for each in store.below(db, system, tag):
        if store.instance(db, system, each).state != "ISP":
            change(db, system, each, "restore")


def remove(db: sqlite3.Connection, system: str, tag: str) -> None:
    """Take a tag out of service, those that depend on it first. LcdError 1 at the first script that fails."""
    for each in store.above(db, system, tag):
        state = store.instance(db, system, each).state
        if state in IN_SERVICE or (each == tag and state == "OSF"):
            change(db, system, each, "remove")


def perform_action(db: sqlite3.Connection, system: str, tag: str, action: str, words: list[str]) -> int:
    """Run restore or remove as the core does, anything else as a plain script; the exit code."""
    row = store.instance(db, system, tag)
    if action == "restore":
        restore(db, system, tag)
    elif action == "remove":
        remove(db, system, tag)
    else:
        status = run_action(db, row, action, words)
        return status if status >= 0 else 128 - status
    return store.OK
