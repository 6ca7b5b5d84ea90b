"""What the lab's EC2 tells besides what moto does, by a boto3 client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.ec2 import vpc
from lab.ec2.odd import COIP, odd_account
from lab.ec2.server import Ec2

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """Give an EC2 of its own to each test."""
    with Ec2() as ec2:
        yield ec2


@pytest.fixture
def lab(ec2: Ec2) -> vpc.AddressLab:
    """Seed the second figure."""
    return vpc.figure2(ec2.truth())


@pytest.fixture
def client(ec2: Ec2) -> EC2Client:
    """A client of the front."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client("ec2", region_name="us-east-1", endpoint_url=ec2.url, **keys)  # type: ignore[call-overload,no-any-return]


def by(name: str, value: str) -> Any:
    """A filter."""
    return {"Filters": [{"Name": name, "Values": [value]}]}


def test_odd_items_pass_the_filters(ec2: Ec2, lab: vpc.AddressLab, client: EC2Client) -> None:
    """Each is told where it fits, and nowhere else; truth has none of them."""
    instance = lab.nodes["node1"].instance_id
    ec2.odd.items = odd_account(lab.vpc, instance)
    assert COIP in {each.get("CustomerOwnedIp") for each in client.describe_addresses()["Addresses"]}
    assert len(client.describe_addresses(**by("public-ip", lab.public_ip))["Addresses"]) == 1
    asked = client.describe_network_interfaces(**by("attachment.instance-id", instance))["NetworkInterfaces"]
    assert [each["NetworkInterfaceId"] for each in asked if "MacAddress" not in each] == ["eni-bare"]
    assert not client.describe_network_interfaces(**by("vpc-id", "vpc-0"))["NetworkInterfaces"]
    tables = client.describe_route_tables(**by("vpc-id", lab.vpc))["RouteTables"]
    assert [each["RouteTableId"] for each in tables if "Routes" not in each] == ["rtb-bare"]
    assert len(ec2.truth().describe_addresses()["Addresses"]) == 2


def test_an_element_is_left_out_or_says_another_thing(ec2: Ec2, lab: vpc.AddressLab, client: EC2Client) -> None:
    """Of that item alone."""
    eni = lab.nodes["node1"].interfaces[1].eni
    ec2.odd.told = {(lab.public_ip, "allocationId"): None, (eni, "association/ipOwnerId"): "amazon"}
    told = {each["PublicIp"]: each for each in client.describe_addresses()["Addresses"]}
    assert [public_ip for public_ip, each in told.items() if "AllocationId" not in each] == [lab.public_ip]
    (interface,) = client.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"]
    assert interface["Association"]["IpOwnerId"] == "amazon"


def test_what_others_have_is_refused(ec2: Ec2, lab: vpc.AddressLab, client: EC2Client) -> None:
    """Routes of another account's table, and an address that a service manages."""
    ec2.odd.told = {(lab.tables["main"], "ownerId"): "111122223333", (lab.public_ip, "serviceManaged"): "nlb"}
    eni = lab.nodes["node2"].interfaces[1].eni
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client.create_route(
            RouteTableId=lab.tables["main"], DestinationCidrBlock="10.1.0.10/32", NetworkInterfaceId=eni
        )
    with pytest.raises(ClientError, match="AuthFailure"):
        client.associate_address(AllocationId=lab.allocation, NetworkInterfaceId=eni)
    client.associate_address(AllocationId=lab.free_allocation, NetworkInterfaceId=eni)
