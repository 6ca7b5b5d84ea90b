"""What EC2 tells and moto cannot: addresses and interfaces of other sorts, and answers with less or more in them.

In botocore's description of EC2 (ec2/2016-11-15) no member of Address, NetworkInterface, RouteTable or Route is
required.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from lab.ec2.faults import error
from lab.ec2.front import Reply

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"
COIP, CARRIER, CLASSIC, MANAGED = "192.0.2.10", "192.0.2.20", "198.51.100.10", "203.0.113.99"
TRANSFERRED = "203.0.113.98"
_ELSEWHERE = (
    "<associationId>eipassoc-c2</associationId><networkInterfaceId>eni-outpost</networkInterfaceId>"
    "<privateIpAddress>10.0.99.9</privateIpAddress>"
)
_SETS = {  # action -> the element with the items, and the elements that name one
    "DescribeAddresses": ("addressesSet", ("publicIp", "allocationId")),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", ("networkInterfaceId",)),
    "DescribeRouteTables": ("routeTableSet", ("routeTableId",)),
}
_FILTERED = {
    "public-ip": "publicIp",
    "vpc-id": "vpcId",
    "network-interface-id": "networkInterfaceId",
    "attachment.instance-id": "attachment/instanceId",
    "addresses.private-ip-address": "privateIpAddressesSet/item/privateIpAddress",
    "route.destination-cidr-block": "routeSet/item/destinationCidrBlock",
}


def odd_account(vpc: str, instance: str) -> dict[str, tuple[str, ...]]:
    """What is in an account that has a bit of everything, by action: items of its answers, as XML.

    - An address of a customer-owned pool has CustomerOwnedIp and no PublicIp: ekristen/aws-nuke#952, "mutually
      exclusive"; the answer of AllocateAddress in the EC2 API reference. An older answer may have an empty one.
    - One of a carrier has CarrierIp: AllocateAddress in the EC2 API reference, for a Wavelength Zone.
    - One of EC2-Classic has the domain "standard", an instance, and neither allocation nor association: the answer of
      DescribeAddresses in older editions of the EC2 API reference, with empty elements.
    - One that a load balancer manages has ServiceManaged: Address in the EC2 API reference.
    - One that is being transferred to another account looks like any other: EC2 user guide, "Transfer Elastic IP
      addresses"; DescribeAddressTransfers alone tells it.
    - One has an association without an interface and a private address, one has nothing but its allocation, one is
      empty; an ENI of this instance has its id alone, and a route table its id and VPC: nothing is required.
    """
    coip = f"<customerOwnedIp>{COIP}</customerOwnedIp><customerOwnedIpv4Pool>ipv4pool-coip-1</customerOwnedIpv4Pool>"
    vpc_of = "<domain>vpc</domain>"
    addresses = (
        f"<allocationId>eipalloc-c1</allocationId>{vpc_of}{coip}",
        f"<publicIp/><allocationId>eipalloc-c2</allocationId>{vpc_of}{coip.replace('.10<', '.11<')}{_ELSEWHERE}",
        f"<allocationId>eipalloc-w1</allocationId>{vpc_of}<carrierIp>{CARRIER}</carrierIp>",
        f"<publicIp>{CLASSIC}</publicIp><domain>standard</domain><instanceId>i-classic</instanceId>",
        "<publicIp>198.51.100.11</publicIp><domain>standard</domain><instanceId/>",
        f"<publicIp>{MANAGED}</publicIp><allocationId>eipalloc-m</allocationId><serviceManaged>nlb</serviceManaged>",
        f"<publicIp>{TRANSFERRED}</publicIp><allocationId>eipalloc-t1</allocationId>{vpc_of}",
        "<publicIp>203.0.113.97</publicIp><allocationId>eipalloc-a</allocationId><associationId>e-a</associationId>",
        "<allocationId>eipalloc-n1</allocationId>",
        vpc_of,
    )
    enis = (
        f"<networkInterfaceId>eni-bare</networkInterfaceId><attachment><instanceId>{instance}</instanceId></attachment>",
        f"<networkInterfaceId>eni-detached</networkInterfaceId><vpcId>{vpc}</vpcId><status>available</status>",
    )
    tables = (f"<routeTableId>rtb-bare</routeTableId><vpcId>{vpc}</vpcId>",)
    return {"DescribeAddresses": addresses, "DescribeNetworkInterfaces": enis, "DescribeRouteTables": tables}


@dataclass
class Odd:
    """What an EC2 tells besides what moto does.

    items: more of what it lists, by action; they pass the filters that the kit uses. told: (name of an item, path in
    it) -> what that element says; None: it is left out, wherever the path finds it. An item's name is the id of an
    ENI or a route table, the public IP or the allocation id of an address.
    """

    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    told: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def shown(self, action: str, filters: Mapping[str, Iterable[str]], reply: Reply) -> Reply:
        """The answer with all that."""
        if action not in _SETS or reply.status != 200 or not (self.items or self.told):
            return reply
        name, keys = _SETS[action]
        root = ET.fromstring(reply.body)  # noqa: S314 - moto's own reply
        listed = root.find(f"{{{NAMESPACE}}}{name}")
        if listed is None:
            listed = ET.SubElement(root, f"{{{NAMESPACE}}}{name}")
        for more in self.items.get(action, ()):
            item = ET.fromstring(f'<item xmlns="{NAMESPACE}">{more}</item>')  # noqa: S314 - the lab's own
            if all({*values} & {*_texts(item, _FILTERED[each])} for each, values in filters.items()):
                listed.append(item)
        for item in listed:
            names = {text for key in keys for text in _texts(item, key)}
            for (which, path), text in self.told.items():
                if which in names:
                    _tell(item, path, text)
        return replace(reply, body=ET.tostring(root, encoding="utf-8", xml_declaration=True))

    def refusal(self, action: str, params: Mapping[str, str], on: Iterable[tuple[str, str]]) -> Reply | None:
        """Why EC2 does not let that caller change it. on: the Elastic IP that is meant, and the ENI that it is on.

        A table of another account's is shown to who has a subnet in its VPC, but "participants can't ... modify"
        it: VPC user guide, "Share your VPC subnets". What a service holds: AuthFailure, "You do not have permission
        to access the specified resource" (AWS re:Post, of an Elastic IP on a NAT gateway).
        """
        owner = self.told.get((params.get("RouteTableId", ""), "ownerId"))
        if owner and action in {"CreateRoute", "ReplaceRoute", "DeleteRoute"}:
            return error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
        held = any(
            self.told.get((address, "serviceManaged")) or self.told.get((eni, "requesterManaged")) == "true"
            for address, eni in on
        )
        if held and action in {"AssociateAddress", "DisassociateAddress"}:
            return error(400, "AuthFailure", "You do not have permission to access the specified resource.")
        return None


def _path(path: str) -> str:
    return "/".join(part if part == "." else f"{{{NAMESPACE}}}{part}" for part in path.split("/"))


def _texts(item: ET.Element, path: str) -> list[str]:
    return [each.text for each in item.iterfind(_path(path)) if each.text]


def _tell(item: ET.Element, path: str, text: str | None) -> None:
    above, _, name = path.rpartition("/")
    for parent in item.iterfind(_path(above)) if above else [item]:
        for each in parent.findall(_path(name)):
            parent.remove(each)
        if text is not None:
            ET.SubElement(parent, _path(name)).text = text
