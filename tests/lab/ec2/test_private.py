"""Private addresses and the Elastic IPs on them, as EC2 has them and moto has not: each rule, by a boto3 client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.ec2 import vpc
from lab.ec2.server import Ec2

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

FREE = "10.0.5.60"  # nobody's


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """Give an EC2 of its own to each test."""
    with Ec2() as ec2:
        yield ec2


@pytest.fixture
def lab(ec2: Ec2) -> vpc.PrivateLab:
    """Seed the third figure."""
    return vpc.figure3(ec2.truth())


@pytest.fixture
def client(ec2: Ec2) -> Iterator[EC2Client]:
    """Connect a client of the front that tries once."""
    once = Config(retries={"total_max_attempts": 1})
    with closing(
        boto3.client(
            "ec2",
            region_name=vpc.REGION,
            endpoint_url=ec2.url,
            config=once,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
    ) as made:
        yield made


def eth1(lab: vpc.PrivateLab, node: str) -> str:
    """Return a node's ENI in the subnet of the address."""
    return lab.nodes[node].interfaces[1].eni


def refused(ec2: Ec2, call: Callable[..., Any], **asked: Any) -> tuple[str, str]:
    """Return code and message of a call that fails; nothing changes."""
    before = vpc.snapshot(ec2.truth())
    with pytest.raises(ClientError) as caught:
        call(**asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert vpc.snapshot(ec2.truth()) == before
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def shown(client: EC2Client, eni: str) -> list[tuple[str, bool, str | None]]:
    """Return (private address, whether it is the primary one, Elastic IP) as an interface tells them."""
    (found,) = client.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"]
    return [
        (each["PrivateIpAddress"], each["Primary"], each.get("Association", {}).get("PublicIp"))
        for each in found["PrivateIpAddresses"]
    ]


def having(client: EC2Client, **wanted: list[str]) -> set[str]:
    """Return the interfaces that filters find; a__b_c is the name a.b-c."""
    filters: Any = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": values} for name, values in wanted.items()
    ]
    found = client.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    return {each["NetworkInterfaceId"] for each in found}


