"""The verdict on many addresses: one sentence, the exit code, the worst first."""

from __future__ import annotations

import pytest

from ec2kit.core.serving import Serving, Word, code, headline, sorted_, total


def serving(word: Word, number: int = 1, system: str = "") -> Serving:
    """One address."""
    return Serving(word, f"ec2-{number}", f"route 10.1.0.{number}/32", "", f"ec2-{number} is so", system=system)


@pytest.mark.parametrize(
    ("words", "ended"),
    [
        ([Word.SERVED], 0),
        ([Word.SERVED, Word.STOPPED], 0),
        ([Word.UNKNOWN, Word.SERVED], 9),
        ([Word.UNKNOWN, Word.OUTAGE, Word.SERVED], 1),
        ([], 0),
    ],
)
def test_an_outage_beats_what_is_not_known(words: list[Word], ended: int) -> None:
    """1, else 9, else 0; what a person has taken out is 0."""
    assert code([serving(word) for word in words]) == ended


def test_the_sentence_on_many() -> None:
    """A healthy fleet is one line with where; else how many of each, with the first few names; the worst first."""
    fleet = [serving(Word.SERVED, number, "node1" if number < 150 else "node2") for number in range(200)]
    assert headline(fleet) == "All 200 addresses are served (node1 150, node2 50)"
    assert total(fleet) == "200 addresses: 200 served"
    fleet[7:11] = [serving(Word.OUTAGE, number) for number in range(7, 11)]
    fleet[50] = serving(Word.UNKNOWN, 50)
    fleet[60] = serving(Word.STOPPED, 60)
    assert headline(fleet) == (
        "4 of 200 are not served: ec2-7, ec2-8, ec2-9 and 1 more; 1 of 200 is not known: ec2-50; 1 of 200 is out of "
        "service on purpose: ec2-60"
    )
    assert [each.name for each in sorted_(fleet)[:6]] == [f"ec2-{number}" for number in (7, 8, 9, 10, 50, 60)]
    assert total(fleet) == "200 addresses: 4 outage, 1 unknown, 1 out of service, 194 served"
