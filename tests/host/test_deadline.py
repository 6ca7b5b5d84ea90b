"""Nothing runs past its budget, whatever hangs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from ec2kit.core.errors import DeadlineExceeded, KitError, Unavailable
from ec2kit.host.deadline import Deadline
from lab.protected import SLACK

HANGS = {
    "a thread that never ends": "threading.Event().wait()",
    "a loop that swallows every Exception": (
        "\nwhile True:\n try:\n  threading.Event().wait(0.05)\n except Exception:\n  pass"
    ),
    "a child process": "subprocess.run(['sleep', '30'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
    "a C call that no signal handler can interrupt": "ctypes.CDLL(None).sleep(30)",
    "a read that nobody answers": "os.read(os.pipe()[0], 1)",
}


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS.keys())
def test_the_process_is_gone_within_a_second_of_its_deadline(hang: str) -> None:
    """guard() leaves with the code of the one who says the last line; the thread that hangs stays behind."""
    program = f"""
import ctypes, os, subprocess, sys, threading
from ec2kit.host.deadline import Deadline, guard
def expired():
    print(deadline.epitaph, flush=True)
    return 9
def work():
    with deadline.waiting("something that hangs"):
        exec({hang!r})
deadline = Deadline(1.0)
guard(deadline, work, expired, otherwise=7)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert time.monotonic() - began < 1.0 + 1.0 + SLACK
    assert done.returncode == 9
    assert done.stdout == "timed out after 1 s, waiting for something that hangs\n"


def test_a_reader_that_does_not_read_holds_nothing_up() -> None:
    """Standard error is a full pipe: the last line cannot be written, the process ends all the same."""
    program = """
import sys
from ec2kit.host.deadline import Deadline, guard
def expired():
    sys.stderr.write("x" * 1_000_000)
    return 9
guard(Deadline(0.5), lambda: sys.stderr.write("x" * 1_000_000), expired, otherwise=7)
"""
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as child:
        assert child.wait(20) == 7
        assert time.monotonic() - began < 0.5 + 1.0 + SLACK


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
        Deadline(0.2).sleep(30)
    assert time.monotonic() - began < 0.2 + SLACK
    assert not issubclass(DeadlineExceeded, Exception)


def test_work_that_breaks_ends_with_the_code_for_it() -> None:
    """A bug behind the boundary must not end in Python's own exit code 1."""
    program = (
        "from ec2kit.host.deadline import Deadline, guard; guard(Deadline(5), lambda: 1 // 0, lambda: 9, otherwise=7)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
    assert done.returncode == 7


def test_ctrl_c_ends_at_once_and_without_a_traceback() -> None:
    """A person changes her mind."""
    program = (
        "import signal, threading; from ec2kit.host.deadline import Deadline, guard\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job's is ignored
        "guard(Deadline(9), lambda: print('at work', flush=True) or threading.Event().wait(), lambda: 9, otherwise=7)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "at work\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(5) == 130
        assert child.stderr is not None
        assert child.stderr.read() == ""
