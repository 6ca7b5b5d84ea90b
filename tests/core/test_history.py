"""What runs have come to: what is worth a line, what a damaged file tells, and since when something is so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2kit.core.errors import ExitCode
from ec2kit.core.history import Calls, Entry, entries, line, since, worth_keeping

ENTRIES = st.builds(
    Entry,
    at=st.floats(0, 4e9),
    action=st.sampled_from(["restore", "remove", "recover", "quickCheck", "create", "extend"]),
    code=st.sampled_from(list(ExitCode)),
    seconds=st.floats(0, 300),
    what=st.text(max_size=600),
    engine=st.sampled_from(["LifeKeeper", "Pacemaker", ""]),
    name=st.text(max_size=20),
    before=st.none() | st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5), max_size=2),
    steps=st.lists(st.tuples(st.text(max_size=20), st.floats(0, 9)), max_size=3).map(tuple),
    calls=st.dictionaries(
        st.text(max_size=5), st.builds(Calls, st.integers(0), st.integers(0, 9).map(float)), max_size=2
    ),
)


def entry(at: float, action: str, code: int = 0, seconds: float = 0.5, **more: str) -> Entry:
    """One run."""
    return Entry(at, action, code, seconds, "", **more)  # type: ignore[arg-type]


def file(*past: Entry) -> str:
    """The text of a file."""
    return "".join(f"{line(each)}\n" for each in past)


@settings(deadline=None)
@given(st.lists(ENTRIES, max_size=5))
def test_lines_are_read_as_they_were_written(past: list[Entry]) -> None:
    """One line each, whatever the text holds; only a very long text is cut. In the order in which they began."""
    text = file(*past)
    assert len(text.splitlines()) == len(past)
    ordered = sorted(past, key=lambda each: each.began)
    assert entries(text) == [replace(each, what=each.what[:500]) for each in ordered]


def test_lines_of_version_0_1_0_are_read_and_it_reads_ours() -> None:
    """They began as long before their end as they took; LifeKeeper's actions alone were written down."""
    old = {"at": 10.0, "action": "restore", "code": 0, "seconds": 4.0, "what": "held"}
    (read,) = entries(json.dumps(old))
    assert (read.began, read.engine, read.before, read.held) == (6.0, "LifeKeeper", None, True)
    assert json.loads(line(read)) | old == json.loads(line(read))


def test_a_line_is_bounded() -> None:
    """A hold of hundreds of route tables is one short line."""
    many = replace(entry(1, "hold"), what="x" * 9999, steps=(("y" * 9999, 1.0),) * 999)
    assert len(line(many)) < 12_000


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
        '{"at": NaN, "action": "a", "code": 0, "seconds": 1, "what": ""}',
        '{"at": 1, "action": "a", "code": 0, "seconds": 1, "what": "", "before": [1]}',
        '{"at": 1, "action": "a", "code": 0, "seconds": 1, "what": "", "calls": {"x": 1}}',
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


@pytest.mark.parametrize(
    ("past", "new", "worth"),
    [
        ([], entry(1, "quickCheck"), True),
        ([entry(1, "quickCheck")], entry(2, "quickCheck"), False),
        ([entry(1, "restore"), entry(2, "create")], entry(3, "quickCheck"), False),
        ([entry(1, "restore")], entry(2, "quickCheck", 9), True),
        ([entry(1, "restore"), entry(2, "quickCheck", 9)], entry(3, "quickCheck"), True),
        ([entry(1, "restore")], entry(2, "restore"), True),
        ([], entry(1, "create"), True),
        ([], entry(1, "create", 5), False),
        ([], entry(1, "canextend"), False),
        ([], entry(1, "plan"), False),
        ([entry(1, "start", name="a")], entry(2, "monitor", name="a"), False),
        ([entry(1, "start", name="a")], entry(2, "monitor", name="b"), True),
        ([entry(1, "start", engine="Pacemaker")], entry(2, "check", engine=""), True),
        ([entry(1, "monitor", 1), entry(2, "check", engine="")], entry(3, "monitor", 1), False),
        *(([entry(1, verb)], entry(2, verb), True) for verb in ("hold", "release", "stop", "reload-agent")),
    ],
)
def test_what_is_worth_a_line(past: list[Entry], new: Entry, *, worth: bool) -> None:
    """Each run that acts, what was made, and a check whose verdict is new; else the file would grow each minute."""
    assert worth_keeping(file(*past), new) is worth


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


def test_since_a_local_repair() -> None:
    """recover ends before the quickCheck that has called for it, and began behind it; then all is well."""
    past = entries(file(entry(1, "restore"), entry(20, "recover", seconds=5), entry(21, "quickCheck", 1, seconds=10)))
    assert [each.action for each in past] == ["restore", "quickCheck", "recover"]
    assert since(past, held=True) == 20
    assert since(past[:2], held=False) == 21


def test_a_line_is_plain_json() -> None:
    """For whoever wants to read the file."""
    had = replace(
        entry(1.5, "hold", 9, engine=""),
        before={"eni-1": "i-1"},
        steps=(("move", 0.2),),
        calls={"X": Calls(2, 0.1, 1)},
    )
    assert json.loads(line(had)) == {
        "schema": 1,
        "at": 1.5,
        "action": "hold",
        "code": 9,
        "seconds": 0.5,
        "what": "",
        "outcome": "UNAVAILABLE",
        "began": 1.0,
        "engine": "",
        "name": "",
        "kind": "",
        "address": "",
        "before": {"eni-1": "i-1"},
        "after": None,
        "steps": [{"what": "move", "seconds": 0.2}],
        "calls": {"X": {"count": 2, "seconds": 0.1, "throttled": 1}},
        "script": False,
    }
