"""The kit of version 0.1.0, as it was before its modules moved: what a node runs that has not been upgraded yet.

The archive was made by `git archive`, with ARCHIVED, at COMMIT; `xz -9e` made it small.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

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
