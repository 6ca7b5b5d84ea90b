"""Hosts made of Linux namespaces: a private root file system, network, processes and name. Needs root.

A host's first process reads a pipe of ours until its end. When we end, however we end, so does that process,
and the kernel takes all others of the host with it, its mounts and its network interfaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import PROJECT

ENVIRONMENT = {  # what a daemon of a freshly started host has
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
_NEWNET = 0x40000000  # CLONE_NEWNET of sched.h
NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid")  # options of unshare and of nsenter
_libc = ctypes.CDLL(None, use_errno=True)

# The root is this machine's own, written to in memory alone. /proc still tells our process ids when it is read first.
_BOOT = """set -e
read -r pid rest < /proc/self/stat
echo "$pid"
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
mkdir -m 1777 run/lock
for folder in "$@"; do
  [ "$(stat -c %d "$folder")" = "$(stat -c %d /)" ] || { mkdir -p ".$folder"; mount --bind "$folder" ".$folder"; }
done
pivot_root . mnt
umount -l /mnt
cd /
hostname "$0"
for family in all default; do
  echo 1 > /proc/sys/net/ipv6/conf/$family/disable_ipv6 || true
  echo 0 > /proc/sys/net/ipv4/conf/$family/rp_filter
done
ip link set lo up
echo ready
trap '' CHLD  # the kernel reaps what ends here
exec cat > /dev/null
"""


class Host:
    """One host: its name, the process id of its first process, and its files below `root`, as seen from here."""

    def __init__(self, name: str) -> None:
        self.name = name
        folders = sorted({str(PROJECT), sys.prefix, sys.base_prefix})
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", "sh", "-c", _BOOT, name, *folders],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        lines = [self._process.stdout.readline().strip() for _ in range(2)]
        if lines[1] != "ready":
            _, said = self._process.communicate()
            raise RuntimeError(f"the host {name} did not come up: {said}")
        self.pid = int(lines[0])
        self.root = Path(f"/proc/{self.pid}/root")

    def kill(self) -> None:
        """End the host as a power failure does: nothing in it gets to say a last word."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()  # until unshare ends, which waits for the first process, and that goes last

    def command(self, *command: str, namespaces: Sequence[str] = NAMESPACES) -> list[str]:
        """The command line that runs a program in this host (namespaces: in these of the host's alone)."""
        return ["nsenter", f"--target={self.pid}", *namespaces, *command]

    def run(
        self,
        *command: str,
        stdin: str = "",
        timeout: float = 60,
        env: Mapping[str, str] = ENVIRONMENT,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in this host; what runs longer than `timeout` seconds is ended in there."""
        bounded = self.command("timeout", "--kill-after=1", f"{timeout}", *command)
        done = subprocess.run(
            bounded, input=stdin, capture_output=True, text=True, errors="replace", env=env, check=False, cwd="/"
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)} ended with {done.returncode}: {done.stderr}")
        return done

    def spawn(self, *command: str, env: Mapping[str, str] = ENVIRONMENT, says: str = "") -> None:
        """Start a daemon in this host, with nobody waiting for its end; its output goes to /run/<program>.out there.

        says: return when the output has this, which it prints once it serves. Raises TimeoutError after 30 s.
        """
        out = f"/run/{Path(command[0]).name}.out"
        detached = self.command("setsid", "--fork", "sh", "-c", 'exec "$@" < /dev/null > "$0" 2>&1', out, *command)
        file = self.root / out.lstrip("/")
        file.unlink(missing_ok=True)  # of a former run
        subprocess.run(detached, env=env, check=True, cwd="/")
        if says:
            until(
                lambda: file.exists() and says in file.read_text(), lambda: f"{' '.join(command)} on {self.name}", 30
            )

    def popen(self, *command: str, env: Mapping[str, str] = ENVIRONMENT) -> subprocess.Popen[str]:
        """Start a program in this host and leave it to the caller; its standard output is a pipe."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(self.command(*command), text=True, env=env, cwd="/", **pipes)  # type: ignore[call-overload,no-any-return]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of this host."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Let this thread be in the host's network, to make sockets there that stay there."""
        with _returning():
            _enter(f"/proc/{self.pid}/ns/net")
            yield


@contextmanager
def new_network() -> Iterator[None]:
    """Let this thread, and what it starts, be in a new network of its own, which ends with the last of them."""
    with _returning():
        _checked(_libc.unshare(_NEWNET), "unshare")
        yield


@contextmanager
def _returning() -> Iterator[None]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _checked(_libc.setns(before, _NEWNET), "setns")
        os.close(before)


def until(true: Callable[[], object], what: Callable[[], object], seconds: float) -> None:
    """Wait until it is so; raises TimeoutError with what is so instead, or is still missing."""
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            raise TimeoutError(f"after {seconds} s: {what()}")
        time.sleep(0.1)


def _enter(path: str) -> None:
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(namespace, _NEWNET), "setns")  # os.setns comes with Python 3.12
    finally:
        os.close(namespace)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def networks() -> set[str]:
    """The network namespaces that any process or thread of this machine is in."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/task/[0-9]*/ns/net"):
        try:
            found.add(str(link.readlink()))
        except OSError:  # it has just ended
            continue
    return found
