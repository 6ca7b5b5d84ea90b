"""What create can choose from on a node: its interfaces, and the account's Elastic IPs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core.schema import VERSION, Object


@dataclass(frozen=True)
class Interface:
    """One network interface of this node with an ENI, the Elastic IPs on it, and its secondary private addresses."""

    name: str
    eni: str
    elastic_ips: tuple[str, ...]
    private_ips: tuple[str, ...] = ()

    def as_json(self) -> Object:
        """The interface for another system's wizard."""
        addresses = {"elastic_ips": list(self.elastic_ips), "private_ips": list(self.private_ips)}
        return {"name": self.name, "eni": self.eni, **addresses}

    @classmethod
    def of_json(cls, told: Object) -> Interface:
        """Read what as_json gave, here or in an older version. Raises KeyError or TypeError for anything else."""
        return cls(told["name"], told["eni"], tuple(told["elastic_ips"]), tuple(told.get("private_ips", ())))


@dataclass(frozen=True)
class Choices:
    """The interfaces, by name; the Elastic IPs that are associated with nothing; and the VPC."""

    interfaces: tuple[Interface, ...]
    free: tuple[str, ...]
    vpc: str

    def as_json(self) -> Object:
        """The choices for another system's wizard."""
        interfaces = [each.as_json() for each in self.interfaces]
        return VERSION | {"interfaces": interfaces, "free": list(self.free), "vpc": self.vpc}

    @classmethod
    def of_json(cls, told: Object) -> Choices:
        """Read what as_json gave. Raises KeyError or TypeError for anything else."""
        return cls(tuple(map(Interface.of_json, told["interfaces"])), tuple(told["free"]), told["vpc"])
