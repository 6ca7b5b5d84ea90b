"""What install made, kept in PREFIX/installed.json for the next install and for uninstall."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

from ec2kit.core.errors import Misconfigured
from installer.target import Target, write

NAME = "installed.json"
_CURE = "Is it a copy, or another program's? Name another folder: PREFIX=/opt/other. Else move the folder away"


@dataclass(frozen=True)
class Record:
    """All paths as the installed kit sees them, without DESTDIR."""

    version: str = ""
    source: str = ""  # digest of what the environment was made from
    python: str = ""  # the Python that it was made with
    tree: str = ""  # digest of the environment's files
    files: list[str] = field(default_factory=list)  # their names, below PREFIX; 0.1.0 did not write them down
    token: str = ""  # in the names of files and links that are made beside others, to replace them
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
    """The record of what is in PREFIX; None when there is none. Misconfigured when it is not of an ec2kit there."""
    path = target.at(f"{target.prefix}/{NAME}")
    if not path.is_file():
        return None
    try:
        known = json.loads(path.read_bytes())
        found = Record(**{each.name: known[each.name] for each in fields(Record) if each.name in known})
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{path} is not a record of ./install ({error})", _CURE) from error
    usual = Record()
    odd = [
        each.name for each in fields(Record) if type(getattr(found, each.name)) is not type(getattr(usual, each.name))
    ]
    texts = () if odd else (*found.links.values(), *found.files, *found.folders, *found.tunables, *found.registered)
    if odd or not found.links or not all(isinstance(each, str) for each in texts):
        raise Misconfigured(f"{path} is not a record of ./install ({', '.join(odd) or 'links'})", _CURE)
    if other := [to for to in found.links.values() if not to.startswith(f"{target.prefix}/")]:
        raise Misconfigured(f"{path} is not of an ec2kit in {target.prefix}: its links lead to {other[0]}", _CURE)
    return found


def save(target: Target, record: Record) -> None:
    """Write the record, unless it says that already."""
    if read(target) != record:
        write(target.at(f"{target.prefix}/{NAME}"), as_bytes(record), record.token)


def as_bytes(record: Record) -> bytes:
    """The record as the file's content."""
    return (json.dumps(asdict(record), indent=1, sort_keys=True) + "\n").encode()
