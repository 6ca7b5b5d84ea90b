"""What install puts on a machine, where other programs look for it, and what it writes down of that, frozen."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

from tests.promises.golden import compare

KINDS = {stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
PRIVATE = re.compile(
    r"opt/ec2kit/(lib|lib64|include)(/|$)|.*__pycache__"
)  # the environment's own, the modules among it
PYTHON = re.compile(r"python3\.[0-9]+")


def listed(root: Path) -> list[str]:
    """Each path below root: kind, mode, name, and where a link leads to."""
    rows = []
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if PRIVATE.match(name):
            continue
        mode = path.lstat().st_mode
        row = f"{KINDS[stat.S_IFMT(mode)]:6} {stat.S_IMODE(mode):04o} /{name}"
        if stat.S_ISLNK(mode):
            to = path.readlink()
            system = to.is_absolute() and path.parent.name == "bin"
            row += f" -> {'the Python of the system' if system else to}"
        rows.append(PYTHON.sub("python3.N", row))
    return rows


def test_the_installed_tree(staged: Path) -> None:
    """Kind, mode and link target of each path that install makes, outside of the environment's own packages."""
    compare("installed", {"tree.txt": "\n".join(listed(staged)) + "\n", "installed.json": record(staged)})


def record(root: Path) -> str:
    """What install wrote down for the next install and for uninstall, versions and digests aside."""
    found = json.loads((root / "opt/ec2kit/installed.json").read_text())
    differs = {key: key.upper() for key in ("version", "source", "python", "tree", "files", "token")}
    assert found.keys() > differs.keys()
    return json.dumps({key: differs.get(key, value) for key, value in found.items()}, indent=2) + "\n"
