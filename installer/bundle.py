"""The bundle: one archive with all that an install needs on a machine without network.

The same versions of the dependencies give the same bytes.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured, Unavailable
from installer import wheels

_EPOCH = 315_532_800  # 1980; any fixed time will do
_INSTALLED = (wheels.LOCK, "ec2kit/**/*.py", "ec2kit/py.typed", "actions/*", "bin/*", "ocf/*", "etc/*/*")
_CARRIED = (
    *_INSTALLED,
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "SECURITY.md",
    "install",
    "Makefile",
    "CHANGELOG.md",
    "installer/*.py",
    "docs/*.md",
)
_ANY_PYTHON = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--python-version=3.11")
_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")


def make(project: Path, to: Path) -> Path:
    """Make ec2kit-<version>-bundle.tar.gz in a folder. Misconfigured without pip, Unavailable without its index."""
    if (project / wheels.FOLDER).is_dir():
        raise Misconfigured("this is an unpacked bundle", "Make a bundle from a checkout of the source")
    name = f"ec2kit-{__version__}"
    archive = to / f"{name}-bundle.tar.gz"
    if os.path.lexists(archive) and (archive.is_symlink() or not archive.is_file()):
        raise Misconfigured(f"{archive} is there, and it is not a bundle", "Name another folder")
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=to) as folder:
        root = Path(folder, name)
        copy(project, root, _CARRIED)
        collect(project, root / wheels.FOLDER)
        wheels.seal(root, _matching(root, _INSTALLED))
        new = Path(folder, archive.name)
        with (
            new.open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=_EPOCH) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in (root, *sorted(root.rglob("*"))):
                tar.add(path, path.relative_to(folder), recursive=False, filter=_plain)
        new.replace(archive)
    print(f"made {archive}")
    return archive


def collect(project: Path, folder: Path) -> None:
    """Fetch the wheels that requirements.lock names, for any Python from 3.11 on; nothing of them is run."""
    locked = ("--no-deps", "--require-hashes", "-r", str(project / wheels.LOCK))
    with tempfile.TemporaryDirectory() as workshop:
        _run([*_pip(Path(workshop)), "download", *_QUIET, *_ANY_PYTHON, "--dest", str(folder), *locked])


def _pip(folder: Path) -> list[str]:
    """This Python's pip, or that of an environment made for it."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if not importlib.util.find_spec("ensurepip"):
        raise Misconfigured(
            "this Python has no pip, which fetches the dependencies",
            "Install it (Debian: apt-get install python3-pip), or install from a bundle, which needs none",
        )
    venv.create(folder, with_pip=True, symlinks=True)
    return [str(folder / "bin/python"), "-m", "pip"]


def _run(command: list[str]) -> None:
    """Run pip. Unavailable when it fails; what it says on standard error is shown."""
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        cure = "Is its index reachable? Without network, install from a bundle made elsewhere with `make bundle`"
        raise Unavailable(f"pip failed with exit code {done.returncode}; see above", cure)


def copy(project: Path, to: Path, patterns: Iterable[str]) -> None:
    """Copy files with modes that depend on nobody's umask."""
    for path in _matching(project, patterns):
        new = to / path.relative_to(project)
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, new)
        new.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """The files that the patterns find there, each once, sorted."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without a trace of who packed it, and when."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = _EPOCH
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
