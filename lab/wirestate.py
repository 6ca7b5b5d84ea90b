"""lab.wire's EC2: one VPC as one value, and the changes that make another value of it.

The rules of private addresses are those of lab/ec2/private.py, where their sources stand.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

_FILTER_NAME = re.compile(r"Filter\.\d+\.Name")


@dataclass(frozen=True)
class Held:
    """One Elastic IP: its allocation, and what it is associated with (nothing: None).

    private: the private address of `eni` that it is on; None is the primary one.
    """

    allocation: str
    association: str | None = None
    eni: str | None = None
    private: str | None = None


@dataclass(frozen=True)
class Foreign:
    """An entry of a route table that nobody created by hand: its target, where it comes from, and its state.

    origin: EnableVgwRoutePropagation or Advertisement; state: active, blackhole or filtered.
    """

    target: str
    origin: str = "Advertisement"
    state: str = "active"


@dataclass(frozen=True)
class State:
    """One VPC. routes: (table, destination) -> ENI; checks: ENI -> source/dest check.

    private: ENI -> its primary address; secondary: ENI -> its other ones; `most`: how many an ENI can have of both.
    subnets: ENI -> id and CIDR of its subnet; where it is not in it, the /24 of its primary address.
    instances: ENI -> the instance that it is attached to, none where it is not in it; the first ENI of an instance is
    its device 0. macs: ENI -> its MAC, one made of its name where it is not in it. foreign: (table, destination) ->
    what a gateway or a route server put there, beside an entry of `routes` or alone. blackholes: ENIs whose entries
    are shown as blackholes. worn: ENI -> the Elastic IPs that it tells of itself, each with private address and
    association, where not those of `held`.
    """

    tables: tuple[str, ...]
    routes: Mapping[tuple[str, str], str]
    checks: Mapping[str, bool]
    private: Mapping[str, str]
    held: Mapping[str, Held]
    serial: int = 0  # of association ids: one is never used twice
    vpc: str = "vpc-1"
    instances: Mapping[str, str] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[tuple[str, str], Foreign] = field(default_factory=dict)
    blackholes: frozenset[str] = frozenset()
    worn: Mapping[str, frozenset[tuple[str, str, str]]] = field(default_factory=dict)
    secondary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subnets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    most: int = 10

    def addresses(self, eni: str) -> tuple[str, ...]:
        """The private addresses of an ENI, the primary one first; of one that is not there none."""
        return (self.private[eni], *self.secondary.get(eni, ())) if eni in self.private else ()

    def subnet(self, eni: str) -> tuple[str, str]:
        """Id and CIDR of an ENI's subnet."""
        return self.subnets.get(eni) or _around(self.private[eni])

    def place(self, held: Held) -> str | None:
        """On which private address an Elastic IP is; None of one that a mixed state knows by its Elastic IP alone."""
        return held.private or self.private.get(held.eni or "")

    def told(self, eni: str) -> frozenset[tuple[str, str, str]]:
        """The Elastic IPs that an ENI tells of itself, each with its private address and association."""
        if eni in self.worn:
            return self.worn[eni]
        return frozenset(
            (name, self.place(held) or "", held.association or "")
            for name, held in self.held.items()
            if held.eni == eni
        )

    def mac(self, eni: str) -> str:
        """The MAC of an ENI."""
        return self.macs.get(eni) or "02:00:" + zlib.crc32(eni.encode()).to_bytes(4).hex(":")


@cache
def _around(address: str) -> tuple[str, str]:
    network = IPv4Network(f"{address}/24", strict=False)
    return f"subnet-{network.network_address}", str(network)


Key = str | tuple[str, str]
K = TypeVar("K", bound=Key)
V = TypeVar("V")


class RefusedError(Exception):
    """EC2 refuses the call with an error code."""


@dataclass(frozen=True)
class Call:
    """One request of the kit: the operation and its flat parameters."""

    action: str
    params: Mapping[str, str]

    @property
    def changing(self) -> bool:
        """Whether it would change something."""
        return not self.action.startswith("Describe")

    def filter(self, name: str) -> str | None:
        """The value of one of a Describe call's filters, of which it gives one."""
        return next(iter(self.filters.get(name, ())), None)

    @property
    def addresses(self) -> list[str]:
        """The private addresses that a call names in a list, each once."""
        named = (value for name, value in self.params.items() if name.startswith("PrivateIpAddress."))
        return list(dict.fromkeys(named))

    @property
    def filters(self) -> dict[str, set[str]]:
        """A Describe call's filters: name -> values, of which one must fit."""
        names = {key.split(".")[1]: name for key, name in self.params.items() if _FILTER_NAME.fullmatch(key)}
        return {
            name: {value for key, value in self.params.items() if key.startswith(f"Filter.{number}.Value.")}
            for number, name in names.items()
        }


def changed(state: State, call: Call) -> State:
    """The state after a changing call. Raises RefusedError with EC2's error code."""
    return _CHANGE[call.action](state, call)


def mixed(old: State, new: State, keys: Container[Key]) -> State:
    """What a look shows that is half old: the new state, but what `keys` name is as in the old one, or not there.

    keys: (table, destination) for an entry, an ENI, or a public IP. Only to be read: no change is made of it.
    """

    def mix(then: Mapping[K, V], now: Mapping[K, V]) -> dict[K, V]:
        """In the order of the old one, as far as it has them."""
        both = {**then, **now}
        return {key: (then if key in keys else now)[key] for key in both if key in (then if key in keys else now)}

    private = mix(old.private, new.private)
    return replace(
        new,
        routes=mix(old.routes, new.routes),
        foreign=mix(old.foreign, new.foreign),
        checks=mix(old.checks, new.checks),
        private=private,
        secondary=mix(old.secondary, new.secondary),
        instances=mix(old.instances, new.instances),
        macs=mix(old.macs, new.macs),
        held=mix(old.held, new.held),
        blackholes=frozenset(eni for eni in private if eni in (old if eni in keys else new).blackholes),
        worn={eni: (old if eni in keys else new).told(eni) for eni in private},
    )


