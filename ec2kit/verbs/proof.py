"""What can be known before anything is changed: that this node could take an address, and every problem at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

from ec2kit.core import messages, preflight
from ec2kit.core.errors import KitError, Misconfigured, NotHeld, Problem, Unavailable
from ec2kit.core.kinds.facts import RouteTables
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import VpcId
from ec2kit.core.steps import refuse_linkless
from ec2kit.host import nic
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import look
from ec2kit.verbs.run import Run, Site


@dataclass
class Proof:
    """What was looked at: the resource with interface and tables filled in, and problems."""

    resource: Resource | None = None
    view: View | None = None
    vpc: VpcId | None = None
    problems: list[Problem] = field(default_factory=list)


def proven(resource: Resource | None, interface: str | None, run: Run, *, active: bool) -> Proof:
    """Prove the credentials by DescribeRouteTables, then look, as far as it is possible.

    active: this node has the address now, not only later. Raises Unavailable when nothing is known to be wrong.
    """
    found, seen = _named(interface, run), Proof()
    try:
        site = locate(interface, run, patient=True, let_go=True, told=False)
        try:
            site.ec2.ask(RouteTables(site.node.vpc))
            seen = seen_at(resource, site, run, active=active)
        finally:
            say_where(site, resource, run)
    except (Misconfigured, NotHeld) as error:
        found.append(Problem.of(error))
    except Unavailable as error:
        if not found:
            raise
        found.append(Problem.of(error))
    seen.problems = list(dict.fromkeys(found + seen.problems))
    return seen


def could_take(resource: Resource, run: Run, along: Collection[str] = ()) -> None:
    """Raise the KitError that would keep this node from taking the address: of a look, or of a right that EC2 denies.

    EC2 is asked by DryRun; what that does not tell is not an obstacle. along: the addresses that come with it.
    """
    site = locate(resource.interface, run, patient=True)
    view = look(resource, site, run)
    if view.awaited in along:
        return
    todo = view.drift()
    refuse_linkless(todo)
    rehearsal = view.rehearsal() if todo else ()
    for outcome in run.deadline.together([partial(site.ec2.rehearse, each) for each in rehearsal]):
        if isinstance(outcome, KitError) and outcome.refused:
            raise outcome


def _named(interface: str | None, run: Run) -> list[Problem]:
    """What is wrong with the interface that is named, as far as this host tells it."""
    sysfs = run.settings.ec2kit_sysfs
    try:
        if interface:
            nic.mac(sysfs, nic.own_name(sysfs, interface))
    except KitError as error:
        return [Problem.of(error)]
    return []


def seen_at(resource: Resource | None, site: Site, run: Run, *, active: bool) -> Proof:
    """What a look shows from a node, as far as it is possible; `proven` tells the rest. Raises Unavailable."""
    seen = Proof(vpc=site.node.vpc, problems=_instance_problems(site) + _signature_problems(site, run))
    if resource is None:
        return seen
    try:
        seen.view = look(resource, site, run)
    except (Misconfigured, NotHeld) as error:
        seen.problems.append(Problem.of(error))
    node = run.record.site.node if run.record.site else site.node
    seen.resource = run.record.resource = resource = resource.on(node.interface)
    if seen.view:
        seen.problems += seen.view.problems(active=active)
        seen.resource = resource.recorded(seen.view)
    return seen


def say_where(site: Site, resource: Resource | None, run: Run) -> None:
    """Tell once where this node is: at the interface that a look has shown to have the address, if it is another."""
    node = run.record.site.node if run.record.site else site.node
    facts = {"node": node, "vpc": node.vpc, "region": node.region}
    if node.interface == site.node.interface:
        run.log.say(messages.LOCATED, **facts)
    else:
        run.log.say(messages.TRAFFIC_HERE, resource=resource, **facts)


def _instance_problems(site: Site) -> list[Problem]:
    """Cautions about the instance itself; that it cannot be looked at is one of them."""
    try:
        return preflight.instance(site.ec2.instances([site.node.instance]).get(site.node.instance))
    except Unavailable as error:
        return [Problem(f"EC2 Auto Recovery and metadata options were not checked: {error}", error.cure, fatal=False)]


def _signature_problems(site: Site, run: Run) -> list[Problem]:
    """A caution where a key that nobody has named comes before the instance's role."""
    return preflight.signature(site.ec2.way.signature.whose, hidden_role(site, run))


def hidden_role(site: Site, run: Run) -> str:
    """The instance's role, where a key that nobody has named comes before it; empty: none does."""
    from ec2kit.host.imds import ROLE

    named = run.reach.profile or run.settings.aws.get("AWS_PROFILE") or run.key
    if named or site.ec2.way.signature.role or run.record.metadata is None:
        return ""
    try:
        return run.record.metadata.get(ROLE) or ""
    except KitError:  # then nobody could use it either
        return ""
