"""How fast calls are sent: the decision alone, for any times and chances."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core import pace
from ec2kit.core.pace import Pace

CHANCES = st.floats(0, 1)
TIMES = st.floats(0, 86_400)
LONG = 86_400.0  # seconds: a budget that hurries nobody


def refused_in_a_row(times: int, *, now: float = 0.0, chance: float = 0.5, left: float = LONG) -> tuple[Pace, float]:
    """A single call that EC2 has refused so often, each time it was sent; and the second of the last refusal."""
    slow = Pace()
    for _ in range(times):
        now += slow.pause(now)
        slow.refused(slow.send(now), now, left, chance)
    return slow, now


def known(rate: float) -> Pace:
    """A run that has found about that rate."""
    found = Pace()
    found.refused(found.send(0.0), 0.0, LONG, 0.0)
    while found.rate < rate / pace.LOST:
        found.served(found.send(0.0))
    found.refused(found.send(0.0), 0.0, LONG, 0.0)
    return found


@given(st.lists(TIMES, max_size=50))
def test_nothing_waits_where_nothing_is_refused(times: list[float]) -> None:
    """However many calls, at whatever moments, and whatever is still in flight."""
    fast = Pace()
    for now in sorted(times):
        assert fast.pause(now) == 0
        number = fast.send(now)
        assert fast.pause(now) == 0
        fast.served(number)


def test_what_was_in_flight_is_one_refusal() -> None:
    """32 calls that find the bucket empty together cut the rate once, and none of them that is served raises it."""
    flight = Pace()
    numbers = [flight.send(0.0) for _ in range(32)]
    for number in numbers[:16]:
        flight.refused(number, 0.1, LONG, 0.5)
        assert (flight.rate, flight.pause(0.1)) == (pace.FIRST, 0.5)
    for number in numbers[16:]:
        flight.served(number)
        assert flight.rate == pace.FIRST


@given(st.integers(1, 12), CHANCES)
def test_each_refusal_in_a_row_doubles_the_time_of_a_try(times: int, chance: float) -> None:
    """Each time begins where the one before ends, the try is at a random moment of it: 0 to 1, 1 to 3, 3 to 7 s."""
    slow, now = refused_in_a_row(times, chance=chance)
    begins, length = 2.0 ** (times - 1) - 1, 2.0 ** (times - 1)
    assert now + slow.pause(now) == pytest.approx(begins + chance * length, abs=0.002 * times)


@given(st.integers(1, 200), CHANCES, st.floats(1, 86_400))
def test_who_waits_has_tries_left(times: int, chance: float, left: float) -> None:
    """However often a call was refused, the next try comes in a tenth of the time that is left, or in one second."""
    slow, now = refused_in_a_row(times, chance=chance, left=left)
    assert slow.pause(now) <= max(2.0 / pace.FIRST, 2 * left / pace.SHARE)


@given(st.integers(1, 12))
def test_a_served_call_ends_the_row(times: int) -> None:
    """The next call goes within a second, however long the pauses were."""
    slow, now = refused_in_a_row(times)
    now += slow.pause(now)
    slow.served(slow.send(now))
    assert slow.pause(now) <= 1 / pace.FIRST
    assert slow.rate >= pace.FIRST + (pace.SEARCH if times == 1 else 0)


@given(st.floats(2, 100))
def test_a_known_rate_is_cut_and_climbs_back_in_one_cycle(rate: float) -> None:
    """Additive increase, multiplicative decrease, at any rate that EC2 may serve."""
    found = known(rate)
    found.served(found.send(0.0))
    top = found.rate
    found.refused(found.send(1.0), 1.0, LONG, 0.0)
    low = found.rate
    assert low == pytest.approx(top * pace.LOWER)
    now = 1.0 + found.pause(1.0)
    steps: list[float] = []
    while now < 1.0 + pace.CYCLE and len(steps) < 100 * pace.CYCLE * rate:
        before = found.rate
        found.served(found.send(now))
        steps.append((found.rate - before) * before)
        now += found.pause(now)
    assert found.rate == pytest.approx(top, rel=0.1)
    assert max(steps) == pytest.approx(min(steps)), "it is the same in each second"


@given(st.floats(2, 100), CHANCES)
def test_who_knows_the_rate_lets_a_token_come_first(rate: float, chance: float) -> None:
    """Where refused calls take tokens, a try right after a refusal would be refused again."""
    found = known(rate)
    found.served(found.send(0.0))
    found.refused(found.send(1.0), 1.0, LONG, chance)
    assert 1 / found.rate <= found.pause(1.0) * 1.001 <= 1.51 / found.rate


def test_calls_are_spread_evenly() -> None:
    """After a refusal: not in groups."""
    found = known(5)
    now = found.pause(0.0)
    found.send(now)
    assert found.pause(now) == pytest.approx(1 / found.rate)
    assert not math.isinf(found.rate)


@pytest.mark.parametrize(("idle", "most"), [(0.6, 0.6), (60.0, pace.IDLE)])
def test_what_a_look_has_kept_back_is_made_up_for(idle: float, most: float) -> None:
    """EC2's tokens have come in meanwhile; but not for what lies further back than a second."""
    found = known(5)
    now = found.pause(0.0)
    found.send(now)
    now += found.pause(now) + idle
    sent = 0
    while not found.pause(now) and sent < 1000:
        found.send(now)
        sent += 1
    assert sent == pytest.approx(1 + most * found.rate, abs=1)
