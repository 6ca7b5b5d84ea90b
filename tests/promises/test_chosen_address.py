"""An Elastic IP on a private address that its resource names: several on one interface, under each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.ec2.vpc import PrivateLab, addresses
from lab.nodes import Lab, Node, private_lab
from lab.protected import eni_of
from tests.support.hierarchy import made
from tests.support.programs import good

SECONDARY = ("10.0.5.50", "10.0.5.60")  # of node1's eth1; the other is made here
ON_NODE2 = "10.0.5.62"


@pytest.fixture
def lab(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 3, where each node's eth1 has an address of its own besides."""
    with private_lab(tmp_path, forks=forks) as made_:
        truth = made_.ec2.truth()
        for name, address in (("node1", SECONDARY[1]), ("node2", ON_NODE2)):
            truth.assign_private_ip_addresses(NetworkInterfaceId=eni_of(made_, name), PrivateIpAddresses=[address])
        yield made_


@pytest.fixture
def vpc(lab: Lab) -> PrivateLab:
    """What there is in EC2."""
    assert isinstance(lab.vpc, PrivateLab)
    return lab.vpc


def place(lab: Lab, public_ip: str) -> str | None:
    """The private address that an Elastic IP is on, in truth."""
    (found,) = lab.ec2.truth().describe_addresses(PublicIps=[public_ip])["Addresses"]
    return found.get("PrivateIpAddress")


def hold(node: Node, public_ip: str, private_ip: str) -> None:
    """By hand."""
    good(node.ec2kit("hold", "eip", public_ip, "--interface", "eth1", "--private-ip", private_ip, "--force"))


def test_two_on_one_interface_do_not_throw_each_other_out(lab: Lab, vpc: PrivateLab) -> None:
    """Each has a private address of its own; one that is let go of leaves the other where it is."""
    node = lab.node1
    for public_ip, private_ip in zip((vpc.public_ip, vpc.free_ip), SECONDARY, strict=True):
        hold(node, public_ip, private_ip)
    assert (place(lab, vpc.public_ip), place(lab, vpc.free_ip)) == SECONDARY
    words = ("eip", vpc.free_ip, "--interface", "eth1", "--private-ip", SECONDARY[1])
    good(node.ec2kit("check", *words))
    good(node.ec2kit("release", *words))
    assert (place(lab, vpc.public_ip), place(lab, vpc.free_ip)) == (SECONDARY[0], None)


def test_another_private_address_of_the_interface_is_misconfigured_and_hold_moves_it(
    lab: Lab, vpc: PrivateLab
) -> None:
    """It reaches the node, so it is not lost."""
    words = ("eip", vpc.public_ip, "--interface", "eth1", "--private-ip", SECONDARY[1])
    seen = lab.node1.ec2kit("check", *words)
    assert (seen.returncode, "is on this node, but not where" in seen.stderr) == (5, True)
    good(lab.node1.ec2kit("hold", *words, "--force"))
    assert place(lab, vpc.public_ip) == SECONDARY[1]


def test_lifekeeper_has_one_for_each_node(lab: Lab, vpc: PrivateLab) -> None:
    """create and extend are told it; a switchover moves the Elastic IP from the one to the other, and back."""
    tag = f"ec2-{vpc.free_ip}"
    named = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.free_ip)
    good(lab.node1.ec2kit("create", *named, "--private-ip", SECONDARY[1]))
    good(lab.node1.ec2kit("extend", tag, "--to", "node2", "--private-ip", ON_NODE2))
    assert [f"private={ip}" in made(node, tag)[5] for node, ip in ((lab.node1, SECONDARY[1]), (lab.node2, ON_NODE2))]
    for node, private_ip in ((lab.node1, SECONDARY[1]), (lab.node2, ON_NODE2), (lab.node1, SECONDARY[1])):
        good(node.ec2kit("in-service", tag))
        assert place(lab, vpc.free_ip) == private_ip
    assert addresses(lab.ec2.truth())[vpc.public_ip][0] == eni_of(lab, "node1")
    assert '"private-ip": "10.0.5.62"' in good(lab.node1.ec2kit("properties", tag, "--output", "json"))


def test_an_address_that_may_come_with_its_group_is_a_caution_at_extend(lab: Lab, vpc: PrivateLab) -> None:
    """The other node is in the same subnet, where a resource of the private address may move it."""
    named = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.public_ip)
    good(lab.node1.ec2kit("create", *named, "--private-ip", vpc.address))
    done = lab.node1.ec2kit("extend", f"ec2-{vpc.public_ip}", "--to", "node2")
    assert done.returncode == 0
    assert "is not an address of" in done.stdout + done.stderr
    assert f"private={vpc.address}" in made(lab.node2, f"ec2-{vpc.public_ip}")[5]


def test_in_service_waits_for_the_private_address_only_where_that_comes_too(lab: Lab, vpc: PrivateLab) -> None:
    """Alone the Elastic IP could not come, and stays; with the private address below it, both come."""
    top, below, ip = f"ec2-{vpc.public_ip}", f"ec2-ip-{vpc.address}", f"ip-{vpc.address}"
    named = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.public_ip)
    good(lab.node1.ec2kit("create", *named, "--private-ip", vpc.address))
    good(lab.node1.ec2kit("extend", top, "--to", "node2"))
    refused = lab.node2.ec2kit("in-service", top)
    assert (refused.returncode, "nothing was changed" in refused.stderr) == (5, True), refused
    assert place(lab, vpc.public_ip) == vpc.address
    good(lab.node1.ec2kit("create", "--type", "private", "--ip-resource", ip, "--interface", "eth1"))
    good(lab.node1.ec2kit("extend", below, "--to", "node2"))
    for node in lab.nodes.values():
        node.lcd("dep_create", "-p", top, "-c", ip)
    good(lab.node2.ec2kit("in-service", top))
    assert (place(lab, vpc.public_ip), made(lab.node2, top)[6]) == (vpc.address, "ISP")


@pytest.mark.parametrize(
    ("value", "why"), [("10.0.5.77", "is not an address of"), ("10.0.9.1", "is not an address of")]
)
def test_create_refuses_an_address_that_is_not_there(lab: Lab, vpc: PrivateLab, value: str, why: str) -> None:
    """And makes nothing."""
    named = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.free_ip, "--private-ip", value)
    done = lab.node1.ec2kit("create", *named)
    assert done.returncode == 5
    assert why in done.stdout + done.stderr
    assert made(lab.node1, f"ec2-{vpc.free_ip}") == [""]


def test_pacemaker_is_told_it_by_awseips_name(lab: Lab, vpc: PrivateLab) -> None:
    """start, monitor, stop; the Elastic IP on the other address of the interface stays."""
    given = {"OCF_RESKEY_elastic_ip": vpc.free_ip, "OCF_RESKEY_interface": "eth1"}
    given |= {"OCF_RESKEY_private_ip_address": SECONDARY[1], "OCF_RESOURCE_INSTANCE": "front"}
    for action in ("start", "monitor"):
        assert lab.node1.ocf("eip", action, **given).returncode == 0
        assert place(lab, vpc.free_ip) == SECONDARY[1]
    assert lab.node1.ocf("eip", "stop", **given).returncode == 0
    assert (place(lab, vpc.public_ip), place(lab, vpc.free_ip)) == (SECONDARY[0], None)
    assert lab.node1.ocf("eip", "start", **given | {"OCF_RESKEY_private_ip_address": "10.0.5"}).returncode == 6
