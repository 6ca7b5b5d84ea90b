"""What LifeKeeper's core decides: local recovery, failover, death and return of a system, periodic check."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.lifekeeper import generic, store
from lab.lifekeeper.actions import (
    change,
    environment_of,
    find_script,
    in_service,
    restore,
    run_action,
    run_script,
    say,
)
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    import sqlite3

    from lab.lifekeeper.store import Instance


def _recovery(db: sqlite3.Connection, row: Instance) -> Path:
    """Give the folder with the local recovery programs of an instance's type: <class>/<event>."""
    return Path(store.lkroot_of(db, row.system)) / "subsys" / row.app / "resources" / row.type / "recovery"


def _recover(
    db: sqlite3.Connection, row: Instance, options: dict[str, str], argv: list[str]
) -> tuple[Path, list[str]]:
    """Give the local recovery program for an event, and its words: sendevent's own and a time.

    For a Generic Application it is the recover script, called as its others: SIOS's examples of those.
    That it is run whatever the event, is inferred.
    """
    if (row.app, row.type) == (generic.APP, generic.TYPE):
        script = generic.copy_of(Path(store.lkroot_of(db, row.system)), "recover", row.tag)
        return script, ["-t", row.tag, "-i", row.id]
    return _recovery(db, row) / options["C"] / options["E"], [*argv, "-t", time.strftime("%y%m%d%H%M%S")]


def sendevent(db: sqlite3.Connection, system: str, options: dict[str, str], argv: list[str]) -> int:
    """Recover a tag locally, once, and fail its hierarchy over when that does not help.

    Options are sendevent's own by letter, argv the same as given.
    0: recovered, failed over, or nothing to do (not ISP, or being recovered already); 1: the failover failed
    or halted this system. LcdError 7 for an unknown tag.
    """
    row = store.instance(db, system, options["n"])
    db.execute(
        "INSERT INTO events (system, class, event, tag) VALUES (?, ?, ?, ?)",
        (system, options["C"], options["E"], row.tag),
    )
    flag = f"!recover!{row.tag}"
    if not store.claim(db, system, flag):
        return store.OK
    try:
        if store.instance(db, system, row.tag).state != "ISP":
            return store.OK
        script, words = _recover(db, row, options, argv)
        if script.is_file() and run_script(db, row, "recover", script, words) == 0:
            say(db, row, "recover", f'local recovery of "{row.tag}" done')
            return store.OK
        return _leave_once(db, row)
    finally:
        store.drop_flag(db, system, flag)


def _leave_once(db: sqlite3.Connection, row: Instance) -> int:
    """Move the hierarchy off its system unless an event for another of its tags is doing so."""
    flag = f"!failover!{store.hierarchy(db, row.system, row.tag)[0]}"
    if not store.claim(db, row.system, flag):
        return store.OK
    try:
        return _leave(db, row)
    finally:
        store.drop_flag(db, row.system, flag)


def _leave(db: sqlite3.Connection, row: Instance) -> int:
    """Move the hierarchy of a failed instance off its system; 1 when the system had to be halted for that."""
    if not store.is_up(db, row.system):
        raise LcdError(store.SYSTEM, f"{row.system} died meanwhile")
    if not in_service(db, row.system, row.tag):
        return store.OK
    say(db, row, "recover", f'local recovery of "{row.tag}" failed, failing over', "ERROR:000000")
    tags = [tag for tag in store.hierarchy(db, row.system, row.tag) if in_service(db, row.system, tag)]
    try:
        for tag in tags:
            change(db, row.system, tag, "remove")
    except LcdError as error:
        say(db, row, "remove", f"SYSTEM HALTED: {error}", "FATAL:004788")
        down(db, row.system, "halted")
        failover(db, row.system, tags)
        return store.SYSTEM
    try:
        _take_over(db, row.system, tags)
    except LcdError:
        if _target(db, row.system, tags) is None:
            store.set_state(db, row.system, row.tag, "OSF")
        raise
    return store.OK


def _target(db: sqlite3.Connection, system: str, tags: list[str]) -> str | None:
    """Name the living system that takes tags over (topmost first): where they run already, else the best."""
    rows = [row for row in store.equivalents(db, system, tags[0]) if store.is_up(db, row.othersystem)]
    rows.sort(key=lambda row: not in_service(db, row.othersystem, row.othertag))
    return rows[0].othersystem if rows else None


def _take_over(db: sqlite3.Connection, system: str, tags: list[str]) -> None:
    """Restore the equivalents of a system's tags (topmost first), children first. LcdError 1: that failed."""
    target = _target(db, system, tags)
    if target is None:
        raise LcdError(store.SYSTEM, f"no system can take {tags[0]} over from {system}")
    for tag in reversed(tags):
        for row in store.equivalents(db, system, tag):
            if row.othersystem == target:
                restore(db, target, row.othertag)


def down(db: sqlite3.Connection, system: str, reason: str = "down") -> None:
    """Let a system die; its instances stay what they were. LcdError 7 for an unknown system."""
    store.lkroot_of(db, system)
    db.execute("UPDATE systems SET up = 0, reason = ? WHERE name = ?", (reason, system))


