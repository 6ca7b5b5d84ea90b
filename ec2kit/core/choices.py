"""What create can choose from on a node: its interfaces, and the account's Elastic IPs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core.schema import VERSION, Object


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
        return VERSION | {"interfaces": interfaces, "free": list(self.free), "vpc": self.vpc}

    @classmethod
    def of_json(cls, told: Object) -> Choices:
        """Read what as_json gave. Raises KeyError or TypeError for anything else."""
        interfaces = (Interface(each["name"], each["eni"], tuple(each["elastic_ips"])) for each in told["interfaces"])
        return cls(tuple(interfaces), tuple(told["free"]), told["vpc"])
