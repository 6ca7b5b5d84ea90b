"""SECURITY.md names every file that the kit writes outside of its installation: no action writes another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.protected import Protected
from tests.support.agent import agent_of
from tests.support.programs import good

# Each Python below loads this. It tells of every change of a file by its whole path; what is opened by a descriptor
# was opened by its path before. In the fork server LifeKeeper's programs load it too: the log is theirs.
_HEAR = """
import os, sys
_told = os.open(os.environ["HEARD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.remove", "os.rmdir", "os.chmod"}
def _hear(event, arguments):
    if event in _CHANGES or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        for name in arguments[: 2 if event in {"os.rename", "os.link", "os.symlink"} else 1]:
            if not isinstance(name, int):
                os.write(_told, f"{os.fsdecode(name)}\\n".encode())
sys.addaudithook(_hear)
"""


@pytest.mark.parametrize("either", ["routes", pytest.param("eip", marks=pytest.mark.executed)], indirect=True)
def test_no_other_file_is_written(either: Protected, tmp_path: Path) -> None:
    """By any action, agent or command: history and memory alone. Credentials have tests of their own."""
    node, agent = either.lab.node1, agent_of(either)
    (tmp_path / "sitecustomize.py").write_text(_HEAR)
    heard = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "HEARD": str(tmp_path / "heard")}
    for action in ("remove", "restore", "quickCheck", "recover"):
        good(node.run(str(node.script(action)), *either.options(action), environment=heard))
    for action in ("start", "monitor", "stop"):
        good(node.run(str(node.agent(agent.kind)), action, environment=heard | agent.environment()))
    for words in (
        *(either.line(verb) for verb in ("hold", "check", "plan")),
        *(["status"], ["properties", either.tag], ["explain"]),
        *(["release", *either.words], ["delete", either.tag, "--yes"]),
    ):
        good(node.run(str(node.root / "bin/ec2kit"), *words, environment=heard))
    named = [Path(node.environment["EC2KIT_HISTORY"]), Path(node.environment["HA_RSCTMP"], "ec2kit")]
    written = {Path(line) for line in (tmp_path / "heard").read_text().splitlines()} - {Path("/dev/null")}
    written -= {each.lkroot / part for each in either.lab.nodes.values() for part in ("log", "log/lifekeeper.log")}
    strange = {
        path for path in written if not any(path.is_relative_to(each) or path in each.parents for each in named)
    }
    assert {path for path in strange if path.parent != Path("/proc/self/fd")} == set()
    assert all(any(path.is_relative_to(each) for path in written) for each in named)
