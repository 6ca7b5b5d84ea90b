"""This host's network interfaces, through sysfs, procfs, the kernel's own answers and the ip program.

sysfs: docs.kernel.org, Documentation/ABI/testing/sysfs-class-net. carrier is 1 with link, 0
without, and cannot be read (EINVAL) while the interface is administratively down.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ec2kit.core.errors import DeadlineExceeded, Misconfigured, Unavailable
from ec2kit.host import files, kept, links, programs
from ec2kit.host.deadline import Deadline

_SYSFS = Path("/sys")  # only there the kernel's interfaces are those of the folder
_ANY = "00000000"
_MASK = 7  # column of /proc/net/route
_ASK_SECONDS = 5.0  # for ip to tell what an interface has
_COMMAND_SECONDS = 30.0  # for a command that takes an interface down or up
_LEAST_SECONDS = 0.5  # of them, however little time is left
_UP_SECONDS = 3.0  # what taking an interface up again may cost, with all that it had
# Its arguments: the command that takes the interface down, one word a line; seconds; the one that tells its IPv4
# addresses; the one that takes it up; the one that puts back what it had; and all but the last, which is one word.
# Once begun it goes on to its end. 137: a command that `timeout` has killed.
_REPAIR = """
trap '' HUP INT QUIT PIPE TERM
set -f
IFS='
'
$1
down=$?
[ $down -eq 0 ] && sleep "$2"
kept=$($3)
$4
up=$?
$5 "$6" ec2kit-link-repair "$kept"
[ $up -eq 0 ] || exit $((up == 137 ? 22 : 21))
[ $down -eq 0 ] || exit $((down == 137 ? 12 : 11))
"""


def names(sysfs: str) -> list[str]:
    """The names of this host's interfaces, sorted; without the loopback. Raises Unavailable."""
    folder = Path(sysfs, "class/net")
    try:
        return sorted(each.name for each in folder.iterdir() if each.name != "lo" and (each / "address").exists())
    except OSError as error:
        raise Unavailable(f"cannot list the interfaces in {folder} ({error.strerror})") from error


def default_interface(sysfs: str, procfs: str) -> str | None:
    """The interface of the IPv4 default route with the lowest metric; None where this host never shows its routes.

    /proc/net/route: columns Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, ...; the kernel
    lists default routes first, so the beginning of a long list is enough. Raises Unavailable: a route that is gone
    now, or cannot be read because no file can be opened, must not make another interface the default one.
    """
    path = Path(procfs, "net/route")
    try:
        rows = [line.split() for line in files.read_anyones(path, cut=True).splitlines()[1:]]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None  # this host never shows the kernel's routes: the caller asks the metadata instead
    except OSError as error:
        raise _unreadable(path, error) from error
    there = set(names(sysfs))
    defaults = [
        (int(row[6]), row[0])
        for row in rows
        if len(row) > _MASK and row[1] == row[_MASK] == _ANY and row[0] in there and row[6].isdigit()
    ]
    if not defaults:
        raise Unavailable("this host has no default route now, and no interface is named", "Name the interface")
    return min(defaults)[1]


def own_name(sysfs: str, interface: str) -> str:
    """The name in sysfs of an interface, which may be given by an alternative name.

    Raises Misconfigured when there is no such interface, Unavailable.
    """
    there = names(sysfs)
    found = interface if interface in there or Path(sysfs) != _SYSFS else links.named(interface)
    if found not in there:
        raise Misconfigured(
            f"this node has no network interface {interface}",
            f"It has: {', '.join(there) or 'none'}. Name one of them",
        )
    return found


def has(sysfs: str, interface: str) -> bool:
    """Whether there is such an interface. Raises Unavailable."""
    try:
        return bool(own_name(sysfs, interface))
    except Misconfigured:
        return False


def mac(sysfs: str, interface: str) -> str:
    """The interface's hardware address, lower case. Raises Misconfigured when there is no such one, Unavailable."""
    return _read(Path(sysfs, "class/net", own_name(sysfs, interface), "address")).lower()


def names_by_mac(sysfs: str) -> dict[str, str]:
    """The names of this host's interfaces by their hardware addresses, lower case. Raises Unavailable.

    Of several with the same one, as a bond or a bridge has it, that of a device; else the first by name.
    """
    found: dict[str, str] = {}
    for name in sorted(names(sysfs), key=lambda name: not Path(sysfs, "class/net", name, "device").exists()):
        try:
            found.setdefault(mac(sysfs, name), name)
        except Misconfigured:  # it has gone meanwhile
            continue
    return found


