"""The info field: what is written is read back, and nothing else is taken."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.model import Reach, TableId
from ec2kit.lifekeeper.info import Info, decode, encode, good_tag

ADDRESSES = st.ip_addresses(v=4).map(lambda address: IPv4Address(int(address)))
WORDS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
RESOURCES = st.builds(
    RouteResource,
    ADDRESSES,
    WORDS,
    st.frozensets(st.from_regex(r"rtb-[0-9a-f]{8,17}", fullmatch=True).map(TableId), max_size=5),
) | st.builds(ElasticIpResource, ADDRESSES, WORDS)


@given(st.builds(Info, RESOURCES, st.builds(Reach, WORDS, WORDS, WORDS), WORDS))
def test_what_is_encoded_is_decoded_and_safe_for_the_lcd(info: Info) -> None:
    """Round trip, in LifeKeeper's safe characters only."""
    text = encode(info)
    assert re.fullmatch(r"[A-Za-z0-9_./= -]*", text)
    assert decode(text) == info


@given(st.text() | st.text("=0123456789ABCDEFkindroutevp. ").map(lambda tail: f"ec2kit=1 {tail}"))
def test_garbage_is_misconfigured_and_nothing_else(text: str) -> None:
    """Whatever stands in the field, the answer is a resource or Misconfigured with a cure."""
    try:
        decode(text)
    except Misconfigured as error:
        assert error.cure  # noqa: PT017  either outcome is right


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not one of ec2kit's"),
        ("ec2kit=2 kind=route vip=10.1.0.10", "not one of ec2kit's"),
        ("ec2kit=1 kind=route vip=10.1.0.300", "an IPv4 address for vip"),
        ("ec2kit=1 kind=route vip=fd00=3A=3A1", "an IPv4 address for vip"),
        ("ec2kit=1 kind=route vip=10.1.0.10 vip=10.1.0.11", "something twice"),
        ("ec2kit=1 kind=eip vip=10.1.0.10", "does not name a known kind"),
        ("ec2kit=1 kind=route vip=10.1.0.10 interface=eth=1", "damaged value for interface"),
        ("ec2kit=1 kind=route vip=10.1.0.10 reboot", "a word that is not ec2kit's"),
    ],
)
def test_a_damaged_field_says_what_is_wrong(text: str, why: str) -> None:
    """Each kind of damage has its own words."""
    with pytest.raises(Misconfigured, match=why):
        decode(text)


@pytest.mark.parametrize("tag", ["", "-x", "a]b", "a b", "a\nb", "ä", "x" * 257])
def test_tags_that_name_nothing(tag: str) -> None:
    """They would end up in file names, options and section heads."""
    assert not good_tag(tag)
    assert good_tag("ec2-10.1.0.10")
