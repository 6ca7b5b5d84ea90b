"""The AWS account that people have: addresses of other sorts, fields that EC2 leaves out, what belongs to others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest

from ec2kit.core.errors import KitError, NotHeld
from ec2kit.core.kinds.facts import Answers, Facts, Listing, Metadata, Open
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import EniId, Node, VpcId
from ec2kit.lifekeeper import info
from lab.ec2.odd import CARRIER, CLASSIC, COIP, TRANSFERRED, odd_account
from lab.ec2.vpc import ACCOUNT, AddressLab, RouteLab
from lab.nodes import Lab
from lab.nodes import Node as Machine
from lab.protected import Protected, eni_of
from tests.support.account import without_ipv4
from tests.support.edge import ec2
from tests.support.programs import good

OWNER = "111122223333"
OWNERS = f"Only account {OWNER}, the owner of rtb-"


def interface_of(machine: Machine) -> Any:
    """Its eth1."""
    return machine.identity.interfaces[1]


def make_odd(lab: Lab) -> None:
    """The account of node1 has a bit of everything."""
    lab.ec2.odd.items = odd_account(lab.vpc.vpc, lab.node1.identity.instance_id)


# ---- what is beside ours in the account


def test_choices_offers_what_can_be_moved_and_nothing_else(figure2: Lab) -> None:
    """One odd address in the account, or one bare interface or table, is nobody else's trouble."""
    before = json.loads(good(figure2.node1.ec2kit("choices")))
    make_odd(figure2)
    after = json.loads(good(figure2.node1.ec2kit("choices")))
    assert after == {**before, "free": sorted([*before["free"], TRANSFERRED])}


def test_an_odd_account_changes_nothing_about_ours(either: Protected) -> None:
    """check, hold and release by the command line, and plan."""
    make_odd(either.lab)
    node1, node2 = either.lab.node1, either.lab.node2
    good(either.verb("check", node1))
    assert either.verb("check", node2).returncode == 1
    good(either.verb("plan", node2))
    good(either.verb("hold", node2))
    assert either.holder() == "node2"
    good(either.verb("release", node2))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (COIP, "an address of a customer-owned pool (CoIP), not an Elastic IP"),
        ("192.0.2.11", "an address of a customer-owned pool (CoIP), not an Elastic IP"),
        (CARRIER, "an address of a carrier (Wavelength), not an Elastic IP"),
        (CLASSIC, "an address of EC2-Classic, not an Elastic IP"),
        ("198.51.100.99", "is not an Elastic IP of the account"),
    ],
)
def test_an_address_of_another_sort_is_named_as_such(figure2: Lab, address: str, words: str) -> None:
    """check, plan and hold are misconfigured, nothing is sent, and create makes nothing."""
    make_odd(figure2)
    node = figure2.node1
    node.set(EC2_MAX_RETRY=0)
    for verb in ("check", "plan", "hold"):
        force = ("--force",) if verb == "hold" else ()
        done = node.ec2kit(verb, "eip", address, "--interface", "eth1", *force)
        assert (done.returncode, words in done.stderr) == (5, True), done.stderr
    good(node.ec2kit("release", "eip", address, "--interface", "eth1"))
    done = node.ec2kit("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", address)
    assert done.returncode == 5, done.stderr
    assert words in done.stderr
    assert not [call for call in figure2.ec2.calls if not call.action.startswith("Describe")]


# ---- what EC2 leaves out about ours


def machine(lab: Lab, name: str) -> Node:
    """A node as `locate` finds it."""
    identity, eth1 = lab.nodes[name].identity, interface_of(lab.nodes[name])
    blocks = tuple(map(IPv4Network, eth1.vpc_cidrs))
    names = {each.mac.lower(): each.name for each in identity.interfaces}
    return Node("us-east-1", identity.instance_id, VpcId(eth1.vpc), blocks, "eth1", EniId(eth1.eni), names=names)


def view_of(resource: Resource, node: Node, lab: Lab, name: str) -> View:
    """The view from real answers of the lab's EC2 and metadata, in this process."""
    asking = ec2(lab.ec2.url)
    answers: Answers = {}
    while True:
        try:
            return resource.view(node, Facts(answers))
        except Open as open_:
            for each in open_.queries:
                answers[each] = None
                if isinstance(each, Listing):
                    answers |= asking.calls([each])[0]()
                elif isinstance(each, Metadata) and each.path.endswith("local-ipv4s"):
                    answers[each] = "\n".join(lab.ec2.worn(eni_of(lab, name)))