def has_link(sysfs: str, interface: str) -> bool:
    """Whether the interface has link now. One that is administratively down has none. Raises Unavailable."""
    nic = Path(sysfs, "class/net", interface)
    try:
        return _read(nic / "carrier") == "1"
    except Unavailable:  # the kernel refuses to tell while the interface is down
        if _read(nic / "operstate") == "down":
            return False
        raise


def bring_up(interface: str, *, wait: float, deadline: Deadline) -> str:
    """Take the interface down, wait so many seconds, take it up, and put back what the kernel drops meanwhile.

    Returns what is not as it was before, in words; nothing as a rule.

    By `ip`, also where a network manager is in charge, which puts back its own when it sees the link again. (To ask
    NetworkManager, by `nmcli device disconnect`, leaves the link as it is, and loses what it does not know.)
    A process in a session of its own does all of it, so what was taken down is taken up also when this run is
    killed or out of time. Raises Unavailable when the program is missing, fails or hangs, when the interface has
    what could not be put back, and when there is too little time to take it up again: an interface that is left
    down is worse than one without link. All of them permanent: a link is repaired once.
    """
    _need_time(interface, wait, deadline)
    try:
        had = _had(interface, deadline)
    except Unavailable as error:
        what = f"{interface} is not taken down, for what it has could not be put back: {error.why}"
        raise Unavailable(what, error.cure, permanent=True) from error
    down, up = (["ip", "link", "set", "dev", interface, way] for way in ("down", "up"))
    told = ["ip", "-4", "-o", "address", "show", "dev", interface]
    spare = _need_time(interface, wait, deadline)  # ip may have taken its time
    most = min(_COMMAND_SECONDS, max(_LEAST_SECONDS, spare))
    words = [_bounded(down, most), [f"{wait:g}"], _bounded(told, _LEAST_SECONDS)]
    words += [_bounded(each, _COMMAND_SECONDS) for each in (up, ["/bin/sh", "-c"])]
    try:
        child = _begin(["\n".join(each) for each in words] + [had.script])
    except OSError as error:
        raise Unavailable(f"cannot begin to repair {interface} ({error.strerror})", permanent=True) from error
    with deadline.waiting(f"{interface} to go down and up"):
        try:
            code = child.wait(deadline.left)
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(deadline.epitaph) from error
    if code:
        said, seconds = (" ".join(down), most) if code in {11, 12} else (" ".join(up), _COMMAND_SECONDS)
        if code in {12, 22}:
            raise Unavailable(f"'{said}' did not end in {seconds:.3g} s", permanent=True)
        raise Unavailable(f"'{said}' failed", "Run it by hand to see why", permanent=True)
    try:
        return "; ".join(had.missing(_had(interface, deadline)))
    except Unavailable as error:  # the link is up again, and all was put back as far as could be
        return error.why


def _need_time(interface: str, wait: float, deadline: Deadline) -> float:
    """The seconds that taking the interface down may cost. Raises Unavailable when there are none."""
    spare = deadline.left - wait - _UP_SECONDS
    if spare < 0:
        cure = "Run it again, or raise the action's timeout"
        raise Unavailable(f"too little time is left to take {interface} down and up again", cure, permanent=True)
    return spare


def _begin(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begin the repair. It has neither session nor streams of this run, so what ends this run does not end it."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _REPAIR, "ec2kit-link-repair", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PATH": programs.search()},
    )


def _bounded(command: Sequence[str], seconds: float) -> list[str]:
    """The command, ended after so many seconds where this host has coreutils' timeout."""
    timeout = shutil.which("timeout", path=programs.search())
    bound = [timeout, "-s", "KILL", f"{seconds:.3f}"] if timeout else []
    return [*bound, programs.path(command[0]), *command[1:]]


def _had(interface: str, deadline: Deadline) -> kept.Kept:
    """What the interface has now that the kernel drops from one that goes down. Raises Unavailable."""
    answers = [_tell(command, deadline) for command in kept.questions(interface)]
    try:
        return kept.read(interface, answers)
    except (ValueError, IndexError) as error:  # words that ip did not have when this was written
        raise Unavailable(f"ip tells of it what this kit does not know: {error}") from error


def _tell(command: Sequence[str], deadline: Deadline) -> str:
    """What the command prints. Raises Unavailable."""
    done = programs.tell(command, min(_ASK_SECONDS, deadline.left))
    if done.returncode and "nexthop" not in command:  # which neither an old kernel nor an old ip knows
        raise Unavailable(f"'{' '.join(command)}' failed", "Run it by hand to see why")
    return done.stdout


def _read(path: Path) -> str:
    try:
        return files.read_anyones(path).strip()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"cannot read {path} ({error.strerror})")
