"""Standard output and standard error that hold nothing up and fail nothing.

What cannot be written (a full disk, a reader that is gone, a stream that is closed, a character that the locale does
not have) is left out or written otherwise. A reader that does not read is waited for shortly: half a second before
the verdict of the run; after it two seconds on standard error, and on standard output as long as the one who waits
for this process has patience.
"""

from __future__ import annotations

import io
import os
import select
import sys
import time
from typing import TextIO

from ec2kit.host import guard

WAIT, WAIT_LAST = 0.5, 2.0  # seconds in all
_OUTPUT = 1
_SLICE, _STEP = 0.1, 0.01  # seconds


class Patient(io.RawIOBase):
    """A file descriptor that takes all that it is given, and passes on what its reader takes."""

    def __init__(self, number: int, *, wait: float) -> None:
        """number: the descriptor; wait: seconds in all that its reader is waited for before the verdict."""
        super().__init__()
        self.name = number  # as a file of Python's that was opened by its descriptor
        self._number = number
        self._left = wait
        self._last = float("inf") if number == _OUTPUT else WAIT_LAST
        self._deaf = False

    def fileno(self) -> int:
        """The descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Write all of it, in parts that a pipe takes in one piece; nothing of it need be given again.

        Nothing keeps it beside this: a signal that comes in the middle would have it written twice.
        """
        whole = bytes(memoryview(data))  # type: ignore[arg-type]  # any buffer
        done = 0
        while done < len(whole) and not self._deaf:
            try:
                if not self._takes():
                    break
                done += os.write(self._number, whole[done : done + select.PIPE_BUF])
            except BlockingIOError:  # the other side has made it so
                time.sleep(_STEP)
                self._left = max(0.0, self._left - _STEP)
            except OSError:  # it will not take more either, and there is nobody else to tell
                self._deaf = True
        return len(whole)

    def _takes(self) -> bool:
        asking = select.poll()
        asking.register(self._number, select.POLLOUT)
        while True:
            given = guard.patience()
            left = self._left if given is None else min(given, self._last)
            if asking.poll(1000 * min(left, _SLICE)):
                return True
            if given is None:
                self._left = max(0.0, self._left - _SLICE)
            else:
                self._last = max(0.0, self._last - _SLICE)
            if left <= _SLICE:
                return False


def protect() -> None:
    """Let all that is printed from now on go that way."""
    sys.stdout = _text(sys.stdout, Patient(_OUTPUT, wait=float("inf") if os.isatty(_OUTPUT) else WAIT))
    sys.stderr = _text(sys.stderr, Patient(2, wait=WAIT))


def _text(former: TextIO | None, raw: Patient) -> io.TextIOWrapper:
    """Each line is written at once: a process that is killed has told what it has done."""
    encoding = getattr(former, "encoding", None) or "utf-8"
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)
