"""Programs that tell LifeKeeper of a kit's application and type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.lifekeeper import store
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    from lab.lifekeeper.store import Call


def app_create(call: Call) -> int:
    """Register an application; 4 when it is."""
    return _register(call, call.options["a"], "")


def typ_create(call: Call) -> int:
    """Register a resource type; 4 when it is, 7 when its application is not."""
    key = (call.target, call.options["a"])
    if not call.db.execute("SELECT 1 FROM types WHERE system = ? AND app = ?", key).fetchone():
        raise LcdError(store.ABSENT, f"no application {call.options['a']} on {call.target}")
    return _register(call, call.options["a"], call.options["r"])


def _register(call: Call, app: str, kind: str) -> int:
    """Add an application (type "") or a type; 4 when it is there."""
    cursor = call.db.execute("INSERT OR IGNORE INTO types VALUES (?, ?, ?)", (call.target, app, kind))
    return store.OK if cursor.rowcount else store.EXISTS


def typ_remove(call: Call) -> int:
    """Forget a resource type; 7 when it is not registered, 8 while it has instances."""
    app, kind = call.options["a"], call.options["r"]
    with store.writing(call.db):
        if tags := [row.tag for row in store.instances(call.db, call.target) if (row.app, row.type) == (app, kind)]:
            raise LcdError(store.DEPENDS, f"{app}/{kind} has {' '.join(tags)}")
        return _forget(call, app, kind)


def app_remove(call: Call) -> int:
    """Forget an application; 7 when it is not registered, 8 while it has types."""
    app = call.options["a"]
    with store.writing(call.db):
        sql = "SELECT type FROM types WHERE system = ? AND app = ? AND type != '' ORDER BY type"
        if types := [kind for (kind,) in call.db.execute(sql, (call.target, app))]:
            raise LcdError(store.DEPENDS, f"{app} has {' '.join(types)}")
        return _forget(call, app, "")


def _forget(call: Call, app: str, kind: str) -> int:
    """Drop an application (type "") or a type; 7 when it is not there."""
    key = (call.target, app, kind)
    cursor = call.db.execute("DELETE FROM types WHERE system = ? AND app = ? AND type = ?", key)
    return store.OK if cursor.rowcount else store.ABSENT
