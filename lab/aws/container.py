"""The credentials of a container's task or pod, on loopback, as AWS_CONTAINER_CREDENTIALS_FULL_URI names them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from lab.aws import keys
from lab.ec2.front import Exchange, Reply, Web

if TYPE_CHECKING:
    from lab.ec2.server import Ec2


class Container:
    """The endpoint at `url`, running from creation to `close`; its keys begin with `key_of(role)`.

    token: what must be in the Authorization header (AWS_CONTAINER_AUTHORIZATION_TOKEN); None: anybody is answered.
    `calls`: the HTTP status of each answer, in order.
    docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """

    def __init__(self, role: str, ec2: Ec2 | None = None, *, token: str | None = None) -> None:
        self.calls: list[int] = []
        self._role, self._ec2, self._token = role, ec2, token
        self._web = Web(self._answer)
        self._web.listen()
        self.url = f"{self._web.url}/v1/credentials"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop."""
        self._web.stop()

    def _answer(self, exchange: Exchange) -> None:
        if self._token and exchange.headers.get("Authorization") != self._token:
            reply = Reply(401, b'{"message": "Unauthorized"}', "application/json")
        else:
            key = keys.new(self._role, 3600, self._ec2)
            told = {
                "AccessKeyId": key.id,
                "SecretAccessKey": key.secret,
                "Token": key.token,
                "Expiration": key.expiration,
            }
            reply = Reply(200, json.dumps(told).encode(), "application/json")
        self.calls.append(reply.status)
        exchange.send(reply)
