"""sudo: whether it looks for commands where install puts this one. On RHEL and Amazon Linux it does not."""

from __future__ import annotations

import re
import shutil
import subprocess

from installer.target import Target

_SECONDS = 5.0
_SECURE_PATH = re.compile(r"^Value to override user's \$PATH with: (.*)$", re.MULTILINE)  # what sudoers(5) gives it


def tell(target: Target) -> None:
    """Say how sudo finds the command, where it does not find it by its name."""
    program = shutil.which("sudo", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if target.destdir or program is None:
        return
    try:  # sudo itself knows what the configuration comes to, and tells root
        command = [program, "-V"]
        told = subprocess.run(command, env={}, capture_output=True, text=True, timeout=_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):  # a hint is not worth more
        return
    if hides(told, target.sbin):
        print(f"sudo does not look in {target.sbin}; give it the whole path: sudo {target.sbin}/ec2kit status")


def hides(told: str, folder: str) -> bool:
    """Whether sudo, by what its -V has told, replaces the caller's PATH by one without the folder."""
    secure = _SECURE_PATH.search(told)
    return secure is not None and folder not in secure[1].split(":")
