"""The EC2 edge: each answer is a fact or Unavailable, and it is asked as often as the setting says."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ec2kit.core.backoff import FRESH
from ec2kit.core.errors import Stale, Unavailable
from ec2kit.core.kinds.facts import ElasticIps, Interfaces, RouteTables
from ec2kit.core.kinds.route import ReplaceRoute
from ec2kit.core.model import Destination, EniId, NetworkInterface, TableId, VpcId
from ec2kit.ec2.client import Ec2
from ec2kit.host.deadline import SIDE_BY_SIDE, Deadline
from lab import wire
from lab.ec2.buckets import Buckets, Size
from lab.ec2.server import Ec2 as LabEc2
from tests.support.edge import INSTANCE, ec2

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    "kind", ["throttled", "denied", "error500", "reset", "garbage", "hollow", "truncated", "hang"]
)
def test_every_failure_becomes_unavailable(lab: LabEc2, kind: Any) -> None:
    """Never an empty answer, and never botocore's own exception."""
    lab.refuse(kind)
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0, seconds=2).ask(RouteTables(VpcId("vpc-1")))
    assert "DescribeRouteTables on vpc-1" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_retries_are_those_of_the_setting(lab: LabEc2) -> None:
    """EC2_MAX_RETRY=2 is three attempts; botocore's own `max_attempts` would make it three retries."""
    lab.refuse("error500")
    with pytest.raises(Unavailable):
        ec2(lab.url, retries=2).ask(Interfaces(INSTANCE))
    assert len(lab.calls) == 3


@pytest.mark.parametrize(
    ("association", "elastic_ip", "amazons"),
    [
        ("<publicIp>203.0.113.20</publicIp><allocationId>eipalloc-2</allocationId>", "203.0.113.20", None),
        ("<publicIp>198.51.100.7</publicIp><ipOwnerId>amazon</ipOwnerId>", None, "198.51.100.7"),
        ("", None, None),
    ],
)
def test_the_elastic_ip_on_an_eni_is_told_from_a_public_ip_of_amazons(
    association: str, elastic_ip: str | None, amazons: str | None
) -> None:
    """NetworkInterfaceAssociation in botocore's model: only an Elastic IP has an allocation id."""
    told = (
        "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>"
        "<privateIpAddress>10.0.1.11</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"
        "<privateIpAddressesSet><item><privateIpAddress>10.0.1.11</privateIpAddress><primary>true</primary></item>"
        f"</privateIpAddressesSet>{association and f'<association>{association}</association>'}"
        "</item></networkInterfaceSet></DescribeNetworkInterfacesResponse>"
    )
    asked = ec2("https://ec2.example.com")
    answer: Any = lambda **_: wire.response(200, told)  # noqa: E731  the stubs do not know that this hook answers
    asked._client.meta.events.register("before-send.ec2", answer)
    assert asked.ask(Interfaces(INSTANCE)) == (
        NetworkInterface(EniId("eni-1"), "10.0.1.11", True, elastic_ip, amazons=amazons),
    )


def test_an_eni_without_an_ipv4_address_spoils_no_answer() -> None:
    """EC2 tells all of an instance's; one may have IPv6 alone, or nothing."""
    told = (
        "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>"
        "<macAddress>0E:01</macAddress><sourceDestCheck>true</sourceDestCheck></item></networkInterfaceSet>"
        "</DescribeNetworkInterfacesResponse>"
    )
    asked = ec2("https://ec2.example.com")
    answer: Any = lambda **_: wire.response(200, told)  # noqa: E731  the stubs do not know that this hook answers
    asked._client.meta.events.register("before-send.ec2", answer)
    assert asked.ask(Interfaces(INSTANCE)) == (NetworkInterface(EniId("eni-1"), "", True, None, "0e:01"),)


STEP = ReplaceRoute(TableId("rtb-1"), Destination("10.1.0.10/32"), EniId("eni-1"), "local")


def patient(lab: LabEc2, *, seconds: float = 60, retries: int = 1) -> tuple[Ec2, Deadline]:
    """An action that waits throttling out, and its time."""
    budget = Deadline(seconds)
    acting = Ec2(
        {}, region="us-east-1", url=lab.url, action="hold", retries=retries, deadline=budget, patience=lambda _: None
    )
    return acting, budget


