"""The second witness of a release: the instance metadata, for where EC2 cannot be asked any more.

An Elastic IP can be this node's own way to EC2: then no look shows that it is gone. The metadata tell each public
address of each ENI: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html, ipv4-associations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ec2kit.core.errors import KitError
from ec2kit.core.kinds.kind import Resource
from ec2kit.verbs.locate import metadata_of
from ec2kit.verbs.run import Run

if TYPE_CHECKING:
    from ec2kit.host.imds import Metadata

_MACS = "network/interfaces/macs/"


def here(resource: Resource, run: Run) -> bool | None:
    """Whether the metadata show the address on one of this instance's ENIs; None when they do not tell.

    That an item is not there proves something only where the item beside it, the private addresses, is, or where the
    interface is one of IPv6 alone.
    """
    if resource.public is None:
        return None
    metadata = metadata_of(run)
    try:
        enis = [f"{_MACS}{mac.strip('/')}" for mac in metadata.need(_MACS).split()]
        if resource.public and any(metadata.get(f"{eni}/ipv4-associations/{resource.address}") for eni in enis):
            return True
        private = [(metadata.get(f"{eni}/local-ipv4s") or "").split() for eni in enis]
        if not resource.public and any(resource.address in addresses for addresses in private):
            return True
        told = (each or _ipv6_alone(eni, metadata) for eni, each in zip(enis, private, strict=True))
        return False if all(told) else None
    except KitError:
        return None


def _ipv6_alone(eni: str, metadata: Metadata) -> bool:
    """Whether the metadata tell of an interface that its subnet has no IPv4 block, and its IPv6 addresses."""
    return bool(metadata.get(f"{eni}/ipv6s")) and metadata.get(f"{eni}/subnet-ipv4-cidr-block") is None
