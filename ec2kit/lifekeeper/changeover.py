"""A resource changes its form: LifeKeeper forgets it and gets it again, here first. The address stays where it is.

What is needed to make it again is written down before the first step. When it cannot be made here in the new form, it
is made as it was; whatever was cut off, the same command completes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ec2kit.core.errors import DeadlineExceeded, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.known import own_texts
from ec2kit.host import files
from ec2kit.host.log import tell
from ec2kit.lifekeeper import contract, create, info, managers, past
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.lifekeeper.create import Outline
from ec2kit.lifekeeper.forms import FORMS, Form
from ec2kit.lifekeeper.lcd import ALREADY_EXISTS, NOT_THERE, Instance
from ec2kit.lifekeeper.managers import Extension
from ec2kit.lifekeeper.options import own_arguments
from ec2kit.verbs import lifecycle
from ec2kit.verbs.run import Run


@dataclass(frozen=True)
class Facts:
    """What makes a resource again. form: what it had; infos, priorities, parents: by system, this one first."""

    tag: str
    form: str
    switchback: str
    infos: dict[str, str]
    priorities: dict[str, int]
    parents: dict[str, list[str]]

    @classmethod
    def of(cls, text: str) -> Facts | None:
        """Read what was written down; None for anything else, as another version may write it."""
        try:
            found = cls(**json.loads(text))
            whole = found.form in FORMS and found.switchback in contract.SWITCHBACK
            whole &= {info.identifier(info.decode(each).resource) for each in found.infos.values()} == {
                found.identity
            }
            return found if whole and found.infos.keys() == found.parents.keys() else None
        except (ValueError, TypeError, AttributeError, StopIteration, KitError):
            return None

    @property
    def identity(self) -> str:
        """What it protects: `EC2-10.1.0.10`."""
        return info.identifier(info.decode(next(iter(self.infos.values()))).resource)


def change(tag: str, to: Form, cluster: Cluster, run: Run) -> None:
    """Change the form on every system that has the resource. This one must have it in service, by evidence.

    Raises Misconfigured, Unavailable or NotHeld; then it is as it was, or the error says how to complete it.
    """
    path = past.change_of(tag, run.settings)
    with files.alone(path.parent):
        facts = _kept(path, cluster)
        if facts:
            tell(f"An earlier change of {tag} was cut off; completing it")
        else:
            here = cluster.ours(tag)
            if here.form is to:
                tell(f"{tag} is of type {to} already")
                return
            facts = _facts(here, to, cluster)
        known = info.decode(facts.infos[cluster.system])
        lifecycle.check(known.resource, replace(run, reach=known.reach, mend=contract.MEND))
        cluster.refuse_busy(cluster.system)
        tell(
            f"Changing {tag} from {facts.form} to {to} on {', '.join(facts.infos)}. LifeKeeper does not watch it "
            "meanwhile; its clients notice nothing"
        )
        files.replace(path, json.dumps(asdict(facts)))
        _carry_out(facts, to, cluster, path)
        _finish(facts, to, cluster, path)
        tell(f"{tag} is of type {to} now; nothing was changed in AWS")


def cut_off(tag: str, run: Run) -> str:
    """How to complete a change of that resource's form, when one was cut off; nothing while one is under way."""
    path = past.change_of(tag, run.settings)
    facts = Facts.of(files.read(path))
    if facts is None:
        return ""
    try:
        with files.alone(path.parent):
            other = next(form for form in FORMS if form != facts.form)
            what = f"a change of the form of {tag} was cut off, and LifeKeeper may not watch it"
            return f"{what}. {_complete(tag, other)}"
    except Unavailable:
        return ""


def systems(tag: str, run: Run) -> list[str]:
    """The systems that a change which was cut off is about; none when that cannot be read."""
    try:
        facts = Facts.of(files.read(past.change_of(tag, run.settings)))
    except KitError:  # who asks has been told by cut_off
        return []
    return list(facts.infos) if facts else []


def _complete(tag: str, form: object) -> str:
    return f"Complete it: ec2kit properties {tag} --set type={form}"


def _kept(path: Path, cluster: Cluster) -> Facts | None:
    """What a change that was cut off has written down; forgotten when the resource has gone its own way since."""
    facts = Facts.of(files.read(path))
    if facts is None:
        return None
    for system in facts.infos:
        try:
            _there(facts, system, cluster)
        except Misconfigured as error:
            tell(f"{error.why} What an earlier change has written down is forgotten.")
            _forget(facts, cluster, path)
            return None
        except Unavailable as error:  # this one comes first
            tell(error.why)
    return facts if cluster.system in facts.infos else None


def _there(facts: Facts, system: str, cluster: Cluster) -> Instance | None:
    """The resource's instance on a system. Raises Misconfigured when it is another one, or in service elsewhere."""
    found = cluster.lcd.instance(facts.tag, system=system)
    if found and (found.form is None or found.identity != facts.identity):
        raise Misconfigured(f"{facts.tag} is another resource on {system} ({found.app}/{found.type})", "See ins_list")
    if found and system != cluster.system and found.state in contract.IN_SERVICE_STATES:
        raise Misconfigured(f"{facts.tag} is in service on {system}", "Change it there")
    return found


