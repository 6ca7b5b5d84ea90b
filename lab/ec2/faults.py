"""What the lab's EC2 can be told to do wrong, and which calls it does it to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar
from xml.sax.saxutils import escape

from lab.ec2.front import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
Kind = Literal[
    "throttled",  # 503 RequestLimitExceeded
    "denied",  # 403 UnauthorizedOperation
    "expired",  # 400 RequestExpired, as for temporary credentials that have ended
    "ended",  # 400 ExpiredToken, another word for the same
    "skewed",  # 403 SignatureDoesNotMatch, as for a clock that is ahead
    "error500",  # 500 InternalError
    "error503",  # 503 Unavailable
    "reset",  # TCP reset, nothing applied
    "refused",  # as reset, and from then on nothing listens, until mend
    "hang",  # no answer until mend or close, nothing applied
    "slow",  # one byte a second, nothing applied
    "garbage",  # 200 with something that is no XML, nothing applied
    "hollow",  # 200 with XML that holds none of what was asked, nothing applied
    "truncated",  # applied; half of the right reply, then the connection closes
    "cut",  # applied; half of the right reply, then TCP reset
    "late",  # applied and answered rightly: for what happens meanwhile
    "stale",  # applied; a reading call is answered from the state `Ec2.old`, or `Ec2.old_entries` of it
    "lost",  # applied; TCP reset instead of the reply
    "lied",  # applied; 500 InternalError instead of the reply
]
APPLIED: frozenset[Kind] = frozenset({"truncated", "cut", "late", "stale", "lost", "lied"})


def error(status: int, code: str, message: str) -> Reply:
    """EC2's error reply: HTTP `status`, and `code` and `message` in its XML."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{escape(code)}</Code>'
        f"<Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
    return Reply(status, body.encode())


_INTERNAL = error(500, "InternalError", "An internal error has occurred.")
_ANSWERS: dict[Kind, Reply] = {
    "throttled": error(503, "RequestLimitExceeded", "Request limit exceeded."),
    "denied": error(403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
    "expired": error(400, "RequestExpired", "Request has expired."),
    "ended": error(400, "ExpiredToken", "The security token included in the request is expired"),
    "skewed": error(403, "SignatureDoesNotMatch", "Signature not yet current."),
    "error500": _INTERNAL,
    "error503": error(503, "Unavailable", "The service is unavailable. Please try again shortly."),
    "reset": Reply(0, manner="reset"),
    "refused": Reply(0, manner="reset"),
    "hang": Reply(0, manner="hang"),
    "slow": Reply(200, manner="slow"),
    "garbage": Reply(200, b"<<< this is not XML & never was"),
    "hollow": Reply(200, b"<Empty/>"),
    "lost": Reply(0, manner="reset"),
    "lied": _INTERNAL,
}


def faulty(kind: Kind, apply: Callable[[], Reply]) -> Reply:
    """The reply of a call that fault `kind` hits; `apply` is called for the kinds that change something."""
    right = apply() if kind in APPLIED else None
    if right is not None and kind in {"late", "stale"}:
        return right
    if right is not None and kind in {"truncated", "cut"}:
        return Reply(right.status, right.body, right.content_type, "cut" if kind == "cut" else "truncated")
    return _ANSWERS[kind]


@dataclass(eq=False)
class Fault(Generic[K]):
    """One fault: what it does (`kind`), to which calls, how often still (`times`, None = for ever).

    `action` and `key` None mean any; `key` is how an access key id begins: ASIANODE1 is all that node1's role ever
    has. `params` must equal the request's parameters of that
    name. Of the calls that are meant, `skip` go unharmed first. `then` is called at each hit, after the call
    was applied or was not, before anything is sent. `hits` counts the calls it has hit.
    """

    kind: K
    action: str | None
    key: str | None
    times: int | None
    params: dict[str, str]
    skip: int = 0
    then: Callable[[], object] = lambda: None
    remove: Callable[[], None] = lambda: None
    hits: int = 0

    def strikes(self, action: str, key: str, params: dict[str, str]) -> bool:
        """Whether this fault hits a call of `action` by `key` with `params`; counts the call if it is meant."""
        meant = (
            (self.times is None or self.hits < self.times)
            and self.action in (None, action)
            and key.startswith(self.key or "")
            and all(params.get(name) == value for name, value in self.params.items())
        )
        if not meant:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class Faults(Generic[K]):
    """The faults in force, in the order in which they were set; of several that match, the first one hits."""

    def __init__(self) -> None:
        self._faults: list[Fault[K]] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault[K]) -> Fault[K]:
        """Put `fault` in force and give it its `remove`."""
        fault.remove = lambda: self._drop(fault)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def hit(self, action: str, key: str, params: dict[str, str]) -> Fault[K] | None:
        """Count and return the fault of this call, None if there is none."""
        with self._lock:
            return next((fault for fault in self._faults if fault.strikes(action, key, params)), None)

    def _drop(self, fault: Fault[K]) -> None:
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)
