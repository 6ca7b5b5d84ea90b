"""What a node remembers: advice, which holds nothing up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2kit.core.messages import Level
from ec2kit.host.log import Journal
from ec2kit.pacemaker.memory import Memory, Word
from lab.nodes import Lab
from tests.support.locks import locked

MEMORY = Memory("route", "vip/1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process remembers."""
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path / "run"))
    return tmp_path / "run"


def test_what_was_written_last_is_remembered() -> None:
    """Each word; NONE leaves no file."""
    log = Journal("monitor", "vip", least=Level.WARN)
    assert MEMORY.recall() is Word.NONE
    for word in Word:
        MEMORY.write(word, log)
        assert MEMORY.recall() is word
    assert list(MEMORY.file.parent.iterdir()) == []


def test_what_cannot_be_written_is_a_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The folder is a file: nothing is raised, and nothing is remembered."""
    folder.write_text("")
    MEMORY.write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    assert "960035:could not write down what this node has last seen" in capsys.readouterr().err
    assert MEMORY.recall() is Word.NONE


def test_a_lock_on_the_memory_holds_no_agent_up(figure2: Lab) -> None:
    """Somebody holds it for ever: start takes the address, a probe without an answer knows that, stop lets go."""
    node = figure2.node1
    parameters = {"OCF_RESKEY_elastic_ip": "203.0.113.10", "OCF_RESKEY_interface": "eth1"}
    parameters |= {"OCF_RESOURCE_INSTANCE": "vip", "OCF_RESKEY_CRM_meta_timeout": "20000"}
    with locked(node.root / "run/resource-agents/ec2kit"):
        codes = [node.ocf("eip", "start", **parameters).returncode]
        figure2.ec2.refuse("denied")
        codes.append(node.ocf("eip", "monitor", **parameters).returncode)
        figure2.ec2.mend()
        codes.append(node.ocf("eip", "stop", **parameters).returncode)
    assert codes == [0, 0, 0]
