"""The kit's tunables in /etc/default/LifeKeeper: a block behind what is there, and its undo. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

NAMES = (
    "EC2_RESTORE_TIMEOUT",
    "EC2_REMOVE_TIMEOUT",
    "EC2_RECOVER_TIMEOUT",
    "EC2_QUICKCHECK_TIMEOUT",
    "EC2_MAX_RETRY",
    "IP_NOLINKCHECK",
    "IP_WAIT_LINKDOWN",
    "IP_MAX_LINKCHK",
)
BEGIN = "# --- ec2kit begin: added by its installer; its uninstaller takes these lines out ---"
END = "# --- ec2kit end ---"

_SETTING = re.compile(r"#?([A-Z][A-Z0-9_]*)=")
# The line end in front of BEGIN is the block's own, and of the same kind as the one behind it.
_BLOCK = re.compile(
    rf"(?:\A|\r\n(?={re.escape(BEGIN)}\r\n)|\n){re.escape(BEGIN)}(\r?\n)"
    rf"((?:(?!{re.escape(BEGIN)}).)*?){re.escape(END)}(?:\r?\n|\Z)",
    re.DOTALL,
)


def missing(text: str) -> list[str]:
    """The tunables that the text does not mention, neither set nor commented out."""
    return [name for name in NAMES if not re.search(rf"^[ \t#]*(?:export[ \t]+)?{name}[ \t]*=", text, re.MULTILINE)]


def lines(names: Collection[str], shipped: str) -> list[str]:
    """What the shipped file says of these tunables: their comments, and each commented out at its default."""
    found: list[str] = []
    for paragraph in shipped.split("\n\n"):
        rows = paragraph.strip("\n").split("\n")
        settings = [row for row in rows if (named := _SETTING.match(row)) and named[1] in names]
        if settings:
            found += [*([""] if found else []), *(row for row in rows if not _SETTING.match(row)), *settings]
    return found


def merge(text: str, shipped: str) -> str:
    """The text with a block of its missing tunables behind it; the text itself stays as it is."""
    names = missing(text)
    if not names:
        return text
    dos = "\r\n" in text and text.count("\r\n") == text.count("\n")
    end = "\r\n" if dos else "\n"
    block = "".join(line + end for line in (BEGIN, *lines(names, shipped), END))
    return text + (end if text else "") + block


def unmerge(text: str, written: Collection[str]) -> tuple[str, list[str]]:
    """The text without our blocks, and the lines of them that stay because they were edited.

    written: the lines that merge wrote. A block whose end mark is gone stays, and is told as edited.
    """
    kept: list[str] = []
    while blocks := list(_BLOCK.finditer(text)):
        block = blocks[-1]  # the last first: the block before it then ends the text, as it did when it was written
        end = block[1]
        edited = [line for line in block[2].replace("\r\n", "\n").split("\n")[:-1] if line not in written]
        before, behind = text[: block.start()], text[block.end() :]
        if before and not before.endswith("\n") and (edited or behind):
            before += end
        text = before + "".join(line + end for line in edited) + behind
        kept = edited + kept
    return text, [*kept, *([BEGIN] if BEGIN in text else [])]
