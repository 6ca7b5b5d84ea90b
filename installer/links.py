"""The symbolic links through which LifeKeeper, Pacemaker and people find the kit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ec2kit.core.errors import Misconfigured
from ec2kit.lifekeeper.contract import APP, TYPE
from ec2kit.lifekeeper.places import COMMAND, PLACES
from ec2kit.pacemaker.agents import AGENTS, FOLDER
from installer.target import Target

_ENTRIES = (
    *("lifekeeper", "cli", "ocf"),  # of 0.1.0
    *("lifekeeper.actions", "console.cli", "pacemaker.actions"),
    *("lifekeeper.entry", "__main__", "pacemaker.entry"),
)
_OUR_TEXTS = tuple(f"from ec2kit.{module} import ".encode() for module in _ENTRIES)
_CURE = (
    f"Is another recovery kit of app {APP} and type {TYPE}, or of OCF's provider ec2kit, installed? Remove it, or "
    "move the file away, then install again"
)


def wanted(target: Target, *, lifekeeper: bool, pacemaker: bool) -> dict[str, str]:
    """Each place and what it points to; those below LKROOT only with LifeKeeper, below OCF_ROOT with Pacemaker."""
    command = f"{target.prefix}/bin/ec2kit"
    links = {f"{target.sbin}/ec2kit": command}
    if lifekeeper:
        links |= {f"{target.lkroot}/{place}": f"{target.prefix}/actions/{action}" for place, action in PLACES}
        links[f"{target.lkroot}/{COMMAND}"] = command
    if pacemaker:
        links |= {f"{target.ocf_root}/{FOLDER}/{kind}": f"{target.prefix}/ocf/{kind}" for kind in AGENTS}
    return links


def refuse_foreign(target: Target, links: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Raise Misconfigured when something that is not the kit's is in a link's place.

    known: the links that an earlier install made.
    """
    for place in links:
        path = target.at(place)
        ours = path.is_symlink() and str(path.readlink()) in {links[place], known.get(place)}
        if os.path.lexists(path) and not ours and not _was_ours(target, path):
            raise Misconfigured(f"{path} is there, and it is not ec2kit's", _CURE)


def _was_ours(target: Target, path: Path) -> bool:
    """A script of the kit that was copied by hand, or a link to one, maybe to one that is gone."""
    if path.is_symlink():
        text = str(path.readlink())
        path = target.at(text) if text.startswith("/") else path.parent / text
        if not path.exists():
            return path.parent.name in {"actions", "ocf"} or (path.parent.name, path.name) == ("bin", "ec2kit")
    return path.is_file() and any(text in path.read_bytes() for text in _OUR_TEXTS)


def put(target: Target, links: Mapping[str, str]) -> bool:
    """Make the links that are not there; whether there were any."""
    made = [place for place, to in links.items() if not stands(target.at(place), to)]
    for place in made:
        path = target.make_parent(place)
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(links[place])
        new.replace(path)
        print(f"linked {place} -> {links[place]}")
    return bool(made)


def take(target: Target, links: Mapping[str, str]) -> bool:
    """Remove the links that still point where install let them point; whether there were any."""
    removed = [place for place, to in links.items() if stands(target.at(place), to)]
    for place in links:
        if place in removed:
            target.at(place).unlink()
            print(f"removed {place}")
        elif os.path.lexists(target.at(place)):
            print(f"left {place}: it is no longer the link that install made")
    return bool(removed)


def stands(path: Path, to: str) -> bool:
    """Whether the path is a link to there."""
    return path.is_symlink() and str(path.readlink()) == to
