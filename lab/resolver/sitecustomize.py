"""A resolver that hangs: on the PYTHONPATH of a program, it makes one host name's look-up wait for ever, in C.

Python imports a module of this name when it starts. A name server that hangs cannot be had without root, so
this stands in for one: socket.getaddrinfo of the host LAB_HANGING_HOST sleeps in the C library, where no
Python exception reaches it, as getaddrinfo itself would.
"""

import ctypes
import os
import socket
from typing import Any

_HOST = os.environ["LAB_HANGING_HOST"]
_look_up = socket.getaddrinfo


def _hanging(host: Any, *arguments: Any, **named: Any) -> Any:
    if host == _HOST:
        ctypes.CDLL(None).sleep(86_400)
    return _look_up(host, *arguments, **named)


socket.getaddrinfo = _hanging
