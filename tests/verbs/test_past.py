"""What each run has come to, as it is written down: one schema, whichever engine called."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ec2kit.core.history import Entry
from ec2kit.core.settings import Settings
from ec2kit.verbs import past
from lab.nodes import Lab, Node
from lab.protected import Protected, eni_of
from tests.support.agent import agent_of, take
from tests.support.hierarchy import ROUTE, protected, status
from tests.support.locks import locked
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


def addresses(node: Node) -> list[Entry]:
    """What is written down of the node's only address that no resource of LifeKeeper's has."""
    found = past.all_of(Settings(ec2kit_history=str(folder(node))))
    ((name, told),) = found.items()
    assert name == f"runs/{told[0].kind}-{told[0].address}"
    return told


def test_an_agent_of_pacemakers(both: Protected) -> None:
    """start, monitors of which the first that shows another thing is told, stop; not validate-all, nor meta-data."""
    agent, node, peer = agent_of(both), both.lab.node2, eni_of(both.lab, "node1")
    assert agent.probe(node).returncode == 7
    for action in ("validate-all", "meta-data", "start"):
        good(agent.run(action, node))
    for _ in range(2):
        good(agent.monitor(node))
    take(both, "node1")
    for _ in range(2):
        assert agent.monitor(node).returncode == 7
    good(agent.run("stop", node))
    told = addresses(node)
    assert {(each.engine, each.name) for each in told} == {("Pacemaker", "vip")}
    assert runs(told) == [("monitor", "NOT_HELD"), ("start", "OK"), ("monitor", "NOT_HELD"), ("stop", "OK")]
    probe, start, lost, _ = told
    assert {*(probe.after or ())} == {*(start.before or ())} == {*(lost.after or ())} == {peer}
    assert start.after == {eni_of(both.lab, "node2"): node.identity.instance_id}
    assert start.steps
    assert start.calls


def test_a_person(both: Protected) -> None:
    """hold, release, and a check whose verdict is new; not plan. A hold that sends nothing is told, too."""
    node = both.lab.node2
    node.set(EC2_MAX_RETRY=0)
    for verb, code in (("plan", 0), ("check", 1), ("check", 1), ("hold", 0), ("check", 0), ("release", 0)):
        assert both.verb(verb, node, "--quiet").returncode == code
    both.lab.ec2.refuse("denied")
    assert both.verb("hold", node, "--quiet").returncode == 9
    told = addresses(node)
    assert {(each.engine, each.name) for each in told} == {("", "")}
    assert runs(told) == [("check", "NOT_HELD"), ("hold", "OK"), ("release", "OK"), ("hold", "UNAVAILABLE")]
    assert f"of {node.identity.instance_id}" in told[1].what
    assert f"of {node.identity.instance_id}.".rstrip(".") in told[1].what
    assert told[3].before is None


def test_an_odd_file_in_the_place_of_the_history(routes: Protected) -> None:
    """The run succeeds as ever, in its time; nothing is written anywhere."""
    place = folder(routes.lab.node1) / "runs"
    file = place / "route-10.1.0.10.jsonl"

    def instead() -> None:
        place.rmdir()
        place.write_text("theirs")

    odd: dict[str, Callable[[], object]] = {
        "a folder": file.mkdir,
        "a link": lambda: file.symlink_to(place / "elsewhere"),
        "a pipe": lambda: os.mkfifo(file),
        "others can write": lambda: place.chmod(0o777),
        "no folder": instead,
    }
    for make in odd.values():
        place.mkdir(parents=True)
        make()
        before = sorted(place.rglob("*"))
        done = routes.verb("check", routes.lab.node1, "-v")
        good(done)
        assert done.stderr.splitlines()[-1].startswith("INFO:ec2:check:10.1.0.10:960046:this run is not recorded")
        assert sorted(place.rglob("*")) == before
        if place.is_dir():
            shutil.rmtree(place)


def test_there_are_so_many_files_at_most(routes: Protected) -> None:
    """The one that was written least recently goes; what is not the kit's stays."""
    place = folder(routes.lab.node1) / "runs"
    place.mkdir(parents=True)
    for number in range(200):
        file = place / f"route-192.0.2.{number}.jsonl"
        file.write_text("{}")
        os.utime(file, (number + 1, number + 1))
    (place / "counters").mkdir()
    (place / "counters/route-192.0.2.0.json").write_text("{}")
    (place / "theirs.jsonl").mkdir()
    os.utime(place / "theirs.jsonl", (0, 0))
    good(routes.verb("check", routes.lab.node1))
    there = {each.name for each in place.glob("*.jsonl")}
    assert len(there) == 201
    assert {"theirs.jsonl", "route-10.1.0.10.jsonl", "route-192.0.2.199.jsonl"} <= there
    assert "route-192.0.2.0.jsonl" not in there
    assert [each.name for each in (place / "counters").iterdir()] == ["route-10.1.0.10.json"]


def test_each_run_is_counted_and_no_number_goes_back(routes: Protected) -> None:
    """Also checks that say nothing new, and those that run while somebody holds the lock: these are added later."""
    node, settings = routes.lab.node1, Settings(ec2kit_history=str(folder(routes.lab.node1)))

    def counted() -> tuple[int, int]:
        told = past.counters(settings)["runs/route-10.1.0.10"]
        return told.runs["check", "OK"], told.calls["DescribeRouteTables"].count

    for number in (1, 2):
        good(routes.verb("check", node))
        assert counted() == (number, number)
    with locked(folder(node) / "runs/counters"):
        good(routes.verb("check", node))
        assert counted() == (2, 2)
    good(routes.verb("check", node))
    assert counted() == (4, 4)
    assert runs(addresses(node)) == [("check", "OK")]
    assert [each.name for each in (folder(node) / "runs/counters").iterdir()] == ["route-10.1.0.10.json"]


def test_a_lock_that_is_never_released_costs_no_place(routes: Protected) -> None:
    """What waits to be counted is bounded."""
    node, place = routes.lab.node1, folder(routes.lab.node1) / "counters"
    place.mkdir(parents=True)
    waiting = [place / f"{routes.tag}.json.{number:016x}" for number in range(100)]
    for each in waiting:
        each.write_text("{}")
    with locked(place):
        good(routes.run("quickCheck", node))
    assert sorted(place.iterdir()) == waiting
    good(routes.run("quickCheck", node))
    assert [each.name for each in place.iterdir()] == [f"{routes.tag}.json"]
