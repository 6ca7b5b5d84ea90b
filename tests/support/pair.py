"""Two nodes, and addresses that are on node1 in the beginning: as resources, and as lab.wire's state."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.private import PrivateResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.model import EniId, TableId
from lab.wire import Held, State

VIP, NEIGHBOUR = "10.1.0.10/32", "10.1.0.20/32"
PUBLIC_IP, OTHER_IP = "203.0.113.10", "203.0.113.20"
PRIVATE_IP, ABOVE = "10.0.1.50", "203.0.113.30"  # and the Elastic IP on it
ENIS = {"node1": "eni-1", "node2": "eni-2"}  # each node's eth1
SECOND = {"node1": "eni-1b", "node2": "eni-2b"}  # each node's eth2, which no resource names
RESOURCES: dict[str, Resource] = {
    "routes": RouteResource(IPv4Address("10.1.0.10"), "eth1", frozenset({TableId("rtb-1"), TableId("rtb-2")})),
    "address": ElasticIpResource(IPv4Address(PUBLIC_IP), "eth1"),
    "private": PrivateResource(IPv4Address(PRIVATE_IP), "eth1", frozenset(map(EniId, ENIS.values()))),
}
BEGINNING = State(
    tables=("rtb-1", "rtb-2", "rtb-3"),
    routes={("rtb-1", VIP): "eni-1", ("rtb-2", VIP): "eni-1", ("rtb-2", NEIGHBOUR): "eni-2"},
    checks={"eni-1": False, "eni-2": False, "eni-1b": False, "eni-2b": True, "eni-9": True},
    private={
        "eni-1": "10.0.1.11",
        "eni-2": "10.0.3.11",
        "eni-1b": "10.0.1.21",
        "eni-2b": "10.0.3.21",
        "eni-9": "10.0.1.99",
    },
    instances={"eni-1": "node1", "eni-1b": "node1", "eni-2": "node2", "eni-2b": "node2", "eni-9": "node9"},
    held={PUBLIC_IP: Held("eipalloc-1", "eipassoc-0", "eni-1"), OTHER_IP: Held("eipalloc-2")},
)
ONE_SUBNET = replace(  # for the private address: all ENIs are in it
    BEGINNING,
    held={**BEGINNING.held, ABOVE: Held("eipalloc-3", "eipassoc-00", "eni-1", PRIVATE_IP)},
    secondary={"eni-1": (PRIVATE_IP,)},
    subnets=dict.fromkeys(BEGINNING.private, ("subnet-1", "10.0.0.0/20")),
)
BEGINNINGS = {"routes": BEGINNING, "address": BEGINNING, "private": ONE_SUBNET}
