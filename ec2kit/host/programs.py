"""Programs of this host that tell something: without a shell, bounded in time, found also by a bare PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from ec2kit.core.errors import Unavailable


def search() -> str:
    """Where programs are, also when the caller's PATH is a bare one without the sbin folders."""
    return ":".join(filter(None, [os.environ.get("PATH"), "/usr/sbin:/sbin:/usr/bin:/bin"]))


def installed(program: str) -> bool:
    """Whether this host has it."""
    return shutil.which(program, path=search()) is not None


def path(program: str) -> str:
    """Where the program is. Raises Unavailable when it is not there."""
    found = shutil.which(program, path=search())
    if found is None:
        cure = f"Install the package that has {program}"
        raise Unavailable(f"the program {program} is missing", cure, permanent=True)
    return found


def tell(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run what only reads; its exit code and what it prints. Raises Unavailable.

    One that hangs is killed when this run gives it up or ends by an exception; one that outlives a run that was
    killed does no harm.
    """
    said = " ".join(command)
    try:
        return subprocess.run(
            [path(command[0]), *command[1:]],
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"'{said}' did not end in {error.timeout:.3g} s") from error
    except OSError as error:
        raise Unavailable(f"cannot run '{said}' ({error.strerror})") from error
