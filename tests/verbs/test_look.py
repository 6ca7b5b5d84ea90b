"""Several resources are looked at at once: what they ask of EC2 is joined, and each has its own answer."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from itertools import chain, zip_longest

import pytest

from ec2kit.core.errors import KitError, NotHeld, Unavailable
from ec2kit.core.kinds.elastic_ip import ElasticIpResource, ElasticIpView
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.kinds.private import PrivateResource, PrivateView
from ec2kit.core.kinds.route import RouteResource, RouteView
from ec2kit.core.model import EniId
from ec2kit.core.settings import settings
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import looks
from ec2kit.verbs.run import Run
from lab.ec2.server import Call
from lab.ec2.vpc import PrivateLab, addresses, private_addresses, route_tables
from lab.nodes import Lab
from lab.protected import eni_of

PAGES, PAGE = 3, 2  # pages of route tables, and how many of them are on one
VALUES = 200  # of a filter, at most: docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
ODD = 2  # calls more, however many are so: all addresses for those not shown, and ENIs that are on no instance
MIXED = {"route": 100, "eip": 50, "private": 50}


def vip(number: int) -> IPv4Address:
    """A virtual IP outside of the VPC."""
    return IPv4Address("192.168.0.0") + number


def elastic_ip(number: int) -> IPv4Address:
    """An address that is reserved for documentation."""
    return IPv4Address("198.51.100.0") + number


def private_ip(number: int) -> IPv4Address:
    """An address of the subnet of both nodes' eth1, in which 10, 20, 50 and 99 are in use."""
    return IPv4Address("10.0.5.3") + number


