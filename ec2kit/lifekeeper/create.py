"""LifeKeeper's hierarchy: create, canextend and extend. They read EC2, write the LCD, and change nothing in AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from ec2kit.core import messages, profiles
from ec2kit.core.errors import KitError, Misconfigured, Problem, Unavailable
from ec2kit.core.kinds.kind import INTERFACE, Resource
from ec2kit.core.kinds.known import KINDS, OWN, own_texts, placed
from ec2kit.host import nic
from ec2kit.lifekeeper import contract, info, keys, past, peers, preflight, proof
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.info import Info
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Lcd
from ec2kit.lifekeeper.options import Creation
from ec2kit.lifekeeper.places import ACTION_PLACES
from ec2kit.verbs import claims
from ec2kit.verbs.proof import Proof, proven
from ec2kit.verbs.run import Run

_SHARE = 0.5  # of the time that is left, for a step that is taken back in the rest when it hangs
_KEPT = 0.1  # of the whole time: with less nothing is begun, for it could not be taken back


@dataclass(frozen=True)
class Outline:
    """What create would make: the resource, and the state that it would have, ISP where this node has the address."""

    known: Info
    state: str


def outline(wanted: Creation, system: str, run: Run, lcd: Lcd, *, refusal: str) -> Outline:
    """Check everything and log all problems. Raises Misconfigured, with `refusal`, or Unavailable."""
    problems = preflight.host(run.settings, wanted.kind)
    if wanted.generic and not lcd.has(contract.CREATE_GENERIC):
        what = f"LifeKeeper's Generic Application kit is not here: there is no {lcd.path(contract.CREATE_GENERIC)}"
        problems.append(Problem(what, "Create it without --generic, as a resource of a kit of its own"))
    resource, more = proof.named(wanted, system, lcd)
    problems += proof.tag_problems(wanted, resource, system, lcd) + more
    seen = Proof()
    try:
        seen = proven(resource, wanted.interface, run, active=True)
        seen.problems += proof.rivals(wanted.tag, seen, lcd)
    except Unavailable as error:
        if not any(problem.fatal for problem in problems):
            refused(problems, run)
            raise
        problems.append(Problem.of(error))
    if refused(problems + seen.problems, run) or seen.resource is None or seen.view is None:
        raise Misconfigured(refusal, "Correct what is listed, then run the same command again")
    reach = replace(run.reach, profile=profiles.own(wanted.tag)) if run.key else run.reach
    state = "OSU" if seen.view.drift() else contract.IN_SERVICE
    return Outline(Info(seen.resource, reach, seen.vpc), state)


def create(wanted: Creation, system: str, run: Run, lcd: Lcd) -> str:
    """Make the resource on this system; its state.

    Everything is checked first and all problems are logged; then Misconfigured or Unavailable, and nothing
    was made. It is in service (ISP) at once when EC2 shows that this node holds the address already. An
    access key (run.key) is proven first and becomes a profile of the kit's own credentials file last.
    """
    tag = wanted.tag
    to_make = outline(wanted, system, run, lcd, refusal=f"{tag} was not created")
    with keys.kept(tag, run):
        make(wanted.form, tag, to_make, wanted.switchback, system, lcd)
        try:
            if wanted.ip_resource:
                pair = ("-p", wanted.ip_resource, "-c", tag)
                lcd.run("dep_create", *pair, accept=[ALREADY_EXISTS], share=_SHARE)
        except KitError:
            _take_back(wanted, lcd)  # all or nothing
            raise
    resource, state = to_make.known.resource, to_make.state
    if state == contract.IN_SERVICE:
        claims.keep(resource, run)
    run.log.say(messages.CREATED, resource=resource, system=system, interface=resource.interface, state=state)
    return state


def make(form: Form, tag: str, to_make: Outline, switchback: str, system: str, lcd: Lcd) -> None:
    """Make the instance on this system; one that is half made already is made to be as this one would."""
    lcd.need_time(_KEPT, f"nothing was made: too little time is left to make {tag}, or to undo it")
    if form is Form.OWN:
        _make_own(tag, to_make, switchback, lcd)
    else:
        _make_generic(tag, to_make, switchback, system, lcd)


def _take_back(wanted: Creation, lcd: Lcd) -> None:
    if wanted.ip_resource:  # its program may have failed behind its work
        lcd.run("dep_remove", "-p", wanted.ip_resource, "-c", wanted.tag, accept=[NOT_THERE])
    lcd.run("ins_remove", "-t", wanted.tag)


def check_extend(template: str, tag: str, run: Run, lcd: Lcd, own: Mapping[str, str]) -> Info:
    """What canextend proves, on the target: the info field that the new instance will have.

    template: the system that has the resource. own: what this system has of its own, by field; an interface that is
    not named is the one of the same name, if there is one. Raises Misconfigured after logging every problem.
    """
    there = lcd.instance(tag, system=template)
    if there is None:
        raise Misconfigured(f"{template} has no resource {tag}", "See the tags there with ins_list")
    known = info.decode(there.info)
    kind = KINDS[known.resource.kind]
    new = own.keys() & {each.field for each in kind.described if each.own} - {INTERFACE.field}
    for name in new - own_texts(known.resource).keys():  # a system of an older version may be unable to read it
        raise Misconfigured(
            f"{tag} does not name a {OWN[name].short} on {template}, so it cannot name one here",
            f"Leave out {OWN[name].option}, or create {tag} again with it",
        )
    named = known.resource.interface
    same = named if named and nic.has(run.settings.ec2kit_sysfs, named) else None
    problems = preflight.host(run.settings, kind)
    resource = placed(known.resource.on(same), own)
    if missing := keys.missing(tag, known, run):
        problems.append(missing)
    else:
        run = replace(run, reach=known.reach)
        seen = proof.on_target(resource, known, run)
        tags = {tag, *(each.tag for each in lcd.equivalents(tag, system=template))}  # it may have another one here
        problems += [*seen.problems, *proof.doubles(tags, resource, lcd), *proof.rivals(tag, seen, lcd)]
        resource = seen.resource or resource
    if refused(problems, run):
        raise Misconfigured(f"{tag} cannot be extended to this system", "Correct what is listed, then try again")
    return replace(known, resource=resource)


def extend(template: str, tag: str, run: Run, lcd: Lcd, own: Mapping[str, str]) -> None:
    """Make the instance on this system, out of service. The rest is the extend manager's."""
    known = check_extend(template, tag, run, lcd, own)
    proof.refuse_another(lcd.instance(tag), info.encode(known))
    lcd.need_time(_KEPT, f"nothing was made: too little time is left to make {tag}, or to undo it")
    told = peers.tell(known.resource, template, tag, lcd)  # first: when this is cut off, nothing is made yet
    try:
        _make_own(tag, Outline(known, "OSU"), "intelligent", lcd)
    except KitError:
        with suppress(KitError):  # one peer more does no harm, and why nothing was made is what the run tells
            peers.take_back(told, lcd)
        raise


