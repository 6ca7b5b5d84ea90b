"""Views as JSON, and back: what one system tells, another one reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.kind import View
from ec2kit.core.kinds.known import read_view
from ec2kit.core.kinds.route import RouteEntry, RouteView
from ec2kit.core.model import Association

WORD = st.text(max_size=8)
NAMES = st.lists(WORD, max_size=3).map(tuple)
ENTRIES = st.lists(st.builds(RouteEntry, WORD, WORD, WORD), max_size=3).map(tuple)
ROUTES = st.tuples(ENTRIES, NAMES).filter(any)  # entries and missing: a view has some of one of them
VIEWS = ROUTES.flatmap(
    lambda both: st.builds(RouteView, WORD, WORD, st.booleans(), st.just(both[0]), st.just(both[1]), NAMES)
) | st.builds(
    ElasticIpView,
    public_ip=WORD,
    allocation=st.none() | WORD,
    association=st.none() | st.builds(Association, WORD, st.none() | WORD, st.none() | WORD),
    interface=WORD,
    eni=WORD,
    private_ip=WORD,
    others=NAMES,
    link=st.none() | st.booleans(),
    expected=st.none() | WORD,
)


@given(VIEWS)
def test_a_view_is_read_back_as_it_was(seen: View) -> None:
    """Both kinds, through the text of a JSON object; no value is lost or takes another one's place."""
    assert read_view(json.loads(json.dumps(seen.as_json()))) == seen


@given(VIEWS, st.dictionaries(st.text(min_size=20), st.integers(), max_size=3))
def test_more_keys_do_no_harm(seen: View, more: dict[str, int]) -> None:
    """A newer version may tell more than this one knows."""
    assert read_view(seen.as_json() | more) == seen


@pytest.mark.parametrize(
    "told",
    [
        None,
        "entries",
        {},
        {"entries": 1, "eni": "eni-1"},
        {"kind": "ipv6", "prefix": "fd00::/64"},
        {"destination": "", "eni": "", "source_dest_check": False, "entries": [], "missing": [], "gone": []},
    ],
)
def test_what_is_not_a_view_is_none(told: Any) -> None:
    """Nothing, half of one, a kind that only a newer version knows, or one that would look healthy without routes."""
    assert read_view(told) is None