@pytest.fixture
def lab(figure3: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Figure 3: of each kind number 1 is node1's, of two kinds 2 and 3 are node2's and a stranger's.

    There are so many route tables that DescribeRouteTables has PAGES pages. Elastic IPs 4 and 5 are on nothing, and
    all above them are not this account's.
    """
    monkeypatch.setattr(os, "environ", os.environ.copy())  # Ec2 writes its settings into it
    vpc, truth = figure3.vpc, figure3.ec2.truth()
    assert isinstance(vpc, PrivateLab)
    owners = (eni_of(figure3, "node1"), eni_of(figure3, "node2"), vpc.stranger)
    for number, eni in enumerate(owners, start=1):
        made = truth.allocate_address(Domain="vpc", Address=str(elastic_ip(number)))["AllocationId"]
        truth.associate_address(AllocationId=made, NetworkInterfaceId=eni)
        truth.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[str(private_ip(number))])
    for number in (4, 5):
        truth.allocate_address(Domain="vpc", Address=str(elastic_ip(number)))
    for _ in range(PAGES * PAGE - len(vpc.tables)):
        table = truth.create_route_table(VpcId=vpc.vpc)["RouteTable"]["RouteTableId"]
        truth.create_route(RouteTableId=table, DestinationCidrBlock=f"{vip(1)}/32", NetworkInterfaceId=owners[0])
    figure3.ec2.page_size = PAGE
    return figure3


def resources(lab: Lab, counts: Mapping[str, int]) -> list[Resource]:
    """So many of each kind, one of each in turn."""
    numbers = {kind: range(1, counts.get(kind, 0) + 1) for kind in MIXED}
    peers = frozenset({EniId(eni_of(lab, "node2"))})
    kinds: list[list[Resource]] = [
        [RouteResource(vip(number), "eth1") for number in numbers["route"]],
        [ElasticIpResource(elastic_ip(number), "eth1") for number in numbers["eip"]],
        [PrivateResource(private_ip(number), "eth1", peers) for number in numbers["private"]],
    ]
    return [each for each in chain.from_iterable(zip_longest(*kinds)) if each]


def seen(lab: Lab, wanted: Sequence[Resource], *, frugal: bool = False) -> list[View | KitError]:
    """What node1 sees of them; the lab's list of calls has those of that look alone."""
    node = lab.node1
    run = Run(settings(node.defaults.read_text(), {})[0], Deadline(60), Journal("status", "many"))
    site = locate("eth1", run)
    lab.ec2.forget()
    node.imds.calls.clear()
    found = looks([(each, site.node) for each in wanted], site.ec2, run, frugal=frugal)
    return [each if isinstance(each, KitError) else each[0] for each in found]


def values(call: Call) -> list[str]:
    """What the filters of a call are to find."""
    return [value for name, value in call.params.items() if ".Value." in name]


def told(resource: Resource, view: View | KitError) -> object:
    """Where an answer has the address."""
    if isinstance(view, RouteView):
        assert view.destination == resource.target
        return {entry.table: entry.target for entry in view.entries}
    if isinstance(view, ElasticIpView):
        assert view.public_ip == resource.address
        return view.association and (view.association.eni, view.association.private_ip), view.allocation is not None
    if isinstance(view, PrivateView):
        assert view.private_ip == resource.address
        return view.at or view.holder
    assert isinstance(view, NotHeld)
    assert f"{resource}" in str(view) or resource.target in str(view)
    return {}


def truly(lab: Lab, wanted: Sequence[Resource]) -> list[object]:
    """Where EC2 has the addresses in truth."""
    truth, vpc = lab.ec2.truth(), lab.vpc.vpc
    tables, elastic, private = route_tables(truth, vpc), addresses(truth), private_addresses(truth, vpc)
    found: list[object] = []
    for each in wanted:
        if isinstance(each, RouteResource):
            having = {name: routes[each.target] for name, routes in tables.items() if each.target in routes}
            found.append({name: target for name, (target, _) in having.items()})
        elif isinstance(each, ElasticIpResource):
            eni, place = elastic.get(each.address, (None, None))
            found.append(((eni, place) if eni else None, each.address in elastic))
        else:
            found.append(private.get(each.address))
    return found


@pytest.mark.parametrize(
    ("counts", "most"),
    [
        (MIXED, PAGES + 2 + 1 + ODD),  # who has an Elastic IP, and who a private address, are two operations
        ({"route": 200}, PAGES + 1),
        ({"eip": 3}, 1 + 1 + 1),
        ({"eip": 200}, 1 + 1 + ODD),
        ({"private": 200}, 1 + 1),
        ({"eip": 450}, math.ceil(450 / VALUES) + 1 + ODD),
    ],
    ids=[
        "mixed",
        "routes",
        "Elastic IPs of the account",
        "Elastic IPs",
        "private addresses",
        "more Elastic IPs than a filter takes",
    ],
)
def test_hundreds_of_resources_cost_a_few_calls(lab: Lab, counts: dict[str, int], most: int) -> None:
    """The pages of route tables, a call for 200 addresses of a kind, and one for this node's ENIs; metadata once."""
    wanted = resources(lab, counts)
    views = seen(lab, wanted)
    assert len(lab.ec2.calls) == most
    assert max(len(values(call)) for call in lab.ec2.calls) <= VALUES + 1  # the VPC is one of another filter
    asked = [path for _, path, _ in lab.node1.imds.calls if "macs" in path]
    assert len(asked) == len(set(asked))
    assert [told(*each) for each in zip(wanted, views, strict=True)] == truly(lab, wanted)


def test_a_frugal_look_costs_a_call_less(lab: Lab) -> None:
    """Nobody asks who else has a private address: pages + 1 + 1, and one more for addresses that are not shown."""
    seen(lab, resources(lab, {**MIXED, "eip": 5}), frugal=True)
    assert len(lab.ec2.calls) == PAGES + 1 + 1
    seen(lab, resources(lab, MIXED), frugal=True)
    assert len(lab.ec2.calls) == PAGES + 1 + 1 + 1


@pytest.mark.parametrize(
    ("action", "spoilt"), [("DescribeAddresses", ElasticIpResource), ("DescribeRouteTables", RouteResource)]
)
def test_a_call_that_fails_spoils_the_answers_that_need_it_alone(
    lab: Lab, action: str, spoilt: type[Resource]
) -> None:
    """Each other one is as without that."""
    wanted = resources(lab, MIXED)
    whole = seen(lab, wanted)
    lab.ec2.refuse("denied", action)
    for resource, before, after in zip(wanted, whole, seen(lab, wanted), strict=True):
        if isinstance(resource, spoilt):
            assert isinstance(after, Unavailable)
            assert action in str(after)
        else:
            assert (type(after), str(after)) == (type(before), str(before))
