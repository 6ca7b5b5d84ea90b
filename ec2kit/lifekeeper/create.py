"""LifeKeeper's hierarchy: create, canextend and extend. They read EC2, write the LCD, and change nothing in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from ec2kit.core import messages, profiles
from ec2kit.core.errors import KitError, Misconfigured, NotHeld, Unavailable
from ec2kit.core.kinds.elastic_ip import AddressView
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import AddressResource, Resource, RouteResource, RouteTable, TableId, VpcId
from ec2kit.host import files, nic
from ec2kit.lifekeeper import contract, info, preflight
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Instance, Lcd
from ec2kit.lifekeeper.preflight import Problem
from ec2kit.verbs.lifecycle import drift
from ec2kit.verbs.look import Run, Site, View, locate, look, own_interfaces
from ec2kit.verbs.process import past_of

_SHARE = 0.5  # of the time that is left, for a step that is taken back in the rest when it hangs
_KEPT = 0.1  # of the whole time: with less nothing is begun, for it could not be taken back


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

    Everything is checked first and all problems are logged; then Misconfigured or Unavailable, and nothing
    was made. It is in service (ISP) at once when EC2 shows that this node holds the address already. An
    access key (run.key) is proven first and becomes a profile of the kit's own credentials file last.
    """
    tag = wanted.tag
    problems = preflight.host(run.settings, route=wanted.ip_resource is not None)
    resource, more = _named(wanted, lcd)
    problems += _tag_problems(wanted, resource, lcd) + more
    seen = _Seen()
    try:
        seen = _proven(resource, wanted.interface, run)
    except Unavailable as error:
        if not any(problem.fatal for problem in problems):
            refused(problems, run)
            raise
        problems.append(Problem.of(error))
    if refused(problems + seen.problems, run) or seen.resource is None or seen.view is None:
        raise Misconfigured(f"{tag} was not created", "Mend what is listed above, then create it again")
    state = "OSU" if drift(seen.view) else contract.IN_SERVICE
    profile = profiles.own(tag) if run.key else run.profile
    known = Info(seen.resource, url=run.url, profile=profile, region=run.region, vpc=seen.vpc)
    with _key_kept(tag, run):
        _make(tag, known, state, wanted.switchback, lcd)
        try:
            if wanted.ip_resource:
                pair = ("-p", wanted.ip_resource, "-c", tag)
                lcd.run("dep_create", *pair, accept=[ALREADY_EXISTS], share=_SHARE)
        except KitError:
            _take_back(wanted, lcd)  # all or nothing
            raise
    facts = {"system": wanted.system, "interface": seen.resource.interface, "state": state}
    run.log.say(messages.CREATED, resource=seen.resource, **facts)


def _take_back(wanted: Wanted, lcd: Lcd) -> None:
    if wanted.ip_resource:  # its program may have failed behind its work
        lcd.run("dep_remove", "-p", wanted.ip_resource, "-c", wanted.tag, accept=[NOT_THERE])
    lcd.run("ins_remove", "-t", wanted.tag)


@contextmanager
def _key_kept(tag: str, run: Run) -> Iterator[None]:
    """Put the access key that was given into the kit's credentials file; out again when what is inside fails."""
    key = run.key
    if key is None:
        yield
        return
    path = Path(run.settings.ec2kit_credentials)
    files.change(path, lambda text: profiles.put(text, profiles.own(tag), key))
    try:
        yield
    except BaseException:  # also when the time is up
        files.change(path, lambda text: profiles.drop(text, profiles.own(tag)))
        raise


def prove_key(tag: str, run: Run) -> None:
    """Put a new access key for that resource into this system's credentials file, once EC2 has taken it."""
    site = locate(None, run, patient=True)
    site.ec2.route_tables(site.node.vpc)
    with _key_kept(tag, run):
        run.log.say(messages.KEY_KEPT, profile=profiles.own(tag), file=run.settings.ec2kit_credentials)


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
    problems = preflight.host(run.settings, route=isinstance(known.resource, RouteResource))
    resource = replace(known.resource, interface=interface)
    if missing := _key_missing(tag, known, run):
        problems.append(missing)
    else:
        run = replace(run, url=known.url, profile=known.profile, region=known.region)
        seen = _on_target(resource, known, run)
        problems += seen.problems
        resource = seen.resource or resource
    if refused(problems, run):
        raise Misconfigured(f"{tag} cannot be extended to this system", "Mend what is listed above, then try again")
    return replace(known, resource=resource)


