"""What an administrator does with a cluster that runs: other parameters, a deleted resource, a trace, an upgrade."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from lab.net.hosts import until
from lab.net.network import NODES
from lab.protected import verb_of
from tests.packets.pacemaker import INTERVAL, PacemakerPair

SOON = 60.0  # seconds in which a cluster does what it is told, also on a busy machine
RUNNING = "/usr/lib/ocf/resource.d/ec2kit"


def mon(pair: PacemakerPair) -> str:
    """What crm_mon shows, with node attributes."""
    return str(pair.lab.hosts["node1"].run("crm_mon", "-1", "-A", timeout=10).stdout)


def soon(what: Callable[[], object], pair: PacemakerPair) -> None:
    """Wait for it."""
    until(lambda: bool(what()), lambda: mon(pair), SOON)


@pytest.fixture
def nodes(pair: PacemakerPair) -> tuple[str, str]:
    """The active node and the standby; each story leaves nothing to clean up."""
    soon(pair.whole, pair)
    active = str(pair.whole())
    return active, next(name for name in NODES if name != active)


def test_status_and_hold_know_pacemaker(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """status on either node says that both addresses are served; hold by hand is 5, and names the resource."""
    for node in nodes:
        done = pair.lab.hosts[node].run("ec2kit", "status")
        assert (done.returncode, done.stdout) == (0, f"All 2 addresses are served ({nodes[0]} 2).\n"), done
    refused = pair.lab.hosts[nodes[1]].run("ec2kit", "hold", "route", pair.lab.vpc.vip)
    assert (refused.returncode, "Pacemaker's resource vip-route has" in refused.stderr) == (5, True), refused


def test_another_table_needs_no_restart(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """reload-agent makes the entry; neither the route nor the address before it is stopped, and no packet is lost."""
    active, _ = nodes
    main, before = pair.lab.vpc.tables["main"], pair.cluster.log(active)
    named = ",".join(pair.lab.vpc.tables.values())
    pair.lab.ec2.forget()
    with pair.service.asked():
        pair.cluster.crm("resource", "param", "vip-route", "set", "routing_table", named)
        soon(lambda: "CreateRoute" in {call.action for call in pair.lab.ec2.calls}, pair)
        time.sleep(INTERVAL)
    pair.service.stayed(active)
    assert {verb_of(call) for call in pair.lab.ec2.calls} == {"reload-agent", "monitor"}
    said = pair.cluster.log(active).removeprefix(before)
    assert re.findall(r"Requesting local execution of (\S+) operation for (\S+) ", said) == [
        ("reload-agent", "vip-route"),
        ("monitor", "vip-route"),
    ]
    (table,) = pair.lab.ec2.truth().describe_route_tables(RouteTableIds=[main])["RouteTables"]
    assert [each for each in table["Routes"] if each.get("DestinationCidrBlock") == f"{pair.lab.vpc.vip}/32"]
    pair.check(active)


def test_a_resource_that_is_deleted_after_a_cleanup(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """Whether Pacemaker has forgotten its parameters or not: the node lets go, and nothing blocks."""
    active, _ = nodes
    text = pair.cluster.crm("configure", "show", "eip", "together")
    host = pair.lab.hosts[active]
    script = "crm_resource --cleanup --resource eip; cibadmin --delete --xml-text '<rsc_colocation id=\"together\"/>'"
    host.run("sh", "-c", f"{script}; cibadmin --delete --xml-text '<primitive id=\"eip\"/>'", check=True)
    soon(lambda: pair.service.truth() == (active, None), pair)
    soon(lambda: "eip" not in pair.cluster.status().running, pair)
    assert not pair.cluster.status().failed
    pair.cluster.configure(text)
    soon(lambda: pair.whole() == active, pair)


def test_what_would_be_against_a_start(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """The line of docs/pacemaker.md: all problems with their cures, and nothing is changed."""
    host, eip = pair.lab.hosts[nodes[1]], pair.lab.vpc.public_ip
    good = host.run("crm_resource", "--resource", "vip-route", "--validate=10")
    assert good.returncode == 0, good.stdout + good.stderr
    named = ("--class=ocf", "--provider=ec2kit", "--agent=eip", f"--option=elastic_ip={eip}")
    bad = host.run("crm_resource", *named, "--option=interface=eth9", "--option=profile=nobody", "--validate=10")
    assert bad.returncode == 6
    said = bad.stdout + bad.stderr
    assert "eth9" in said
    assert "nobody" in said
    pair.check(nodes[0])


def test_crm_mon_shows_cause_and_cure(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """A start that cannot be done anywhere: the whole reason is there."""
    wrong = "params elastic_ip=203.0.113.99 interface=eth0 op start timeout=60s op stop timeout=30s"
    pair.cluster.configure(f"primitive wrong ocf:ec2kit:eip {wrong}\n")
    soon(lambda: any(each.startswith("wrong_start") for each in pair.cluster.status().failed), pair)
    (reason, *_) = (each for each in pair.cluster.status().failed if each.startswith("wrong_start"))
    assert "203.0.113.99" in reason
    assert reason.endswith(".")
    pair.cluster.crm("configure", "delete", "--force", "wrong")
    soon(lambda: "wrong" not in pair.cluster.status().running, pair)
    pair.cluster.crm("resource", "cleanup")
    pair.check(nodes[0])


def test_a_trace(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """`crm resource trace`: each monitor writes a file of its own, and nothing is restarted."""
    host, before = pair.lab.hosts[nodes[0]], pair.cluster.status().started
    pair.cluster.crm("resource", "trace", "vip-route", "monitor")

    def traces() -> str:
        return host.run("sh", "-c", "cat /var/lib/heartbeat/trace_ra/route/vip-route.monitor.*").stdout

    soon(traces, pair)
    assert re.search(r"INFO:ec2:monitor:vip-route:960001:BEGIN", traces())
    pair.cluster.crm("resource", "untrace", "vip-route", "monitor")
    assert pair.cluster.status().started == before
    pair.check(nodes[0])


def test_a_kit_that_is_not_found_any_more(pair: PacemakerPair, nodes: tuple[str, str]) -> None:
    """As after an upgrade of Python: the service goes on, and crm_mon shows it until the kit is found again."""
    host = pair.lab.hosts[nodes[0]]
    kit = host.run("sh", "-c", f"dirname $(dirname $(readlink -f {RUNNING}/eip))", check=True).stdout.strip()
    hidden = f"for each in {kit}/lib/python3*/site-packages/ec2kit; do mv $each/core $each/%s; done"
    with pair.service.asked():
        host.run("sh", "-c", hidden % "gone", check=True)
        soon(lambda: "ec2kit-eip" in mon(pair) and "cannot be loaded" in mon(pair), pair)
        host.run("sh", "-c", hidden.replace("/core $", "/gone $") % "core", check=True)
        soon(lambda: "ec2kit-" not in mon(pair), pair)
    pair.service.stayed(nodes[0])
    assert INTERVAL < SOON
    pair.check(nodes[0])
