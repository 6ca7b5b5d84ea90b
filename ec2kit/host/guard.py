"""The way into and out of every program of the kit: a child does the work, and the process that was called waits.

The called process forks before anything else of the kit is loaded. The child does everything in its main thread. It
tells its parent by a pipe how much time it has, what its exit code is while nothing is known, and its verdict, before
it prints that. So whatever happens to the child, the parent leaves in time, with the child's verdict or with the code
for "unknown"; it needs no thread, no memory, no stream and no file for that. A parent that is killed takes its child
with it. Where no process can be started, the work is done in this one, under an alarm.

This module is loaded before the fork, so it needs nothing but Python's own library.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, NoReturn

LOADING = 30.0  # seconds until a run has told how much time it has
HEARING = 3.0  # seconds that a run has to hear a signal: in C it does not
_AT_LEAST = 0.6  # seconds that what was printed has to be taken by its reader, even when the time is up
_RESERVE = 0.3  # of them, for what comes behind the output that nobody reads
_LAST_LINE = 0.2  # seconds that a parent's own line waits for its reader
_SLICE, _STEP = 0.25, 0.01  # seconds that the parent waits at a stretch: for words of its child, for its end
_STACK = 2 << 20  # bytes of a thread's stack: by `ulimit -s` it would be what a main thread may have
_MOST = 65_536  # bytes that are read at once
_ENDING = tuple(
    getattr(signal, f"SIG{name}")
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "XCPU", "VTALRM", "PROF", "PWR", "STKFLT")
)  # SIGPIPE is not among them: Python ignores it, and a reader that is gone ends nothing

_NOT_LOADED, _NO_VERDICT = 960006, 960009  # as ec2kit.core.messages numbers them

Load = Callable[[], Callable[[], int]]
_Mask = set[int | signal.Signals]


class Terms(NamedTuple):
    """How a program ends when its run cannot say so itself.

    line: its last line then, in which {number} (of the message) and {why} are filled in. unknown: the exit code when
    nothing is known. unloaded: the one when the kit cannot be loaded. signalled: the one when a signal has ended
    the run; None: the program ends by that signal. patience: seconds after the verdict in which what was printed can
    be taken, never more than the run's time. unwinding: seconds that a run which has heard a signal has to put right
    what it has begun.
    """

    line: str
    unknown: int
    unloaded: int
    signalled: int | None = None
    patience: float = 5.0
    unwinding: float = 5.0


class End(NamedTuple):
    """How a child has ended. signal: the one that has ended it, where that has no exit code. result: what it gave."""

    code: int
    signal: int | None
    result: bytes


class Ended(KeyboardInterrupt):
    """A signal ends this run, as Ctrl-C does. `number`: which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"ended by {signal.Signals(self.number).name}"


