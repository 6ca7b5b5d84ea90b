"""Uninstall: leave the machine as it was before."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured
from ec2kit.core.settings import Settings
from ec2kit.core.words import one_line
from installer import environment, links, pacemaker, record, registration, safe, tunables
from installer.record import Record
from installer.target import Target, beside, write

HISTORY = Settings.ec2kit_history
CREDENTIALS = Settings.ec2kit_credentials
# As ec2kit.lifekeeper.past names its files, and ec2kit.verbs.claims.
_HISTORY = re.compile(r"\.?.+\.(jsonl|said|json)(\.[0-9a-f]{16})?|\.?([0-9.]{7,15}|last)(\.[0-9a-f]{16})?")


def uninstall(target: Target, project: Path) -> None:
    """Take out what install made. Misconfigured while LifeKeeper or Pacemaker has resources of the kit; OSError."""
    safe.refuse_unsafe(target, [f"{target.prefix}/bin"])
    environment.recover(target)
    found = record.read(target)
    if found is None:
        wanted = links.wanted(target, lifekeeper=True, pacemaker=True)
        if left := [place for place, to in wanted.items() if links.stands(target.at(place), to)]:
            gone = f"{target.prefix}/{record.NAME} is missing, but {left[0]} leads there"
            raise Misconfigured(gone, "Install again, then uninstall")
        print(f"nothing to do: no ec2kit of this installer is at {target.at(target.prefix)}")
        return
    target = replace(target, lkroot=found.lkroot, defaults=found.defaults, ocf_root=found.ocf_root or target.ocf_root)
    _refuse(target, found)
    lifekeeper = registration.is_there(target)
    anothers = links.is_anothers(target, target.lkroot)
    if not links.is_anothers(target, target.ocf_root):
        pacemaker.refuse_in_use(target)
    if lifekeeper:
        registration.refuse_in_use(target, anothers=anothers)
    links.take(target, found.links, found.token)
    if lifekeeper and not anothers:
        registration.unregister(target, found.registered)
    _tunables(target, found, (project / "etc/default/LifeKeeper").read_text())
    if others := links.others(target):
        print(one_line(f"{HISTORY} and {CREDENTIALS} stay: the ec2kit in {', '.join(others)} may use them"))
    else:
        _own_data(target)
    folders = found.made_folders(target)
    around = [folder for folder in folders if Path(target.prefix).is_relative_to(folder)]
    target.remove_empty(folder for folder in folders if folder not in around)
    environment.take(target)
    target.remove_empty(around)
    print(f"removed {target.prefix}")


def _refuse(target: Target, found: Record) -> None:
    """Raise Misconfigured for all that is in the way, before anything is changed."""
    environment.refuse_foreign(target, found)
    places = [place for place, to in found.links.items() if links.stands(target.at(place), to)]
    if tunables.BEGIN in target.text(target.defaults):
        places.append(target.real(target.defaults))
    safe.refuse_unsafe(target, places)
    safe.refuse_unwritable(target, [*places, f"{target.prefix}/{record.NAME}"])


def _tunables(target: Target, found: Record, shipped: str) -> None:
    file = target.at(target.real(target.defaults))
    beside(file, found.token).unlink(missing_ok=True)
    if not file.exists():
        return
    text = target.text(target.defaults)
    rest, kept = tunables.unmerge(text, {*found.tunables, *shipped.split("\n")})
    if not rest and found.created:
        file.unlink()
        print(f"removed {target.defaults}")
    elif rest != text:
        write(file, rest.encode("utf-8", "surrogateescape"), found.token)
        print(f"removed the kit's tunables from {target.defaults}")
    if kept:
        print(f"left in {target.defaults}, because they were edited; remove them by hand if you do not need them:")
        print("".join(f"  {line}\n" for line in kept), end="")


def _own_data(target: Target) -> None:
    """The kit's history goes; its access keys only when no profile is left. What others put beside them stays."""
    folder, file = target.at(HISTORY), target.at(CREDENTIALS)
    for each in (folder, folder.parent, file.parent):
        if each.exists() and not os.access(each, os.W_OK | os.X_OK):
            print(f"{HISTORY} and {CREDENTIALS} stay: this user cannot write there")
            return
    if folder.is_dir() and not folder.is_symlink():
        places = [
            HISTORY,
            *(
                f"{HISTORY}/{each}"
                for each in ("changes", "held", "places", "runs", "runs/counters", "counters", "doctor")
            ),
        ]
        places += [f"{HISTORY}/places/{each.name}" for each in (folder / "places").glob("*")]
        ours = [each for place in places for each in target.at(place).glob("*") if _HISTORY.fullmatch(each.name)]
        for each in ours:
            if each.is_file() and not each.is_symlink():
                each.unlink()
        target.remove_empty(places)
        print(f"left {HISTORY}: others have files in it" if folder.exists() else f"removed {HISTORY}")
    if not file.is_file() or file.is_symlink():
        return
    if profiles.names(file.read_text(errors="replace")):
        print(f"left {CREDENTIALS}: it has access keys; delete it if nothing else uses them")
        return
    file.unlink()
    print(f"removed {CREDENTIALS}")
    target.remove_empty([str(Path(CREDENTIALS).parent)])
