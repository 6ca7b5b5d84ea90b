"""The HTTP/1.1 server under the lab's EC2 and metadata: keep-alive, no stalls, bad manners on demand."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Literal

Place = Callable[[], AbstractContextManager[None]]
Manner = Literal["whole", "truncated", "cut", "reset", "hang", "slow"]
SLOW_LENGTH = 1_000_000  # bytes promised by a slow reply
SLOW_PAUSE = 1.0  # seconds between two of its bytes
PEER_CHECK = 0.02  # seconds between two looks whether a hanging call's client has gone


@dataclass(frozen=True)
class Reply:
    """One answer, and the manner in which it is sent.

    `whole` is a proper reply; `truncated` promises all of `body` and closes after half of it, `cut` resets the
    TCP connection there; `reset` sends nothing and resets the TCP connection; `hang` sends nothing until the
    server is released; `slow` sends the status line and then one byte a second. `headers` come on top of the body's.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/xml;charset=UTF-8"
    manner: Manner = "whole"
    headers: tuple[tuple[str, str], ...] = ()


class Exchange(BaseHTTPRequestHandler):
    """One request on one connection: `command`, `path`, `headers` and `body` (bytes), answered by `send`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave together
    server: Web
    body: bytes = b""

    def _handle(self) -> None:
        self._released = self.server.released  # a release after this is for this request, whenever its answer begins
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        if len(self.body) == length:  # else the client has gone in the middle of it
            self.server.answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = _handle  # noqa: N815 - http.server names them

    def send(self, reply: Reply) -> None:
        """Send `reply` in its manner; return when nothing more of it will be sent."""
        if reply.manner != "whole":
            self.close_connection = True
        if reply.manner in ("reset", "cut"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply.manner == "reset":
            return
        if reply.manner == "hang":
            self._hang()
        elif reply.manner == "slow":
            self._drip(reply)
        else:
            self._head(reply, len(reply.body))
            whole = reply.manner == "whole"
            self.wfile.write(reply.body if whole else reply.body[: len(reply.body) // 2])

    def _head(self, reply: Reply, length: int) -> None:
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Date", formatdate(time.time() + self.server.ahead, usegmt=True))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()

    def _hang(self) -> None:
        while not self._released.wait(PEER_CHECK) and not self._peer_gone():
            pass

    def _drip(self, reply: Reply) -> None:
        self._head(reply, SLOW_LENGTH)
        try:
            for _ in range(SLOW_LENGTH):
                self.wfile.write(b" ")
                self.wfile.flush()
                if self._released.wait(SLOW_PAUSE):
                    return
        except OSError:
            return  # the client has had enough

    def _peer_gone(self) -> bool:
        peek = socket.MSG_PEEK | socket.MSG_DONTWAIT
        try:
            waiting = socket.socket.recv(self.connection, 1, peek)  # below TLS, which has no flags
        except BlockingIOError:
            return False
        except OSError:
            return True
        return not waiting or isinstance(self.connection, ssl.SSLSocket)  # under TLS a closing alert comes first

    def log_message(self, *_args: object) -> None:
        """Keep the access log off stderr."""


class Web(ThreadingHTTPServer):
    """A server that hands every `Exchange` to `answer`, in daemon threads.

    host: the address it binds to, IPv4 or IPv6; port: 0 is a free one. It holds its port from creation to `stop`,
    listening between `listen` and `refuse`. tls: what it shows to its clients; None is plain HTTP.
    where: a context to make its sockets in, such as another network. `url` is the address
    without a closing slash. `opened` counts the connections that were made to it. `ahead`: by how many seconds its
    clock is, as the Date of its replies tells.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        answer: Callable[[Exchange], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        where: Place = nullcontext,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.ahead = 0.0
        with where():
            super().__init__((host, port), Exchange, bind_and_activate=False)
        self._where = where
        self.answer = answer
        self.opened = 0
        self._tls = tls
        self.released = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._switch = threading.Lock()
        self._loop: threading.Thread | None = None
        self.server_bind()
        self.port: int = self.socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def server_bind(self) -> None:
        """Bind without http.server's reverse look-up of the host name."""
        TCPServer.server_bind(self)

    def listen(self) -> None:
        """Start to accept connections; nothing happens when it does already."""
        with self._switch:
            if self._loop is None:
                self.server_activate()
                self._loop = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
                self._loop.start()

    def refuse(self) -> None:
        """Stop listening and cut every connection, but keep the port; `listen` undoes it."""
        with self._switch:
            if self._loop is None:
                return
            self._end_loop()
            with self._where():
                self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_address = (self.server_address[0], self.port)
            self.server_bind()

    def release(self) -> None:
        """Let every hanging and every slow call go: their connections close without a (complete) reply."""
        released, self.released = self.released, threading.Event()
        released.set()

    def stop(self) -> None:
        """Close the port and all connections; hanging calls do not hold it up."""
        self._end_loop()

    def _end_loop(self) -> None:
        if self._loop is not None:
            self.shutdown()
            self._loop.join()
            self._loop = None
        self.server_close()
        self.release()
        with self._lock:
            for connection in self._connections:
                _cut(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its TLS handshake is left to its own thread, so that a slow one holds up nobody."""
        connection, peer = super().get_request()
        self.opened += 1
        if self._tls is None:
            return connection, peer
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread of its own."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close at once, without the orderly shutdown that would hide a reset."""
        with self._lock:
            self._connections.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that hang up; show any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _cut(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, whose own is not for other threads
    except OSError:
        return  # closed by its peer already
