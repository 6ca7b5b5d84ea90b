"""What create and canextend look at before anything is made: every problem at once, and what is to be made."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Address

from ec2kit.core.errors import Misconfigured, NotHeld, Problem, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.lifekeeper import contract, info, preflight
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import Instance, Lcd
from ec2kit.lifekeeper.options import Creation
from ec2kit.verbs.locate import locate
from ec2kit.verbs.proof import Proof, say_where, seen_at
from ec2kit.verbs.run import Run

_MOST_OF_A_FOLDER = 255  # characters
_MOST_SECONDS = 5.0  # for one question to another system


def named(wanted: Creation, system: str, lcd: Lcd) -> tuple[Resource | None, list[Problem]]:
    """The resource that is asked for, or the problems with the IP resource that should name it."""
    kind = wanted.kind
    given = {**wanted.given, "interface": wanted.interface}
    if not kind.resource.below:
        return kind.having(given), []
    tag = wanted.ip_resource or ""
    there = lcd.instance(tag)
    if there is None or (there.app, there.type) != (contract.IP_APP, contract.IP_TYPE):
        return None, [Problem(f"{tag} is not an IP resource on {system}", "Create it first, with the IP kit")]
    try:
        vip = IPv4Address(there.id.removeprefix(contract.IP_ID_PREFIX))
    except AddressValueError:
        return None, [Problem(f"the IP resource {tag} is not IPv4", "The kit moves IPv4 addresses only")]
    problems = []
    if there.state != contract.IN_SERVICE:
        problems.append(
            Problem(f"the IP resource {tag} is {there.state}, not ISP", _where_in_service(tag, system, lcd))
        )
    if there.switchback in contract.SWITCHBACK and there.switchback != wanted.switchback:
        problems.append(
            Problem(
                f"switchback is to be {wanted.switchback}, but {tag}, which is above it, has {there.switchback}: "
                "LifeKeeper goes by the top of the hierarchy",
                f"On each system: ins_setas -t {tag} -s {contract.SWITCHBACK[wanted.switchback]}",
                fatal=False,
            )
        )
    return kind.having({**given, kind.address.field: vip}), problems


def _where_in_service(tag: str, here: str, lcd: Lcd) -> str:
    """Where create is to be run: on the system on which the resource is in service, as far as that is told."""
    for system in lcd.systems():
        try:
            there = lcd.instance(tag, system=system, most=_MOST_SECONDS) if system != here else None
        except Unavailable:
            continue
        if there and there.state == contract.IN_SERVICE:
            return f"It is in service on {system}: run create there, or with --server {system}"
    return "Bring it into service here"


def tag_problems(wanted: Creation, resource: Resource | None, system: str, lcd: Lcd) -> list[Problem]:
    """Check that the tag is valid, and that nothing has it, or the address, but a half-made instance of the same."""
    if not info.good_tag(wanted.tag):
        return [Problem("the tag has characters that a tag cannot have", info.TAG_CURE)]
    files = "/" not in wanted.tag and wanted.tag.strip(".") and len(wanted.tag) <= _MOST_OF_A_FOLDER
    if wanted.generic and not files:
        what = (
            "the tag of a Generic Application names files, so it cannot have a slash, and not be of dots alone, nor "
            f"be longer than {_MOST_OF_A_FOLDER} characters"
        )
        return [Problem(what, "Choose another with --tag")]
    there = lcd.instance(wanted.tag)
    if there and not (
        resource and _left_over(there, wanted, resource) and half_made(there, wanted.form, resource, lcd)
    ):
        return [Problem(f"the tag {wanted.tag} is taken on {system}", "Choose another with --tag")]
    address = info.identifier(resource) if resource else ""
    problems = doubles({wanted.tag}, resource, lcd) if resource else []
    for other in lcd.systems():
        problems += _elsewhere(wanted.tag, address, other, system, lcd) if other != system else []
    return problems


def doubles(tags: Collection[str], resource: Resource, lcd: Lcd) -> list[Problem]:
    """The same address on this system under another tag than those, which are the resource's own."""
    return [
        Problem(
            f"{each.tag} ({each.form}) has {resource} already on {each.system}", f"See it: ec2kit status {each.tag}"
        )
        for each in lcd.ours()
        if each.tag not in tags and each.identity == info.identifier(resource)
    ]


