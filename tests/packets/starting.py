"""The lab with real packets is started and stopped by a command each, and nothing of it is left, come what may."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lab import PROJECT
from lab.net.hosts import networks


def machine() -> dict[str, object]:
    """What a lab could leave on this machine: named networks, links, rules, routes, mounts, files."""
    told = {
        words: subprocess.run(words.split(), capture_output=True, text=True, check=True).stdout
        for words in ("ip netns", "ip -o link", "ip rule", "ip route show table all", "nft list ruleset")
    }
    return {
        **{words: re.sub(r"\b(state|qlen) \S+", "", text) for words, text in told.items()},
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "files": sorted(str(path) for folder in ("/run", "/mnt", "/etc") for path in Path(folder).iterdir()),
    }


def networks_of(pids: Iterable[int]) -> set[str]:
    """The network namespaces of processes."""
    return {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in pids}


@pytest.fixture
def stopped() -> Iterator[None]:
    """However a test ends, no lab of it runs on."""
    yield
    subprocess.run([sys.executable, "-m", "lab.net", "stop"], cwd=PROJECT, check=False)


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("end", ["stop", "kill -9"])
def test_start_and_stop_leave_nothing_behind(end: str) -> None:
    """After `stop`, and after the lab was killed with -9, the machine is as before: processes and networks too."""
    command = [sys.executable, "-m", "lab.net"]
    before = machine()
    started = subprocess.run(
        [*command, "start", "--tables", "3"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    asked = subprocess.run([*command, "tell", "hosts"], cwd=PROJECT, capture_output=True, text=True, check=True)
    told: dict[str, int] = json.loads(asked.stdout)
    pid = told.pop("lab")
    spaces = networks_of([pid, *told.values()])
    assert len(spaces) == 5, "router, two nodes, client and internet"
    again = subprocess.run([*command, "start"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (again.returncode, "runs already" in again.stderr) == (1, True)
    entered = subprocess.run(
        [*command, "enter", "node1", "hostname"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert entered.stdout == "node1\n"
    if end == "stop":
        subprocess.run([*command, "stop"], cwd=PROJECT, check=True)
    else:
        os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 10
    while (spaces & networks() or Path(f"/proc/{pid}").exists()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not spaces & networks()
    assert not [each for each in (pid, *told.values()) if Path(f"/proc/{each}").exists()]
    assert machine() == before


def test_an_unprivileged_user_is_told_in_one_line() -> None:
    """Without root: one plain line, and an exit code that is not 0."""
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "lab.net", "start"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        user=65534,
    )
    assert done.returncode == 1
    assert done.stderr == "The lab with real packets needs root: it makes network namespaces. Run it as root.\n"
