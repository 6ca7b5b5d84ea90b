"""What an agent can do without the rest of the kit: as after an upgrade of the host's Python, which finds none of it.

It needs Python's own library alone; the agents' scripts run it by its path. It reads what this node remembers
(ec2kit.pacemaker.memory), and shows a node attribute, which `crm_mon -A` prints.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

ADDRESS = {"route": "ip", "private": "ip", "eip": "elastic_ip"}  # agents, and the parameter that names the address
STAYS = ("route",)  # those whose stop changes nothing
LET_GO = ("elsewhere", "stopped", "untouched")  # words of the memory: no change was sent that is not undone
ABOUT = "+about"  # ends the name of the file that tells what a word is about
SHOWN = "+shown"  # ends that of the file that is there while an attribute is shown
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
_MOST = 65_536  # bytes
_MOST_NAME, _CUT_NAME = 220, 180  # characters of a file's name, as ec2kit.host.files has it
_LONGEST = 200  # characters of an attribute's value
_AGAIN = 600.0  # seconds after which the same is shown again


def folder() -> str:
    """Where the memories are: below a folder that is empty after each boot."""
    return f"{os.environ.get('HA_RSCTMP') or '/run/resource-agents'}/ec2kit"


def place(kind: str, instance: str) -> str:
    """The file of a resource's memory, which has the word."""
    name = quote(os.fsencode(instance), safe="")
    if len(name) > _MOST_NAME:
        name = f"{name[:_CUT_NAME]}+{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return f"{folder()}/{kind}-{name}"


def mark(file: str | Path) -> str:
    """What tells this writing of a file from every other, whatever its text. Raises OSError."""
    facts = os.lstat(file)
    return f"{facts.st_ino}.{facts.st_mtime_ns}"


def answer(kind: str, action: str, why: str) -> int:
    """OCF's exit code of an action where the kit cannot be loaded, which why tells.

    A stop is done where this node has nothing to let go of, or has let go; what watches proves no loss.
    """
    instance = os.environ.get("OCF_RESOURCE_INSTANCE") or kind
    if watches(action):
        with suppress(OSError):  # without the file it could not be taken back
            text = f"the kit cannot be loaded ({why}); install it again"
            mark_shown(f"{place(kind, instance)}{SHOWN}", text)
            show(instance, text)
        return 0
    done = action == "stop" and (kind in STAYS or _has_let_go(kind, instance))
    return 0 if done else 5  # OCF_ERR_INSTALLED


def watches(action: str) -> bool:
    """Whether the action is asked of what was started here, and fails only on a proven loss."""
    recurring = os.environ.get("OCF_RESKEY_CRM_meta_interval") not in {None, "", "0"}  # noqa: SIM112  OCF's name
    return action == "reload-agent" or (action == "monitor" and recurring)


def _has_let_go(kind: str, instance: str) -> bool:
    """Whether a word written since this boot says that this node has nothing to let go of."""
    file = place(kind, instance)
    try:
        if _read(file) not in LET_GO or _is_about_another(kind, file):
            return False
        if not os.path.lexists(f"{file}+boot"):  # a former version's, or this host tells no boot's id
            return True
        boot = Path(os.environ.get("EC2KIT_PROCFS", "/proc"), "sys/kernel/random/boot_id")
        return _read(f"{file}+boot") == boot.read_text().strip()
    except (OSError, ValueError):
        return False


def _is_about_another(kind: str, file: str) -> bool:
    """Whether the word is known to be about another address than the one that is to be stopped."""
    name = f"OCF_RESKEY_{ADDRESS[kind]}"
    try:
        told = json.loads(_read(f"{file}{ABOUT}"))
        was, now = (each.strip().removesuffix("/32") for each in (told["parameters"][name], os.environ.get(name, "")))
        return bool(now) and told["of"] == mark(file) and was != now
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _read(path: str) -> str:
    """A file of this user's, in a folder in which others cannot write."""
    _refuse_foreign(Path(path).parent.lstat())
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK)
    try:
        _refuse_foreign(os.fstat(handle))
        return os.read(handle, _MOST).decode()
    finally:
        os.close(handle)


def mark_shown(path: str, text: str) -> None:
    """Write down what is shown. Raises OSError, also where the same was shown a moment ago: attrd may hang."""
    _refuse_foreign(Path(path).parent.lstat())
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | _NO_LINK, 0o600)
    try:
        facts, new = os.fstat(handle), text.encode(errors="backslashreplace")[:_MOST]
        _refuse_foreign(facts)
        if os.read(handle, _MOST) == new and 0 <= time.time() - facts.st_mtime < _AGAIN:
            raise OSError("it is shown already")
        os.ftruncate(handle, 0)
        os.pwrite(handle, new, 0)
    finally:
        os.close(handle)


def _refuse_foreign(facts: os.stat_result) -> None:
    if facts.st_uid != os.geteuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError("others can write there")


def show(instance: str, text: str) -> None:
    """Have the cluster show a text for the resource on this node. Nobody waits for that, nor needs it."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    _attrd("--update", line[:_LONGEST], "--name", attribute(instance))


def show_no_more(instance: str) -> None:
    """Take the text back."""
    _attrd("--delete", "--name", attribute(instance))


def attribute(instance: str) -> str:
    """The name of a resource's node attribute."""
    return f"ec2kit-{re.sub(r'[^A-Za-z0-9_.-]', '_', instance)}"


def _attrd(*words: str) -> None:
    null = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_RDWR, 0) for each in range(3)]
    for program in ("attrd_updater", "/usr/sbin/attrd_updater"):  # PATH may be without it
        with suppress(OSError):
            os.posix_spawnp(program, [program, *words], os.environ, file_actions=null, setsigmask=[], setsid=True)
            return
