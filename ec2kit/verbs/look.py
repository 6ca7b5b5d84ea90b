"""What EC2 shows: the edges' facts put together into one view, which comes from a complete look or not at all."""

from __future__ import annotations

from ec2kit.core import messages
from ec2kit.core.kinds import elastic_ip
from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.known import View
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import ElasticIpResource, Resource, RouteResource, RouteTable
from ec2kit.host import nic
from ec2kit.verbs.run import Run, Site


def look(resource: Resource, site: Site, run: Run, *, expect_here: bool = False) -> View:
    """One complete look: all questions at once. Raises the first KitError when any is not answered.

    expect_here: an Elastic IP is first asked for by its name alone; when it is on our ENI, that is enough.
    """
    if isinstance(resource, RouteResource):
        view: View = _route(resource, site, run)
    else:
        view = _elastic_ip(resource, site, run, expect_here=expect_here)
    run.record.view = view
    return view


def _route(resource: RouteResource, site: Site, run: Run) -> RouteView:
    tables, interfaces = run.deadline.both(
        lambda: _tables(resource, site),
        lambda: site.ec2.interfaces(site.node.eni),
    )
    view = RouteView.of(resource, site.node, tables, interfaces)
    for table in view.gone if run.record.view is None else ():  # told once a run
        run.log.say(messages.TABLE_GONE, table=table)
    return view


def _tables(resource: RouteResource, site: Site) -> list[RouteTable]:
    """The route tables that a decision needs: those with our entry when that is all of them, else every one.

    Asked for those with our entry, EC2 sends one page where the VPC has five. But a table that is not among them may
    have lost the entry or be gone, and none at all may mean another account: only the whole list tells.
    """
    having = site.ec2.route_tables(site.node.vpc, resource.destination)
    if having and resource.tables <= {table.id for table in having}:
        return having
    return site.ec2.route_tables(site.node.vpc)


def _elastic_ip(resource: ElasticIpResource, site: Site, run: Run, *, expect_here: bool) -> ElasticIpView:
    ec2, node = site.ec2, site.node
    link = None if run.settings.ip_nolinkcheck else nic.has_link(run.settings.ec2kit_sysfs, node.interface)
    name = str(resource.public_ip)
    if expect_here:
        named = ec2.addresses_named(name)
        here = elastic_ip.associated_here(elastic_ip.named(resource, named), node)
        interfaces = [] if here else ec2.interfaces(node.eni)
    else:
        named, interfaces = run.deadline.both(lambda: ec2.addresses_named(name), lambda: ec2.interfaces(node.eni))
    return ElasticIpView.of(resource, node, named, interfaces, link=link)
