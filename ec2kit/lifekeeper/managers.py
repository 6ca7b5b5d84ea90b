"""extend, unextend and delete: by LifeKeeper's own manager where it has one, else as that does it.

The steps and their words are those that LifeKeeper prints. Each takes the admin lock first. AWS is never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.known import KINDS, OWN, own_texts
from ec2kit.host.log import tell
from ec2kit.lifekeeper import contract, info, preflight, proof
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.contract import IN_SERVICE_STATES
from ec2kit.lifekeeper.forms import Form
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Instance, Lcd
from ec2kit.lifekeeper.options import own_arguments
from ec2kit.lifekeeper.places import RESOURCES

_SHARE = 0.5  # of the time that is left, for a step that is taken back in the rest when it hangs
_FIRST, _OTHER = 1, 10  # the priority that a manager gives a template without one; a target's that is not that
_NO_KIT = (126, 127)  # exit codes of a shell that cannot run a program


@dataclass(frozen=True)
class Extension:
    """What extend is asked for. own: what the target has of its own, by field. switchback None: the template's."""

    tag: str
    to: str
    own: Mapping[str, str] = field(default_factory=dict)
    switchback: str | None = None
    template_priority: int | None = None
    target_priority: int | None = None


def extend(wanted: Extension, cluster: Cluster) -> None:
    """Extend a resource from this system to another. When that fails or is cancelled, the target is as it was."""
    tag, to, lcd = wanted.tag, wanted.to, cluster.lcd
    here = cluster.ours(tag)
    cluster.need_system(to, other=True)
    there = lcd.instance(tag, system=to)
    if there is not None and to in cluster.systems_with(tag):
        _refuse_other(here, there)
        _refuse_changed(wanted, here, there, cluster)
        tell(f"{tag} is already extended to {to}, as it is asked for; nothing was to do")
        return
    if there is not None:
        _refuse_other(here, there)
        proof.refuse_another(there, _info_there(wanted, cluster))
    numbers = preflight.priorities(
        cluster.priorities(tag),
        cluster.system,
        template_wanted=wanted.template_priority,
        target_wanted=wanted.target_priority,
    )
    if here.form is Form.GENERIC or lcd.has(contract.EXTEND_MANAGER):
        _by_manager(wanted, here, there, numbers, cluster)
        tell(f"{tag} is extended to {to}")
        return
    with cluster.locked(tag, [cluster.system, to]):
        tell("Building independent resource list")
        tell("Checking existence of extend and canextend scripts")
        tell(f"Checking extendability for {tag}")
        own = info.words_of(wanted.own)
        cluster.script("canextend", to, cluster.system, tag, *own)
        tell("Pre Extend checks were successful")
        tell(f"Extending resource instances for {tag}")
        if there is not None:
            tell(f"{to} has {tag} from an extension that was not completed; completing it")
            _take_out(tag, to, lcd)
        try:
            cluster.script("extend", to, cluster.system, tag, *own)
            _complete(wanted, here, numbers, cluster)
        except (KitError, KeyboardInterrupt) as error:
            _take_back(tag, to, cluster, error)
            raise
    tell("Hierarchy successfully extended")
    tell("Hierarchy Verification Finished")


def _refuse_changed(wanted: Extension, here: Instance, there: Instance, cluster: Cluster) -> None:
    """Refuse what the resource has otherwise on the system that it is extended to. Raises Misconfigured."""
    tag, to, mine, its = wanted.tag, wanted.to, info.decode(here.info), info.decode(there.info)
    numbers, own = cluster.priorities(tag), own_texts(its.resource)
    kind = KINDS[mine.resource.kind]
    same = (its.resource.kind, its.reach) == (mine.resource.kind, mine.reach) and all(
        each.texts(its.resource) == each.texts(mine.resource) for each in kind.described if not each.own
    )
    asked: dict[str, tuple[object, object]] = {
        **{str(OWN[name].option): (text, own.get(name)) for name, text in wanted.own.items()},
        "--switchback": (wanted.switchback, there.switchback),
        "--template-priority": (wanted.template_priority, numbers.get(cluster.system)),
        "--target-priority": (wanted.target_priority, numbers.get(to)),
    }
    other = [f"{name} {known}, not {value}" for name, (value, known) in asked.items() if value not in {None, known}]
    if other or not same:
        what = ", ".join(other) or f"the info field {there.info!r}, and {here.system} has {here.info!r}"
        raise Misconfigured(
            f"{tag} is already extended to {to}, with {what}",
            f"Change it: ec2kit properties {tag} --set KEY=VALUE; or first ec2kit unextend {tag} --from {to}",
        )


