"""A fork server: Python programs run as real processes, without the half second that starting Python and boto3 costs.

The server, `python -m lab.forks SOCKET`, has imported boto3 and the kit; a small one, `... SOCKET small`, only the
LifeKeeper stand-in, for a fork costs by the size of what is forked. For each connection it forks; the child
runs the program's own text with the given arguments, environment, folder and standard streams, and is killed or
exits like any other process. What it saves: starting Python, importing, and reading botocore's data files. What it
cannot show: a broken import or installation. Shell scripts are executed.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST = 262_144  # bytes of a request
_START = 60.0  # seconds that the server may take to import everything


@dataclass(frozen=True)
class Program:
    """What is to run: the file with its text, its arguments (argv[0] included), environment and working folder.

    small: it needs neither boto3 nor the kit.
    """

    text: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    small: bool = False


class Process:
    """One program that was started. `pid` is its process id."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.pid = int(self._receive())

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal. TimeoutError when it has not ended after `timeout` seconds."""
        self._line.settimeout(timeout)
        with self._line:
            return int(self._receive())

    def wait_below(self, caller: int) -> int:
        """The exit code. When its caller ends first, it is killed with its group, as one that is of the caller's."""
        with suppress(ProcessLookupError):  # it has ended
            if not self._ends_before(caller):
                os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def _ends_before(self, caller: int) -> bool:
        """Wait until it or its caller ends; whether that was this one."""
        try:
            alive = os.pidfd_open(caller)
        except ProcessLookupError:
            return False
        try:
            line = self._line.fileno()
            return line in select.select([line, alive], [], [])[0]
        finally:
            os.close(alive)

    def _receive(self) -> bytes:
        said = self._line.recv(64)
        if not said:
            raise ConnectionError("the fork server has gone")
        return said


class Forks:
    """The fork servers, from creation to `close`; `path` is their socket, and other processes may use them by it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        places = (path, _small(path))
        self._servers = [
            subprocess.Popen([sys.executable, "-m", "lab.forks", str(place), *what], stdin=subprocess.PIPE)
            for place, what in zip(places, ([], ["small"]), strict=True)
        ]
        end = time.monotonic() + _START
        while not all(place.exists() for place in places):
            if time.monotonic() > end or any(server.poll() is not None for server in self._servers):
                raise RuntimeError("a fork server did not start")
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the servers; programs that run are not touched."""
        for server in self._servers:
            server.terminate()
            server.communicate()


def _small(path: Path) -> Path:
    """The socket of the small server."""
    return path.with_name(f"{path.name}.small")


def start(server: Path, program: Program, streams: Sequence[int]) -> Process:
    """Start a program with these three file descriptors as its standard streams."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(str(_small(server) if program.small else server))
    request = {
        "text": program.text,
        "argv": [*program.argv],
        "environment": dict(program.environment),
        "folder": program.folder,
    }
    socket.send_fds(line, [json.dumps(request).encode()], list(streams))
    return Process(line)


def _warm() -> None:
    """Import all that a program of the kit or of the stand-in imports, and read botocore's data files once."""
    import boto3
    import botocore.loaders
    import botocore.session

    import ec2kit.console.cli
    import ec2kit.console.hierarchy
    import ec2kit.ec2.client
    import ec2kit.host.imds
    import ec2kit.lifekeeper.actions  # noqa: F401

    loader: Any = botocore.loaders.JSONFileLoader
    read: Any = functools.cache(loader().load_file)
    loader.load_file = lambda _self, path: read(path)
    module: Any = botocore.session  # a loader keeps what it has read; each process would make its own
    module.create_loader = functools.cache(module.create_loader)
    keys: Any = {"aws_access_key_id": "warm", "aws_secret_access_key": "warm"}
    boto3.client("ec2", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", **keys).close()


def _serve(path: str) -> dict[str, Any]:
    """Wait for requests until standard input ends. Returns in the forked child, with its request."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path + ".new")
    listener.listen(128)
    Path(path + ".new").rename(path)
    asking = select.poll()
    asking.register(listener, select.POLLIN)
    asking.register(sys.stdin, select.POLLIN)
    running: dict[int, tuple[int, socket.socket]] = {}  # by pidfd: a program, and who waits for its end
    while True:
        for ready, _ in asking.poll():
            if ready == sys.stdin.fileno():
                sys.exit()
            if ready in running:
                asking.unregister(ready)
                os.close(ready)
                _told(*running.pop(ready))
                continue
            line, _ = listener.accept()
            request = _request(line)
            if request is None:
                line.close()
                continue
            child = os.fork()
            if child == 0:
                listener.close()
                line.close()
                for pidfd, (_, other) in running.items():
                    os.close(pidfd)
                    other.close()
                return request
            for stream in request["streams"]:
                os.close(stream)
            with suppress(OSError):  # who asked may have gone
                line.send(str(child).encode())
            pidfd = os.pidfd_open(child)
            running[pidfd] = child, line
            asking.register(pidfd, select.POLLIN)


def _request(line: socket.socket) -> dict[str, Any] | None:
    said, streams, _, _ = socket.recv_fds(line, _MOST, 3)
    if not said:  # who asked was killed before it could
        return None
    request: dict[str, Any] = json.loads(said)
    request["streams"] = streams
    return request


def _told(child: int, line: socket.socket) -> None:
    """Tell who waits for it of a program's end."""
    _, status = os.waitpid(child, 0)
    with line, suppress(OSError):  # who asked may have gone
        line.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: dict[str, Any]) -> None:
    """Take on the standard streams, folder, environment and arguments that the program is to have.

    It leads a session of its own, and hears a hang-up, as what an engine starts.
    """
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for number, stream in enumerate(request["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    logins = os.path.expanduser("~/.aws/sso/cache")  # noqa: PTH111  botocore has taken this server's at its import
    for module, kind in (("credentials", "SSOProvider"), ("tokens", "SSOTokenProvider")):
        if loaded := sys.modules.get(f"botocore.{module}"):
            getattr(loaded, kind)._SSO_TOKEN_CACHE_DIR = logins  # noqa: SLF001
    sys.argv = list(request["argv"])
    if start_up := os.environ.get("PYTHONPATH"):  # as Python does when it starts
        hook = Path(start_up, "sitecustomize.py")
        _run(hook, "sitecustomize", str(hook))


def _run(text: Path, name: str, place: str) -> None:
    """Run a text as the module of that name, at the place where its program is known to be."""
    code = compile(text.read_bytes(), place, "exec")
    exec(code, {"__name__": name, "__file__": place})  # noqa: S102  the program's own text


def _main() -> NoReturn:
    import lab.lifekeeper.manager
    import lab.lifekeeper.programs  # noqa: F401  imported for the programs

    if sys.argv[2:] != ["small"]:
        _warm()
    gc.collect()
    gc.freeze()
    request = _serve(sys.argv[1])
    _become(request)
    text = Path(request["text"])
    if b"python" not in text.read_bytes().partition(b"\n")[0]:
        os.execve(text, request["argv"], request["environment"])  # noqa: S606
    code: object = 0
    try:
        _run(text, "__main__", sys.argv[0])
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  Python's own end of a program
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _main()
