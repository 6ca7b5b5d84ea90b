"""The access key of a resource of its own: proven, kept as a profile of the kit's credentials file, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ec2kit.core import messages, profiles
from ec2kit.core.errors import KitError, Misconfigured, Problem
from ec2kit.core.kinds.facts import RouteTables
from ec2kit.core.model import Reach
from ec2kit.host import files
from ec2kit.lifekeeper.info import Info
from ec2kit.verbs.locate import locate
from ec2kit.verbs.run import Run

_LOCK_SECONDS = 3.0  # for another run to let go of the credentials file, at most


@contextmanager
def kept(tag: str, run: Run) -> Iterator[None]:
    """Put the access key that was given into the kit's credentials file; out again when what is inside fails."""
    key = run.key
    if key is None:
        yield
        return
    profile = profiles.own(tag)
    _change(lambda text: profiles.put(text, profile, key), run)
    try:
        yield
    except BaseException:  # also when the time is up
        try:
            _change(lambda text: profiles.drop(text, profile), run)
        except KitError as error:  # what failed first is what the run tells
            run.log.say(messages.CAUTION, problem=f"the access key of [{profile}] is still kept: {error.why}")
        raise


def prove(tag: str, run: Run) -> None:
    """Put a new access key for that resource into this system's credentials file, once EC2 has accepted it."""
    site = locate(None, run, patient=True)
    site.ec2.ask(RouteTables(site.node.vpc))
    with kept(tag, run):
        run.log.say(messages.KEY_KEPT, profile=profiles.own(tag), file=run.settings.ec2kit_credentials)


def need_own(tag: str, reach: Reach) -> None:
    """Raise Misconfigured for a resource that does not sign with an access key of its own: it would not be used."""
    if profiles.is_own(reach.profile):
        return
    whose = f"the profile {reach.profile}" if reach.profile else "the credentials of the node, such as its role"
    raise Misconfigured(
        f"{tag} signs with {whose}, not with an access key of its own; nothing was changed",
        "To have one, create the resource with --access-key-id ID",
    )


def missing(tag: str, known: Info, run: Run) -> Problem | None:
    """The problem that this system lacks the access key that a resource signs with; None when it does not."""
    path, profile = run.settings.ec2kit_credentials, known.reach.profile
    if not profiles.is_own(profile) or profile in profiles.names(files.read(Path(path))):
        return None
    return Problem(
        f"the resource signs with an access key of its own, and {path} on this system has no [{profile}]",
        f"Run on this system: ec2kit key {tag} --access-key-id ID",
    )


def forget(tag: str, run: Run) -> bool:
    """Take the resource's access key out of this system's credentials file; whether it had one."""
    path, profile = Path(run.settings.ec2kit_credentials), profiles.own(tag)
    there = profile in profiles.names(files.read(path))
    if path.parent.is_dir():  # also for what a run that was killed has left beside the file
        _change(lambda text: profiles.drop(text, profile), run)
    if there:
        run.log.say(messages.KEY_DROPPED, profile=profile, file=path)
    return there


def _change(edit: Callable[[str], str], run: Run) -> None:
    """Change the credentials file; another run that does so is waited for, but not past the end of this one."""
    path = Path(run.settings.ec2kit_credentials)
    seconds = min(_LOCK_SECONDS, max(0.0, run.deadline.seconds - run.deadline.spent))
    with run.deadline.waiting(f"the lock on {path.parent}"):
        files.change(path, edit, seconds=seconds)
