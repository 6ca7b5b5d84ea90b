"""The way in and out: whatever happens to the run, its process leaves in time, with its verdict or with "unknown"."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ec2kit.host import guard
from lab.protected import SLACK

_FRAME = """
import ctypes, os, signal, subprocess, sys, threading, time
from ec2kit.host import guard
def work():
    guard.allow({allowed})
{work}
terms = guard.Terms("LINE {{number}} {{why}}", unknown=7, unloaded=8, signalled={signalled}, patience={patience})
guard.run(terms, lambda: work)
"""
HANGS = {
    "a wait": "threading.Event().wait()",
    "a loop that swallows every Exception": "\nwhile True:\n try: time.sleep(0.05)\n except Exception: pass",
    "a child process": "subprocess.run(['sleep', '30'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
    "a C call that no signal handler can interrupt": "ctypes.CDLL(None).sleep(30)",
    "a process that is stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
}


def program(work: str, *, allowed: float = 9.0, signalled: int | None = None, patience: float = 1.0) -> list[str]:
    """A guarded program whose work is these lines."""
    lines = "\n".join(f"    {line}" for line in work.splitlines())
    text = _FRAME.format(work=lines, allowed=allowed, signalled=signalled, patience=patience)
    return [sys.executable, "-c", text]


def limited(kind: int, value: int) -> Callable[[], None]:
    """What puts a limit on a program before it starts."""
    return lambda: resource.setrlimit(kind, (value, value))


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS.keys())
def test_a_run_that_hangs_is_ended_when_its_time_is_up(hang: str) -> None:
    """Without a verdict it is unknown, and a line says that it hung; nothing of it stays."""
    began = time.monotonic()
    work = f"print(os.getpid(), flush=True)\nexec({hang!r})\nreturn 0"
    done = subprocess.run(program(work, allowed=1.0), capture_output=True, text=True, timeout=20, check=False)
    assert time.monotonic() - began < 1.0 + 1.0 + SLACK
    assert (done.returncode, done.stderr) == (7, "LINE 960009 it did not end in time; the state is unknown\n")
    assert not Path("/proc", done.stdout.strip()).exists()


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("return 3", 3, ""),
        ("guard.verdict(3)\nreturn 4", 3, ""),
        ("guard.verdict(3)\n1 // 0", 3, "LINE 960009 the run broke off (ZeroDivisionError: "),
        ("1 // 0", 7, "LINE 960009 the run broke off (ZeroDivisionError: "),
        ("bytearray(1 << 60)", 7, "LINE 960009 the run broke off (MemoryError"),
        ("sys.exit(2)", 2, ""),
        ("return None", 7, "LINE 960009 the run broke off (TypeError: "),
        ("os._exit(0)", 7, "LINE 960009 its process was ended (exit code 0); the state is unknown"),
        ("os.kill(os.getpid(), 9)", 7, "LINE 960009 its process was ended (signal 9); the state is unknown"),
        ("os.abort()", 7, "LINE 960009 its process was ended (signal 6); the state is unknown"),
        ("guard.unknown(5, None)\nos._exit(0)", 5, "LINE 960009 its process was ended"),
    ],
)
def test_only_a_verdict_is_one(work: str, code: int, said: str) -> None:
    """The first one stands; what ends without one is unknown, with a line."""
    done = subprocess.run(program(work), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert bool(done.stderr) == bool(said)


def test_what_cannot_be_loaded_has_a_code_of_its_own() -> None:
    """And a line that says what to do."""
    text = program("return 0")[2].replace("lambda: work)", "lambda: __import__('nonexistent'))")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 8
    assert done.stderr.startswith("LINE 960006 the kit cannot be loaded (ModuleNotFoundError: ")
    assert done.stderr.endswith("; install it again\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
@pytest.mark.parametrize("signalled", [None, 0])
def test_a_signal_lets_the_run_put_things_right(
    number: signal.Signals, signalled: int | None, tmp_path: Path
) -> None:
    """Its process ends by that signal, or with the code that is agreed for it."""
    mark = tmp_path / "right"
    work = f"try:\n print('at work', flush=True)\n time.sleep(9)\nfinally:\n open({os.fspath(mark)!r}, 'w').close()"
    with subprocess.Popen(
        program(work, signalled=signalled),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509  ignored in a job
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "at work\n"
        child.send_signal(number)
        assert child.wait(5) == (-number if signalled is None else signalled)
        assert child.stderr is not None
        assert child.stderr.read() == f"LINE 960009 ended by {number.name}\n"
    assert mark.exists()


def test_a_signal_that_was_not_heard_is_sent_again() -> None:
    """As where it comes just before the run begins to wait: Python hears it when the wait is over."""
    work = """
