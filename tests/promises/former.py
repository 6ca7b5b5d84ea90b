"""The kit of version 0.1.0, as it was before its modules moved: what a node runs that has not been upgraded yet.

The archive was made by `git archive`, with ARCHIVED, at COMMIT; `xz -9e` made it small.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = "0.1.0"
COMMIT = "9320e4afe4385c7b7b30dd741ee9194b33031526"
ARCHIVE = Path(__file__).parent / "ec2kit-0.1.0.tar.xz"
ARCHIVED = (
    *("ec2kit", "actions", "ocf", "etc", "install", "installer"),
    *("pyproject.toml", "requirements.lock", "README.md", "LICENSE"),
)


def unpack(folder: Path) -> Path:
    """Unpack the source tree into a folder, which is given back; EC2's description is cut down as install does it."""
    shutil.unpack_archive(ARCHIVE, folder)
    subprocess.run([sys.executable, "-m", "ec2kit.shapes"], cwd=folder, check=True)
    return folder


def bundle(folder: Path, others: Path) -> Path:
    """Make its bundle, unpacked, which is given back: its own install and wheel, the others, and pip's."""
    shutil.unpack_archive(ARCHIVE, folder)
    place = folder / "wheels"
    place.mkdir()
    for wheel in others.glob("*.whl"):
        os.link(wheel, place / wheel.name)
    _wheel(folder, place)
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "pip"]
    subprocess.run(fetch, cwd=place, check=True)
    seal = "from pathlib import Path; from installer.wheels import seal; seal(Path('wheels'))"
    subprocess.run([sys.executable, "-Bc", seal], cwd=folder, check=True)
    return folder


def _wheel(source: Path, to: Path) -> None:
    """The kit's own wheel, without the tools that would need a network."""
    name = f"ec2kit-{VERSION}"
    texts = {
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: ec2kit\nVersion: {VERSION}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files = [path for path in sorted(source.glob("ec2kit/*")) if path.is_file()]
    names = [*(str(path.relative_to(source)) for path in files), *texts, f"{name}.dist-info/RECORD"]
    with zipfile.ZipFile(to / f"{name}-py3-none-any.whl", "w") as wheel:
        for path in files:
            wheel.write(path, path.relative_to(source))
        for place, text in texts.items():
            wheel.writestr(place, text)
        wheel.writestr(names[-1], "".join(f"{each},,\n" for each in names))
