"""Install: first look and refuse, then make what is missing, then write down what was made."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.core.settings import settings
from installer import bundle, environment, links, pacemaker, record, registration, safe, sudo, tunables, wheels
from installer.record import Record
from installer.target import Target, write


def install(target: Target, project: Path) -> None:
    """Put the kit in place; again is harmless. Misconfigured, Unavailable or OSError say what is in the way."""
    safe.refuse_unsafe(target, [f"{target.prefix}/bin"])
    environment.recover(target)
    before = record.read(target)
    lifekeeper = registration.is_there(target)
    plan = _plan(target, project, before or Record(), with_lifekeeper=lifekeeper or bool(target.destdir))
    stands = environment.stands(target, before, plan)
    gone = {place: to for place, to in (before or plan).links.items() if place not in plan.links}
    _refuse(target, project, before, plan, stands=stands, lifekeeper=lifekeeper or bool(target.destdir))
    if not target.destdir:
        links.tell_others(target)
    did = not stands
    whole = replace(
        plan, links=gone | plan.links
    )  # until they are gone: a run that is killed is completed by the next
    if stands:
        record.save(target, whole)
    else:
        _make_environment(target, project, before, whole)
    did |= links.take(target, gone, plan.token)
    did |= links.put(target, plan.links, plan.token)
    if lifekeeper or target.destdir:
        did |= _tunables(target, _shipped(project), plan.token)
    now = replace(record.read(target) or whole, links=plan.links)
    if lifekeeper and (new := registration.register(target)):
        now = replace(now, registered=sorted({*now.registered, *new}))
        did = True
    record.save(target, now)
    _last_words(target, did=did, lifekeeper=lifekeeper)


def _refuse(
    target: Target, project: Path, before: Record | None, plan: Record, *, stands: bool, lifekeeper: bool
) -> None:
    """Raise Misconfigured for all that is in the way, before anything is fetched or changed."""
    if before:
        _refuse_move(target, before)
    environment.refuse_foreign(target, before)
    links.refuse_foreign(target, project, plan.links, upgrade=before is not None)
    places = list(plan.links)
    made = [place for place, to in plan.links.items() if not links.stands(target.at(place), to)]
    if lifekeeper:
        places += [target.defaults, target.real(target.defaults)]
        made += [target.real(target.defaults)] if tunables.missing(target.text(target.defaults)) else []
    if not stands:
        environment.refuse_foreign_claim(target)
        made.append(target.prefix)
    safe.refuse_unsafe(target, places)
    safe.refuse_unwritable(target, made)


def _refuse_move(target: Target, before: Record) -> None:
    """Raise Misconfigured when an engine would lose its links because this run names another folder for it."""
    was, now = (before.lkroot, before.defaults), (target.lkroot, target.defaults)
    if was != now and any(place.startswith(f"{before.lkroot}/") for place in before.links):
        raise Misconfigured(
            f"the ec2kit in {target.prefix} belongs to the LifeKeeper in {was[0]}, with {was[1]}",
            f"Give LKROOT={was[0]} DEFAULTS={was[1]} again, or uninstall it first",
        )
    if before.ocf_root != target.ocf_root and any(place.startswith(f"{before.ocf_root}/") for place in before.links):
        raise Misconfigured(
            f"the ec2kit in {target.prefix} belongs to the Pacemaker that looks in {before.ocf_root}",
            f"Give OCF_ROOT={before.ocf_root} again, or uninstall it first",
        )


def _plan(target: Target, project: Path, before: Record, *, with_lifekeeper: bool) -> Record:
    """What is to be there afterwards; the folders and lines that an earlier install made stay on record."""
    places = links.wanted(target, lifekeeper=with_lifekeeper, pacemaker=pacemaker.is_there(target))
    paths = [f"{target.prefix}/bin", *places]
    added: list[str] = []
    created = before.created
    if with_lifekeeper:
        paths.append(target.defaults)
        added = tunables.lines(tunables.missing(target.text(target.defaults)), _shipped(project))
        created = created or not target.at(target.defaults).exists()
    return replace(
        before,
        version=__version__,
        token=before.token or environment.source(project)[:16],
        source=environment.source(project),
        python=environment.python(),
        lkroot=target.lkroot,
        defaults=target.defaults,
        ocf_root=target.ocf_root,
        staged=bool(target.destdir),
        links=places,
        folders=sorted({*before.made_folders(target), *target.missing_parents(paths)}),
        tunables=sorted({*before.tunables, *added}),
        created=created,
    )


def _make_environment(target: Target, project: Path, before: Record | None, plan: Record) -> None:
    """Make the environment, with the plan on record in it."""
    target.make_parent(target.prefix)
    try:
        with _wheels(project) as folder:
            new = environment.build(target, project, folder)
        plan = replace(plan, tree=environment.tree(new), files=environment.files(new))
        (new / record.NAME).write_bytes(record.as_bytes(plan))
        environment.put(target, new)
    except BaseException:
        environment.recover(target)
        target.remove_empty(plan.folders)
        raise
    was = f", in place of {before.version}" if before and before.version != plan.version else ""
    print(f"made the environment {target.prefix}: ec2kit {plan.version}{was}, Python {plan.python}")


@contextmanager
def _wheels(project: Path) -> Iterator[Path]:
    """The bundle's wheels; those of a checkout are fetched first, into a folder that is gone afterwards."""
    if (project / wheels.FOLDER).is_dir():
        wheels.verify(project)
        yield project / wheels.FOLDER
        return
    with tempfile.TemporaryDirectory() as folder:
        print("fetching the dependencies from pip's index ...", flush=True)
        bundle.collect(project, Path(folder))
        yield Path(folder)


def _tunables(target: Target, shipped: str, token: str) -> bool:
    text = target.text(target.defaults)
    names = tunables.missing(text)
    if names:
        file = target.make_parent(target.real(target.defaults))
        write(file, tunables.merge(text, shipped).encode("utf-8", "surrogateescape"), token)
        print(f"added {len(names)} tunables to {target.defaults}, commented out: {' '.join(names)}")
    return bool(names)


def _shipped(project: Path) -> str:
    return (project / "etc/default/LifeKeeper").read_text()


def _last_words(target: Target, *, did: bool, lifekeeper: bool) -> None:
    if not did:
        print(f"nothing to do: ec2kit {__version__} is installed at {target.prefix}")
    if target.destdir and did:
        print("register the kit on the machine itself, unless LifeKeeper knows it already:")
        for program, *arguments in registration.COMMANDS.values():
            print(f"  {target.lkroot}/bin/{program} {' '.join(arguments)}")
    elif not lifekeeper and not target.destdir:
        also = "the command and Pacemaker's agents" if pacemaker.is_there(target) else "the command"
        print(f"LifeKeeper is not at {target.lkroot}: only {also} were installed, for other engines and people")
        print("once LifeKeeper is there, install again; if it is in another folder, name that by LKROOT")
    elif lifekeeper and settings(target.text(target.defaults), {})[0].lkroot != target.lkroot:
        print(f"write LKROOT={target.lkroot} into {target.defaults}: the kit looks for LifeKeeper where that says")
    sudo.tell(target)
