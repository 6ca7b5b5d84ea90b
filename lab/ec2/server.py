"""The lab's EC2: moto behind a front that counts, delays, breaks and tightens every call."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import boto3

from lab.ec2.buckets import Buckets
from lab.ec2.faults import Fault, Faults, Kind, error, faulty
from lab.ec2.front import Exchange, Reply, Web
from lab.ec2.odd import Odd
from lab.ec2.strict import READING, Fabric, Moto, Request
from lab.ec2.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mypy_boto3_ec2 import EC2Client

__all__ = ["Call", "Ec2", "Fault", "Kind", "peak", "serial"]
REGION = "us-east-1"
_TRUTH = "/truth"


@dataclass(frozen=True)
class Call:
    """One call that reached the front; `number` counts from 1 and is never used twice.

    `params` are the flat query parameters without Action, Version and signature, `key` the access key id,
    `signature` the request's signature, which belongs nowhere else, `agent` the User-Agent header.
    `began` and `ended` are time.monotonic() seconds, `ended` is inf while the call is under way. `status` is
    the HTTP status sent, None if there was none; `fault` is the kind of the fault that hit it, or None. `host` is
    the Host header: the name and port by which EC2 was asked.
    """

    number: int
    action: str
    params: dict[str, str]
    key: str
    signature: str = field(repr=False)
    agent: str
    began: float
    ended: float = math.inf
    status: int | None = None
    fault: Kind | None = None
    host: str = ""


class Ec2:
    """EC2 on loopback at `url`, running from creation to `close`; creation resets moto's state.

    There is one at a time: moto's state is one per process. `delay_ms` is what each call takes, beside others: half
    on its way here, the rest, less moto's own time, on the way back. `credentials` maps access key ids to their
    expiry (time.time() seconds); with `only_registered`, other keys get AuthFailure. `old` is the saved state that
    calls hit by the fault "stale" are answered from: whole, or only the route tables, ENIs and public IPs of
    `old_entries`. `buckets` throttles as EC2 does, once it is given. `watcher` is called after each call that may
    have changed something, before its answer leaves.

    tls: the authority that vouches for it; None is plain HTTP. host: the address it listens on; port: 0 is a free
    one. name: under which its clients know it, when that is not the address.
    """

    started: ClassVar[list[Ec2]] = []  # every one of this process, for whoever wants to see all calls

    def __init__(
        self, *, tls: Authority | None = None, host: str = "127.0.0.1", port: int = 0, name: str | None = None
    ) -> None:
        self.delay_ms: float = 0
        self.credentials: dict[str, float] = {}
        self.only_registered = False
        self.old: object = None
        self.old_entries: set[str] | None = None
        self.buckets: Buckets | None = None
        self.watcher: Callable[[], None] = lambda: None
        self._moto = Moto()
        self._faults: Faults[Kind] = Faults()
        self._calls: dict[int, Call] = {}
        self._numbers = itertools.count(1)
        self._forgotten = 0
        self._lock = threading.Lock()
        self._truth: EC2Client | None = None
        self._truth_lock = threading.Lock()
        self.ca_bundle = str(tls.bundle) if tls else None
        context = tls.server(*dict.fromkeys((name or host, host))) if tls else None
        self._web = Web(self._answer, host=host, port=port, tls=context)
        self._web.listen()
        self.url = self._web.url.replace(f"//{host}", f"//{name or host}")
        self.started.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; calls that hang are let go."""
        self._web.stop()
        with self._truth_lock:
            if self._truth is not None:
                self._truth.close()
                self._truth = None

    @property
    def ahead(self) -> float:
        """By how many seconds EC2's clock is before this host's, as the Date of its replies tells."""
        return self._web.ahead

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self._web.ahead = seconds

    @property
    def page_size(self) -> int | None:
        """Route tables per page of DescribeRouteTables (a smaller MaxResults wins); None = what is asked."""
        return self._moto.page_size

    @page_size.setter
    def page_size(self, size: int | None) -> None:
        self._moto.page_size = size

    @property
    def remembers(self) -> bool:
        """Whether moto is asked the same about the same state only once: for many runs from the same state."""
        return self._moto.remembers

    @remembers.setter
    def remembers(self, on: bool) -> None:
        self._moto.remembers = on

    @property
    def blackholes(self) -> set[str]:
        """Ids of network interfaces whose routes DescribeRouteTables shows as blackholes; yours to change."""
        return self._moto.blackholes

    @blackholes.setter
    def blackholes(self, interfaces: set[str]) -> None:
        self._moto.blackholes = set(interfaces)

    def advertise(
        self, table: str, destination: str, target: str, *, origin: str = "Advertisement", state: str = "active"
    ) -> None:
        """Put an entry into a route table that nobody created by hand: a route server's, or a gateway's.

        It stands beside an entry by hand for that destination, or alone, and does not change that one: ReplaceRoute
        does not find it (InvalidParameterValue; what EC2 really says is not known). origin: Advertisement or
        EnableVgwRoutePropagation; state: active, blackhole or filtered. It is part of the state; `mend` leaves it.
        """
        self._moto.advertise(table, destination, target, origin, state)
        self.watcher()

    def withdraw(self, table: str, destination: str) -> None:
        """Take such entries for a destination out of a route table."""
        self._moto.withdraw(table, destination)
        self.watcher()

    @property
    def auto_recovery(self) -> dict[str, str]:
        """EC2 Auto Recovery as DescribeInstances tells it, by instance id: "default" (on) or "disabled"."""
        return self._moto.auto_recovery

    @property
    def amazons(self) -> dict[str, str]:
        """Public addresses of Amazon's own, by the interface on whose primary address they are."""
        return self._moto.amazons

    @property
    def odd(self) -> Odd:
        """What is told besides what moto tells, or in its place; `truth` and `mend` leave it."""
        return self._moto.odd

    def without_ipv4(self, eni: str) -> None:
        """Tell an interface as one of a subnet for IPv6 alone: no IPv4 address, and Ipv6Native."""
        gone = {(eni, each): None for each in ("privateIpAddress", "privateIpAddressesSet", "association")}
        self.odd.told |= gone | {(eni, "ipv6Native"): "true"}

    @property
    def most_addresses(self) -> int:
        """How many private addresses a network interface can have, the primary included; `mend` leaves it."""
        return self._moto.most_addresses

    @most_addresses.setter
    def most_addresses(self, most: int) -> None:
        self._moto.most_addresses = most

    @property
    def calls(self) -> list[Call]:
        """Every call since the start or the last `forget`, in order of arrival, those under way included."""
        with self._lock:
            return [call for number, call in self._calls.items() if number > self._forgotten]

    @property
    def history(self) -> list[Call]:
        """Every call since the start, the forgotten ones included."""
        with self._lock:
            return list(self._calls.values())

    @property
    def connections(self) -> int:
        """How many TCP connections were made to it since the start, `truth`'s one included."""
        return self._web.opened

    def forget(self) -> None:
        """Empty `calls`."""
        with self._lock:
            self._forgotten = max(self._calls, default=0)

    def refuse(
        self,
        kind: Kind,
        action: str | None = None,
        key: str | None = None,
        times: int | None = None,
        *,
        skip: int = 0,
        then: Callable[[], object] = lambda: None,
        **params: str,
    ) -> Fault[Kind]:
        """Break the next `times` calls (None: all) of `action` (None: any) by access keys that begin with `key`.

        Only calls with exactly these `params` are hit, e.g. RouteTableId="rtb-1", after the first `skip` of
        them; `then` is called at each hit. Of several faults that match a call, the one set first hits it.
        `faults.Kind` lists what each `kind` does.
        """
        return self._faults.add(Fault(kind, action, key, times, params, skip, then))

    def save(self) -> object:
        """The whole state of this EC2, for `restore`."""
        return self._moto.save()

    def restore(self, saved: object) -> None:
        """Put a saved state back; calls and faults stay as they are."""
        self._moto.restore(saved)
        self.watcher()

    @property
    def changes(self) -> int:
        """How many changing calls have reached moto's state, `truth`'s included: the same number, the same state."""
        return self._moto.changes

    def stale(self, reads: int, entries: Iterable[str] | None = None) -> None:
        """Hide the next successful change from the `reads` Describe calls after it; 0 ends staleness at once.

        The whole state of moto is copied before the change, and those calls are answered from the copy,
        whatever they ask; changes made meanwhile are hidden with it. With `entries` (ids of route tables and ENIs,
        public IPs) these alone are shown as they were, beside the rest as it is. `truth` is never stale.
        """
        self._moto.stale(reads, entries)

    def mend(self) -> None:
        """End all faults, delay, throttling, blackholes, staleness, a wrong clock; let go of calls that hang."""
        self._faults.clear()
        self.delay_ms = 0
        self.ahead = 0.0
        self.buckets = None
        self._moto.blackholes = set()
        self._moto.stale(0)
        self._web.release()
        self._web.listen()

    def truth(self) -> EC2Client:
        """A boto3 client straight to moto: not counted, delayed, broken or tightened; `close` closes it.

        Private addresses, and Elastic IPs on them, keep EC2's rules here too.
        """
        with self._truth_lock:
            if self._truth is None:
                self._truth = boto3.client(
                    "ec2",
                    region_name=REGION,
                    endpoint_url=self._web.url + _TRUTH,
                    verify=self.ca_bundle,
                    aws_access_key_id="truth",
                    aws_secret_access_key="truth",
                )
            return self._truth

    def fabric(self, vpc: str) -> Fabric:
        """Where the VPC's packets go now; no call of it is counted."""
        return self._moto.fabric(vpc)

    def worn(self, eni: str) -> dict[str, str | None]:
        """The private addresses of an interface now, the primary one first, each with the Elastic IP on it.

        Empty for one that EC2 does not know. No call of it is counted.
        """
        return self._moto.worn(eni)

    def _answer(self, exchange: Exchange) -> None:
        path, _, query = exchange.path.partition("?")
        request = Request.parse(exchange.body.decode() or query, exchange.headers.get("Authorization", ""))
        if path.startswith(_TRUTH):
            reply = self._moto.truth(request)
            self._tell(request)
            exchange.send(reply)
            return
        fault = self._faults.hit(request.action, request.key, request.params)
        call = Call(
            next(self._numbers),
            request.action,
            request.params,
            request.key,
            request.signature,
            exchange.headers.get("User-Agent", ""),
            time.monotonic(),
            fault=fault.kind if fault else None,
            host=exchange.headers.get("Host", ""),
        )
        with self._lock:
            self._calls[call.number] = call
        delay = self.delay_ms / 1000
        time.sleep(delay / 2)
        old = self.old if fault and fault.kind == "stale" else None
        reply = faulty(fault.kind, lambda: self._checked(request, old)) if fault else self._checked(request)
        self._tell(request)
        time.sleep(max(0.0, call.began + delay - time.monotonic()))
        if fault:
            fault.then()
            if fault.kind == "refused":
                self._web.refuse()
        if reply.manner in ("hang", "slow"):
            exchange.send(reply)
        self._end(call, reply.status or None)
        if reply.manner not in ("hang", "slow"):
            exchange.send(reply)

    def _tell(self, request: Request) -> None:
        if not request.action.startswith(READING):
            self.watcher()

    def _checked(self, request: Request, old: object = None) -> Reply:
        expiry = self.credentials.get(request.key)
        if expiry is None and self.only_registered:
            message = "AWS was not able to validate the provided access credentials"
            return error(401, "AuthFailure", message)
        if expiry is not None and time.time() >= expiry:
            return error(400, "RequestExpired", "Request has expired.")
        if self.buckets and not self.buckets.take(request.action, request.params, request.region):
            return error(503, "RequestLimitExceeded", "Request limit exceeded.")
        entries = None if self.old_entries is None else frozenset(self.old_entries)
        return self._moto.answer(request, old, entries)

    def _end(self, call: Call, status: int | None) -> None:
        with self._lock:
            self._calls[call.number] = replace(call, ended=time.monotonic(), status=status)


def peak(calls: Sequence[Call]) -> int:
    """The largest number of `calls` that were under way at once."""
    return max((sum(c.began <= call.began < c.ended for c in calls) for call in calls), default=0)


def serial(calls: Sequence[Call]) -> int:
    """The length of the longest chain in which each call began after the one before it had ended."""
    length, ended = 0, -math.inf
    for call in sorted(calls, key=lambda c: c.ended):
        if call.began >= ended and call.ended < math.inf:
            length, ended = length + 1, call.ended
    unfinished = any(call.ended == math.inf and call.began >= ended for call in calls)
    return length + unfinished
