"""The lab's token buckets: as many calls as EC2 documents, and what a client sees beyond them."""

from __future__ import annotations

from collections.abc import Mapping

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.ec2.buckets import Buckets, Size
from lab.ec2.server import Ec2

FILTERED = {"Filter.1.Name": "x"}


class Clock:
    """Time that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.mark.parametrize(
    ("action", "params", "capacity", "refill"),
    [
        ("DescribeRouteTables", {}, 100, 20),
        ("DescribeAddresses", {}, 100, 20),
        ("DescribeNetworkInterfaces", FILTERED, 100, 20),
        ("DescribeNetworkInterfaces", {"MaxResults": "5"}, 100, 20),
        ("DescribeNetworkInterfaces", {}, 50, 10),
        ("ReplaceRoute", {}, 50, 5),
        ("AssociateAddress", {}, 50, 5),
        ("ModifyNetworkInterfaceAttribute", {}, 100, 5),
    ],
)
def test_each_action_has_the_bucket_that_ec2_documents(
    action: str, params: Mapping[str, str], capacity: int, refill: int
) -> None:
    """A full bucket at once, then the refill, and never more than a full bucket after a long pause."""
    clock = Clock()
    buckets = Buckets(clock=clock)

    def served() -> int:
        return sum(buckets.take(action, params) for _ in range(300))

    assert served() == capacity
    clock.now += 1
    assert served() == refill
    clock.now += 3600
    assert served() == capacity


def test_actions_and_regions_do_not_share_a_bucket() -> None:
    """EC2 counts each API on its own, for each Region."""
    buckets = Buckets({"ReplaceRoute": Size(1, 0)})
    assert buckets.take("ReplaceRoute", {}, "us-east-1")
    assert not buckets.take("ReplaceRoute", {}, "us-east-1")
    assert buckets.take("ReplaceRoute", {}, "eu-west-1")
    assert buckets.take("CreateRoute", {}, "us-east-1")


@pytest.mark.parametrize(("fees", "served"), [(False, 10), (True, 0)])
def test_a_refused_call_may_take_what_there_is_of_a_token(*, fees: bool, served: int) -> None:
    """AWS does not say; with fees, who asks ten times as often as the bucket refills is not served any more."""
    clock = Clock()
    buckets = Buckets({"ReplaceRoute": Size(50, 5)}, clock=clock, fees=fees)
    assert sum(buckets.take("ReplaceRoute", {}) for _ in range(60)) == 50
    found = 0
    for _ in range(100):
        clock.now += 0.02
        found += buckets.take("ReplaceRoute", {})
    assert found == pytest.approx(served, abs=1)
    clock.now += 1
    assert buckets.take("ReplaceRoute", {}), "who waits is"


def test_an_empty_bucket_is_ec2s_throttling() -> None:
    """503 RequestLimitExceeded, in front of moto; the truth is never throttled, and mend ends it."""
    with Ec2() as ec2:
        client = boto3.client(
            "ec2",
            region_name="us-east-1",
            endpoint_url=ec2.url,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        ec2.buckets = Buckets({"DescribeVpcs": Size(1, 0)})
        client.describe_vpcs()
        with pytest.raises(ClientError) as caught:
            client.describe_vpcs()
        assert caught.value.response["Error"]["Code"] == "RequestLimitExceeded"
        assert [call.status for call in ec2.calls] == [200, 503]
        ec2.truth().describe_vpcs()
        ec2.mend()
        client.describe_vpcs()
        client.close()
