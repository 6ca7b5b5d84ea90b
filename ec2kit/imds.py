"""The instance metadata service, version 2: who this instance is and which ENI an interface has.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html. Never through a
proxy; 1 s to connect, 2 s to read; retried inside the deadline.
"""

from __future__ import annotations

import requests

from ec2kit.deadline import Deadline
from ec2kit.errors import Misconfigured, Unavailable

ENDPOINT = "http://169.254.169.254"
_TIMEOUTS = (1.0, 2.0)  # seconds to connect, to read
_TOKEN_SECONDS = "300"  # no run lasts longer on one token; a 401 renews it  # noqa: S105  a lifetime, no secret
_PAUSE = 0.2  # seconds before the first retry, doubled each time
_MOST_BYTES = 65_536


class Metadata:
    """One run's view of the metadata service. retries: how often a question is asked again."""

    def __init__(self, endpoint: str | None, *, retries: int, deadline: Deadline) -> None:
        self._base = (endpoint or ENDPOINT).rstrip("/")
        self._retries = retries
        self._deadline = deadline
        self._token: str | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc, whatever the environment says

    def get(self, path: str) -> str | None:
        """The text of /latest/meta-data/<path>; None when there is no such item.

        Raises Unavailable when the service does not answer, Misconfigured when it is switched off.
        """
        url = f"{self._base}/latest/meta-data/{path}"
        renewed = False
        while True:
            if self._token is None:
                self._token = self._fetch_token()
            answer = self._ask("GET", url, {"X-aws-ec2-metadata-token": self._token})
            if answer.status_code == requests.codes.unauthorized and not renewed:
                self._token, renewed = None, True
                continue
            if answer.status_code == requests.codes.not_found:
                return None
            if answer.status_code != requests.codes.ok:
                raise Unavailable(f"the metadata service answered {path} with HTTP {answer.status_code}")
            return answer.text.strip()

    def need(self, path: str) -> str:
        """As get, but an item that is not there is Unavailable."""
        value = self.get(path)
        if not value:
            raise Unavailable(f"the metadata service has no {path}", "Is this an EC2 instance in a VPC?")
        return value

    def _fetch_token(self) -> str:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS}
        answer = self._ask("PUT", f"{self._base}/latest/api/token", headers)
        if answer.status_code != requests.codes.ok:
            raise Unavailable(f"the metadata service gave no token (HTTP {answer.status_code})")
        token = answer.text.strip()
        if not token.isascii() or not token.isprintable() or not token:
            raise Unavailable("the metadata service gave something that is no token")
        return token

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        """One answer of the service. Connection failures and 5xx are asked again; 403 is final."""
        problem = ""
        for attempt in range(1 + self._retries):
            if attempt:
                self._deadline.sleep(_PAUSE * 2 ** (attempt - 1))
            left = self._deadline.left
            timeouts = (min(_TIMEOUTS[0], left), min(_TIMEOUTS[1], left))
            try:
                with self._deadline.waiting(f"the metadata service at {self._base}"):
                    answer = self._session.request(
                        method, url, headers=headers, timeout=timeouts, allow_redirects=False
                    )
            except requests.RequestException as error:
                problem = type(error).__name__
                continue
            if answer.status_code == requests.codes.forbidden:
                raise Misconfigured(
                    "the instance metadata service is switched off or out of reach here (HTTP 403)",
                    "Switch it on: aws ec2 modify-instance-metadata-options --http-endpoint enabled "
                    "--http-put-response-hop-limit 2 --instance-id ...",
                )
            if answer.status_code < requests.codes.server_error and len(answer.content) <= _MOST_BYTES:
                return answer
            problem = f"HTTP {answer.status_code}"
        raise Unavailable(
            f"the metadata service at {self._base} does not answer ({problem}, asked {1 + self._retries} times)",
            "Check that this instance can reach it: curl -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
            f"{self._base}/latest/api/token",
        )
