"""Private addresses of interfaces, and the Elastic IPs on them: what moto does not know of them, or does otherwise.

moto assigns any address to any interface, also one that another has or that is outside of the subnet, unassigns the
primary, and has each Elastic IP on the primary. A rule here comes from one of these; where EC2's own code or words
are not known, the rule says so:

- the API reference, which botocore's description of EC2 repeats: AssignPrivateIpAddresses ("When you move a secondary
  private IP address to another network interface, any Elastic IP address that is associated with the IP address is
  also moved"), UnassignPrivateIpAddresses ("the specified secondary private IP addresses"), AssociateAddress ("The
  primary or secondary private IP address ... If no private IP address is specified, the Elastic IP address is
  associated with the primary"), CreateSubnet (the first four addresses and the last are reserved).
- the EC2 user guide, "Multiple IP addresses" and "Elastic IP addresses": an address is one of the subnet's; one
  private address has one Elastic IP and an interface several; to unassign an address disassociates its Elastic IP.
- programs that read EC2's messages, and threads that quote them; they are named at the rule.

Neither AssignPrivateIpAddresses nor UnassignPrivateIpAddresses has a DryRun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces

from lab.ec2.faults import error
from lab.ec2.front import Reply
from lab.ec2.odd import NAMESPACE

_LISTED = re.compile(r"PrivateIpAddress\.\d+")
_BY_ADDRESS = ("addresses.private-ip-address", "private-ip-address")


class _Address(elastic_ip_addresses.ElasticAddress):
    """An Elastic IP that knows its private address, and on which instance it is now."""

    eni: Any  # moto's own says None
    place: str | None = None  # the private address that it was associated with

    @property
    def private_ip_address(self) -> str | None:
        """The private address that it is on."""
        return self.place if self.eni else None

    @property
    def instance(self) -> Any:
        """That of its interface; moto tells it only where the call named one."""
        return self.eni.instance if self.eni else None

    @instance.setter
    def instance(self, _instance: Any) -> None:
        """What moto notes goes out of date when the interface does."""


def _filtered(filters: Any, interfaces: list[Any]) -> list[Any]:
    """moto's filters of DescribeNetworkInterfaces, but an address fits when any of the interface's is asked for."""
    asked = dict(filters or {})
    wanted = [set(asked.pop(name)) for name in _BY_ADDRESS if name in asked]
    kept = _moto_filtered(asked, interfaces)
    return [eni for eni in kept if all(each.intersection(addresses_of(eni)) for each in wanted)]


_of_interfaces: Any = elastic_network_interfaces  # for moto has no other way
_of_elastic_ips: Any = elastic_ip_addresses
_moto_filtered = _of_interfaces.generic_filter
_of_interfaces.generic_filter = _filtered
_of_elastic_ips.ElasticAddress = _Address


def addresses_of(eni: Any) -> list[str]:
    """The private addresses of an interface of moto's, the primary one first."""
    return [each["PrivateIpAddress"] for each in eni.private_ip_addresses]


def worn(backend: Any) -> dict[tuple[str, str], Any]:
    """(ENI, private address) -> the Elastic IP on it."""
    return {(each.eni.id, each.place): each for each in backend.addresses if each.eni}


def tell(backend: Any) -> None:
    """Let each interface tell the Elastic IP of each of its addresses, as it is now."""
    on = worn(backend)
    for eni in backend.enis.values():
        for each in eni.private_ip_addresses:
            found = on.get((eni.id, each["PrivateIpAddress"]))
            eni.public_ip = found.public_ip if found else None
            each["Association"] = eni.association or None
        primary = on.get((eni.id, eni.private_ip_address))
        eni.public_ip = primary.public_ip if primary else None  # beside the list, the primary's one


def associated(backend: Any, params: Mapping[str, str]) -> None:
    """After AssociateAddress: note the private address, and take off another Elastic IP that was on it."""
    moved = _elastic_ip(backend, params)
    moved.place = _place(backend, params)
    for other in backend.addresses:
        if other is not moved and other.eni is moved.eni and other.place == moved.place:
            other.eni = other.association_id = None


def unassociable(backend: Any, params: Mapping[str, str]) -> Reply | None:
    """Why AssociateAddress to that private address is refused, or nothing."""
    eni, place = _interface(backend, params), _place(backend, params)
    if eni is None:
        return None  # moto's own answer will do
    if place not in addresses_of(eni):  # the code is not documented: the lab refuses, the careful way
        return _invalid(f"The address {place} is not a private address of {eni.id}.")
    moved = _elastic_ip(backend, params)
    if moved and moved.eni is eni and moved.place != place and params.get("AllowReassociation") == "false":
        # Not documented for another address of the same interface: the lab refuses, the careful way.
        return error(400, "Resource.AlreadyAssociated", f"{moved.public_ip} is associated with {moved.place}.")
    return None