def _elsewhere(tag: str, address: str, system: str, here: str, lcd: Lcd) -> list[Problem]:
    """What another system has of that tag or address."""
    try:
        named = lcd.instance(tag, system=system, most=_MOST_SECONDS)
        found = [each for each in lcd.ours(system, most=_MOST_SECONDS) if each.identity == address]
    except Unavailable as error:
        what = f"whether {system} has the tag {tag} or the id {address} already is not known: {error}"
        return [Problem(what, f"See it there with ins_list before you extend {tag} to {system}", fatal=False)]
    found += [named] if named and named.identity != address else []
    return [
        Problem(
            f"{system} has {each.tag} ({each.app}/{each.type}, id {each.id}) already, {each.state}",
            f"To have the same here, on {system}: ec2kit extend {each.tag} --to {here}; or remove it there"
            if each.identity == address
            else "Choose another with --tag",
        )
        for each in found
    ]


def _left_over(there: Instance, wanted: Creation, resource: Resource) -> bool:
    """Whether it can be what is left: one that is in no hierarchy at first, if it does not serve."""
    serves = there.state in contract.IN_SERVICE_STATES
    return resource.below or (wanted.generic and not serves)


def half_made(there: Instance, form: Form, resource: Resource, lcd: Lcd) -> bool:
    """Whether an instance is what a create or an extend that was killed has left: ours, and not in any hierarchy."""
    return (
        (there.form, there.identity) == (form, info.identifier(resource))
        and not lcd.parents(there.tag, system=there.system)
        and not lcd.equivalents(there.tag, system=there.system)
    )


def refuse_another(there: Instance | None, text: str) -> None:
    """Raise Misconfigured for an instance that is in service, or whose info field says another thing than `text`.

    An info field that cannot be read is that of one which is half made.
    """
    if there is None:
        return
    what = f"{there.system} has a resource {there.tag} already"
    if there.state in contract.IN_SERVICE_STATES:
        cure = f"If it is the same one, take it out of service there (ec2kit out-of-service {there.tag}), then extend"
        raise Misconfigured(f"{what}, and it is in service there ({there.state})", cure)
    try:
        info.decode(there.info)
    except Misconfigured:
        return
    if there.info != text:
        raise Misconfigured(
            f"{what}, with the info field {there.info!r}; extend would write {text!r}",
            f"It is left as it is. To remove it there: ec2kit unextend {there.tag} --from {there.system}",
        )


def rivals(tag: str, seen: Proof, lcd: Lcd) -> list[Problem]:
    """The kit's other resources on this system that could not be in service here at the same time."""
    if seen.resource is None or seen.view is None:
        return []
    problems = []
    for each in lcd.ours():
        try:
            other = info.decode(each.info).resource
        except Misconfigured:  # its own actions tell that
            continue
        if each.tag != tag and seen.view.rules_out(other):
            problems.append(
                Problem(
                    f"{each.tag} ({other}) is for the same place on this system, on {other.interface}: only one of "
                    "the two could be in service here",
                    "Give each a private address of its own: --private-ip",
                )
            )
    return problems


def on_target(resource: Resource, known: Info, run: Run) -> Proof:
    """For canextend: look from the target, as far as it is possible."""
    seen = Proof()
    try:
        site = locate(resource.interface, run, patient=True, told=False)
        try:
            seen.problems += preflight.one_vpc(known.vpc, site.node)
            if not seen.problems:
                seen = seen_at(resource, site, run, active=False)
        finally:
            say_where(site, resource, run)
    except (Misconfigured, NotHeld) as error:
        seen.problems.append(Problem.of(error))
    return seen
