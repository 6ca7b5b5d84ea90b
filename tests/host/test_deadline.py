"""A run's budget: calls side by side, pauses, and what the last words name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from ec2kit.core.errors import DeadlineExceeded, KitError, Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.host.guard import Ended
from lab.protected import SLACK


def test_together_gives_up_on_time_and_names_what_it_waited_for() -> None:
    """One of three calls hangs; the others' results do not make the wait longer."""
    deadline = Deadline(0.3)

    def hangs() -> None:
        with deadline.waiting("the slow one"):
            threading.Event().wait()

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"after 0\.3 s, waiting for the slow one"):
        deadline.together([lambda: None, hangs, lambda: None])
    assert time.monotonic() - began < 0.3 + SLACK


def test_together_keeps_the_order_and_hands_kit_errors_back() -> None:
    """Results and expected failures come in the order of the calls, however long each took."""

    def slow() -> str:
        time.sleep(0.1)
        return "slow"

    def refused() -> str:
        raise Unavailable("refused")

    outcomes = Deadline(5).together([slow, refused, lambda: "quick"])
    assert [str(each) for each in outcomes] == ["slow", "refused", "quick"]
    assert isinstance(outcomes[1], KitError)


def test_together_lets_a_bug_through() -> None:
    """What is no KitError is not turned into a result."""
    with pytest.raises(ZeroDivisionError):
        Deadline(5).together([lambda: 1 // 0])


def test_together_is_bounded() -> None:
    """Never more calls at once than asked for."""
    under_way, most = [], []

    def call() -> None:
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.01)
        under_way.pop()

    Deadline(5).together([call] * 20, at_most=4)
    assert (len(most), max(most)) == (20, 4)


def test_sleep_never_passes_the_deadline() -> None:
    """It ends in DeadlineExceeded, which no `except Exception` swallows."""
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        Deadline(0.2).sleep(30, "something")
    assert time.monotonic() - began < 0.2 + SLACK
    assert not issubclass(DeadlineExceeded, Exception)


def test_what_was_waited_for_last_is_named_when_nothing_is_waited_for() -> None:
    """The time may be up between two waits."""
    deadline = Deadline(0.05)
    with deadline.waiting("the metadata service"):
        time.sleep(0.06)
    with pytest.raises(DeadlineExceeded, match=r"waiting for the metadata service"):
        deadline.check()


def test_a_pause_names_what_comes_after_it() -> None:
    """So does a run whose time is up in it."""
    with pytest.raises(DeadlineExceeded, match=r"after 0\.05 s, waiting for round 2"):
        Deadline(0.05).sleep(1, "round 2")


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_together_goes_on_with_the_threads_that_are_to_be_had(threads: int) -> None:
    """Without any, the calls are made one after the other, in this thread."""
    program = f"""
import threading
from ec2kit.core.errors import Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.host.guard import Ended
start, left = threading.Thread.start, [None] * {threads}
def limited(thread):
    if not left:
        raise RuntimeError("can't start new thread")
    left.pop()
    start(thread)
threading.Thread.start = limited
def refused():
    raise Unavailable("refused")
print(*Deadline(5).together([lambda: 1, refused, lambda: 3, lambda: 4]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("1 refused 3 4\n", "")


def test_a_signal_ends_calls_that_this_thread_makes_itself() -> None:
    """The calls after the one in which it came are not made."""
    made: list[int] = []

    def ended() -> None:
        raise Ended(15)

    with pytest.raises(Ended, match="SIGTERM"):
        Deadline(5).together([ended, lambda: made.append(1)], at_most=1)
    assert not made


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, and unshare of util-linux")
def test_the_time_in_which_a_machine_slept_is_spent() -> None:
    """The clock that goes on in a hibernation is another one in this namespace: by that the run began."""
    asked = "import time; from ec2kit.host.deadline import Deadline; print(Deadline(1).began - time.monotonic())"
    command = ["unshare", "--time", "--boottime", "1000", sys.executable, "-c", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip(f"no time namespace is to be had: {done.stderr}")
    assert float(done.stdout) == pytest.approx(1000, abs=1), done.stderr
