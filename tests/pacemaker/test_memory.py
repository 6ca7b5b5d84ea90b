"""What a node remembers: advice, which holds nothing up."""

from __future__ import annotations

import resource
import signal
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
    """The folder is a file: nothing is raised, and what is remembered claims nothing."""
    folder.write_text("")
    MEMORY.write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    assert "960035:could not write down what this node has last seen" in capsys.readouterr().err
    assert MEMORY.recall() is Word.STARTING


@pytest.mark.parametrize("text", ["no such word", "held\x00", "untouched today"])
def test_what_cannot_be_understood_claims_nothing(text: str) -> None:
    """Garbage, or the word of a later version."""
    MEMORY.write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    MEMORY.file.write_text(text)
    assert MEMORY.recall() is Word.STARTING


def test_a_former_version_reads_the_word() -> None:
    """After a rollback: the word is all that is in its file."""
    MEMORY.write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    assert MEMORY.file.read_text() == "held"


def test_a_word_of_another_boot_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that outlives the boot, as in an image of this instance; a word of 0.1.0 has no boot behind it."""
    monkeypatch.setenv("EC2KIT_PROCFS", str(tmp_path))
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("one\n")
    MEMORY.write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    assert MEMORY.recall() is Word.HELD
    boot.write_text("another\n")
    assert MEMORY.recall() is Word.NONE
    boot.unlink()
    assert MEMORY.recall() is Word.STARTING, "nothing tells which boot this is"
    MEMORY.file.with_name("route-vip%2F1+boot").unlink()
    assert MEMORY.recall() is Word.HELD, "as a former version has left it"


def test_an_old_word_does_not_outlive_a_write_that_fails() -> None:
    """As on a full disk: what was true before a start is not true after it."""
    log = Journal("start", "vip", least=Level.ERROR)
    MEMORY.write(Word.STOPPED, log)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        MEMORY.write(Word.STARTING, log)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
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
