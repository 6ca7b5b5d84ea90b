"""create's options: what is asked for, the words that ask for the same, and what does not fit together."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.kinds.kind import Kind
from ec2kit.core.kinds.known import TYPES
from ec2kit.core.model import Reach
from ec2kit.lifekeeper.options import Creation, creation_of
from lab.nodes import Lab
from tests.support.hierarchy import CREATE, ROUTE

WORDS = st.none() | st.text(max_size=8)
NAMES = st.text(min_size=1, max_size=8)
ADDRESSES = st.ip_addresses(v=4).map(lambda ip: IPv4Address(int(ip)))
KINDS = st.sampled_from([*TYPES.values()]).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        NAMES if kind.resource.below else st.none(),
        st.fixed_dictionaries({each.field: ADDRESSES for each in kind.creation if each.required}),
    )
)


@given(KINDS, NAMES, NAMES, WORDS, st.sampled_from(["intelligent", "automatic"]), WORDS, WORDS, st.booleans())
def test_the_words_of_a_creation_ask_for_the_same(
    kind: tuple[Kind, str | None, dict[str, IPv4Address]],
    tag: str,
    interface: str,
    server: str | None,
    switchback: str,
    url: str | None,
    signer: str | None,
    by_key: bool,
) -> None:
    """Another system's create makes of them what this one would: an empty value is not the same as none."""
    reach = Reach(profile=None if by_key else signer, url=url)
    wanted = Creation(kind[0], tag, *kind[1:], interface, switchback, server, reach, signer if by_key else None)
    assert creation_of(wanted.arguments()) == wanted


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--type", "route-table"),
        ("--type", "elastic-ip", "--elastic-ip", "203.0.113.10"),
        ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "fd00::1"),
        (*CREATE[ROUTE][1:], "--elastic-ip", "203.0.113.10"),
    ],
)
def test_options_that_do_not_fit_together(figure1: Lab, options: tuple[str, ...]) -> None:
    """Usage: exit code 2, and EC2 was not asked."""
    done = figure1.node1.action("create", *options)
    assert done.returncode == 2
    assert figure1.ec2.calls == []
