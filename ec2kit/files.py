"""Root-only files: read, written in one step, appended to. Never through a link, never readable by others."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ec2kit.errors import Misconfigured

_MODE = 0o600
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


def read(path: Path) -> str:
    """The file's text; empty when it is not there. Raises Misconfigured when it cannot be read."""
    try:
        with os.fdopen(
            os.open(path, os.O_RDONLY | _NO_LINK | os.O_NONBLOCK), encoding="utf-8", errors="replace"
        ) as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refused("read", path, error) from error


def change(path: Path, edit: Callable[[str], str]) -> None:
    """Replace the file's text by what `edit` makes of it, in one step; a file that would be empty is removed.

    Its folder is made, for root alone, when it is not there. Raises Misconfigured when that is not possible,
    or when others could write in the folder; the file is as it was then.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            old = read(path)
            new = edit(old)
            if not new:
                path.unlink(missing_ok=True)
            elif new != old:
                _replace(path, new)
    except OSError as error:
        raise _refused("written", path, error) from error


def remove(path: Path) -> None:
    """Remove the file if it is there. Raises Misconfigured."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused("removed", path, error) from error


def append(path: Path, line: str, *, most: int, keep: int) -> None:
    """Add one line; a file of more than `most` bytes keeps its last `keep` lines. Raises Misconfigured."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK
        with os.fdopen(os.open(path, flags, _MODE), "a", encoding="utf-8") as file:
            file.write(line + "\n")
            long = file.tell() > most
    except OSError as error:
        raise _refused("written", path, error) from error
    if long:
        change(path, lambda text: "".join(text.splitlines(keepends=True)[-keep:]))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder against another run of the kit; refuse it when others could put files there."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Misconfigured(f"others than its owner can write in {folder}", f"chmod go-w {folder}")
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, _MODE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _refused(verb: str, path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"{path} cannot be {verb} ({error.strerror})", "It must be root's own plain file, mode 0600")
