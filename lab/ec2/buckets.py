"""EC2's request throttling: one token bucket for each Region and API action of the account.

Figures: "Request throttling for the Amazon EC2 API", table "Request token bucket sizes and refill rates",
docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. EC2 adds tokens every second; here they trickle in,
which is the same rate. AWS does not say whether a refused request takes anything: here it takes nothing, or, with
`fees`, what there is of a token, so that who asks more often than the bucket refills is never served.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.ec2.strict import READING as READING_NAMES


@dataclass(frozen=True)
class Size:
    """A bucket: how many tokens it holds, and how many a second flow in."""

    capacity: float
    refill: float


READING = Size(100, 20)
UNBOUNDED = Size(50, 10)  # the reading actions of _BOUNDED, asked for with neither a filter nor pages
CHANGING = Size(50, 5)
OWN = {"ModifyNetworkInterfaceAttribute": Size(100, 5)}  # "uncategorized" actions with figures of their own
_BOUNDED = frozenset({"DescribeInstances", "DescribeNetworkInterfaces"})


class Buckets:
    """Full at first. sizes: by action, in place of the documented ones; clock: seconds, monotonic."""

    def __init__(
        self,
        sizes: Mapping[str, Size] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        fees: bool = False,
    ) -> None:
        self._sizes = {**OWN, **(sizes or {})}
        self._clock = clock
        self._fees = fees
        self._levels: dict[tuple[str, str, Size], tuple[float, float]] = {}  # tokens, and when that was so
        self._lock = threading.Lock()

    def take(self, action: str, params: Mapping[str, str], region: str = "") -> bool:
        """Take the call's token; False when there is none, which EC2 answers with RequestLimitExceeded."""
        size = self._size(action, params)
        with self._lock:
            now = self._clock()
            tokens, since = self._levels.get((region, action, size), (size.capacity, now))
            tokens = min(size.capacity, tokens + (now - since) * size.refill)
            taken = tokens >= 1
            self._levels[region, action, size] = (tokens - 1 if taken else 0.0 if self._fees else tokens, now)
            return taken

    def _size(self, action: str, params: Mapping[str, str]) -> Size:
        if action in self._sizes:
            return self._sizes[action]
        if not action.startswith(READING_NAMES):
            return CHANGING
        bounded = any(name.startswith(("Filter.", "MaxResults")) for name in params)
        return READING if bounded or action not in _BOUNDED else UNBOUNDED
