"""The guide's figures, seeded into EC2 by a boto3 client, and readers of what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Literal

from lab.imds import NodeIdentity, NodeInterface

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = "ec2kit-node"
CIDR = "10.0.0.0/16"
PUBLIC_IPS = ("203.0.113.10", "203.0.113.20")  # reserved for documentation, so nobody's
ANYWHERE = "0.0.0.0/0"
NEIGHBOUR = "10.1.0.20/32"  # the guide's other virtual address, routed to node2 in table B
Routes = dict[str, tuple[str, str]]  # destination -> (target id, state)


@dataclass(frozen=True)
class RouteLab:
    """Figure 1: `tables` maps names to route table ids, `nodes` "node1" and "node2" to their identities.

    `vip` is the address without a mask. `other_vpc` and its `other_table` hold the same entry and belong to
    somebody else.
    """

    vpc: str
    tables: dict[str, str]
    nodes: dict[str, NodeIdentity]
    vip: str
    other_vpc: str
    other_table: str


@dataclass(frozen=True)
class AddressLab:
    """Figure 2: `public_ip` (`allocation`) is on node1's eth1, `free_ip` (`free_allocation`) on nothing."""

    vpc: str
    tables: dict[str, str]
    nodes: dict[str, NodeIdentity]
    public_ip: str
    allocation: str
    free_ip: str
    free_allocation: str


@dataclass(frozen=True)
class PrivateLab(AddressLab):
    """Figure 3: `address` is a secondary address of node1's eth1, in `subnet`, where node2's eth1 is too.

    `public_ip` (`allocation`) is on that address, `free_ip` (`free_allocation`) on nothing. `stranger` is an ENI of
    `subnet` that is attached to nothing, at 10.0.5.99.
    """

    address: str
    subnet: str
    stranger: str


@dataclass(frozen=True)
class PacketLab:
    """What `packets` seeds; `nodes` are "node1", "node2" and "client", each with an eth0.

    address: where both nodes are in one subnet, a secondary address of node1's eth0 there; else empty.
    """

    vpc: str
    tables: dict[str, str]
    nodes: dict[str, NodeIdentity]
    vip: str
    public_ip: str
    allocation: str
    address: str


@dataclass(frozen=True)
class _Net:
    """A VPC under construction."""

    client: EC2Client
    vpc: str

    def subnet(self, zone: str, cidr: str) -> str:
        made = self.client.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone)
        return made["Subnet"]["SubnetId"]

    def gateway(self) -> str:
        made = self.client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.client.attach_internet_gateway(InternetGatewayId=made, VpcId=self.vpc)
        return made

    def table(self, name: str, *subnets: str) -> str:
        made = self.client.create_route_table(VpcId=self.vpc, TagSpecifications=_named("route-table", name))
        table = made["RouteTable"]["RouteTableId"]
        for subnet in subnets:
            self.client.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return table

    def route(self, table: str, destination: str, **target: Any) -> None:
        self.client.create_route(RouteTableId=table, DestinationCidrBlock=destination, **target)

    def interface(self, subnet: str, address: str, name: str, *, forwards: bool) -> str:
        made = self.client.create_network_interface(
            SubnetId=subnet, PrivateIpAddress=address, TagSpecifications=_named("network-interface", name)
        )
        eni = made["NetworkInterface"]["NetworkInterfaceId"]
        if forwards:
            check = {"Value": False}
            self.client.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck=check)  # type: ignore[arg-type]
        return eni

    def node(
        self, name: str, zone: str, addresses: Mapping[str, str], forwards: tuple[int, ...] = (1,)
    ) -> NodeIdentity:
        """An instance with eth0, eth1, ... at these addresses, each with its subnet.

        Those in `forwards` have their source/dest check off.
        """
        enis = [
            self.interface(subnet, address, f"{name}-eth{number}", forwards=number in forwards)
            for number, (address, subnet) in enumerate(addresses.items())
        ]
        devices: Any = [{"DeviceIndex": n, "NetworkInterfaceId": eni} for n, eni in enumerate(enis)]
        instance = self.client.run_instances(
            ImageId="ami-12345678",
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": REGION + zone},
            NetworkInterfaces=devices,
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
            TagSpecifications=_named("instance", name),
        )["Instances"][0]
        found = self.client.describe_network_interfaces(NetworkInterfaceIds=enis)["NetworkInterfaces"]
        macs = {interface["NetworkInterfaceId"]: interface["MacAddress"] for interface in found}
        subnets = self.client.describe_subnets(SubnetIds=[*set(addresses.values())])["Subnets"]
        cidrs = {each["SubnetId"]: each["CidrBlock"] for each in subnets}
        interfaces = tuple(
            NodeInterface(f"eth{n}", macs[eni], eni, self.vpc, subnet, address, (CIDR,), n, cidrs[subnet])
            for n, (eni, (address, subnet)) in enumerate(zip(enis, addresses.items(), strict=True))
        )
        return NodeIdentity(instance["InstanceId"], REGION, REGION + zone, ACCOUNT, interfaces, ROLE)


