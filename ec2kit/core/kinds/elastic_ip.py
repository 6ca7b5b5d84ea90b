"""The Elastic IP scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariants: the drift of a view is empty exactly when the Elastic IP is associated with our ENI and
the interface has link (or its check is switched off). The release is non-empty exactly when the
Elastic IP is associated with our ENI, and it names only the association that was just read. An
Elastic IP whose allocation id is not the one that the resource names as well is never ours.

An answer that shows the Elastic IP on our ENI is a complete look by itself. Any other needs the ENI too: without it
nothing tells an address that is elsewhere from credentials of another account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import Address, AllocationId, Association, ElasticIpResource, EniId, NetworkInterface, Node
from ec2kit.core.steps import AssociateAddress, BringLinkUp, DisassociateAddress, Plan, Step


@dataclass(frozen=True)
class ElasticIpView:
    """One complete look. allocation is None when the account in use does not own the Elastic IP.

    private_ip: the private address of our ENI that ours has or would take. others: the Elastic IP that would lose
    that place. link: None when the link check is switched off. expected: the allocation id that the resource names.
    """

    public_ip: str
    allocation: AllocationId | None
    association: Association | None
    interface: str
    eni: EniId
    private_ip: str
    others: tuple[str, ...] = ()
    link: bool | None = None
    expected: AllocationId | None = None

    @classmethod
    def of(
        cls,
        resource: ElasticIpResource,
        node: Node,
        addresses: Iterable[Address],
        interfaces: Iterable[NetworkInterface],
        *,
        link: bool | None,
    ) -> ElasticIpView:
        """Build the view from what EC2 shows of the Elastic IP by its name, and of the node's ENI.

        The ENI is needed where the Elastic IP is not on it. Raises Misconfigured when the credentials in use do
        not see it: then an address that is not shown proves nothing.
        """
        own = named(resource, addresses)
        if association := associated_here(own, node):
            private_ip, displaced = association.private_ip or "", None
        else:
            ours = node.among(interfaces)
            private_ip, displaced = ours.private_ip, ours.elastic_ip
        return cls(
            public_ip=str(resource.public_ip),
            allocation=own.allocation if own else None,
            association=own.association if own else None,
            interface=node.interface,
            eni=node.eni,
            private_ip=private_ip,
            others=(displaced,) if displaced not in {None, str(resource.public_ip)} else (),
            link=link,
            expected=resource.allocation,
        )

    @property
    def associated_here(self) -> bool:
        """Whether the Elastic IP is associated with our ENI."""
        return self.association is not None and self.association.eni == self.eni

    @property
    def contradicted(self) -> bool:
        """Whether the Elastic IP has another allocation id than the resource names."""
        return self.allocation is not None and self.expected not in {None, self.allocation}

    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does.

        The link comes first, so that no traffic is attracted to an interface that cannot take it.
        Raises Misconfigured when the account does not own the Elastic IP, or owns it by another
        allocation id than the resource names: no step can help.
        """
        if self.allocation is None:
            raise Misconfigured(
                f"{self.public_ip} is not an Elastic IP of the account and Region in use",
                "Name one that 'aws ec2 describe-addresses' lists with these credentials",
            )
        if self.contradicted:
            raise Misconfigured(
                f"{self.public_ip} has the allocation id {self.allocation}, not {self.expected}",
                "Name the Elastic IP and the allocation id that belong together",
                everywhere=True,
            )
        link: tuple[Step, ...] = (BringLinkUp(self.interface),) if self.link is False else ()
        if self.associated_here:
            return (link,) if link else ()
        associate = AssociateAddress(
            self.public_ip,
            self.allocation,
            self.eni,
            self.private_ip,
            was=self.association.eni if self.association else None,
            displaces=self.others,
        )
        return tuple(batch for batch in (link, (associate,)) if batch)

    def release(self) -> Plan:
        """The step that lets go of what this look shows to be ours; empty when it is not ours."""
        if self.association is None or not self.associated_here or self.contradicted:
            return ()
        return ((DisassociateAddress(self.public_ip, self.association.id, self.eni),),)


def named(resource: ElasticIpResource, addresses: Iterable[Address]) -> Address | None:
    """The resource's own Elastic IP among these; None when it is not there."""
    return next((each for each in addresses if each.public_ip == str(resource.public_ip)), None)


def associated_here(address: Address | None, node: Node) -> Association | None:
    """The Elastic IP's association with this node's ENI, when this address shows it."""
    association = address.association if address else None
    return association if association and association.eni == node.eni else None
