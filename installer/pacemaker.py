"""Pacemaker: whether this machine has it, and whether its configuration has resources of the kit."""

from __future__ import annotations

import re
import shutil
import subprocess

from ec2kit.core.errors import Misconfigured
from installer.target import Target

_SECONDS = 30.0
_QUERY = ("--query", "--xpath", "//primitive[@provider='ec2kit']")


def is_there(target: Target) -> bool:
    """Whether agents are looked for on this machine; always when files are only staged in DESTDIR."""
    return bool(target.destdir) or target.at(f"{target.ocf_root}/resource.d").is_dir()


def refuse_in_use(target: Target) -> None:
    """Raise Misconfigured while the running cluster has resources of the kit's agents."""
    program = shutil.which("cibadmin", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if target.destdir or program is None:
        return
    try:
        found = subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Misconfigured("cibadmin does not answer", "See what the cluster does: crm_mon -1") from None
    if found.returncode:  # none, or no cluster runs here
        return
    names = re.findall(r'<primitive [^>]*\bid="([^"]+)"', found.stdout)
    raise Misconfigured(
        f"Pacemaker still has resources of the kit: {', '.join(names)}",
        f"Delete them first: {'; '.join(f'crm configure delete {name}' for name in names)}",
    )