def figure1(client: EC2Client, tables: int = 2, vip: str = "10.1.0.10") -> RouteLab:
    """Seed the guide's figure 1: two zones, tables "public", "A", "B", and `vip`/32 routed to node1's eth1.

    `tables` (at least 2) is the number of tables with that entry: beyond A and B they are "C1", "C2", ...
    """
    net = _net(client, "figure1")
    public = net.subnet("a", "10.0.1.0/24"), net.subnet("b", "10.0.3.0/24")
    private = net.subnet("a", "10.0.2.0/24"), net.subnet("b", "10.0.4.0/24")
    nodes = {
        "node1": net.node("node1", "a", dict.fromkeys(("10.0.2.10", "10.0.2.11"), private[0])),
        "node2": net.node("node2", "b", dict.fromkeys(("10.0.4.10", "10.0.4.11"), private[1])),
    }
    eth1 = {name: node.interfaces[1].eni for name, node in nodes.items()}
    ids = {"main": _name_main(net), "public": net.table("public", *public)}
    net.route(ids["public"], ANYWHERE, GatewayId=net.gateway())
    for number, name in enumerate("AB"):
        nat = net.interface(public[number], f"10.0.{2 * number + 1}.5", f"nat-{'ab'[number]}", forwards=True)
        ids[name] = net.table(name, private[number])
        net.route(ids[name], ANYWHERE, NetworkInterfaceId=nat)
    ids |= {f"C{number}": net.table(f"C{number}") for number in range(1, tables - 1)}
    for name in [name for name in ids if name not in ("main", "public")]:
        net.route(ids[name], f"{vip}/32", NetworkInterfaceId=eth1["node1"])
    net.route(ids["B"], NEIGHBOUR, NetworkInterfaceId=eth1["node2"])
    other_vpc, other_table = _other(client, vip)
    return RouteLab(net.vpc, ids, nodes, vip, other_vpc, other_table)


def figure2(client: EC2Client) -> AddressLab:
    """Seed the guide's figure 2: a public subnet per zone, and an Elastic IP on node1's eth1."""
    net = _net(client, "figure2")
    subnets = net.subnet("a", "10.0.1.0/24"), net.subnet("b", "10.0.3.0/24")
    nodes = {
        "node1": net.node("node1", "a", dict.fromkeys(("10.0.1.10", "10.0.1.11"), subnets[0])),
        "node2": net.node("node2", "b", dict.fromkeys(("10.0.3.10", "10.0.3.11"), subnets[1])),
    }
    ids = {"main": _name_main(net), "public": net.table("public", *subnets)}
    net.route(ids["public"], ANYWHERE, GatewayId=net.gateway())
    used, free = (client.allocate_address(Domain="vpc", Address=address) for address in PUBLIC_IPS)
    eni = nodes["node1"].interfaces[1].eni
    client.associate_address(AllocationId=used["AllocationId"], NetworkInterfaceId=eni)
    return AddressLab(
        net.vpc,
        ids,
        nodes,
        used["PublicIp"],
        used["AllocationId"],
        free["PublicIp"],
        free["AllocationId"],
    )


