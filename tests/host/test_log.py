"""The log: LifeKeeper's line, to standard error always and to syslog where there is one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ec2kit.core import messages
from ec2kit.core.messages import Level
from ec2kit.host import log
from ec2kit.host.log import Journal, Quiet
from lab.protected import SLACK


def close(journal: Journal) -> None:
    """Close what a process of the kit leaves to its end."""
    for handler in journal._logger.handlers:
        handler.close()


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A syslog daemon's socket; whether it reads is up to the test."""
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        monkeypatch.setattr(log, "SYSLOG_SOCKET", str(path))
        yield listening


def test_both_carry_the_same_line(daemon: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    """Facility local6 (22), severity warning (4), tag LifeKeeper with the process id, the line, a NUL."""
    daemon.settimeout(5)
    journal = Journal("restore", "ec2-x")
    journal.say(messages.TABLE_GONE, table="rtb-1")
    close(journal)
    line = "WARN:ec2:restore:ec2-x:960026:recorded route table rtb-1 no longer exists; ignored"
    assert capsys.readouterr().err == f"{line}\n"
    assert daemon.recv(4096).decode() == f"<{22 * 8 + 4}>LifeKeeper[{os.getpid()}]: {line}\0"


def test_an_agents_lines_are_a_daemons(daemon: socket.socket) -> None:
    """Facility daemon (3), severity warning (4), under the agent's name and its resource's."""
    daemon.settimeout(5)
    journal = Journal("monitor", "vip-route", sender=log.daemon("route(vip-route)"))
    journal.say(messages.TABLE_GONE, table="rtb-1")
    close(journal)
    assert daemon.recv(4096).decode().startswith(f"<{3 * 8 + 4}>route(vip-route)[{os.getpid()}]: WARN:ec2:monitor:")


def test_each_level_has_its_own_severity(daemon: socket.socket) -> None:
    """RFC 5424's: err 3, warning 4, notice 5, info 6; NOTIFY is the notice and no warning."""
    daemon.settimeout(5)
    journal = Journal("restore", "ec2-x")
    for message, severity in (
        (messages.USAGE, 3),
        (messages.LOOK_AGAIN, 4),
        (messages.STEP, 5),
        (messages.BEGIN, 6),
    ):
        journal.say(message, why="because.", step="a step", number=2, most="of 4")
        priority, _, said = daemon.recv(4096).decode().partition(">")
        assert (priority, said.split(": ")[1].split(":")[:2]) == (
            f"<{22 * 8 + severity}",
            [message.level.name, "ec2"],
        )
    close(journal)


def test_each_line_of_a_text_is_a_whole_line_of_the_log(
    daemon: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback is found by its number, and no line of a text can pass for another's; the same in syslog."""
    daemon.settimeout(5)
    journal = Journal("restore", "ec2-x\nERROR:ip:")
    journal.say(messages.INTERNAL, trace="one\ntwo")
    close(journal)
    head = "ERROR:ec2:restore:ec2-x?ERROR:ip::960006:"
    lines = [f"{head}{text}" for text in ("internal error, please report it:", "one", "two")]
    assert capsys.readouterr().err.splitlines() == lines
    assert [daemon.recv(4096).decode().partition("]: ")[2] for _ in lines] == [f"{line}\0" for line in lines]


def test_a_daemon_on_a_stream_gets_lines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream has no ends of its own, so each line ends with a NUL; names in no encoding do no harm."""
    monkeypatch.setattr(log, "SYSLOG_SOCKET", str(tmp_path / "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(log.SYSLOG_SOCKET)
        listening.listen()
        journal = Journal("create", "ec2-x")
        journal.say(messages.PROBLEM, problem="no interface eth\udcff")
        journal.say(messages.BEGIN)
        close(journal)
        connection, _ = listening.accept()
        with connection:
            said = connection.makefile("rb").read().split(b"\0")
    assert [part.rpartition(b":")[2] for part in said] == [
        b"no interface eth?",
        b'BEGIN create of "ec2-x"',
        b"",
    ]


def test_a_daemon_that_does_not_read_holds_nothing_up(
    daemon: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its socket is full; standard error has every line all the same, and soon."""
    del daemon  # bound, never read
    journal = Journal("restore", "ec2-x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling, suppress(BlockingIOError):
        filling.setblocking(False)
        for _ in range(100_000):
            filling.sendto(b"x" * 1000, log.SYSLOG_SOCKET)
    began = time.monotonic()
    for _ in range(40):
        journal.say(messages.BEGIN)
    assert time.monotonic() - began < SLACK
    assert capsys.readouterr().err.count('BEGIN restore of "ec2-x"') == 40
    close(journal)


def test_a_daemon_that_does_not_accept_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream with as many waiting as it lets wait; connecting would wait for ever."""
    monkeypatch.setattr(log, "SYSLOG_SOCKET", str(tmp_path / "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(log.SYSLOG_SOCKET)
        listening.listen(0)
        waiting: list[socket.socket] = []
        with suppress(BlockingIOError):
            while len(waiting) < 100:
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                waiting[-1].setblocking(False)
                waiting[-1].connect(log.SYSLOG_SOCKET)
        began = time.monotonic()
        journal = Journal("restore", "ec2-x")
        journal.say(messages.BEGIN)
        assert time.monotonic() - began < SLACK
        for each in waiting:
            each.close()
    assert capsys.readouterr().err.endswith('BEGIN restore of "ec2-x"\n')


def test_levels_below_the_least_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """quickCheck is silent while all is well."""
    journal = Journal("quickCheck", "ec2-x", least=Level.NOTIFY)
    journal.say(messages.BEGIN)
    journal.say(messages.STEP, step="something")
    assert capsys.readouterr().err == "NOTIFY:ec2:quickCheck:ec2-x:960021:something\n"


def test_a_quiet_run_is_one_line_of_the_kits_own(daemon: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    """Facility daemon (3), tag ec2kit; its warnings are in the line, each once, and a bug's trace is told as ever."""
    daemon.settimeout(5)
    journal = Quiet("hold", "10.1.0.10")
    for _ in range(2):
        journal.say(messages.TABLE_GONE, table="rtb-1")
    journal.say(messages.STEP, step="a step")
    journal.say(messages.INTERNAL, trace="a trace")
    journal.conclude(Level.NOTIFY, "OK hold:\nit is held")
    close(journal)
    trace = [f"ERROR:ec2:hold:10.1.0.10:960006:{text}" for text in ("internal error, please report it:", "a trace")]
    lines = [*trace, "OK hold:?it is held [960026: recorded route table rtb-1 no longer exists; ignored]"]
    assert capsys.readouterr().err.splitlines() == lines
    heads = [f"<{3 * 8 + severity}>ec2kit[{os.getpid()}]: " for severity in (3, 3, 5)]
    told = [f"{head}{line}\0" for head, line in zip(heads, lines, strict=True)]
    assert [daemon.recv(4096).decode() for _ in told] == told


def test_the_journal_gets_a_quiet_run_once(
    daemon: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From standard error, with its severity, and not by syslog too; JOURNAL_STREAM may be another stream's."""
    for journals in (True, False):
        with (tmp_path / f"{journals}").open("w+") as stream:
            facts = os.fstat(stream.fileno())
            monkeypatch.setattr("sys.stderr", stream)
            monkeypatch.setenv("JOURNAL_STREAM", f"{facts.st_dev}:{facts.st_ino + (not journals)}")
            journal = Quiet("check", "10.1.0.10")
            journal.conclude(Level.WARN, "UNAVAILABLE")
            close(journal)
            assert (tmp_path / f"{journals}").read_text() == ("<4>UNAVAILABLE\n" if journals else "UNAVAILABLE\n")
        daemon.setblocking(False)
        if journals:
            with pytest.raises(BlockingIOError):
                daemon.recv(4096)
        else:
            assert b"UNAVAILABLE" in daemon.recv(4096)
