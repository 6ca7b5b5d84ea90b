"""What the lab's EC2 can be told to do wrong, and which calls it does it to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from lab.front import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal[
    "throttled",  # 503 RequestLimitExceeded
    "denied",  # 403 UnauthorizedOperation
    "expired",  # 400 RequestExpired
    "error500",  # 500 InternalError
    "error503",  # 503 Unavailable
    "reset",  # TCP reset, nothing applied
    "hang",  # no answer until mend or close, nothing applied
    "slow",  # one byte a second, nothing applied
    "garbage",  # 200 with something that is no XML, nothing applied
    "hollow",  # 200 with XML that holds none of what was asked, nothing applied
    "truncated",  # applied; half of the right reply, then the connection closes
    "lost",  # applied; TCP reset instead of the reply
    "lied",  # applied; 500 InternalError instead of the reply
]
APPLIED: frozenset[Kind] = frozenset({"truncated", "lost", "lied"})


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
    "error500": _INTERNAL,
    "error503": error(503, "Unavailable", "The service is unavailable. Please try again shortly."),
    "reset": Reply(0, manner="reset"),
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
    if kind == "truncated" and right is not None:
        return Reply(right.status, right.body, right.content_type, "truncated")
    return _ANSWERS[kind]


@dataclass(eq=False)
class Fault:
    """One fault: what it does (`kind`), to which calls, how often still (`times`, None = for ever).

    `action` and `key` (access key id) None mean any; `params` must equal the request's parameters of that
    name. `hits` counts the calls it has hit.
    """

    kind: Kind
    action: str | None
    key: str | None
    times: int | None
    params: dict[str, str]
    remove: Callable[[], None] = lambda: None
    hits: int = 0

    def matches(self, action: str, key: str, params: dict[str, str]) -> bool:
        """Whether this fault, if not used up, hits a call of `action` by `key` with `params`."""
        return (
            (self.times is None or self.hits < self.times)
            and self.action in (None, action)
            and self.key in (None, key)
            and all(params.get(name) == value for name, value in self.params.items())
        )


class Faults:
    """The faults in force, in the order in which they were set; of several that match, the first one hits."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Put `fault` in force and give it its `remove`."""
        fault.remove = lambda: self._drop(fault)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def hit(self, action: str, key: str, params: dict[str, str]) -> Kind | None:
        """Count and return the fault of this call, None if there is none."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(action, key, params):
                    fault.hits += 1
                    return fault.kind
        return None

    def _drop(self, fault: Fault) -> None:
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)
