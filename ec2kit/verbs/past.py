"""Where this system writes down what its runs have come to, once their exit code is fixed. No decision goes by it.

One file a resource: of LifeKeeper's by its tag, in EC2KIT_HISTORY itself, of others by kind and address, in runs
below it. What cannot be written is a line of the log.
"""

from __future__ import annotations

import time
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
_ENDING = ".jsonl"


def file_of(resource: Resource, settings: Settings) -> Path:
    """The file of an address that no resource of LifeKeeper's has."""
    name = files.name_of(f"{resource.kind}-{resource.address}")
    return Path(settings.ec2kit_history, "runs", f"{name}{_ENDING}")


def entry(
    run: Run, outcome: str | KitError, *, engine: str, name: str = "", resource: Resource | None = None
) -> Entry:
    """What a run has come to, of which the outcome is its last line, or why it did not succeed."""
    record = run.record
    about = resource or record.resource
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
        if history.worth_keeping(files.read(file), new):
            files.append(file, history.line(new), most=history.MOST_BYTES, keep=history.KEPT_LINES)
    except KitError as error:
        run.log.say(messages.HISTORY_LOST, why=error.why)


def entries(file: Path) -> list[Entry]:
    """What has been written down, in the order in which it began. Raises Misconfigured when it cannot be read."""
    return history.entries(files.read(file))


def forget(file: Path) -> None:
    """Remove what is written down in the file's place. Raises Misconfigured."""
    files.remove(file)
