"""Folders to install into, and a machine of its own for a test: mounts and network that nobody else sees."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lab import PROJECT

PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))  # no environment's
COVERED = ("/opt", "/etc/default", "/usr/local/sbin", "/usr/lib/ocf")  # empty on the machine, at first
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

Tree = dict[str, tuple[object, ...]]


def tree(*roots: Path, times: bool = False) -> Tree:
    """Each path below the folders: type and mode, a link's text or the sha256 of a file, and on demand its time."""
    found: Tree = {}
    for root in roots:
        for path in sorted([root, *root.rglob("*")]):
            facts = path.lstat()
            content = ""
            if stat.S_ISLNK(facts.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(facts.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = (oct(facts.st_mode), content, *([facts.st_mtime_ns] if times else []))
    return found


def run(*command: str | Path, folder: Path, environment: Mapping[str, str] = BARE) -> CompletedProcess[str]:
    """Run a program with a bare environment and wait for it."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@dataclass(frozen=True)
class Machine:
    """This host with empty COVERED folders and without network; it is where the process `pid` lives."""

    pid: int
    enter: Sequence[str]

    def run(self, *command: str, folder: Path) -> CompletedProcess[str]:
        """Run a program on it."""
        return run(
            *self.enter,
            f"--wd={folder}",
            "env",
            "-i",
            *(f"{key}={value}" for key, value in BARE.items()),
            *command,
            folder=folder,
        )

    def roots(self) -> list[Path]:
        """Its COVERED folders, as they are seen from here."""
        return [Path(f"/proc/{self.pid}/root{folder}") for folder in COVERED if Path(folder).is_dir()]


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine of its own; skips the test where the kernel gives none to this user."""
    root = os.geteuid() == 0
    mounts = " && ".join(f"mount -t tmpfs -o mode=0755 tmpfs {folder}" for folder in COVERED if Path(folder).is_dir())
    script = f"{mounts} && echo ready && exec sleep 600"
    unshare = ["unshare", "--mount", "--net", *([] if root else ["--map-root-user"]), "sh", "-c", script]
    with subprocess.Popen(unshare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stderr
            if process.stdout.readline() != "ready\n":
                told = process.stderr.read()
                if "permitted" in told or "denied" in told:
                    pytest.skip(f"this user may not have a machine of its own: {told.strip()}")
                pytest.fail(told)
            own = ["-U", "--preserve-credentials"] if not root else []
            yield Machine(process.pid, ["nsenter", "-t", str(process.pid), "-m", "-n", *own])
        finally:
            process.kill()


def usable(python: str) -> bool:
    """Whether the program is a Python that the kit runs with."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return Path(python).exists() and subprocess.run([python, "-c", check], check=False).returncode == 0


def put_lifekeeper(there: Machine, python: str, store: Path) -> None:
    """Put LifeKeeper's stand-in, the system node1, in its usual place there; its programs run with that Python."""
    facts = f"system='node1', store=Path({str(store)!r}), environment={{}}, python={python!r}"
    make = f"from pathlib import Path; from lab.lifekeeper import install; install(Path('/opt/LifeKeeper'), {facts})"
    there.run(python, "-Bc", make, folder=PROJECT).check_returncode()
