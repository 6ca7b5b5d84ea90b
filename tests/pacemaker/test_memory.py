"""What a node remembers: advice, which holds nothing up."""

from __future__ import annotations

import resource
import signal
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.messages import Level
from ec2kit.host import files
from ec2kit.host.log import Journal
from ec2kit.pacemaker import agents, bare, memory
from ec2kit.pacemaker.memory import LET_GO, Memory, Word
from lab.nodes import Lab
from tests.support.locks import locked

MEMORY = Memory("route", "vip/1")
LOG = Journal("monitor", "vip", least=Level.WARN)


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


GIVEN = {"OCF_RESKEY_ip": "10.1.0.10", "OCF_RESKEY_interface": "eth1", "OCF_RESKEY_trace_ra": "1"}


def test_what_the_word_is_about(folder: Path) -> None:
    """The agent's parameters and no others, for root alone; a URL without user and password."""
    url = {"OCF_RESKEY_endpoint_url": "https://user:secret@ec2.example/a@b?token=secret"}
    MEMORY.write(Word.HELD, LOG, agents.given(agents.AGENTS["route"], GIVEN | url), "eni-1")
    named = MEMORY.named()
    assert named is not None
    assert (str(named.resource), named.resource.interface) == ("route 10.1.0.10/32", "eth1")
    assert named.reach.url == "https://ec2.example/a@b"
    assert MEMORY.read().eni == "eni-1"
    there = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in there} == {0o600}
    assert not any("secret" in path.read_text() or "trace" in path.read_text() for path in there)


OTHER = '{"of": "OF", "parameters": {"OCF_RESKEY_ip": "x"}, "eni": "", "instance": "vip/1"}'
OLD = '{"of": "1.2", "parameters": {"OCF_RESKEY_ip": "10.1.0.10"}, "eni": "", "instance": "vip/1"}'
ODD = ("", "{}", "null", "[]", '{"of": "OF"}', '{"of": "OF", "parameters": 1}', "[" * 9999, OTHER, OLD)


@pytest.mark.parametrize("text", ODD)
def test_what_it_is_about_may_be_unreadable(text: str) -> None:
    """The word counts all the same; nothing is known of the rest, and nobody stumbles over it."""
    resource = RouteResource(IPv4Address("10.1.0.10"))
    MEMORY.write(Word.HELD, LOG, GIVEN)
    assert [each.instance for each in memory.about(resource)] == ["vip/1"]
    MEMORY.file.with_name(f"{MEMORY.file.name}+about").write_text(text.replace("OF", bare.mark(MEMORY.file)))
    assert (MEMORY.named(), MEMORY.recall(resource)) == (None, Word.HELD)
    assert memory.about(resource) == []


def test_a_word_that_another_version_has_written_is_not_about_what_this_one_knew() -> None:
    """A rollback, another address under the same name, an upgrade again: the word is the same, and another's."""
    MEMORY.write(Word.HELD, LOG, GIVEN)
    files.replace(MEMORY.file, "starting")  # as a former version does
    files.replace(MEMORY.file, "held")
    assert (MEMORY.recall(), MEMORY.named()) == (Word.HELD, None)


def test_a_word_about_another_address_tells_nothing_of_this_one() -> None:
    """So it is as after a boot; the word itself is still there."""
    MEMORY.write(Word.STOPPED, LOG, GIVEN)
    assert MEMORY.recall(RouteResource(IPv4Address("10.1.0.10"), "eth0")) is Word.STOPPED
    assert MEMORY.recall(RouteResource(IPv4Address("10.1.0.11"))) is Word.NONE
    assert MEMORY.recall() is Word.STOPPED


def test_a_name_that_is_too_long_for_a_file_is_found_by_its_address() -> None:
    """The name of its file is another one then."""
    long = Memory("route", "v" * 300)
    long.write(Word.HELD, LOG, GIVEN)
    assert memory.about(RouteResource(IPv4Address("10.1.0.10"))) == [long]


def test_what_works_without_the_kit_knows_the_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words and names are the memory's, and the kinds of which a stop changes nothing."""
    assert set(bare.STAYS) == {name for name, kind in agents.AGENTS.items() if kind.resource.stays}
    assert {name: str(kind.address.ocf) for name, kind in agents.AGENTS.items()} == bare.ADDRESS
    assert bare.place("eip", "v/" * 200) == f"{bare.folder()}/eip-{files.name_of('v/' * 200)}"
    assert bare.folder() == str(MEMORY.file.parent)
    MEMORY.write(Word.STOPPED, LOG)
    assert bare.answer("route", "stop", "why") == 0
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", "vip/1")
    eip = Memory("eip", "vip/1")
    for word in Word:
        eip.write(word, LOG)
        assert bare.answer("eip", "stop", "why") == (0 if word in LET_GO else 5)
    eip.write(Word.STOPPED, LOG, {"OCF_RESKEY_elastic_ip": "203.0.113.10"})
    for address, code in (("203.0.113.10", 0), ("", 0), ("203.0.113.20", 5)):
        monkeypatch.setenv("OCF_RESKEY_elastic_ip", address)
        assert bare.answer("eip", "stop", "why") == code
    monkeypatch.delenv("OCF_RESKEY_elastic_ip")
    eip.file.parent.chmod(0o770)
    assert bare.answer("eip", "stop", "why") == 5, "others can write there"


def test_a_word_of_another_boot_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that outlives the boot, as in an image of this instance; a word of 0.1.0 has no boot behind it."""
    monkeypatch.setenv("EC2KIT_PROCFS", str(tmp_path))
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("one\n")
    Memory("route", "vip/1").write(Word.HELD, Journal("monitor", "vip", least=Level.WARN))
    assert Memory("route", "vip/1").recall() is Word.HELD
    boot.write_text("another\n")
    assert Memory("route", "vip/1").recall() is Word.NONE
    boot.unlink()
    assert Memory("route", "vip/1").recall() is Word.STARTING, "nothing tells which boot this is"
    MEMORY.file.with_name("route-vip%2F1+boot").unlink()
    assert Memory("route", "vip/1").recall() is Word.HELD, "as a former version has left it"


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
