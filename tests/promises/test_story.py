"""The whole story on the lab, with LifeKeeper's stand-in at work: create, extend, switchover, repair, failover."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from ec2kit.lifekeeper import contract
from lab import PROJECT, demo
from lab.ec2.vpc import AddressLab, addresses, snapshot
from lab.nodes import Lab, address_lab, route_lab
from lab.protected import eni_of
from tests.support.hierarchy import CREATE, EIP, FORMS, ROUTE, no_locks, protected, states
from tests.support.programs import good

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
    assert "11. LifeKeeper on node2 notices: failover  ok" in said
    rows = [line.strip() for line in said.splitlines() if set(line) & set(EDGES)]
    assert all(row[0] in EDGES and row[-1] in EDGES for row in rows)
    assert len(rows) > 50
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


@pytest.mark.parametrize("form", FORMS)
def test_when_local_recovery_fails_the_peer_takes_over(form: str, tmp_path: Path) -> None:
    """recover is denied on node1 only; LifeKeeper removes there and restores on node2."""
    with route_lab(tmp_path, manager=form == "gen/app") as lab:
        protected(lab, ROUTE, form=form)
        assert lab.node1.action("quickCheck", "-t", "ec2-ip-vip", "-i", "EC2-10.1.0.10").returncode == 0
        key = lab.ec2.calls[-1].key
        lab.ec2.refuse("denied", "ReplaceRoute", key=key)
        lab.ec2.truth().replace_route(
            RouteTableId=lab.vpc.tables["A"],
            DestinationCidrBlock="10.1.0.10/32",
            NetworkInterfaceId=eni_of(lab, "node2", "eth0"),
        )
        lab.node1.set(EC2_MAX_RETRY=0)
        assert lab.node1.lk("lkcheck", "--once").returncode == 0
        states = lab.node2.lk("ins_list", "-fC").stdout + lab.node1.lk("ins_list", "-fC").stdout
        assert f"node2C{form.replace('/', 'C')}Cec2-ip-vip" in states
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tag", [ROUTE, EIP])
def test_create_extend_switchover_unextend_delete(tag: str, form: str, tmp_path: Path, forks: Path | None) -> None:
    """The whole life; only the switchover changes AWS, and at the end LifeKeeper is as it was before."""
    with (route_lab if tag == ROUTE else address_lab)(tmp_path, forks=forks, manager=form == "gen/app") as lab:
        top = "ip-vip" if tag == ROUTE else tag
        before, listed = snapshot(lab.ec2.truth()), lab.node1.lk("ins_list").stdout
        protected(lab, tag, form=form)
        assert snapshot(lab.ec2.truth()) == before
        assert states(lab, tag) == {"node1": "ISP", "node2": "OSU"}
        good(lab.node2.ec2kit("in-service", top))
        assert states(lab, tag) == {"node1": "OSU", "node2": "ISP"}
        after = snapshot(lab.ec2.truth())
        assert after != before

        refused = lab.node1.ec2kit("unextend", tag, "--from", "node2")
        assert refused.returncode == 5
        assert f"{tag} is in service on node2 (ISP). Bring it into service on another" in refused.stderr
        assert "successfully unextended" in good(lab.node1.ec2kit("unextend", tag, "--from", "node1"))
        assert states(lab, tag) == {"node2": "ISP"}
        assert lab.node2.lk("eqv_list", "-t", tag).stdout == ""
        refused = lab.node2.ec2kit("unextend", tag, "--from", "node2")
        assert refused.returncode == 5
        good(lab.node2.ec2kit("extend", tag, "--to", "node1"))
        assert states(lab, tag) == {"node1": "OSU", "node2": "ISP"}

        assert "nothing was changed in AWS" in good(lab.node1.ec2kit("delete", tag))
        assert states(lab, tag) == {}
        assert snapshot(lab.ec2.truth()) == after
        assert lab.node1.lk("dep_list").stdout == lab.node2.lk("dep_list").stdout == ""
        assert [row.split("\x01")[3] for row in lab.node1.lk("ins_list").stdout.splitlines()] == [
            row.split("\x01")[3] for row in listed.splitlines()
        ]
        for node in lab.nodes.values():
            assert list((node.root / "var/lib/ec2kit").glob("*")) == [], "its history goes with it"
        assert no_locks(lab)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("switchback", "back"), [("automatic", True), ("intelligent", False)])
def test_switchback(managed2: Lab, switchback: str, back: bool, form: str) -> None:
    """Automatic: as soon as the primary is back, so is the address. Intelligent: a person brings it back."""
    figure2 = managed2
    assert isinstance(figure2.vpc, AddressLab)
    protected(figure2, EIP, "--switchback", switchback, form=form)
    good(figure2.node1.lk("lksystem", "down", "node1"))
    good(figure2.node2.lk("lksystem", "failover", "node1"))
    assert states(figure2, EIP)["node2"] == "ISP"
    good(figure2.node2.lk("lksystem", "up", "node1"))
    here = "node1" if back else "node2"
    assert states(figure2, EIP)[here] == "ISP"
    assert addresses(figure2.ec2.truth())[figure2.vpc.public_ip][0] == eni_of(figure2, here)


@pytest.mark.parametrize("form", FORMS)
def test_a_remove_that_fails_halts_the_node_and_the_peer_takes_over(managed2: Lab, form: str) -> None:
    """Without metadata neither recover nor remove is seen to work: the node is halted, node2 takes the address."""
    figure2 = managed2
    assert isinstance(figure2.vpc, AddressLab)
    protected(figure2, EIP, form=form)
    figure2.node1.set(EC2_REMOVE_TIMEOUT=5, EC2_RECOVER_TIMEOUT=5, EC2_MAX_RETRY=0)
    figure2.node1.imds.fault = "off"
    event = ("-C", contract.EVENT_CLASS, "-E", contract.EVENT, "-m", "somebody", "-n", EIP)
    assert figure2.node1.lk("sendevent", *event).returncode == 1
    assert "SYSTEM HALTED" in (figure2.node1.lkroot / "log/lifekeeper.log").read_text()
    assert "node1            halted" in figure2.node2.lk("lksystem", "status").stdout
    assert states(figure2, EIP) == {"node2": "ISP"}
    assert addresses(figure2.ec2.truth())[figure2.vpc.public_ip][0] == eni_of(figure2, "node2")


def test_active_active(figure2: Lab) -> None:
    """Two resources, each on another node; when one node dies, the other has both, on an interface each."""
    assert isinstance(figure2.vpc, AddressLab)
    free = figure2.vpc.free_ip
    protected(figure2, EIP)
    good(figure2.node2.ec2kit("create", "--type", "elastic-ip", "--interface", "eth0", "--elastic-ip", free))
    good(figure2.node2.ec2kit("in-service", f"ec2-{free}"))
    good(figure2.node2.ec2kit("extend", f"ec2-{free}", "--to", "node1"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    assert states(figure2, f"ec2-{free}") == {"node1": "OSU", "node2": "ISP"}
    told = json.loads(good(figure2.node1.ec2kit("status", "--output", "json")))["resources"]
    assert {(each["tag"], part["system"], part["verdict"]) for each in told for part in each["systems"]} == {
        (EIP, "node1", "held"),
        (EIP, "node2", "not here"),
        (f"ec2-{free}", "node1", "not here"),
        (f"ec2-{free}", "node2", "held"),
    }
    good(figure2.node1.lk("lksystem", "down", "node1"))
    good(figure2.node2.lk("lksystem", "failover", "node1"))
    held = addresses(figure2.ec2.truth())
    assert held[figure2.vpc.public_ip][0] == eni_of(figure2, "node2", "eth1")
    assert held[free][0] == eni_of(figure2, "node2", "eth0")


def test_switchback_goes_by_the_top_of_the_hierarchy(figure1: Lab) -> None:
    """The EC2 resource of a virtual IP is not the top: create says so when the two differ."""
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--switchback", "automatic")
    assert done.returncode == 0
    assert "ip-vip, which is above it, has intelligent" in done.stderr
    good(figure1.node1.ec2kit("delete", ROUTE))
    good(figure1.node1.lk("ins_setas", "-t", "ip-vip", "-s", "AUTOMATIC"))
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--switchback", "automatic")
    assert "which is above it" not in done.stderr
    good(figure1.node1.ec2kit("extend", ROUTE, "--to", "node2"))
    good(figure1.node1.lk("lksystem", "down", "node1"))
    good(figure1.node2.lk("lksystem", "failover", "node1"))
    assert states(figure1, ROUTE)["node2"] == "ISP"
    good(figure1.node2.lk("lksystem", "up", "node1"))
    assert states(figure1, ROUTE) == {"node1": "ISP", "node2": "OSU"}
