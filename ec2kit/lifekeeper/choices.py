"""What create has to offer on this node: its interfaces, and the account's Elastic IPs. EC2 is only read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ec2kit.verbs.look import Run, locate, own_interfaces


@dataclass(frozen=True)
class Interface:
    """One network interface of this node with an ENI, and the Elastic IPs that stand on it."""

    name: str
    eni: str
    elastic_ips: tuple[str, ...]


@dataclass(frozen=True)
class Offer:
    """The interfaces, by name; the Elastic IPs that are associated with nothing; and the VPC."""

    interfaces: tuple[Interface, ...]
    free: tuple[str, ...]
    vpc: str


def offer(run: Run) -> Offer:
    """Look what there is. DescribeRouteTables is asked too, for it proves the credentials. Raises KitError."""
    site = locate(None, run)
    site.ec2.route_tables(site.node.vpc)
    addresses = site.ec2.addresses_owned()
    interfaces = tuple(
        Interface(
            name,
            eni,
            tuple(sorted(each.public_ip for each in addresses if each.association and each.association.eni == eni)),
        )
        for name, eni in sorted(own_interfaces(run).items())
    )
    return Offer(
        interfaces, tuple(sorted(each.public_ip for each in addresses if not each.association)), site.node.vpc
    )


def as_json(found: Offer) -> dict[str, Any]:
    """The offer for another system's wizard."""
    return asdict(found)


def of_json(told: dict[str, Any]) -> Offer:
    """Read what as_json gave. Raises KeyError or TypeError for anything else."""
    interfaces = (Interface(each["name"], each["eni"], tuple(each["elastic_ips"])) for each in told["interfaces"])
    return Offer(tuple(interfaces), tuple(told["free"]), told["vpc"])
