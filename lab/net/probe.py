"""A client that measures how long a service is out: `python -m lab.net.probe ADDRESS`, until its input ends.

It asks lab.net.echo in three ways at once: a datagram each 5 ms, a new TCP connection each 20 ms, and a line each
20 ms on one TCP connection that stays, and is made again when it breaks. What it prints then is a Report as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab import PROJECT
from lab.net.echo import PORT
from lab.net.hosts import Host

_UDP_SECONDS, _TCP_SECONDS = 0.005, 0.02  # between two of a kind
_PATIENCE = 1.0  # seconds after which an answer to a datagram or a connection is too late


@dataclass(frozen=True)
class Kind:
    """How one way of asking went. gap_ms is the longest time without a good one, up to the very end.

    gap_at is when that began. Times are time.monotonic() seconds, the same on all hosts of one machine.
    by: how many were answered by which host. first, last: when each host answered for the first and the last time.
    """

    asked: int
    lost: int
    gap_ms: float
    gap_at: float
    by: dict[str, int]
    first: dict[str, float]
    last: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What the three ways found, from `began` to `ended`. session's `asked` are its lines, `resets` its ends."""

    began: float
    ended: float
    udp: Kind
    connect: Kind
    session: Kind
    resets: int


class Probe:
    """A probe of `address` that runs on a host of the lab from creation to `stop`."""

    def __init__(self, host: Host, address: str, *, port: int = PORT) -> None:
        command = [sys.executable, "-m", "lab.net.probe", address, "--port", str(port)]
        self._process = host.popen("env", f"PYTHONPATH={PROJECT}", *command)
        assert self._process.stdout
        if self._process.stdout.readline() != "asking\n":
            raise RuntimeError("the probe did not start")

    def stop(self) -> Report:
        """End it and take its report."""
        try:
            told, _ = self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        return from_json(told)


def from_json(text: str) -> Report:
    """Read what a probe printed."""
    told: dict[str, Any] = json.loads(text)
    return Report(**{**told, **{name: Kind(**told[name]) for name in ("udp", "connect", "session")}})


class _Log:
    """When each question of one way was asked, and when it was answered by whom, after at most `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.asked: dict[int, float] = {}
        self.good: dict[int, tuple[float, str]] = {}

    def ask(self) -> int:
        number = len(self.asked)
        self.asked[number] = time.monotonic()
        return number

    def answer(self, number: int, name: str) -> None:
        now = time.monotonic()
        if number not in self.good and now - self.asked[number] <= self._patience:
            self.good[number] = (now, name)

    def judge(self, began: float, ended: float, *, by_answer: bool) -> Kind:
        """The gap between good ones, by when they were asked, or by when they were answered."""
        times = sorted(at if by_answer else self.asked[number] for number, (at, _) in self.good.items())
        seconds, at = longest(times, began, ended)
        answers = sorted(self.good.values())
        first, last = {name: when for when, name in reversed(answers)}, {name: when for when, name in answers}
        by = Counter(name for _, name in self.good.values())
        lost = len(self.asked) - len(self.good)
        return Kind(len(self.asked), lost, round(1000 * seconds, 1), at, dict(by), first, last)


def longest(times: Iterable[float], began: float, ended: float) -> tuple[float, float]:
    """The longest interval without any of the ascending `times` between began and ended, and where it begins."""
    return max((after - before, before) for before, after in itertools.pairwise([began, *times, ended]))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, log: _Log) -> None:
        self._log = log

    def datagram_received(self, data: bytes, _from: object) -> None:
        name, number = data.decode().split()
        self._log.answer(int(number), name)


async def _every(seconds: float, ended: asyncio.Event) -> Any:
    """Turns at a steady pace, without making up for lost ones, until the end."""
    due = time.monotonic()
    while not ended.is_set():
        yield
        due = max(due + seconds, time.monotonic())
        await asyncio.sleep(due - time.monotonic())


async def _ask_datagrams(address: str, port: int, log: _Log, ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(log), remote_addr=(address, port))
    async for _ in _every(_UDP_SECONDS, ended):
        transport.sendto(str(log.ask()).encode())
    await asyncio.sleep(_PATIENCE / 4)  # for what is under way
    transport.close()


async def _ask_connections(address: str, port: int, log: _Log, ended: asyncio.Event) -> None:
    tasks = set()
    async for _ in _every(_TCP_SECONDS, ended):
        task = asyncio.create_task(_connect_once(address, port, log))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def _connect_once(address: str, port: int, log: _Log) -> None:
    number = log.ask()
    with contextlib.suppress(OSError, TimeoutError):  # then it stays without an answer
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(b"1\n")
                line = await reader.readline()
            finally:
                writer.transport.abort()
            if line:
                log.answer(number, line.decode().split()[0])


async def _keep_session(address: str, port: int, log: _Log, ended: asyncio.Event) -> int:
    """Talk on one connection; when it breaks, make another, at once. How often it broke."""
    resets = 0
    while not ended.is_set():
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError):
            await asyncio.sleep(_TCP_SECONDS)
            continue
        listener = asyncio.create_task(_listen(reader, log))
        async for _ in _every(_TCP_SECONDS, ended):
            if listener.done():
                resets += 1
                break
            writer.write(f"{log.ask()}\n".encode())
        listener.cancel()
        writer.transport.abort()
    return resets


async def _listen(reader: asyncio.StreamReader, log: _Log) -> None:
    with contextlib.suppress(OSError):  # the connection broke: its talker sees that this has ended
        while line := await reader.readline():
            name, number = line.decode().split()
            log.answer(int(number), name)


async def _input_ends() -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def measure(address: str, port: int = PORT, *, seconds: float | None = None) -> Report:
    """Ask for so many seconds, or (None) until the standard input ends."""
    logs, ended = [_Log(patience) for patience in (_PATIENCE, _PATIENCE, math.inf)], asyncio.Event()
    began = time.monotonic()
    ways = [
        asyncio.create_task(way(address, port, log, ended))
        for way, log in zip((_ask_datagrams, _ask_connections, _keep_session), logs, strict=True)
    ]
    await (_input_ends() if seconds is None else asyncio.sleep(seconds))
    at = time.monotonic()
    ended.set()
    *_, resets = await asyncio.gather(*ways)
    udp, connect = (log.judge(began, at, by_answer=False) for log in logs[:2])
    return Report(began, at, udp, connect, logs[2].judge(began, at, by_answer=True), int(resets or 0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print "asking", measure, and print the report."""
    parser = argparse.ArgumentParser("python -m lab.net.probe", description=__doc__.partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--seconds", type=float, help="(default: until the input ends)")
    options = parser.parse_args(arguments)
    print("asking", flush=True)
    print(json.dumps(asdict(asyncio.run(measure(options.address, options.port, seconds=options.seconds)))))


if __name__ == "__main__":
    main()
