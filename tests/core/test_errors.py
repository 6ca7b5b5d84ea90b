"""The kit's errors in few bytes: what happened and what to do, both of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import KitError, NotHeld, brief
from ec2kit.ec2 import codes
from ec2kit.ec2.refusals import Call, refusal

MOST = 128  # bytes: what crm_mon shows
CALLS = (
    Call("DescribeRouteTables", "vpc-0123456789abcdef0", whose="the instance's role ec2kit-node"),
    Call("AssociateAddress", "203.0.113.110", whose="key 3 of [cluster] in /root/.aws/credentials"),
    Call("AssumeRole", "", "STS", "https://sts.eu-west-1.amazonaws.com", "the profile cluster"),
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.operation)
def test_what_ec2_refuses_and_the_cure_both_fit(call: Call) -> None:
    """Each code: who refused which call, and how the cure begins."""
    for code in sorted(each for known, _, _ in codes._MEANINGS for each in known):
        error = refusal(call, code)
        text = brief(error, MOST)
        assert len(text.encode()) <= MOST
        assert text.startswith(f"{call.service} ")
        assert call.operation in text
        assert re.sub(r" \([^()]*\)", "", error.cure)[:30].split(";")[0] in text


def test_the_cause_of_an_error_is_what_is_told() -> None:
    """A look that still shows it is the consequence."""
    denied = refusal(CALLS[0], "UnauthorizedOperation")
    error = NotHeld(
        f"route 10.1.0.10/32: after acting, a look still shows {'that ' * 30}, because {denied}", denied.cure
    )
    error.__cause__ = denied
    assert brief(error, MOST) == (
        "EC2 denied DescribeRouteTables on vpc-0123456789abcdef0. Allow ec2:DescribeRouteTables in the IAM policy "
        "behind the..."
    )


TEXT = st.text(st.characters(exclude_categories=["C"]), max_size=200)


@given(TEXT, TEXT)
def test_any_texts_fit(what: str, cure: str) -> None:
    """Also of letters that take several bytes; what is short enough stays as it is, and each part is there."""
    error = KitError(what, cure)
    text = brief(error, MOST)
    assert len(text.encode()) <= MOST
    if len(error.why.encode()) <= MOST:
        assert text == error.why
