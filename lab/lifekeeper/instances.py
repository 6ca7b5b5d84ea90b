"""The ins_* programs: resource instances of one system."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from lab.lifekeeper import store
from lab.lifekeeper.actions import find_script, run_action
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    from lab.lifekeeper.store import Call, Instance

FIRST_STATE = {"INIT_ISP": "ISP", "AUTORES_ISP": "ISP", "INIT_OSU": "OSU"}
STATES = ("ISP", "ISU", "OSU", "OSF")
SWITCHBACKS = ("INTELLIGENT", "AUTOMATIC")


def _checked_info(info: str) -> str:
    """Give the info back. LcdError 5 for characters that the real LCD does not keep."""
    if not re.fullmatch(r"[A-Za-z0-9._/= -]*", info):
        raise LcdError(store.ILLEGAL, "info may hold letters, digits, - _ . / = and blank")
    return info


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    """Give the value back. LcdError 5 when it is none of the allowed ones."""
    if value not in allowed:
        raise LcdError(store.ILLEGAL, f"{value} is none of {' '.join(allowed)}")
    return value


def _selected(call: Call) -> list[Instance]:
    """Instances of the addressed system that match all selecting options, by tag."""
    wanted = call.options
    rows = store.instances(call.db, call.target)
    if "R" in wanted:
        tree = store.below(call.db, call.target, wanted["R"])
        rows = [row for row in rows if row.tag in tree]
    for letter, field in (("a", 1), ("r", 2), ("t", 3), ("i", 4)):
        rows = [row for row in rows if letter not in wanted or row[field] == wanted[letter]]
    return rows


def ins_list(call: Call) -> int:
    """Print matching instances; 7 when there are none."""
    rows = _selected(call)
    for row in rows:
        print(call.options.get("f", "\x01").join(row))
    return store.OK if rows else store.ABSENT


def ins_create(call: Call) -> int:
    """Make an instance; 4 when tag or id is taken, 5 for a bad value, 7 when the type is not registered."""
    given = call.options
    info = _checked_info(given.get("v", ""))
    state = FIRST_STATE[_one_of(given.get("I", "INIT_OSU"), tuple(FIRST_STATE))]
    switchback = _one_of(given.get("s", "INTELLIGENT"), SWITCHBACKS)
    with store.writing(call.db):
        known = call.db.execute(
            "SELECT 1 FROM types WHERE system = ? AND app = ? AND type = ?",
            (call.target, given["a"], given["r"]),
        )
        if not known.fetchone():
            raise LcdError(store.ABSENT, f"no type {given['a']}/{given['r']} on {call.target}")
        for row in store.instances(call.db, call.target):
            if row.tag == given["t"] or row.id == given["i"]:
                raise LcdError(store.EXISTS, f"{row.tag} with id {row.id} exists on {call.target}")
        fields = (call.target, given["a"], given["r"], given["t"], given["i"], info, state, switchback)
        call.db.execute("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)
    return store.OK


def ins_remove(call: Call) -> int:
    """Run `delete` and drop each selected instance, parents first; 8 when one not selected depends on it.

    An instance whose delete action fails stays, and ends the program with 1.
    """
    if not call.options.keys() & set("Rarti"):
        raise LcdError(store.SYNTAX, "say which instances")
    rows = _selected(call)
    if not rows:
        raise LcdError(store.ABSENT, f"no such resource on {call.target}")
    rows.sort(key=lambda row: len(store.above(call.db, call.target, row.tag)))
    tags = {row.tag for row in rows}
    for row in rows:
        if outside := set(store.parents(call.db, call.target, row.tag)) - tags:
            raise LcdError(store.DEPENDS, f"{' '.join(sorted(outside))} depends on {row.tag}")
    for row in rows:
        if find_script(call.db, row, "delete") and run_action(call.db, row, "delete", ["-U"]) != 0:
            return store.SYSTEM
        _drop(call, row)
    return store.OK


def _drop(call: Call, row: Instance) -> None:
    """Forget an instance with its dependencies and both directions of its equivalencies."""
    with store.writing(call.db):
        key = {"system": row.system, "tag": row.tag}
        call.db.execute("DELETE FROM instances WHERE system = :system AND tag = :tag", key)
        call.db.execute("DELETE FROM dependencies WHERE system = :system AND (parent = :tag OR child = :tag)", key)
        call.db.execute(
            "DELETE FROM equivalencies WHERE (system = :system AND tag = :tag)"
            " OR (othersystem = :system AND othertag = :tag)",
            key,
        )


def ins_gettag(call: Call) -> int:
    """Print the tag of an id; 7 when there is none."""
    for row in store.instances(call.db, call.target):
        if row.id == call.options["i"]:
            print(row.tag)
            return store.OK
    raise LcdError(store.ABSENT, f"no id {call.options['i']} on {call.target}")


def ins_setstate(call: Call) -> int:
    """Write a state; 5 for a state that is none, 7 when the tag is not there."""
    state = _one_of(call.options["S"], STATES)
    with store.writing(call.db):
        store.instance(call.db, call.target, call.options["t"])
        store.set_state(call.db, call.target, call.options["t"], state)
    return store.OK


def ins_setinfo(call: Call) -> int:
    """Write the info, from stdin without -v; 5 for characters it may not hold, 7 when the tag is not there."""
    info = call.options["v"] if "v" in call.options else sys.stdin.read().removesuffix("\n")
    key = (_checked_info(info), call.target, call.options["t"])
    with store.writing(call.db):
        store.instance(call.db, call.target, call.options["t"])
        call.db.execute("UPDATE instances SET info = ? WHERE system = ? AND tag = ?", key)
    return store.OK


def ins_setas(call: Call) -> int:
    """Write the switchback type; 5 for one that is none, 7 when the tag is not there."""
    key = (_one_of(call.options["s"], SWITCHBACKS), call.target, call.options["t"])
    with store.writing(call.db):
        store.instance(call.db, call.target, call.options["t"])
        call.db.execute("UPDATE instances SET switchback = ? WHERE system = ? AND tag = ?", key)
    return store.OK
