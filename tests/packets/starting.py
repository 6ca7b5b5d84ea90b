"""The lab with real packets is started and stopped by a command each, and nothing of it is left, come what may."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
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


def leave_nothing(processes: Sequence[int], spaces: set[str], before: dict[str, object]) -> None:
    """Soon these processes and network namespaces are gone, and the machine is as before."""
    limit = time.monotonic() + 10
    while (spaces & networks() or Path(f"/proc/{processes[0]}").exists()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not spaces & networks()
    assert not [each for each in processes if Path(f"/proc/{each}").exists()]
    assert machine() == before


@pytest.mark.usefixtures("stopped")
def test_start_and_stop_leave_nothing_behind() -> None:
    """After `stop` the machine is as before: processes and networks too."""
    command = [sys.executable, "-m", "lab.net"]
    before = machine()
    started = subprocess.run(
        [*command, "start", "--tables", "3"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    asked = subprocess.run([*command, "tell", "hosts"], cwd=PROJECT, capture_output=True, text=True, check=True)
    told: dict[str, int] = json.loads(asked.stdout)
    processes = [told.pop("lab"), *told.values()]
    spaces = networks_of(processes)
    assert len(spaces) == 5, "router, two nodes, client and internet"
    again = subprocess.run([*command, "start"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (again.returncode, "runs already" in again.stderr) == (1, True)
    entered = subprocess.run(
        [*command, "enter", "node1", "hostname"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert entered.stdout == "node1\n"
    subprocess.run([*command, "stop"], cwd=PROJECT, check=True)
    leave_nothing(processes, spaces, before)


KILLED = """
import signal, sys
from pathlib import Path
from lab.net.network import net_lab
with net_lab(Path(sys.argv[1]).read_bytes()) as lab:
    print(*(host.pid for host in lab.hosts.values()), flush=True)
    signal.pause()
"""


def test_a_lab_that_was_killed_leaves_nothing_behind(kit: bytes, tmp_path: Path) -> None:
    """With kill -9, which no code of it hears."""
    (tmp_path / "kit").write_bytes(kit)
    before = machine()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "kit")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        processes = [lab.pid, *map(int, lab.stdout.readline().split())]
        spaces = networks_of(processes)
        assert len(spaces) == 5, "router, two nodes, client and internet"
        lab.kill()
    leave_nothing(processes, spaces, before)


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
