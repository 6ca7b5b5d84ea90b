"""Standard output and standard error hold nothing up and fail nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.protected import SLACK

_PROGRAM = """
import os, sys, time
from ec2kit.host import guard, streams
streams.protect()
{work}
for stream in (sys.stdout, sys.stderr):
    stream.flush()
os._exit(3)
"""


def program(work: str) -> list[str]:
    """A program with such streams that does this, and ends with 3."""
    return [sys.executable, "-c", _PROGRAM.format(work=work)]


@pytest.fixture
def full() -> Iterator[int]:
    """The writing end of a pipe that is full and that nobody reads."""
    unread, number = os.pipe()
    os.set_blocking(number, False)
    with suppress(BlockingIOError):
        while True:
            os.write(number, b"x" * 65_536)
    os.set_blocking(number, True)
    yield number
    os.close(unread)
    os.close(number)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads_is_waited_for_shortly(stream: str, full: int) -> None:
    """In all, not for each line."""
    began = time.monotonic()
    work = f"for _ in range(20): print('x' * 100, file=sys.{stream}, flush=True)"
    done = subprocess.run(program(work), timeout=20, check=False, **{stream: full})  # type: ignore[call-overload]
    assert time.monotonic() - began < 0.5 + SLACK
    assert done.returncode == 3


def test_a_reader_that_comes_late_gets_what_is_told_after_that() -> None:
    """A stream that was full once is not given up."""
    work = "sys.stdout.write('x' * 70_000)\nsys.stdout.flush()\ntime.sleep(2)\nprint('late')"
    with subprocess.Popen(program(work), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        time.sleep(1)
        assert child.stdout.read().endswith(b"xlate\n")
        assert child.wait(20) == 3


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_and_a_reader_that_is_gone(stream: str) -> None:
    """Neither is an error of the run."""
    work = f"for _ in range(2): print('x', file=sys.{stream}, flush=True)"
    with Path("/dev/full").open("w") as disk:
        done = subprocess.run(program(work), timeout=20, check=False, **{stream: disk})  # type: ignore[call-overload]
    assert done.returncode == 3
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(program(work), timeout=20, check=False, **{stream: writing})  # type: ignore[call-overload]
    os.close(writing)
    assert done.returncode == 3


def test_a_character_that_the_locale_does_not_have() -> None:
    """It is written otherwise."""
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        program("print('a…b\\udcff')"), env=environment, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (3, rb"a\u2026b\udcff" + b"\n")


def test_long_output_is_written_whole() -> None:
    """In pieces that a pipe takes at once."""
    done = subprocess.run(program("print('y' * 1_000_000)"), capture_output=True, timeout=20, check=False)
    assert (done.returncode, len(done.stdout)) == (3, 1_000_001)
