"""Files that root alone can read: whole, in a folder of root's, and never behind a link."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.model import AccessKey
from ec2kit.host import files
from tests.support.locks import locked

KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
change = partial(files.change, seconds=0)
WRITERS: dict[str, Callable[[Path], None]] = {
    "change": lambda path: change(path, lambda _: "x"),
    "replace": lambda path: files.replace(path, "x"),
    "append": lambda path: files.append(path, "x", most=10, keep=1),
}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def test_only_root_can_read_the_file(tmp_path: Path) -> None:
    """0600 in a folder of 0700, whatever the umask; gone when nothing is left in it."""
    path = tmp_path / "etc/ec2kit/credentials"
    old = os.umask(0)
    try:
        change(path, lambda text: profiles.put(text, "ec2kit-x", KEY))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["credentials"]
    change(path, lambda text: profiles.drop(text, "ec2kit-x"))
    assert not path.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Reading through one is refused; what it points at is not written."""
    other = tmp_path / "other"
    other.write_text("somebody's\n")
    folder = tmp_path / "ec2kit"
    folder.mkdir(0o700)
    (folder / "credentials").symlink_to(other)
    (folder / "x.jsonl").symlink_to(other)
    with pytest.raises(Misconfigured, match="cannot be read"):
        files.read(folder / "credentials")
    with pytest.raises(Misconfigured):
        change(folder / "credentials", lambda text: text + "x")
    with pytest.raises(Misconfigured, match="cannot be written"):
        files.append(folder / "x.jsonl", "x", most=10, keep=1)
    assert other.read_text() == "somebody's\n"


@every_writer
def test_a_folder_in_which_others_write_is_refused(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """They could put a file of theirs there, or have put it there."""
    folder = tmp_path / "ec2kit"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(Misconfigured, match="users other than its owner can write"):
        write(folder / "x")
    assert list(folder.iterdir()) == []


def test_a_long_file_keeps_its_last_lines(tmp_path: Path) -> None:
    """Nothing grows for ever."""
    path = tmp_path / "history/x.jsonl"
    for number in range(100):
        files.append(path, f"line {number}", most=200, keep=5)
    lines = files.read(path).splitlines()
    assert lines[-1] == "line 99"
    assert len(files.read(path)) <= 220
    assert lines == [f"line {number}" for number in range(100 - len(lines), 100)]


@every_writer
@pytest.mark.parametrize("kind", ["linked", "foreign"])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, kind: str, write: Callable[[Path], None]) -> None:
    """A link, which somebody could turn elsewhere, or a folder of another user's: nothing is written there."""
    folder = tmp_path / "ec2kit"
    if kind == "linked":
        (tmp_path / "other").mkdir(0o700)
        folder.symlink_to(tmp_path / "other")
    else:
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        folder.mkdir(0o700)
        os.chown(folder, 65_534, 65_534)
    with pytest.raises(Misconfigured, match=r"cannot be written|belongs to another user"):
        write(folder / "x")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["fifo", "folder", "endless"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A pipe that nobody reads or writes, or more than the kit ever writes: neither waited for nor read whole."""
    odd = tmp_path / "odd"
    if kind == "fifo":
        os.mkfifo(odd, 0o600)
    elif kind == "folder":
        odd.mkdir()
    else:
        with odd.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(Misconfigured, match="cannot be read"):
        files.read(odd)
    for write in WRITERS.values():
        with pytest.raises(Misconfigured, match=r"cannot be read|cannot be written"):
            write(odd)


def test_no_name_in_a_folder_is_predictable(tmp_path: Path) -> None:
    """What is written beside the file before it takes its place has a new name each time, and mode 0600."""
    seen = set()
    tmp_path.chmod(0o700)

    def edit(text: str) -> str:
        return text + "x"

    real = os.link
    with pytest.MonkeyPatch.context() as patch:

        def spy(source: str, name: Path, **more: Any) -> None:
            real(source, name, **more)
            seen.add((name, oct(stat.S_IMODE(name.stat().st_mode))))

        patch.setattr(os, "link", spy)
        for _ in range(3):
            change(tmp_path / "credentials", edit)
    assert len(seen) == 3
    assert {mode for _, mode in seen} == {"0o600"}


def test_a_kill_in_the_middle_of_a_write_leaves_no_secret(tmp_path: Path) -> None:
    """What waits for the disk has no name yet."""
    tmp_path.chmod(0o700)
    script = f"""
import os, signal
from pathlib import Path
from ec2kit.host import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.change(Path({str(tmp_path / "credentials")!r}), lambda _: "secret", seconds=0)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    """Others write in the file, too, in whatever encoding."""
    tmp_path.chmod(0o700)
    path = tmp_path / "credentials"
    theirs = b"# caf\xe9 \x85\xe2\x80\xa8[x]\r\n[other]\r\nkey = \xff\x00\r\n"
    path.write_bytes(theirs)
    change(path, lambda text: profiles.put(text, "ec2kit-x", KEY))
    assert path.read_bytes().startswith(theirs)
    change(path, lambda text: profiles.drop(text, "ec2kit-x"))
    assert path.read_bytes() == theirs


def test_what_may_be_lost_waits_for_no_lock(tmp_path: Path) -> None:
    """Memory and history are written, and a long history is cut, whoever holds the folder."""
    with locked(tmp_path):
        began = time.monotonic()
        files.replace(tmp_path / "memory", "held")
        for number in range(5):
            files.append(tmp_path / "history", f"line {number}", most=10, keep=2)
        assert time.monotonic() - began < 1
    assert files.read(tmp_path / "memory") == "held"
    assert files.read(tmp_path / "history") == "line 3\nline 4\n"


def test_the_lock_is_waited_for_so_long_as_the_caller_says(tmp_path: Path) -> None:
    """Then another run of the kit is the cause, in words, and the file is as it was."""
    path = tmp_path / "credentials"
    change(path, lambda _: "old")
    with locked(tmp_path):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="another run of the kit holds the lock on"):
            files.change(path, lambda _: "new", seconds=0.3)
        assert 0.3 <= time.monotonic() - began < 2
        assert files.read(path) == "old"
        second = threading.Thread(target=lambda: files.change(path, lambda text: f"{text}er", seconds=20))
        second.start()
        time.sleep(0.2)
        assert files.read(path) == "old"
    second.join(20)
    assert files.read(path) == "older"


