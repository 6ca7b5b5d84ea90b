"""What is said again and again is told when it is new, then once in ten minutes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.repetition import AGAIN, Said, of_text, once_more, remembered, text

_SAID = st.builds(Said, st.floats(0, 2e9), st.floats(0, 2e9), st.integers(1, 10_000))


def test_two_hours_of_the_same_line_each_ten_seconds() -> None:
    """The first one, then one each ten minutes, with a count."""
    known, told = None, []
    for second in range(0, 7200, 10):
        known, tell = once_more(known, 1e9 + second)
        if tell:
            told.append((second, known.times))
    assert told == [(minute * 60, minute * 6 + 1) for minute in range(0, 120, 10)]
    assert known is not None
    assert (known.since, known.times) == (1e9, 720)


def test_a_clock_that_was_set_back_does_not_silence_for_long() -> None:
    """What was told in the future is told again."""
    assert once_more(Said(2000, 2000, 1), 1000) == (Said(2000, 1000, 2), True)


def test_causes_that_alternate_are_each_told_once_in_ten_minutes() -> None:
    """A line that this run did not say is remembered as long as it would be silenced."""
    past: dict[str, Said] = {}
    told = 0
    for turn in range(120):
        line, now = "AB"[turn % 2], 1e9 + 10 * turn
        known, tell = once_more(past.get(line), now)
        told += tell
        past = remembered(past, {line: known}, now)
    assert told == 4
    assert remembered(past, {}, now + AGAIN + 20) == {}


@given(st.dictionaries(st.text(), _SAID))
def test_a_file_comes_back_as_it_was_written(lines: dict[str, Said]) -> None:
    """And nothing is an empty text."""
    assert of_text(text(lines)) == lines
    assert bool(text(lines)) == bool(lines)


@given(st.floats(), st.floats())
def test_a_time_that_cannot_be_is_nothing(since: float, told: float) -> None:
    """No line has it, and it could not be shown."""
    for each in of_text(json.dumps({"a": [since, told, 2]})).values():
        assert 0 <= each.since < 4e9
        assert 0 <= each.told < 4e9


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str)))
def test_a_damaged_file_is_nothing(told: str) -> None:
    """Each line is told then."""
    assert all(isinstance(each, Said) for each in of_text(told).values())
