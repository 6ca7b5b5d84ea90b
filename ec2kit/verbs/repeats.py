"""What the runs that watch a resource say again and again, kept from one run to the next.

It is advice: where it cannot be read or written, each run tells each line.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from ec2kit.core import messages
from ec2kit.core.errors import KitError
from ec2kit.core.repetition import of_text, remembered, text
from ec2kit.host import files
from ec2kit.host.log import Journal, clock

_NO_ANSWER = tuple(f"{message.number:06d} " for message in (messages.END_UNKNOWN, messages.END_MISCONFIGURED))


def recall(path: Path, log: Journal) -> None:
    """Let the log be silent about what former runs have told."""
    log.past = {}
    with suppress(KitError):
        log.past = of_text(files.read(path))


def keep(path: Path, log: Journal, *, answered: bool) -> None:
    """Keep what this run has said, or would have; tell when there is an answer again. answered: there was one."""
    past, said = log.past or {}, log.said
    if answered:
        waited = [each for line, each in past.items() if line.startswith(_NO_ANSWER)]
        past = {line: each for line, each in past.items() if not line.startswith(_NO_ANSWER)}
        if waited:
            since = clock(min(each.since for each in waited))
            log.say(messages.ANSWERED, times=sum(each.times for each in waited), since=since)
            said = {
                line: each for line, each in said.items() if not line.startswith(f"{messages.ANSWERED.number:06d}")
            }
    new = remembered(past, said, time.time())
    if new or log.past:
        with suppress(KitError):
            files.replace(path, text(new))


def silent_since(log: Journal) -> float | None:
    """When the runs without an answer began, in seconds since 1970; None: this one has had one, or tells nothing."""
    silent = [each.since for line, each in ((log.past or {}) | log.said).items() if line.startswith(_NO_ANSWER)]
    return min(silent, default=None)
