"""How fast the calls of one EC2 action are sent: as they come, until one is refused. Pure: times are passed in.

EC2 throttles each action of an account by a token bucket, which nobody can look at. So the rate at which EC2 serves
this run is found by trying: a refused call multiplies the rate by less than one, a served one adds to it. How many
calls are in flight follows from that and from how long EC2 takes. That refused calls are free is not assumed: where
they take tokens, who sends too often is never served again.

A run with many calls soon knows its rate. One of many nodes with a single call to send knows only that it is refused,
not how many others wait. It tries once, at a random moment, in a time of 1 second, then of 2, 4, 8 and so on: so the
tries of all nodes together become rare enough, however many they are. Towards the end of the run's time they become
more frequent again. What that costs, and what other ways would cost: docs/load.md.
"""

from __future__ import annotations

import math

FIRST = 1.0  # calls a second, after the first refusal; and at least, after a call that was served
LOST = 0.5  # what a refusal multiplies the rate by, while the rate that EC2 serves is not known
LOWER = 0.7  # the same, when that is known and the last try was served
SEARCH = 1.0  # what a served call adds to the rate while it is not known; so it grows e-fold in a second
CYCLE = 10.0  # seconds in which a known rate climbs back to where it was refused
IDLE = 1.0  # seconds: what was not sent in so short a time is made up for, after a look for example
SOON = 0.001  # seconds that are not worth a pause
SHARE = 15  # as a rate: at least so many tries in the time that is left


class Pace:
    """The rate of one action in one run. Times are seconds of the run. Only one thread at a time may use it."""

    def __init__(self) -> None:
        self.rate = math.inf  # calls a second
        self._climb = 0.0  # by how much the rate rises in a second; 0: it is still searched
        self._last = 0.0  # when the last call was sent
        self._next = 0.0  # when the next one may be sent
        self._window = 0.0  # the end of the time in which the next try falls
        self._sent = 0
        self._cut = 0  # how many calls had been sent when the rate was cut last
        self._served = False  # whether one of those that were sent later has been served

    def pause(self, now: float) -> float:
        """Seconds until the next call may be sent; 0: now."""
        pause = self._next - now
        return pause if pause > SOON else 0.0

    def send(self, now: float) -> int:
        """A call is sent now: its number."""
        self._last = now
        self._next = max(self._next, now - IDLE) + 1 / self.rate
        self._sent += 1
        return self._sent

    def served(self, number: int) -> None:
        """EC2 has served that call."""
        if number <= self._cut:
            return
        self._served = True
        self._window = 0.0
        self.rate = max(FIRST, self.rate + (self._climb / self.rate if self._climb else SEARCH))
        self._next = min(self._next, self._last + 1 / self.rate)

    def refused(self, number: int, now: float, left: float, chance: float) -> None:
        """EC2 has throttled that call. left: seconds of the run's budget; chance: at random, 0 to 1.

        Calls that were in flight when the rate was cut do not cut it again.
        """
        if number <= self._cut:
            return
        before = self.rate
        if math.isinf(before):
            self.rate = FIRST
        elif self._served:
            self.rate = before * (LOWER if self._climb else LOST)
            self._climb = (before - self.rate) / CYCLE
        else:
            self.rate = before * LOST
        self.rate = max(self.rate, SHARE / max(left, 1.0))
        self._cut, self._served = self._sent, False
        begins = max(now, self._window)
        self._window = begins + 1 / self.rate
        wait = 1 + chance / 2 if self._climb else chance  # of a known rate, the next token is one call's time away
        self._next = begins + wait / self.rate
