"""The faults of the process are real: a program that looks at itself finds each of them, and none without it."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cells import BY_NAME
from tests.faults.rows import ROWS
from tests.faults.stage import Bench, Point, bench

ROW = next(row for row in ROWS if row.id == "route: quickCheck")
LOOKING = (
    f"#!{sys.executable}"
    r"""
import os

def tried(look):
    try:
        return look()
    except BaseException as error:
        return getattr(error, "errno", None) or type(error).__name__

def said(number):
    import select
    return os.write(number, b"\n") if select.select([], [number], [], 0)[1] else "stuck"

def descriptors():
    handles = []
    try:
        while len(handles) < 30:
            handles.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for handle in handles:
        os.close(handle)
    return max(handles) + 1

def memory():
    import mmap
    for size in range(8, 512, 8):
        try:
            mmap.mmap(-1, size << 20).close()
        except OSError:
            return size
    return 512

def threads():
    import threading
    ended = threading.Event()
    for number in range(5):
        try:
            threading.Thread(target=ended.wait, daemon=True).start()
        except RuntimeError:
            break
    ended.set()
    return number

def fork():
    if (child := os.fork()) == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1]

def program():
    import subprocess
    return subprocess.run(["/bin/true"]).returncode

def encoding():
    import sys
    return sys.stdout.encoding.lower()

def lock():
    import fcntl
    fcntl.flock(os.open(os.environ["EC2KIT_HISTORY"], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)

def written():
    return os.write(os.open(os.environ["EC2KIT_HISTORY"] + "/x", os.O_WRONLY | os.O_CREAT, 0o600), b"x")

def imported():
    import botocore

facts = {"out": tried(lambda: said(1)), "err": tried(lambda: said(2)), "in": tried(lambda: os.fstat(0) and 0)}
facts["locale"] = os.environ.get("LC_ALL")
for look in (descriptors, memory, threads, fork, program, encoding, lock, written, imported):
    facts[look.__name__] = tried(look)
told = repr(facts).encode()
try:
    os.write(os.open(os.environ["HOME"] + "/found", os.O_WRONLY), told)
except OSError:
    os.write(1, told)
"""
)
EAGAIN, EBADF, EFBIG, ENOSPC, ENOTDIR, EPIPE = 11, 9, 27, 28, 20, 32
FACTS: dict[str, dict[str, object]] = {
    # The guard's child is a process, too.
    **({"no thread": {"threads": 1}, "two threads": {"threads": 3}} if os.geteuid() == 0 else {"no thread": {}}),
    "no process": {"fork": EAGAIN},
    "no process and no thread": {"fork": EAGAIN, "threads": 0, "program": EAGAIN},
    **{f"{n} MiB of memory": {} for n in (32, 48, 64, 100, 160)},
    **{f"{n} descriptors": {"descriptors": n} for n in (5, 6, 8, 12, 20)},
    **{
        f"standard {name} {state}": {short: errno}
        for name, short in (("output", "out"), ("error", "err"))
        for state, errno in (("closed", EBADF), ("full", ENOSPC), ("without a reader", EPIPE), ("stuck", "stuck"))
    },
    "both outputs closed": {"out": EBADF, "err": EBADF},
    "standard input closed": {"in": EBADF},
    "locale C": {"locale": "C", "encoding": "utf-8"},
    "locale C, without UTF-8": {"locale": "C", "encoding": "ascii"},
    "locale of 8 bits": {"encoding": "iso8859-1"},
    "no space for files": {"written": EFBIG},
    "history not a folder": {"written": ENOTDIR},
    "history locked": {"lock": EAGAIN},
    "botocore missing": {"imported": "ModuleNotFoundError"},
}


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory, fork_server: Path) -> Iterator[Bench]:
    """A bench whose quickCheck looks at its own process."""
    with bench("route", tmp_path_factory.mktemp("looking"), fork_server) as made:
        made.taps.behind(str(made.lab.node1.script("quickCheck"))).write_text(LOOKING)
        yield made


def found(on: Bench, kind: str | None) -> dict[str, object]:
    """What the program finds under a fault."""
    on.reset(ROW)
    told = on.lab.node1.root / "found"
    told.write_text("")
    told.chmod(0o666)
    given = BY_NAME[kind].arm(on, ROW, Point("process", "node1", "", (), -1, "")) if kind else {}
    done = on.run(ROW, budget=10, limit=20, environment=given, executed=kind is None)
    on.mend()
    facts: dict[str, object] = ast.literal_eval(told.read_text() or done.out.strip())
    return facts


@pytest.fixture(scope="module")
def healthy(on: Bench) -> dict[str, object]:
    """What the program finds without a fault."""
    return found(on, None)


@pytest.mark.parametrize("kind", FACTS)
def test_a_fault_of_the_process_is_there(on: Bench, healthy: dict[str, object], kind: str) -> None:
    """What the fault's name says is so, and without the fault it is not."""
    facts = found(on, kind)
    wanted = FACTS[kind]
    if "memory" in kind:
        limit = int(kind.partition(" ")[0])
        assert isinstance(facts["memory"], int)
        assert facts["memory"] <= limit < 512 == healthy["memory"]
    else:
        assert {name: facts[name] for name in wanted} == wanted
        assert all(healthy[name] != value for name, value in wanted.items() if (name, value) != ("encoding", "utf-8"))
