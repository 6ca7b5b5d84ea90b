"""The stories of an EC2 and of metadata that do not answer; else as tests/packets/stories.py, on another cluster."""

from __future__ import annotations

import time

from ec2kit.core.messages import END_UNKNOWN
from ec2kit.core.repetition import of_text
from lab.net.hosts import until
from tests.packets.pacemaker import MANY, PacemakerPair


def unknown(pair: PacemakerPair, name: str) -> int:
    """How many monitors on that node could not tell since one could: of the agent that had fewest.

    The log has the first one alone; with its line the node keeps how often it was due.
    """
    counts = []
    for memory in ("route-vip-route", "eip-eip"):
        kept = pair.lab.hosts[name].run("cat", f"/run/resource-agents/ec2kit/{memory}+said").stdout
        lines = of_text(kept).items()
        counts.append(sum(each.times for line, each in lines if line.startswith(f"{END_UNKNOWN.number}")))
    return min(counts)


def test_what_proves_nothing_changes_nothing(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Three monitors in a row that cannot tell: no failover, no restart, no change in EC2, no packet lost."""
    active, _ = nodes
    before, seen = pair.cluster.status(), unknown(pair, active)
    pair.lab.ec2.forget()
    with pair.service.asked():
        pair.lab.ec2.refuse("reset")
        until(lambda: unknown(pair, active) >= seen + MANY, lambda: f"{unknown(pair, active) - seen} of {MANY}", 120)
    pair.service.stayed(active)
    after = pair.cluster.status()
    assert (after.running, after.started, after.failed) == (before.running, before.started, ())
    assert not [call for call in pair.lab.ec2.calls if not call.action.startswith("Describe")]
    pair.lab.ec2.mend()
    pair.check(active)


def test_ec2_throttles_while_the_active_node_fails(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """The standby's first calls are all refused: it goes on until EC2 lets it, in one start and within its time."""
    active, standby = nodes
    refused = pair.lab.ec2.refuse("throttled", times=12)
    with pair.service.asked():
        time.sleep(0.5)
        pair.lab.kill(active)
        pair.cluster.wait(pair.runs_on(standby), 90, on=standby)
        time.sleep(1)
    assert refused.hits == 12, "nothing was throttled"
    pair.service.moved(active, standby, 60)
    assert not [each for each in pair.cluster.status(standby).failed if "start" in each]
    pair.check(standby)
