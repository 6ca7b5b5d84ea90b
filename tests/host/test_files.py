"""Files that root alone can read: whole, in a folder of root's, and never behind a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AccessKey
from ec2kit.host import files

KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def test_only_root_can_read_the_file(tmp_path: Path) -> None:
    """0600 in a folder of 0700, whatever the umask; gone when nothing is left in it."""
    path = tmp_path / "etc/ec2kit/credentials"
    old = os.umask(0)
    try:
        files.change(path, lambda text: profiles.put(text, "ec2kit-x", KEY))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["credentials"]
    files.change(path, lambda text: profiles.drop(text, "ec2kit-x"))
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
        files.change(folder / "credentials", lambda text: text + "x")
    with pytest.raises(Misconfigured, match="cannot be written"):
        files.append(folder / "x.jsonl", "x", most=10, keep=1)
    assert other.read_text() == "somebody's\n"


def test_a_folder_in_which_others_write_is_refused(tmp_path: Path) -> None:
    """They could put a file of theirs there."""
    folder = tmp_path / "ec2kit"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(Misconfigured, match="users other than its owner can write"):
        files.change(folder / "credentials", lambda _: "x")


def test_a_long_file_keeps_its_last_lines(tmp_path: Path) -> None:
    """Nothing grows for ever."""
    path = tmp_path / "history/x.jsonl"
    for number in range(100):
        files.append(path, f"line {number}", most=200, keep=5)
    lines = files.read(path).splitlines()
    assert lines[-1] == "line 99"
    assert len(files.read(path)) <= 220
    assert lines == [f"line {number}" for number in range(100 - len(lines), 100)]


@pytest.mark.parametrize("kind", ["linked", "foreign"])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, kind: str) -> None:
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
        files.change(folder / "credentials", lambda _: "x")
    with pytest.raises(Misconfigured, match=r"cannot be written|belongs to another user"):
        files.append(folder / "x.jsonl", "x", most=10, keep=1)
    assert list(folder.iterdir()) == []


def test_a_history_in_a_folder_for_all_is_refused(tmp_path: Path) -> None:
    """As for the credentials: others could have put a file there."""
    tmp_path.chmod(0o777)
    with pytest.raises(Misconfigured, match="users other than its owner can write"):
        files.append(tmp_path / "x.jsonl", "x", most=10, keep=1)
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(Misconfigured, match=r"cannot be read|cannot be written"):
        files.change(odd, lambda text: text + "x")
    with pytest.raises(Misconfigured, match=r"cannot be read|cannot be written"):
        files.append(odd, "x", most=10, keep=1)


def test_no_name_in_a_folder_is_predictable(tmp_path: Path) -> None:
    """What is written beside the file before it takes its place has a new name each time, and mode 0600."""
    seen = set()
    tmp_path.chmod(0o700)

    def edit(text: str) -> str:
        return text + "x"

    real = os.open
    with pytest.MonkeyPatch.context() as patch:

        def spy(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
            if flags & os.O_EXCL:
                seen.add((os.fspath(path), oct(mode)))
            return real(path, flags, mode, **more)

        patch.setattr(os, "open", spy)
        for _ in range(3):
            files.change(tmp_path / "credentials", edit)
    assert len(seen) == 3
    assert {mode for _, mode in seen} == {"0o600"}
