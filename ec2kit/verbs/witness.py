"""The second witness of a release: the instance metadata, for where EC2 cannot be asked any more.

An Elastic IP can be this node's own way to EC2: then no look shows that it is gone. The metadata tell each public
address of each ENI: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html, ipv4-associations.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from ec2kit.core.errors import KitError
from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.host import nic
from ec2kit.verbs.locate import metadata_of
from ec2kit.verbs.run import Run

_MACS = "network/interfaces/macs/"


def here(public_ip: IPv4Address, run: Run) -> bool | None:
    """Whether the metadata show the address on one of this instance's ENIs; None when they do not tell.

    That an item is not there proves something only where the item beside it, the private addresses, is.
    """
    metadata = metadata_of(run)
    try:
        enis = [f"{_MACS}{mac.strip('/')}" for mac in metadata.need(_MACS).split()]
        if any(metadata.get(f"{eni}/ipv4-associations/{public_ip}") for eni in enis):
            return True
        return False if all(metadata.get(f"{eni}/local-ipv4s") for eni in enis) else None
    except KitError:
        return None


def is_way_out(view: ElasticIpView, run: Run) -> bool:
    """Whether the address is for the interface of the default route, which may be this node's way to EC2."""
    try:
        default = nic.default_interface(run.settings.ec2kit_sysfs, run.settings.ec2kit_procfs)
    except KitError:
        return False
    return default is not None and view.interface == default
