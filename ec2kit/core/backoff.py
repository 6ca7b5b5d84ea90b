"""How long to wait before something is tried again, and when to give up. Pure: time and chance are passed in.

Many nodes lose an Availability Zone at the same moment and share one account's calls, so they must not try again at
the same moment. A call's ceiling is low, because a refused call takes no token, and a node that pauses for long is
late: docs/load.md shows by simulation what higher ceilings cost.
AWS's advice: aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter.
"""

from __future__ import annotations

CALL_FIRST, CALL_MOST = 0.5, 0.5  # seconds: the ceiling of a pause before a throttled call is sent again; it stays
ROUND_FIRST, ROUND_MOST = 1.0, 16.0  # seconds: the mean of the first pause between two rounds; doubled
PERSISTENT_MOST = 4.0  # the same, for a run that goes on until the time is up and must not be late when EC2 is back
LAST_WORDS = 1.0  # seconds that are left for the end of a run that gives up


def throttled_call(sent: int, left: float, chance: float) -> float | None:
    """Seconds to wait before a call that EC2 has throttled is sent again; None: the time is up.

    sent: how often it has been sent, 1 or more; left: seconds of the run's budget; chance: at random, 0 to 1. The
    number of tries has no end of its own: throttling passes by itself, and a takeover that gives up is an outage.
    """
    pause = chance * _doubled(CALL_FIRST, sent, CALL_MOST)  # anything down to nothing: "full jitter"
    return pause if pause + LAST_WORDS < left else None


def next_round(done: int, left: float, chance: float, most: float = ROUND_MOST) -> float | None:
    """Seconds to wait after `done` rounds of looking and acting, 1 or more; None: the time is up.

    Half to one and a half of the mean, because what the look did not show yet needs time to appear. Towards the
    end half of what is left, so that the time is used.
    """
    pause = (0.5 + chance) * _doubled(ROUND_FIRST, done, most)
    return min(pause, left / 2) if left > LAST_WORDS else None


def _doubled(first: float, number: int, most: float) -> float:
    return min(most, first * 2.0 ** min(number - 1, 32))
