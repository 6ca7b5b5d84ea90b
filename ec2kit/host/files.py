"""Root-only files: read, written in one step, appended to. Never through a link, never readable by others.

A file is a plain one of at most MOST_BYTES; its folder is ours or root's and not a link, and nobody
else can write in it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ec2kit.core.errors import Misconfigured

MOST_BYTES = 4 << 20  # of a file that is read; the kit writes far less
_MODE = 0o600
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait


def read(path: Path) -> str:
    """The file's text; empty when it is not there. Raises Misconfigured when it cannot be read."""
    try:
        return _text(os.open(path, os.O_RDONLY | _NO_LINK))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refused("read", path, error) from error


def read_anyones(path: Path) -> str:
    """The text of a plain file that may be anybody's, also through a link. Raises OSError."""
    return _text(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))


def _text(handle: int) -> str:
    with os.fdopen(handle, "rb") as file:
        _refuse_odd(handle)
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content.decode("utf-8", errors="replace")


def _refuse_odd(handle: int) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "not a plain file")


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
        os.close(_folder(path.parent))
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK, _MODE)
        with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as file:
            _refuse_odd(handle)
            file.write(line + "\n")
            long = file.tell() > most
    except OSError as error:
        raise _refused("written", path, error) from error
    if long:
        change(path, lambda text: "".join(text.splitlines(keepends=True)[-keep:]))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder against another run of the kit."""
    handle = _folder(folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _folder(folder: Path) -> int:
    """Open the folder; raises OSError for a link, Misconfigured when others could put files there."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    facts = os.fstat(handle)
    problem, cure = "", ""
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem, cure = f"users other than its owner can write in {folder}", f"chmod go-w {folder}"
    elif facts.st_uid not in {0, os.geteuid()}:
        problem, cure = f"{folder} belongs to another user", f"chown root {folder}"
    if problem:
        os.close(handle)
        raise Misconfigured(problem, cure)
    return handle


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
    return Misconfigured(f"{path} cannot be {verb} ({error.strerror})", "It must be a plain file of root, mode 0600")