def _refuse_other(here: Instance, there: Instance) -> None:
    """Refuse what is not left of an extension that was not completed. Raises Misconfigured."""
    if (there.form, there.identity) != (here.form, here.identity):
        other = f"{there.app}/{there.type}, id {there.id}"
        what = f"{there.system} has a resource {there.tag} already, and it is another one ({other})"
        raise Misconfigured(what, "See ins_list")


def _by_manager(
    wanted: Extension, here: Instance, there: Instance | None, numbers: tuple[int, int], cluster: Cluster
) -> None:
    """Extend by LifeKeeper's manager, then see that what it has made is whole; else it is taken back."""
    tag, to, lcd = wanted.tag, wanted.to, cluster.lcd
    _refuse_manager(here, to, cluster)
    known = _info_there(wanted, cluster) if here.form is Form.GENERIC else ""
    if there is not None:
        with cluster.locked(tag, [cluster.system, to]):
            tell(f"{to} has {tag} from an extension that was not completed; it is made again")
            take_away(tag, to, cluster)
    switchback = wanted.switchback or here.usual_switchback
    values = contract.BUNDLE_SEPARATOR.join([tag, *([tag, known] if known else info.words_of(wanted.own))])
    first = not cluster.priorities(tag)
    number = _OTHER if first and numbers[1] == _FIRST else numbers[1]
    command = (
        *contract.EXTEND_MANAGER_OPTIONS,
        tag,
        to,
        str(number),
        switchback,
        contract.BUNDLE.format(values=values),
    )
    try:
        lcd.run(contract.EXTEND_MANAGER, *command, share=_SHARE, manager=True)
        _complete_manager(tag, to, known, cluster)
        if first:
            _set_priorities(tag, to, numbers, cluster)
    except (KitError, KeyboardInterrupt) as error:
        if lcd.instance(tag, system=to) is not None:
            _take_back(tag, to, cluster, error)
        raise


def _refuse_manager(here: Instance, to: str, cluster: Cluster) -> None:
    """Raise Misconfigured where LifeKeeper's manager is not there, or cannot be told what it needs."""
    tag, lcd = here.tag, cluster.lcd
    if not lcd.has(contract.EXTEND_MANAGER):
        raise Misconfigured(
            f"LifeKeeper's extend manager is not here: there is no {lcd.path(contract.EXTEND_MANAGER)}",
            f"Extend it in LifeKeeper's GUI, with the info field that this tells on {to}: "
            f"ec2kit info {tag} --template {cluster.system}",
        )
    if children := lcd.children(tag, system=cluster.system):
        raise Misconfigured(
            f"{tag} has others below it ({', '.join(children)}), and the values that these need are not ours to know",
            "Extend the hierarchy in LifeKeeper's GUI",
        )
    if {contract.BUNDLE_SEPARATOR, '"'} & set(tag):
        raise Misconfigured(
            f"LifeKeeper's extend manager cannot be told the tag {tag}", "Extend it in LifeKeeper's GUI"
        )
    for system in (cluster.system, to):
        cluster.refuse_busy(system)
    if here.form is Form.OWN or here.state in IN_SERVICE_STATES:
        return
    found = [lcd.instance(its_tag, system=system) for system, its_tag in cluster.systems_with(tag).items()]
    if not any(each and each.state in IN_SERVICE_STATES for each in found):
        raise Misconfigured(
            f"{tag} is in service nowhere, and LifeKeeper extends a Generic Application only when it is",
            f"Bring it into service, then extend it: ec2kit in-service {tag}",
        )


def _info_there(wanted: Extension, cluster: Cluster) -> str:
    """The info field that the resource needs on another system, which makes extend's checks there."""
    to, own = wanted.to, own_arguments(wanted.own)
    told = cluster.script("ec2kit", to, "info", wanted.tag, "--template", cluster.system, *own).strip()
    try:
        info.decode(told)
    except KitError as error:
        raise Unavailable(
            f"{to} tells an info field in an unknown form", "Is the kit the same version there?"
        ) from error
    return told


