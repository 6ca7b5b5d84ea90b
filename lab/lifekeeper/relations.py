"""Programs for dependencies, equivalencies, flags and systems."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from lab.lifekeeper import store
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    from lab.lifekeeper.store import Call


def dep_create(call: Call) -> int:
    """Make a parent depend on a child; 4 when it does, 5 when that closes a circle, 7 for an unknown tag."""
    parent, child = call.options["p"], call.options["c"]
    with store.writing(call.db):
        store.instance(call.db, call.target, parent)
        store.instance(call.db, call.target, child)
        if child in store.children(call.db, call.target, parent):
            raise LcdError(store.EXISTS, f"{parent} depends on {child} already")
        if parent in store.below(call.db, call.target, child):
            raise LcdError(store.ILLEGAL, f"{child} depends on {parent}")
        call.db.execute("INSERT INTO dependencies VALUES (?, ?, ?)", (call.target, parent, child))
    return store.OK


def dep_remove(call: Call) -> int:
    """Undo dep_create; 7 when there is no such dependency."""
    cursor = call.db.execute(
        "DELETE FROM dependencies WHERE system = ? AND parent = ? AND child = ?",
        (call.target, call.options["p"], call.options["c"]),
    )
    return store.OK if cursor.rowcount else store.ABSENT


def dep_list(call: Call) -> int:
    """Print parent and child of every dependency, or of those with the given child (-c) or parent (-p)."""
    sql = "SELECT parent, child FROM dependencies WHERE system = ? ORDER BY parent, child"
    rows = call.db.execute(sql, (call.target,)).fetchall()
    for column, letter in enumerate("pc"):
        if letter in call.options:
            store.instance(call.db, call.target, call.options[letter])
            rows = [row for row in rows if row[column] == call.options[letter]]
    for row in rows:
        print(call.options.get("f", "\x01").join(row))
    return store.OK


def _group(call: Call, *members: tuple[str, str]) -> dict[tuple[str, str], int]:
    """Priorities of all instances that are, over any number of steps, equivalent to one of the members."""
    found: dict[tuple[str, str], int] = {}
    todo = list(members)
    while todo:
        for row in store.equivalents(call.db, *todo.pop()):
            found[row.system, row.tag] = row.priority
            if (row.othersystem, row.othertag) not in found:
                todo.append((row.othersystem, row.othertag))
    return found


def _priority(given: str | None, member: tuple[str, str], group: dict[tuple[str, str], int]) -> int:
    """Give the member's priority: as asked, as it is, or the first unused. LcdError 5 when that is taken."""
    if given is None:
        return group.get(member) or next(number for number in count(1) if number not in group.values())
    number = int(given) if given.isdecimal() else 0
    others = {priority for other, priority in group.items() if other != member}
    if not 1 <= number <= 999 or number in others or group.get(member, number) != number:
        raise LcdError(store.ILLEGAL, f"priority {given} is not 1 to 999, or in use")
    return number


def eqv_create(call: Call) -> int:
    """Make two instances equivalent, in both directions.

    4 when they are, 5 for a bad or used priority or type, 7 for an unknown tag, 9: the other system is down.
    """
    given = call.options
    here, there = (call.target, given["t"]), (given["S"], given["o"])
    if given["e"] != "SHARED" or here[0] == there[0]:
        raise LcdError(store.ILLEGAL, "only SHARED, only between two systems")
    store.need_up(call.db, given["S"])
    with store.writing(call.db):
        store.instance(call.db, *here)
        store.instance(call.db, *there)
        if any((row.othersystem, row.othertag) == there for row in store.equivalents(call.db, *here)):
            raise LcdError(store.EXISTS, f"{given['t']} and {given['o']} are equivalent already")
        group = _group(call, here, there)
        group[here] = _priority(given.get("p"), here, group)
        group[there] = _priority(given.get("r"), there, group)
        for one, other in ((here, there), (there, here)):
            row = (*one, *other, "SHARED", group[one], group[other])
            call.db.execute("INSERT INTO equivalencies VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return store.OK


def eqv_remove(call: Call) -> int:
    """Undo eqv_create, in both directions; 7 when there is no such equivalency."""
    key = {"a": call.target, "b": call.options["t"], "c": call.options["S"], "d": call.options["o"]}
    store.need_up(call.db, call.options["S"])
    cursor = call.db.execute(
        "DELETE FROM equivalencies WHERE (system = :a AND tag = :b AND othersystem = :c AND othertag = :d)"
        " OR (system = :c AND tag = :d AND othersystem = :a AND othertag = :b)",
        key,
    )
    return store.OK if cursor.rowcount else store.ABSENT


def eqv_list(call: Call) -> int:
    """Print the equivalencies of the system's instances, or of one tag; 7 for an unknown tag."""
    if "t" in call.options:
        tags = [store.instance(call.db, call.target, call.options["t"]).tag]
    else:
        tags = [row.tag for row in store.instances(call.db, call.target)]
    for tag in tags:
        for row in store.equivalents(call.db, call.target, tag):
            print(call.options.get("f", "\x01").join(str(field) for field in row))
    return store.OK


def sys_list(call: Call) -> int:
    """Print the names of all systems."""
    for name, _, _, _ in store.systems(call.db):
        print(name)
    return store.OK


def flg_create(call: Call) -> int:
    """Raise a flag; 4 when it is up."""
    key = (call.target, call.options["f"])
    cursor = call.db.execute("INSERT OR IGNORE INTO flags (system, flag) VALUES (?, ?)", key)
    return store.OK if cursor.rowcount else store.EXISTS


def flg_remove(call: Call) -> int:
    """Take a flag down; 7 when it is not up."""
    return store.OK if store.drop_flag(call.db, call.target, call.options["f"]) else store.ABSENT


def flg_test(call: Call) -> int:
    """Say whether a flag is up (0) or not (7)."""
    return store.OK if call.options["f"] in _flags(call) else store.ABSENT


def flg_list(call: Call) -> int:
    """Print the system's flags."""
    for flag in _flags(call):
        print(flag)
    return store.OK


def _flags(call: Call) -> list[str]:
    """Give the system's flags, sorted."""
    rows = call.db.execute("SELECT flag FROM flags WHERE system = ? ORDER BY flag", (call.target,))
    return [flag for (flag,) in rows]
