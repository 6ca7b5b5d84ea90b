"""How long is waited, and when not: the decision alone, for any numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core import backoff

NUMBERS = st.integers(1, 10_000)
CHANCES = st.floats(0, 1)
LEFT = st.floats(0, 86_400)


@given(NUMBERS, LEFT, CHANCES)
def test_no_pause_outlasts_the_time(number: int, left: float, chance: float) -> None:
    """A pause ends inside the budget, or there is none."""
    pause = backoff.next_round(number, left, chance)
    assert pause is None or 0 < pause < left


@pytest.mark.parametrize(("number", "mean"), [(1, 1.0), (2, 2.0), (5, 16.0), (100, 16.0)])
def test_a_round_waits_about_a_doubled_mean(number: int, mean: float) -> None:
    """From half of it to one and a half: what could not be seen yet needs time to appear."""
    assert [backoff.next_round(number, 300, chance) for chance in (0, 0.5, 1)] == [mean / 2, mean, mean * 1.5]


@given(LEFT, CHANCES)
def test_rounds_use_the_time_to_its_end(left: float, chance: float) -> None:
    """Who may go on for as long as there is time does not stop because a long pause would not fit."""
    done = 0
    while (pause := backoff.next_round(done := done + 1, left, chance)) is not None:
        left -= pause
    assert left <= backoff.LAST_WORDS
