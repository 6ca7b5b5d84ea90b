"""LifeKeeper's hierarchy: create, canextend and extend. They read EC2, write the LCD, and change nothing in AWS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address

from ec2kit import contract, info, messages, nic, preflight
from ec2kit.errors import KitError, Misconfigured, NotHeld
from ec2kit.info import Info
from ec2kit.lcd import ALREADY_EXISTS, Lcd
from ec2kit.lifecycle import drift
from ec2kit.look import Run, Site, View, locate, look, own_interfaces
from ec2kit.model import AddressResource, Resource, RouteResource, TableId
from ec2kit.preflight import Problem
from ec2kit.routes import RouteView

SWITCHBACK = {"intelligent": "INTELLIGENT", "automatic": "AUTOMATIC"}


@dataclass(frozen=True)
class Wanted:
    """What `create` is asked for. Exactly one of ip_resource (its tag) and elastic_ip is given."""

    tag: str
    system: str
    switchback: str = "intelligent"
    ip_resource: str | None = None
    elastic_ip: IPv4Address | None = None
    interface: str | None = None


def create(wanted: Wanted, run: Run, lcd: Lcd) -> None:
    """Make the resource on this system.

    Everything is checked first and all problems are logged; then Misconfigured, and nothing was
    made. It is in service (ISP) at once when EC2 shows that this node holds the address already.
    """
    tag = wanted.tag
    problems = preflight.host(run.settings, route=wanted.ip_resource is not None)
    if lcd.instance(tag) is not None:
        problems.append(Problem(f"the tag {tag} is taken on {wanted.system}", "Choose another with --tag"))
    resource, more = _named(wanted, lcd)
    problems += more
    view = None
    if resource is not None:
        resource, view, more = _seen(resource, run, active=True)
        problems += more
    if refused(problems, run) or resource is None or view is None:
        raise Misconfigured(f"{tag} was not created", "Mend what is listed above, then create it again")
    state = "OSU" if drift(view) else contract.IN_SERVICE
    known = Info(resource, url=run.url, profile=run.profile, region=run.region)
    _make(tag, known, state, wanted.switchback, lcd)
    try:
        if wanted.ip_resource:
            lcd.run("dep_create", "-p", wanted.ip_resource, "-c", tag, accept=[ALREADY_EXISTS])
    except KitError:
        lcd.run("ins_remove", "-t", tag)  # all or nothing
        raise
    facts = {"system": wanted.system, "interface": resource.interface, "state": state}
    run.log.say(messages.CREATED, resource=resource, **facts)


def check_extend(template: str, tag: str, run: Run, lcd: Lcd, *, interface: str | None = None) -> Info:
    """What canextend proves, on the target: the info field that the new instance will have.

    template: the system that has the resource. Raises Misconfigured after logging every problem.
    """
    there = lcd.instance(tag, system=template)
    if there is None:
        raise Misconfigured(f"{template} has no resource {tag}", "See the tags there with ins_list")
    known = info.decode(there.info)
    here = known.resource.interface
    if interface is None and here in nic.names(run.settings.ec2kit_sysfs):
        interface = here
    run = replace(run, url=known.url, profile=known.profile, region=known.region)
    resource, view, problems = _seen(replace(known.resource, interface=interface), run, active=False)
    if isinstance(view, RouteView) and view.gone and not view.entries:
        problems.append(
            Problem("none of the recorded route tables is in this node's VPC", "Both nodes must be in one VPC")
        )
    problems += preflight.host(run.settings, route=isinstance(resource, RouteResource))
    if refused(problems, run):
        raise Misconfigured(f"{tag} cannot be extended to this system", "Mend what is listed above, then try again")
    return replace(known, resource=resource)


def extend(template: str, tag: str, run: Run, lcd: Lcd, *, interface: str | None = None) -> None:
    """Make the instance on this system, out of service. The rest is the extend manager's."""
    known = check_extend(template, tag, run, lcd, interface=interface)
    _make(tag, known, "OSU", "intelligent", lcd)


def refused(problems: list[Problem], run: Run) -> bool:
    """Log every problem; whether one of them forbids to go on."""
    for problem in problems:
        run.log.say(messages.PROBLEM if problem.fatal else messages.CAUTION, problem=problem)
    return any(problem.fatal for problem in problems)


def _named(wanted: Wanted, lcd: Lcd) -> tuple[Resource | None, list[Problem]]:
    """The resource that is asked for, or the problems with the IP resource that should name it."""
    if wanted.elastic_ip is not None:
        return AddressResource(wanted.elastic_ip, wanted.interface), []
    tag = wanted.ip_resource or ""
    there = lcd.instance(tag)
    if there is None or (there.app, there.type) != (contract.IP_APP, contract.IP_TYPE):
        return None, [Problem(f"{tag} is no IP resource on {wanted.system}", "Create it first, with the IP kit")]
    try:
        vip = IPv4Address(there.id.removeprefix(contract.IP_ID_PREFIX))
    except AddressValueError:
        return None, [Problem(f"the IP resource {tag} is not IPv4", "Route tables move IPv4 addresses only")]
    problems = []
    if there.state != contract.IN_SERVICE:
        problems.append(Problem(f"the IP resource {tag} is {there.state}, not ISP", "Bring it into service here"))
    return RouteResource(vip, wanted.interface), problems


def _seen(resource: Resource, run: Run, *, active: bool) -> tuple[Resource, View | None, list[Problem]]:
    """Look, as far as it is possible. The resource comes back with its interface and its tables filled in."""
    try:
        site = locate(resource, run)
        if isinstance(resource, RouteResource) and resource.interface is None:
            site = _with_traffic(resource, site, run)
        resource = replace(resource, interface=site.node.interface)
        view = look(resource, site, run)
    except (Misconfigured, NotHeld) as error:
        return resource, None, [Problem.of(error)]
    if isinstance(view, RouteView):
        if isinstance(resource, RouteResource):
            tables = frozenset(entry.table for entry in view.entries) | resource.tables - frozenset(view.gone)
            resource = replace(resource, tables=frozenset(map(TableId, tables)))
        return resource, view, preflight.route(view, active=active)
    return resource, view, preflight.address(view)


def _with_traffic(resource: RouteResource, site: Site, run: Run) -> Site:
    """The site at the interface that the entries point at now, when they point at one of this node's."""
    ours = own_interfaces(run)
    name = preflight.choose_interface(resource.destination, site.ec2.route_tables(site.node.vpc), ours)
    if name is None or name == site.node.interface:
        return site
    run.report.site = replace(site, node=replace(site.node, interface=name, eni=ours[name]))
    run.log.say(messages.TRAFFIC_HERE, destination=resource.destination, node=run.report.site.node)
    return run.report.site


def _make(tag: str, known: Info, state: str, switchback: str, lcd: Lcd) -> None:
    resource = known.resource
    address = resource.vip if isinstance(resource, RouteResource) else resource.public_ip
    lcd.run(
        "ins_create",
        *("-a", contract.APP, "-r", contract.TYPE, "-t", tag, "-i", f"{contract.ID_PREFIX}{address}"),
        *("-I", "INIT_ISP" if state == contract.IN_SERVICE else "INIT_OSU"),
        *("-s", SWITCHBACK[switchback], "-v", info.encode(known)),
    )
