"""LifeKeeper's Generic Application kit: app `gen`, type `app`, a harness for scripts of somebody's own.

Its programs are called with LifeKeeper's words, and know their system by the place where they stand. Where nothing
else is said, a fact is from SIOS's public Generic Application examples and their walk through the GUI.
"""

from __future__ import annotations

import getopt
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.lifekeeper import actions, store
from lab.lifekeeper.instances import ins_create, ins_remove
from lab.lifekeeper.store import Call, LcdError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

APP, TYPE = "gen", "app"
SCRIPTS = ("restore", "remove", "quickCheck", "recover")
"""What somebody brings. Each is called `-t TAG -i ID`, and 0 is success; quickCheck and recover are optional."""
ACTIONS = ("restore", "remove", "quickCheck", "delete")
ADMIN = ("creapphier", "canextend", "extend")
SWITCHBACKS = {"intelligent": "INTELLIGENT", "automatic": "AUTOMATIC"}
BRING = {"Yes": True, "No": False}


def folder(action: str) -> str:
    """Give the folder of one of the kit's own programs, below LKROOT."""
    return f"lkadm/subsys/{APP}/{TYPE}/bin" if action in ADMIN else f"subsys/{APP}/resources/{TYPE}/actions"


def copy_of(lkroot: Path, script: str, tag: str) -> Path:
    """Give the place where the harness keeps its copy of a script for a tag."""
    kind = "recovery" if script == "recover" else "actions"
    return lkroot / f"subsys/{APP}/resources/{TYPE}/{kind}/!{script}/{tag}"


def keep(lkroot: Path, tag: str, scripts: Mapping[str, Path]) -> None:
    """Copy scripts for a tag, executable, and forget those that it had before. A link is followed.

    OSError when one cannot be read.
    """
    forget(lkroot, tag)
    for script, path in scripts.items():
        place = copy_of(lkroot, script, tag)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        place.chmod(0o755)


def forget(lkroot: Path, tag: str) -> None:
    """Remove the copies for a tag."""
    for script in SCRIPTS:
        copy_of(lkroot, script, tag).unlink(missing_ok=True)


def _act(lkroot: Path, action: str, words: list[str]) -> int:
    """Become the copy of the script for this action; without one quickCheck is always good, any other fails.

    What takes the copies away is not known: here the action delete does.
    """
    try:
        options = dict(getopt.getopt(words, "t:i:U")[0])
        tag, identifier = options["-t"], options["-i"]
    except (getopt.GetoptError, KeyError):
        raise LcdError(store.SYNTAX, "-t TAG -i ID") from None
    if action == "delete":
        forget(lkroot, tag)
        return store.OK
    script = copy_of(lkroot, action, tag)
    if not script.is_file():
        if action != "quickCheck":
            raise LcdError(store.SYSTEM, f"{tag} has no {action} script")
        return store.OK
    try:
        os.execve(script, [str(script), "-t", tag, "-i", identifier], actions.with_settings(os.environ))  # noqa: S606
    except OSError as error:
        print(f"{script}: {error.strerror}", file=sys.stderr)
        return actions.NOT_RUN


