"""Where the kit goes, and how files are made there: whole, or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.settings import DEFAULTS_FILE, Settings
from ec2kit.pacemaker.agents import OCF_ROOT

_OTHER = "Name another folder"
_LONGEST = 100  # of PREFIX: older kernels cut a script's first line at 127


@dataclass(frozen=True)
class Target:
    """The folders, as the installed kit sees them; `destdir` comes before them while installing."""

    prefix: str = "/opt/ec2kit"
    lkroot: str = Settings.lkroot
    destdir: str = ""
    sbin: str = "/usr/local/sbin"
    defaults: str = DEFAULTS_FILE
    ocf_root: str = OCF_ROOT

    def at(self, path: str) -> Path:
        """Where a path of the installed kit is now."""
        return Path(self.destdir + path)

    def missing_parents(self, paths: Iterable[str]) -> list[str]:
        """The folders above the paths that are not there yet, outermost first."""
        folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
        return sorted(folder for folder in folders if not self.at(folder).exists())

    def make_parent(self, path: str) -> Path:
        """Where the path is now, its folder made."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def remove_empty(self, folders: Iterable[str]) -> None:
        """Remove those of the folders that are empty, innermost first."""
        for folder in sorted(folders, reverse=True):
            path = self.at(folder)
            if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
                path.rmdir()

    def real(self, path: str) -> str:
        """The path of the plain file behind a path that may be a link. Misconfigured when it is something else."""
        place = self.at(path)
        file = os.path.realpath(place)
        top = os.path.realpath(self.destdir or "/")
        if not Path(file).is_relative_to(top):
            raise Misconfigured(f"{place} leads out of {self.destdir}, to {file}", "Put a file there instead")
        if os.path.lexists(place) and not place.is_file():
            raise Misconfigured(f"{place} is there, and it is not a plain file", "Put a file there instead")
        return file[len(top) :] if self.destdir else file

    def text(self, path: str) -> str:
        """The file behind the path, byte for byte in "surrogateescape"; empty when there is none."""
        file = self.at(self.real(path))
        return file.read_bytes().decode("utf-8", "surrogateescape") if file.exists() else ""


def checked(target: Target) -> Target:
    """The same with tidy paths. Misconfigured for one that is relative, or too long for a script's first line."""
    tidy = {}
    for name in ("prefix", "lkroot", "sbin", "defaults", "ocf_root"):
        path = getattr(target, name)
        if not path.startswith("/") or not path.isprintable() or " " in path:
            raise Misconfigured(f"{name.upper()}={path} is not an absolute path without blanks", _OTHER)
        tidy[name] = os.path.normpath("/" + path.lstrip("/"))
    if len(tidy["prefix"]) > _LONGEST:
        raise Misconfigured(f"PREFIX is longer than {_LONGEST} characters", "Name a shorter one")
    others = [tidy[name] for name in tidy if name != "prefix"] + [
        Settings.ec2kit_history,
        Settings.ec2kit_credentials,
    ]
    if inside := [path for path in others if Path(path).is_relative_to(tidy["prefix"])]:
        raise Misconfigured(
            f"PREFIX={tidy['prefix']} must be a folder of the kit alone: {inside[0]} is in it", _OTHER
        )
    if not target.destdir.isprintable():
        raise Misconfigured(f"DESTDIR={target.destdir} is not a path that can be read", _OTHER)
    destdir = str(Path(target.destdir).absolute()).rstrip("/") if target.destdir else ""
    return Target(destdir=destdir, **tidy)


@contextmanager
def alone(target: Target) -> Iterator[None]:
    """No other run of the installer for this PREFIX inside. Unavailable when there is one."""
    folder = target.at(target.prefix).parent
    while not folder.is_dir():
        folder = folder.parent
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Unavailable(f"another run of install is at work in {folder}", "Wait until it ends") from None
    finally:
        os.close(descriptor)


def beside(path: Path, token: str) -> Path:
    """Where a file or link is made that is to replace the path; it is known by the token if the run is killed."""
    return path.with_name(f".{path.name}.{token or secrets.token_hex(8)}")


def write(path: Path, content: bytes, token: str) -> None:
    """Put the file there at once, whole; mode, owner and labels of the one that was there stay, else 0644."""
    new = beside(path, token)
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            like(path, new)
            os.utime(new)
        else:
            new.chmod(0o644)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def like(model: Path, new: Path) -> None:
    """Give a file or folder the owner, mode and labels of another."""
    facts = model.stat()
    os.chown(new, facts.st_uid, facts.st_gid)
    shutil.copystat(model, new)