def _replace_route(state: State, call: Call) -> State:
    key = (call.params["RouteTableId"], call.params["DestinationCidrBlock"])
    if key not in state.routes:  # nor where the only one is foreign; what EC2 really says of that is not known
        raise RefusedError("InvalidParameterValue")
    return replace(state, routes={**state.routes, key: call.params["NetworkInterfaceId"]})


def _create_route(state: State, call: Call) -> State:
    key = (call.params["RouteTableId"], call.params["DestinationCidrBlock"])
    if key in state.routes:  # a foreign one does no harm: of a gateway's AWS says so, of a route server's nothing
        raise RefusedError("RouteAlreadyExists")
    return replace(state, routes={**state.routes, key: call.params["NetworkInterfaceId"]})


def _modify_interface(state: State, call: Call) -> State:
    value = call.params["SourceDestCheck.Value"] == "true"
    return replace(state, checks={**state.checks, call.params["NetworkInterfaceId"]: value})


def _associate(state: State, call: Call) -> State:
    eni = call.params["NetworkInterfaceId"]
    place = call.params.get("PrivateIpAddress") or state.private[eni]
    if place not in state.addresses(eni):
        raise RefusedError("InvalidParameterValue")
    ours = next(name for name, each in state.held.items() if each.allocation == call.params["AllocationId"])
    was = state.held[ours]
    same = was.eni == eni and state.place(was) == place
    if was.eni and not same and call.params.get("AllowReassociation") == "false":
        raise RefusedError("Resource.AlreadyAssociated")
    serial = state.serial + 1
    held = {
        name: _nowhere(each) if each.eni == eni and state.place(each) == place else each
        for name, each in state.held.items()
    }
    on = None if place == state.private[eni] else place
    held[ours] = replace(was, association=f"eipassoc-{serial}", eni=eni, private=on)
    return replace(state, held=held, serial=serial)


def _nowhere(held: Held) -> Held:
    return Held(held.allocation)


def _disassociate(state: State, call: Call) -> State:
    for public_ip, each in state.held.items():
        if each.association == call.params["AssociationId"]:
            return replace(state, held={**state.held, public_ip: _nowhere(each)})
    raise RefusedError("InvalidAssociationID.NotFound")


def _listed(state: State, call: Call) -> tuple[str, list[str]]:
    """The ENI of a call about private addresses, and those."""
    eni = call.params["NetworkInterfaceId"]
    if eni not in state.private:
        raise RefusedError("InvalidNetworkInterfaceID.NotFound")
    if not call.addresses:
        raise RefusedError("UnsupportedOperation")
    return eni, call.addresses


def _assign(state: State, call: Call) -> State:
    eni, wanted = _listed(state, call)
    subnet = IPv4Network(state.subnet(eni)[1])
    others = [each for each in state.private if each != eni and state.subnet(each) == state.subnet(eni)]
    taken = {each for other in others for each in state.addresses(other)}.intersection(wanted)
    if (
        any(not _given(subnet, each) for each in wanted)
        or (taken and call.params.get("AllowReassignment") != "true")
        or {state.private[each] for each in (eni, *others)}.intersection(wanted)
    ):
        raise RefusedError("InvalidParameterValue")
    here = tuple(dict.fromkeys((*state.secondary.get(eni, ()), *wanted)))
    if len(here) >= state.most:
        raise RefusedError("PrivateIpAddressLimitExceeded")
    left = {each: tuple(a for a in state.secondary.get(each, ()) if a not in taken) for each in others}
    held = {
        name: replace(each, eni=eni) if each.eni in others and each.private in taken else each
        for name, each in state.held.items()
    }
    return replace(state, secondary=_without_empty({**state.secondary, **left, eni: here}), held=held)


def _given(subnet: IPv4Network, address: str) -> bool:
    """Whether AWS gives the address to interfaces of the subnet."""
    wanted = IPv4Address(address)
    return wanted in subnet and wanted not in (*(subnet[number] for number in range(4)), subnet[-1])


def _unassign(state: State, call: Call) -> State:
    eni, named = _listed(state, call)
    has = state.secondary.get(eni, ())
    if not set(named).issubset(has):  # the primary one is not among them
        raise RefusedError("InvalidParameterValue")
    held = {
        name: _nowhere(each) if each.eni == eni and each.private in named else each
        for name, each in state.held.items()
    }
    left = tuple(each for each in has if each not in named)
    return replace(state, secondary=_without_empty({**state.secondary, eni: left}), held=held)


def _without_empty(secondary: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """So that the same addresses are the same state."""
    return {eni: addresses for eni, addresses in secondary.items() if addresses}


_CHANGE: dict[str, Callable[[State, Call], State]] = {
    "ReplaceRoute": _replace_route,
    "CreateRoute": _create_route,
    "ModifyNetworkInterfaceAttribute": _modify_interface,
    "AssociateAddress": _associate,
    "DisassociateAddress": _disassociate,
    "AssignPrivateIpAddresses": _assign,
    "UnassignPrivateIpAddresses": _unassign,
}