def _creapphier(db: sqlite3.Connection, own: str, lkroot: Path, words: list[str]) -> int:
    """Make a resource: SYSTEM RESTORE REMOVE TAG INFO SWITCHBACK QUICKCHECK RECOVER Yes|No; Yes brings it in service.

    An empty word stands for a script that is not there. That SYSTEM is this one is inferred. Not known: what it
    leaves when the restore fails (here the instance stays, OSF), its exit codes (here those of LifeKeeper's other
    programs), whether a tag may have a slash (not here, for the tag is the name of a file).
    """
    if len(words) != 9 or words[5] not in SWITCHBACKS or words[8] not in BRING:
        usage = "SYSTEM RESTORE REMOVE TAG INFO intelligent|automatic QUICKCHECK RECOVER Yes|No"
        raise LcdError(store.SYNTAX, usage)
    system, restore, remove, tag, info, switchback, quick_check, recover, bring = words
    given = dict(zip(SCRIPTS, (restore, remove, quick_check, recover), strict=True))
    scripts = {script: Path(path) for script, path in given.items() if path}
    missing = [str(path) for path in scripts.values() if not path.is_file()]
    if system != own or not {"restore", "remove"} <= scripts.keys() or missing or "/" in tag:
        raise LcdError(store.ILLEGAL, f"not {own}, or no such script ({' '.join(missing)}), or not a tag: {tag}")
    print(f'BEGIN create of "{tag}"\ncreating resource "{tag}"', flush=True)
    try:
        wanted = {"a": APP, "r": TYPE, "t": tag, "i": tag, "v": info, "s": SWITCHBACKS[switchback]}
        ins_create(Call(db, own, own, wanted, [], []))
        keep(lkroot, tag, scripts)
        print(f'resource "{tag}" successfully created', flush=True)
        if BRING[bring]:
            print(f'restoring resource "{tag}"', flush=True)
            actions.restore(db, own, tag)
            print(f'resource "{tag}" restored')
    except (LcdError, OSError):
        print(f'END failed create of "{tag}"', flush=True)
        raise
    print(f'END successful create of "{tag}"')
    return store.OK


def _canextend(db: sqlite3.Connection, own: str, _lkroot: Path, words: list[str]) -> int:
    """Say whether TEMPLATE's TAG can be extended to this system: 0, or 1 where it is not in service or TAG is taken.

    The GUI: a resource "cannot be extended until the hierarchy has been placed in-service". The rest is inferred.
    """
    template, tag = words[:2]
    store.need_up(db, template)
    places = [(template, tag), *((row.othersystem, row.othertag) for row in store.equivalents(db, template, tag))]
    if not any(actions.in_service(db, *place) for place in places):
        raise LcdError(store.SYSTEM, f"{tag} is in service nowhere")
    if any(row.tag == tag for row in store.instances(db, own)):
        raise LcdError(store.SYSTEM, f"{tag} is taken on {own}")
    return store.OK


def _extend(db: sqlite3.Connection, own: str, lkroot: Path, words: list[str]) -> int:
    """Make TEMPLATE's TAG here, OSU: TEMPLATE TAG, then the tag and the info here, by default TEMPLATE's.

    The GUI asks for these two values in this order; that they come by position is inferred.
    """
    template, tag, *values = words
    there, info, *_ = (*values, "", "")
    source, other = store.instance(db, template, tag), Path(store.lkroot_of(db, template))
    print(f'BEGIN extend of "{tag}"', flush=True)
    here = there or tag
    wanted = {"a": APP, "r": TYPE, "t": here, "i": here, "v": info or source.info, "s": source.switchback}
    ins_create(Call(db, own, own, wanted, [], []))
    try:
        found = {script: copy_of(other, script, tag) for script in SCRIPTS}
        keep(lkroot, here, {script: path for script, path in found.items() if path.exists()})
    except OSError:
        ins_remove(Call(db, own, own, {"t": here}, [], []))
        raise
    print(f'END successful extend of "{tag}"')
    return store.OK


def main(name: str) -> int:
    """Run the kit's program of that name on sys.argv, for the system in whose tree it stands; its exit code."""
    lkroot, words = Path(sys.argv[0]).resolve().parents[5], sys.argv[1:]
    if name in ACTIONS:
        return store.exit_code(name, lambda: _act(lkroot, name, words))
    return store.exit_code(name, lambda: _administer(lkroot, name, words))


def _administer(lkroot: Path, name: str, words: list[str]) -> int:
    """Run a program that a person, the GUI or the extend manager runs."""
    program = {"creapphier": _creapphier, "canextend": _canextend, "extend": _extend}[name]
    with store.opened(lkroot) as (db, own):
        store.need_up(db, own)
        return program(db, own, lkroot, words)
