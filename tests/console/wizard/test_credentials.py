"""The wizard asks for an access key, proves it, and shows its secret nowhere."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Self

import pytest

from ec2kit.lifekeeper import info
from lab.nodes import Lab
from tests.support.hierarchy import made
from tests.support.terminal import wizard

KEY, WRONG = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TAG = "ec2-ip-vip"


class Watch:
    """Reads the arguments of all processes while it lasts. found: those that had the word in them."""

    def __init__(self, word: str) -> None:
        self.found: set[str] = set()
        self._word = word.encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = process.read_bytes()
                except OSError:  # it has just ended
                    continue
                self.looks += b"lab.lifekeeper" in line or b"/LifeKeeper/bin/" in line
                if self._word in line:
                    self.found.add(line.decode(errors="replace"))


@pytest.mark.executed
def test_an_access_key_typed_unseen(figure1: Lab) -> None:
    """A wrong one is told and asked again. The secret is in the credentials file alone, and signs."""
    node = figure1.node1
    figure1.ec2.only_registered = True
    figure1.ec2.credentials[KEY] = time.time() + 3600
    with Watch(SECRET) as watch:
        seen = wizard(node)
        seen.choose("Recovery kit", "Amazon EC2")
        seen.choose("Switchback type")
        seen.choose("Server")
        seen.answer("EC2 URL")
        seen.choose("Credentials", "an access key")
        seen.answer("Access key id", "AKIA-oops")
        seen.sees("not an access key ID")
        seen.answer("Access key id", WRONG, anew=True)
        seen.answer("Secret access key", SECRET)
        seen.sees("EC2 refused the credentials for DescribeRouteTables")
        seen.sees("(AuthFailure)")
        seen.choose("Credentials", "an access key")
        seen.answer("Access key id", KEY, anew=True)
        seen.answer("Secret access key", SECRET)
        seen.choose("EC2 resource type")
        seen.choose("IP resource")
        seen.answer("Tag")
        seen.sees(f"--access-key-id {KEY}")
        seen.choose("Create", "Create")
        seen.choose(f"{TAG} is created", "Not now")
        assert seen.ends() == 0
    assert watch.looks, "it has seen the wizard's children"
    assert not watch.found, "in no process's arguments"
    assert SECRET not in seen.shown
    path = node.credentials
    text = f"[ec2kit-{TAG}]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    assert path.read_text() == text
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    having = [file for file in node.root.parent.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert having == [path], "not in the info field, the history or the log"
    assert info.decode(made(node, TAG)[5]).reach.profile == f"ec2kit-{TAG}"

    figure1.ec2.forget()
    done = node.action("restore", "-t", TAG, "-i", "EC2-10.1.0.10")
    assert done.returncode == 0, done.stderr
    assert {call.key for call in figure1.ec2.calls} == {KEY}
