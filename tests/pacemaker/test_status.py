"""`ec2kit status` on a node of Pacemaker's: where each of the kit's resources runs, and whether EC2 agrees."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.pacemaker import monitor
from ec2kit.pacemaker.monitor import State
from lab.nodes import Node
from lab.protected import Protected, eni_of
from tests.support.pacemaker import CIB, MONITOR
from tests.support.programs import good


def program(node: Node, name: str, text: str) -> None:
    """Put a shell script in the place of one of Pacemaker's programs."""
    path = node.root / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def tells(node: Node, name: str, text: str) -> None:
    """Let it print that."""
    (node.root / f"{name}.xml").write_text(text)
    program(node, name, f"exec cat {node.root}/{name}.xml")


@pytest.fixture
def cluster(either: Protected) -> Callable[..., None]:
    """Both nodes are Pacemaker's, without LifeKeeper: told where the resource runs."""
    kind, address, *_ = either.words
    name = "elastic_ip" if kind == "eip" else "ip"
    both = ",".join(eni_of(either.lab, each) for each in either.lab.nodes)
    peers = f'<nvpair id="d" name="peers" value="{both}"/>' if kind == "private" else ""

    def runs(*nodes: str, more: str = 'managed="true"') -> None:
        for node in either.lab.nodes.values():
            node.set(LKROOT=node.root / "nowhere")
            tells(node, "cibadmin", CIB.format(kind=kind, name=name, address=address, more=peers))
            where = "".join(f'<node name="{each}" id="1"/>' for each in nodes)
            tells(node, "crm_mon", MONITOR.format(kind=kind, more=more, nodes=where))
            program(node, "crm_node", f"echo {node.name}")

    return runs


def test_where_it_runs_and_what_ec2_shows(either: Protected, cluster: Callable[..., None]) -> None:
    """Served where both agree; else an outage, told from either node, with what Pacemaker's admin does."""
    lab = either.lab
    cluster("node1")
    for node in lab.nodes.values():
        assert good(node.ec2kit("status")).startswith("vip is served: "), node
    cluster("node2")
    lost, seen = lab.node2.ec2kit("status"), lab.node1.ec2kit("status")
    assert (lost.returncode, seen.returncode) == (1, 1)
    assert lost.stdout.startswith("OUTAGE: vip is started on node2, but lost: ")
    assert lost.stdout.rstrip().endswith("Pacemaker restarts vip, which takes it back.")
    assert seen.stdout.startswith("OUTAGE: vip is started on node2, but EC2 shows ")
    cluster("node1")
    lab.ec2.truth().stop_instances(InstanceIds=[lab.node1.identity.instance_id])
    down = lab.node2.ec2kit("status")
    assert (down.returncode, ", stopped)" in down.stdout) == (1, True), down
    cluster()
    nowhere = lab.node2.ec2kit("status")
    assert (nowhere.returncode, nowhere.stdout.startswith("OUTAGE: vip runs on no node: ")) == (1, True)
    assert nowhere.stdout.splitlines()[-1].endswith("crm_resource --cleanup --resource vip.")


def test_what_a_person_has_stopped_is_no_outage(either: Protected, cluster: Callable[..., None]) -> None:
    """target-role Stopped, and unmanaged: told, and 0; --long and JSON show what EC2 shows."""
    node = either.lab.node1
    cluster(more='managed="true" target_role="Stopped"')
    assert good(node.ec2kit("status")).startswith("vip is out of service (its target-role is Stopped).")
    cluster("node1", more='managed="false"')
    assert good(node.ec2kit("status", "vip", "--long")).startswith("vip is not managed by Pacemaker now: EC2 shows ")
    told = json.loads(good(node.ec2kit("status", "--output", "json")))
    (resource,) = told["resources"]
    assert (resource["tag"], resource["engine"], resource["served"]) == ("vip", "Pacemaker", "out of service")
    assert (resource["nodes"], resource["systems"][0]["outcome"]) == (["node1"], "OK")
    assert node.ec2kit("status", "nobody").returncode == 5


@pytest.mark.parametrize(
    ("name", "text"), list(product(("cibadmin", "crm_mon"), ("exit 1", "echo '<x'", "exec sleep 60")))
)
def test_a_pacemaker_that_does_not_tell(routes: Protected, name: str, text: str) -> None:
    """9, within the time, and with the program that is to blame."""
    node = routes.lab.node1
    node.set(LKROOT=node.root / "nowhere", EC2_QUICKCHECK_TIMEOUT=5)
    tells(node, "cibadmin", CIB.format(kind="route", name="ip", address="10.1.0.10", more=""))
    tells(node, "crm_mon", MONITOR.format(kind="route", more="", nodes=""))
    program(node, name, text)
    done = node.ec2kit("status")
    assert (done.returncode, name in done.stderr) == (9, True), done


def test_what_crm_mon_tells() -> None:
    """The nodes, the target-role, whether it is managed; what is not XML, or has entities, is not read."""
    shown = MONITOR.format(kind="eip", more='target_role="Stopped" managed="false"', nodes='<node name="n1"/>')
    assert monitor.states(shown) == {"vip": State(("n1",), stopped=True, managed=False)}
    for text in ("", "<x", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'):
        with pytest.raises(Unavailable):
            monitor.states(text)
