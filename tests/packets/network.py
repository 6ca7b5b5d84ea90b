"""The lab with real packets itself: packets go where EC2 says, hosts end at once, and nothing is left behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.net import echo
from lab.net.hosts import Host
from lab.net.network import NODES, NetLab, net_lab
from lab.net.probe import Probe


@pytest.fixture(scope="module")
def lab(kit: bytes) -> Iterator[NetLab]:
    """The lab, with the virtual IP and a service on both nodes, so that the routes alone decide who answers."""
    with net_lab(kit, tables=2, forwards=True) as made:
        for name in NODES:
            made.hosts[name].run("ip", "address", "add", f"{made.vpc.vip}/32", "dev", "eth0", check=True)
            echo.start(made.hosts[name])
        yield made


@pytest.fixture(autouse=True)
def nothing_stays(lab: NetLab) -> Iterator[None]:
    """Each test begins with the virtual IP on node1, no Elastic IP, no check on the nodes, and no propagation."""
    route(lab, "node1")
    for name in NODES:
        check(lab, name, on=False)
    lab.mirror.settle()
    yield
    lab.heal()
    lab.mirror.propagation = 0


def eni(lab: NetLab, name: str) -> str:
    """The network interface of a host."""
    return lab.vpc.nodes[name].interfaces[0].eni


def route(lab: NetLab, name: str, table: str = "client") -> None:
    """Let a table send the virtual IP to a node."""
    lab.ec2.truth().replace_route(
        RouteTableId=lab.vpc.tables[table],
        DestinationCidrBlock=f"{lab.vpc.vip}/32",
        NetworkInterfaceId=eni(lab, name),
    )


def check(lab: NetLab, name: str, *, on: bool) -> None:
    """Switch a host's source/dest check."""
    value: Any = {"Value": on}
    lab.ec2.truth().modify_network_interface_attribute(NetworkInterfaceId=eni(lab, name), SourceDestCheck=value)


def answers(host: Host, address: str, times: int = 1) -> bool:
    """Whether a ping from a host comes back."""
    return host.run("ping", "-q", "-c", str(times), "-i", "0.2", "-W", "1", address).returncode == 0


def received(lab: NetLab, name: str) -> int:
    """How many packets a host's interface has got so far."""
    return int(lab.hosts[name].run("cat", "/sys/class/net/eth0/statistics/rx_packets").stdout)


def test_the_client_s_packets_follow_the_client_s_table(lab: NetLab) -> None:
    """The node that the table of the client's subnet names gets the packets, and another table's entry is nothing."""
    client = lab.hosts["client"]
    for name, other in (NODES, NODES[::-1]):
        route(lab, name)
        route(lab, other, "T1")
        lab.mirror.settle()
        before = received(lab, name), received(lab, other)
        assert answers(client, lab.vpc.vip, 5)
        assert received(lab, name) - before[0] >= 5
        assert received(lab, other) - before[1] < 5


def test_a_change_takes_its_propagation_delay_and_no_more(lab: NetLab) -> None:
    """With a delay of 1 s the packets go on to the old node for about that long; two changes do not add up."""
    lab.mirror.propagation = 1.0
    lab.cut("node2")
    began = time.monotonic()
    route(lab, "node2")
    time.sleep(0.3)
    route(lab, "node2", "T1")
    assert answers(lab.hosts["client"], lab.vpc.vip), "moved at once"
    lab.mirror.settle()
    took = time.monotonic() - began
    assert 1.3 <= took < 2.0
    assert not answers(lab.hosts["client"], lab.vpc.vip), "never moved"


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_check_that_is_on_eats_packets(lab: NetLab, way: str) -> None:
    """What goes to an interface for an address that is not its own is dropped, and what comes from it as such."""
    client, address = lab.hosts["client"], lab.vpc.vip
    assert answers(client, address)
    check(lab, "node1", on=True)
    lab.mirror.settle()
    before = received(lab, "node1")
    if way == "in":
        assert not answers(client, address, 3)
        assert received(lab, "node1") - before < 3
        assert answers(client, lab.vpc.nodes["node1"].interfaces[0].private_ip), "its own address suffers too"
    else:
        ping = ("ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", "-I", address, client_ip(lab))
        before = received(lab, "client")
        assert lab.hosts["node1"].run(*ping).returncode, "a packet with another's address came back"
        assert received(lab, "client") - before < 3
        check(lab, "node1", on=False)
        lab.mirror.settle()
        assert lab.hosts["node1"].run(*ping).returncode == 0


def client_ip(lab: NetLab) -> str:
    """The client's address."""
    return lab.vpc.nodes["client"].interfaces[0].private_ip


