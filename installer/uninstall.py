"""Uninstall: leave the machine as it was before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured
from ec2kit.core.settings import Settings
from installer import environment, links, pacemaker, record, registration, tunables
from installer.record import Record
from installer.target import Target, write

HISTORY = Settings.ec2kit_history
CREDENTIALS = Settings.ec2kit_credentials


def uninstall(target: Target, project: Path) -> None:
    """Take out what install made. Misconfigured while LifeKeeper or Pacemaker has resources of the kit; OSError."""
    environment.recover(target)
    found = record.read(target)
    if found is None:
        wanted = links.wanted(target, lifekeeper=True, pacemaker=True)
        if left := [place for place, to in wanted.items() if links.stands(target.at(place), to)]:
            gone = f"{target.prefix}/{record.NAME} is missing, but {left[0]} leads there"
            raise Misconfigured(gone, "Install again, then uninstall")
        print(f"nothing to do: no ec2kit of this installer is at {target.at(target.prefix)}")
        return
    target = replace(target, lkroot=found.lkroot, defaults=found.defaults)
    pacemaker.refuse_in_use(target)
    lifekeeper = registration.is_there(target)
    if lifekeeper:
        registration.refuse_in_use(target)
    links.take(target, found.links)
    if lifekeeper:
        registration.unregister(target, found.registered)
    _tunables(target, found, (project / "etc/default/LifeKeeper").read_text())
    _own_data(target)
    folders = found.made_folders(target)
    around = [folder for folder in folders if Path(target.prefix).is_relative_to(folder)]
    target.remove_empty(folder for folder in folders if folder not in around)
    environment.take(target)
    target.remove_empty(around)
    print(f"removed {target.prefix}")


def _tunables(target: Target, found: Record, shipped: str) -> None:
    file = target.real(target.defaults)
    if not file.exists():
        return
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    rest, kept = tunables.unmerge(text, {*found.tunables, *shipped.split("\n")})
    if not rest and found.created:
        file.unlink()
        print(f"removed {target.defaults}")
    elif rest != text:
        write(file, rest.encode("utf-8", "surrogateescape"))
        print(f"removed the kit's tunables from {target.defaults}")
    if kept:
        print(f"left in {target.defaults}, because they were edited; remove them by hand if you do not need them:")
        print("".join(f"  {line}\n" for line in kept), end="")


def _own_data(target: Target) -> None:
    """The kit's history goes; its access keys only when no profile is left."""
    if target.at(HISTORY).is_dir():
        shutil.rmtree(target.at(HISTORY))
        print(f"removed {HISTORY}")
    file = target.at(CREDENTIALS)
    if file.exists() and profiles.names(file.read_text(errors="replace")):
        print(f"left {CREDENTIALS}: it has access keys; delete it if nothing else uses them")
        return
    if file.exists():
        file.unlink()
        print(f"removed {CREDENTIALS}")
    target.remove_empty([str(Path(CREDENTIALS).parent)])
