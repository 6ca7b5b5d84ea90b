"""A service that tells which host answers: UDP and TCP on one port, `python -m lab.net.echo`.

Each datagram, and each line of a connection, comes back with this host's name before it. A datagram's answer comes
from the very address that it was sent to: a socket that is bound to all addresses would take the primary one.
`start` has it on a host, once for each time that the host is booted.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading

from lab import PROJECT
from lab.net.hosts import ENVIRONMENT, Host

PORT = 4007
_SERVES = "serves"
_IP_PKTINFO = 8  # of linux/in.h; Python has no name for it yet
_INFO = struct.Struct("I4s4s")  # struct in_pktinfo: interface, local address, the header's destination


def start(host: Host) -> None:
    """Start it on a host, where it does not run yet; returns when it serves."""
    host.spawn(sys.executable, "-m", "lab.net.echo", env=ENVIRONMENT | {"PYTHONPATH": str(PROJECT)}, says=_SERVES)


def serve(name: str, port: int = PORT) -> None:
    """Serve for ever, datagrams in a thread of their own."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    datagrams.bind(("", port))
    threading.Thread(target=_answer, args=(datagrams, name.encode()), daemon=True).start()
    with socket.create_server(("", port), backlog=128) as door:
        print(_SERVES, flush=True)  # for `start`
        while True:
            connection, _ = door.accept()
            threading.Thread(target=_converse, args=(connection, name.encode()), daemon=True).start()


def _answer(datagrams: socket.socket, name: bytes) -> None:
    while True:
        data, ancillary, _, peer = datagrams.recvmsg(2048, 64)
        _, _, asked = _INFO.unpack(ancillary[0][2])
        info = [(socket.IPPROTO_IP, _IP_PKTINFO, _INFO.pack(0, asked, bytes(4)))]
        try:
            datagrams.sendmsg([name, b" ", data], info, 0, peer)
        except OSError:  # the address has just left this host, and so has the answer
            continue


def _converse(connection: socket.socket, name: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(name + b" " + line)
    except OSError:
        return  # the client has gone


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else socket.gethostname())
