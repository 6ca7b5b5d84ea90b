"""The hosts that a lab's programs can name, such as ec2.us-east-1.amazonaws.com: all of them are on loopback."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from lab import PROJECT
from lab.ec2.front import Exchange, Reply, Web
from lab.ec2.tls import Authority

TLS_PORTS = (443, 8443)
_OF_THE_WAY = {"connection", "proxy-authorization", "proxy-connection", "keep-alive"}
_WAIT = 30.0  # seconds that a site may take to answer
Place = tuple[str, int]  # address and port


class Internet:
    """Hosts with certificates of `authority`, running from creation to `close`.

    sites: by host name or address the http:// URL on loopback of what answers there; a port of TLS_PORTS is TLS,
    which ends here, any other port is what answers itself. `environment` is what a program of Python's needs to
    see them; it then sees nothing else that is not on loopback.
    """

    def __init__(self, authority: Authority, sites: Mapping[str, str]) -> None:
        self.sites = dict(sites)
        self._authority = authority
        self._shown: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        context = authority.server("localhost", "127.0.0.1")
        context.sni_callback = self._show
        self._web = Web(self._answer, tls=context)
        self._web.listen()
        self.tls: Place = ("127.0.0.1", self._web.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop."""
        self._web.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program sees the sites of this moment; lab/resolver reads them."""
        sites = {host: _place(url) for host, url in self.sites.items()}
        told = {"tls": self.tls, "tls_ports": TLS_PORTS, "sites": sites}
        return {"PYTHONPATH": str(PROJECT / "lab/resolver"), "LAB_HOSTS": json.dumps(told)}

    def place(self, host: str, port: int) -> Place | None:
        """Where a host is reached: its place on loopback; None when there is no such host."""
        if host in self.sites:
            return self.tls if port in TLS_PORTS else _place(self.sites[host])
        try:
            return (host, port) if ip_address(host).is_loopback else None
        except ValueError:
            return ("127.0.0.1", port) if host == "localhost" else None

    def _show(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is None:  # an address: the certificate for loopback
            return
        with self._lock:
            if name not in self._shown:
                self._shown[name] = self._authority.server(name)
        tls.context = self._shown[name]

    def _answer(self, exchange: Exchange) -> None:
        host = urlsplit(f"//{exchange.headers.get('Host', '')}").hostname or ""
        if host in self.sites:
            exchange.send(forwarded(exchange, _place(self.sites[host]), exchange.path))
        else:
            exchange.send(Reply(421, b"no such site", "text/plain"))


def forwarded(exchange: Exchange, place: Place, path: str) -> Reply:
    """What a server on loopback answers to somebody's request; a reset where it answers nothing."""
    headers = {name: value for name, value in exchange.headers.items() if name.lower() not in _OF_THE_WAY}
    line = HTTPConnection(*place, timeout=_WAIT)
    try:
        line.request(exchange.command, path, exchange.body, headers)
        answer = line.getresponse()
        return Reply(answer.status, answer.read(), answer.getheader("Content-Type", ""))
    except (OSError, HTTPException):
        return Reply(0, manner="reset")
    finally:
        line.close()


def _place(url: str) -> Place:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