def _key_missing(tag: str, known: Info, run: Run) -> Problem | None:
    path = run.settings.ec2kit_credentials
    if not profiles.is_own(known.profile) or known.profile in profiles.names(files.read(Path(path))):
        return None
    return Problem(
        f"the resource signs with an access key of its own, and {path} on this system has no [{known.profile}]",
        f"Run on this system: ec2kit key {tag} --access-key-id ID",
    )


def extend(template: str, tag: str, run: Run, lcd: Lcd, *, interface: str | None = None) -> None:
    """Make the instance on this system, out of service. The rest is the extend manager's."""
    known = check_extend(template, tag, run, lcd, interface=interface)
    _make(tag, known, "OSU", "intelligent", lcd)


def forget(tag: str, run: Run) -> None:
    """Take away what this system keeps for the resource besides LifeKeeper's instance: access key and history."""
    path = Path(run.settings.ec2kit_credentials)
    if profiles.own(tag) in profiles.names(files.read(path)):
        files.change(path, lambda text: profiles.drop(text, profiles.own(tag)))
        run.log.say(messages.KEY_DROPPED, profile=profiles.own(tag), file=path)
    files.remove(past_of(tag, run.settings))


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
    if there.switchback in contract.SWITCHBACK and there.switchback != wanted.switchback:
        problems.append(
            Problem(
                f"switchback is to be {wanted.switchback}, but {tag}, which is above it, has {there.switchback}: "
                "LifeKeeper goes by the top of the hierarchy",
                f"On each system: ins_setas -t {tag} -s {contract.SWITCHBACK[wanted.switchback]}",
                fatal=False,
            )
        )
    return RouteResource(vip, wanted.interface), problems


@dataclass
class _Seen:
    """What create and canextend have looked at: the resource with interface and tables filled in, and problems."""

    resource: Resource | None = None
    view: View | None = None
    vpc: VpcId | None = None
    problems: list[Problem] = field(default_factory=list)


def _tag_problems(wanted: Wanted, resource: Resource | None, lcd: Lcd) -> list[Problem]:
    if not profiles.good_tag(wanted.tag):
        return [
            Problem("the tag holds what no tag can", "Letters, digits and - _ . / = it may have; no dash in front")
        ]
    there = lcd.instance(wanted.tag)
    if there is None or (isinstance(resource, RouteResource) and _half_made(there, resource, lcd)):
        return []
    return [Problem(f"the tag {wanted.tag} is taken on {wanted.system}", "Choose another with --tag")]


def _half_made(there: Instance, resource: Resource, lcd: Lcd) -> bool:
    """Whether an instance is what a create or an extend that was killed has left: ours, and not in any hierarchy."""
    return (
        (there.app, there.type, there.id) == (contract.APP, contract.TYPE, _id(resource))
        and not lcd.parents(there.tag, system=there.system)
        and not lcd.equivalents(there.tag, system=there.system)
    )


def _proven(resource: Resource | None, interface: str | None, run: Run) -> _Seen:
    """For create: prove the credentials by DescribeRouteTables, then look, as far as it is possible."""
    seen = _Seen()
    try:
        site = locate(interface, run, patient=True)
        tables = site.ec2.route_tables(site.node.vpc)
        if isinstance(resource, RouteResource) and interface is None:
            site = _with_traffic(resource, site, tables, run)
        seen = _seen(resource, site, run, active=True)
    except (Misconfigured, NotHeld) as error:
        seen.problems.append(Problem.of(error))
    return seen