def _facts(here: Instance, to: Form, cluster: Cluster) -> Facts:
    """What there is, once it is sure that it can be made again. Raises Misconfigured or Unavailable."""
    tag, lcd, found = here.tag, cluster.lcd, cluster.systems_with(here.tag)
    if here.state != contract.IN_SERVICE:
        raise Misconfigured(
            f"{tag} is {here.state} here", f"Do this where it is in service, or bring it in: ec2kit in-service {tag}"
        )
    if lcd.children(tag, system=cluster.system) or set(found.values()) != {tag}:
        raise Misconfigured(
            f"{tag} has others below it, or another tag on another system", "Delete it and create it again"
        )
    needed = [contract.CREATE_GENERIC, *([contract.EXTEND_MANAGER] if len(found) > 1 else [])]
    missing = [str(lcd.path(program)) for program in needed if not lcd.has(program)]
    if to is Form.GENERIC and missing:
        raise Misconfigured(f"LifeKeeper's {', '.join(missing)} is not here", f"{tag} stays of type {here.form}")
    infos = {cluster.system: here.info}
    for system in found.keys() - infos.keys():
        there = lcd.instance(tag, system=system)
        if there is None or (there.form, there.identity) != (here.form, here.identity):
            raise Misconfigured(f"{tag} is not what it is here on {system}", "See it with ec2kit properties")
        own = own_arguments(own_texts(info.decode(there.info).resource))
        cluster.script("ec2kit", system, "info", tag, "--template", cluster.system, *own)
        cluster.refuse_busy(system)
        infos[system] = there.info
    parents = {system: lcd.parents(tag, system=system) for system in infos}
    return Facts(tag, str(here.form), here.usual_switchback, infos, cluster.priorities(tag), parents)


def _carry_out(facts: Facts, to: Form, cluster: Cluster, path: Path) -> None:
    """Make it here, then on the others; as it was, when it cannot be made here."""
    before = FORMS[facts.form]
    try:
        _make(facts, to, cluster)
    except (KitError, KeyboardInterrupt) as error:
        tell(f"Making {facts.tag} again as it was, of type {before}")
        try:
            _make(facts, before, cluster)
            _extend(facts, before, cluster)
        except (KitError, DeadlineExceeded) as second:
            raise _unfinished(
                facts, to, f"{_said(error)}; and it could not be made again as it was: {_said(second)}"
            ) from error
        if isinstance(error, KitError):
            _finish(facts, before, cluster, path)
        else:  # a program that was cut off may have done its work all the same, so the note stays
            tell(f"Cancelled. To be sure that all is as it was: ec2kit properties {facts.tag} --set type={before}")
        raise
    except DeadlineExceeded as error:
        raise _unfinished(facts, to, str(error)) from error
    try:
        _extend(facts, to, cluster)
    except (KitError, KeyboardInterrupt, DeadlineExceeded) as error:
        raise _unfinished(facts, to, f"{facts.tag} is of type {to} here, but {_said(error)}") from error


def _said(error: BaseException) -> str:
    """An error in words, with its cure."""
    return error.why.removesuffix(".") if isinstance(error, KitError) else str(error) or "it was cancelled"


def _unfinished(facts: Facts, to: Form, what: str) -> Unavailable:
    return Unavailable(what, _complete(facts.tag, to))


def _make(facts: Facts, form: Form, cluster: Cluster) -> None:
    """Make it on this system, in that form, with all its parents here."""
    tag, here, lcd = facts.tag, cluster.system, cluster.lcd
    _take_away_other(facts, form, here, cluster)
    if lcd.instance(tag) is None:
        tell(f"Making {tag}, of type {form}, on {here}")
        to_make = Outline(info.decode(facts.infos[here]), contract.IN_SERVICE)
        create.make(form, tag, to_make, facts.switchback, here, lcd)
    managers.put_below(tag, facts.parents[here], here, lcd)


def _extend(facts: Facts, form: Form, cluster: Cluster) -> None:
    """Extend it to the other systems, in that form, as far as it is not, with info field and parents as they were."""
    tag, here, lcd = facts.tag, cluster.system, cluster.lcd
    for system, known in facts.infos.items():
        if system == here:
            continue
        _take_away_other(facts, form, system, cluster)
        if system not in cluster.systems_with(tag):
            extension = Extension(
                tag=tag,
                to=system,
                own=own_texts(info.decode(known).resource),
                switchback=facts.switchback,
                template_priority=facts.priorities.get(here),
                target_priority=facts.priorities.get(system),
            )
            managers.extend(extension, cluster)
        there = lcd.instance(tag, system=system)
        if there and there.info != known:
            lcd.run("ins_setinfo", "-d", system, "-t", tag, "-v", known)
        managers.put_below(tag, facts.parents[system], system, lcd)


def _take_away_other(facts: Facts, form: Form, system: str, cluster: Cluster) -> None:
    """Let a system forget an instance that is of the other form, or left here by what could not bring it in."""
    there = _there(facts, system, cluster)
    serves = system != cluster.system or (there and there.state in contract.IN_SERVICE_STATES)
    if there is None or (there.form is form and serves):
        return
    with cluster.locked(facts.tag, dict.fromkeys([cluster.system, system])):
        flag = ("-f", contract.CHANGING.format(tag=facts.tag))
        cluster.lcd.run("flg_create", "-d", system, *flag, accept=[ALREADY_EXISTS])
        tell(f"Removing {facts.tag}, of type {there.form}, from {system}")
        managers.take_away(facts.tag, system, cluster)


def _finish(facts: Facts, form: Form, cluster: Cluster, path: Path) -> None:
    """Forget the change. Raises Unavailable when something of it stays."""
    try:
        _forget(facts, cluster, path)
    except KitError as error:
        what = f"{facts.tag} is of type {form} on every system, but something of the change is left: {error}"
        raise _unfinished(facts, form, what) from error


def _forget(facts: Facts, cluster: Cluster, path: Path) -> None:
    for system in facts.infos:
        flag = contract.CHANGING.format(tag=facts.tag)
        cluster.lcd.run("flg_remove", "-d", system, "-f", flag, accept=[NOT_THERE])
    files.remove(path)
