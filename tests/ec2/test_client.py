"""The EC2 edge: each answer is a fact or Unavailable, and it is asked as often as the setting says."""

from __future__ import annotations

from typing import Any

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.core.model import NetworkInterface, VpcId
from lab import wire
from lab.ec2.server import Ec2 as LabEc2
from tests.support.edge import ENI, ec2

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    "kind", ["throttled", "denied", "error500", "reset", "garbage", "hollow", "truncated", "hang"]
)
def test_every_failure_becomes_unavailable(lab: LabEc2, kind: Any) -> None:
    """Never an empty answer, and never botocore's own exception."""
    lab.refuse(kind)
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0, seconds=2).route_tables(VpcId("vpc-1"))
    assert "DescribeRouteTables on vpc-1" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_retries_are_those_of_the_setting(lab: LabEc2) -> None:
    """EC2_MAX_RETRY=2 is three attempts; botocore's own `max_attempts` would make it three retries."""
    lab.refuse("error500")
    with pytest.raises(Unavailable):
        ec2(lab.url, retries=2).interfaces(ENI)
    assert len(lab.calls) == 3


@pytest.mark.parametrize(
    ("association", "elastic_ip"),
    [
        ("<publicIp>203.0.113.20</publicIp><allocationId>eipalloc-2</allocationId>", "203.0.113.20"),
        ("<publicIp>198.51.100.7</publicIp><ipOwnerId>amazon</ipOwnerId>", None),  # comes and goes with the instance
        ("", None),
    ],
)
def test_the_elastic_ip_on_an_eni_is_told_from_a_public_ip_of_amazons(
    association: str, elastic_ip: str | None
) -> None:
    """NetworkInterfaceAssociation in botocore's model: only an Elastic IP has an allocation id."""
    told = (
        "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>"
        "<privateIpAddress>10.0.1.11</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"
        f"{association and f'<association>{association}</association>'}"
        "</item></networkInterfaceSet></DescribeNetworkInterfacesResponse>"
    )
    asked = ec2("https://ec2.example.com")
    answer: Any = lambda **_: wire.response(200, told)  # noqa: E731  the stubs do not know that this hook answers
    asked._client.meta.events.register("before-send.ec2", answer)
    assert asked.interfaces(ENI) == [NetworkInterface(ENI, "10.0.1.11", True, elastic_ip)]
