"""This host's network interfaces, through sysfs, procfs and the ip and nmcli programs.

sysfs: docs.kernel.org, Documentation/ABI/testing/sysfs-class-net. carrier is 1 with link, 0
without, and cannot be read (EINVAL) while the interface is administratively down.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.host.deadline import Deadline

_ANY = "00000000"
_MASK = 7  # column of /proc/net/route
_COMMAND_SECONDS = 30.0
_UP_SECONDS = 2.0  # what taking an interface up again may cost


def names(sysfs: str) -> list[str]:
    """The names of this host's interfaces, sorted; without the loopback. Raises Unavailable."""
    folder = Path(sysfs, "class/net")
    try:
        return sorted(each.name for each in folder.iterdir() if each.name != "lo" and (each / "address").exists())
    except OSError as error:
        raise Unavailable(f"cannot list the interfaces in {folder} ({error.strerror})") from error


def default_interface(sysfs: str, procfs: str) -> str | None:
    """The interface of the IPv4 default route with the lowest metric, if this host has it; else None.

    /proc/net/route: columns Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, ...
    """
    try:
        rows = [line.split() for line in Path(procfs, "net/route").read_text().splitlines()[1:]]
    except OSError:  # no such view of the kernel's routes: the caller asks the metadata instead
        return None
    there = set(names(sysfs))
    defaults = [
        (int(row[6]), row[0])
        for row in rows
        if len(row) > _MASK and row[1] == row[_MASK] == _ANY and row[0] in there and row[6].isdigit()
    ]
    return min(defaults)[1] if defaults else None


def mac(sysfs: str, interface: str) -> str:
    """The interface's hardware address, lower case. Raises Misconfigured when there is no such interface."""
    path = Path(sysfs, "class/net", interface, "address")
    if "/" in interface or not path.exists():
        raise Misconfigured(
            f"this node has no network interface {interface}",
            f"It has: {', '.join(names(sysfs)) or 'none'}. Name one of them",
        )
    return _read(path).lower()


def has_link(sysfs: str, interface: str) -> bool:
    """Whether the interface has link now. One that is administratively down has none. Raises Unavailable."""
    nic = Path(sysfs, "class/net", interface)
    try:
        return _read(nic / "carrier") == "1"
    except Unavailable:  # the kernel refuses to tell while the interface is down
        if _read(nic / "operstate") == "down":
            return False
        raise


def bring_up(interface: str, *, wait: float, deadline: Deadline) -> None:
    """Take the interface down, wait so many seconds, take it up.

    By nmcli where NetworkManager manages it, else by ip. Raises Unavailable when a program is
    missing, fails or hangs, and when there is too little time to take it up again: an interface
    that is left down is worse than one without link. All of them permanent: a link is repaired once.
    """
    if deadline.left < wait + _UP_SECONDS:
        cure = "Run it again, or raise the action's timeout"
        raise Unavailable(f"too little time is left to take {interface} down and up again", cure, permanent=True)
    if _managed(interface, deadline):
        down, up = ["nmcli", "device", "disconnect", interface], ["nmcli", "device", "connect", interface]
    else:
        down, up = (
            ["ip", "link", "set", "dev", interface, "down"],
            ["ip", "link", "set", "dev", interface, "up"],
        )
    try:
        with deadline.waiting(f"{interface} to go down and up"):
            _run(down, deadline.left)
            deadline.sleep(wait)
    finally:
        _run(up, _UP_SECONDS)  # on a budget of its own: it is due even when the deadline has just passed


def _managed(interface: str, deadline: Deadline) -> bool:
    """Whether NetworkManager runs and manages the interface (nmcli says: unmanaged, connected, ...)."""
    try:
        said = _run(["nmcli", "-g", "GENERAL.STATE", "device", "show", interface], deadline.left)
    except Unavailable:  # no NetworkManager here, or it does not know the interface
        return False
    return bool(said) and not said.startswith("10 ")  # 10 is NM_DEVICE_STATE_UNMANAGED


def _run(command: Sequence[str], seconds: float) -> str:
    said = " ".join(command)
    try:
        done = subprocess.run(
            [_path(command[0]), *command[1:]],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=min(_COMMAND_SECONDS, seconds),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"'{said}' did not end in {error.timeout:.0f} s", permanent=True) from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"'{said}' failed", "Run it by hand to see why", permanent=True) from error
    return done.stdout.strip()


def _path(program: str) -> str:
    """Where the program is, also when the caller's PATH is a bare one without the sbin folders."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        cure = f"Install the package that has {program}"
        raise Unavailable(f"the program {program} is missing", cure, permanent=True)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Unavailable(f"cannot read {path} ({error.strerror})") from error
