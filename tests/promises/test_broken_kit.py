"""A kit that cannot be loaded proves nothing: each script says so, and ends with its engine's "unknown"."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import PROJECT

GUARD = "ec2kit/host/guard.py"
DAMAGE = {
    "the guard is empty": (GUARD, b""),
    "the guard has NUL bytes": (GUARD, b"\0" * 4096),
    "the guard is cut off, and comes back": (
        GUARD,
        b"class Terms:\n    def __init__(*_, **__): ...\ndef run(*_): ...\n",
    ),
    "the entries are empty": ("entries", b""),
}
SCRIPTS = {
    "actions/quickCheck": 0,
    "actions/restore": 9,
    "actions/remove": 9,
    "actions/recover": 9,
    "actions/create": 9,
    "actions/delete": 9,
    "actions/extend": 9,
    "actions/canextend": 9,
    "bin/ec2kit check": 9,
    "bin/ec2kit hold": 9,
    "ocf/route monitor": 0,
    "ocf/eip probe": 5,
    "ocf/eip start": 5,
    "ocf/route stop": 0,
    "ocf/eip stop": 5,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_kit_that_cannot_be_loaded_proves_nothing(damage: str, tmp_path: Path) -> None:
    """Whichever part of it is the first that is missing."""
    shutil.copytree(PROJECT / "ec2kit", tmp_path / "ec2kit", ignore=shutil.ignore_patterns("__pycache__", "shapes.d"))
    file, content = DAMAGE[damage]
    if file == "entries":
        for entry in ("lifekeeper/entry.py", "pacemaker/entry.py", "__main__.py"):
            (tmp_path / "ec2kit" / entry).write_bytes(content)
    else:
        (tmp_path / file).write_bytes(content)
    found = {}
    for script in SCRIPTS:
        place, _, action = script.partition(" ")
        interval = {"monitor": "10000", "probe": "0"}.get(action)
        given = {"OCF_RESKEY_CRM_meta_interval": interval} if interval else {}
        done = subprocess.run(
            [sys.executable, str(PROJECT / place), action.replace("probe", "monitor")],
            env={**os.environ, **given, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        found[script] = done.returncode
        assert "the kit cannot be loaded (" in done.stderr, (script, done.stderr)
        assert len(done.stderr.splitlines()) == 1
    assert found == SCRIPTS
