"""Root-only files: read, written in one step, appended to. Never through a link, never readable by others.

A file is a plain one of at most MOST_BYTES; its folder is ours or root's and not a link, and nobody
else can write in it. Nothing here waits, except `change`, for so long as its caller says.
Where Misconfigured is named, Unavailable is raised when it is this process that lacks something.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from ec2kit.core.errors import KitError, Misconfigured, Unavailable

MOST_BYTES = 4 << 20  # of a file that is read; the kit writes far less
_MODE = 0o600
_MOST_NAME, _CUT_NAME = 220, 180  # characters of a name; file systems take 255 bytes
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait
_NAMES = "group", "passwd"  # below /etc
_MOST_LINKS = 40  # on one way, as the kernel has it
_POLL = 0.05  # seconds between two tries to get a lock
_LACKING = {errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_ODD = {  # what is wrong with the file itself; of anything else, such as a full disk, the system's words say enough
    errno.EACCES,
    errno.EFBIG,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENOTDIR,
    errno.ENXIO,
    errno.EPERM,
}


def read(path: Path) -> str:
    """The file's text; empty when it is not there. Raises Misconfigured when it cannot, or must not, be read."""
    return _read(path, "replace")


def _read(path: Path, errors: str) -> str:
    try:
        os.close(_folder(path.parent))
        return _text(os.open(path, os.O_RDONLY | _NO_LINK), errors)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refused("read", path, error) from error


def read_anyones(path: Path, *, cut: bool = False) -> str:
    """The text of a plain file that may be anybody's, also through a link. Raises OSError.

    cut: of a file that is too long, its first MOST_BYTES are enough.
    """
    return _text(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "replace", cut=cut)


def others_can_write(path: Path) -> str:
    """Why others than root and this user can change what is read there; empty: they cannot, or nothing is there.

    Looked at is the way to it: each folder, each link, and the file. A folder with the sticky bit is what it holds.
    """
    try:
        if path.is_char_device():  # /dev/null, as one says that there is none
            return ""
        return next(filter(None, map(_written_by_others, _way(path.absolute()))), "")
    except OSError:  # who reads it tells
        return ""


def _way(path: Path) -> Iterator[Path]:
    """What the kernel goes through to reach the path, the file at its end last. Raises OSError."""
    at, rest, links = Path("/"), list(path.parts[1:]), 0
    yield at
    while rest:
        if (part := rest.pop(0)) == "..":
            at = at.parent
            continue
        yield at / part
        if not (at / part).is_symlink():
            at /= part
            continue
        if (links := links + 1) > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = (at / part).readlink()
        at, rest = (Path("/"), [*target.parts[1:], *rest]) if target.is_absolute() else (at, [*target.parts, *rest])


def _written_by_others(path: Path) -> str:
    facts = path.lstat()
    if facts.st_uid not in {0, os.geteuid(), Path("/").stat().st_uid}:
        return f"{path} belongs to another user (have it in a place that only root can write)"
    sticky = stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX
    others = facts.st_mode & stat.S_IWOTH or (facts.st_mode & stat.S_IWGRP and others_in(facts.st_gid))
    if stat.S_ISLNK(facts.st_mode) or sticky or not others:
        return ""
    return f"other users can write in {path} (chmod go-w {path})"


def others_in(group: int) -> bool:
    """Whether others than root and this user are in the group; so is one that this host's own files do not have.

    Debian's /usr/local is writable for a group without members. No name service is asked: it may hang.
    """
    try:
        groups, users = ([row.split(":") for row in read_anyones(Path("/etc", each)).splitlines()] for each in _NAMES)
        members = next(row[3].split(",") for row in groups if row[2:3] == [str(group)])
        inside = {row[0]: row[2] for row in users if row[0] in members or row[3:4] == [str(group)]}
    except (OSError, StopIteration, IndexError):
        return True
    return not ({*filter(None, members)} <= inside.keys() and {*inside.values()} <= {"0", str(os.geteuid())})


def others_can_read(path: Path) -> str:
    """Why others than its owner can read the file; empty: they cannot, or it is not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    known = mode & 0o077 and path.is_file()
    return f"its mode is {mode:04o}, so other users can read it (chmod go-rwx {path})" if known else ""


def _text(handle: int, errors: str, *, cut: bool = False) -> str:
    with os.fdopen(handle, "rb") as file:
        _refuse_odd(handle)
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES and not cut:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content[:MOST_BYTES].decode("utf-8", errors=errors)


def _refuse_odd(handle: int) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "not a plain file")


def name_of(text: str) -> str:
    """A file's name for any text, and for no other; there is room behind it for an ending."""
    plain = quote(os.fsencode(text), safe="")
    if len(plain) <= _MOST_NAME:
        return plain
    return f"{plain[:_CUT_NAME]}+{hashlib.sha256(plain.encode()).hexdigest()[:32]}"


def change(path: Path, edit: Callable[[str], str], *, seconds: float) -> None:
    """Replace the file's text by what `edit` makes of it, in one step; a file that would be empty is removed.

    Runs of the kit do this one after the other: another one is waited for, so many seconds at most, then
    Unavailable is raised. The folder is made, for root alone, when it is not there. Raises Misconfigured when
    that is not possible, or when others could write in the folder; the file is as it was then. Bytes that are no
    text stay as they are.
    """
    try:
        _make(path.parent)
        with _locked(path.parent, seconds):
            _clear(path)
            _put(path, edit(_read(path, "surrogateescape")), durable=True)
    except OSError as error:
        raise _refused("written", path, error) from error


