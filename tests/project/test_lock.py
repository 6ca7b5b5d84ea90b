"""The lock file: all that the kit needs at run time, by version and hash, from any index; and its audit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lab import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def test_each_requirement_has_a_version_and_hashes() -> None:
    """In the form that pip install --require-hashes takes."""
    blocks = re.split(r"\n(?=[a-z])", LOCK)[1:]
    assert len(blocks) == len(PINS) > 5
    for block in blocks:
        assert re.fullmatch(
            r"[a-z0-9-]+==\S+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+(    #.*\n?)*", block.rstrip("\n") + "\n"
        )


def test_what_the_project_asks_for_is_locked() -> None:
    """Every dependency of pyproject.toml, at a version that it allows."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    for each in map(Requirement, project["dependencies"]):
        assert each.specifier.contains(PINS[each.name]), each


def test_the_lock_names_no_place() -> None:
    """Neither an index nor a folder: whoever installs takes it from his own."""
    assert not re.search(r"://|--index|--find-links|--extra|/home|/opt|/tmp", LOCK)


def audit(tmp_path: Path, lock: str, program: str | None) -> subprocess.CompletedProcess[str]:
    """Run .ci/audit on a lock file, with that text as pip-audit, or none."""
    (tmp_path / "requirements.lock").write_text(lock)
    if program is not None:
        (tmp_path / "pip-audit").write_text(f"#!{sys.executable}\n{program}\n")
        (tmp_path / "pip-audit").chmod(0o755)
    command = [sys.executable, str(PROJECT / ".ci/audit"), str(tmp_path / "requirements.lock")]
    return subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (None, 0, "not audited: there is no pip-audit"),
        ("import sys; print('no network', file=sys.stderr); sys.exit(1)", 0, "not audited: pip-audit cannot reach"),
        ("print('{}')", 0, "not audited: pip-audit cannot reach"),
        (
            "print({})".format(repr(json.dumps({"dependencies": [{"name": "x", "version": "1", "vulns": []}]}))),
            0,
            "1 p",
        ),
        (
            "print({})".format(
                repr(json.dumps({"dependencies": [{"name": "x", "version": "1", "vulns": [{"id": "CVE-1"}]}]}))
            ),
            1,
            "x 1: CVE-1",
        ),
    ],
)
def test_only_a_known_vulnerability_fails_the_audit(
    tmp_path: Path, program: str | None, code: int, said: str
) -> None:
    """No program and no data are lines that say so."""
    done = audit(tmp_path, LOCK, program)
    assert done.returncode == code, done.stderr
    assert said in done.stdout


def test_an_old_lock_is_a_warning(tmp_path: Path) -> None:
    """Its age alone fails nothing."""
    done = audit(tmp_path, "# made by `make lock` on 2001-01-01\n", None)
    assert done.returncode == 0
    assert done.stdout.startswith("WARNING: requirements.lock is ")
    assert "make lock" in done.stdout


def test_a_lock_without_a_date_is_a_warning(tmp_path: Path) -> None:
    """It was not made by `make lock`, or somebody has changed it."""
    done = audit(tmp_path, LOCK.split("\n", 1)[1], None)
    assert done.returncode == 0
    assert done.stdout.startswith("WARNING: requirements.lock does not say when it was made")