def test_an_elastic_ip_is_reached_from_outside_where_it_is_associated(lab: NetLab) -> None:
    """Nowhere at first, then the node that has it; a TCP session to the old place does not stick, a new one works."""
    outside, public, truth = lab.hosts["internet"], lab.vpc.public_ip, lab.ec2.truth()
    assert not answers(outside, public)
    ask = f"""import socket
with socket.create_connection(("{public}", {echo.PORT}), 2) as line:
    line.sendall(b"?\\n")
    print(line.recv(9).decode())
"""
    for name in NODES:
        truth.associate_address(
            AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni(lab, name), AllowReassociation=True
        )
        lab.mirror.settle()
        told = outside.run(sys.executable, "-c", ask)
        assert told.stdout == f"{name} ?\n\n", told
    assert not answers(outside, lab.vpc.nodes["node1"].interfaces[0].private_ip), "a private address from outside"
    assert answers(lab.hosts["node2"], "198.51.100.13"), "no way out with an Elastic IP"
    before = received(lab, "internet")
    assert not answers(lab.hosts["node1"], "198.51.100.13", 3)
    assert received(lab, "internet") - before < 3, "a way out without an Elastic IP"


def test_a_node_that_is_cut_off_keeps_its_link_and_its_metadata(lab: NetLab) -> None:
    """No packet passes either way, EC2's included; the interface is up and the metadata answers, as in EC2."""
    node, client = lab.hosts["node1"], lab.hosts["client"]
    lab.cut("node1")
    assert not answers(client, lab.vpc.nodes["node1"].interfaces[0].private_ip)
    assert node.run("curl", "-s", "-m", "1", "https://ec2.us-east-1.amazonaws.com/").returncode == 28
    assert node.run("cat", "/sys/class/net/eth0/carrier").stdout == "1\n"
    assert node.run("curl", "-s", "-m", "1", "http://169.254.169.254/").returncode == 0
    lab.heal()
    assert answers(client, lab.vpc.vip)


@pytest.mark.parametrize("healed", [True, False])
def test_the_probe_tells_an_outage_as_it_was(lab: NetLab, healed: bool) -> None:
    """1 s cut off is a gap of 1 s, also when it lasts to the end; answers come from the address that was asked."""
    probe = Probe(lab.hosts["client"], lab.vpc.vip)
    time.sleep(1)
    lab.cut("node1")
    time.sleep(1)
    if healed:
        lab.heal()
        time.sleep(2.5)
    report = probe.stop()
    for kind in (report.udp, report.connect):
        assert 950 <= kind.gap_ms < 1300, kind
        assert kind.by.keys() == {"node1"}
    assert report.udp.lost > 100
    assert report.session.gap_ms >= 950
    assert report.resets == 0
    assert (report.udp.gap_at + report.udp.gap_ms / 1000 > report.ended - 0.01) is not healed


def test_nodes_that_are_parted_both_reach_ec2_and_the_client(lab: NetLab) -> None:
    """Only what goes from node to node is lost."""
    one, two = (lab.vpc.nodes[name].interfaces[0].private_ip for name in NODES)
    lab.part()
    assert not answers(lab.hosts["node1"], two)
    assert not answers(lab.hosts["node2"], one)
    for name in NODES:
        assert answers(lab.hosts[name], client_ip(lab))
    lab.heal()
    assert answers(lab.hosts["node1"], two)


def test_link_can_be_taken_and_given_back(lab: NetLab) -> None:
    """Without link there is no carrier and no packet; with it all is as before."""
    lab.take_link("node1")
    assert lab.hosts["node1"].run("cat", "/sys/class/net/eth0/carrier").stdout == "0\n"
    assert not answers(lab.hosts["client"], lab.vpc.vip)
    lab.give_link("node1")
    assert answers(lab.hosts["client"], lab.vpc.vip)


def test_the_kit_works_unmodified(lab: NetLab) -> None:
    """TLS, the role's credentials and the metadata: a node needs no setting to reach EC2; no key but the role's."""
    lab.ec2.forget()
    done = lab.hosts["node2"].run("ec2kit", "hold", "route", lab.vpc.vip)
    assert done.returncode == 0, done.stderr
    lab.mirror.settle()
    before = received(lab, "node2")
    assert answers(lab.hosts["client"], lab.vpc.vip, 5)
    assert received(lab, "node2") - before >= 5
    assert {call.key[:13] for call in lab.ec2.calls} == {"ASIANODE2XXX" + call.key[12] for call in lab.ec2.calls[:1]}


def test_a_killed_node_answers_nothing_and_comes_back_empty(lab: NetLab) -> None:
    """The kill takes its processes and its interface at once; booted, it has the MAC address that EC2 gave it."""
    lab.hosts["node1"].spawn("sleep", "4711")
    lab.kill("node1")
    assert not [pid for pid in Path("/proc").glob("[0-9]*/cmdline") if pid.read_bytes() == b"sleep\x004711\x00"]
    assert not answers(lab.hosts["client"], lab.vpc.vip)
    node = lab.boot("node1")
    assert node.run("cat", "/sys/class/net/eth0/address").stdout.strip() == lab.vpc.nodes["node1"].interfaces[0].mac
    assert not answers(lab.hosts["client"], lab.vpc.vip), "the address outlived the node"
    node.run("ip", "address", "add", f"{lab.vpc.vip}/32", "dev", "eth0", check=True)
    assert answers(lab.hosts["client"], lab.vpc.vip)
