"""A forward proxy that says who asked for what: by whole URLs and by CONNECT (RFC 9112, 3.2.2; RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import select
import socket
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import urlsplit

from lab.aws.internet import Internet, Place, forwarded
from lab.ec2.front import Exchange, Reply, Web
from lab.ec2.tls import Authority

Mode = Literal["open", "login", "error502", "page", "hang", "ends TLS"]
_HTML = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n"
_LOGIN = Reply(
    407,
    _HTML % ((b"Proxy Authentication Required",) * 2),
    "text/html",
    headers=(("Proxy-Authenticate", 'Basic realm="lab"'),),
)
_BAD_GATEWAY = Reply(502, _HTML % ((b"Bad Gateway",) * 2), "text/html")


@dataclass(frozen=True)
class Asked:
    """One request: CONNECT or another method, for which host and port; known: with the right user and password."""

    method: str
    host: str
    port: int
    known: bool


class Proxy:
    """A proxy at `url`, running from creation to `close`; it reaches what `internet` has, and loopback.

    login: "user:password" that it asks for. authority: whose certificates it shows in the mode "ends TLS".
    `mode` is how it answers: "open"; "login": 407 to everybody; "error502" and "page": 502, or 200, with a page of
    HTML, as a gateway or a portal; "hang": not at all; "ends TLS": it reads what is in the tunnel, as those do that
    look for viruses. `calls` is what it was asked for, in order; what it refused is there too.
    """

    def __init__(self, internet: Internet, *, login: str | None = None, authority: Authority | None = None) -> None:
        self.mode: Mode = "open"
        self.calls: list[Asked] = []
        self._internet = internet
        self._login = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
        self._inside = Internet(authority, internet.sites) if authority else None
        self._web = Web(self._answer)
        self._web.listen()
        self.url = self._web.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; requests that hang are let go."""
        self._web.stop()
        if self._inside:
            self._inside.close()

    def _answer(self, exchange: Exchange) -> None:
        tunnel = exchange.command == "CONNECT"
        parts = urlsplit(f"//{exchange.path}" if tunnel else exchange.path)
        host, port = parts.hostname or "", parts.port or 80
        known = exchange.headers.get("Proxy-Authorization") == self._login
        self.calls.append(Asked(exchange.command, host, port, known))
        place = self._internet.place(host, port)
        if self.mode == "login" or (not known and self._login):
            exchange.send(_LOGIN)
        elif self.mode == "page":
            _show(exchange)
        elif self.mode == "hang":
            exchange.send(Reply(0, manner="hang"))
        elif self.mode == "error502" or place is None:
            exchange.send(_BAD_GATEWAY)
        elif not tunnel:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            exchange.send(forwarded(exchange, place, path))
        elif self.mode == "ends TLS":
            assert self._inside, "which authority?"
            _join(exchange, self._inside.tls)
        else:
            _join(exchange, place)


def _show(exchange: Exchange) -> None:
    """Send a page, and end the connection only when the client has: else it may hear a reset, or not."""
    exchange.send(Reply(200, _HTML % ((b"Welcome",) * 2), "text/html"))
    exchange.close_connection = True
    exchange.wfile.flush()
    exchange.connection.shutdown(socket.SHUT_WR)
    while exchange.connection.recv(65_536):
        pass


def _join(exchange: Exchange, place: Place) -> None:
    """Join the client's connection to a place, until one of the two ends it."""
    exchange.close_connection = True
    try:
        there = socket.create_connection(place)
    except OSError:
        exchange.send(_BAD_GATEWAY)
        return
    here = exchange.connection
    other = {here: there, there: here}
    with there:
        here.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        while True:
            for ready in select.select([here, there], [], [])[0]:
                if not (said := ready.recv(65_536)):
                    return
                other[ready].sendall(said)
