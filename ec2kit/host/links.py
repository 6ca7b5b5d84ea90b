"""The interface behind an alternative name, as systemd gives them (`altname`): rtnetlink tells it, sysfs does not.

linux/rtnetlink.h, linux/if_link.h. Kernels before 5.5 have no such names, and call the question invalid.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from ec2kit.core.errors import Unavailable

_SECONDS = 2.0  # for the kernel to answer
_MOST = 127  # bytes of a name, as the kernel has it
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length, type
_ERROR, _NEW_LINK, _GET_LINK, _REQUEST, _NAME, _ALTERNATIVE = 2, 16, 18, 1, 3, 53
_PLAIN_TYPE = 0x3FFF  # of an attribute's type, without its flags
_SEQUENCE = 1
_NONE = {errno.ENODEV, errno.EINVAL}


def named(name: str) -> str | None:
    """The interface that has this name or alternative name; None: there is none. Raises Unavailable."""
    try:
        wanted = os.fsencode(name)
    except UnicodeEncodeError:
        return None
    if not 0 < len(wanted) <= _MOST or b"\0" in wanted:
        return None
    try:
        return _answer(_ask(wanted))
    except (OSError, ValueError, struct.error) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise Unavailable(
            f"cannot ask the kernel whether {name} is another name of an interface ({why})",
            "Name the interface as it is called in /sys/class/net",
        ) from error


def _ask(name: bytes) -> bytes:
    """The kernel's answer. Raises OSError."""
    size = _ATTRIBUTE.size + len(name) + 1
    question = _LINK.pack(0, 0, 0, 0, 0) + _ATTRIBUTE.pack(size, _ALTERNATIVE) + name + bytes(1 + -size % 4)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_SECONDS)
        kernel.bind((0, 0))
        kernel.sendto(
            _HEADER.pack(_HEADER.size + len(question), _GET_LINK, _REQUEST, _SEQUENCE, 0) + question, (0, 0)
        )
        answer, _, flags, (sender, _) = kernel.recvmsg(1 << 16)
    if sender or flags & socket.MSG_TRUNC:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
    return answer


def _answer(answer: bytes) -> str | None:
    """The interface's name in an answer. Raises ValueError or struct.error for an odd one, OSError for an error."""
    length, kind, _, sequence, _ = _HEADER.unpack_from(answer)
    if length > len(answer) or sequence != _SEQUENCE:
        raise ValueError("an answer that is cut off, or to something else")
    if kind == _ERROR:
        code = -struct.unpack_from("=i", answer[:length], _HEADER.size)[0]
        if code in _NONE:
            return None
        raise OSError(code, os.strerror(code))
    at = _HEADER.size + _LINK.size
    while kind == _NEW_LINK and at + _ATTRIBUTE.size <= length:
        size, attribute = _ATTRIBUTE.unpack_from(answer, at)
        if not _ATTRIBUTE.size <= size <= length - at:
            break
        if attribute & _PLAIN_TYPE == _NAME:
            return os.fsdecode(answer[at + _ATTRIBUTE.size : at + size].split(b"\0")[0])
        at += size + -size % 4
    raise ValueError("an answer without a name")
