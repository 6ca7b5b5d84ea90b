"""IAM Identity Center's portal (GetRoleCredentials) on loopback, and the file that `aws sso login` leaves."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs

from lab.aws import keys
from lab.ec2.front import Exchange, Reply, Web

if TYPE_CHECKING:
    from lab.ec2.server import Ec2

START = "https://example.awsapps.com/start"
_SECONDS = 28_800  # how long a login lasts: 8 hours


@dataclass(frozen=True)
class Call:
    """One call: for the role of which account, at which host, and the status of the answer."""

    role: str
    account: str
    host: str
    status: int


class Sso:
    """The portal at `url`, running from creation to `close`; what it hands out begins with `key_of(role)`.

    `roles`: the roles that a login may have. `calls` is what was asked, in order.
    """

    def __init__(self, ec2: Ec2 | None = None, roles: tuple[str, ...] = ()) -> None:
        self.roles = roles
        self.calls: list[Call] = []
        self._ec2 = ec2
        self._tokens: set[str] = set()
        self._web = Web(self._answer)
        self._web.listen()
        self.url = self._web.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop."""
        self._web.stop()

    def login(
        self, home: Path, *, session: str | None = None, region: str = "us-east-1", seconds: float = _SECONDS
    ) -> Path:
        """Leave a login's file in a home; session: for an sso_session of that name, else for an sso_start_url.

        Its name is the SHA-1 of either (botocore, tokens.py and utils.py: SSOTokenLoader). seconds: until its end,
        which may be past.
        """
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        file = home / ".aws/sso/cache" / f"{hashlib.sha1((session or START).encode()).hexdigest()}.json"  # noqa: S324
        file.parent.mkdir(parents=True, exist_ok=True)
        end = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"startUrl": START, "region": region, "accessToken": token, "expiresAt": end}
        file.write_text(json.dumps(said))
        file.chmod(0o600)
        return file

    def end_logins(self) -> None:
        """Forget all logins, whatever their files say: an administrator has ended the sessions."""
        self._tokens.clear()

    def _answer(self, exchange: Exchange) -> None:
        path, _, query = exchange.path.partition("?")
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        role, account = asked.get("role_name", ""), asked.get("account_id", "")
        if path != "/federation/credentials" or exchange.command != "GET":
            reply = _error(404, "ResourceNotFoundException", "no such operation")
        elif exchange.headers.get("x-amz-sso_bearer_token") not in self._tokens:
            reply = _error(401, "UnauthorizedException", "Session token not found or invalid")
        elif role not in self.roles:
            reply = _error(403, "ForbiddenException", "No access")
        else:
            key = keys.new(role, 3600, self._ec2)
            told = {
                "accessKeyId": key.id,
                "secretAccessKey": key.secret,
                "sessionToken": key.token,
                "expiration": int(key.expires * 1000),
            }
            reply = Reply(200, json.dumps({"roleCredentials": told}).encode(), "application/json")
        self.calls.append(Call(role, account, exchange.headers.get("Host", ""), reply.status))
        exchange.send(reply)


def _error(status: int, code: str, message: str) -> Reply:
    """docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html, "Errors"."""
    body = json.dumps({"message": message, "__type": f"com.amazonaws.switchboard.portal#{code}"}).encode()
    return Reply(status, body, "application/json", headers=(("x-amzn-ErrorType", code),))
