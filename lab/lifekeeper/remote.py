"""lcdremexec and lcdrcp: commands and files for another system, here another folder of this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.lifekeeper import store
from lab.lifekeeper.actions import environment_of
from lab.lifekeeper.store import LcdError

if TYPE_CHECKING:
    from lab.lifekeeper.store import Call


def there(text: str, own: str, other: str) -> str:
    """Give a text with every path in one LKROOT as the same path in another's; all else as it is.

    On real nodes both have the same LKROOT.
    """
    return re.sub(rf"(?<![\w./~-]){re.escape(own)}(?![\w.~-])", lambda _: other, text)


def lcdremexec(call: Call) -> int:
    """Let a shell on a system run a command, with that system's environment.

    Its exit status, 9 when the time is over. SIOS's AWS quick start and Generic Application examples: the command is
    one word for a shell, such as "[ -f PATH ]". That several words are joined by blanks is inferred.
    """
    if not call.words:
        raise LcdError(store.SYNTAX, "say which command")
    seconds = call.options.get("t", "3600")
    if not seconds.isdecimal():
        raise LcdError(store.ILLEGAL, f"{seconds} is no number of seconds")
    own, other = store.lkroot_of(call.db, call.own), store.lkroot_of(call.db, call.target)
    process = subprocess.Popen(
        ["/bin/sh", "-c", there(" ".join(call.words), own, other)],
        env=environment_of(other),
        cwd=other,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        status = process.wait(timeout=int(seconds) or None)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise LcdError(store.COMMUNICATION, f"no answer from {call.target} in {seconds} s") from None
        raise
    return status if status >= 0 else 128 - status


def lcdrcp(call: Call) -> int:
    """Copy files to `system:path`; a path outside LKROOT lands in the folder that holds the other's LKROOT.

    2 without a file or a destination, 1 for a file that is not there, 9 when the system is down.
    """
    system, colon, path = call.words[-1].partition(":") if len(call.words) > 1 else ("", "", "")
    if not colon:
        raise LcdError(store.SYNTAX, "lcdrcp file... system:path")
    store.need_up(call.db, system)
    own, other = store.lkroot_of(call.db, call.own), store.lkroot_of(call.db, system)
    place = there(path, own, other)
    if not place.startswith(other):
        place = f"{Path(other).parent}/{path.lstrip('/')}"
    target = Path(place)
    if path.endswith("/") or len(call.words) > 2:
        target.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    for file in call.words[:-1]:
        shutil.copy(file, target)
    return store.OK
