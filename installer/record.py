"""What install made, kept in PREFIX/installed.json for the next install and for uninstall."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

from ec2kit.core.errors import Misconfigured
from installer.target import Target, write

NAME = "installed.json"


@dataclass(frozen=True)
class Record:
    """All paths as the installed kit sees them, without DESTDIR."""

    version: str = ""
    source: str = ""  # digest of what the environment was made from
    python: str = ""  # the Python that it was made with
    tree: str = ""  # digest of the environment's files
    lkroot: str = ""
    defaults: str = ""  # LifeKeeper's settings file
    ocf_root: str = ""  # where Pacemaker finds agents
    staged: bool = False  # with DESTDIR
    links: dict[str, str] = field(default_factory=dict)  # place: what it points to
    folders: list[str] = field(default_factory=list)  # that were not there
    tunables: list[str] = field(default_factory=list)  # lines that were added to the settings file
    created: bool = False  # the settings file was not there
    registered: list[str] = field(default_factory=list)  # "app", "type": were not known to LifeKeeper

    def made_folders(self, target: Target) -> list[str]:
        """The folders to remove when they are empty. Those missing in a DESTDIR are not asked for elsewhere."""
        if not self.staged or target.destdir:
            return self.folders
        return [
            path for path in self.folders if path.startswith((f"{self.lkroot}/", f"{self.ocf_root}/", target.prefix))
        ]


def read(target: Target) -> Record | None:
    """The record of what is in PREFIX; None when there is none. Misconfigured when it cannot be read."""
    path = target.at(f"{target.prefix}/{NAME}")
    try:
        found = json.loads(path.read_bytes())
        return Record(**{each.name: found[each.name] for each in fields(Record) if each.name in found})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Misconfigured(
            f"{path} is not a record of an installation ({error})", "Delete it and install again"
        ) from error


def save(target: Target, record: Record) -> None:
    """Write the record, unless it says that already."""
    if read(target) != record:
        write(target.at(f"{target.prefix}/{NAME}"), as_bytes(record))


def as_bytes(record: Record) -> bytes:
    """The record as the file's content."""
    return (json.dumps(asdict(record), indent=1, sort_keys=True) + "\n").encode()
