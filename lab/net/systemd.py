"""systemd, Debian's own, as the first process on a node of the lab, with the units as `./install` places them.

It has processes, mounts, devices and cgroups of its own: what it mounts, cleans up and sets when it starts is in
memory. The kernel's settings are this machine's, so it may not write them.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from lab.net.hosts import ENVIRONMENT, Host, until

SYSTEMD = Path("/usr/lib/systemd/systemd")
UNITS = "/opt/ec2kit/etc/systemd"  # where ./install places them
_OWN = ("--mount", "--pid", "--cgroup")
_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))  # beside version 1, and alone
_BOOT = """set -e
read -r pid rest < /proc/self/stat
mount -t tmpfs -o mode=0755 tmpfs /mnt
for each in null zero full random urandom tty; do touch /mnt/$each; mount --bind /dev/$each /mnt/$each; done
mkdir /mnt/pts /mnt/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/pts
mount -t tmpfs tmpfs /mnt/shm
ln -s pts/ptmx /mnt/ptmx
ln -s /proc/self/fd /mnt/fd
mount --move /mnt /dev
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs tmpfs /tmp
cd /etc/systemd
rm -rf system/*.wants system/*.requires /var/log/journal
for each in udevd udev-trigger sysctl modules-load timesyncd networkd resolved; do
  ln -sf /dev/null system/systemd-$each.service
done
mkdir -p journald.conf.d
printf '[Journal]\nAudit=no\nReadKMsg=no\n' > journald.conf.d/lab.conf
cp "$0"/* system
export container=lab
echo "$pid"
exec "$1" --system --unit=multi-user.target --show-status=0 --log-target=journal < /dev/null > /dev/null 2>&1
"""


class System:
    """systemd on a node, from creation to `close`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._cgroup = _cgroups()[0] / f"ec2kit-lab-{host.pid}"
        self._cgroup.mkdir()
        enter = 'echo $$ > "$0" && exec "$@"'
        inside = host.command("unshare", *_OWN, "--fork", "--kill-child", "sh", "-c", _BOOT, UNITS, str(SYSTEMD))
        self._process = subprocess.Popen(
            ["sh", "-c", enter, str(self._cgroup / "cgroup.procs"), *inside],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
        )
        assert self._process.stdout
        self._pid = self._process.stdout.readline().strip()
        try:
            until(lambda: self.run("systemctl", "is-system-running").stdout == "running\n", self.failed, 30)
        except TimeoutError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program beside it."""
        return self._host.run("nsenter", f"--target={self._pid}", *_OWN, *command, timeout=timeout)

    def failed(self) -> str:
        """The units that have failed, and the end of the journal."""
        return self.run("sh", "-c", "systemctl --failed --plain; systemctl list-jobs; journalctl -n 20").stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", unit, "--property", name, "--value").stdout.strip()

    def journal(self, *options: str) -> list[str]:
        """The messages in the journal, without what stands before each."""
        return self.run("journalctl", "--quiet", "--output=cat", "--no-pager", *options).stdout.splitlines()

    def power_off(self) -> None:
        """Shut it down in order, and wait for that."""
        self.run("systemctl", "--no-block", "poweroff")
        self._process.wait(120)

    def close(self) -> None:
        """End it as a power failure does."""
        if self._pid:  # what has started it goes with it
            self._host.run("kill", "-KILL", self._pid)
        self._process.communicate()

        def gone() -> bool:
            for folder in sorted(self._cgroup.rglob("*/"), reverse=True):
                with suppress(OSError):  # what was in it has not ended yet
                    folder.rmdir()
            with suppress(OSError):
                self._cgroup.rmdir()
            return not self._cgroup.exists()

        until(gone, lambda: self._cgroup, 30)


def why_not() -> str | None:
    """What keeps systemd from running here, in one line; None when nothing does."""
    if not SYSTEMD.exists():
        return "Missing here: systemd. On Debian: apt-get install --no-install-recommends systemd dbus"
    return None if _cgroups() else "Missing here: cgroups of version 2 that can be written"


def _cgroups() -> list[Path]:
    """Where cgroups can be made."""
    return [each for each in _CGROUPS if os.access(each / "cgroup.procs", os.W_OK)]
