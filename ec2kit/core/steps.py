"""The steps that can change anything: each is one call, idempotent, and says in words what it does and why. Pure.

Names of steps and of their parameters are those of the EC2 API:
docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ec2kit.core.model import AllocationId, AssociationId, Destination, EniId, TableId


@dataclass(frozen=True)
class ReplaceRoute:
    """Point one existing entry at our ENI."""

    method: ClassVar = "replace_route"
    table: TableId
    destination: Destination
    eni: EniId
    was: str = field(default="", compare=False)

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return _entry(self.table, self.destination, self.eni)

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.table

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.table} sends {self.destination} to {self.was or 'another target'}"

    def __str__(self) -> str:
        return f"point {self.destination} in {self.table} at {self.eni}" + (f" (was {self.was})" if self.was else "")


@dataclass(frozen=True)
class CreateRoute:
    """Make the entry again in a recorded table that has lost it."""

    method: ClassVar = "create_route"
    table: TableId
    destination: Destination
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return _entry(self.table, self.destination, self.eni)

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.table

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.table} has lost its entry for {self.destination}"

    def __str__(self) -> str:
        return f"create {self.destination} in {self.table} (lost) with target {self.eni}"


@dataclass(frozen=True)
class DisableSourceDestCheck:
    """Let our ENI take packets for an address that is not its own."""

    method: ClassVar = "modify_network_interface_attribute"
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"NetworkInterfaceId": self.eni, "SourceDestCheck": {"Value": False}}

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.eni

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"the source/dest check of {self.eni} is on"

    def __str__(self) -> str:
        return f"switch off the source/dest check of {self.eni}"


@dataclass(frozen=True)
class AssociateAddress:
    """Associate the Elastic IP with our ENI, wherever it is now.

    taken: the look has shown it somewhere else. Where it has shown it on nothing, EC2 refuses the step when the peer
    has taken the address since (AllowReassociation). displaces: other Elastic IPs that lose their place by it.
    """

    method: ClassVar = "associate_address"
    public_ip: str
    allocation: AllocationId
    eni: EniId
    private_ip: str
    was: EniId | None = field(default=None, compare=False)
    displaces: tuple[str, ...] = field(default=(), compare=False)
    taken: bool = field(default=False, compare=False)

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {
            "AllocationId": self.allocation,
            "NetworkInterfaceId": self.eni,
            "PrivateIpAddress": self.private_ip,
            "AllowReassociation": self.taken,
        }

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.public_ip

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.public_ip} is associated with {self.was or 'nothing'}"

    def __str__(self) -> str:
        return (
            f"associate {self.public_ip} with {self.eni} ({self.private_ip})"
            + (f", taken from {self.was}" if self.was else "")
            + (f", displacing {' '.join(self.displaces)}" if self.displaces else "")
        )


@dataclass(frozen=True)
class DisassociateAddress:
    """End exactly the association that was just read: it is a compare-and-swap, the peer's has another id."""

    method: ClassVar = "disassociate_address"
    public_ip: str
    association: AssociationId
    eni: EniId

    def parameters(self) -> dict[str, object]:
        """The call's parameters."""
        return {"AssociationId": self.association}

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.public_ip

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.public_ip} is associated with {self.eni}"

    def __str__(self) -> str:
        return f"disassociate {self.public_ip} from {self.eni} ({self.association})"


@dataclass(frozen=True)
class BringLinkUp:
    """Take the interface down and up again because it has no link. The only step that is not an EC2 call."""

    interface: str

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return self.interface

    @property
    def finding(self) -> str:
        """What makes the step necessary."""
        return f"{self.interface} has no link"

    def __str__(self) -> str:
        return f"take {self.interface} down and up again"


Ec2Step = ReplaceRoute | CreateRoute | DisableSourceDestCheck | AssociateAddress | DisassociateAddress
Step = Ec2Step | BringLinkUp
Batch = tuple[Step, ...]  # independent of each other: they go out together
Plan = tuple[Batch, ...]  # one batch after the other; the next only when the one before was accepted


def _entry(table: TableId, destination: Destination, eni: EniId) -> dict[str, object]:
    return {"RouteTableId": table, "DestinationCidrBlock": destination, "NetworkInterfaceId": eni}


def findings(plan: Plan, *, most: int = 3) -> str:
    """Why a plan is not empty, in words; the first `most` findings are told, the others counted."""
    found = [step.finding for batch in plan for step in batch]
    return "; ".join(found[:most]) + (f"; and {len(found) - most} more" if len(found) > most else "")


def operation(step: Ec2Step) -> str:
    """EC2's name of the step's call, as IAM policies and error messages use it: `ReplaceRoute`."""
    return "".join(word.capitalize() for word in step.method.split("_"))