def figure3(client: EC2Client) -> PrivateLab:
    """Seed the guide's figure 3: one zone, both eth0 in subnet "management", both eth1 in subnet "service"."""
    net = _net(client, "figure3")
    management, service = net.subnet("a", "10.0.1.0/24"), net.subnet("a", "10.0.5.0/24")
    nodes = {
        "node1": net.node("node1", "a", {"10.0.1.10": management, "10.0.5.10": service}, ()),
        "node2": net.node("node2", "a", {"10.0.1.20": management, "10.0.5.20": service}, ()),
    }
    ids = {"main": _name_main(net), "public": net.table("public", management, service)}
    net.route(ids["public"], ANYWHERE, GatewayId=net.gateway())
    used, free = (client.allocate_address(Domain="vpc", Address=address) for address in PUBLIC_IPS)
    eni, address = nodes["node1"].interfaces[1].eni, "10.0.5.50"
    client.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[address])
    client.associate_address(AllocationId=used["AllocationId"], NetworkInterfaceId=eni, PrivateIpAddress=address)
    return PrivateLab(
        net.vpc,
        ids,
        nodes,
        used["PublicIp"],
        used["AllocationId"],
        free["PublicIp"],
        free["AllocationId"],
        address,
        service,
        net.interface(service, "10.0.5.99", "stranger", forwards=False),
    )


def packets(client: EC2Client, tables: int = 1, *, forwards: bool = False, private: bool = False) -> PacketLab:
    """Seed the VPC of lab/net: node1, node2 and a client in a subnet each, one virtual and one Elastic IP.

    `tables` is the number of tables with the virtual IP's entry, to node1: that of the client's subnet is the last
    of them, the others have no subnet. The main table, the nodes' one, has none. The Elastic IP is on nothing.
    forwards: whether the nodes' source/dest check is off to begin with. private: node2 is in node1's subnet, at
    10.0.1.12, and 10.0.1.50 is a secondary address of node1's.
    """
    net = _net(client, "packets")
    subnets = [net.subnet(zone, f"10.0.{number}.0/24") for number, zone in enumerate("aba", start=1)]
    off = (0,) if forwards else ()
    zone, second = ("a", {"10.0.1.12": subnets[0]}) if private else ("b", {"10.0.2.12": subnets[1]})
    nodes = {
        "node1": net.node("node1", "a", {"10.0.1.11": subnets[0]}, off),
        "node2": net.node("node2", zone, second, off),
        "client": net.node("client", "a", {"10.0.3.13": subnets[2]}, ()),
    }
    gateway, ids = net.gateway(), {"main": _name_main(net)}
    ids |= {name: net.table(name) for name in [f"T{number}" for number in range(1, tables)]}
    ids["client"] = net.table("client", subnets[2])
    for name in ("main", "client"):
        net.route(ids[name], ANYWHERE, GatewayId=gateway)
    vip = "10.1.0.10"
    for name in [name for name in ids if name != "main"]:
        net.route(ids[name], f"{vip}/32", NetworkInterfaceId=nodes["node1"].interfaces[0].eni)
    made = client.allocate_address(Domain="vpc", Address=PUBLIC_IPS[0])
    address = "10.0.1.50" if private else ""
    if address:
        eni = nodes["node1"].interfaces[0].eni
        client.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[address])
    return PacketLab(net.vpc, ids, nodes, vip, made["PublicIp"], made["AllocationId"], address)


def replacement(client: EC2Client, node: NodeIdentity, name: str) -> NodeIdentity:
    """A new instance in a node's place: in the same subnets, with as many ENIs, at addresses that are 100 further on.

    The old one is terminated. Its ENIs stay, attached to nothing, with all that led to them.
    """
    client.terminate_instances(InstanceIds=[node.instance_id])
    addresses = {str(IPv4Address(each.private_ip) + 100): each.subnet for each in node.interfaces}
    zone = node.availability_zone.removeprefix(REGION)
    return _Net(client, node.interfaces[0].vpc).node(name, zone, addresses, forwards=())


