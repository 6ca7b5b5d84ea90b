"""Whether sudo finds the command by its name, and what install says where it does not."""

from __future__ import annotations

import os
import shutil

import pytest

from installer.sudo import hides
from lab import PROJECT
from tests.support.machine import PYTHON, run

# What sudo -V tells root on RHEL 9 and Amazon Linux 2023, and on Debian. Where sudoers(5) sets none, no line does.
REDHAT = (
    "Sudoers path: /etc/sudoers\nValue to override user's $PATH with: /sbin:/bin:/usr/sbin:/usr/bin\nUmask: 022\n"
)
DEBIAN = REDHAT.replace(": /sbin", ": /usr/local/sbin:/usr/local/bin:/sbin")
NONE = "Sudo version 1.9.5p2\n"


def test_where_sudo_looks() -> None:
    """By secure_path, folder by folder; without one it goes by the caller's PATH, which is not ours to judge."""
    found = [hides(told, "/usr/local/sbin") for told in (REDHAT, DEBIAN, NONE, "")]
    assert found == [True, False, False, False]
    assert [hides(DEBIAN, folder) for folder in ("/usr/local", "/srv/sbin", "/sbin")] == [True, True, False]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("sudo"), reason="needs root and sudo")
def test_what_the_systems_sudo_tells() -> None:
    """Debian's own, with the secure_path of RHEL and Amazon Linux, then with Debian's: install's last line."""
    python = "from installer import install, target; install._last_words(target.Target(), did=True, lifekeeper=False)"
    script = """
        mount -t tmpfs -o mode=0755 tmpfs /etc/sudoers.d || exit 9
        echo "Defaults secure_path=$2" > /etc/sudoers.d/own && "$0" -c "$1"
    """
    last = [
        run(
            "/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, PYTHON, python, path, folder=PROJECT
        ).stdout.splitlines()[-1]
        for path in ("/sbin:/bin:/usr/sbin:/usr/bin", "/usr/local/sbin:/usr/bin")
    ]
    assert (
        last[0] == "sudo does not look in /usr/local/sbin; give it the whole path: sudo /usr/local/sbin/ec2kit status"
    )
    assert "sudo" not in last[1]
