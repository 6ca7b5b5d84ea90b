"""Where this node is: from an interface to its hardware address, to its ENI, to the EC2 API of its Region."""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ec2kit.core import messages, profiles
from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.core.model import EniId, Node, VpcId
from ec2kit.core.settings import refuse_plain_http
from ec2kit.host import nic
from ec2kit.host.log import Journal
from ec2kit.verbs.run import Run, Site

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2
    from ec2kit.host.imds import Metadata


def locate(
    interface: str | None, run: Run, *, patient: bool = False, let_go: bool = False, told: bool = True
) -> Site:
    """Find this node and its interface (None: the one of the default route) afresh, and open the way to EC2.

    That there is none now, or that it has no ENI, is raised when it is the one that is named; otherwise, and for what
    lets go of an address, it is a part of the answer: Node.lack.
    patient: a throttled call is sent again while there is time. A run that only watches does without: it would
    spend the calls that a takeover needs, and can look again another time.
    told: a log line says where; else the caller does, who may find another interface with the address.
    """
    if run.reach.url:
        refuse_plain_http(run.reach.url)
    metadata = run.record.metadata = metadata_of(run)
    node = _node(interface, run, metadata, lenient=let_go or not interface)
    if told and (run.record.site is None or run.record.site.node != node):
        run.log.say(messages.LOCATED, node=node, vpc=node.vpc, region=node.region)
    ec2 = _ec2(node, run, metadata, patient=patient)
    if run.record.site:  # of the whole run
        ec2.sent, ec2.paces = run.record.site.ec2.sent, run.record.site.ec2.paces
    run.record.site = Site(node, ec2)
    return run.record.site


def here(interface: str | None, run: Run, *, lenient: bool = True) -> Node:
    """Where this node is, by its metadata alone; what it lacks is a part of the answer. Raises KitError.

    lenient: also where the interface is named.
    """
    return _node(interface, run, run.record.metadata or metadata_of(run), lenient=lenient or not interface)


def _ec2(node: Node, run: Run, metadata: Metadata, *, patient: bool) -> Ec2:
    from ec2kit.ec2.client import Ec2
    from ec2kit.ec2.session import Signer, doubts

    profile = run.reach.profile
    own_file = run.settings.ec2kit_credentials if profiles.is_own(profile) else None
    signer = Signer(profile, own_file, run.key, metadata)
    for file in doubts(run.settings.aws, signer) if run.record.site is None else ():  # once a run
        message = messages.LEFT_OUT if file.why_not else messages.EXPOSED
        run.log.say(message, file=file.path, why=file.why_not or file.exposed)
    ec2 = Ec2(
        run.settings.aws,
        region=node.region,
        signer=signer,
        url=run.reach.url,
        action=run.log.action,
        retries=run.settings.ec2_max_retry,
        deadline=run.deadline,
        patience=partial(_say_throttled, run.log) if patient else None,
    )
    if run.record.site is None:
        way, proxy = ec2.way, f" through the proxy {ec2.way.proxy}" if ec2.way.proxy else ""
        run.log.say(messages.WAY, url=way.url, proxy=proxy, whose=way.signature.whose)
    return ec2


def _say_throttled(log: Journal, operation: str) -> None:
    log.say(messages.THROTTLED, operation=operation)


def metadata_of(run: Run) -> Metadata:
    """The way to this instance's metadata."""
    from ec2kit.host import imds

    return imds.Metadata(imds.endpoint(run.settings.aws), retries=run.settings.ec2_max_retry, deadline=run.deadline)


def _node(named: str | None, run: Run, metadata: Metadata, *, lenient: bool = False) -> Node:
    interface, mac, lack = _interface(named, run, metadata)
    eni = _eni(mac, metadata) if lack is None else None
    if eni is None:
        lack = lack or Misconfigured(
            f"{interface} ({mac}) is not a network interface of this EC2 instance",
            "Name an interface that has an ENI; a bridge or a tunnel has none, and one that was attached just now "
            "may have none yet",
        )
        if not lenient:
            raise lack
        mac = metadata.need("mac")  # of the instance's first one: its VPC is that of the others
    about = f"network/interfaces/macs/{mac}"
    vpc = VpcId(metadata.need(f"{about}/vpc-id"))
    return Node(
        region=run.reach.region or run.settings.aws.get("AWS_REGION") or metadata.need("placement/region"),
        instance=metadata.need("instance-id"),
        vpc=vpc,
        cidrs=_blocks(mac, vpc, metadata),
        interface=interface,
        eni=eni,
        named=named is not None,
        names=nic.names_by_mac(run.settings.ec2kit_sysfs),
        lack=lack,
    )


def _blocks(mac: str, vpc: VpcId, metadata: Metadata) -> tuple[IPv4Network, ...]:
    """The VPC's IPv4 blocks; none where the metadata tell them of no interface of it.

    Of one without IPv4 they tell none (canonical/cloud-init#5283), and then another one's are the VPC's, too.
    """
    place = "network/interfaces/macs/"
    told = metadata.get(f"{place}{mac}/vpc-ipv4-cidr-blocks")
    for each in () if told else (metadata.get(place) or "").split():
        if metadata.get(f"{place}{each}vpc-id") == vpc:
            told = told or metadata.get(f"{place}{each}vpc-ipv4-cidr-blocks")
    try:
        return tuple(IPv4Network(cidr) for cidr in (told or "").split())
    except ValueError:
        raise Unavailable("the metadata service returned invalid CIDR blocks") from None


def _interface(named: str | None, run: Run, metadata: Metadata) -> tuple[str | None, str, KitError | None]:
    """The interface's name and hardware address, or why there is none now.

    Where the host never shows its routes, it is the instance's first one.
    """
    sysfs = run.settings.ec2kit_sysfs
    try:
        name = nic.own_name(sysfs, named) if named else nic.default_interface(sysfs, run.settings.ec2kit_procfs)
        if name:
            return name, nic.mac(sysfs, name), None
    except KitError as error:
        return named, "", error
    mac = metadata.need("mac")
    name = nic.names_by_mac(sysfs).get(mac.lower())
    cure = "Name the interface (--interface)"
    return (
        name,
        mac,
        None if name else Misconfigured("this host has no interface with the instance's first address", cure),
    )


def _eni(mac: str, metadata: Metadata) -> EniId | None:
    """The ENI behind a hardware address; None when there is none. Raises Unavailable for an invalid id."""
    found = metadata.get(f"network/interfaces/macs/{mac}/interface-id")
    if found and not found.startswith("eni-"):
        raise Unavailable("the metadata service returned an invalid network interface ID")
    return EniId(found) if found else None


def own_interfaces(run: Run) -> dict[str, EniId]:
    """This node's interfaces that have an ENI, by name."""
    metadata = metadata_of(run)
    sysfs = run.settings.ec2kit_sysfs
    found = {name: _eni(nic.mac(sysfs, name), metadata) for name in nic.names(sysfs)}
    return {name: eni for name, eni in found.items() if eni}
