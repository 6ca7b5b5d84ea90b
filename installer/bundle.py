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
from pathlib import Path

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured, Unavailable
from installer import wheels

WHEELS = "wheels"
_EPOCH = 315_532_800  # 1980, the oldest time that a wheel can hold
_BUILD = ("pyproject.toml", "README.md", "LICENSE", "bin/ec2kit", "ec2kit/**/*.py", "ec2kit/py.typed")
_LOCK = "requirements.lock"
_CARRIED = (
    *_BUILD,
    _LOCK,
    "SECURITY.md",
    "install",
    "Makefile",
    "CHANGELOG.md",
    "installer/*.py",
    "actions/*",
    "bin/*",
    "ocf/*",
    "etc/*/*",
    "docs/*.md",
)
_ANY_PYTHON = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--python-version=3.11")
_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")


def make(project: Path, to: Path) -> Path:
    """Make ec2kit-<version>-bundle.tar.gz in a folder. Misconfigured without pip, Unavailable without its index."""
    if (project / WHEELS).is_dir():
        raise Misconfigured("this is an unpacked bundle", "Make a bundle from a checkout of the source")
    name = f"ec2kit-{__version__}"
    archive = to / f"{name}-bundle.tar.gz"
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, name)
        _copy(project, root, _CARRIED)
        collect(project, root / WHEELS)
        new = archive.with_name(f".{archive.name}.new")
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
    """Gather wheels for any Python from 3.11 on: the kit, what it needs at run time, and pip; then seal them.

    What it needs is what requirements.lock says, by version and sha256; the environment is filled by the seal.
    """
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as workshop:
        source = Path(workshop, "source")
        _copy(project, source, _BUILD)
        pip = _pip(Path(workshop, "pip"))
        _run([*pip, "wheel", *_QUIET, "--no-deps", "--wheel-dir", str(folder), str(source)])
    locked = ("--no-deps", "--require-hashes", "-r", str(project / _LOCK))
    for what in (locked, ("--no-deps", "pip")):
        _run([*pip, "download", *_QUIET, *_ANY_PYTHON, "--dest", str(folder), *what])
    wheels.seal(folder)


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
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(_EPOCH)}
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        cure = "Is its index reachable? Without network, install from a bundle made elsewhere with `make bundle`"
        raise Unavailable(f"pip failed with exit code {done.returncode}; see above", cure)


def _copy(project: Path, to: Path, patterns: tuple[str, ...]) -> None:
    """Copy files with modes that depend on nobody's umask."""
    for path in sorted(path for pattern in patterns for path in project.glob(pattern)):
        new = to / path.relative_to(project)
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, new)
        new.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without a trace of who packed it, and when."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = _EPOCH
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