heard = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, heard))
try:
    print("at work", flush=True)
    time.sleep(9)
finally:
    print("put right", flush=True)
"""
    with subprocess.Popen(program(work), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        assert child.stdout.read() == "put right\n"
        assert child.wait(5) == -signal.SIGTERM


def test_who_is_in_a_hurry_presses_ctrl_c_twice() -> None:
    """The first one lets the run put things right, for as long as that takes; the second ends it."""
    work = "try:\n print('at work')\n time.sleep(9)\nfinally:\n print('unwinding')\n time.sleep(9)"
    began = time.monotonic()
    with subprocess.Popen(
        program(work),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  ignored in a job
    ) as child:
        assert child.stdout is not None
        for line in ("at work\n", "unwinding\n"):
            assert child.stdout.readline() == line
            child.send_signal(signal.SIGINT)
        assert child.wait(5) == -signal.SIGINT
    assert time.monotonic() - began < 1 + SLACK


def test_a_signal_to_a_run_that_cannot_hear_it() -> None:
    """In C no handler runs: it is ended all the same, soon."""
    began = time.monotonic()
    work = "print('at work', flush=True)\nctypes.CDLL(None).sleep(30)\nreturn 0"
    with subprocess.Popen(program(work, allowed=60), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        assert child.wait(10) == -signal.SIGTERM
    assert time.monotonic() - began < 3 + 1 + SLACK


def test_an_ignored_signal_stays_ignored() -> None:
    """As below nohup. And SIGPIPE ends nothing."""
    with subprocess.Popen(
        program("print('at work', flush=True)\ntime.sleep(1)\nreturn 3"),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # noqa: PLW1509  before it starts
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        child.send_signal(signal.SIGPIPE)
        assert child.wait(10) == 3


def test_a_verdict_counts_that_came_while_its_process_was_stopped() -> None:
    """Stopped by Ctrl-Z, or with the whole machine."""
    work = "print('at work', flush=True)\ntime.sleep(0.5)\nreturn 3"
    with subprocess.Popen(program(work, allowed=1.0), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGSTOP)
        time.sleep(2)
        child.send_signal(signal.SIGCONT)
        assert child.wait(10) == 3


def test_what_was_told_before_the_time_was_up_counts() -> None:
    """Also when this process gets to hear it later only, because the machine was busy."""
    hear, tell = os.pipe()
    told = guard._Told(guard.Terms("", unknown=7, unloaded=8))
    told.end = time.monotonic() - 1
    os.write(tell, b"verdict 3\n")
    os.close(tell)
    guard._listen(hear, told, lambda: None)
    os.close(hear)
    assert told.over.code == 3


def test_a_signal_that_comes_behind_the_verdict_comes_too_late() -> None:
    """It is held back until its process has left."""
    text = program("return 3")[2] + ""
    late = """
reap = guard._reap
def late(child, patience):
    found = reap(child, patience)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(os.getpid(), number)
    return found
