"""What create can choose from on this node: its interfaces, and the account's Elastic IPs. EC2 is only read."""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core import schema
from ec2kit.core.schema import Object
from ec2kit.verbs.locate import locate, own_interfaces
from ec2kit.verbs.run import Run


@dataclass(frozen=True)
class Interface:
    """One network interface of this node with an ENI, and the Elastic IPs that are on it."""

    name: str
    eni: str
    elastic_ips: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """The interfaces, by name; the Elastic IPs that are associated with nothing; and the VPC."""

    interfaces: tuple[Interface, ...]
    free: tuple[str, ...]
    vpc: str

    def as_json(self) -> Object:
        """The choices for another system's wizard."""
        interfaces = [
            {"name": each.name, "eni": each.eni, "elastic_ips": list(each.elastic_ips)} for each in self.interfaces
        ]
        return schema.VERSION | {"interfaces": interfaces, "free": list(self.free), "vpc": self.vpc}

    @classmethod
    def of_json(cls, told: Object) -> Choices:
        """Read what as_json gave. Raises KeyError or TypeError for anything else."""
        interfaces = (Interface(each["name"], each["eni"], tuple(each["elastic_ips"])) for each in told["interfaces"])
        return cls(tuple(interfaces), tuple(told["free"]), told["vpc"])


def choices(run: Run) -> Choices:
    """Look what there is. DescribeRouteTables is asked too, for it proves the credentials. Raises KitError."""
    site = locate(None, run)
    site.ec2.route_tables(site.node.vpc)
    addresses = site.ec2.addresses_owned()
    on = {each.public_ip: each.association.eni for each in addresses if each.association}
    interfaces = tuple(
        Interface(name, eni, tuple(sorted(ip for ip, there in on.items() if there == eni)))
        for name, eni in sorted(own_interfaces(run).items())
    )
    free = tuple(sorted(each.public_ip for each in addresses if not each.association))
    return Choices(interfaces, free, site.node.vpc)
