"""extend, unextend and delete, as LifeKeeper's managers do them: on every system, or taken back."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.lifekeeper import install
from lab.lifekeeper.ipkit import install_ip_kit
from lab.nodes import Lab, Node, install_kit, make_node
from tests.support.hierarchy import CREATE, EIP, ROUTE, made, no_locks, protected, states
from tests.support.programs import good, replaced


def third_system(lab: Lab, folder: Path) -> Node:
    """A third system of the cluster, on node2's instance."""
    like = lab.node2
    node = make_node(folder / "node3", "node3", like.identity, like.imds, lab.ec2)
    install(node.lkroot, system="node3", store=folder / "lifekeeper.db", environment=node.environment)
    install_ip_kit(node.lkroot)
    install_kit(node)
    lab.nodes["node3"] = node
    return node


def test_three_systems_and_their_priorities(figure2: Lab, tmp_path: Path) -> None:
    """A third system joins beside both, priorities are unused ones from 1 to 999, and a used one is refused first."""
    third_system(figure2, tmp_path)
    protected(figure2, EIP, "--template-priority", "3", "--target-priority", "20")
    for options, words in (
        (("--target-priority", "20"), "priority 20 is in use by node2"),
        (("--target-priority", "3"), "priority 3 is in use by node1"),
        (("--template-priority", "4"), "the priority of node1 is already 3, not 4"),
    ):
        refused = figure2.node1.ec2kit("extend", EIP, "--to", "node3", *options)
        assert refused.returncode == 5
        assert words in refused.stderr
    good(figure2.node1.ec2kit("extend", EIP, "--to", "node3"))
    shown = json.loads(good(figure2.node2.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 20, "node3": 10}
    good(figure2.node2.ec2kit("properties", EIP, "--set", "priority=7"))
    shown = json.loads(good(figure2.node1.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 7, "node3": 10}
    refused = figure2.node2.ec2kit("properties", EIP, "--set", "priority=10")
    assert "priority 10 is in use by node3" in refused.stderr
    good(figure2.node1.lk("lksystem", "down", "node1"))
    good(figure2.node2.lk("lksystem", "failover", "node1"))
    assert states(figure2, EIP)["node2"] == "ISP", "7 comes before 10"
    assert figure2.node1.ec2kit("extend", EIP, "--to", "nobody").returncode != 0
    refused = figure2.node2.ec2kit("extend", EIP, "--to", "nobody")
    assert "nobody is not another system of this cluster. Name one of: node1 node2 node3" in refused.stderr


@pytest.mark.executed
def test_cancelling_an_extension_leaves_earlier_ones(figure2: Lab, tmp_path: Path) -> None:
    """Ctrl-C while the third system is asked: it is as it was, the second stays extended, the lock is off."""
    third_system(figure2, tmp_path)
    protected(figure2, EIP)
    replaced(figure2.node1, "ins_setas", "sleep 60")  # the instance and its dependencies are made by then
    command = [str(figure2.node1.root / "bin/ec2kit"), "extend", EIP, "--to", "node3"]
    with subprocess.Popen(command, env=figure2.node1.environment, stdout=subprocess.PIPE, text=True) as extend:
        limit = time.monotonic() + 30
        while "node3" not in states(figure2, EIP) and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.5)
        extend.send_signal(signal.SIGINT)
        output, _ = extend.communicate(timeout=30)
    assert extend.returncode == -signal.SIGINT
    assert f"Taking {EIP} on node3 back" in output
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    assert no_locks(figure2)


def test_delete_reaches_every_system_or_touches_none(figure2: Lab) -> None:
    """With the peer down nothing is deleted; another kit's resource never is."""
    protected(figure2, EIP)
    good(figure2.node1.lk("lksystem", "down", "node2"))
    refused = figure2.node1.ec2kit("delete", EIP)
    assert refused.returncode == 9
    good(figure2.node1.lk("lksystem", "up", "node2"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    good(
        figure2.node1.lk("ins_create", "-a", "comm", "-r", "ip", "-t", "ip-x", "-i", "IP-10.2.0.1", "-I", "INIT_ISP")
    )
    for command in (("delete", "ip-x"), ("unextend", "ip-x", "--from", "node2"), ("properties", "ip-x")):
        refused = figure2.node1.ec2kit(*command)
        assert refused.returncode == 5
        assert '"ip-x" is a resource of another kit (comm/ip)' in refused.stderr


def test_extend_makes_the_peer_equal(figure1: Lab) -> None:
    """Instance, dependency, switchback and equivalency; out of service on the target."""
    assert figure1.node1.action(*CREATE[ROUTE], "--tag", "vip-route").returncode == 0
    done = figure1.node1.ec2kit("extend", "vip-route", "--to", "node2", "--switchback", "automatic")
    assert done.returncode == 0, done.stderr
    here, there = made(figure1.node1, "vip-route"), made(figure1.node2, "vip-route")
    assert there[1:6] == here[1:6]
    assert (here[6], there[6]) == ("ISP", "OSU")
    assert (here[7], there[7]) == ("AUTOMATIC", "AUTOMATIC")
    assert figure1.node2.lk("dep_list", "-fC").stdout == "ip-vipCvip-route\n"
    assert "node2Cvip-route" in figure1.node1.lk("eqv_list", "-fC", "-t", "vip-route").stdout


def test_extend_that_cannot_be_completed_leaves_nothing_there(figure1: Lab) -> None:
    """Whichever step LifeKeeper refuses: the target is as it was, the admin lock is off, and another try works."""
    assert figure1.node1.action(*CREATE[ROUTE]).returncode == 0
    for program in ("dep_create", "ins_setas", "eqv_create"):
        kept = replaced(figure1.node1, program, "exit 3")
        done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
        assert done.returncode == 9
        assert f"{program} failed with exit code 3" in done.stderr.splitlines()[-1]
        assert made(figure1.node2, "ec2-ip-vip") == [""]
        assert "Taking ec2-ip-vip on node2 back" in done.stdout
        assert "!action!" not in figure1.node1.lk("flg_list").stdout + figure1.node2.lk("flg_list").stdout
        kept.rename(figure1.node1.lkroot / "bin" / program)
    assert figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2").returncode == 0
