"""The kit's app and type in LifeKeeper's configuration database."""

from __future__ import annotations

import os

from ec2kit.core.errors import Misconfigured
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper.contract import APP, APP_REMOVE, TYP_REMOVE, TYPE
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Lcd
from installer.target import Target

COMMANDS = {"app": ("app_create", "-a", APP), "type": ("typ_create", "-a", APP, "-r", TYPE)}
_UNDO = {"type": (TYP_REMOVE, "-a", APP, "-r", TYPE), "app": (APP_REMOVE, "-a", APP)}
_IN_USE = 8
_SECONDS = 120.0
_NAMES = {"app": f"app {APP}", "type": f"type {TYPE}"}


def is_there(target: Target) -> bool:
    """Whether this machine has LifeKeeper; never when files are only staged in DESTDIR."""
    return not target.destdir and os.access(f"{target.lkroot}/bin/app_create", os.X_OK)


def register(target: Target) -> list[str]:
    """Register app and type; those that LifeKeeper did not know. Unavailable when it does not answer."""
    new = []
    for what, command in COMMANDS.items():
        code, _ = _lcd(target).run(*command, accept=[ALREADY_EXISTS])
        if code != ALREADY_EXISTS:
            new.append(what)
            print(f"registered {_NAMES[what]} with LifeKeeper")
    return new


def refuse_in_use(target: Target, *, anothers: bool) -> None:
    """Raise Misconfigured while LifeKeeper has resources of the kit on this system, in either form.

    anothers: it finds another install of the kit. Its copies of the scripts, in the generic form, may be of this one.
    """
    tags = [each.tag for each in _lcd(target).ours() if each.form is Form.GENERIC or not anothers]
    if not tags:
        return
    raise Misconfigured(
        f"LifeKeeper still has resources of the kit: {', '.join(tags)}",
        f"Delete them first: {'; '.join(f'ec2kit delete {tag}' for tag in tags)}",
    )


def unregister(target: Target, registered: list[str]) -> None:
    """Take back what install registered; an app that meanwhile has other types stays."""
    for what, command in _UNDO.items():
        if what in registered:
            code, _ = _lcd(target).run(*command, accept=[NOT_THERE, _IN_USE])
            if code == _IN_USE:
                print(f"left {_NAMES[what]}: others use it")
            else:
                print(f"unregistered {_NAMES[what]}")


def _lcd(target: Target) -> Lcd:
    return Lcd(target.lkroot, Deadline(_SECONDS))
