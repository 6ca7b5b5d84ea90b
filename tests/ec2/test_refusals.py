"""EC2's error codes in words."""

from __future__ import annotations

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.core.kinds.facts import RouteTables
from ec2kit.core.model import VpcId
from ec2kit.ec2.refusals import refusal
from lab.ec2.server import Ec2 as LabEc2
from tests.support.edge import ec2

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RequestLimitExceeded", "throttled"),
        ("UnauthorizedOperation", "Allow ec2:ReplaceRoute"),
        ("RequestExpired", "clock"),
        ("AuthFailure", "credentials"),
        ("InternalError", "InternalError"),
    ],
)
def test_each_kind_of_refusal_has_its_words(code: str, words: str) -> None:
    """By the code alone: EC2's message can hold an encoded authorization message. None is for ever."""
    error = refusal("ReplaceRoute", "rtb-1", code)
    assert words in error.why
    assert not error.permanent


def test_ec2s_own_message_is_not_repeated(lab: LabEc2) -> None:
    """It can hold an encoded authorization message, account and request details; the code is enough."""
    lab.refuse("denied")
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0).ask(RouteTables(VpcId("vpc-1")))
    assert "You are not authorized" in str(caught.value.__cause__), "the lab's message, as EC2's"
    assert "You are not authorized" not in caught.value.why
    assert "UnauthorizedOperation" in caught.value.why
