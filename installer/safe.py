"""Whether install and uninstall may work at a place: looked at before anything is fetched or changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ec2kit.core.errors import Misconfigured
from ec2kit.host.files import others_in
from installer.target import Target

AS_ROOT = "Run it as root, or name folders that you can write (see ./install --help)"


def refuse_unsafe(target: Target, paths: Iterable[str]) -> None:
    """Raise Misconfigured where a way leads out of DESTDIR, or through what another user can change."""
    for path in paths:
        folder = _ground(target.at(path))
        real = Path(os.path.realpath(folder))
        if not real.is_dir():
            raise Misconfigured(f"{folder} is in the way of {path}: it is not a folder", "Move it away")
        top = Path(target.destdir or "/")
        if not folder.is_relative_to(top):  # DESTDIR is not there yet
            continue
        if not real.is_relative_to(os.path.realpath(top)):
            raise Misconfigured(f"{folder} leads out of {top}, to {real}", "Put a folder there instead")
        friends = {0, os.geteuid(), Path("/").stat().st_uid, top.stat().st_uid}  # "/": of nobody, in a user namespace
        for each in (folder, *folder.parents, real, *real.parents):
            if each.is_relative_to(top) or each.is_relative_to(os.path.realpath(top)):
                _refuse_others(each, friends)


def refuse_unwritable(target: Target, paths: Iterable[str]) -> None:
    """Raise Misconfigured where this user cannot make, replace or remove a path."""
    for path in paths:
        folder = _ground(target.at(path))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Misconfigured(f"{folder} cannot be written by this user", AS_ROOT)


def _ground(path: Path) -> Path:
    """The innermost of the folders above the path that is there."""
    return next(folder for folder in path.parents if os.path.lexists(folder))


def _refuse_others(folder: Path, friends: set[int]) -> None:
    facts = folder.stat()
    if not {folder.lstat().st_uid, facts.st_uid} <= friends:
        raise Misconfigured(f"{folder} belongs to another user", f"chown root {folder}, or name another folder")
    open_ = facts.st_mode & stat.S_IWOTH or (facts.st_mode & stat.S_IWGRP and others_in(facts.st_gid))
    if open_ and not facts.st_mode & stat.S_ISVTX:
        raise Misconfigured(f"other users can write in {folder}", f"chmod go-w {folder}, or name another folder")
