"""The two figures as seeded: their tables, routes, addresses and the readers of them."""

from collections.abc import Iterator

import pytest

from lab.ec2 import vpc
from lab.ec2.server import Ec2

VIP = "10.1.0.10/32"


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """Give an EC2 of its own to each test."""
    with Ec2() as ec2:
        yield ec2


def test_figure1_is_the_guides(ec2: Ec2) -> None:
    """Figure 1 has the guide's subnets, tables and entries, with the virtual address on node1's eth1."""
    lab = vpc.figure1(ec2.truth())
    routes = vpc.route_tables(ec2.truth(), lab.vpc)
    eth1 = {name: node.interfaces[1].eni for name, node in lab.nodes.items()}
    assert set(routes) == set(lab.tables) == {"main", "public", "A", "B"}
    assert routes["A"][VIP] == routes["B"][VIP] == (eth1["node1"], "active")
    assert routes["B"]["10.1.0.20/32"] == (eth1["node2"], "active")
    assert "10.1.0.20/32" not in routes["A"]
    assert routes["public"]["0.0.0.0/0"][0].startswith("igw-")
    assert routes["A"]["0.0.0.0/0"][0] != routes["B"]["0.0.0.0/0"][0]
    assert VIP not in routes["public"]
    subnets = ec2.truth().describe_subnets(Filters=[{"Name": "vpc-id", "Values": [lab.vpc]}])["Subnets"]
    assert {(s["CidrBlock"], s["AvailabilityZone"]) for s in subnets} == {
        ("10.0.1.0/24", "us-east-1a"),
        ("10.0.2.0/24", "us-east-1a"),
        ("10.0.3.0/24", "us-east-1b"),
        ("10.0.4.0/24", "us-east-1b"),
    }


def test_nodes_are_instances_with_two_interfaces(ec2: Ec2) -> None:
    """Each node's identity agrees with EC2, and only eth1 has its source/dest check off."""
    lab = vpc.figure1(ec2.truth())
    checks = vpc.snapshot(ec2.truth())["checks"]
    for node in lab.nodes.values():
        found = ec2.truth().describe_instances(InstanceIds=[node.instance_id])
        instance = found["Reservations"][0]["Instances"][0]
        seen = {
            (i["Attachment"]["DeviceIndex"], i["NetworkInterfaceId"], i["MacAddress"], i["PrivateIpAddress"])
            for i in instance["NetworkInterfaces"]
        }
        assert seen == {(i.device_number, i.eni, i.mac, i.private_ip) for i in node.interfaces}
        assert instance["Placement"]["AvailabilityZone"] == node.availability_zone
        assert [checks[i.eni] for i in node.interfaces] == [True, False]


def test_figure1_grows_to_many_tables(ec2: Ec2) -> None:
    """With tables=20, twenty tables of the VPC hold the entry, under names A, B, C1 to C18."""
    lab = vpc.figure1(ec2.truth(), tables=20, vip="10.1.0.77")
    routes = vpc.route_tables(ec2.truth(), lab.vpc)
    holders = {name for name, entries in routes.items() if "10.1.0.77/32" in entries}
    assert holders == {"A", "B", *(f"C{n}" for n in range(1, 19))}


def test_figure1_has_a_stranger_with_the_same_entry(ec2: Ec2) -> None:
    """A table of another VPC holds the same entry, and the reader of the lab's VPC does not show it."""
    lab = vpc.figure1(ec2.truth())
    assert VIP in vpc.snapshot(ec2.truth())["routes"][lab.other_table]
    assert VIP in vpc.route_tables(ec2.truth(), lab.other_vpc)["other"]
    assert "other" not in vpc.route_tables(ec2.truth(), lab.vpc)


def test_figure2_is_the_guides(ec2: Ec2) -> None:
    """Figure 2 has one Elastic IP on node1's eth1 and a free one."""
    lab = vpc.figure2(ec2.truth())
    eth1 = lab.nodes["node1"].interfaces[1]
    assert vpc.addresses(ec2.truth()) == {
        lab.public_ip: (eth1.eni, eth1.private_ip),
        lab.free_ip: (None, None),
    }
    assert {node.availability_zone for node in lab.nodes.values()} == {"us-east-1a", "us-east-1b"}
    assert vpc.route_tables(ec2.truth(), lab.vpc)["public"]["0.0.0.0/0"][0].startswith("igw-")


def test_figure3_is_the_guides(ec2: Ec2) -> None:
    """Figure 3 has an Elastic IP on a secondary address of node1's eth1, and a stranger in that subnet."""
    lab = vpc.figure3(ec2.truth())
    eth0, eth1 = ([node.interfaces[number] for node in lab.nodes.values()] for number in (0, 1))
    assert {each.subnet for each in eth1} == {lab.subnet}
    assert len({each.subnet for each in eth0} - {lab.subnet}) == 1
    assert ({each.subnet_cidr for each in eth0}, {each.subnet_cidr for each in eth1}) == (
        {"10.0.1.0/24"},
        {"10.0.5.0/24"},
    )
    assert vpc.private_addresses(ec2.truth(), lab.vpc) == {
        **{each.private_ip: each.eni for each in (*eth0, *eth1)},
        lab.address: eth1[0].eni,
        "10.0.5.99": lab.stranger,
    }
    assert vpc.addresses(ec2.truth()) == {lab.public_ip: (eth1[0].eni, lab.address), lab.free_ip: (None, None)}
    (stranger,) = ec2.truth().describe_network_interfaces(NetworkInterfaceIds=[lab.stranger])["NetworkInterfaces"]
    assert (stranger["SubnetId"], stranger.get("Attachment")) == (lab.subnet, None)


def test_a_replacement_is_in_the_same_subnets(ec2: Ec2) -> None:
    """Each of its interfaces is in that of the one before, and the secondary address stays on the old ENI."""
    lab = vpc.figure3(ec2.truth())
    old = lab.nodes["node1"]
    new = vpc.replacement(ec2.truth(), old, "node1")
    assert [(each.subnet, each.subnet_cidr) for each in new.interfaces] == [
        (each.subnet, each.subnet_cidr) for each in old.interfaces
    ]
    assert vpc.private_addresses(ec2.truth(), lab.vpc)[lab.address] == old.interfaces[1].eni


def test_snapshot_sees_every_kind_of_change(ec2: Ec2) -> None:
    """A changed route, association or source/dest check makes the snapshot differ; undoing restores it."""
    client = ec2.truth()
    lab, second = vpc.figure1(client), vpc.figure2(client)
    one, two = (lab.nodes[name].interfaces[1].eni for name in ("node1", "node2"))
    before = vpc.snapshot(client)
    for eni, same in ((two, False), (one, True)):
        client.replace_route(RouteTableId=lab.tables["A"], DestinationCidrBlock=VIP, NetworkInterfaceId=eni)
        assert (vpc.snapshot(client) == before) is same
    for value, same in ((True, False), (False, True)):
        client.modify_network_interface_attribute(NetworkInterfaceId=one, SourceDestCheck={"Value": value})
        assert (vpc.snapshot(client) == before) is same
    client.disassociate_address(PublicIp=second.public_ip)
    assert vpc.snapshot(client)["addresses"] != before["addresses"]
    client.assign_private_ip_addresses(NetworkInterfaceId=two, PrivateIpAddresses=["10.0.4.60"])
    assert vpc.snapshot(client)["private"] != before["private"]
