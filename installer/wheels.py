"""Wheels of the dependencies, as requirements.lock names them, and the sums of what a bundle carries."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ec2kit.core.errors import Misconfigured

FOLDER = "wheels"  # of a bundle
LOCK = "requirements.lock"
_SUMS = "SHA256SUMS"  # in that folder, as sha256sum -c reads it
_LOCKED = re.compile(r"^([\w.-]+)==(\S+) ((?:\\\s+--hash=sha256:[0-9a-f]{64}\s+)+)", re.MULTILINE)
_NO_FILE_OF_A_PACKAGE = re.compile(r"[^/]+\.data/|[^/]+\.dist-info/RECORD$")  # scripts; pip's list of files
_CURE = "Get the bundle again, unpack it into a new folder, and install from there"


def seal(bundle: Path, files: Iterable[Path]) -> None:
    """Write the sums of all wheels of the bundle, and of these files."""
    wheels = bundle / FOLDER
    rows = [f"{_sum(path)}  {path.name}\n" for path in sorted(wheels.glob("*.whl"))]
    rows += [f"{_sum(path)}  ../{path.relative_to(bundle)}\n" for path in files]
    (wheels / _SUMS).write_text("".join(rows))


def verify(bundle: Path) -> None:
    """Raise Misconfigured for a file that is missing, or does not belong there, or is not the one of the bundle."""
    wheels = bundle / FOLDER
    rows = [row.partition("  ") for row in (wheels / _SUMS).read_text().splitlines()]
    if more := {path.name for path in wheels.iterdir()} - {_SUMS, *(name for _, _, name in rows)}:
        raise Misconfigured(f"{wheels / min(more)} does not belong to the bundle", _CURE)
    for wanted, _, name in rows:
        path = wheels / name
        if not path.is_file():
            raise Misconfigured(f"the bundle is not whole: {path} is missing", _CURE)
        if _sum(path) != wanted:
            raise Misconfigured(f"{path} is not the file that the bundle was made with: its sha256 differs", _CURE)


def unpack(wheels: Path, lock: str, packages: Path) -> None:
    """Unpack the wheel of each package that the lock names. Misconfigured for one without a hash of the lock.

    None of them has to be built, and none has code for one machine alone: so this is all that pip would do.
    """
    for name, version, hashes in _LOCKED.findall(lock):
        stem = f"{name}-{version}-".replace("-", "_")
        found = [each for each in wheels.glob("*.whl") if each.name.replace("-", "_").lower().startswith(stem)]
        path = next((each for each in found if _sum(each) in hashes), None)
        if path is None:
            told = f"{found[0]} is not the file that {LOCK} names: its sha256 differs" if found else ""
            raise Misconfigured(told or f"the wheel of {name} {version} is missing in {wheels}", _CURE)
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(packages, [each for each in wheel.namelist() if not _NO_FILE_OF_A_PACKAGE.match(each)])


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
