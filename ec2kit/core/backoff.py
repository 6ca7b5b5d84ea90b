"""How long to wait before another round, how long a look counts, and when to give up. Pure: chance is passed in.

How fast calls are sent: ec2kit.core.pace.
"""

from __future__ import annotations

ROUND_FIRST, ROUND_MOST = 1.0, 16.0  # seconds: the mean of the first pause between two rounds; doubled
PERSISTENT_MOST = 4.0  # the same, for a run that goes on until the time is up and must not be late when EC2 is back
FRESH = 5.0  # seconds for which a change may rest on what a look has shown: the peer may take over meanwhile
LAST_WORDS = 1.0  # seconds that are left for the end of a run that gives up


def next_round(done: int, left: float, chance: float, most: float = ROUND_MOST) -> float | None:
    """Seconds to wait after `done` rounds of looking and acting, 1 or more; None: the time is up.

    Half to one and a half of the mean, because what the look did not show yet needs time to appear. Towards the
    end half of what is left, so that the time is used.
    """
    pause = (0.5 + chance) * _doubled(ROUND_FIRST, done, most)
    return min(pause, left / 2) if left > LAST_WORDS else None


def _doubled(first: float, number: int, most: float) -> float:
    return min(most, first * 2.0 ** min(number - 1, 32))
