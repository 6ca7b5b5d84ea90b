"""Nothing runs past its budget, whatever hangs: executed runs end on time, with a last line that says why."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lab.protected import SLACK, Protected
from tests.support.programs import last, replaced, seconds


@pytest.mark.parametrize(
    ("action", "setting"),
    [
        ("restore", "EC2_RESTORE_TIMEOUT"),
        ("remove", "EC2_REMOVE_TIMEOUT"),
        ("recover", "EC2_RECOVER_TIMEOUT"),
        ("quickCheck", "EC2_QUICKCHECK_TIMEOUT"),
    ],
)
def test_each_action_has_its_own_budget(eip: Protected, action: str, setting: str) -> None:
    """The setting is read at each run; what it waited for is in the last line."""
    node = eip.lab.node1
    eip.lab.ec2.refuse("slow", "DescribeAddresses")
    node.set(**{setting: 2})
    done = eip.run(action, node)
    assert 2 <= seconds(done) < 2 + 1
    assert done.returncode == (0 if action == "quickCheck" else 9)
    assert "timed out after 2 s, waiting for DescribeAddresses on" in done.stderr.splitlines()[-1]


@pytest.mark.executed
def test_quick_check_whose_log_nobody_reads(routes: Protected) -> None:
    """Standard error is a full pipe and the API hangs: on time, and still no failure."""
    node = routes.lab.node1
    node.set(EC2_QUICKCHECK_TIMEOUT=2)
    routes.lab.ec2.refuse("slow")
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while True:
            os.write(full, b"x" * 65_536)
    os.set_blocking(full, True)
    script = node.lkroot / "subsys/comm/resources/ec2/actions/quickCheck"
    try:
        began = time.monotonic()
        with subprocess.Popen(
            [script, "-t", routes.tag, "-i", routes.id], env=node.environment, stderr=full
        ) as child:
            assert child.wait(30) == 0
        assert 2 < time.monotonic() - began < 2 + 1 + SLACK
    finally:
        os.close(unread)
        os.close(full)


@pytest.mark.executed
@pytest.mark.parametrize("address", ["eip", "routes"])
def test_the_last_line_comes_when_the_time_is_up(
    address: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Even where what draws tables takes long to load: the sentence needs none of it."""
    made: Protected = request.getfixturevalue(address)
    node = made.lab.node1
    slow = tmp_path / "slow"
    (slow / "rich").mkdir(parents=True)
    (slow / "rich/__init__.py").write_text("import time\ntime.sleep(30)\n")
    made.lab.ec2.refuse("hang")
    done = subprocess.run(
        [node.root / "bin/ec2kit", "check", *made.words, "--timeout", "2"],
        env={**node.environment, "PYTHONPATH": os.fspath(slow)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 9
    assert done.stderr.splitlines()[-1].startswith("UNAVAILABLE check ")
    assert "timed out after 2 s, waiting for Describe" in done.stderr.splitlines()[-1]


def test_lifekeeper_hangs(routes: Protected) -> None:
    """A program of LifeKeeper's that does not end is ended, with its children, in time."""
    node = routes.lab.node1
    node.set(EC2_RESTORE_TIMEOUT=1, EC2_QUICKCHECK_TIMEOUT=1)
    replaced(node, "ins_list", "sleep 30 & sleep 30")
    began = time.monotonic()
    done = routes.run("restore", node)
    assert time.monotonic() - began < 1 + 1 + SLACK, "its child, which keeps the output open, holds nothing up both"
    assert done.returncode == 9
    assert "LifeKeeper's ins_list" in last(done)
    assert routes.run("quickCheck", node).returncode == 0


def test_throttled_for_ever_ends_in_time_and_says_so(both: Protected) -> None:
    """9 within the budget, and the last line names throttling, not just the time."""
    node = both.lab.node2
    node.set(EC2_RESTORE_TIMEOUT=5)
    both.lab.ec2.refuse("throttled")
    began = time.monotonic()
    done = both.run("restore", node)
    assert time.monotonic() - began < 5 + 1 + SLACK
    assert done.returncode == 9
    assert "EC2 throttled Describe" in done.stderr.splitlines()[-1]
    assert both.holder() == "node1"