def failover(db: sqlite3.Connection, dead: str, halted: list[str] | None = None) -> int:
    """Take over all that a dead system had in service; 1 when a part of it could not be.

    halted: the tags (topmost first) whose removal ended it. LcdError 5 when the system lives, 7 when unknown.
    """
    store.lkroot_of(db, dead)
    if store.is_up(db, dead):
        raise LcdError(store.ILLEGAL, f"{dead} is up")
    if not store.claim(db, dead, "!failover"):
        return store.OK
    groups = [halted] if halted else []
    for row in store.instances(db, dead):
        if in_service(db, dead, row.tag) and not any(row.tag in group for group in groups):
            tags = store.hierarchy(db, dead, row.tag)
            groups.append([tag for tag in tags if in_service(db, dead, tag)])
    try:
        return max([_inherit(db, dead, group) for group in groups], default=store.OK)
    finally:
        store.drop_flag(db, dead, "!failover")


def _inherit(db: sqlite3.Connection, dead: str, tags: list[str]) -> int:
    """Take one hierarchy over from a dead system, whose instances are OSU then; 1 when its restore fails.

    When no living system knows the hierarchy, its instances stay what they are, and the result is 1.
    """
    status = store.OK
    known = _target(db, dead, tags) is not None
    try:
        _take_over(db, dead, tags)
    except LcdError as error:
        say(db, store.instance(db, dead, tags[0]), "failover", str(error), "ERROR:000000")
        status = store.SYSTEM
    if known:
        with store.writing(db):
            for tag in store.hierarchy(db, dead, tags[0]):
                store.set_state(db, dead, tag, "OSU")
    return status


def _running_elsewhere(db: sqlite3.Connection, system: str, tag: str) -> list[store.Equivalency]:
    """Equivalencies of a tag whose other side is in service on a living system."""
    rows = store.equivalents(db, system, tag)
    return [row for row in rows if store.is_up(db, row.othersystem) and in_service(db, row.othersystem, row.othertag)]


def up(db: sqlite3.Connection, system: str) -> None:
    """Boot a dead system: what runs elsewhere is OSU here, what ran here and nowhere else is restored.

    Then hierarchies whose root is AUTOMATIC and has a better priority here come back. A booted system has no
    addresses and no flags beginning with "!": of `!volatile!NAME` SIOS's Generic Application examples say so, of the
    others it is inferred. LcdError 1 when a script fails, 7 for an unknown system.
    """
    lkroot = store.lkroot_of(db, system)
    if store.is_up(db, system):
        return
    (Path(lkroot) / "addresses").unlink(missing_ok=True)
    own: list[str] = []
    with store.writing(db):
        db.execute("UPDATE systems SET up = 1, reason = '' WHERE name = ?", (system,))
        db.execute("DELETE FROM flags WHERE system = ? AND flag LIKE '!%'", (system,))
        for row in store.instances(db, system):
            elsewhere = _running_elsewhere(db, system, row.tag)
            if in_service(db, system, row.tag) and not elsewhere:
                own.append(row.tag)
            if elsewhere or in_service(db, system, row.tag):
                store.set_state(db, system, row.tag, "OSU")
    for tag in own:
        restore(db, system, tag)
    for row in store.instances(db, system):
        if row.switchback == "AUTOMATIC" and not store.parents(db, system, row.tag):
            for other in _running_elsewhere(db, system, row.tag):
                if other.priority < other.otherpriority:
                    restore(db, system, row.tag)


def lkcheck(db: sqlite3.Connection, system: str) -> None:
    """Run quickCheck of every ISP instance once and send an event for each that is bad and has sent none.

    The quickChecks of SIOS's Generic Application examples exit 1 and leave the event to the harness. That it comes
    from here, as for any other kit, is inferred.
    """
    for listed in store.instances(db, system):
        row = store.instance(db, system, listed.tag)
        if row.state != "ISP" or not find_script(db, row, "quickCheck"):
            continue
        (before,) = db.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
        status = run_action(db, row, "quickCheck", [])
        if not store.is_up(db, system):
            return
        if status < 0:
            text = f'END failed quickCheck of "{row.tag}" due to a signal ({-status}).'
            say(db, row, "quickCheck", text, "ERROR:001047")
        sent = db.execute(
            "SELECT 1 FROM events WHERE number > ? AND system = ? AND tag = ?", (before, system, row.tag)
        )
        if status == 1 and not sent.fetchone():
            _report(db, row)


def _report(db: sqlite3.Connection, row: Instance) -> None:
    """Send the event of a bad quickCheck: the only one the kit has, or one without a recovery program."""
    found = sorted(path for path in _recovery(db, row).glob("*/*") if path.is_file())
    kind, event = (found[0].parent.name, found[0].name) if len(found) == 1 else (row.type, "failed")
    argv = ["-C", kind, "-E", event, "-m", "lkcheck", "-n", row.tag]
    try:
        sendevent(db, row.system, {"C": kind, "E": event, "m": "lkcheck", "n": row.tag}, argv)
    except LcdError as error:
        say(db, row, "quickCheck", str(error), "ERROR:000000")


def check_interval(lkroot: str) -> float:
    """Seconds between two checks: LKCHECKINTERVAL in the file that EC2KIT_DEFAULTS names, 120 without."""
    given = environment_of(lkroot).get("LKCHECKINTERVAL", "")
    return float(given) if re.fullmatch(r"\d+(\.\d+)?", given) else 120.0
