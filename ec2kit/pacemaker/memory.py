"""What this node remembers of a resource since it booted, from its own last look or action.

It is advice: what cannot be read is not known, and what cannot be written is a line of the log. A word is that of one
boot, whose id is in a file beside it: a folder that outlives the boot, as in an image, tells nothing of the next.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ec2kit.core import messages
from ec2kit.core.errors import KitError
from ec2kit.host import files
from ec2kit.host.log import Journal
from ec2kit.verbs.claims import boot_id
from ec2kit.verbs.process import settings_now


class Word(StrEnum):
    """What is remembered."""

    HELD = "held"  # a look showed that it is here
    ELSEWHERE = "elsewhere"  # a look showed that it is not, and no change was sent since
    STOPPED = "stopped"  # stop let go of it, and no change was sent since
    UNTOUCHED = (
        "untouched"  # a start has failed before it sent a change, and nothing was written since the boot before
    )
    STARTING = "starting"  # a start may have sent a change; nothing is known of what came of it
    NONE = ""  # nothing was written since the boot


LET_GO = frozenset({Word.ELSEWHERE, Word.STOPPED, Word.UNTOUCHED})  # no change was sent that is not undone


@dataclass(frozen=True)
class Memory:
    """The memory of one resource."""

    kind: str
    instance: str

    @property
    def file(self) -> Path:
        """Where it is kept: a folder that is empty after each boot."""
        folder = os.environ.get("HA_RSCTMP") or "/run/resource-agents"
        return Path(folder, "ec2kit", f"{self.kind}-{files.name_of(self.instance)}")

    @property
    def said(self) -> Path:
        """The file of what its monitors have told already; no resource's memory ends so."""
        return self.file.with_name(f"{self.file.name}+said")

    @property
    def _boot_file(self) -> Path:
        """The file of the boot's id; a former version of the kit does not look at it."""
        return self.file.with_name(f"{self.file.name}+boot")

    def recall(self) -> Word:
        """What was written last since the boot; STARTING, which claims least, when it cannot be read."""
        try:
            remembered, boot = Word(files.read(self.file)), files.read(self._boot_file)
        except (ValueError, KitError):
            return Word.STARTING
        now = boot_id(settings_now())
        if boot and not now:
            return Word.STARTING  # nothing tells whose boot's word it is
        return remembered if boot in {"", now} else Word.NONE

    def write(self, word: Word, log: Journal) -> None:
        """Write it down. When that fails, a probe without an answer takes the resource for not running here."""
        try:
            try:
                files.replace(self._boot_file, boot_id(settings_now()) if word else "")
                files.replace(self.file, word)
            except KitError:
                files.remove(self.file)  # better nothing than an old word; on a full disk there is a way
                raise
        except KitError as error:
            log.say(messages.NOT_REMEMBERED, why=error.why)
