"""The symbolic links through which LifeKeeper, Pacemaker and people find the kit."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ec2kit.core.errors import Misconfigured
from ec2kit.core.words import one_line
from ec2kit.lifekeeper.contract import APP, TYPE
from ec2kit.lifekeeper.places import COMMAND, PLACES
from ec2kit.pacemaker.agents import AGENTS, FOLDER
from installer.target import Target, beside

_KIT = re.compile(  # a script of any version; an agent's second line names PREFIX
    rb"""#! ?(?:/bin/sh\n\"\"\":" )?(?:(/\S+)/bin/python)?.*\n(?s:.*)\bfrom ec2kit\.[\w.]+ import """
)
_OF_0_1_0 = {  # sha256 of its scripts, without their first lines: people copied them by hand
    "9700347d4975dd7d6bd56e7726a046158d19ed9f8c875a15b5046af94513aadf",  # actions/canextend
    "a4d3f638c9e80d84532a74d1b4fe58c3553b17806483aebfdb849fbe64f98bb9",  # actions/create
    "dcaa06c63bae7fd648708403edbc4f27c5831925ea96e061190164fee1a723d3",  # actions/delete
    "5e7b7ae88a650a749b81b6a60947dca2a2c6fc9b2530543981d3a44a4aa82ef2",  # actions/extend
    "d5e7f6b7e774c86bd5a77249b3341492a24930e5ce99ee7c2cc7bf09327d58b7",  # actions/quickCheck
    "c91b5f13d29063b4ac9b79958cbfe6a87df2122548dc577dba047d3e5d1f3e5e",  # actions/recover
    "f92fabe84032ba4cf9dbcac7b1bd10d630ad789f53e67628fb209013016ddebe",  # actions/remove
    "6fb0a1927653db9646c300e5a6f8fec570904aa191606c449efa3b3eecaab213",  # actions/restore
    "27907305223cd276c540bf31eef2730510a6d401d64b7e025bcb839a76d966e3",  # ocf/eip
    "3c0b65b9d5c593500ce0551b58c28ed39c43ce5ed71ce538bef1c4824f46e299",  # ocf/route
    "16d693666a904a2f6609b4fb5980f2cffd57e8b984671fceaa8dfe339fab841c",  # bin/ec2kit
}
_SCRIPT = 8192  # bytes; a script of the kit is shorter
_USUAL = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin")  # whatever PATH is
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


def refuse_foreign(target: Target, project: Path, links: Mapping[str, str], *, upgrade: bool) -> None:
    """Raise Misconfigured when something that is not of this install is in a link's place.

    upgrade: PREFIX is the kit's, and so is a link that leads into it.
    """
    there = others(target)
    for place, to in links.items():
        path = target.at(place)
        text = str(path.readlink()) if path.is_symlink() else ""
        if not os.path.lexists(path) or text == to or (upgrade and text.startswith(f"{target.prefix}/")):
            continue
        home = _home(target, path)
        if home in there:
            raise Misconfigured(_told(home, there[home]), _change(home))
        if not home or text or not _copied(project, path):
            gone = f"; it leads to {text}, where nothing is" if text and not path.exists() else ""
            raise Misconfigured(f"{path} is there, and it is not ec2kit's{gone}", _CURE)


def tell_others(target: Target) -> None:
    """Say which other installs there are, who uses them, and what to do."""
    for home, users in others(target).items():
        print(one_line(f"{_told(home, users)}. It stays as it is. {_change(home)}."))


def _told(home: str, users: Mapping[str, Path]) -> str:
    *most, last = users
    names = f"{', '.join(most)} and {last} use" if most else f"{last} uses"
    return f"{names} the ec2kit in {home}: {next(iter(users.values()))} leads there"


def _change(home: str) -> str:
    return (
        f"Keep that one (PREFIX={home}), or change over to this one: delete its resources, take it out "
        f"(./install --uninstall --prefix {home}; a package by its package manager), then install again"
    )


def _home(target: Target, path: Path) -> str:
    """The folder of the kit whose script is there, or is what a link there leads to; empty when it is not one."""
    if path.is_symlink() and (text := str(path.readlink())).startswith("/"):
        path = target.at(text)
    if not path.is_file() or not (found := _KIT.match(path.read_bytes()[:_SCRIPT])):
        return ""
    return os.fsdecode(found[1]) if found[1] else str(path.resolve().parent.parent)


def _copied(project: Path, path: Path) -> bool:
    """Whether it is a script of the kit, of this version or 0.1.0, unchanged but for its first line."""
    text = _body(path)
    ours = (_body(script) for folder in ("actions", "bin", "ocf") for script in project.glob(f"{folder}/*"))
    return text in ours or hashlib.sha256(text).hexdigest() in _OF_0_1_0


def _body(path: Path) -> bytes:
    text = path.read_bytes().partition(b"\n")[2] if path.is_file() else b""
    return text.partition(b'\n"""\n')[2] if text.startswith(b'""":"') else text


def others(target: Target) -> dict[str, dict[str, Path]]:
    """The other installs of the kit on this machine: the folder of each, who uses it, and where that is seen."""
    places = [target.at(place) for place in wanted(target, lifekeeper=True, pacemaker=True)]
    if not target.destdir:
        folders = [*os.environ.get("PATH", "").split(":"), *_USUAL]
        places += [Path(folder, "ec2kit") for folder in folders if folder.startswith("/")]
        places.append(Path(Target.prefix, "bin/ec2kit"))
    engines = {target.at(target.lkroot): "LifeKeeper", target.at(target.ocf_root): "Pacemaker"}
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(places, key=lambda each: not any(each.is_relative_to(folder) for folder in engines)):
        home = _home(target, path)
        if home and os.path.realpath(target.at(home)) != os.path.realpath(target.at(target.prefix)):
            user = next((name for folder, name in engines.items() if path.is_relative_to(folder)), "the command line")
            found.setdefault(home, {}).setdefault(user, path)
    return found


def is_anothers(target: Target, below: str) -> bool:
    """Whether an engine, whose folder that is, goes by another install, and by nothing of this one."""
    places = wanted(target, lifekeeper=True, pacemaker=True).items()
    there = [(target.at(place), to) for place, to in places if place.startswith(f"{below}/")]
    return any(_home(target, path) for path, _ in there) and not any(stands(path, to) for path, to in there)


def put(target: Target, links: Mapping[str, str], token: str) -> bool:
    """Make the links that are not there; whether there were any."""
    made = [place for place, to in links.items() if not stands(target.at(place), to)]
    for place in made:
        path = target.make_parent(place)
        new = beside(path, token)
        new.unlink(missing_ok=True)
        new.symlink_to(links[place])
        new.replace(path)
        print(f"linked {place} -> {links[place]}")
    return bool(made)


def take(target: Target, links: Mapping[str, str], token: str) -> bool:
    """Remove the links that still point where install let them point; whether there were any."""
    removed = [place for place, to in links.items() if stands(target.at(place), to)]
    for place in links:
        beside(target.at(place), token).unlink(missing_ok=True)
        if place in removed:
            target.at(place).unlink()
            print(f"removed {place}")
        elif os.path.lexists(target.at(place)):
            print(f"left {place}: it is no longer the link that install made")
    return bool(removed)


def stands(path: Path, to: str | None) -> bool:
    """Whether the path is a link to there."""
    return path.is_symlink() and str(path.readlink()) == to