def forget(tag: str, run: Run) -> None:
    """Take away what this system keeps for the resource besides LifeKeeper's instance: access key and history."""
    keys.forget(tag, run)
    try:
        past.forget(tag, run.settings)
        claims.forget(run.holder, run.settings)
    except KitError as error:  # nothing but `ec2kit status` would read it
        run.log.say(messages.CAUTION, problem=error.why)


def refused(problems: list[Problem], run: Run) -> bool:
    """Log every problem; whether one of them forbids to go on."""
    for problem in problems:
        run.log.say(messages.PROBLEM if problem.fatal else messages.CAUTION, problem=problem)
    return any(problem.fatal for problem in problems)


def _make_own(tag: str, to_make: Outline, switchback: str, lcd: Lcd) -> None:
    information, resource, state = info.encode(to_make.known), to_make.known.resource, to_make.state
    try:
        code, _ = lcd.run(
            "ins_create",
            *("-a", contract.APP, "-r", contract.TYPE, "-t", tag, "-i", info.identifier(resource)),
            *("-I", "INIT_ISP" if state == contract.IN_SERVICE else "INIT_OSU"),
            *("-s", contract.SWITCHBACK[switchback], "-v", information),
            accept=[ALREADY_EXISTS],
            share=_SHARE,
        )
    except Unavailable:  # it may have failed behind its work
        _drop_half_made(Form.OWN, tag, resource, lcd)
        raise
    if code != ALREADY_EXISTS:
        return
    there = lcd.instance(tag)
    if there is None or not proof.half_made(there, Form.OWN, resource, lcd):
        raise Misconfigured(
            f"this system has another resource with the tag {tag} or the id {info.identifier(resource)}",
            "See it with ins_list; it was not changed",
        )
    lcd.run("ins_setinfo", "-t", tag, "-v", information)
    lcd.run("ins_setas", "-t", tag, "-s", contract.SWITCHBACK[switchback])
    lcd.run("ins_setstate", "-t", tag, "-S", state)


def _make_generic(tag: str, to_make: Outline, switchback: str, system: str, lcd: Lcd) -> None:
    """Let LifeKeeper make it: its program copies the scripts, and runs restore where the address is here."""
    information, resource, state = info.encode(to_make.known), to_make.known.resource, to_make.state
    scripts = {action: os.path.realpath(lcd.path(place)) for action, place in ACTION_PLACES.items()}
    left = lcd.instance(tag)
    if left and left.info != information:
        raise Misconfigured(
            f"{tag} is there already, with another info field than it would get now",
            f"Use it as it is, or remove it first: ec2kit delete {tag}",
        )
    if left and left.state in contract.IN_SERVICE_STATES:
        return
    _drop_half_made(Form.GENERIC, tag, resource, lcd)
    try:
        lcd.run(
            contract.CREATE_GENERIC,
            *(system, scripts["restore"], scripts["remove"], tag, information, switchback),
            *(scripts["quickCheck"], scripts["recover"], contract.BRING_IN_SERVICE[state == contract.IN_SERVICE]),
            share=_SHARE,
            manager=True,
        )
        there = lcd.instance(tag, share=_SHARE)
        serves = there is not None and there.state in contract.IN_SERVICE_STATES
        if there is None or there.info != information or serves != (state == contract.IN_SERVICE):
            seen = f"{there.state}, with the info field {there.info!r}" if there else "not there"
            cure = f"See LifeKeeper's own log; if it is there, remove it: ins_remove -t {tag}"
            raise Unavailable(f"LifeKeeper says that it has made {tag}, but it is {seen}", cure)
    except (KitError, KeyboardInterrupt):
        _drop_half_made(Form.GENERIC, tag, resource, lcd)
        raise


def _drop_half_made(form: Form, tag: str, resource: Resource, lcd: Lcd) -> None:
    """Remove what a creation has left that has not come to its end."""
    if (left := lcd.instance(tag)) and proof.half_made(left, form, resource, lcd):
        lcd.run("ins_remove", "-t", tag)
