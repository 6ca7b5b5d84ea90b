"""The instance metadata service (IMDSv2) of one lab node, on loopback."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

from lab.ec2.faults import Fault as Rule
from lab.ec2.faults import Faults
from lab.ec2.front import Exchange, Place, Reply, Web

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.ec2.server import Ec2

Fault = Literal[
    "off",
    "hang",
    "late",
    "slow",
    "error500",
    "refused",
    "token401",
    "garbage",
    "unauthorized",
    "missing",
    "reset",
    "truncated",
]


def _text(status: int, text: str) -> Reply:
    return Reply(status, text.encode(), "text/plain")


_FAULTY: dict[Fault | None, Reply] = {
    "off": _text(403, "Forbidden"),
    "error500": _text(500, "Internal Server Error"),
    "garbage": Reply(200, b"\x00\xff<html>\xfe{not metadata", "text/html"),
    "hang": Reply(0, manner="hang"),
    "slow": Reply(200, manner="slow"),
    "truncated": Reply(200, b"i-0123456789abcdef0", "text/plain", "truncated"),
    "unauthorized": _text(401, "Unauthorized"),
    "missing": _text(404, "Not Found"),
    "reset": Reply(0, manner="reset"),
}
_MACS = "meta-data/network/interfaces/macs/"
_TOKEN_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"


@dataclass(frozen=True)
class NodeInterface:
    """One network interface of a node: its name in the guest, and what EC2 says about it.

    private_ip: empty in a subnet for IPv6 alone; then nothing of IPv4 is told of it. Of its subnet-ipv4-cidr-block
    that is known (canonical/cloud-init#5283); the lab leaves the others out, too, the careful way.
    """

    name: str
    mac: str
    eni: str
    vpc: str
    subnet: str
    private_ip: str
    vpc_cidrs: tuple[str, ...]
    device_number: int
    subnet_cidr: str = ""  # not told


@dataclass(frozen=True)
class NodeIdentity:
    """What instance metadata tells about one node; `interfaces` are in order of device number."""

    instance_id: str
    region: str
    availability_zone: str
    account: str
    interfaces: tuple[NodeInterface, ...]
    role: str


@dataclass(frozen=True)
class Credential:
    """Credentials of the node's role; `expires` in time.time() seconds. Its repr hides the secrets."""

    key: str
    issued: float
    expires: float
    secret: str = field(repr=False)
    token: str = field(repr=False)

    def document(self) -> str:
        """The JSON that security-credentials/<role> answers."""
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": _iso(self.issued),
                "Type": "AWS-HMAC",
                "AccessKeyId": self.key,
                "SecretAccessKey": self.secret,
                "Token": self.token,
                "Expiration": _iso(self.expires),
            }
        )