def _complete_manager(tag: str, to: str, known: str, cluster: Cluster) -> None:
    """See what LifeKeeper's manager has made, and mend it. known: the info field that it is to have there, if any."""
    lcd = cluster.lcd
    made = lcd.instance(tag, system=to)
    if made is None or to not in cluster.systems_with(tag):
        raise Unavailable(
            f"LifeKeeper's extend manager says that {tag} is extended, but {to} is not one of its systems",
            f"See LifeKeeper's log; if {to} has a part of it: ec2kit unextend {tag} --from {to}",
        )
    if known and made.info != known:
        tell(f"Writing the info field of {tag} on {to}")
        lcd.run("ins_setinfo", "-d", to, "-t", tag, "-v", known)
    for parent in put_below(tag, lcd.parents(tag, system=cluster.system), to, lcd):
        tell(f"{parent} depends on {tag} on {to} now")


def put_below(tag: str, parents: Iterable[str], system: str, lcd: Lcd) -> list[str]:
    """Make those of the parents depend on a resource that are on that system and do not yet; which these were."""
    known = lcd.parents(tag, system=system)
    missing = [each for each in parents if each not in known and lcd.instance(each, system=system) is not None]
    for parent in missing:
        lcd.run("dep_create", "-d", system, "-p", parent, "-c", tag, accept=[ALREADY_EXISTS])
    return missing


def _set_priorities(tag: str, to: str, numbers: tuple[int, int], cluster: Cluster) -> None:
    """Give the two systems of a first extension their priorities: the manager is told the target's alone."""
    here, lcd, wanted = cluster.system, cluster.lcd, {cluster.system: numbers[0], to: numbers[1]}
    if cluster.priorities(tag) in ({}, wanted):  # as it should be, or LifeKeeper does not tell
        return
    tell(f"Setting the priorities: {here} {numbers[0]}, {to} {numbers[1]}")
    pair = ("-S", to, "-o", tag, "-e", "SHARED")
    lcd.run("eqv_remove", "-t", tag, *pair)
    lcd.run("eqv_create", "-t", tag, "-p", str(numbers[0]), "-r", str(numbers[1]), *pair)


def _take_back(tag: str, system: str, cluster: Cluster, error: BaseException) -> None:
    tell(f"Taking {tag} on {system} back")
    try:
        take_away(tag, system, cluster)
    except KitError as second:
        raise Unavailable(
            f"{str(error) or 'cancelled'}; and {tag} could not be taken back from {system}: {second}",
            f"When {system} can be reached: ec2kit unextend {tag} --from {system}",
        ) from error


def _complete(wanted: Extension, here: Instance, numbers: tuple[int, int], cluster: Cluster) -> None:
    """Make the new instance part of the hierarchy: dependencies, switchback, equivalencies."""
    tag, to, lcd = wanted.tag, wanted.to, cluster.lcd
    tell("Creating dependencies")
    put_below(tag, lcd.parents(tag, system=cluster.system), to, lcd)
    tell("Setting switchback type for hierarchy")
    switchback = wanted.switchback or here.usual_switchback
    for where in {cluster.system, to} if wanted.switchback else {to}:
        lcd.run("ins_setas", "-d", where, "-t", tag, "-s", contract.SWITCHBACK[switchback])
    tell("Creating equivalencies")
    others = {each.system: each.other_priority for each in lcd.equivalents(tag, system=cluster.system)}
    for system, priority in [
        *others.items(),
        (cluster.system, numbers[0]),
    ]:  # this one last: it says that all is done
        given = ("-p", str(priority)) if priority else ()
        pair = ("-S", to, "-r", str(numbers[1]), "-o", tag, "-e", "SHARED")
        lcd.run("eqv_create", "-d", system, "-t", tag, *given, *pair)


def take_away(tag: str, system: str, cluster: Cluster) -> None:
    """Remove a resource from one system, as far as it is there: dependencies, equivalencies, instance."""
    lcd = cluster.lcd
    there = lcd.instance(tag, system=system)
    if there and there.form is Form.GENERIC:  # LifeKeeper runs delete for a kit of its own alone
        _forget(tag, system, cluster)
    _take_out(tag, system, lcd)
    lcd.run("ins_remove", "-d", system, "-t", tag, accept=[NOT_THERE], share=_SHARE)


