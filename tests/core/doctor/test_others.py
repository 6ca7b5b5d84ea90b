"""What other nodes' doctors tell is data from outside."""

from __future__ import annotations

from typing import Any

import pytest

from ec2kit.core.doctor.others import Told, compared
from ec2kit.core.errors import ExitCode, Unavailable

FINDING = {"code": "X", "number": 1, "result": "fail", "what": "a\nb", "cure": ""}
REPORT = {"verdict": "node2 \x1b[31mcannot", "outcome": "NOT_HELD", "findings": [FINDING]}
TOLD = {"system": "node2\n", "outcome": "NOT_HELD", "error": None, "version": "1\n", "reports": [REPORT]}


def test_it_is_read_as_it_was_printed() -> None:
    """Its verdict in one line, its versions compared, and the same object again; one that is silent has none."""
    told = Told.of_json(TOLD)
    assert told.verdicts == [(ExitCode.NOT_HELD, "node2 ?[31mcannot")]
    assert Told.of_json(told.as_json()) == told
    own = Told("node1", ExitCode.OK, {"version": "2", "python": "3"})
    (found,) = compared(own, [told, Told.silent("node3", Unavailable("it is down"))])
    assert found.what == "the kit is 2 on node1, 1? on node2?"
    assert compared(own, [Told.silent("node3", Unavailable("it is down"))]) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"system": 1},
        {"outcome": "GOOD"},
        {"error": "none"},
        {"reports": {}},
        {"reports": [REPORT | {"verdict": 1}]},
        {"reports": [REPORT | {"findings": {}}]},
        {"reports": [REPORT | {"outcome": "GOOD"}]},
        {"reports": [REPORT | {"findings": [FINDING | {"result": "good"}]}]},
        {"reports": [REPORT | {"findings": [FINDING | {"number": None}]}]},
        {"reports": [REPORT | {"findings": [{}]}]},
        {"reports": [None]},
    ],
    ids=str,
)
def test_what_is_of_another_form_is_no_answer(changed: dict[str, Any]) -> None:
    """And nothing else than the errors that those who read it expect."""
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Told.of_json(TOLD | changed)