class _Told:
    """What a run has told so far: its time, its meaning of unknown, its verdict, its result, why there is none."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.end = time.monotonic() + LOADING
        self.verdict: int | None = None
        self.signal: int | None = None  # the one that has ended the run before there was a verdict
        self.why: tuple[int, str] | None = None  # a message's number, and the reason
        self._result = b""

    def hear(self, word: str, value: str) -> None:
        """Take in one thing that is told. Of several verdicts the first one stands."""
        now = time.monotonic()
        match word:
            case "allow":
                self.end = now + float(value)
            case "unknown":
                code, _, signalled = value.partition(" ")
                self.terms = self.terms._replace(unknown=int(code), signalled=int(signalled) if signalled else None)
            case "ended" if self.verdict is None:
                self.signal = self.signal or int(value)
                self.end = now + self.terms.unwinding
            case "unloaded":
                self.why = _NOT_LOADED, f"the kit cannot be loaded ({value}); install it again"
                self.terms = self.terms._replace(unknown=self.terms.unloaded)
            case "broken":
                self.why = _NO_VERDICT, f"the run broke off ({value})"
            case "result":
                self._result = bytes.fromhex(value)
            case "verdict" if self.verdict is None:
                self.verdict = int(value)
                self.end = max(now + _AT_LEAST, min(self.end, now + self.terms.patience))

    @property
    def over(self) -> End:
        """How it has ended, as far as it has told."""
        if self.signal is None:
            return End(self.terms.unknown if self.verdict is None else self.verdict, None, self._result)
        if self.terms.signalled is None:
            return End(self.terms.unknown, self.signal, b"")
        return End(self.terms.signalled, None, b"")

    def say_last(self, why: str) -> None:
        """Say why there is no verdict, where standard error takes it at once."""
        number, why = self.why or (
            _NO_VERDICT,
            f"ended by {signal.Signals(self.signal).name}" if self.signal else why,
        )
        line = self.terms.line.replace("{number}", str(number)).replace("{why}", why)
        with suppress(OSError):  # nobody can be told then
            asking = select.poll()
            asking.register(2, select.POLLOUT)
            if asking.poll(1000 * _LAST_LINE):
                os.write(2, f"{line}\n".encode(errors="backslashreplace")[-select.PIPE_BUF :])


_told: _Told | None = None  # by this process; None: it has nobody to tell
_how: Callable[[str, str], None] = lambda _word, _value: None  # noqa: E731  what is done with it besides


def _tell(word: str, value: str) -> None:
    if _told:
        _told.hear(word, value)
        _how(word, value)


def allow(seconds: float) -> None:
    """Tell that this run has so many seconds from now; infinite: as many as it wants."""
    _tell("allow", repr(seconds))


def unknown(code: int, signalled: int | None) -> None:
    """Tell what the exit code is from now on when nothing is known, and when a signal ends the run."""
    _tell("unknown", f"{int(code)} {'' if signalled is None else int(signalled)}")


def result(text: str) -> None:
    """Tell what whoever asked for this run is to have of it."""
    _tell("result", text.encode().hex())


def verdict(code: int) -> None:
    """Fix the exit code. It must be done before anything of it is printed; the first one stands."""
    _tell("verdict", str(int(code)))


def patience() -> float | None:
    """Seconds that a reader of what is printed has from now; None as long as the exit code is not fixed."""
    if _told is None or _told.verdict is None:
        return None
    return max(0.0, _told.end - time.monotonic() - _RESERVE)


def leave(code: int) -> NoReturn:
    """End this process at once, from whatever thread, with what was printed written as far as it is taken."""
    verdict(code)
    _flush()
    os._exit(code)


def run(terms: Terms, load: Load) -> NoReturn:
    """Run a program: `load` loads it and gives what to run, which gives the exit code. Leave with its verdict."""
    _occupy_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # were it ignored, every program would seem to end with 0
    end = _apart(terms, load, alarm=True)
    if end.signal is not None:
        signal.signal(end.signal, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {end.signal})
        os.kill(os.getpid(), end.signal)
        os._exit(128 + end.signal)  # the first process of a container has no default action
    os._exit(end.code)


def apart(terms: Terms, load: Load) -> End:
    """Do a part of this run in a child of its own, bounded as a run is; how it has ended. Raises Ended."""
    _flush()  # or the child would print it again
    end = _apart(terms, load, alarm=False)
    if end.signal is not None:
        raise Ended(end.signal)
    return end


def _apart(terms: Terms, load: Load, *, alarm: bool) -> End:
    """alarm: where no child can be had, an alarm ends this process when the time is up."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    parent = os.getpid()
    ends: list[int] = []
    try:
        try:
            ends += os.pipe()  # what the child tells
            ends += os.pipe()  # by which the child sees that its parent has ended
            child = os.fork()
        except OSError:
            return _in_place(terms, load, mask, alarm=alarm)
        hear, tell, ending, _ = ends
        if child == 0:
            for number in (hear, ends.pop()):
                os.close(number)
            _be_child(_Told(terms), parent, load, mask, tell, ending)
        for number in (tell, ending):
            ends.remove(number)
            os.close(number)
        return _wait(_Told(terms), child, hear, mask, hurry=alarm)
    finally:
        for number in ends:
            os.close(number)
        if not alarm:  # else this process is at its end: a signal that comes now comes too late
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait(told: _Told, child: int, hear: int, mask: _Mask, *, hurry: bool) -> End:
    """Wait for the child as long as it has time, pass signals on to it, and end it.

    hurry: whether a second SIGINT ends it at once: a person presses Ctrl-C once more. Not for a child of a child, to
    which the terminal and its parent both send the first one.
    """
    got: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        at_once = told.verdict is not None or (hurry and number == signal.SIGINT and number in got)
        told.end = min(told.end, time.monotonic() + (0 if at_once else HEARING))
        if at_once:
            told.terms = told.terms._replace(unwinding=0)  # also where the child's word comes behind this
        got.append(number)
        _tell("ended", str(number))  # where this is a part of another run
        remind()

    def remind() -> None:
        """A signal that comes as the child begins to wait is heard when another one comes: of C, not of Python."""
        if got and told.verdict is None and told.signal is None:
            with suppress(ProcessLookupError):
                os.kill(child, got[0])

    with _handling(_ENDING, pass_on):
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        closed = _listen(hear, told, remind)
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    status = _reap(child, _AT_LEAST if closed else 0)
    if told.verdict is None:
        told.signal = told.signal or next(iter(got), None)
    if told.verdict is None or told.why:
        told.say_last(_how_it_ended(status) if closed else "it did not end in time; the state is unknown")
    return told.over


