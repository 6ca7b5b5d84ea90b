"""The instance metadata service, version 2: who this instance is and which ENI an interface has.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html. Never through a
proxy; 1 s to connect, 2 s to read; retried inside the deadline. Everything goes over one connection,
by urllib3, which botocore imports in any case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.host.deadline import Deadline

_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_USUAL = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
ROLE = "iam/security-credentials/"  # the path of the role's name
_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?", re.ASCII)
_TIMEOUTS = (1.0, 2.0)  # seconds to connect, to read
_TOKEN_SECONDS = "300"  # no run lasts longer on one token; a 401 renews it  # noqa: S105  a lifetime, not a secret
_PAUSE = 0.2  # seconds before the first retry, doubled each time
_MOST_BYTES = 65_536


def endpoint(aws: Mapping[str, str]) -> str:
    """The URL of the metadata service, by the AWS settings."""
    return aws.get(_ENDPOINT) or _USUAL[aws.get(f"{_ENDPOINT}_MODE", "ipv4").lower()]


class _Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace").strip()


class Metadata:
    """One run's view of the metadata service. retries: how often a question is asked again."""

    def __init__(self, url: str, *, retries: int, deadline: Deadline) -> None:
        """Raises Misconfigured for what is not an http:// URL, and repeats nothing of it."""
        if not _URL.fullmatch(url):
            what = f"{_ENDPOINT} is not the URL of a metadata service"
            raise Misconfigured(what, "Write http://HOST:PORT, or take it away", permanent=True)
        self._base = url.rstrip("/")
        self._retries = retries
        self._deadline = deadline
        self._token: str | None = None
        self._http = urllib3.PoolManager(retries=False)  # this one ignores the proxies of the environment

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
                what = f"the metadata service answered {path} with HTTP {answer.status}"
                raise Unavailable(what, "Run it again; if it stays so, look for another service at that address")
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
            raise Unavailable(
                f"what answers at {self._base} gives no token (HTTP {answer.status})",
                "It is not EC2's metadata service of version 2: this is not an EC2 instance, or another service has "
                "that address here",
            )
        token = answer.text
        if not token.isascii() or not token.isprintable() or not token:
            raise Unavailable("the metadata service returned an invalid token")
        return token

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> _Answer:
        """One answer of the service. Connection failures and 5xx are asked again; 403 is final."""
        problem = ""
        for attempt in range(1 + self._retries):
            if attempt:
                self._deadline.sleep(_PAUSE * 2 ** (attempt - 1), f"the metadata service at {self._base}")
            try:
                with self._deadline.waiting(f"the metadata service at {self._base}"):
                    answer = self._exchange(method, path, headers)
            except HTTPError as error:  # an invalid URL, too
                problem = type(error).__name__
                continue
            if answer.status == HTTPStatus.FORBIDDEN:
                raise Misconfigured(
                    f"the instance metadata service is switched off, or refuses {path} to this node (HTTP 403)",
                    "Switch it on (aws ec2 modify-instance-metadata-options --http-endpoint enabled "
                    "--instance-id ...), or look for a proxy on the way to it",
                )
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and len(answer.body) <= _MOST_BYTES:
                return answer
            problem = f"HTTP {answer.status}"
        raise Unavailable(
            f"the metadata service at {self._base} does not answer ({problem}, asked {1 + self._retries} times)",
            _cure(problem, method, self._base),
        )

    def _exchange(self, method: str, path: str, headers: dict[str, str]) -> _Answer:
        """Send one request and read its answer to the end, or to one byte more than it may have."""
        left = self._deadline.left
        timeout = urllib3.Timeout(connect=min(_TIMEOUTS[0], left), read=min(_TIMEOUTS[1], left))
        response = self._http.request(
            method, self._base + path, headers=headers, timeout=timeout, redirect=False, preload_content=False
        )
        try:
            body = b""
            while len(body) <= _MOST_BYTES and (part := response.read1(_MOST_BYTES, decode_content=False)):
                body += part
                self._deadline.check()  # however slowly it drips
        finally:
            response.close()  # what was read to its end has given its connection back by now
        return _Answer(response.status, body)


def _cure(problem: str, method: str, base: str) -> str:
    """What to do about a service that does not answer."""
    try_it = f"try it: curl -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {base}/latest/api/token"
    if method == "PUT" and problem == "ReadTimeoutError":
        return (
            "In a container or behind a bridge its token comes only with a hop limit of 2 (aws ec2 "
            "modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ...); else " + try_it
        )
    if method == "GET" and problem == "ReadTimeoutError":
        return "It has answered a moment ago, so this may pass by itself; run it again"
    return f"This is not an EC2 instance, or a firewall or a route of this node is in the way; {try_it}"
