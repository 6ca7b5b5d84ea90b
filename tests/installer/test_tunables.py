"""The kit's tunables in somebody else's settings file: merged, and taken out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.settings import settings
from installer.tunables import BEGIN, END, NAMES, lines, merge, missing, unmerge

SHIPPED = (Path(__file__).parents[2] / "etc/default/LifeKeeper").read_text()
WRITTEN = set(lines(NAMES, SHIPPED))

MENTIONS = st.builds(
    "{}{}={}".format, st.sampled_from(["", "#", " # ", "export "]), st.sampled_from(NAMES), st.just(7)
)
LINES = st.lists(
    MENTIONS | st.sampled_from(["LKROOT=/opt/LK", "# a comment", "", "\\", "A\rB"]) | st.text(max_size=9)
)
TEXTS = st.builds(
    lambda rows, end, last: end.join(rows) + last,
    LINES,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\r\n", "\r"]),
)


@given(TEXTS)
def test_taking_out_what_was_merged_gives_the_same_bytes(text: str) -> None:
    """Whatever line ends the file has, the last line included."""
    assert unmerge(merge(text, SHIPPED), WRITTEN) == (text, [])


@given(TEXTS)
def test_a_merge_adds_behind_and_once(text: str) -> None:
    """What was there is a prefix, all tunables are mentioned, and a second merge changes nothing."""
    merged = merge(text, SHIPPED)
    assert merged.startswith(text)
    assert not missing(merged)
    assert merge(merged, SHIPPED) == merged


@given(TEXTS)
def test_a_merge_changes_no_setting(text: str) -> None:
    """The kit reads the same values and gives the same warnings; a last line without an end gets a DOS file's."""
    after, before = settings(merge(text, SHIPPED), {}), settings(text, {})
    assert after[0] == before[0]
    told, was = ([each for each in warnings if "carriage return" not in each] for _, warnings in (after, before))
    assert told == was


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(["{}=1", "#{}=1", "# {} = 1", "export {}=1"]))
def test_what_is_mentioned_is_not_added(names: set[str], form: str) -> None:
    """Set or commented out: each tunable is there once."""
    text = "".join(form.format(name) + "\n" for name in sorted(names))
    added = merge(text, SHIPPED).removeprefix(text)
    assert {name for name in NAMES if f"#{name}=" in added} == set(NAMES) - names


def test_a_block_has_the_comments_of_its_tunables_alone() -> None:
    """A tunable's own paragraph of the shipped file, at its default; nothing of AWS or LifeKeeper."""
    text = "".join(f"{name}=1\n" for name in NAMES if name != "IP_NOLINKCHECK")
    comment = "# Elastic IP only: 1 switches off the link check of the protected network interface."
    assert merge(text, SHIPPED).removeprefix(text) == f"\n{BEGIN}\n{comment}\n#IP_NOLINKCHECK=0\n{END}\n"
    assert "AWS" not in merge("", SHIPPED)


@given(TEXTS, st.sampled_from(NAMES))
def test_a_line_that_was_deleted_comes_back_and_goes_again(text: str, name: str) -> None:
    """The second block is taken out like the first."""
    first = merge(text, SHIPPED)
    rows = first.removeprefix(text).splitlines(keepends=True)
    fewer = text + "".join(row for row in rows if not row.startswith(f"#{name}="))
    assert unmerge(merge(fewer, SHIPPED), WRITTEN) == (text, [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_edited_lines_stay(end: str) -> None:
    """What was edited in the block is told and stays; what was written behind it keeps a line of its own."""
    merged = merge(f"A=1{end}B=2", SHIPPED).replace("#EC2_MAX_RETRY=3", "EC2_MAX_RETRY=5")
    assert unmerge(f"{merged}C=3", WRITTEN) == (f"A=1{end}B=2{end}EC2_MAX_RETRY=5{end}C=3", ["EC2_MAX_RETRY=5"])


def test_what_was_written_behind_keeps_its_line() -> None:
    """Although the line before the block had no end of its own."""
    assert unmerge(merge("A=1", SHIPPED) + "B=2\n", WRITTEN) == ("A=1\nB=2\n", [])


def test_a_block_without_its_end_stays() -> None:
    """Nobody knows any more which lines are the installer's, so it tells."""
    broken = merge("A=1\n", SHIPPED).replace(f"{END}\n", "B=2\n")
    assert unmerge(broken, WRITTEN) == (broken, [BEGIN])
