"""The log: LifeKeeper's line, to standard error always and to syslog where there is one."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ec2kit import log, messages
from ec2kit.log import Journal
from ec2kit.messages import Level, Message
from tests.cluster import SLACK


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
    """Facility local6 (22), tag LifeKeeper with the process id."""
    daemon.settimeout(5)
    journal = Journal("restore", "ec2-x")
    journal.say(messages.TABLE_GONE, table="rtb-1")
    close(journal)
    line = "WARN:ec2:restore:ec2-x:960026:recorded route table rtb-1 no longer exists; it is left out"
    assert capsys.readouterr().err == f"{line}\n"
    priority, _, said = daemon.recv(4096).decode().rstrip("\0").partition(">")
    assert int(priority.removeprefix("<")) >> 3 == 22
    assert said == f"LifeKeeper[{os.getpid()}]: {line}"


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


def test_levels_below_the_least_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """quickCheck is silent while all is well."""
    journal = Journal("quickCheck", "ec2-x", least=Level.NOTIFY)
    journal.say(messages.BEGIN)
    journal.say(messages.STEP, step="something")
    assert capsys.readouterr().err == "NOTIFY:ec2:quickCheck:ec2-x:960021:something\n"


def test_no_number_is_used_twice() -> None:
    """A number never changes its meaning, so it has one."""
    catalogue = [each for each in vars(messages).values() if isinstance(each, Message)]
    assert len({each.number for each in catalogue}) == len(catalogue) > 20
    assert all(re.fullmatch("96[0-9]{4}", str(each.number)) for each in catalogue)
