"""Programs of a node with a tap in front: each call is written down, and can be made to go wrong.

The program's first line, which says what runs it, names a shell script in place of that. It asks the tap what to do,
and does as it is told: print this, exit so. The program itself runs in the fork server, with the folder and the
environment of its caller. The rest of its text stays as it is: so whoever copies it has all of it, and a tap as well.
"""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Literal, Self

from lab import forks

Kind = Literal["hang", "late", "garbage", "exit7", "exit9", "killed before", "killed after"]
_GARBAGE = b"\x00\xff{no table\x01\x01\n\x01\xfe<<<\n"
_TAP = """#!/bin/bash
# The words: what would run the program without this, then the program and its arguments.
exec 3<>/dev/tcp/127.0.0.1/{port} || exit 126
printf '%s\\0' "$(($# + 2))" $$ "$@" >&3
read -r -d '' -u 3 answer
eval "$answer"
exit 1
"""


@dataclass(frozen=True)
class Called:
    """One call of a tapped program: on which node, the program's name, its arguments.

    A copy that LifeKeeper's Generic Application kit has made has the name of its folder: `!restore`.
    """

    node: str
    program: str
    arguments: tuple[str, ...]


class Taps:
    """The taps of a lab's nodes, from creation to `close`.

    `calls` is what was called, in order, `busy` how many programs are under way. `wrong` tells what goes wrong with
    a call; where that kills the caller or hangs or is late, `killing` is called in that moment.
    """

    def __init__(self, server: Path) -> None:
        self.calls: list[Called] = []
        self.busy = 0
        self.wrong: Callable[[Called], Kind | None] = lambda _called: None
        self.killing: Callable[[], None] = lambda: None
        self._forks = server
        self._texts: dict[str, tuple[str, Path]] = {}  # by place: node, and the file with the program as it was
        self._small: set[Path] = set()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._web = _Server(("127.0.0.1", 0), _Asked)
        self._web.taps = self
        threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True).start()
        self._folder = TemporaryDirectory(prefix="ec2kit-tap-")  # a first line has room for a short path only
        self._tap = Path(self._folder.name, "tap")
        self._tap.write_text(_TAP.format(port=self._web.server_address[1]))
        self._tap.chmod(0o755)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; programs that hang are let go."""
        self._web.shutdown()
        self._web.server_close()
        self.mend()
        self._folder.cleanup()

    def put(self, node: str, place: Path, *, small: bool = False) -> None:
        """Put a tap in front of the program at `place`, a copy that has one too. small: as in forks.Program."""
        behind = place.parent / ".behind" / place.name
        behind.parent.mkdir(exist_ok=True)
        text = place.read_text().replace(f"#!{self._tap} ", "#!", 1)
        behind.write_text(text)
        behind.chmod(0o755)
        self._texts[str(place)] = node, behind
        if small:
            self._small.add(behind)
        place.write_text(text.replace("#!", f"#!{self._tap} ", 1))

    def behind(self, place: str) -> Path:
        """The program itself of a place that may have a tap."""
        return self._texts[place][1] if place in self._texts else Path(place)

    def place(self, node: str, program: str) -> Path:
        """Where the tap of a node's program stands."""
        return next(
            Path(place) for place, (of, _) in self._texts.items() if (of, _name(Path(place))) == (node, program)
        )

    def _node(self, place: str) -> str:
        """The node of a program; a copy's is that of what stands nearest to it."""
        near = max(self._texts, key=lambda known: len(os.path.commonpath((known, place))))
        return self._texts[near][0]

    def mend(self) -> None:
        """Forget the calls, end the faults and let hanging programs go."""
        self.wrong = lambda _called: None
        self.killing = lambda: None
        self.release()
        with self._lock:
            self.calls.clear()

    def release(self) -> None:
        """Let hanging programs go."""
        ended, self._ended = self._ended, threading.Event()
        ended.set()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count a program that is under way in `busy`."""
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def answer(self, pid: int, runs: str, place: str, arguments: tuple[str, ...]) -> str:
        """Do what a tapped program is called for; what its shell script is to do then.

        runs: the first line of the program as it was, without its mark.
        """
        place = os.path.join(Path(f"/proc/{pid}/cwd").readlink(), place)  # noqa: PTH118  a string, as its key
        called = Called(self._node(place), _name(Path(place)), arguments)
        with self._lock:
            self.calls.append(called)
            kind, ended = self.wrong(called), self._ended
        program = self._program(pid, runs, place, arguments)
        match kind:
            case "hang":
                self.killing()
                ended.wait()
                return "exit 1"
            case "exit7" | "exit9":
                return f"exit {kind[-1]}"
            case "killed before":
                self.killing()
                return "exit 1"
            case "late":
                self.killing()
        answer = self._run(program, pid)
        if kind == "killed after":
            self.killing()
        return _script(0, _GARBAGE, b"") if kind == "garbage" else answer

    def _program(self, pid: int, runs: str, place: str, arguments: tuple[str, ...]) -> forks.Program:
        """The program behind a tap, while its caller lives: it may be killed before the program runs."""
        proc = Path(f"/proc/{pid}")
        pairs = [pair.partition("=") for pair in (proc / "environ").read_text().split("\0") if pair]
        given = {name: value for name, _, value in pairs}
        folder, text = str((proc / "cwd").readlink()), self.behind(place)
        argv = (place, *arguments)
        if place not in self._texts and "python" not in runs:  # the fork server would come to the tap of the copy
            first, *more = runs.split()
            text, argv = Path(first), (first, *more, *argv)
        return forks.Program(str(text), argv, given, folder, small=text in self._small)

    def _run(self, program: forks.Program, caller: int) -> str:
        with open(os.devnull) as nothing, TemporaryFile() as out, TemporaryFile() as err:  # noqa: PTH123
            process = forks.start(self._forks, program, [nothing.fileno(), out.fileno(), err.fileno()])
            code = process.wait_below(caller)
            said = [(stream.seek(0), stream.read())[1] for stream in (out, err)]
        return _script(code if code >= 0 else 128 - code, *said)


def _name(place: Path) -> str:
    """The name of a program in what was called."""
    return place.parent.name if place.parent.name.startswith("!") else place.name


def _script(code: int, out: bytes, err: bytes) -> str:
    """A shell script that prints these bytes and exits so."""
    told = ["".join(f"\\{byte:03o}" for byte in text) for text in (out, err)]
    return f"printf '{told[0]}'; printf '{told[1]}' >&2; exit {code}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    taps: Taps


class _Asked(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        words: list[str] = []
        left = b""
        while not words or len(words) < int(words[0]):
            got = self.request.recv(65_536)
            if not got:
                return
            *whole, left = (left + got).split(b"\0")
            words += [word.decode(errors="surrogateescape") for word in whole]
        _, pid, runs, place, *arguments = words
        taps = self.server.taps
        with taps.counting():
            answer = taps.answer(int(pid), runs, place, tuple(arguments))
        with suppress(OSError):  # the caller was killed
            self.wfile.write(f"{answer}\0".encode())
