"""Answers of no meaning, and a last line that comes although the time is up: what the fault matrix has found."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab.nodes import Node
from lab.protected import Protected


def with_eni(eni: str, node: Node) -> None:
    """Let the metadata service of a node give that id for the ENI behind eth1."""
    first, second = node.identity.interfaces
    node.imds.identity = replace(node.identity, interfaces=(first, replace(second, eni=eni)))


def test_an_interface_id_that_is_none_is_no_answer(either: Protected) -> None:
    """9, with the metadata service as the cause: nothing is known of the account then, and nobody has to act."""
    with_eni("<html>", either.lab.node2)
    done = either.run("restore", either.lab.node2)
    assert done.returncode == 9
    assert "the metadata service gave a network interface id that is none" in done.stderr.splitlines()[-1]
    assert [call for call in either.lab.ec2.calls if "ec2kit/" in call.agent] == []


def test_nmcli_that_prints_bytes_of_no_meaning(eip: Protected) -> None:
    """It is no bug of ours: the run ends with a line that names the interface."""
    node = eip.lab.node2
    (node.root / "bin/nmcli").write_text("#!/bin/sh\nprintf '\\377\\376\\000'\n")
    (node.sysfs / "class/net/eth1/carrier").write_text("0\n")
    node.set(IP_WAIT_LINKDOWN=0, IP_MAX_LINKCHK=1, EC2_MAX_RETRY=0)
    done = eip.run("restore", node)
    assert done.returncode in {1, 9}
    assert "Traceback" not in done.stderr
    assert "eth1 still has no link" in done.stderr.splitlines()[-1]


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
