"""The lab with real packets where both nodes are in one subnet: EC2 alone says who has a private address."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from lab.net import echo
from lab.net.network import CA, NODES, NetLab, net_lab
from tests.packets.network import answers, client_ip, eni, received

GRATUITOUS = """import socket, struct, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
    line.bind(("eth0", 0x0806))
    mac, address = line.getsockname()[4], socket.inet_aton(sys.argv[1])
    asks = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + address + bytes(6) + address
    line.send(b"\\xff" * 6 + mac + struct.pack("!H", 0x0806) + asks)
"""


@pytest.fixture(scope="module")
def lab(kit: bytes) -> Iterator[NetLab]:
    """The lab, with the private address and a service on both nodes, so that EC2 alone decides who answers."""
    with net_lab(kit, private=True) as made:
        for name in NODES:
            made.hosts[name].run("ip", "address", "add", f"{made.vpc.address}/32", "dev", "eth0", check=True)
            echo.start(made.hosts[name])
        yield made


@pytest.fixture(autouse=True)
def nothing_stays(lab: NetLab) -> Iterator[None]:
    """Each test begins with the address on node1, and no Elastic IP."""
    move(lab, "node1")
    yield
    lab.mirror.propagation = 0


def move(lab: NetLab, name: str) -> None:
    """Let a node's interface have the address."""
    truth, addresses = lab.ec2.truth(), [lab.vpc.address]
    truth.assign_private_ip_addresses(
        NetworkInterfaceId=eni(lab, name), PrivateIpAddresses=addresses, AllowReassignment=True
    )
    lab.mirror.settle()


def asked(lab: NetLab, host: str, address: str) -> str:
    """Which node's service answers a new TCP connection from a host, or nothing."""
    ask = f"""import socket
with socket.create_connection(("{address}", {echo.PORT}), 2) as line:
    line.sendall(b"?\\n")
    print(line.recv(9).decode().split()[0])
"""
    return lab.hosts[host].run(sys.executable, "-c", ask).stdout.strip()


def test_a_private_address_is_where_ec2_says(lab: NetLab) -> None:
    """From another subnet and from the router's own; nowhere after it is unassigned, whatever the nodes have."""
    for name in (*NODES, "node1"):
        move(lab, name)
        assert asked(lab, "client", lab.vpc.address) == name
    lab.ec2.truth().unassign_private_ip_addresses(
        NetworkInterfaceId=eni(lab, "node1"), PrivateIpAddresses=[lab.vpc.address]
    )
    lab.mirror.settle()
    assert not answers(lab.hosts["client"], lab.vpc.address, 3)


def test_hosts_of_one_subnet_reach_it_through_the_fabric(lab: NetLab) -> None:
    """The peer's own address, and the secondary one; a gratuitous ARP moves nothing."""
    one, two = (lab.hosts[name] for name in NODES)
    for name, host in zip(NODES[::-1], (one, two), strict=True):
        assert answers(host, lab.vpc.nodes[name].interfaces[0].private_ip)
    two.run("ip", "address", "del", f"{lab.vpc.address}/32", "dev", "eth0", check=True)
    try:
        assert asked(lab, "node2", lab.vpc.address) == "node1"
    finally:
        two.run("ip", "address", "add", f"{lab.vpc.address}/32", "dev", "eth0", check=True)
    two.run(sys.executable, "-c", GRATUITOUS, lab.vpc.address, check=True)
    assert asked(lab, "client", lab.vpc.address) == "node1"
    one.run("ip", "address", "del", f"{lab.vpc.address}/32", "dev", "eth0", check=True)
    try:
        assert not answers(one, lab.vpc.address, 2), "nobody of the subnet answers for it"
        move(lab, "node2")
        assert asked(lab, "node1", lab.vpc.address) == "node2"
    finally:
        one.run("ip", "address", "add", f"{lab.vpc.address}/32", "dev", "eth0", check=True)


def test_the_check_knows_all_addresses_of_an_interface(lab: NetLab) -> None:
    """What comes from the address passes where EC2 has it, and is dropped on the other node, whose own passes."""
    ping = ("ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", "-I")
    for name, other in (NODES, NODES[::-1]):
        move(lab, name)
        assert lab.hosts[name].run(*ping, lab.vpc.address, client_ip(lab)).returncode == 0
        before = received(lab, "client")
        assert lab.hosts[other].run(*ping, lab.vpc.address, client_ip(lab)).returncode
        assert received(lab, "client") - before < 3, "dropped at the first hop"
        own = lab.vpc.nodes[other].interfaces[0].private_ip
        assert lab.hosts[other].run(*ping, own, client_ip(lab)).returncode == 0


def test_an_elastic_ip_is_reached_on_its_private_address_and_travels_with_it(lab: NetLab) -> None:
    """From outside; one call moves both, and nothing of it reaches the old node's primary address."""
    truth, public_ip = lab.ec2.truth(), lab.vpc.public_ip
    truth.associate_address(
        AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni(lab, "node1"), PrivateIpAddress=lab.vpc.address
    )
    for name in (*NODES, "node1"):
        move(lab, name)
        assert asked(lab, "internet", public_ip) == name
    lab.hosts["node1"].run("ip", "address", "del", f"{lab.vpc.address}/32", "dev", "eth0", check=True)
    try:
        assert not answers(lab.hosts["internet"], public_ip, 2), "it does not fall back to the primary address"
    finally:
        lab.hosts["node1"].run("ip", "address", "add", f"{lab.vpc.address}/32", "dev", "eth0", check=True)


def test_nodes_of_one_subnet_are_killed_and_parted(lab: NetLab) -> None:
    """As nodes of two subnets are: a booted node is reached again, a parted one not by its peer."""
    lab.part()
    assert not answers(lab.hosts["node1"], lab.vpc.nodes["node2"].interfaces[0].private_ip)
    lab.heal()
    lab.take_link("node2")
    lab.give_link("node2")
    assert answers(lab.hosts["node2"], lab.vpc.nodes["node1"].interfaces[0].private_ip)
    lab.kill("node2")
    node = lab.boot("node2")
    assert answers(node, lab.vpc.nodes["node1"].interfaces[0].private_ip)
    assert node.run("curl", "-s", "-m", "3", "--cacert", CA, "https://ec2.us-east-1.amazonaws.com/").returncode == 0
    node.run("ip", "address", "add", f"{lab.vpc.address}/32", "dev", "eth0", check=True)
    echo.start(node)
    move(lab, "node2")
    assert asked(lab, "client", lab.vpc.address) == "node2"