def test_what_a_killed_run_left_beside_a_file_goes(tmp_path: Path) -> None:
    """A secret may be in it; what only looks like it stays."""
    left, other = tmp_path / ".credentials.0123456789abcdef", tmp_path / ".credentials.0123456789abcdef.jsonl"
    for each in (left, other):
        each.write_text("secret")
    change(tmp_path / "credentials", lambda _: "")
    assert list(tmp_path.iterdir()) == [other]


@every_writer
def test_a_write_that_is_ended_leaves_nothing_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    """The deadline or Ctrl-C comes before the new file is in its place."""
    (tmp_path / "x").write_text("line\n" * 100)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", end)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x")
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(("name", "times"), [("change", 1), ("replace", 0), ("append", 0)])
def test_only_what_must_not_be_lost_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, times: int
) -> None:
    """A disk that hangs holds no run up for the sake of memory or history."""
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    (tmp_path / "x").write_text("line\n" * 100)
    WRITERS[name](tmp_path / "x")
    assert len(waited) == times


@pytest.mark.parametrize(
    "call",
    ["change(path, lambda _: 'x', seconds=0)", "replace(path, 'x')", "append(path, 'x', most=10, keep=1)"],
)
@pytest.mark.parametrize(
    ("limit", "kind", "why"),
    [
        ("NOFILE, (3, 3)", "Unavailable", "Too many open files"),  # which says nothing about the file
        ("FSIZE, (0, 0)", "Misconfigured", "File too large"),
    ],
)
def test_what_the_system_refuses_is_an_expected_failure(
    tmp_path: Path, call: str, limit: str, kind: str, why: str
) -> None:
    """No descriptor, no room: a KitError with the system's own words, and nothing is left beside the file."""
    path = tmp_path / "folder/x"
    assert why in refused(path, call, limit, kind)
    assert {each.name for each in path.parent.iterdir()} <= {"x"}


def refused(path: Path, call: str, limit: str, kind: str = "Misconfigured") -> str:
    """The words of that error, from a call of files in a process with that limit."""
    begin = f"import pathlib, resource; from ec2kit.host import files; path = pathlib.Path({str(path)!r})"
    whole = f"{begin}; resource.setrlimit(resource.RLIMIT_{limit}); files.{call}"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=20, check=False)
    error, _, words = done.stderr.splitlines()[-1].partition(": ")
    assert error == f"ec2kit.core.errors.{kind}", done.stderr
    return words


def test_a_line_begins_a_line_of_its_own(tmp_path: Path) -> None:
    """Also where a full disk has cut the one before, which was an expected failure then."""
    path = tmp_path / "history"
    assert "cannot be written" in refused(path, "append(path, 'first', most=100, keep=5)", "FSIZE, (3, 3)")
    files.append(path, "next", most=100, keep=5)
    files.append(path, "last", most=100, keep=5)
    assert files.read(path) == "fir\nnext\nlast\n"


@given(st.text(st.characters(codec="utf-8"), max_size=400), st.text(max_size=400))
def test_any_text_names_one_file_and_no_other(text: str, other: str) -> None:
    """With room for an ending and for the file that is written beside it first."""
    try:
        name, second = files.name_of(text), files.name_of(other)
    except UnicodeEncodeError:  # no argument of a program has such a text
        return
    assert len(f".{name}.jsonl.{'0' * 16}".encode()) <= 255
    assert "/" not in name
    assert "\0" not in name
    assert (name == second) == (text == other)


def test_long_texts_that_differ_at_the_end_name_different_files() -> None:
    """And a text that could be such a name is not taken for one."""
    long, longer = "a" * 250, "a" * 251
    assert files.name_of(long) != files.name_of(longer)
    assert files.name_of(files.name_of(long)) != files.name_of(long)


def test_a_group_without_other_members_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's staff, and a person's own group; a group with members, or one that these files do not have, is."""
    me = os.geteuid()
    for name, text in {
        "group": "root:x:0:\nstaff:x:50:\nme:x:60:\nthem:x:70:mallory\nfirst:x:80:\nnss:x:90:ldap\n",
        "passwd": f"root:x:0:0::/:/bin/sh\nself:x:{me}:60::/:/bin/sh\nmallory:x:4242:80::/:/bin/sh\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(files, "_NAMES", (tmp_path / "group", tmp_path / "passwd"))
    told = {group: files.others_in(group) for group in (0, 50, 60, 70, 80, 90, 100)}
    assert told == {0: False, 50: False, 60: False, 70: True, 80: True, 90: True, 100: True}
