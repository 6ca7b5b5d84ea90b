"""The folder `wheels` of a bundle: the kit, its dependencies and pip, each with its sha256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ec2kit.core.errors import Misconfigured

SUMS = "SHA256SUMS"  # as sha256sum -c reads it
REQUIREMENTS = "requirements.txt"  # as pip install --require-hashes reads it
_PIP = "pip-"
_CURE = "Get the bundle again, unpack it into a new folder, and install from there"


def seal(wheels: Path) -> None:
    """Write the requirements with their hashes, then the sums of all files. pip itself is not to be installed."""
    kept = [path for path in sorted(wheels.glob("*.whl")) if not path.name.startswith(_PIP)]
    rows = []
    for path in kept:
        name, version = path.name.split("-")[:2]
        rows.append(f"{name.replace('_', '-')}=={version} --hash=sha256:{_sum(path)}\n")
    (wheels / REQUIREMENTS).write_text("".join(rows))
    sums = [f"{_sum(path)}  {path.name}\n" for path in sorted(wheels.iterdir()) if path.name != SUMS]
    (wheels / SUMS).write_text("".join(sums))


def verify(wheels: Path) -> None:
    """Raise Misconfigured for a file that is missing, or does not belong there, or is not the one of the bundle."""
    rows = [row.partition("  ") for row in (wheels / SUMS).read_text().splitlines()]
    if more := {path.name for path in wheels.iterdir()} - {SUMS, *(name for _, _, name in rows)}:
        raise Misconfigured(f"{wheels / min(more)} does not belong to the bundle", _CURE)
    for wanted, _, name in rows:
        path = wheels / name
        if not path.is_file():
            raise Misconfigured(f"the bundle is not whole: {path} is missing", _CURE)
        if _sum(path) != wanted:
            raise Misconfigured(f"{path} is not the file that the bundle was made with: its sha256 differs", _CURE)


def pip_of(wheels: Path) -> Path:
    """The wheel of pip, which Python can run as it is."""
    (found,) = wheels.glob(f"{_PIP}*.whl")
    return found


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
