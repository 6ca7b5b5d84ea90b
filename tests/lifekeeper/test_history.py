"""What actions have come to: what is worth a line, what a damaged file tells, and since when something is so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2kit.core.errors import ExitCode
from ec2kit.lifekeeper.history import Entry, entries, line, since, worth_keeping

ENTRIES = st.builds(
    Entry,
    at=st.floats(0, 4e9),
    action=st.sampled_from(["restore", "remove", "recover", "quickCheck", "create", "extend"]),
    code=st.sampled_from(list(ExitCode)),
    seconds=st.floats(0, 300),
    what=st.text(max_size=600),
)


def entry(at: float, action: str, code: int = 0) -> Entry:
    """One run."""
    return Entry(at, action, code, 0.5, "")


@settings(deadline=None)
@given(st.lists(ENTRIES, max_size=5))
def test_lines_are_read_as_they_were_written(past: list[Entry]) -> None:
    """One line each, whatever the text holds; only a very long text is cut."""
    text = "".join(f"{line(each)}\n" for each in past)
    assert len(text.splitlines()) == len(past)
    assert [each.what for each in entries(text)] == [each.what[:500] for each in past]
    assert [(each.at, each.action, each.code) for each in entries(text)] == [(e.at, e.action, e.code) for e in past]


@pytest.mark.parametrize(
    "damaged",
    [
        '{"at": 1',
        "null",
        "[]",
        "{}",
        '{"at": "x", "action": "a", "code": 0, "seconds": 1, "what": ""}',
        "\0",
        "[" * 9999,
        '{"at": 1e999, "action": "a", "code": 77, "seconds": 1, "what": ""}',
        '{"action": "a", "code": 0, "seconds": 1, "what": "", "at": ' + "9" * 400 + "}",
    ],
)
def test_a_damaged_line_is_left_out(damaged: str) -> None:
    """A crash in the middle of a line costs that line."""
    good = line(entry(1, "restore"))
    assert [each.action for each in entries(f"{damaged}\n{good}\n")] == ["restore"]


@settings(deadline=None)
@given(st.text(max_size=300))
def test_anything_can_be_read(text: str) -> None:
    """Never an error."""
    assert entries(text) == []


def test_a_quick_check_is_worth_a_line_when_it_says_something_new() -> None:
    """Else the file would grow by one each two minutes; and what was not made leaves no line."""
    assert worth_keeping([], entry(1, "quickCheck"))
    assert not worth_keeping([entry(1, "quickCheck")], entry(2, "quickCheck"))
    assert not worth_keeping([entry(1, "restore"), entry(2, "create")], entry(3, "quickCheck"))
    assert worth_keeping([entry(1, "restore")], entry(2, "quickCheck", 9))
    assert worth_keeping([entry(1, "restore"), entry(2, "quickCheck", 9)], entry(3, "quickCheck"))
    assert worth_keeping([entry(1, "restore")], entry(2, "restore"))
    assert worth_keeping([], entry(1, "create"))
    assert not worth_keeping([], entry(1, "create", 5))
    assert not worth_keeping([], entry(1, "canextend"))


def test_since_when() -> None:
    """The first of the unbroken row of runs that say so; None when the last run says something else."""
    past = [
        entry(1, "restore"),
        entry(2, "quickCheck", 9),
        entry(3, "quickCheck"),
        entry(4, "extend"),
        entry(5, "recover"),
    ]
    assert since(past, held=True) == 3
    assert since(past, held=False) is None
    assert since(past[:2], held=None) == 2
    assert since([*past, entry(6, "quickCheck", 1), entry(7, "recover", 1)], held=False) == 6
    assert since([*past, entry(6, "remove")], held=False) == 6
    assert since([*past, entry(6, "remove", 9)], held=None) == 6
    assert since([], held=True) is None


def test_a_line_is_plain_json() -> None:
    """For whoever wants to read the file."""
    assert json.loads(line(entry(1.5, "restore", 9))) == {
        "at": 1.5,
        "action": "restore",
        "code": 9,
        "seconds": 0.5,
        "what": "",
    }
