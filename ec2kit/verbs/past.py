"""Where this system writes down what its runs have come to, once their exit code is fixed. No decision goes by it.

One file a resource: of LifeKeeper's by its tag, in EC2KIT_HISTORY itself, of others by kind and address, in runs
below it. What cannot be written is a line of the log.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from ec2kit.core import history, messages
from ec2kit.core.errors import ExitCode, KitError
from ec2kit.core.history import Entry, Holders
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.settings import Settings
from ec2kit.core.words import one_line
from ec2kit.host import files
from ec2kit.verbs.run import Run

_MOST_FILES = 200  # of addresses; the one that was written least recently goes first
_RUNS, _ENDING = "runs", ".jsonl"


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
    """Write an entry down when it says something new. Where that fails, nothing but who reads it misses it."""
    try:
        if history.worth_keeping(text := files.read(file), new):
            if not text and file.parent.name == _RUNS:
                _make_room(file.parent)
            files.append(file, history.line(new), most=history.MOST_BYTES, keep=history.KEPT_LINES)
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


def all_of(settings: Settings) -> dict[str, list[Entry]]:
    """What has been written down of each resource, by its file's name; what cannot be read is left out."""
    folder, found = Path(settings.ec2kit_history), {}
    for file in sorted((*folder.glob(f"*{_ENDING}"), *(folder / _RUNS).glob(f"*{_ENDING}"))):
        with suppress(KitError):
            found[str(file.relative_to(folder)).removesuffix(_ENDING)] = entries(file)
    return {name: told for name, told in found.items() if told}


def forget(file: Path) -> None:
    """Remove what is written down in the file's place. Raises Misconfigured."""
    files.remove(file)
