"""Where this node is: from an interface to its hardware address, to its ENI, to the EC2 API of its Region."""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ec2kit.core import messages, profiles
from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.model import EniId, Node, VpcId
from ec2kit.core.settings import refuse_plain_http
from ec2kit.host import nic
from ec2kit.host.log import Journal
from ec2kit.verbs.run import Run, Site

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2
    from ec2kit.host.imds import Metadata


def locate(interface: str | None, run: Run, *, patient: bool = False) -> Site:
    """Find the interface (None: the one of the default route) and its ENI afresh, and open the way to EC2.

    patient: a throttled call is sent again while there is time. A run that only watches does without: it would
    spend the calls that a takeover needs, and can look again another time.
    """
    if run.reach.url:
        refuse_plain_http(run.reach.url)
    metadata = _metadata(run)
    node = _node(interface, run, metadata)
    run.log.say(messages.LOCATED, node=node, vpc=node.vpc, region=node.region)
    run.record.site = Site(node, _ec2(node, run, metadata, patient=patient))
    return run.record.site


def _ec2(node: Node, run: Run, metadata: Metadata, *, patient: bool) -> Ec2:
    from ec2kit.ec2.client import Ec2
    from ec2kit.ec2.session import Signer

    profile = run.reach.profile
    own_file = run.settings.ec2kit_credentials if profiles.is_own(profile) else None
    return Ec2(
        run.settings.aws,
        region=node.region,
        signer=Signer(profile, own_file, run.key, metadata),
        url=run.reach.url,
        action=run.log.action,
        retries=run.settings.ec2_max_retry,
        deadline=run.deadline,
        patience=partial(_say_throttled, run.log) if patient else None,
    )


def _say_throttled(log: Journal, operation: str) -> None:
    log.say(messages.THROTTLED, operation=operation)


def _metadata(run: Run) -> Metadata:
    from ec2kit.host import imds

    endpoint = run.settings.aws.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    return imds.Metadata(endpoint, retries=run.settings.ec2_max_retry, deadline=run.deadline)


def _node(interface: str | None, run: Run, metadata: Metadata) -> Node:
    settings = run.settings
    interface = interface or nic.default_interface(settings.ec2kit_sysfs, settings.ec2kit_procfs)
    mac = nic.mac(settings.ec2kit_sysfs, interface) if interface else metadata.need("mac")
    interface = interface or _interface_with(mac, settings.ec2kit_sysfs)
    about = f"network/interfaces/macs/{mac}"
    eni = _eni(mac, metadata)
    if eni is None:
        raise Misconfigured(
            f"{interface} ({mac}) is not a network interface of this EC2 instance",
            "Name an interface that has an ENI; a bridge or a tunnel has none",
        )
    cidrs = metadata.need(f"{about}/vpc-ipv4-cidr-blocks")
    try:
        networks = tuple(IPv4Network(cidr) for cidr in cidrs.split())
    except ValueError:
        raise Unavailable("the metadata service returned invalid CIDR blocks") from None
    return Node(
        region=run.reach.region or settings.aws.get("AWS_REGION") or metadata.need("placement/region"),
        instance=metadata.need("instance-id"),
        vpc=VpcId(metadata.need(f"{about}/vpc-id")),
        cidrs=networks,
        interface=interface,
        eni=eni,
    )


def _eni(mac: str, metadata: Metadata) -> EniId | None:
    """The ENI behind a hardware address; None when there is none. Raises Unavailable for an invalid id."""
    found = metadata.get(f"network/interfaces/macs/{mac}/interface-id")
    if found and not found.startswith("eni-"):
        raise Unavailable("the metadata service returned an invalid network interface ID")
    return EniId(found) if found else None


def _interface_with(mac: str, sysfs: str) -> str:
    for name in nic.names(sysfs):
        if nic.mac(sysfs, name) == mac.lower():
            return name
    raise Misconfigured(
        "this host has no default route and no interface with the instance's first hardware address",
        "Name the interface (--interface)",
    )


def own_interfaces(run: Run) -> dict[str, EniId]:
    """This node's interfaces that have an ENI, by name."""
    metadata = _metadata(run)
    sysfs = run.settings.ec2kit_sysfs
    found = {name: _eni(nic.mac(sysfs, name), metadata) for name in nic.names(sysfs)}
    return {name: eni for name, eni in found.items() if eni}
