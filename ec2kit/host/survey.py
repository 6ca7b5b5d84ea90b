"""What this host tells of itself: names, files, the words of its programs. Nothing is changed."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from ec2kit.core.errors import Unavailable
from ec2kit.host import files, programs

_SECONDS = 5.0  # for a program, at most


def addresses(host: str) -> tuple[str, ...]:
    """The addresses that this host has for a name. Raises Unavailable."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        what = f"this host has no address for {host} ({error.strerror or type(error).__name__})"
        raise Unavailable(what, "Check /etc/resolv.conf, and the VPC's DNS support") from error
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def text(path: Path) -> str | None:
    """The text of a file; None where there is no such file. Raises Unavailable."""
    try:
        return files.read_anyones(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path} ({error.strerror})") from error


def output(command: Sequence[str]) -> str | None:
    """What a program prints, whatever its exit code; None where there is no such program. Raises Unavailable."""
    if not programs.installed(command[0]):
        return None
    return programs.tell(command, _SECONDS).stdout
