"""Real Pacemaker with both agents on real packets, 20 route tables, 50 ms a call: what happens to the service.

Each story is judged by the packets of a client in the VPC and one outside, by EC2's truth, and by Pacemaker's word.
Without fencing. The bounds are for a busy machine; figures are the benchmarks' business.
"""

from __future__ import annotations

import time

import pytest

from lab.net.network import NODES
from tests.packets.pacemaker import INTERVAL, MANY, PacemakerPair


def test_a_planned_move(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Standby of the active node: the other has it all, in 20 tables, after a gap of few seconds."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.cluster.standby(active, on=True)
        pair.cluster.wait(pair.runs_on(standby), 60)
        time.sleep(1)
    pair.service.moved(active, standby, 15)
    pair.check(standby)
    assert not pair.cluster.status().failed


def test_the_active_node_cut_off_and_healed(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """No packet from or to it: the other takes over; when it is back, exactly one node has all of it, and stays."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.lab.cut(active)
        pair.cluster.wait(pair.runs_on(standby), 60, on=standby)
        time.sleep(1)
    pair.service.moved(active, standby, 30)
    pair.check(standby)
    pair.lab.heal()
    after, _ = pair.calm()
    time.sleep(MANY * INTERVAL)
    pair.check(after)


def test_the_active_node_killed(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Its power fails: the other takes over. Booted again it joins, and the service stays where it is, unnoticed."""
    active, standby = nodes
    with pair.service.asked():
        time.sleep(1)
        pair.lab.kill(active)
        pair.cluster.wait(pair.runs_on(standby), 60, on=standby)
        time.sleep(1)
    pair.service.moved(active, standby, 30)
    pair.check(standby)
    with pair.service.asked():
        pair.boot(active)
        pair.cluster.wait(lambda status: status.online == set(NODES), 60, on=standby)
        time.sleep(2 * INTERVAL)
    pair.service.stayed(standby)
    pair.check(standby)


@pytest.mark.usefixtures("nodes")
def test_nodes_that_lose_sight_of_each_other(pair: PacemakerPair) -> None:
    """Both run it then, for there is no fencing; EC2 has it on one. After the heal all is on one node, and stays."""
    pair.lab.part()
    for name in NODES:
        pair.cluster.wait(lambda status, name=name: status.online == {name}, 60, on=name)  # type: ignore[misc]  # a lambda with a default
    time.sleep(2 * INTERVAL)
    pair.lab.heal()
    pair.cluster.wait(lambda status: status.online == set(NODES), 60)
    after, _ = pair.calm()
    pair.check(after)
    with pair.service.asked():
        time.sleep(MANY * INTERVAL)
    pair.service.stayed(after)
