"""A resolver of the lab's own: on the PYTHONPATH of a program; Python imports a module of this name when it starts.

The host LAB_HANGING_HOST hangs. A name server that hangs cannot be had without root, so this stands in for one:
socket.getaddrinfo of that host sleeps in the C library, where no Python exception reaches it, as getaddrinfo itself
would. LAB_HOSTS names all hosts that there are, beside those on loopback, as `lab.aws.internet` tells: where each is
reached by its TLS ports, and by any other.
"""

import ctypes
import ipaddress
import json
import os
import socket
from typing import Any

_HANGING = os.environ.get("LAB_HANGING_HOST")
_HOSTS: Any = json.loads(os.environ.get("LAB_HOSTS", "null"))
_look_up = socket.getaddrinfo


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answer(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
    if host == _HANGING:
        ctypes.CDLL(None).sleep(86_400)
    if _HOSTS is not None and not (isinstance(host, str) and _local(host)):
        if host not in _HOSTS["sites"]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        host, port = _HOSTS["tls"] if port in _HOSTS["tls_ports"] else _HOSTS["sites"][host]
    return _look_up(host, port, *arguments, **named)


socket.getaddrinfo = _answer