def verdicts(resource: Resource, lab: Lab, name: str) -> tuple[str, bool | None]:
    """What a check says, and whether a release would do something; None: it is not known."""
    try:
        view = view_of(resource, machine(lab, name), lab, name)
        said = "lost" if view.lost else "astray" if view.drift() else "held"
    except NotHeld:
        return "lost", None
    except KitError as error:
        said = f"unknown: {error}"
        if "view" not in locals():
            return said, None
    try:
        return said, resource.stays or bool(view.release())
    except KitError:
        return said, None


ADDRESS = (
    "publicIp",
    "allocationId",
    "associationId",
    "networkInterfaceId",
    "privateIpAddress",
    "instanceId",
    "domain",
)
TABLE = ("routeTableId", "vpcId", "ownerId", "routeSet", "associationSet")
ENTRY = ("destinationCidrBlock", "networkInterfaceId", "instanceId", "state", "origin", "instanceOwnerId")
ENI = (
    *("networkInterfaceId", "subnetId", "vpcId", "ownerId", "status", "macAddress", "privateIpAddress"),
    *("sourceDestCheck", "attachment", "attachment/instanceId", "association", "association/allocationId"),
    *("association/publicIp", "privateIpAddressesSet", "privateIpAddressesSet/item", "requesterManaged"),
    *(f"privateIpAddressesSet/item/{each}" for each in ("privateIpAddress", "primary", "association")),
)


def fields(protected: Protected) -> Iterator[tuple[str, str]]:
    """Every element that EC2 tells of what the resource is about: the item, and the path in it."""
    lab = protected.lab
    yield from ((eni_of(lab, "node1"), path) for path in ENI)
    yield from ((eni_of(lab, "node2"), path) for path in ENI)
    if isinstance(lab.vpc, RouteLab):
        yield from ((lab.vpc.tables["A"], path) for path in (*TABLE, *(f"routeSet/item/{each}" for each in ENTRY)))
    elif isinstance(lab.vpc, AddressLab):
        yield from ((lab.vpc.public_ip, path) for path in ADDRESS)


def test_whatever_ec2_leaves_out_proves_nothing(either: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field in turn: what node1 has is not lost there, what node2 has not is not held there, nor let go of."""
    monkeypatch.setattr(os, "environ", {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})
    lab = either.lab
    resource = info.decode(either.lab.node1.lk("ins_list", "-t", either.tag).stdout.strip().split("\x01")[5]).resource
    assert verdicts(resource, lab, "node1") == ("held", True)
    assert verdicts(resource, lab, "node2") == ("lost", resource.stays)
    wrong = []
    for field in fields(either):
        lab.ec2.odd.told = {field: None}
        here, there = verdicts(resource, lab, "node1"), verdicts(resource, lab, "node2")
        if here[0] == "lost" or here[1] is False or there[0] == "held" or (there[1] and not resource.stays):
            wrong.append((field, here, there))
    assert not wrong


# ---- an interface without IPv4


def test_an_interface_without_ipv4_that_is_named_is_told_as_such(either: Protected) -> None:
    """check, plan and hold say which interface it is and what to do; nothing is sent, and release still works."""
    node2 = either.lab.node2
    node2.set(EC2_MAX_RETRY=0)
    without_ipv4(either.lab, "node2", 1)
    for verb in ("check", "plan", "hold"):
        done = either.verb(verb, node2)
        assert done.returncode == 5, done.stderr
        assert f"{eni_of(either.lab, 'node2')} has no IPv4 address. Name an interface that has one" in done.stderr
    assert either.holder() == "node1"
    good(either.verb("release", node2))


def test_another_interface_without_ipv4_is_nothing_to_us(either: Protected) -> None:
    """Neither the instance's first one nor a further one, whose metadata tell no CIDR block of the VPC."""
    for name in ("node1", "node2"):
        without_ipv4(either.lab, name, 0)
    good(either.verb("check", either.lab.node1))
    good(either.verb("hold", either.lab.node2))
    assert either.holder() == "node2"
    good(either.verb("release", either.lab.node2))


def test_the_vpcs_blocks_are_those_of_another_interface(routes: Protected) -> None:
    """The default route leads through the interface without IPv4; a virtual IP inside of the VPC is refused still."""
    without_ipv4(routes.lab, "node1", 0)
    good(routes.lab.node1.ec2kit("check", "route", "10.1.0.10"))  # it is on eth1
    done = routes.lab.node1.ec2kit("plan", "route", "10.0.9.9")
    assert done.returncode == 5, done.stderr
    assert "10.0.9.9 lies inside 10.0.0.0/16" in done.stderr


# ---- an address that an AWS service holds


def give_to_a_service(lab: Lab, how: str) -> str:
    """Have a service hold node1's Elastic IP: by managing it, or on a network interface of its own. The ENI."""
    assert isinstance(lab.vpc, AddressLab)
    client, told = lab.ec2.truth(), lab.ec2.odd.told
    made = client.create_network_interface(SubnetId=interface_of(lab.node1).subnet)["NetworkInterface"]
    eni = made["NetworkInterfaceId"]
    client.associate_address(AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni, AllowReassociation=True)
    if how in {"nlb", "rnat"}:
        told[lab.vpc.public_ip, "serviceManaged"] = how
    else:
        told |= {(eni, "requesterManaged"): "true", (eni, "interfaceType"): how, (eni, "requesterId"): "amazon-rds"}
    return eni


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("nlb", "nlb"),
        ("rnat", "rnat"),
        ("nat_gateway", "nat_gateway"),
        ("network_load_balancer", "network_load_balancer"),
        ("interface", "amazon-rds"),
    ],
)
def test_what_an_aws_service_holds_is_said_before_anything_is_sent(eip: Protected, how: str, word: str) -> None:
    """check is a proven loss, for it is not here; plan, hold, create and extend refuse; release has nothing to do."""
    lab, node = eip.lab, eip.lab.node1
    eni = give_to_a_service(lab, how)
    lab.ec2.forget()
    words = f"an AWS service manages {eip.words[1]}, or the interface that has it ({word}); it is on {eni}"
    for verb, code in (("check", 1), ("plan", 5), ("hold", 5)):
        done = eip.verb(verb, node)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    lab.node2.lk("ins_remove", "-t", eip.tag)
    named = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", eip.words[1], "--tag", "x")
    for command in (("create", *named), ("extend", eip.tag, "--to", "node2")):
        done = node.ec2kit(*command)
        assert (done.returncode, words in done.stderr) == (5, True), done.stderr
    good(eip.verb("release", node))
    assert {call.action for call in lab.ec2.calls if not call.action.startswith("Describe")} == set()