def test_a_change_is_not_sent_on_old_facts(lab: LabEc2) -> None:
    """It is Stale, says how old, and nothing reaches EC2."""
    acting, budget = patient(lab)
    budget.began -= 60 - 50  # ten seconds are spent
    with pytest.raises(Stale, match=r"^not sent: what the look showed is 7 s old by now"):
        acting.apply(STEP, budget.spent - 7 + FRESH)
    assert not lab.calls


def test_a_throttled_change_is_not_sent_again_on_old_facts(lab: LabEc2) -> None:
    """The peer may have taken over meanwhile."""
    lab.refuse("throttled", "ReplaceRoute")
    acting, budget = patient(lab)
    with pytest.raises(Stale):
        acting.apply(STEP, budget.spent + 1.5)
    last = len(lab.calls)
    assert 1 <= last <= 4
    assert acting.paces["ReplaceRoute"].send(0) == last + 1, "no turn is used up by what is not sent"
    with pytest.raises(Stale):
        acting.apply(STEP, budget.spent - 1)
    assert len(lab.calls) == last


@pytest.mark.parametrize("kind", ["hang", "error500"])
def test_no_other_failure_has_a_change_sent_again_on_old_facts(lab: LabEc2, kind: Any) -> None:
    """Neither one that nobody answered, nor one that EC2 was not able to do: botocore sends both again."""
    lab.refuse(kind, "ReplaceRoute")
    lab.delay_ms = 300
    acting, budget = patient(lab, seconds=4)
    with pytest.raises(Unavailable) as caught:
        acting.apply(STEP, budget.spent + 0.2)
    assert [call.action for call in lab.calls] == ["ReplaceRoute"]
    assert not isinstance(caught.value, Stale), "it was sent"


def test_a_change_does_not_become_old_while_botocore_waits(lab: LabEc2) -> None:
    """It sends what EC2 was not able to do again after pauses of its own, which grow."""
    lab.refuse("error500", "ReplaceRoute")
    acting, budget = patient(lab, retries=8)
    fresh = budget.spent + 0.5
    sent: list[float] = []
    acting._client.meta.events.register("before-send.ec2", lambda **_: sent.append(budget.spent))
    with pytest.raises(Unavailable):
        acting.apply(STEP, fresh)
    assert 1 <= len(sent) == len(lab.calls)
    assert max(sent) < fresh + 0.02


def test_a_throttled_question_is_asked_until_it_is_answered(lab: LabEc2) -> None:
    """Nothing makes it too old, and it is not bound by the change beside it."""
    lab.refuse("throttled", "DescribeRouteTables", times=3)
    acting, budget = patient(lab)
    with pytest.raises(Stale):
        acting.apply(STEP, budget.spent - 1)
    assert acting.ask(RouteTables(VpcId("vpc-1"))) == ()
    assert [call.status for call in lab.calls] == [503, 503, 503, 200]


def test_each_action_has_a_pace_of_its_own(lab: LabEc2) -> None:
    """So has each bucket of EC2's: that one action is throttled slows no other down."""
    lab.refuse("throttled", "DescribeRouteTables", times=1)
    acting, _ = patient(lab)
    acting.ask(RouteTables(VpcId("vpc-1")))
    assert acting.paces["DescribeRouteTables"].rate < 10
    acting.ask(ElasticIps())
    assert acting.paces["DescribeAddresses"].rate == math.inf


def test_hundreds_of_calls_side_by_side_share_one_pace(lab: LabEc2) -> None:
    """Real threads: 60 questions through a bucket of 20 that refills with ten a second, and few are refused."""
    lab.buckets = Buckets({"DescribeAddresses": Size(20, 10)}, fees=True)
    acting, budget = patient(lab)
    found = budget.together([lambda: acting.ask(ElasticIps("203.0.113.10"))] * 60)
    assert found == [()] * 60
    assert budget.spent < 4 * 1.5 + 2
    assert len(lab.calls) < 60 + SIDE_BY_SIDE + 20
