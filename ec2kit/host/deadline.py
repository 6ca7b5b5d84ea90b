"""Time: a run's budget on the monotonic clock, calls side by side inside it, and an end that always comes.

Two lines of defence. Soft: every wait asks the deadline and raises DeadlineExceeded. Hard: the
work runs in a thread while the main thread does nothing but wait, so that even a thread stuck in
DNS, in a socket or in a child process cannot keep the process alive.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import NoReturn, TypeVar, cast

from ec2kit.core.errors import DeadlineExceeded, KitError

T = TypeVar("T")
U = TypeVar("U")

SIDE_BY_SIDE = 32  # calls in flight at once, at most
GRACE = 0.3  # seconds that the soft end gets to say its own last line before the hard end comes
INTERRUPTED = 130  # what a shell shows for a program ended by SIGINT
_NAMED = 3  # how many of the things that are waited for the last line names
LAST_WORDS = 0.3  # seconds that the hard end gets to write its line, should standard error be stuck
_FLUSH = 0.2  # seconds that the end of the process waits for what was printed to be taken


class Deadline:
    """A budget of `seconds` from now, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began = time.monotonic()
        self._waiting: list[str] = []

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds that are left; raises DeadlineExceeded when there are none."""
        self.check()
        return max(0.0, self.seconds - self.spent)

    def check(self) -> None:
        """Raise DeadlineExceeded when no time is left."""
        if self.seconds <= self.spent:
            raise DeadlineExceeded(self.epitaph)

    @property
    def epitaph(self) -> str:
        """What a run that ran out of time says."""
        waiting = list(dict.fromkeys(self._waiting))
        first = ", ".join(waiting[:_NAMED]) + (f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else "")
        return f"timed out after {self.seconds:g} s" + (f", waiting for {first}" if first else "")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say what is waited for inside, so that a run that ends in there can name it."""
        self._waiting.append(what)
        try:
            yield
        finally:
            self._waiting.remove(what)

    def sleep(self, seconds: float) -> None:
        """Sleep, but never past the deadline: then raises DeadlineExceeded."""
        time.sleep(min(seconds, self.left))
        self.check()

    def together(self, calls: Sequence[Callable[[], T]], *, at_most: int = SIDE_BY_SIDE) -> list[T | KitError]:
        """Run the calls side by side, `at_most` at once; their results, or KitErrors, in their order.

        Raises DeadlineExceeded as soon as the time is up, whatever the calls still wait for, and
        the first exception that is not a KitError (a bug). Threads that hang are left behind: the
        process ends with `leave`, which does not wait for them.
        """
        futures: list[Future[T]] = [Future() for _ in calls]
        todo = iter(list(zip(futures, calls, strict=True)))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    mine = next(todo, None)
                if mine is None:
                    return
                future, call = mine
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  handed to the one who waits
                    future.set_exception(error)

        for _ in range(min(at_most, len(calls))):
            threading.Thread(target=work, daemon=True).start()
        if wait(futures, timeout=self.left).not_done:
            raise DeadlineExceeded(self.epitaph)
        outcomes: list[T | KitError] = []
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, KitError):
                raise error
            outcomes.append(error if error is not None else future.result())
        return outcomes

    def both(self, one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
        """Run two calls side by side; both results. Raises the first KitError, and what `together` raises."""
        calls: list[Callable[[], T | U]] = [one, other]
        outcomes = self.together(calls)
        for outcome in outcomes:
            if isinstance(outcome, KitError):
                raise outcome
        return cast("tuple[T, U]", tuple(outcomes))


def within(deadline: Deadline, work: Callable[[], int], expired: Callable[[], int], *, otherwise: int) -> int:
    """Run `work`; the exit code that it returns, on time whatever hangs. Raises KeyboardInterrupt.

    When it has not returned GRACE seconds after the deadline, `expired` says the last line and
    gives the exit code instead. otherwise: the exit code when neither comes to its end.
    """
    codes: list[int] = []
    worker = threading.Thread(target=lambda: codes.append(work()), daemon=True)
    worker.start()
    worker.join(max(0.0, deadline.seconds - deadline.spent) + GRACE)
    if worker.is_alive():
        aside(lambda: codes.append(expired()))
    return codes[0] if codes else otherwise


def guard(deadline: Deadline, work: Callable[[], int], expired: Callable[[], int], *, otherwise: int) -> NoReturn:
    """Run `work` within the deadline and leave the process with its exit code; 130 after a person's Ctrl-C."""
    try:
        leave(within(deadline, work, expired, otherwise=otherwise))
    except KeyboardInterrupt:
        leave(INTERRUPTED)


def aside(work: Callable[[], None], *, seconds: float = LAST_WORDS) -> None:
    """Do something that may not hold the end up: it is waited for `seconds` at most."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)


def leave(code: int) -> NoReturn:
    """End the process now. Threads that hang are not waited for; what was printed is flushed if that is possible."""
    aside(_flush, seconds=_FLUSH)
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed before we began
            with suppress(OSError, ValueError):  # a reader that is gone has nothing to read
                stream.flush()