def _net(client: EC2Client, name: str, cidr: str = CIDR) -> _Net:
    made = client.create_vpc(CidrBlock=cidr, TagSpecifications=_named("vpc", name))
    return _Net(client, made["Vpc"]["VpcId"])


def _other(client: EC2Client, vip: str) -> tuple[str, str]:
    net = _net(client, "somebody else's", "10.9.0.0/16")
    eni = net.interface(net.subnet("a", "10.9.1.0/24"), "10.9.1.10", "other", forwards=True)
    table = net.table("other")
    net.route(table, f"{vip}/32", NetworkInterfaceId=eni)
    return net.vpc, table


def _name_main(net: _Net) -> str:
    """Name the table that every VPC is born with."""
    filters: Any = [{"Name": "vpc-id", "Values": [net.vpc]}, {"Name": "association.main", "Values": ["true"]}]
    table = net.client.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    net.client.create_tags(Resources=[table], Tags=[{"Key": "Name", "Value": "main"}])
    return table


Tagged = Literal["vpc", "route-table", "network-interface", "instance"]


def _named(kind: Tagged, name: str) -> Any:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def route_tables(client: EC2Client, vpc: str) -> dict[str, Routes]:
    """The routes of every table of `vpc`, by the table's Name tag, or its id where it has none."""
    found = _tables(client, Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return {_name(table): _routes(table) for table in found}


def addresses(client: EC2Client) -> dict[str, tuple[str | None, str | None]]:
    """Every Elastic IP with the (network interface id, private address) it is on, (None, None) if on none."""
    found = client.describe_addresses()["Addresses"]
    return {
        address["PublicIp"]: (
            address.get("NetworkInterfaceId") or None,
            address.get("PrivateIpAddress") or None,
        )
        for address in found
    }


def private_addresses(client: EC2Client, vpc: str) -> dict[str, str]:
    """Every private address of `vpc` that a network interface has, with the id of that one."""
    found = _interfaces(client, Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return {address: interface["NetworkInterfaceId"] for interface in found for address in _private(interface)}


def snapshot(client: EC2Client) -> dict[str, Any]:
    """Everything a recovery kit could change, comparable with ==.

    "routes": every VPC's table id -> its routes; "addresses": as `addresses`; "checks": network interface id
    -> whether its source/dest check is on; "private": network interface id -> its private addresses, in EC2's order.
    """
    interfaces = _interfaces(client)
    return {
        "routes": {table["RouteTableId"]: _routes(table) for table in _tables(client)},
        "addresses": addresses(client),
        "checks": {i["NetworkInterfaceId"]: i["SourceDestCheck"] for i in interfaces},
        "private": {i["NetworkInterfaceId"]: _private(i) for i in interfaces},
    }


def _interfaces(client: EC2Client, **asked: Any) -> list[Any]:
    pages = client.get_paginator("describe_network_interfaces").paginate(**asked)
    return [interface for page in pages for interface in page["NetworkInterfaces"]]


def _private(interface: Any) -> list[str]:
    return [each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"]]


def _tables(client: EC2Client, **asked: Any) -> list[Any]:
    pages = client.get_paginator("describe_route_tables").paginate(**asked)
    return [table for page in pages for table in page["RouteTables"]]


def _name(table: Any) -> str:
    names = [tag["Value"] for tag in table.get("Tags", []) if tag["Key"] == "Name"]
    return str(names[0] if names else table["RouteTableId"])


def _routes(table: Any) -> Routes:
    """One for each destination: that by hand, where a gateway or a route server has put one beside it."""
    targets = ("NetworkInterfaceId", "GatewayId", "InstanceId", "NatGatewayId", "TransitGatewayId")
    by_hand_last = sorted(table["Routes"], key=lambda route: route.get("Origin") == "CreateRoute")
    return {
        route["DestinationCidrBlock"]: (
            next((route[target] for target in targets if route.get(target)), ""),
            route.get("State", ""),
        )
        for route in by_hand_last
        if "DestinationCidrBlock" in route
    }
