"""Where this system writes down what its runs have come to, once their exit code is fixed. No decision goes by it.

One file a resource: of LifeKeeper's by its tag, in EC2KIT_HISTORY itself, of others by kind and address, in runs
below it. Beside the files are counters, which only grow. What cannot be written is a line of the log.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from ec2kit.core import history, messages
from ec2kit.core.counters import Counters
from ec2kit.core.errors import ExitCode, KitError, Unavailable
from ec2kit.core.history import Entry, Holders
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.settings import Settings
from ec2kit.core.words import one_line
from ec2kit.host import files
from ec2kit.verbs.run import Run

_MOST_FILES = 200  # of addresses; the one that was written least recently goes first
_MOST_WAITING = 100  # runs of one resource that nobody has counted
_RUNS, _COUNTERS, _ENDING = "runs", "counters", ".jsonl"


def file_of(resource: Resource, settings: Settings) -> Path:
    """The file of an address that no resource of LifeKeeper's has."""
    name = files.name_of(f"{resource.kind}-{resource.address}")
    return Path(settings.ec2kit_history, _RUNS, f"{name}{_ENDING}")


def entry(run: Run, outcome: str | KitError, *, engine: str, name: str = "") -> Entry:
    """What a run has come to, of which the outcome is its last line, or why it did not succeed."""
    record, about = run.record, run.record.resource
    code, what = (ExitCode.OK, outcome) if isinstance(outcome, str) else (outcome.code, outcome.why)
    return Entry(
        round(time.time(), 3),
        run.log.action,
        code,
        round(run.deadline.spent, 3),
        one_line(what),
        engine=engine,
        name=name,
        kind=about.kind if about else "",
        address=about.address if about else "",
        before=_holders(record.first, run),
        after=None if record.outdated else _holders(record.view, run),
        steps=tuple((str(step), round(seconds, 3)) for step, seconds in record.timed),
        calls=dict(record.site.ec2.sent) if record.site else {},
    )


def _holders(view: View | None, run: Run) -> Holders | None:
    """What a look has shown to have the address; whose this node's own is, this node knows."""
    found, site = view.holders if view else None, run.record.site
    if not view or found is None or site is None:
        return found
    return {target: site.node.instance if target == view.seat else told for target, told in found.items()}


def keep(new: Entry, file: Path, run: Run) -> None:
    """Count the run, and write it down when it says something new. Where that fails, only who reads it misses it."""
    try:
        if history.worth_keeping(text := files.read(file), new):
            if not text and file.parent.name == _RUNS:
                _make_room(file.parent)
            files.append(file, history.line(new), most=history.MOST_BYTES, keep=history.KEPT_LINES)
        if new.counts:
            _count(Counters.of(new), _counters_of(file))
    except KitError as error:
        run.log.say(messages.HISTORY_LOST, why=error.why)


def keep_address(new: Entry, run: Run) -> None:
    """As keep, for a run of another engine than LifeKeeper, once it is known what it is about."""
    if run.record.resource:
        keep(new, file_of(run.record.resource, run.settings), run)


def _make_room(folder: Path) -> None:
    """Remove what was written least recently, as far as there are more files than there may be."""
    with suppress(OSError):  # another run has removed one
        there = sorted(folder.glob(f"*{_ENDING}"), key=lambda each: each.lstat().st_mtime, reverse=True)
        for each in there[_MOST_FILES - 1 :]:
            with suppress(KitError):  # it is not the kit's
                forget(each)


def entries(file: Path) -> list[Entry]:
    """What has been written down, in the order in which it began. Raises Misconfigured when it cannot be read."""
    return history.entries(files.read(file))


def _count(new: Counters, file: Path) -> None:
    """Add to the counters, with what has waited for that. While another run does so, the new ones wait in a file."""
    with ExitStack() as held:
        try:
            held.enter_context(files.alone(file.parent))
        except Unavailable:
            if len(_waiting(file)) < _MOST_WAITING:
                files.replace(file.with_name(f"{file.name}.{os.getrandom(8, os.GRND_NONBLOCK).hex()}"), new.text())
            return
        waiting = _waiting(file)
        files.replace(file, sum(map(_counted, waiting), _counted(file) + new).text())
        for each in waiting:
            files.remove(each)


def _counted(file: Path) -> Counters:
    return Counters.of_text(files.read(file))


def _counters_of(file: Path) -> Path:
    return file.with_name(_COUNTERS) / file.with_suffix(".json").name


def _waiting(file: Path) -> list[Path]:
    """What runs have counted that could not add it."""
    return list(file.parent.glob(f"{file.name}.{'[0-9a-f]' * 16}"))


def counters(settings: Settings) -> dict[str, Counters]:
    """What has been counted of each resource, by the name that all_of has; what cannot be read is left out.

    What waits is not yet in it, so no number is ever less than before.
    """
    found = {}
    for folder in (Path(settings.ec2kit_history), Path(settings.ec2kit_history, _RUNS)):
        for file in sorted((folder / _COUNTERS).glob("*.json")):
            with suppress(KitError):
                found[_name(folder / file.stem, settings)] = _counted(file)
    return {name: each for name, each in found.items() if each.runs}


def _name(file: Path, settings: Settings) -> str:
    return str(file.relative_to(settings.ec2kit_history))


def all_of(settings: Settings) -> dict[str, list[Entry]]:
    """What has been written down of each resource, by its file's name; what cannot be read is left out."""
    folder, found = Path(settings.ec2kit_history), {}
    for file in sorted((*folder.glob(f"*{_ENDING}"), *(folder / _RUNS).glob(f"*{_ENDING}"))):
        with suppress(KitError):
            found[_name(file.with_suffix(""), settings)] = entries(file)
    return {name: told for name, told in found.items() if told}


def addresses(settings: Settings) -> list[list[Entry]]:
    """What has been written down of each address without LifeKeeper; what cannot be read is left out."""
    return [told for name, told in all_of(settings).items() if name.startswith(f"{_RUNS}/")]


def forget(file: Path) -> None:
    """Remove what is written down there, and the counters. Raises Misconfigured."""
    counted = _counters_of(file)
    for each in (file, counted, *_waiting(counted)):
        files.remove(each)
    with suppress(OSError):  # others are in it
        counted.parent.rmdir()