def replace(path: Path, text: str) -> None:
    """Give the file that text, in one step; one that would be empty is removed. Raises Misconfigured, as change.

    For what may be lost: no other run is waited for, of two at once the later one wins, and no disk is waited for.
    """
    try:
        _make(path.parent)
        os.close(_folder(path.parent))
        _put(path, text, durable=False)
    except OSError as error:
        raise _refused("written", path, error) from error


def remove(path: Path) -> None:
    """Remove the file if it is there. Raises Misconfigured."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused("removed", path, error) from error


def append(path: Path, line: str, *, most: int, keep: int) -> None:
    """Add one line; a file of more than `most` bytes keeps its last `keep` lines. Raises Misconfigured.

    For what may be lost, as `replace`: a line that another run adds while the file is cut can be.
    """
    try:
        _make(path.parent)
        os.close(_folder(path.parent))
        long = _add(path, f"{line}\n".encode(errors="replace")) > most
    except OSError as error:
        raise _refused("written", path, error) from error
    if long:
        replace(path, "".join(read(path).splitlines(keepends=True)[-keep:]))


def create(path: Path, content: bytes) -> None:
    """Write a new file, for root alone, in whatever folder. Raises Misconfigured, also when it is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, _MODE)
    except FileExistsError as error:
        raise Misconfigured(f"{path} is there already", "Name another file") from error
    except OSError as error:
        raise _refused("written", path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except BaseException as error:  # also when the time is up: no half of it is left
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _refused("written", path, error) from error
        raise


def end(path: Path, most: int) -> str:
    """The end of a plain file that is not reached through a link as its last part: so many bytes. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | _NO_LINK)
    with os.fdopen(handle, "rb") as file:
        _refuse_odd(handle)
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - most))
        return file.read(most).decode("utf-8", errors="replace")


def below(folder: Path, most: int) -> list[Path]:
    """The plain files below a folder, in their order, so many at most; no link is followed."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        found += [path for name in sorted(names) if (path := Path(root, name)).is_file() and not path.is_symlink()]
        if len(found) >= most:
            break
    return found[:most]


def begin(path: Path) -> int:
    """Open a file that lines are added to, for root alone; its folder is made when it is missing. Raises OSError."""
    _make(path.parent)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | _NO_LINK, _MODE)


def _add(path: Path, line: bytes) -> int:
    """Add the line, on a line of its own also where a full disk has cut the last one; the file's bytes then."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK, _MODE)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        _refuse_odd(handle)
        end = file.seek(0, os.SEEK_END)
        if end and os.pread(handle, 1, end - 1) != b"\n":
            line = b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return end + len(line)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder, made for root alone, against another run of the kit. Raises Unavailable while one holds it."""
    with ExitStack() as held:
        try:
            _make(folder)
            held.enter_context(_locked(folder, 0))
        except OSError as error:
            raise _refused("written", folder, error) from error
        yield


@contextmanager
def _locked(folder: Path, seconds: float) -> Iterator[None]:
    """Hold the folder against another run of the kit. Raises Unavailable when one holds it all the time."""
    handle = _folder(folder)
    try:
        end = time.monotonic() + seconds
        while not _lock(handle):
            if time.monotonic() >= end:
                cure = "Run it again when that has ended; lslocks shows which process it is"
                raise Unavailable(f"another run of the kit holds the lock on {folder}", cure)
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock the folder if nobody else has; whether that was so."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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


def _put(path: Path, text: str, *, durable: bool) -> None:
    """Write the text beside the file, then put it in its place; durable: once it is on the disk."""
    if not text:
        path.unlink(missing_ok=True)
    elif text != _read(path, "surrogateescape"):
        new = path.with_name(f".{path.name}.{os.getrandom(8, os.GRND_NONBLOCK).hex()}")
        handle = _nameless(path.parent)
        try:
            named = handle is None
            if handle is None:
                handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, _MODE)
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
                file.flush()
                if durable:
                    os.fsync(handle)
                if not named:
                    os.link(f"/proc/self/fd/{handle}", new, src_dir_fd=handle)  # else Python links the link
            new.replace(path)
        except BaseException:  # also when the time is up: nothing is left beside the file
            new.unlink(missing_ok=True)
            raise


def _nameless(folder: Path) -> int | None:
    """A file without a name, which a kill leaves nothing of; None where that cannot be had."""
    if not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _MODE)
    except OSError:
        return None


def _make(folder: Path) -> None:
    """Make the folder, for root alone; those above it are open to read. No umask lets others write in one."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    for each in reversed(missing):
        each.mkdir(mode=0o700 if each == folder else 0o755, exist_ok=True)


def _clear(path: Path) -> None:
    """Remove what runs that were killed have left beside the file: a secret may be in it."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}")
    for each in path.parent.iterdir():
        if ours.fullmatch(each.name):
            each.unlink(missing_ok=True)


def _refused(verb: str, path: Path, error: OSError) -> KitError:
    """A person must act; but what this process lacks for the moment says nothing about the file."""
    if error.errno in _LACKING:
        return Unavailable(f"{path} cannot be {verb} ({error.strerror})", "Run it again")
    cure = "It must be a plain file of root, mode 0600" if error.errno in _ODD else ""
    return Misconfigured(f"{path} cannot be {verb} ({error.strerror or error})", cure)
