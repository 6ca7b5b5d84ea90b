"""Time: a run's budget, and calls side by side inside it.

Every wait asks the deadline and raises DeadlineExceeded. What hangs where nothing can ask, in DNS for example, is
ended from outside: ec2kit.verbs.process and ec2kit.host.guard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TypeVar, cast

from ec2kit.core.errors import DeadlineExceeded, KitError, Unavailable

T = TypeVar("T")
U = TypeVar("U")

SIDE_BY_SIDE = 32  # calls in flight at once, at most
INTERRUPTED = 130  # what a shell shows for a program ended by SIGINT
_NAMED = 3  # how many of the things that are waited for the last line names


def now() -> float:
    """Seconds since the boot, also those in which the machine slept: what a look showed before that is old."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Deadline:
    """A budget of `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began = now()
        self._waiting: list[str] = []
        self._last = ""  # what was waited for last

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return now() - self.began

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
        waiting = sorted(set(self._waiting)) or [self._last] * bool(self._last)
        first = ", ".join(waiting[:_NAMED]) + (f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else "")
        return f"timed out after {self.seconds:g} s" + (f", waiting for {first}" if first else "")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say what is waited for inside, so that a run that ends in there can name it."""
        self._waiting.append(what)
        self._last = what
        try:
            yield
        finally:
            self._waiting.remove(what)

    def sleep(self, seconds: float, before: str) -> None:
        """Sleep before so named a thing, but never past the deadline: then raises DeadlineExceeded."""
        with self.waiting(before):
            time.sleep(min(seconds, self.left))
            self.check()

    def together(self, calls: Sequence[Callable[[], T]], *, at_most: int = SIDE_BY_SIDE) -> list[T | KitError]:
        """Run the calls side by side, `at_most` at once; their results, or KitErrors, in their order.

        One call alone runs in this thread. So do those for which no thread can be had. Raises DeadlineExceeded as
        soon as the time is up, whatever the threads still wait for, and the first exception that is not a KitError
        (a bug). Threads that hang are left behind: the process does not wait for them when it ends.
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
                except BaseException as error:  # handed to the one who waits
                    future.set_exception(error)
                    if isinstance(error, KeyboardInterrupt):  # this is the main thread, and a signal ends the run
                        raise

        wanted = min(at_most, len(calls))
        if wanted == 1 or _threads(wanted, work) < wanted:
            work()
        if not all(each.done() for each in futures) and wait(futures, timeout=self.left).not_done:
            raise DeadlineExceeded(self.epitaph)
        outcomes: list[T | KitError] = []
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, KitError):
                raise error
            outcomes.append(error if error is not None else future.result())
        return outcomes

    def aside(self, call: Callable[[], T]) -> Future[T]:
        """Begin a call for which nothing here waits, and which may be left behind; with no thread it has failed."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  handed to the one who wants to know
                future.set_exception(error)

        if not _threads(1, work):
            future.set_exception(Unavailable("this process gets no more threads"))
        return future

    def both(self, one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
        """Run two calls side by side; both results. Raises the first KitError, and what `together` raises."""
        calls: list[Callable[[], T | U]] = [one, other]
        outcomes = self.together(calls)
        for outcome in outcomes:
            if isinstance(outcome, KitError):
                raise outcome
        return cast("tuple[T, U]", tuple(outcomes))


def _threads(most: int, work: Callable[[], None]) -> int:
    """Start so many threads, or as many as there are to be had; how many that were."""
    for number in range(most):
        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:  # a limit of this machine's
            return number
    return most
