"""Counters of runs only grow, and are read as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2kit.core.counters import Counters
from ec2kit.core.errors import ExitCode
from ec2kit.core.history import Calls, Entry

ENTRIES = st.builds(
    Entry,
    at=st.integers(9, 4_000_000_000).map(float),
    action=st.sampled_from(["check", "hold", "stop"]),
    code=st.sampled_from(list(ExitCode)),
    seconds=st.integers(0, 9).map(float),
    what=st.text(max_size=5),
    engine=st.sampled_from(["LifeKeeper", ""]),
    calls=st.dictionaries(
        st.sampled_from("ABC"), st.builds(Calls, st.integers(0, 9), st.just(0.5), st.integers(0, 2))
    ),
)


@settings(deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=6))
def test_each_run_counts_once(entries: list[Entry]) -> None:
    """Through a file after each; in whatever order they are added up."""
    total = Counters()
    for number, entry in enumerate(entries, 1):
        total = Counters.of_text((total + Counters.of(entry)).text())
        assert sum(total.runs.values()) == number
    assert total.since == min(each.began for each in entries)
    assert total.about["engine"] == entries[-1].engine
    assert sum(total.seconds.values()) == sum(each.seconds for each in entries)
    for name in "ABC":
        sent = [each.calls.get(name, Calls()) for each in entries]
        told = total.calls.get(name, Calls())
        assert (told.count, told.throttled) == (sum(e.count for e in sent), sum(e.throttled for e in sent))
    again = sum(map(Counters.of, reversed(entries)), Counters())
    assert (again.runs, again.seconds, again.calls) == (total.runs, total.seconds, total.calls)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"since": "x"}', "[" * 9999])
def test_a_damaged_file_has_counted_nothing(text: str) -> None:
    """Then counting begins there."""
    assert Counters.of_text(text) == Counters()
