"""The whole story on the lab, with LifeKeeper's stand-in at work: create, extend, switchover, repair, failover."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from lab import PROJECT, demo
from lab.nodes import Lab, route_lab
from lab.protected import eni_of

Play = Callable[[Path], tuple[str, list[str]]]
EDGES = "┏┓┃┡┩│└┘"  # the first and the last character of a table's row


def routes(folder: Path) -> tuple[str, list[str]]:
    """The first scenario: what it shows, and its problems."""
    said = io.StringIO()
    problems = demo.play_routes(folder, Console(file=said, width=80))
    return said.getvalue(), problems


@pytest.mark.parametrize(
    "play", [routes, partial(demo.play_aside, width=80, terminal=False)], ids=["routes", "address"]
)
def test_every_step_of_the_demo_is_as_it_should_be(play: Play, tmp_path: Path) -> None:
    """The story of `make demo`, which fits 80 columns: no line is wider, no row of a table is broken."""
    said, problems = play(tmp_path)
    assert problems == [], said
    assert said.count(". create on node1") == 1
    assert "9. LifeKeeper on node2 notices: failover  ok" in said
    rows = [line.strip() for line in said.splitlines() if set(line) & set(EDGES)]
    assert all(row[0] in EDGES and row[-1] in EDGES for row in rows)
    assert len(rows) > 60
    assert max(map(len, said.splitlines())) <= 80


def test_a_step_that_is_not_as_it_should_be_is_told(tmp_path: Path) -> None:
    """The demo cannot pass by itself: denied changes show as what they are."""

    def spoil(lab: Lab) -> None:
        lab.ec2.refuse("denied", "ReplaceRoute")
        for node in lab.nodes.values():
            node.set(EC2_MAX_RETRY=0)

    said = io.StringIO()
    problems = demo.play_routes(tmp_path, Console(file=said, width=200), before=spoil)
    assert any("switchover, on node2" in problem for problem in problems)
    assert "FAILED" in said.getvalue()
    assert "Allow ec2:ReplaceRoute" in said.getvalue()


def test_when_local_recovery_fails_the_peer_takes_over(tmp_path: Path) -> None:
    """recover is denied on node1 only; LifeKeeper removes there and restores on node2."""
    with route_lab(tmp_path) as lab:
        for command in (("create", "--type", "route-table", "--ip-resource", "ip-vip"),):
            assert lab.node1.ec2kit(*command).returncode == 0
        assert lab.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2").returncode == 0
        assert lab.node1.action("quickCheck", "-t", "ec2-ip-vip", "-i", "EC2-10.1.0.10").returncode == 0
        key = lab.ec2.calls[-1].key
        lab.ec2.refuse("denied", "ReplaceRoute", key=key)
        lab.ec2.truth().replace_route(
            RouteTableId=lab.vpc.tables["A"],
            DestinationCidrBlock="10.1.0.10/32",
            NetworkInterfaceId=eni_of(lab, "node1", "eth0"),
        )
        assert lab.node1.lk("lkcheck", "--once").returncode == 0
        states = lab.node2.lk("ins_list", "-fC").stdout + lab.node1.lk("ins_list", "-fC").stdout
        assert "node2CcommCec2Cec2-ip-vip" in states
        assert sorted(row.split("C")[0] for row in states.splitlines() if "CISPC" in row) == ["node2", "node2"]
        assert not [line for line in lab.node1.lk("ins_list", "-fC").stdout.splitlines() if "CISPC" in line]


@pytest.mark.parametrize("scenario", ["route", "eip"])
def test_the_lab_by_hand(scenario: str) -> None:
    """`python -m lab`: a shell that sources a node's file is on that node; Ctrl-C takes everything away."""
    command = [sys.executable, "-m", "lab", scenario]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as lab:
        assert lab.stdout is not None
        said = list(iter(lab.stdout.readline, "Ctrl-C ends the lab.\n"))
        try:
            enter = {line.partition(":")[0]: line.split()[-1] for line in said[:2]}
            example = next(line for line in said if "ec2kit plan" in line).strip()
            entered = Path(enter["node1"]).read_text()
            assert all(f"export {name}=" in entered for name in ("EC2KIT_HISTORY", "EC2KIT_CREDENTIALS"))
            shells = [["/bin/sh", "-c", f". {enter[name]} && {example}"] for name in ("node1", "node2")]
            outputs = [subprocess.run(shell, capture_output=True, text=True, check=True) for shell in shells]
        finally:
            lab.send_signal(signal.SIGINT)
        assert lab.wait(20) == 0
    assert [output.stdout.split()[0] for output in outputs] == ["OK", "PLAN"]
    assert not Path(enter["node1"]).exists()
