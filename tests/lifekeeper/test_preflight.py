"""What must be so before a resource is made: priorities, the VPC, the instance's own options."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import EniId, Node, VpcId
from ec2kit.lifekeeper import preflight

NUMBERS = st.integers(1, 999)
KNOWN = st.dictionaries(st.sampled_from(["node1", "node2", "node3", "node4"]), NUMBERS, max_size=4).filter(
    lambda known: len(set(known.values())) == len(known)
)
NODE = Node("eu-west-1", "i-1", VpcId("vpc-1"), (IPv4Network("10.0.0.0/16"),), "eth1", EniId("eni-1"))


@given(KNOWN, st.none() | NUMBERS, st.none() | NUMBERS)
def test_no_two_systems_get_the_same_priority(
    known: dict[str, int], template: int | None, target: int | None
) -> None:
    """What is asked for is taken or refused, never changed; what is not asked for is unused."""
    others = {number for system, number in known.items() if system != "node1"}
    try:
        first, second = preflight.priorities(known, "node1", template_wanted=template, target_wanted=target)
    except Misconfigured:
        has = known.get("node1", template or 1)
        assert template not in {None, has} or target in {has, *others} or has in others
        return
    assert first == known.get("node1", template or 1)
    assert template in {None, first}
    assert target in {None, second}
    assert 1 <= second <= 999
    assert len({first, second, *others}) == 2 + len(others)


def test_priorities_by_default() -> None:
    """1 and 10 at the first extension; then what the template has, and the first that is free."""
    assert preflight.priorities({}, "node1", template_wanted=None, target_wanted=None) == (1, 10)
    known = {"node1": 5, "node2": 10, "node3": 1}
    assert preflight.priorities(known, "node1", template_wanted=None, target_wanted=None) == (5, 2)
    every = {f"node{number}": number for number in range(1, 1000)}
    with pytest.raises(Misconfigured):
        preflight.priorities(every, "node1", template_wanted=None, target_wanted=None)


def test_one_vpc() -> None:
    """A field that does not say where it was created forbids nothing."""
    assert preflight.one_vpc(None, NODE) == preflight.one_vpc(VpcId("vpc-1"), NODE) == []
    (problem,) = preflight.one_vpc(VpcId("vpc-2"), NODE)
    assert problem.fatal
    assert str(problem) == "this node is in vpc-1, the resource was created in vpc-2. Both nodes must be in one VPC"