guard._reap = late
guard.run("""
    text = late.join(text.rsplit("guard.run(", 1))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (3, "")


def test_one_ctrl_c_is_one_for_a_part_in_a_child_of_its_own() -> None:
    """The terminal sends it to all, and each parent passes it on."""
    work = """
terms = guard.Terms("PART {why}", unknown=9, unloaded=9)
def part():
    try:
        print("at work", flush=True)
        time.sleep(9)
    finally:
        time.sleep(0.5)
        print("put right", flush=True)
guard.apart(terms, lambda: part)
return 3
"""
    with subprocess.Popen(
        program(work), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        os.killpg(child.pid, signal.SIGINT)
        assert child.stdout.read() == "put right\n"
        child.wait(10)


def test_a_parent_that_is_killed_takes_its_run_with_it() -> None:
    """The run would go on to act, and nobody would hear of it."""
    with subprocess.Popen(
        program("print(os.getpid(), flush=True)\ntime.sleep(60)", allowed=60),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO}),  # noqa: PLW1509  a caller may
    ) as child:
        assert child.stdout is not None
        status = Path("/proc", child.stdout.readline().decode().strip(), "status")
        child.kill()
        child.wait(5)
        end = time.monotonic() + 5
        while status.exists() and "\nState:\tZ" not in status.read_text():
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.mark.parametrize("descriptors", [5, 6, 7, 8, 9])
def test_few_descriptors(descriptors: int) -> None:
    """Where there is none for a pipe, the work is done in the process itself."""
    done = subprocess.run(
        program("return 3"),
        timeout=20,
        check=False,
        stderr=subprocess.DEVNULL,
        preexec_fn=limited(resource.RLIMIT_NOFILE, descriptors),
    )
    assert done.returncode in {3, 8}, "8 where its modules cannot be opened"


_NO_FORK = "import os\ndef fork(): raise BlockingIOError\nos.fork = fork\n"


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("return 3", 3, ""),
        ("time.sleep(9)", 7, "it did not end in time"),
        ("1 // 0", 7, "the run broke off (ZeroDivisionError"),
        ("guard.verdict(3)\ntime.sleep(9)", 3, ""),
        ("os.kill(os.getpid(), 15)\ntime.sleep(9)", -15, "ended by SIGTERM"),
    ],
)
def test_no_process_can_be_started(work: str, code: int, said: str) -> None:
    """The work is done in the process itself, under an alarm."""
    began = time.monotonic()
    text = _NO_FORK + program(work, allowed=1.0)[2]
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20, check=False)
    assert time.monotonic() - began < 1 + 1 + SLACK
    assert done.returncode == code
    assert said in done.stderr
    assert bool(done.stderr) == bool(said)


def test_a_word_of_the_cause_comes_behind_output_that_nobody_reads() -> None:
    """On another stream: what is stuck does not take all of the patience."""
    work = "guard.verdict(3)\nsys.stdout.write('x' * 1_000_000)\nprint('because', file=sys.stderr)\nreturn 3"
    with subprocess.Popen(program(work), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert child.stderr.read() == "because\n"
        assert child.wait(20) == 3


def test_a_stream_that_nobody_reads_is_left_when_patience_is_over() -> None:
    """The verdict is told before; a reader that is slow gets everything, as long as there is patience for it."""
    work = "guard.verdict(3)\nsys.stdout.write('x' * 1_000_000)\nreturn 3"
    began = time.monotonic()
    with subprocess.Popen(program(work, patience=1.0), stdout=subprocess.PIPE) as child:
        assert child.wait(20) == 3
    assert 0.5 < time.monotonic() - began < 1.0 + 1.0 + SLACK
    with subprocess.Popen(program(work, patience=9.0), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        time.sleep(1.5)
        assert len(child.stdout.read()) == 1_000_000
        assert child.wait(20) == 3


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams(closed: tuple[int, ...]) -> None:
    """No file of ours gets the number of one, and printing fails nothing."""

    def close() -> None:
        for number in closed:
            os.close(number)

    work = "print('verdict 5')\nprint('verdict 6', file=sys.stderr)\nreturn 3"  # as a child tells its parent
    done = subprocess.run(
        program(work),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        preexec_fn=close,
    )
    assert done.returncode == 3
    assert done.stdout == ("" if 1 in closed else "verdict 5\n")
    assert done.stderr == ("" if 2 in closed else "verdict 6\n")


def test_programs_that_are_run_have_their_exit_codes() -> None:
    """Also where our caller ignores the end of its children, which those who do so hand down."""
    with suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    done = subprocess.run(
        program("return subprocess.run(['false']).returncode"),
        timeout=20,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert done.returncode == 1


def test_a_part_of_a_run_in_a_child_of_its_own() -> None:
    """Its exit code and its result come back; when it hangs, it is ended, and the run goes on."""
    work = """
terms = guard.Terms("PART {why}", unknown=9, unloaded=9)
def gives():
    guard.result("ü" * 100_000)
    return 4
def hangs():
    guard.allow(0.5)
    ctypes.CDLL(None).sleep(30)
end = guard.apart(terms, lambda: gives)
print(end.code, len(end.result.decode()))
print(guard.apart(terms, lambda: hangs).code)
return 3
"""
    done = subprocess.run(program(work), capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (3, "4 100000\n9\n")
    assert done.stderr == "PART it did not end in time; the state is unknown\n"