@contextmanager
def _handling(numbers: Sequence[int], handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let the handler have these signals, but not those that are ignored here."""
    former = {number: signal.getsignal(number) for number in numbers}
    former = {number: kept for number, kept in former.items() if kept not in {signal.SIG_IGN, None}}
    for number in former:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, kept in former.items():
            signal.signal(number, kept)


def _listen(hear: int, told: _Told, remind: Callable[[], None]) -> bool:
    """Take in what the child tells until its time is up; whether it has closed its end before that.

    remind: called now and then while it tells nothing.
    """
    asking = select.poll()
    asking.register(hear, select.POLLIN)
    rest = b""
    while True:
        left = (
            told.end - time.monotonic()
        )  # below 0 also where this process was stopped meanwhile: what is told counts
        if asking.poll(1000 * max(0.0, min(left, _SLICE))):
            part = os.read(hear, _MOST)
            if not part:
                return True
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                word, _, value = line.decode().partition(" ")
                told.hear(word, value)
        elif left <= 0:
            return False
        else:
            remind()


def _reap(child: int, patience: float) -> int:
    """Give a child so many seconds to end, then end it; its wait status, -1 when it cannot be told."""
    with suppress(ChildProcessError):
        for seconds in (patience, _AT_LEAST):
            end = time.monotonic() + seconds
            while True:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return status
                if time.monotonic() >= end:
                    break
                time.sleep(_STEP)
            os.kill(child, signal.SIGKILL)
    return -1


def _how_it_ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status) if status >= 0 else 0
    return f"its process was ended ({f'signal {-code}' if code < 0 else f'exit code {code}'}); the state is unknown"


def _be_child(told: _Told, parent: int, load: Load, mask: _Mask, tell: int, ending: int) -> NoReturn:
    """Do the work, and never return."""
    global _told, _how
    code = 1
    try:

        def to_parent(word: str, value: str) -> None:
            with suppress(OSError):  # a parent that is gone needs to know nothing
                os.write(tell, f"{word} {value}\n".encode(errors="backslashreplace"))

        _told, _how = told, to_parent
        # When the parent ends, however that comes, the kernel sends SIGIO, whose default action ends this process.
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        mask = mask - {signal.SIGIO}
        fcntl.fcntl(ending, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(ending, fcntl.F_SETFL, fcntl.fcntl(ending, fcntl.F_GETFL) | os.O_ASYNC)
        if os.getppid() == parent:  # it has not ended before that
            code = _work(load, mask, _ENDING)
            _flush()
    finally:
        os._exit(code)


def _in_place(terms: Terms, load: Load, mask: _Mask, *, alarm: bool) -> End:
    """Do the work in this process, for no other is to be had; how it has ended."""
    global _told, _how
    former = _told, _how
    told = _Told(terms)

    def too_late(_number: int, _frame: object) -> None:
        if told.verdict is None:
            told.say_last("it did not end in time; the state is unknown")
        os._exit(told.over.code)

    def to_itself(_word: str, _value: str) -> None:
        if alarm:
            left = told.end - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0 if left == float("inf") else max(left, _STEP))

    _told, _how = told, to_itself
    try:
        if alarm:
            signal.signal(signal.SIGALRM, too_late)
            allow(LOADING)
        _work(load, mask - {signal.SIGALRM}, [number for number in _ENDING if number != signal.SIGALRM])
        if told.verdict is None or told.why:
            told.say_last("it gave no verdict")
        if alarm:
            _flush()
        return told.over
    finally:
        _told, _how = former


def _work(load: Load, mask: _Mask, endings: Sequence[int]) -> int:
    """Load what is to run, run it, and tell its verdict, or why it has none; the verdict, or 0."""

    def end(number: int, _frame: object) -> None:
        for each in endings:  # a terminal sends to us, and our parent passes it on
            signal.signal(each, _nothing)
        _tell("ended", str(number))
        raise Ended(number)

    code = 0
    try:
        with _handling(endings, end):
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                code = int(_loaded(load)())
                verdict(code)
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        verdict(code)
    except Ended:
        pass
    except _NotLoaded as broken:
        _tell("unloaded", _one_line(broken.__cause__))
    except BaseException as error:  # noqa: BLE001  no fault of the process is a verdict
        _tell("broken", _one_line(error))
    return code


class _NotLoaded(Exception):
    """What is to run cannot be loaded."""


def _loaded(load: Load) -> Callable[[], int]:
    try:
        import threading

        from ec2kit.host import streams

        streams.protect()
        threading.stack_size(_STACK)
        return load()
    except Exception as broken:
        raise _NotLoaded from broken


def _nothing(_number: int, _frame: object) -> None:
    """Let a signal pass, here; a program that is run gets its default action."""


def _one_line(error: BaseException | None) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _occupy_streams() -> None:
    """Put /dev/null in the place of a standard stream that is closed, so that no file of ours gets its number."""
    with suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004  standard error
            os.set_inheritable(number, True)
        os.close(number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a reader that is gone has nothing to read
            stream.flush()