class Imds:
    """Instance metadata of `identity` at `url`, running from creation to `close`.

    Access key ids begin with ASIA and contain `name`; with `ec2` they are registered there with their expiry,
    and local-ipv4s, public-ipv4s and ipv4-associations are answered from there. `credential_seconds` is how long a
    credential issued from now on lasts; `credential_document` is what is told in its place; `hidden` are the MACs of
    interfaces that it does not know, not yet or no more; `calls` is the list of (method, path, HTTP status or
    None while there is no answer). host, port (0: a free one), where: as of `front.Web`.
    """

    def __init__(
        self,
        identity: NodeIdentity,
        ec2: Ec2 | None = None,
        name: str = "node",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        where: Place = nullcontext,
    ) -> None:
        self.identity = identity
        self.credential_seconds: float = 21600
        self.credential_document: str | None = None
        self.hidden: set[str] = set()
        self._behind = 0
        self._told: dict[
            str, tuple[str, int]
        ] = {}  # ENI -> its addresses before the change, and how often told since
        self.calls: list[tuple[str, str, int | None]] = []
        self._ec2 = ec2
        self._label = re.sub(r"[^A-Z0-9]", "", name.upper())
        self._tokens: dict[str, float] = {}
        self._credential: Credential | None = None
        self._issued: list[Credential] = []
        self._fault: Fault | None = None
        self._faults: Faults[Fault] = Faults()
        self._lock = threading.Lock()
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
    def behind(self) -> int:
        """How many reads of an interface's local-ipv4s still tell what was before a change of it; 0: none.

        "Remapping an IP address is an asynchronous operation. ... check network/interfaces/macs/mac/local-ipv4s in
        the instance metadata to confirm that the remapping is complete" (API reference, AssignPrivateIpAddresses).
        What was before is what is so when this is set; after those reads it is what is so then.
        """
        return self._behind

    @behind.setter
    def behind(self, reads: int) -> None:
        with self._lock:
            self._behind = reads
            self._told = {each.eni: (self._addresses(each), 0) for each in self.identity.interfaces}

    @property
    def connections(self) -> int:
        """How many TCP connections were made to it since the start."""
        return self._web.opened

    @property
    def fault(self) -> Fault | None:
        """What goes wrong, None = nothing.

        "off": 403 to everything; "hang": no answer until the fault changes; "slow": one byte a second;
        "truncated": 200, and the connection closes after half of what was promised; "error500": 500 to everything;
        "refused": nothing listens; "garbage": 200 with bytes of no meaning; "unauthorized": 401 to everything;
        "missing": 404 to everything; "reset": TCP reset; "token401": the next GET with a valid token gets 401,
        all tokens so far are void, and the fault is over.
        """
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        if fault == "refused":
            self._web.refuse()
        else:
            self._web.release()
            self._web.listen()

    def refuse(
        self,
        kind: Fault,
        request: str,
        times: int | None = None,
        *,
        skip: int = 0,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Break the next `times` requests (None: all) such as "GET /latest/meta-data/mac", after the first `skip`.

        `kind` is one that makes a reply ("refused" and "token401" do not), or "late": the right one, for what happens
        meanwhile. `then` is called at each hit, before anything is sent. It ends with `mend`.
        """
        self._faults.add(Rule(kind, request, None, times, {}, skip, then))

    def mend(self) -> None:
        """End all faults, and be no more behind."""
        self._faults.clear()
        self.fault = None
        self.behind = 0

    @property
    def secrets(self) -> set[str]:
        """What this service has handed out and nobody may tell: session tokens, secret keys and their tokens."""
        with self._lock:
            return {*self._tokens, *(half for each in self._issued for half in (each.secret, each.token))}

    def rotate(self) -> None:
        """Issue new credentials at the next request for them; the old ones last until their expiry."""
        with self._lock:
            self._credential = None

    def expire(self) -> None:
        """EC2 refuses the credentials handed out last from now on (RequestExpired); the next request gets new ones.

        So it is for a run that read them too early: they end while the metadata have fresh ones already.
        """
        with self._lock:
            if self._credential is not None and self._ec2 is not None:
                self._ec2.credentials[self._credential.key] = time.time()
            self._credential = None

    def _answer(self, exchange: Exchange) -> None:
        with self._lock:
            position = len(self.calls)
            self.calls.append((exchange.command, exchange.path, None))
        rule = self._faults.hit(f"{exchange.command} {exchange.path}", "", {})
        reply = _FAULTY[rule.kind] if rule and rule.kind != "late" else self._reply(exchange)
        if reply.status:
            self.calls[position] = (exchange.command, exchange.path, reply.status)
        if rule:
            rule.then()
        exchange.send(reply)

    def _reply(self, exchange: Exchange) -> Reply:
        if self._fault in _FAULTY:
            return _FAULTY[self._fault]
        if exchange.command == "PUT":
            return self._issue_token(exchange)
        if exchange.command != "GET":
            return _text(405, "Method Not Allowed")
        if not self._token_valid(exchange.headers.get(_TOKEN, "")):
            return _text(401, "Unauthorized")
        found = self._find(exchange.path.removeprefix("/latest/"))
        return _text(404, "Not Found") if found is None else _text(200, found)

    def _issue_token(self, exchange: Exchange) -> Reply:
        ttl = exchange.headers.get(_TOKEN_TTL, "")
        if exchange.path != "/latest/api/token":
            return _text(404, "Not Found")
        if "X-Forwarded-For" in exchange.headers:
            return _text(403, "Forbidden")
        if not (ttl.isdecimal() and 1 <= int(ttl) <= 21600):
            return _text(400, "Bad Request")
        token = secrets.token_urlsafe(42)
        with self._lock:
            self._tokens[token] = time.monotonic() + int(ttl)
        return _text(200, token)

    def _token_valid(self, token: str) -> bool:
        with self._lock:
            valid = self._tokens.get(token, 0) > time.monotonic()
            if valid and self._fault == "token401":
                self._fault = None
                self._tokens.clear()
                return False
            return valid

    def _find(self, path: str) -> str | None:
        node = self.identity
        if path.startswith(_MACS):
            mac, _, name = path.removeprefix(_MACS).partition("/")
            there = {each.mac: each for each in node.interfaces if each.mac not in self.hidden}
            if not mac:
                return "\n".join(f"{each}/" for each in there)
            return self._find_interface(there[mac], name) if mac in there else None
        if path == f"meta-data/iam/security-credentials/{node.role}":
            return self._current().document() if self.credential_document is None else self.credential_document
        return {
            "meta-data/placement/region": node.region,
            "meta-data/placement/availability-zone": node.availability_zone,
            "meta-data/instance-id": node.instance_id,
            "meta-data/mac": node.interfaces[0].mac,
            "meta-data/local-ipv4": node.interfaces[0].private_ip or None,
            "meta-data/iam/security-credentials/": node.role,
            "dynamic/instance-identity/document": self._document(),
        }.get(path)

    def _find_interface(self, interface: NodeInterface, name: str) -> str | None:
        if not interface.private_ip and "ipv4" in name:
            return None
        if name == "local-ipv4s":
            return self._late(interface)
        if name in {"public-ipv4s", "ipv4-associations", "ipv4-associations/"}:
            return "\n".join(self._associations(interface.eni)) or None
        if name.startswith("ipv4-associations/"):
            return self._associations(interface.eni).get(name.partition("/")[2])
        return {
            "interface-id": interface.eni,
            "vpc-id": interface.vpc,
            "subnet-id": interface.subnet,
            "subnet-ipv4-cidr-block": interface.subnet_cidr or None,
            "ipv6s": None if interface.private_ip else f"2001:db8::{interface.device_number + 1:x}",
            "device-number": str(interface.device_number),
            "vpc-ipv4-cidr-block": interface.vpc_cidrs[0],
            "vpc-ipv4-cidr-blocks": "\n".join(interface.vpc_cidrs),
        }.get(name)

    def _associations(self, eni: str) -> dict[str, str]:
        """The Elastic IPs on an ENI, each with its private address, as EC2 has them at the moment."""
        worn = self._ec2.worn(eni) if self._ec2 else {}
        return {public_ip: private_ip for private_ip, public_ip in worn.items() if public_ip}

    def _late(self, interface: NodeInterface) -> str:
        """Its local-ipv4s, as `behind` wants them."""
        with self._lock:
            now = self._addresses(interface)
            before, times = self._told.get(interface.eni, (now, 0))
            old = now != before and times < self._behind
            self._told[interface.eni] = (before, times + 1) if old else (now, 0)
            return before if old else now

    def _addresses(self, interface: NodeInterface) -> str:
        """The private addresses of an interface now, the primary one first; without an EC2 that one alone."""
        return "\n".join(self._ec2.worn(interface.eni) if self._ec2 else ()) or interface.private_ip

    def _document(self) -> str:
        node = self.identity
        return json.dumps(
            {
                "region": node.region,
                "instanceId": node.instance_id,
                "accountId": node.account,
                "availabilityZone": node.availability_zone,
                "privateIp": node.interfaces[0].private_ip,
            }
        )

    def _current(self) -> Credential:
        now = time.time()
        with self._lock:
            if self._credential is None or self._credential.expires <= now:
                key = f"ASIA{self._label:X<8}{secrets.token_hex(4).upper()}"
                expires = now + self.credential_seconds
                secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(96)
                self._credential = Credential(key, now, expires, secret, token)
                self._issued.append(self._credential)
                if self._ec2 is not None:
                    self._ec2.credentials[key] = expires
            return self._credential


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
