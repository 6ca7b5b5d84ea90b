"""What EC2 shows: the edges' facts put together into one view, which comes from a complete look or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ec2kit.core import messages
from ec2kit.core.backoff import FRESH
from ec2kit.core.errors import Unavailable
from ec2kit.core.kinds import elastic_ip
from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.known import View
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import Address, ElasticIpResource, NetworkInterface, Resource, RouteResource, RouteTable
from ec2kit.host import nic
from ec2kit.verbs.run import Run, Site

T = TypeVar("T")


def look(resource: Resource, site: Site, run: Run, *, expect_here: bool = False) -> View:
    """One complete look: all questions at once. Raises the first KitError when any is not answered.

    expect_here: an Elastic IP is first asked for by its name alone; when it is on our ENI, that is enough.
    What comes of it is in the run's record: the view, when it was seen, and where this node has the address.
    """
    if isinstance(resource, RouteResource):
        view, ours = _route(resource, site, run)
    else:
        view, ours = _elastic_ip(resource, site, run, expect_here=expect_here)
    run.record.view = view
    for seat in (each for each in ours if each.id == view.eni):
        run.record.site = replace(site, node=site.node.at(seat))
    return view


def _route(resource: RouteResource, site: Site, run: Run) -> tuple[View, list[NetworkInterface]]:
    tables, ours = _both(lambda: _tables(resource, site, run), site, run)
    view = RouteView.of(resource, site.node, tables, ours)
    if run.record.view is None:  # told once a run
        for table in view.gone:
            run.log.say(messages.TABLE_GONE, table=table)
        for entry in view.foreign:
            run.log.say(messages.FOREIGN, destination=view.destination, entry=entry)
    return view, ours


def _tables(resource: RouteResource, site: Site, run: Run) -> list[RouteTable]:
    """The route tables that a decision needs: those with our entry when that is all of them, else every one.

    Asked for those with our entry, EC2 sends one page where the VPC has five. But a table that is not among them may
    have lost the entry or be gone, and none at all may mean another account: only the whole list tells.
    """
    having = site.ec2.route_tables(site.node.vpc, resource.destination)
    run.record.seen = run.deadline.spent
    made = any(table.entries(resource.destination) for table in having)
    if made and resource.tables <= {table.id for table in having}:
        return having
    every = site.ec2.route_tables(site.node.vpc)
    run.record.seen = run.deadline.spent
    return every


def _elastic_ip(
    resource: ElasticIpResource, site: Site, run: Run, *, expect_here: bool
) -> tuple[View, list[NetworkInterface]]:
    ec2, node = site.ec2, site.node
    if expect_here:
        own = _address(resource, site, run)
        ours = [] if elastic_ip.settled(own, node) else ec2.interfaces(node.instance)
    else:
        own, ours = _both(lambda: _address(resource, site, run), site, run)
    view = ElasticIpView.of(resource, node, own, ours)
    if view.interface is None or view.eni is None or run.settings.ip_nolinkcheck:
        return view, ours
    try:
        return replace(view, link=nic.has_link(run.settings.ec2kit_sysfs, view.interface)), ours
    except Unavailable as error:  # what lets go of the address does not need to know
        return replace(view, lack=error), ours


def _both(owner: Callable[[], T], site: Site, run: Run) -> tuple[T, list[NetworkInterface]]:
    """Who has the address, and this instance's ENIs, asked side by side.

    Where one answer comes long after the other, the old one is asked for again; who has the address last.
    """
    at = 0.0

    def interfaces() -> list[NetworkInterface]:
        nonlocal at
        found = site.ec2.interfaces(site.node.instance)
        at = run.deadline.spent
        return found

    who, ours = run.deadline.both(owner, interfaces)
    if run.deadline.spent - at > FRESH / 2:
        ours = interfaces()
    if run.deadline.spent - run.record.seen > FRESH / 2:
        who = owner()
    return who, ours


def _address(resource: ElasticIpResource, site: Site, run: Run) -> Address | None:
    addresses = site.ec2.addresses_named(str(resource.public_ip))
    run.record.seen = run.deadline.spent
    return elastic_ip.named(resource, addresses)