def _on_target(resource: Resource, known: Info, run: Run) -> _Seen:
    """For canextend: look from the target, as far as it is possible."""
    seen = _Seen()
    try:
        site = locate(resource.interface, run, patient=True)
        seen.problems += preflight.one_vpc(known.vpc, site.node)
        if not seen.problems:
            seen = _seen(resource, site, run, active=False)
        if isinstance(seen.view, RouteView) and seen.view.gone and not seen.view.entries:
            what = "none of the recorded route tables is in this node's VPC"
            seen.problems.append(Problem(what, "Both nodes must be in one VPC"))
    except (Misconfigured, NotHeld) as error:
        seen.problems.append(Problem.of(error))
    return seen


def _seen(resource: Resource | None, site: Site, run: Run, *, active: bool) -> _Seen:
    seen = _Seen(vpc=site.node.vpc, problems=_instance_problems(site))
    if resource is None:
        return seen
    seen.resource = resource = replace(resource, interface=site.node.interface)
    try:
        seen.view = look(resource, site, run)
    except (Misconfigured, NotHeld) as error:
        seen.problems.append(Problem.of(error))
    match seen.view:
        case RouteView() as view:
            seen.problems += preflight.route(view, active=active)
            if isinstance(resource, RouteResource):
                tables = frozenset(entry.table for entry in view.entries) | resource.tables - frozenset(view.gone)
                seen.resource = replace(resource, tables=frozenset(map(TableId, tables)))
        case AddressView() as view:
            seen.problems += preflight.address(view)
    return seen


def _instance_problems(site: Site) -> list[Problem]:
    """Cautions about the instance itself; that it cannot be looked at is one of them."""
    try:
        return preflight.instance(site.ec2.instance(site.node.instance))
    except Unavailable as error:
        return [Problem(f"EC2 Auto Recovery and metadata options were not checked: {error}", error.cure, fatal=False)]


def _with_traffic(resource: RouteResource, site: Site, tables: list[RouteTable], run: Run) -> Site:
    """The site at the interface that the entries point at now, when they point at one of this node's."""
    ours = own_interfaces(run)
    name = preflight.choose_interface(resource.destination, tables, ours)
    if name is None or name == site.node.interface:
        return site
    run.report.site = replace(site, node=replace(site.node, interface=name, eni=ours[name]))
    run.log.say(messages.TRAFFIC_HERE, destination=resource.destination, node=run.report.site.node)
    return run.report.site


def _make(tag: str, known: Info, state: str, switchback: str, lcd: Lcd) -> None:
    """Make the instance; one that is half made already is made to be as this one would."""
    information = info.encode(known)
    lcd.need_time(_KEPT, f"nothing was made: too little is left to make {tag}, or to take it back")
    try:
        code, _ = lcd.run(
            "ins_create",
            *("-a", contract.APP, "-r", contract.TYPE, "-t", tag, "-i", _id(known.resource)),
            *("-I", "INIT_ISP" if state == contract.IN_SERVICE else "INIT_OSU"),
            *("-s", contract.SWITCHBACK[switchback], "-v", information),
            accept=[ALREADY_EXISTS],
            share=_SHARE,
        )
    except Unavailable:  # it may have failed behind its work
        if (left := lcd.instance(tag)) and _half_made(left, known.resource, lcd):
            lcd.run("ins_remove", "-t", tag)
        raise
    if code != ALREADY_EXISTS:
        return
    there = lcd.instance(tag)
    if there is None or not _half_made(there, known.resource, lcd):
        raise Misconfigured(
            f"this system has another resource of the tag {tag} or the id {_id(known.resource)}",
            "See both with ins_list; the one that is there is left as it is",
        )
    lcd.run("ins_setinfo", "-t", tag, "-v", information)
    lcd.run("ins_setas", "-t", tag, "-s", contract.SWITCHBACK[switchback])
    lcd.run("ins_setstate", "-t", tag, "-S", state)


def _id(resource: Resource) -> str:
    return f"{contract.ID_PREFIX}{resource.vip if isinstance(resource, RouteResource) else resource.public_ip}"
