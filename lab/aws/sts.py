"""STS on loopback: AssumeRole, AssumeRoleWithWebIdentity and GetCallerIdentity, as its API reference tells them."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from lab.aws import keys
from lab.ec2.faults import Fault, Faults
from lab.ec2.front import Exchange, Place, Reply, Web

if TYPE_CHECKING:
    from lab.ec2.server import Ec2

ACCOUNT = "123456789012"
_ID = "00000000-0000-0000-0000-000000000000"
_XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"
_CHAINED = (
    3600  # seconds: AssumeRole, DurationSeconds, "Role chaining limits your ... session to a maximum of one hour"
)
# docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and CommonErrors.html; any other code is a 400.
_STATUS = {
    "AccessDenied": 403,
    "ExpiredToken": 403,
    "IDPRejectedClaim": 403,
    "InternalFailure": 500,
    "InvalidClientTokenId": 403,
    "RegionDisabledException": 403,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
}


@dataclass(frozen=True)
class Call:
    """One call: the action, by which access key id ("": unsigned), for which role and session, at which host."""

    action: str
    key: str
    role: str
    session: str
    host: str
    agent: str
    status: int | None


class Sts:
    """STS at `url`, running from creation to `close`; what it hands out begins with `key_of(role)`.

    `roles`: by ARN who may assume the role: each word is how an access key id begins, or a whole web identity token.
    `calls` is what was asked, in order. ec2 gets to know the keys and their end. `ahead`: by how many seconds its
    clock is before ours. host, port, where: as of `front.Web`.
    """

    def __init__(
        self, ec2: Ec2 | None = None, *, host: str = "127.0.0.1", port: int = 0, where: Place = nullcontext
    ) -> None:
        self.roles: dict[str, tuple[str, ...]] = {}
        self.calls: list[Call] = []
        self._ec2 = ec2
        self._issued: dict[str, str] = {}  # by access key id: the ARN of the session
        self._faults: Faults[str] = Faults()
        self._web = Web(self._answer, host=host, port=port, where=where)
        self._web.listen()
        self.url = self._web.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; requests that hang are let go."""
        self._web.stop()

    @property
    def ahead(self) -> float:
        """By how many seconds its clock is before this host's, as the Date of its replies tells."""
        return self._web.ahead

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self._web.ahead = seconds

    def refuse(self, code: str, action: str | None = None, times: int | None = None) -> None:
        """Answer the next `times` calls (None: all) with an error code, "hang" or "reset"; `mend` ends it."""
        self._faults.add(Fault(code, action, None, times, {}))

    def mend(self) -> None:
        """End all faults."""
        self._faults.clear()
        self.ahead = 0.0
        self._web.release()

    def _answer(self, exchange: Exchange) -> None:
        query = exchange.path.partition("?")[2]
        params = dict(parse_qsl(exchange.body.decode() or query))
        action = params.get("Action", "")
        signed = re.search(r"Credential=([^/]+)/", exchange.headers.get("Authorization", ""))
        key = signed[1] if signed else ""
        fault = self._faults.hit(action, key, params)
        if fault is None:
            reply = self._reply(action, key, params)
        elif fault.kind in {"hang", "reset"}:
            reply = Reply(0, manner="hang" if fault.kind == "hang" else "reset")
        else:
            reply = _error(fault.kind, "The lab was told to refuse.")
        role, session = params.get("RoleArn", ""), params.get("RoleSessionName", "")
        host, agent = (exchange.headers.get(name, "") for name in ("Host", "User-Agent"))
        self.calls.append(Call(action, key, role, session, host, agent, reply.status or None))
        exchange.send(reply)

    def _reply(self, action: str, key: str, params: dict[str, str]) -> Reply:
        if action == "AssumeRoleWithWebIdentity":
            return self._assume(action, params.get("WebIdentityToken", ""), params, chained=False)
        if not key:
            return _error("MissingAuthenticationToken", "Request is missing Authentication Token")
        if self._ec2 and self._ec2.credentials.get(key, time.time() + 1) <= time.time():
            return _error("ExpiredToken", "The security token included in the request is expired")
        if action == "AssumeRole":
            return self._assume(action, key, params, chained=key in self._issued)
        if action == "GetCallerIdentity":
            arn = self._issued.get(key, f"arn:aws:iam::{ACCOUNT}:user/{key}")
            return _result(action, f"<Arn>{escape(arn)}</Arn><UserId>{key}</UserId><Account>{ACCOUNT}</Account>")
        return _error("InvalidAction", f"Could not find operation {action}")

    def _assume(self, action: str, who: str, params: dict[str, str], *, chained: bool) -> Reply:
        """Hand out a role's key to somebody who may have it.

        A role that is not there is refused as one that may not be assumed: AccessDenied tells nothing else. An
        identity token that nobody knows is InvalidIdentityToken (API_AssumeRoleWithWebIdentity, "Errors").
        """
        role, session = params.get("RoleArn", ""), params.get("RoleSessionName", "")
        web = action == "AssumeRoleWithWebIdentity"
        seconds = int(params.get("DurationSeconds", "3600"))
        if not role.startswith("arn:aws") or not re.fullmatch(r"[\w+=,.@-]{2,64}", session, re.ASCII):
            return _error("ValidationError", "RoleArn or RoleSessionName is not valid")
        if not 900 <= seconds <= (_CHAINED if chained else 43_200):
            return _error("ValidationError", "The requested DurationSeconds is out of range")
        trusted = self.roles.get(role, ())
        if web and who not in {word for words in self.roles.values() for word in words}:
            return _error("InvalidIdentityToken", "No OpenIDConnect provider found in your account")
        if not any(who == word if web else who.startswith(word) for word in trusted):
            return _error("AccessDenied", f"Not authorized to perform: sts:{action}")
        key = keys.new(role, seconds, self._ec2)
        account, name = role.split(":")[4], role.rpartition("/")[2]
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
        self._issued[key.id] = arn
        return _result(
            action,
            f"<Credentials><AccessKeyId>{key.id}</AccessKeyId><SecretAccessKey>{key.secret}</SecretAccessKey>"
            f"<SessionToken>{key.token}</SessionToken><Expiration>{key.expiration}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{escape(arn)}</Arn><AssumedRoleId>AROALAB:{escape(session)}</AssumedRoleId>"
            "</AssumedRoleUser>",
        )


def _result(action: str, inside: str) -> Reply:
    return Reply(
        200,
        f'<{action}Response xmlns="{_XMLNS}"><{action}Result>{inside}</{action}Result><ResponseMetadata>'
        f"<RequestId>{_ID}</RequestId></ResponseMetadata></{action}Response>".encode(),
        "text/xml",
    )


def _error(code: str, message: str) -> Reply:
    status = _STATUS.get(code, 400)
    side = "Sender" if status < 500 else "Receiver"
    return Reply(
        status,
        f'<ErrorResponse xmlns="{_XMLNS}"><Error><Type>{side}</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{_ID}</RequestId></ErrorResponse>".encode(),
        "text/xml",
    )
