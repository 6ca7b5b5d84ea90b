"""The instance metadata service, version 2: who this instance is and which ENI an interface has.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html. Never through a
proxy; 1 s to connect, 2 s to read; retried inside the deadline. Everything goes over one connection,
by the standard library's HTTP: it is there before botocore, so that the two can be beside each other.
"""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import NamedTuple
from urllib.parse import urlsplit

from ec2kit.deadline import Deadline
from ec2kit.errors import Misconfigured, Unavailable

ENDPOINT = "http://169.254.169.254"
_TIMEOUTS = (1.0, 2.0)  # seconds to connect, to read
_TOKEN_SECONDS = "300"  # no run lasts longer on one token; a 401 renews it  # noqa: S105  a lifetime, no secret
_PAUSE = 0.2  # seconds before the first retry, doubled each time
_MOST_BYTES = 65_536


class _Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace").strip()


class Metadata:
    """One run's view of the metadata service. retries: how often a question is asked again."""

    def __init__(self, endpoint: str | None, *, retries: int, deadline: Deadline) -> None:
        self._base = (endpoint or ENDPOINT).rstrip("/")
        self._retries = retries
        self._deadline = deadline
        self._token: str | None = None
        self._connection: HTTPConnection | None = None

    def __del__(self) -> None:
        """Close what is kept open."""
        if self._connection:
            self._connection.close()

    def get(self, path: str) -> str | None:
        """The text of /latest/meta-data/<path>; None when there is no such item.

        Raises Unavailable when the service does not answer, Misconfigured when it is switched off.
        """
        renewed = False
        while True:
            if self._token is None:
                self._token = self._fetch_token()
            answer = self._ask("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})
            if answer.status == HTTPStatus.UNAUTHORIZED and not renewed:
                self._token, renewed = None, True
                continue
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            if answer.status != HTTPStatus.OK:
                raise Unavailable(f"the metadata service answered {path} with HTTP {answer.status}")
            return answer.text

    def need(self, path: str) -> str:
        """As get, but an item that is not there is Unavailable."""
        value = self.get(path)
        if not value:
            raise Unavailable(f"the metadata service has no {path}", "Is this an EC2 instance in a VPC?")
        return value

    def _fetch_token(self) -> str:
        answer = self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS})
        if answer.status != HTTPStatus.OK:
            raise Unavailable(f"the metadata service gave no token (HTTP {answer.status})")
        token = answer.text
        if not token.isascii() or not token.isprintable() or not token:
            raise Unavailable("the metadata service gave something that is no token")
        return token

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> _Answer:
        """One answer of the service. Connection failures and 5xx are asked again; 403 is final."""
        problem = ""
        for attempt in range(1 + self._retries):
            if attempt:
                self._deadline.sleep(_PAUSE * 2 ** (attempt - 1))
            try:
                with self._deadline.waiting(f"the metadata service at {self._base}"):
                    answer = self._exchange(method, path, headers)
            except (OSError, HTTPException, ValueError) as error:  # ValueError: a URL that is none
                problem = type(error).__name__
                continue
            if answer.status == HTTPStatus.FORBIDDEN:
                raise Misconfigured(
                    "the instance metadata service is switched off or out of reach here (HTTP 403)",
                    "Switch it on: aws ec2 modify-instance-metadata-options --http-endpoint enabled "
                    "--http-put-response-hop-limit 2 --instance-id ...",
                )
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and len(answer.body) <= _MOST_BYTES:
                return answer
            problem = f"HTTP {answer.status}"
        raise Unavailable(
            f"the metadata service at {self._base} does not answer ({problem}, asked {1 + self._retries} times)",
            "Check that this instance can reach it: curl -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
            f"{self._base}/latest/api/token",
        )

    def _exchange(self, method: str, path: str, headers: dict[str, str]) -> _Answer:
        """Send one request and read its answer, on the connection that is open. What goes wrong closes it."""
        kept = self._connection
        try:
            return self._send(kept or self._connect(), method, path, headers)
        except ConnectionError:
            if kept is None:
                raise
            return self._send(self._connect(), method, path, headers)  # the service may close what was idle

    def _connect(self) -> HTTPConnection:
        parts = urlsplit(self._base)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=min(_TIMEOUTS[0], self._deadline.left))
        connection.connect()
        return connection

    def _send(self, connection: HTTPConnection, method: str, path: str, headers: dict[str, str]) -> _Answer:
        self._connection = None
        connection.sock.settimeout(min(_TIMEOUTS[1], self._deadline.left))
        try:
            connection.request(method, urlsplit(self._base).path + path, headers=headers)
            response = connection.getresponse()
            body = response.read(_MOST_BYTES + 1)
        except BaseException:
            connection.close()
            raise
        if response.isclosed() and not response.will_close:  # read to its end
            self._connection = connection
        else:
            connection.close()
        if response.length and len(body) <= _MOST_BYTES:
            raise IncompleteRead(body, response.length)
        return _Answer(response.status, body)
