"""The Elastic IP scenario: from facts to a view, from a view to the steps that are missing. Pure.

Invariants: the drift of a view is empty exactly when the Elastic IP is associated with our ENI and
the interface has link (or its check is switched off). The release is non-empty exactly when the
Elastic IP is associated with an ENI of this instance, and it names only the association that was just read. An
Elastic IP whose allocation id is not the one that the resource names as well is never ours.

An answer that shows the Elastic IP on our ENI is a complete look by itself. Any other needs the instance's ENIs too:
without them nothing tells an address that is elsewhere from credentials of another account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ec2kit.core.errors import Astray, KitError, Misconfigured
from ec2kit.core.model import Address, AllocationId, Association, ElasticIpResource, EniId, NetworkInterface, Node
from ec2kit.core.steps import AssociateAddress, BringLinkUp, DisassociateAddress, Plan, Step


@dataclass(frozen=True)
class ElasticIpView:
    """One complete look. allocation is None when the account in use does not own the Elastic IP.

    interface, eni: where it is to be; eni is None where this node has none now. lack: why this node cannot hold it.
    private_ip: the private address there that ours has or would take. others: the Elastic IP that would lose
    that place. here: it is on an ENI of this instance. nearby: it is on another one; at: the interface, if this host
    has it.
    link: None when the link check is switched off. expected: the allocation id that the resource names.
    """

    public_ip: str
    allocation: AllocationId | None
    association: Association | None
    interface: str | None
    eni: EniId | None
    private_ip: str
    others: tuple[str, ...] = ()
    here: bool = False
    nearby: bool = False
    at: str | None = None
    link: bool | None = None
    expected: AllocationId | None = None
    lack: KitError | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls, resource: ElasticIpResource, node: Node, own: Address | None, ours: Sequence[NetworkInterface]
    ) -> ElasticIpView:
        """Build the view from the Elastic IP as EC2 shows it (None: it does not), and the instance's ENIs; no link.

        The ENIs are needed where the Elastic IP is not on node.eni. Raises Misconfigured when the credentials in use
        do not see them: then an address that is not shown proves nothing.
        """
        association = own.association if own else None
        at = association.eni if association else None
        private_ip, displaced, lack = (association.private_ip or "") if association else "", None, None
        if not settled(own, node):
            if not ours:
                raise Misconfigured(
                    f"EC2 shows no network interface of {node.instance} in {node.region}",
                    "These credentials belong to another account, or the Region or EC2 URL is wrong",
                )
            try:
                seat = node.seat(ours, [at] if at else [])
            except KitError as error:
                node, lack = replace(node, eni=None), error
            else:
                node = node.at(seat)
                if seat.id != at:
                    private_ip, displaced = seat.private_ip, seat.elastic_ip
                if not private_ip:
                    lack = Misconfigured(f"{seat.id} has no IPv4 address that could have {resource.public_ip}")
        here = association is not None and (association.instance == node.instance or at in {each.id for each in ours})
        return cls(
            public_ip=str(resource.public_ip),
            allocation=own.allocation if own else None,
            association=association,
            interface=node.interface,
            eni=node.eni,
            private_ip=private_ip,
            others=(displaced,) if displaced not in {None, str(resource.public_ip)} else (),
            here=here,
            nearby=here and at != node.eni,
            at=next((node.names.get(each.mac) for each in ours if each.id == at), None),
            expected=resource.allocation,
            lack=lack,
        )

    @property
    def associated_here(self) -> bool:
        """Whether the Elastic IP is associated with our ENI."""
        return self.here and not self.nearby

    @property
    def subjects(self) -> frozenset[str]:
        """The Elastic IP: what a run must see right."""
        return frozenset({self.public_ip})

    @property
    def lost(self) -> frozenset[str]:
        """What proves that the address does not reach this node: the Elastic IP, or the link under it."""
        return frozenset() if self.nearby else frozenset(step.subject for batch in self.drift() for step in batch)

    @property
    def contradicted(self) -> bool:
        """Whether the Elastic IP has another allocation id than the resource names."""
        return self.allocation is not None and self.expected not in {None, self.allocation}

    @property
    def way_out(self) -> tuple[str, str]:
        """What it means that the address is on the interface of the default route, and what to do."""
        what = (
            f"{self.public_ip} is for {self.interface}, which has this node's default route: where the node reaches "
            "EC2 by that address, each release cuts its own way to EC2 off"
        )
        return what, "Give it another way: a VPC endpoint for EC2, a NAT gateway, or another interface"

    def drift(self) -> Plan:
        """The steps that are missing until this node holds the address; empty when it does.

        The link comes first, so that no traffic is attracted to an interface that cannot take it.
        Raises Misconfigured when the account does not own the Elastic IP, or owns it by another
        allocation id than the resource names: no step can help. Raises what the node lacks.
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
        if self.lack or self.eni is None or self.interface is None:
            raise self.lack or Misconfigured(f"this node has no interface for {self.public_ip}")
        link: tuple[Step, ...] = (BringLinkUp(self.interface),) if self.link is False else ()
        if self.associated_here:
            return (link,) if link else ()
        associate = AssociateAddress(
            self.public_ip,
            self.allocation,
            self.eni,
            self.private_ip,
            was=self.association.eni if self.association else None,
            taken=self.association is not None,
            displaces=self.others,
        )
        return tuple(batch for batch in (link, (associate,)) if batch)

    def release(self) -> Plan:
        """The step that lets go of what this look shows to be this node's; empty when it is not.

        Raises Astray when the resource names an interface that is not there, and it is on another one.
        """
        there = self.association
        if there is None or there.eni is None or self.contradicted or not self.here:
            return ()
        if self.lack and self.nearby and self.interface and self.at not in {None, self.interface}:
            raise Astray(str(self.lack), self.lack.cure)
        return ((DisassociateAddress(self.public_ip, there.id, there.eni),),)


def named(resource: ElasticIpResource, addresses: Iterable[Address]) -> Address | None:
    """The resource's own Elastic IP among these; None when it is not there."""
    return next((each for each in addresses if each.public_ip == str(resource.public_ip)), None)


def settled(address: Address | None, node: Node) -> bool:
    """Whether the Elastic IP is on the very ENI that it is to be on, and EC2 knows that one as this instance's."""
    there = address.association if address else None
    return there is not None and there.eni == node.eni and there.instance == node.instance