def assign(backend: Any, params: Mapping[str, str], most: int) -> Reply:
    """AssignPrivateIpAddresses, by a list of addresses; the answer lists those that were asked for.

    most: how many an interface has at most, the primary included.
    """
    eni, wanted = backend.enis.get(params.get("NetworkInterfaceId")), _listed(params)
    refusal = _unknown(eni, params, wanted) or next(filter(None, (_outside(eni, each) for each in wanted)), None)
    if refusal:
        return refusal
    new = [each for each in wanted if each not in addresses_of(eni)]  # to assign it again: not documented, a success
    others = [each for each in backend.enis.values() if each is not eni and each.subnet.id == eni.subnet.id]
    taken = [each for each in new if any(each in addresses_of(other) for other in others)]
    if taken and params.get("AllowReassignment") != "true":  # the words: Ansible's ec2_eni quotes them
        return _invalid(f"[{', '.join(taken)}] assigned, but move is not allowed.")
    if {each.private_ip_address for each in (eni, *others)}.intersection(wanted):
        # "Secondary", says the API reference. How EC2 refuses is not documented: the lab refuses, the careful way.
        # The words are those of aws/aws-sdk-go#2864, where nobody has found their cause.
        return _invalid("secondary-addresses")
    if len(addresses_of(eni)) + len(new) > most:  # as in cilium/cilium#36428 and aws/amazon-vpc-cni-k8s#989
        return error(400, "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
    on = worn(backend)
    for other in others:
        for each in set(taken).intersection(addresses_of(other)):
            _take_off(other, {each})
            if travels := on.get((other.id, each)):  # whether its association gets another id is not documented
                travels.eni = eni
    eni.private_ip_addresses += [{"Primary": False, "PrivateIpAddress": each} for each in new]
    items = "".join(f"<item><privateIpAddress>{each}</privateIpAddress></item>" for each in wanted)
    return _answer(
        "AssignPrivateIpAddresses",
        f"<networkInterfaceId>{eni.id}</networkInterfaceId>"
        f"<assignedPrivateIpAddressesSet>{items}</assignedPrivateIpAddressesSet>",
    )


def unassign(backend: Any, params: Mapping[str, str], _most: int) -> Reply:
    """UnassignPrivateIpAddresses, by a list of addresses."""
    eni, named = backend.enis.get(params.get("NetworkInterfaceId")), set(_listed(params))
    if refusal := _unknown(eni, params, named):
        return refusal
    if not named.issubset(addresses_of(eni)):  # the words: Netflix's Titus and KubeBlocks look for them
        return _invalid(f"Some of the specified addresses are not assigned to interface {eni.id}")
    if eni.private_ip_address in named:  # "secondary" says the API reference; how EC2 refuses is not documented
        return _invalid(f"{eni.private_ip_address} is the primary address of {eni.id}.")
    _take_off(eni, named)
    for (owner, place), address in worn(backend).items():
        if owner == eni.id and place in named:
            address.eni = address.association_id = None
    return _answer("UnassignPrivateIpAddresses", "<return>true</return>")


CHANGES: Mapping[str, Callable[[Any, Mapping[str, str], int], Reply]] = {
    "AssignPrivateIpAddresses": assign,
    "UnassignPrivateIpAddresses": unassign,
}


def _unknown(eni: Any, params: Mapping[str, str], named: Iterable[str]) -> Reply | None:
    if eni is None:
        message = f"The networkInterface ID '{params.get('NetworkInterfaceId')}' does not exist"
        return error(400, "InvalidNetworkInterfaceID.NotFound", message)
    if not named or any("Count" in name or "Prefix" in name for name in params):
        return error(400, "UnsupportedOperation", "The lab knows addresses only.")
    return None


def _outside(eni: Any, address: str) -> Reply | None:
    """EC2's words: those of RunInstances and CreateNetworkInterface, as many programs and threads quote them."""
    try:
        wanted, subnet = IPv4Address(address), IPv4Network(eni.subnet.cidr_block)
    except ValueError:
        return _invalid(f"invalid value for parameter address: {address}")
    if wanted not in subnet:
        return _invalid(f"Address {address} does not fall within the subnet's address range")
    if wanted in (*(subnet[number] for number in range(4)), subnet[-1]):
        return _invalid(f"Address {address} is in subnet's reserved address range")
    return None


def _listed(params: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(value for name, value in params.items() if _LISTED.fullmatch(name)))


def _take_off(eni: Any, addresses: set[str]) -> None:
    eni.private_ip_addresses[:] = [
        each for each in eni.private_ip_addresses if each["PrivateIpAddress"] not in addresses
    ]


def _interface(backend: Any, params: Mapping[str, str]) -> Any:
    """Which interface a call of AssociateAddress names, or the first one of the instance that it names."""
    instance = backend.get_instance(params["InstanceId"]) if "InstanceId" in params else None
    return instance.nics[0] if instance else backend.enis.get(params.get("NetworkInterfaceId"))


def _place(backend: Any, params: Mapping[str, str]) -> str | None:
    """Which private address such a call means: without one the primary."""
    eni = _interface(backend, params)
    return params.get("PrivateIpAddress") or (eni.private_ip_address if eni else None)


def _elastic_ip(backend: Any, params: Mapping[str, str]) -> Any:
    wanted = (params.get("AllocationId"), params.get("PublicIp"))
    return next((a for a in backend.addresses if a.allocation_id == wanted[0] or a.public_ip == wanted[1]), None)


def _invalid(message: str) -> Reply:
    return error(400, "InvalidParameterValue", message)


def _answer(action: str, inner: str) -> Reply:
    request = "<requestId>00000000-0000-0000-0000-000000000000</requestId>"
    return Reply(200, f'<{action}Response xmlns="{NAMESPACE}/">{request}{inner}</{action}Response>'.encode())
