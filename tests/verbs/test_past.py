"""What each run has come to, as it is written down: one schema, whichever engine called."""

from __future__ import annotations

from pathlib import Path

from ec2kit.core.history import Entry
from ec2kit.verbs import past
from lab.nodes import Lab, Node
from lab.protected import Protected, eni_of
from tests.support.hierarchy import ROUTE, protected, status
from tests.support.programs import good


def folder(node: Node) -> Path:
    """Where the node's kit writes it down."""
    return Path(node.environment["EC2KIT_HISTORY"])


def runs(entries: list[Entry]) -> list[tuple[str, str]]:
    """Action and outcome of each."""
    return [(each.action, each.outcome) for each in entries]


def test_an_action_of_lifekeepers(either: Protected) -> None:
    """restore on the other node: who had the address before and after, what was changed, and what it cost."""
    lab, node = either.lab, either.lab.node2
    good(either.run("restore", node))
    (entry,) = past.entries(folder(node) / f"{either.tag}.jsonl")
    named = (entry.engine, entry.name, entry.action, entry.outcome, entry.kind, entry.address)
    assert named == ("LifeKeeper", either.tag, "restore", "OK", *either.words[:2])
    assert {*(entry.before or ())} == {eni_of(lab, "node1")}
    assert entry.after == {eni_of(lab, "node2"): node.identity.instance_id}
    assert entry.steps
    assert all(0 < seconds < entry.seconds for _, seconds in entry.steps)
    assert sum(each.count for each in entry.calls.values()) == len(lab.ec2.calls)
    assert all(0 < each.seconds < entry.seconds and each.throttled == 0 for each in entry.calls.values())


def test_a_local_repair_is_told_in_order_and_since_then_all_is_well(figure1: Lab) -> None:
    """recover ends before the quickCheck that has called for it."""
    protected(figure1, ROUTE)
    node = figure1.node1
    good(node.action("quickCheck", "-t", ROUTE, "-i", "EC2-10.1.0.10"))
    figure1.ec2.truth().replace_route(
        RouteTableId=figure1.vpc.tables["A"],
        DestinationCidrBlock="10.1.0.10/32",
        NetworkInterfaceId=eni_of(figure1, "node2"),
    )
    good(node.lk("lkcheck", "--once"))
    entries = past.entries(folder(node) / f"{ROUTE}.jsonl")
    assert runs(entries)[-2:] == [("quickCheck", "NOT_HELD"), ("recover", "OK")]
    assert entries[-1].at < entries[-2].at
    assert status(node)["node1"]["since"] == entries[-1].at
    shown = good(node.ec2kit("status", "--long"))
    assert shown.index("quickCheck │ NOT_HELD") < shown.index("recover")


def test_what_is_not_known_is_told_so_and_what_was_throttled(routes: Protected) -> None:
    """EC2 throttles a look, denies the change, and shows nothing behind it: nobody knows who has the address now."""
    lab = routes.lab
    lab.node2.set(EC2_MAX_RETRY=1)
    lab.ec2.refuse("throttled", "DescribeRouteTables", times=1)
    lab.ec2.refuse("denied", "ReplaceRoute")
    lab.ec2.refuse("denied", "DescribeRouteTables", skip=1)
    assert routes.run("restore", lab.node2).returncode != 0
    (entry,) = past.entries(folder(lab.node2) / f"{routes.tag}.jsonl")
    assert (entry.before, entry.after) == ({eni_of(lab, "node1"): lab.node1.identity.instance_id}, None)
    assert entry.calls["DescribeRouteTables"].throttled == 1
    assert entry.calls["ReplaceRoute"].throttled == 0
    assert entry.steps == ()
