"""What a run comes to: its time, its one outcome, and what is not a verdict."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ec2kit.core.errors import Internal, KitError, NotHeld, Unavailable
from ec2kit.core.messages import Level
from ec2kit.core.settings import Settings
from ec2kit.host.deadline import Deadline
from ec2kit.host.guard import Ended
from ec2kit.host.log import Journal
from ec2kit.verbs.process import attempt, conclude
from ec2kit.verbs.run import Run
from lab.protected import SLACK

LOG = Journal("x", "x", least=Level.ERROR)
DAMAGED = {
    "empty": b"",
    "NUL bytes": b"\0" * 4096,
    "syntax": b"def broken(:\n",
    "raises": b'raise OSError(5, "Input/output error")\n',
    "a name is missing": b"nonexistent\n",
    "no encoding": b"\xff\xfe\xff\n",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_part_that_cannot_be_imported_is_not_known(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises: what it would have told is unknown, and that is not a bug of the kit."""
    (tmp_path / "damaged_part.py").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "damaged_part", raising=False)

    def work() -> None:
        from damaged_part import anything  # type: ignore[import-not-found]  # noqa: F401

    outcome = attempt(work, LOG)
    assert isinstance(outcome, Unavailable)
    assert "a part of the kit cannot be loaded" in str(outcome)


def test_want_of_memory_or_of_descriptors_is_not_known() -> None:
    """Neither is a bug."""

    def descriptors() -> None:
        raise OSError(24, "Too many open files")

    def memory() -> None:
        bytearray(1 << 60)

    for work, what in ((descriptors, "Too many open files"), (memory, "no more memory")):
        outcome = attempt(work, LOG)
        assert isinstance(outcome, Unavailable)
        assert what in str(outcome)


def test_a_bug_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """With its trace in the log."""
    assert isinstance(attempt(lambda: 1 // 0, Journal("x", "x")), Internal)
    assert ":960006:ZeroDivisionError" in capsys.readouterr().err


def run(seconds: float) -> Run:
    """A run with so much time."""
    return Run(Settings(), Deadline(seconds), LOG)


def test_the_code_is_fixed_before_anything_is_told() -> None:
    """And told once."""
    order: list[object] = []

    def code(outcome: int | KitError) -> int:
        order.append(outcome)
        return 5

    assert conclude(run(5), lambda: 1, code, lambda outcome, number: order.append((outcome, number))) == 5
    assert order == [1, (1, 5)]


def test_what_happens_while_it_is_told_changes_no_verdict() -> None:
    """The process is gone before a word of it was printed."""
    program = """
import os
from ec2kit.core.settings import Settings
from ec2kit.host import guard
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs.process import conclude
from ec2kit.verbs.run import Run
run = Run(Settings(), Deadline(5), Journal("x", "x"))
def main():
    return conclude(run, lambda: 1, lambda _: 5, lambda *_: os._exit(1))
guard.run(guard.Terms("{why}", unknown=7, unloaded=8), lambda: main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (5, "")


def test_a_signal_is_an_outcome() -> None:
    """Nothing is known then, and it is told which signal it was."""

    def ended() -> None:
        raise Ended(15)

    told: list[object] = []
    conclude(run(5), ended, lambda _: 9, lambda outcome, _: told.append(str(outcome)))
    assert told == ["ended by SIGTERM"]


def test_an_expected_failure_is_handed_on() -> None:
    """As it was raised."""

    def fails() -> None:
        raise NotHeld("not here")

    told: list[object] = []
    assert conclude(run(5), fails, lambda error: error.code if error else 0, lambda error, _: told.append(error)) == 1
    assert [str(each) for each in told] == ["not here"]


@pytest.mark.parametrize("hang", ["time.sleep(30)", "ctypes.CDLL(None).sleep(30)", "threading.Event().wait()"])
def test_a_run_that_hangs_has_last_words(hang: str) -> None:
    """By a thread, which tells what was waited for, as the run itself would have."""
    program = f"""
import ctypes, threading, time
from ec2kit.core.settings import Settings
from ec2kit.host import guard
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs.process import conclude
from ec2kit.verbs.run import Run
def main():
    run = Run(Settings(), Deadline(1.0), Journal("x", "x"))
    def work():
        with run.deadline.waiting("something that hangs"):
            {hang}
    return conclude(run, work, lambda _: 9, lambda outcome, code: print(code, outcome))
guard.run(guard.Terms("{{why}}", unknown=7, unloaded=8), lambda: main)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert time.monotonic() - began < 1 + 1 + SLACK
    assert (done.returncode, done.stderr) == (9, "")
    assert done.stdout == "9 timed out after 1 s, waiting for something that hangs\n"
