"""The Elastic IP scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariants: the drift of a view is empty exactly when the Elastic IP is associated with our ENI and
the interface has link (or its check is switched off). The release is non-empty exactly when the
Elastic IP is associated with our ENI, and it names only the association that was just read. An
Elastic IP whose allocation id is not the one that the resource names as well is never ours.

An answer that shows the Elastic IP on our ENI is a complete look by itself. Any other needs the ENI too: without it
nothing tells an address that is elsewhere from credentials of another account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.route import seen
from ec2kit.core.model import Address, AddressResource, AllocationId, Association, EniId, NetworkInterface, Node
from ec2kit.core.steps import AssociateAddress, BringLinkUp, DisassociateAddress, Plan, Step


@dataclass(frozen=True)
class AddressView:
    """One complete look. allocation is None when the account in use does not own the Elastic IP.

    private_ip: the private address of our ENI that ours has or would take. others: the Elastic IP that it would push
    off there. link: None when the link check is switched off. expected: the allocation id that the resource names.
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

    @property
    def associated_here(self) -> bool:
        """Whether the Elastic IP is associated with our ENI."""
        return self.association is not None and self.association.eni == self.eni

    @property
    def contradicted(self) -> bool:
        """Whether the Elastic IP has another allocation id than the resource names."""
        return self.allocation is not None and self.expected not in {None, self.allocation}


def stands_here(resource: AddressResource, node: Node, addresses: Sequence[Address]) -> Association | None:
    """The association of the resource's Elastic IP with our ENI, when these addresses show it."""
    for address in addresses:
        if address.public_ip == str(resource.public_ip) and address.association:
            return address.association if address.association.eni == node.eni else None
    return None


def view(
    resource: AddressResource,
    node: Node,
    addresses: Sequence[Address],
    interfaces: Sequence[NetworkInterface],
    *,
    link: bool | None,
) -> AddressView:
    """Build the view from what EC2 shows of the Elastic IP by its name, and of the node's ENI.

    The ENI is needed where the Elastic IP does not stand on it. Raises Misconfigured when the credentials in use do
    not see it: then an address that is not shown proves nothing.
    """
    name = str(resource.public_ip)
    own = next((address for address in addresses if address.public_ip == name), None)
    if association := stands_here(resource, node, addresses):
        private_ip, displaced = association.private_ip or "", None
    else:
        ours = seen(node, interfaces)
        private_ip, displaced = ours.private_ip, ours.elastic_ip
    return AddressView(
        public_ip=name,
        allocation=own.allocation if own else None,
        association=own.association if own else None,
        interface=node.interface,
        eni=node.eni,
        private_ip=private_ip,
        others=(displaced,) if displaced not in {None, name} else (),
        link=link,
        expected=resource.allocation,
    )


def drift(seen_view: AddressView) -> Plan:
    """The steps that are missing until this node holds the address; empty when it does.

    The link comes first, so that no traffic is attracted to an interface that cannot take it.
    Raises Misconfigured when the account does not own the Elastic IP, or owns it by another
    allocation id than the resource names: no step can help.
    """
    if seen_view.allocation is None:
        raise Misconfigured(
            f"{seen_view.public_ip} is no Elastic IP of the account and Region in use",
            "Name one that 'aws ec2 describe-addresses' lists with these credentials",
        )
    if seen_view.contradicted:
        raise Misconfigured(
            f"{seen_view.public_ip} has the allocation id {seen_view.allocation}, not {seen_view.expected}",
            "Name the Elastic IP and the allocation id that belong together",
            everywhere=True,
        )
    link: tuple[Step, ...] = (BringLinkUp(seen_view.interface),) if seen_view.link is False else ()
    if seen_view.associated_here:
        return (link,) if link else ()
    associate = AssociateAddress(
        seen_view.public_ip,
        seen_view.allocation,
        seen_view.eni,
        seen_view.private_ip,
        was=seen_view.association.eni if seen_view.association else None,
        displaces=seen_view.others,
    )
    return tuple(batch for batch in (link, (associate,)) if batch)


def release(seen_view: AddressView) -> Plan:
    """The step that lets go of what this look shows to be ours; empty when it is not ours."""
    if seen_view.association is None or not seen_view.associated_here or seen_view.contradicted:
        return ()
    return ((DisassociateAddress(seen_view.public_ip, seen_view.association.id, seen_view.eni),),)
