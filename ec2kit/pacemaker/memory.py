"""What this node remembers of a resource since it booted, from its own last look or action.

It is advice: what cannot be read is not known, and what cannot be written is a line of the log.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from ec2kit.core import messages
from ec2kit.core.errors import KitError
from ec2kit.host import files
from ec2kit.host.log import Journal


class Word(StrEnum):
    """What is remembered."""

    HELD = "held"  # a look showed that it is here
    ELSEWHERE = "elsewhere"  # a look showed that it is not, and no change was sent since
    STOPPED = "stopped"  # stop let go of it, and no change was sent since
    NONE = ""


NOT_HERE = frozenset({Word.ELSEWHERE, Word.STOPPED})


@dataclass(frozen=True)
class Memory:
    """The memory of one resource."""

    kind: str
    instance: str

    @property
    def file(self) -> Path:
        """Where it is kept: a folder that is empty after each boot."""
        folder = os.environ.get("HA_RSCTMP") or "/run/resource-agents"
        return Path(folder, "ec2kit", f"{self.kind}-{quote(self.instance, safe='')}")

    @property
    def said(self) -> Path:
        """The file of what its monitors have told already; no resource's memory has a plus in its name."""
        return self.file.with_name(f"{self.file.name}+said")

    def recall(self) -> Word:
        """What was written last; NONE when nothing was, or when it cannot be read."""
        try:
            return Word(files.read(self.file))
        except (ValueError, KitError):
            return Word.NONE

    def write(self, word: Word, log: Journal) -> None:
        """Write it down. When that fails, a probe without an answer takes the resource for not running here."""
        try:
            files.replace(self.file, word)
        except KitError as error:
            log.say(messages.NOT_REMEMBERED, why=error.why)
