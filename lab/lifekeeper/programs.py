"""The programs' command lines: `main("ins_list")` is what the executable of that name runs."""

from __future__ import annotations

import getopt
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lab.lifekeeper import actions, core, instances, registry, relations, remote, store
from lab.lifekeeper.store import Call, LcdError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


class Program(NamedTuple):
    """A program: what it does, its options for getopt, those it must have, whether it takes words."""

    run: Callable[[Call], int]
    options: str
    required: str = ""
    words: bool = False


def _perform_action(call: Call) -> int:
    """Run an action of a resource of this system."""
    return actions.perform_action(call.db, call.own, call.options["t"], call.options["a"], call.words)


def _sendevent(call: Call) -> int:
    """Report a failure of a resource of this system."""
    return core.sendevent(call.db, call.own, call.options, call.argv)


def _getinfo(call: Call) -> int:
    """Print the info of a tag, for a script of a Generic Application: SIOS's examples of those call it."""
    if len(call.words) != 1:
        raise LcdError(store.SYNTAX, "getinfo TAG")
    print(store.instance(call.db, call.own, call.words[0]).info)
    return store.OK


def _lcduname(call: Call) -> int:
    """Print this system's name, as SIOS's Generic Application examples use it."""
    print(call.own)
    return store.OK


def _lcdsync(_call: Call) -> int:
    """Do nothing: every change is in the store at once."""
    return store.OK


def _lkcheck(call: Call) -> int:
    """Check all resources of this system, for ever or --once; the end of the system ends it too.

    --once also waits for the recoveries that it has caused: a quickCheck does not wait for its event's.
    """
    while True:
        core.lkcheck(call.db, call.own)
        if "once" in call.options:
            while store.recovers(call.db, call.own):
                time.sleep(0.05)
            return store.OK
        time.sleep(core.check_interval(store.lkroot_of(call.db, call.own)))
        if not store.is_up(call.db, call.own):
            raise LcdError(store.SYSTEM, f"{call.own} is down")


def _lksystem(call: Call) -> int:
    """Let systems die, return and be inherited: `down|up|failover SYSTEM`, or `status`."""
    match call.words:
        case ["down", system]:
            core.down(call.db, system)
        case ["up", system]:
            core.up(call.db, system)
        case ["failover", system]:
            return core.failover(call.db, system)
        case ["status"]:
            _print_status(call.db)
        case _:
            raise LcdError(store.SYNTAX, "lksystem down|up|failover SYSTEM, lksystem status")
    return store.OK


def _print_status(db: sqlite3.Connection) -> None:
    """Print every system with its instances and their states."""
    for name, _, up, reason in store.systems(db):
        print(f"{name:16} {'up' if up else reason}")
        for row in store.instances(db, name):
            print(f"  {row.tag:24} {row.id:28} {row.state:4} {row.switchback}")


PROGRAMS = {
    "ins_list": Program(instances.ins_list, "d:f:R:a:r:t:i:"),
    "ins_create": Program(instances.ins_create, "d:a:r:I:v:s:t:i:", "arti"),
    "ins_remove": Program(instances.ins_remove, "d:R:a:r:t:i:v:INGU"),
    "ins_gettag": Program(instances.ins_gettag, "d:i:", "i"),
    "ins_setstate": Program(instances.ins_setstate, "d:t:S:R:A", "tS"),
    "ins_setinfo": Program(instances.ins_setinfo, "d:t:v:", "t"),
    "ins_setas": Program(instances.ins_setas, "d:t:s:", "ts"),
    "dep_create": Program(relations.dep_create, "d:p:c:", "pc"),
    "dep_remove": Program(relations.dep_remove, "d:p:c:", "pc"),
    "dep_list": Program(relations.dep_list, "d:f:CPc:p:"),
    "eqv_create": Program(relations.eqv_create, "d:t:p:S:r:o:e:", "tSoe"),
    "eqv_remove": Program(relations.eqv_remove, "d:t:S:o:e:", "tSoe"),
    "eqv_list": Program(relations.eqv_list, "d:t:f:"),
    "app_create": Program(registry.app_create, "d:a:", "a"),
    "typ_create": Program(registry.typ_create, "d:a:r:", "ar"),
    "typ_remove": Program(registry.typ_remove, "d:a:r:", "ar"),
    "app_remove": Program(registry.app_remove, "d:a:", "a"),
    "sys_list": Program(relations.sys_list, "d:"),
    "flg_create": Program(relations.flg_create, "d:f:", "f"),
    "flg_remove": Program(relations.flg_remove, "d:f:", "f"),
    "flg_test": Program(relations.flg_test, "d:f:", "f"),
    "flg_list": Program(relations.flg_list, "d:"),
    "getinfo": Program(_getinfo, "", words=True),
    "lcduname": Program(_lcduname, ""),
    "lcdsync": Program(_lcdsync, "d:"),
    "lcdremexec": Program(remote.lcdremexec, "ed:t:", "d", words=True),
    "lcdrcp": Program(remote.lcdrcp, "", words=True),
    "perform_action": Program(_perform_action, "Gsbnt:a:", "ta", words=True),
    "sendevent": Program(_sendevent, "C:E:m:n:i:d:A:p:s:", "CEmn"),
    "lkcheck": Program(_lkcheck, ""),
    "lksystem": Program(_lksystem, "", words=True),
}


def _parse(name: str, argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options by letter (or by name) and the words after them. LcdError 2 for a line it cannot take."""
    program = PROGRAMS[name]
    try:
        pairs, words = getopt.getopt(argv, program.options, ["once"] if name == "lkcheck" else [])
    except getopt.GetoptError as error:
        raise LcdError(store.SYNTAX, str(error)) from None
    options = {key.lstrip("-"): value for key, value in pairs}
    missing = [letter for letter in program.required if letter not in options]
    if missing or (words and not program.words):
        raise LcdError(store.SYNTAX, f"missing: {' '.join(missing)}" if missing else f"unexpected: {words[0]}")
    return options, words


def _run(lkroot: Path, name: str, argv: list[str]) -> int:
    """Run a program for the system whose LKROOT that is. LcdError, OSError, sqlite3.Error."""
    options, words = _parse(name, argv)
    with store.opened(lkroot) as (db, own):
        target = own if name == "sendevent" else options.get("d", own)
        if name != "lksystem":
            if not store.is_up(db, own):
                raise LcdError(store.SYSTEM, f"{own} is down")
            store.need_up(db, target)
        return PROGRAMS[name].run(Call(db, own, target, options, words, argv))


def main(name: str) -> int:
    """Run the program of that name on sys.argv, for the system in whose tree its executable stands; its exit code."""
    return call(Path(sys.argv[0]).resolve().parent.parent, name, *sys.argv[1:])


def call(lkroot: Path, name: str, *arguments: str) -> int:
    """Run the program of that name in this process, for the system whose LKROOT that is; its exit code."""
    return store.exit_code(name, lambda: _run(lkroot, name, list(arguments)))
