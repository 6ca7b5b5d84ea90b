"""Whose addresses are on this node: who takes one writes that down, so that nobody else here pushes it off.

One file an address, below EC2KIT_HISTORY: who took it, in which boot, and what lost its place by that. It counts
until the address is let go of here, or the node boots. What cannot be written is a line of the log.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ec2kit.core import messages
from ec2kit.core.errors import KitError, Misconfigured, Stale, Unanswered, Unavailable
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.settings import Settings
from ec2kit.core.steps import Ec2Step
from ec2kit.host import files
from ec2kit.host.deadline import now
from ec2kit.verbs.run import Run

BY_HAND = "'ec2kit hold"  # so begins who takes an address without an engine
_PATIENCE = 15.0  # seconds
_POLL = 0.05  # seconds between two tries to get a place's lock
_NOBODY_KNOWS = "a resource that cannot be told (what it has written down cannot be read)"


@dataclass(frozen=True)
class Claim:
    """Who took an address, in which boot (None: any), and which others lost their place by it."""

    holder: str = ""
    boot: str | None = None
    displaced: tuple[str, ...] = ()

    def text(self) -> str:
        """The claim as one line; nothing when it says nothing."""
        return json.dumps(asdict(self)) if self.holder else ""

    @classmethod
    def of(cls, text: str) -> Claim:
        """What text gave. What cannot be read is somebody's claim, too."""
        if not text:
            return cls()
        try:
            told = json.loads(text)
            return cls(str(told["holder"]), str(told["boot"]), tuple(map(str, told["displaced"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            return cls(_NOBODY_KNOWS)


def holder_of(address: str, run: Run) -> str | None:
    """Who else has taken the address on this node since its boot; None: nobody.

    What cannot be read is somebody's, too.
    """
    file = _file(address, run.settings)
    try:
        claim = Claim.of(files.read(file))
    except KitError as error:  # where no file is, nobody has it, whatever is wrong with the folder
        return f"a resource that cannot be told ({error.why.rstrip('.')})" if os.path.lexists(file) else None
    old = claim.boot not in {None, boot_id(run.settings)}
    return None if old or claim.holder in {"", run.holder} else claim.holder


@contextmanager
def taking(resource: Resource, run: Run) -> Iterator[None]:
    """Claim the address before it is taken; not any more when that fails before a change was sent."""
    before = _claim(resource, run)
    try:
        yield
    except BaseException:  # also when the time is up
        if not run.record.acted:
            _write(before, resource, run)
        raise


@contextmanager
def placing(step: Ec2Step, run: Run) -> Iterator[None]:
    """Send a step while nobody else here takes the same place. Raises Stale when somebody has since the look."""
    if not (step.place and run.holder):
        yield
        return
    folder = _folder(run.settings).with_name("places") / files.name_of(step.place)
    with ExitStack() as held:
        try:
            _lock(folder, held, run)
            address, at = _last(files.read(folder / "last"), run)
        except Misconfigured as error:  # without the lock, then
            run.log.say(messages.NOT_REMEMBERED, why=error.why)
            address, at = "", 0.0
        if address not in {"", step.subject} and at > run.deadline.began + run.record.seen:
            raise Stale(f"{address} has taken {step.place} on this node since the look")
        before = _note(step, run)
        try:
            yield
        except Unanswered:  # it may have been carried out
            raise
        except KitError:
            _put(before, step.subject, run)
            raise
        finally:
            with suppress(KitError):  # the next look shows it, too
                files.replace(folder / "last", f"{_boot(run)} {step.subject} {now()}")


def _note(step: Ec2Step, run: Run) -> Claim:
    """Write down what loses its place by the step, before it does; the claim as it was."""
    try:
        before = Claim.of(files.read(_file(step.subject, run.settings)))
    except KitError:  # said when the address was claimed
        return Claim()
    if step.displaced:
        _put(replace(before, displaced=tuple(dict.fromkeys((*before.displaced, *step.displaced)))), step.subject, run)
    return before


def _lock(folder: Path, held: ExitStack, run: Run) -> None:
    """Lock the place; one who holds the lock for longer than a call takes hangs, and is waited for no more."""
    end = time.monotonic() + min(_PATIENCE, run.deadline.left / 2)
    while True:
        try:
            held.enter_context(files.alone(folder))
        except Unavailable:
            if time.monotonic() >= end:
                return
            run.deadline.sleep(_POLL, "another run that takes the same place on this node")
        else:
            return


def _last(text: str, run: Run) -> tuple[str, float]:
    """Who took a place last in this boot, and when by the clock that begins with it."""
    try:
        boot, address, at = text.split()
        return (address, float(at)) if boot == _boot(run) else ("", 0.0)
    except ValueError:
        return "", 0.0


def _boot(run: Run) -> str:
    return boot_id(run.settings) or "-"


def keep(resource: Resource, run: Run) -> None:
    """Claim an address that a look has shown here, unless another resource has taken it here."""
    if not anothers(resource, run):
        _claim(resource, run)


def _claim(resource: Resource, run: Run) -> Claim:
    """Claim the address; the claim that was there."""
    before = _read(resource, run)
    if run.holder:
        _write(replace(before, holder=run.holder, boot=boot_id(run.settings)), resource, run)
    return before


def anothers(resource: Resource, run: Run) -> str | None:
    """The engine's other resource on this node that has taken the address since; None: none has."""
    there = _read(resource, run)
    if not run.holder or there.holder in {"", run.holder} or there.holder.startswith(BY_HAND):
        return None
    return there.holder if there.boot == boot_id(run.settings) else None


def let_go(resource: Resource, run: Run) -> None:
    """Take the claim back, and tell what had lost its place by it."""
    there = _read(resource, run)
    if there.displaced:
        run.log.say(messages.DISPLACED_BEFORE, public_ip=resource.address, others=" ".join(there.displaced))
    if there.holder:
        _write(Claim(), resource, run)
        _tidy(resource.address, run.settings)


def forget(holder: str, settings: Settings) -> None:
    """Take back all claims of somebody who is there no longer. Raises KitError."""
    for file in _folder(settings).glob("*"):
        if Claim.of(files.read(file)).holder == holder:
            files.remove(file)
            _tidy(file.name, settings)


def _tidy(address: str, settings: Settings) -> None:
    """Remove what is left of an address whose claim is gone, as far as nobody is at it; nothing depends on that."""
    places = _folder(settings).with_name("places")
    with suppress(KitError, OSError):
        for folder in places.glob("*"):
            if files.read(folder / "last").split()[1:2] == [address]:
                files.remove(folder / "last")
                folder.rmdir()
    for folder in (places, _folder(settings)):
        with suppress(OSError):  # others are in it
            folder.rmdir()


def boot_id(settings: Settings) -> str:
    """The id of this boot; empty where the kernel does not tell it."""
    try:
        return files.read_anyones(Path(settings.ec2kit_procfs, "sys/kernel/random/boot_id")).strip()
    except OSError:
        return ""


def _read(resource: Resource, run: Run) -> Claim:
    try:
        return Claim.of(files.read(_file(resource.address, run.settings)) if resource.claimed else "")
    except KitError:  # said when it is written
        return Claim()


def _write(claim: Claim, resource: Resource, run: Run) -> None:
    if resource.claimed:
        _put(claim, resource.address, run)


def _put(claim: Claim, address: str, run: Run) -> None:
    try:
        files.replace(_file(address, run.settings), claim.text())
    except KitError as error:
        run.log.say(messages.NOT_REMEMBERED, why=error.why)


def _file(address: str, settings: Settings) -> Path:
    return _folder(settings) / files.name_of(address)


def _folder(settings: Settings) -> Path:
    return Path(settings.ec2kit_history, "held")