def _forget(tag: str, system: str, cluster: Cluster) -> None:
    """Let the kit there forget the resource's access key and history. Where there is no kit, there is only a word."""
    code, _ = cluster.ask("delete", system, "-t", tag, "-i", tag, folder=f"{RESOURCES}/actions")
    if code in _NO_KIT:
        tell(f"There is no kit on {system}: what it has kept of {tag}, such as an access key, stays there")
    elif code:
        raise Unavailable(f"delete on {system} failed with exit code {code}", "Its own log tells why, line by line")


def _take_out(tag: str, system: str, lcd: Lcd) -> None:
    """Take an instance out of its hierarchy on one system."""
    for parent in lcd.parents(tag, system=system):
        lcd.run("dep_remove", "-d", system, "-p", parent, "-c", tag, accept=[NOT_THERE])
    for child in lcd.children(tag, system=system):
        lcd.run("dep_remove", "-d", system, "-p", tag, "-c", child, accept=[NOT_THERE])
    for each in lcd.equivalents(tag, system=system):
        pair = ("-t", tag, "-S", each.system, "-o", each.tag, "-e", "SHARED")
        lcd.run("eqv_remove", "-d", system, *pair, accept=[NOT_THERE])


def unextend(tag: str, system: str, cluster: Cluster) -> None:
    """Remove a resource from one system, on which it is not in service. It stays on the others."""
    cluster.ours(tag)
    systems = cluster.systems_with(tag)
    if system not in systems:
        cluster.need_system(system)
    its_tag = systems.get(system, tag)
    there = cluster.lcd.instance(its_tag, system=system)
    if there is None:
        raise Misconfigured(f"{tag} is not extended to {system}", "See where it is with ec2kit status")
    if there.state in IN_SERVICE_STATES:
        raise Misconfigured(
            f"{tag} is in service on {system} ({there.state})",
            "Bring it into service on another system first; it cannot be unextended from where it is in service",
        )
    if list(systems) == [system]:
        raise Misconfigured(f"{system} is the only system that has {tag}", f"To remove it: ec2kit delete {tag}")
    with cluster.locked(tag, systems):
        tell(f"Unextending resource instances for {tag} from {system}")
        take_away(its_tag, system, cluster)
    tell("Hierarchy successfully unextended")


def delete(tag: str, cluster: Cluster, more: Collection[str] = ()) -> None:
    """Remove a resource from all systems. They must all be reached before the first one is touched.

    more: systems that may have kept something of it, though they have no instance.
    """
    here = cluster.ours(tag)
    equivalent = cluster.systems_with(tag)
    others = [*_cut_off(here, equivalent, cluster), *more]
    systems = dict.fromkeys(others, tag) | equivalent
    found = {system: cluster.lcd.instance(there, system=system) for system, there in systems.items()}
    in_service = [system for system, there in found.items() if there and there.state in IN_SERVICE_STATES]
    with cluster.locked(tag, systems):
        for system in sorted(systems, key=lambda each: (each in in_service, each == cluster.system)):
            tell(f"Removing resource instances for {tag} from {system}")
            cluster.lcd.run("flg_remove", "-d", system, "-f", contract.CHANGING.format(tag=tag), accept=[NOT_THERE])
            if found[system] is None:
                _forget(tag, system, cluster)
            take_away(systems[system], system, cluster)
            if cluster.lcd.instance(systems[system], system=system) is not None:
                raise Unavailable(
                    f"{tag} is still on {system}", f"See /var/log/lifekeeper.log of {system}; try again"
                )
    tell("Hierarchy successfully deleted; nothing was changed in AWS")


def _cut_off(here: Instance, known: Collection[str], cluster: Cluster) -> list[str]:
    """Systems that have the resource out of service and not equivalent: what a killed delete or extend leaves."""
    found = []
    for system in cluster.lcd.systems():
        if system in known:
            continue
        try:
            there = cluster.lcd.instance(here.tag, system=system)
        except Unavailable as error:
            tell(f"Whether {system} has {here.tag} is not known: {error.why}")
            continue
        same = there and (there.form, there.identity) == (here.form, here.identity)
        if same and there and there.state not in IN_SERVICE_STATES:
            found.append(system)
    return found