def test_an_interface_that_is_attached_to_nothing_is_no_services(eip: Protected) -> None:
    """The address of an instance that is gone is taken, and the one more question costs one call."""
    lab = eip.lab
    give_to_a_service(lab, "interface")
    lab.ec2.odd.told.clear()
    lab.ec2.forget()
    good(eip.verb("hold", lab.node2))
    assert eip.holder() == "node2"
    assert [call.action for call in lab.ec2.calls].count("DescribeNetworkInterfaces") == 2


# ---- route tables of another account


def share(lab: Lab) -> None:
    """The VPC is another account's, which shares its subnets with that of the nodes."""
    lab.ec2.odd.told |= {(table, "ownerId"): OWNER for table in lab.vpc.tables.values()}


def test_whose_the_route_tables_are_is_said_before_and_with_a_refusal(routes: Protected) -> None:
    """plan warns; the cure of a hold that is denied is that account, not this node's IAM policy."""
    lab, node2 = routes.lab, routes.lab.node2
    node2.set(EC2_MAX_RETRY=0)
    share(lab)
    planned = routes.verb("plan", node2)
    good(planned)
    assert OWNERS in planned.stderr
    done = routes.verb("hold", node2)
    assert done.returncode == 1, done.stderr
    assert OWNERS in done.stderr.splitlines()[-1]
    assert "IAM" not in done.stderr


def test_create_in_a_shared_vpc_warns(figure1: Lab) -> None:
    """It goes on, for the profile may be one of the owner's."""
    share(figure1)
    done = figure1.node1.ec2kit("create", "--type", "route-table", "--ip-resource", "ip-vip")
    good(done)
    assert OWNERS in done.stderr


def test_the_check_of_an_interface_is_its_own_accounts(routes: Protected) -> None:
    """With the tables' owner's credentials the ENI's source/dest check is what is denied."""
    lab, node2 = routes.lab, routes.lab.node2
    node2.set(EC2_MAX_RETRY=0)
    share(lab)
    eni = eni_of(lab, "node2")
    lab.ec2.truth().modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": True})
    lab.ec2.refuse("denied", "ModifyNetworkInterfaceAttribute")
    done = routes.verb("hold", node2)
    assert done.returncode == 1, done.stderr
    assert f"Only account {ACCOUNT}, the owner of {eni}, can change that" in done.stderr.splitlines()[-1]


def test_a_denial_in_our_own_account_is_told_as_ever(routes: Protected) -> None:
    """Its cure is the IAM policy; and nothing is said about owners."""
    routes.lab.ec2.refuse("denied", "ReplaceRoute")
    routes.lab.node2.set(EC2_MAX_RETRY=0)
    done = routes.verb("hold", routes.lab.node2)
    assert done.returncode == 1
    assert "Allow ec2:ReplaceRoute in the IAM policy" in done.stderr.splitlines()[-1]
    assert "account" not in routes.verb("plan", routes.lab.node2).stderr
