"""What this system writes down of a resource of LifeKeeper's: what its actions have come to, and what they told."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

from ec2kit.core.errors import KitError
from ec2kit.core.settings import Settings
from ec2kit.host import files
from ec2kit.verbs import past


def file_of(tag: str, settings: Settings) -> Path:
    """The resource's file; any tag is one name in one folder."""
    return Path(settings.ec2kit_history, f"{files.name_of(tag)}.jsonl")


def said_of(tag: str, settings: Settings) -> Path:
    """The file of what its quickChecks have told already."""
    return file_of(tag, settings).with_suffix(".said")


def change_of(tag: str, settings: Settings) -> Path:
    """The file of what is needed to complete a change of its form that was cut off."""
    file = file_of(tag, settings)
    return file.with_name("changes") / file.with_suffix(".json").name


def changes(settings: Settings) -> list[str]:
    """The tags of which there is such a file."""
    folder = Path(settings.ec2kit_history, "changes")
    return sorted(_tag_of(file) for file in folder.glob("*.json"))


def _tag_of(file: Path) -> str:
    """What the file says, for a long tag is not in its name; else what its name says."""
    try:
        return str(json.loads(files.read(file))["tag"])
    except (ValueError, TypeError, KeyError, KitError):
        return unquote(file.stem)


def forget(tag: str, settings: Settings) -> None:
    """Remove what is kept of the resource. Raises Misconfigured."""
    past.forget(file_of(tag, settings))
    files.remove(said_of(tag, settings))
    files.remove(change_of(tag, settings))