def test_a_secondary_address_is_told_with_its_elastic_ip(client: EC2Client, lab: vpc.PrivateLab) -> None:
    """The interface tells all addresses, the Elastic IP beside its own; DescribeAddresses tells where it is."""
    one = lab.nodes["node1"].interfaces[1]
    assert shown(client, one.eni) == [(one.private_ip, True, None), (lab.address, False, lab.public_ip)]
    (interface,) = client.describe_network_interfaces(NetworkInterfaceIds=[one.eni])["NetworkInterfaces"]
    assert interface["SubnetId"] == lab.subnet
    assert not interface.get("Association"), "that is the primary's"
    (address,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
    told = interface["PrivateIpAddresses"][1]["Association"]
    for name in ("PublicIp", "AllocationId", "AssociationId"):
        assert told[name] == address[name]
    where = lab.nodes["node1"].instance_id, one.eni, lab.address
    assert (address["InstanceId"], address["NetworkInterfaceId"], address["PrivateIpAddress"]) == where


def test_an_address_moves_only_where_that_is_said_and_takes_its_elastic_ip_along(
    ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab
) -> None:
    """Off the old interface, on the new one, in one call; the Elastic IP tells the new instance, and keeps its id."""
    one, two = lab.nodes["node1"].interfaces[1], lab.nodes["node2"].interfaces[1]
    asked: Any = {"NetworkInterfaceId": two.eni, "PrivateIpAddresses": [lab.address]}
    words = f"[{lab.address}] assigned, but move is not allowed."
    for more in ({}, {"AllowReassignment": False}):
        assert refused(ec2, client.assign_private_ip_addresses, **asked, **more) == ("InvalidParameterValue", words)
    (before,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
    done = client.assign_private_ip_addresses(**asked, AllowReassignment=True)
    assert done["NetworkInterfaceId"] == two.eni
    assert [each["PrivateIpAddress"] for each in done["AssignedPrivateIpAddresses"]] == [lab.address]
    assert shown(client, one.eni) == [(one.private_ip, True, None)]
    assert shown(client, two.eni) == [(two.private_ip, True, None), (lab.address, False, lab.public_ip)]
    (after,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
    assert after == {**before, "InstanceId": lab.nodes["node2"].instance_id, "NetworkInterfaceId": two.eni}
    client.assign_private_ip_addresses(
        NetworkInterfaceId=lab.stranger, PrivateIpAddresses=[lab.address], AllowReassignment=True
    )
    (gone,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
    assert (gone.get("InstanceId") or None, gone["NetworkInterfaceId"]) == (None, lab.stranger)


def test_a_free_address_is_assigned_and_assigned_again(client: EC2Client, lab: vpc.PrivateLab) -> None:
    """Without AllowReassignment; what is already on this interface stays there, and that is a success."""
    two = lab.nodes["node2"].interfaces[1]
    for _ in range(2):
        done = client.assign_private_ip_addresses(NetworkInterfaceId=two.eni, PrivateIpAddresses=[FREE])
        assert [each["PrivateIpAddress"] for each in done["AssignedPrivateIpAddresses"]] == [FREE]
        assert shown(client, two.eni) == [(two.private_ip, True, None), (FREE, False, None)]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.0.1.60", "does not fall within the subnet's address range"),
        ("10.0.4.255", "does not fall within the subnet's address range"),
        *((f"10.0.5.{last}", "is in subnet's reserved address range") for last in (0, 1, 2, 3, 255)),
        ("no", "invalid value for parameter address"),
    ],
)
def test_an_address_that_the_subnet_does_not_give_is_refused(
    ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab, address: str, words: str
) -> None:
    """Outside of the subnet, one of the five that AWS keeps, or no address at all; .4 and .254 are good."""
    asked: Any = {"NetworkInterfaceId": eth1(lab, "node2"), "AllowReassignment": True}
    code, message = refused(ec2, client.assign_private_ip_addresses, **asked, PrivateIpAddresses=[FREE, address])
    assert code == "InvalidParameterValue"
    assert address in message
    assert words in message
    client.assign_private_ip_addresses(**asked, PrivateIpAddresses=["10.0.5.4", "10.0.5.254"])


def test_a_primary_address_is_not_taken(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """Neither another node's, nor a stranger's, nor this interface's own."""
    two = eth1(lab, "node2")
    for primary in (
        lab.nodes["node1"].interfaces[1].private_ip,
        "10.0.5.99",
        lab.nodes["node2"].interfaces[1].private_ip,
    ):
        asked: Any = {"NetworkInterfaceId": two, "PrivateIpAddresses": [primary], "AllowReassignment": True}
        assert refused(ec2, client.assign_private_ip_addresses, **asked)[0] == "InvalidParameterValue"


def test_a_full_interface_takes_no_more(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """Ten addresses with the primary one, or as many as the lab is told; what is there already is done."""
    two, full = (
        eth1(lab, "node2"),
        ("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."),
    )
    nine = [f"10.0.5.{last}" for last in range(100, 109)]
    client.assign_private_ip_addresses(NetworkInterfaceId=two, PrivateIpAddresses=nine)
    asked: Any = {"NetworkInterfaceId": two, "PrivateIpAddresses": [lab.address], "AllowReassignment": True}
    assert refused(ec2, client.assign_private_ip_addresses, **asked) == full
    client.assign_private_ip_addresses(NetworkInterfaceId=two, PrivateIpAddresses=nine)
    ec2.most_addresses = 11
    client.assign_private_ip_addresses(**asked)
    assert refused(ec2, client.assign_private_ip_addresses, NetworkInterfaceId=two, PrivateIpAddresses=[FREE]) == full


def test_an_interface_must_be_known_and_addresses_named(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """An unknown ENI has EC2's code; a count or a prefix is not known here."""
    unknown: Any = {"NetworkInterfaceId": "eni-00000000000000000", "PrivateIpAddresses": [FREE]}
    for call in (client.assign_private_ip_addresses, client.unassign_private_ip_addresses):
        assert refused(ec2, call, **unknown)[0] == "InvalidNetworkInterfaceID.NotFound"
        assert refused(ec2, call, NetworkInterfaceId=eth1(lab, "node2"))[0] == "UnsupportedOperation"
    counted: Any = {"NetworkInterfaceId": eth1(lab, "node2"), "SecondaryPrivateIpAddressCount": 1}
    for more in ({}, {"PrivateIpAddresses": [FREE]}):
        assert refused(ec2, client.assign_private_ip_addresses, **counted, **more)[0] == "UnsupportedOperation"


def test_the_same_address_in_another_vpc_is_another(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """It stands in no one's way, and stays where it is."""
    truth = ec2.truth()
    other = truth.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = truth.create_subnet(VpcId=other, CidrBlock="10.0.5.0/24")["Subnet"]["SubnetId"]
    eni = truth.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.5.44")["NetworkInterface"]
    there = eni["NetworkInterfaceId"]
    truth.assign_private_ip_addresses(NetworkInterfaceId=there, PrivateIpAddresses=[FREE])
    two = eth1(lab, "node2")
    client.assign_private_ip_addresses(NetworkInterfaceId=two, PrivateIpAddresses=[FREE, "10.0.5.44"])
    assert vpc.private_addresses(truth, lab.vpc)[FREE] == two
    assert vpc.private_addresses(truth, other) == {"10.0.5.44": there, FREE: there}


def test_an_address_is_unassigned_where_it_is_and_its_elastic_ip_let_go(
    ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab
) -> None:
    """From this interface alone; never the primary one, nor one that is not there, which leave the others too."""
    one, two = lab.nodes["node1"].interfaces[1], lab.nodes["node2"].interfaces[1]
    here, other = ({"NetworkInterfaceId": each.eni} for each in (one, two))
    words = "Some of the specified addresses are not assigned to interface"
    for where, addresses in ((other, [lab.address]), (here, [lab.address, FREE])):
        code, message = refused(ec2, client.unassign_private_ip_addresses, **where, PrivateIpAddresses=addresses)
        assert (code, message) == ("InvalidParameterValue", f"{words} {where['NetworkInterfaceId']}")
    primary = [lab.address, one.private_ip]
    assert refused(ec2, client.unassign_private_ip_addresses, **here, PrivateIpAddresses=primary)[0] == (
        "InvalidParameterValue"
    )
    client.unassign_private_ip_addresses(**here, PrivateIpAddresses=[lab.address])
    assert shown(client, one.eni) == [(one.private_ip, True, None)]
    assert vpc.addresses(ec2.truth())[lab.public_ip] == (None, None)
    (address,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
    assert not address.get("AssociationId")
    assert having(client, addresses__private_ip_address=[lab.address]) == set()


def test_an_interface_has_an_elastic_ip_on_each_address(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """One on the primary, which is the default, one on the secondary; only on the same address they displace."""
    one = lab.nodes["node1"].interfaces[1]
    free: Any = {"AllocationId": lab.free_allocation, "NetworkInterfaceId": one.eni}
    client.associate_address(**free)
    assert shown(client, one.eni) == [(one.private_ip, True, lab.free_ip), (lab.address, False, lab.public_ip)]
    (interface,) = client.describe_network_interfaces(NetworkInterfaceIds=[one.eni])["NetworkInterfaces"]
    assert interface["Association"]["PublicIp"] == lab.free_ip
    client.associate_address(**free, PrivateIpAddress=lab.address)
    assert shown(client, one.eni) == [(one.private_ip, True, None), (lab.address, False, lab.free_ip)]
    assert vpc.addresses(ec2.truth())[lab.public_ip] == (None, None)
    client.associate_address(**free, PrivateIpAddress=one.private_ip)
    assert vpc.addresses(ec2.truth())[lab.free_ip] == (one.eni, one.private_ip)


def test_an_elastic_ip_goes_to_an_address_of_the_interface_alone(
    ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab
) -> None:
    """A private address that another interface has, or nobody, is refused."""
    two = eth1(lab, "node2")
    free: Any = {"AllocationId": lab.free_allocation, "NetworkInterfaceId": two}
    for address in (lab.address, FREE, lab.nodes["node2"].interfaces[0].private_ip):
        assert refused(ec2, client.associate_address, **free, PrivateIpAddress=address)[0] == "InvalidParameterValue"


def test_an_elastic_ip_in_use_stays_on_its_address_when_that_is_said(
    ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab
) -> None:
    """AllowReassociation=False: nor to another address of the same interface; where it is it may stay."""
    one = eth1(lab, "node1")
    here: Any = {"AllocationId": lab.allocation, "NetworkInterfaceId": one, "AllowReassociation": False}
    other: Any = {**here, "NetworkInterfaceId": eth1(lab, "node2")}
    for asked in (here, other):
        assert refused(ec2, client.associate_address, **asked)[0] == "Resource.AlreadyAssociated"
    client.associate_address(**here, PrivateIpAddress=lab.address)
    assert vpc.addresses(ec2.truth())[lab.public_ip] == (one, lab.address)


def test_filters_find_by_any_of_several_values(client: EC2Client, lab: vpc.PrivateLab) -> None:
    """By each address, also the secondary ones; by VPC, subnet and instance as well; several Elastic IPs."""
    one, two = (lab.nodes[name] for name in ("node1", "node2"))
    secondary, primary = one.interfaces[1].eni, two.interfaces[0].eni
    by_address = {"addresses__private_ip_address": [lab.address, two.interfaces[0].private_ip, FREE]}
    assert having(client, **by_address) == {secondary, primary}
    assert having(client, addresses__private_ip_address=[lab.address]) == {secondary}
    assert having(client, **by_address, subnet_id=[lab.subnet]) == {secondary}
    assert having(client, **by_address, vpc_id=[lab.vpc], attachment__instance_id=[two.instance_id]) == {primary}
    assert having(client, **by_address, vpc_id=["vpc-0"]) == set()
    both = {each.eni for node in (one, two) for each in node.interfaces}
    assert having(client, attachment__instance_id=[one.instance_id, two.instance_id]) == both
    assert having(client, subnet_id=[lab.subnet]) == {secondary, eth1(lab, "node2"), lab.stranger}
    named: Any = [{"Name": "public-ip", "Values": [lab.public_ip, lab.free_ip, "198.51.100.1"]}]
    found = {
        each["PublicIp"]: each.get("PrivateIpAddress")
        for each in client.describe_addresses(Filters=named)["Addresses"]
    }
    assert {name: place or None for name, place in found.items()} == {lab.public_ip: lab.address, lab.free_ip: None}


def test_an_interface_is_old_beside_a_new_one(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """After a move the old interface may still show the address, or the new one not yet."""
    one, two = eth1(lab, "node1"), eth1(lab, "node2")
    saved = ec2.save()
    for old, told in (({one}, {one, two}), ({two}, set()), ({one, two}, {one}), (None, {one})):
        ec2.restore(saved)
        ec2.stale(1, old)
        client.assign_private_ip_addresses(
            NetworkInterfaceId=two, PrivateIpAddresses=[lab.address], AllowReassignment=True
        )
        assert having(client, addresses__private_ip_address=[lab.address]) == told
        assert having(client, addresses__private_ip_address=[lab.address]) == {two}


def test_a_lost_answer_has_moved_the_address(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """The faults hit the new operations as any other."""
    asked: Any = {
        "NetworkInterfaceId": eth1(lab, "node2"),
        "PrivateIpAddresses": [lab.address],
        "AllowReassignment": True,
    }
    ec2.refuse("denied", "AssignPrivateIpAddresses", times=1)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client.assign_private_ip_addresses(**asked)
    assert vpc.private_addresses(ec2.truth(), lab.vpc)[lab.address] == eth1(lab, "node1")
    ec2.refuse("lied", "AssignPrivateIpAddresses", times=1)
    with pytest.raises(ClientError, match="InternalError"):
        client.assign_private_ip_addresses(**asked)
    assert vpc.private_addresses(ec2.truth(), lab.vpc)[lab.address] == eth1(lab, "node2")


def test_packets_go_where_the_addresses_are(ec2: Ec2, client: EC2Client, lab: vpc.PrivateLab) -> None:
    """The fabric has each interface's addresses, and each Elastic IP's private one."""
    one, two = (lab.nodes[name].interfaces[1] for name in ("node1", "node2"))
    fabric = ec2.fabric(lab.vpc)
    assert fabric.private[one.eni] == (one.private_ip, lab.address)
    assert fabric.addresses == {lab.public_ip: (one.eni, lab.address)}
    assert ec2.worn(one.eni) == {one.private_ip: None, lab.address: lab.public_ip}
    client.assign_private_ip_addresses(
        NetworkInterfaceId=two.eni, PrivateIpAddresses=[lab.address], AllowReassignment=True
    )
    fabric = ec2.fabric(lab.vpc)
    assert (fabric.private[one.eni], fabric.private[two.eni]) == ((one.private_ip,), (two.private_ip, lab.address))
    assert fabric.addresses == {lab.public_ip: (two.eni, lab.address)}
    assert ec2.worn("eni-0") == {}
