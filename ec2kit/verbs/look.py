"""Where this node is, and what EC2 shows: the edges' facts put together into one view.

A view comes from a complete, successful look or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ec2kit.core import messages, profiles
from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.core.kinds import elastic_ip, route
from ec2kit.core.kinds.elastic_ip import AddressView
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import (
    AccessKey,
    Address,
    AddressResource,
    EniId,
    NetworkInterface,
    Node,
    Resource,
    RouteResource,
    RouteTable,
    VpcId,
)
from ec2kit.core.settings import Settings, refuse_plain_http
from ec2kit.core.steps import Plan, Step
from ec2kit.host import nic
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2
    from ec2kit.host.imds import Metadata

View = RouteView | AddressView


@dataclass(frozen=True)
class Site:
    """This node, and the EC2 API of its Region."""

    node: Node
    ec2: Ec2


@dataclass
class Report:
    """What a run has seen and done so far, also when it fails in the end.

    view: the last complete look. acted: whether a change was sent at all, whatever came of it. done: the steps
    that were accepted, in their order. todo: what plan would do.
    """

    site: Site | None = None
    view: View | None = None
    acted: bool = False
    done: list[Step] = field(default_factory=list)
    todo: Plan = ()


@dataclass(frozen=True)
class Run:
    """One run of one verb: its settings, its time, its log, and how to reach EC2 (None: the settings say)."""

    settings: Settings
    deadline: Deadline
    log: Journal
    region: str | None = None
    profile: str | None = None
    url: str | None = None
    key: AccessKey | None = None
    report: Report = field(default_factory=Report)


def locate(interface: str | None, run: Run, *, patient: bool = False) -> Site:
    """Find the interface (None: the one of the default route) and its ENI afresh, and open the way to EC2.

    patient: a throttled call is sent again while there is time. Who only watches does without: it would spend the
    calls that a takeover needs, and can look again another time.
    """
    if run.url:
        refuse_plain_http(run.url)
    metadata = _metadata(run)
    node = _node(interface, run, metadata)
    from ec2kit.ec2 import client

    run.log.say(messages.LOCATED, node=node, vpc=node.vpc, region=node.region)
    ec2 = client.Ec2(
        run.settings.aws,
        region=node.region,
        signer=client.Signer(
            run.profile,
            run.settings.ec2kit_credentials if profiles.is_own(run.profile) else None,
            run.key,
            metadata,
        ),
        url=run.url,
        action=run.log.action,
        retries=run.settings.ec2_max_retry,
        deadline=run.deadline,
        patience=partial(_say_throttled, run.log) if patient else None,
    )
    run.report.site = Site(node, ec2)
    return run.report.site


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
            f"{interface} ({mac}) is no network interface of this EC2 instance",
            "Name the interface that the ENI is behind; a bridge or a tunnel has none",
        )
    cidrs = metadata.need(f"{about}/vpc-ipv4-cidr-blocks")
    try:
        networks = tuple(IPv4Network(cidr) for cidr in cidrs.split())
    except ValueError:
        raise Unavailable("the metadata service gave CIDR blocks that are none") from None
    return Node(
        region=run.region or settings.aws.get("AWS_REGION") or metadata.need("placement/region"),
        instance=metadata.need("instance-id"),
        vpc=VpcId(metadata.need(f"{about}/vpc-id")),
        cidrs=networks,
        interface=interface,
        eni=eni,
    )


def _eni(mac: str, metadata: Metadata) -> EniId | None:
    """The ENI behind a hardware address; None when there is none. Raises Unavailable for what is no ENI's id."""
    found = metadata.get(f"network/interfaces/macs/{mac}/interface-id")
    if found and not found.startswith("eni-"):
        raise Unavailable("the metadata service gave a network interface id that is none")
    return EniId(found) if found else None


def _interface_with(mac: str, sysfs: str) -> str:
    for name in nic.names(sysfs):
        if nic.mac(sysfs, name) == mac.lower():
            return name
    raise Misconfigured(
        "this host has no default route and no interface with the instance's first hardware address",
        "Name the interface (--interface)",
    )


def look(resource: Resource, site: Site, run: Run, *, expect_here: bool = False) -> View:
    """One complete look: all questions at once. Raises the first KitError when any is not answered.

    expect_here: of an Elastic IP nothing but its name is asked first, for when it stands on our ENI that is all.
    """
    run.report.view = _view(resource, site.ec2, site.node, run, expect_here=expect_here)
    return run.report.view


def _view(resource: Resource, ec2: Ec2, node: Node, run: Run, *, expect_here: bool) -> View:
    match resource:
        case RouteResource():
            tables, interfaces = _ask_route(ec2, node, resource, run.deadline)
            view = route.view(resource, node, tables, interfaces)
            for table in view.gone if run.report.view is None else ():  # told once a run
                run.log.say(messages.TABLE_GONE, table=table)
            return view
        case AddressResource():
            link = None if run.settings.ip_nolinkcheck else nic.has_link(run.settings.ec2kit_sysfs, node.interface)
            public_ip = str(resource.public_ip)
            if expect_here:
                named = ec2.addresses_named(public_ip)
                interfaces = [] if elastic_ip.stands_here(resource, node, named) else ec2.interfaces(node.eni)
                return elastic_ip.view(resource, node, named, interfaces, link=link)
            known, interfaces = _ask_address(ec2, node, public_ip, run.deadline)
            return elastic_ip.view(resource, node, known, interfaces, link=link)


def _ask_route(
    ec2: Ec2, node: Node, resource: RouteResource, deadline: Deadline
) -> tuple[list[RouteTable], list[NetworkInterface]]:
    tables: list[RouteTable] = []
    interfaces: list[NetworkInterface] = []
    _ask(
        deadline,
        lambda: tables.extend(_tables(ec2, node, resource)),
        lambda: interfaces.extend(ec2.interfaces(node.eni)),
    )
    return tables, interfaces


def _tables(ec2: Ec2, node: Node, resource: RouteResource) -> list[RouteTable]:
    """The route tables that a decision needs: those with our entry when that is all of them, else every one.

    Of those with our entry EC2 sends a page where the VPC has five. But a table that is not among them may have lost
    the entry or be gone, and none at all may mean another account: that is seen in the whole alone.
    """
    having = ec2.route_tables(node.vpc, resource.destination)
    if having and resource.tables <= {table.id for table in having}:
        return having
    return ec2.route_tables(node.vpc)


def _ask_address(
    ec2: Ec2, node: Node, public_ip: str, deadline: Deadline
) -> tuple[list[Address], list[NetworkInterface]]:
    named: list[Address] = []
    interfaces: list[NetworkInterface] = []
    _ask(
        deadline,
        lambda: named.extend(ec2.addresses_named(public_ip)),
        lambda: interfaces.extend(ec2.interfaces(node.eni)),
    )
    return named, interfaces


def _ask(deadline: Deadline, *questions: Callable[[], None]) -> None:
    """Ask side by side; raise the first error, for half a look is none."""
    for answer in deadline.together(questions):
        if isinstance(answer, KitError):
            raise answer


def own_interfaces(run: Run) -> dict[str, EniId]:
    """This node's interfaces that have an ENI, by name."""
    metadata = _metadata(run)
    sysfs = run.settings.ec2kit_sysfs
    found = {name: _eni(nic.mac(sysfs, name), metadata) for name in nic.names(sysfs)}
    return {name: eni for name, eni in found.items() if eni}
