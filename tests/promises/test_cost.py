"""What a run costs, in what can be counted: calls and round trips to EC2, metadata requests, connections, modules.

Seconds are measured by bench/; a machine that is busy changes none of these.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.ec2.server import peak, serial
from lab.nodes import Node, address_lab, private_lab, route_lab
from lab.protected import Protected, protect
from tests.support.account import drop_entry
from tests.support.agent import take
from tests.support.kinds import spread
from tests.support.programs import imported

SLOW_MS = 300  # a call takes so long that calls sent together are under way together, however busy the machine is
METADATA = 8  # the token; interface, CIDR blocks, Region, instance, VPC; the role and its credentials
WHOSE = {"DescribeInstances": 1}  # who had it: asked beside the change, and nothing waits for it
METADATA_PRIVATE = {"check": 1, "hold": 2}  # besides: the ENI's private addresses; the subnet's block
LOOK_ROUTE = {"DescribeRouteTables": 1, "DescribeNetworkInterfaces": 1}
LOOK_EIP = {"DescribeAddresses": 1, "DescribeNetworkInterfaces": 1}
LOOK_PRIVATE = {"DescribeNetworkInterfaces": 2}  # this node's, and who has the address


@pytest.fixture
def slow(either: Protected) -> Protected:
    """All scenarios, with an EC2 that takes its time."""
    either.lab.ec2.delay_ms = SLOW_MS
    return either


def cost(protected: Protected, verb: str, node: Node) -> tuple[dict[str, int], int]:
    """Run a verb; its calls by name, and the round trips of which each had to wait for the one before."""
    protected.lab.ec2.forget()
    node.imds.calls.clear()
    done = protected.verb(verb, node)
    assert done.returncode == 0, done.stderr
    calls = protected.lab.ec2.calls
    return dict(Counter(call.action for call in calls)), serial(calls)


def twice(look: dict[str, int], change: dict[str, int]) -> dict[str, int]:
    """A look, a change, a look."""
    return {name: 2 * number for name, number in look.items()} | change


def test_a_route_look_change_look(routes: Protected) -> None:
    """check: one round trip; hold: three, and two apart in time when nothing is to do; release: none."""
    lab = routes.lab
    lab.ec2.delay_ms = SLOW_MS
    assert cost(routes, "check", lab.node1) == (LOOK_ROUTE, 1)
    assert cost(routes, "hold", lab.node2) == (twice(LOOK_ROUTE, WHOSE | {"ReplaceRoute": 2}), 3)
    assert cost(routes, "hold", lab.node2) == (twice(LOOK_ROUTE, {}), 2)
    assert cost(routes, "release", lab.node2) == ({}, 0)


def test_an_elastic_ip_look_change_look(eip: Protected) -> None:
    """check: one call; hold and release: three round trips, and two apart in time when nothing is to do."""
    lab = eip.lab
    lab.ec2.delay_ms = SLOW_MS
    here = {"DescribeAddresses": 1}  # on our ENI: nothing else is asked
    assert cost(eip, "check", lab.node1) == (here, 1)
    assert cost(eip, "hold", lab.node2) == (LOOK_EIP | WHOSE | {"AssociateAddress": 1, "DescribeAddresses": 2}, 3)
    assert cost(eip, "hold", lab.node2) == (LOOK_EIP | {"DescribeAddresses": 2}, 2)
    assert cost(eip, "release", lab.node2) == (twice(LOOK_EIP, {"DisassociateAddress": 1}), 3)
    assert cost(eip, "release", lab.node2) == (twice(LOOK_EIP, {}), 2)


def test_a_private_address_look_change_look(private: Protected) -> None:
    """check: one call; hold and release: three round trips, and two apart in time when nothing is to do."""
    lab = private.lab
    lab.ec2.delay_ms = SLOW_MS
    here = {"DescribeNetworkInterfaces": 1}  # on our ENI: nobody else is asked for
    assert cost(private, "check", lab.node1) == (here, 1)
    assert cost(private, "hold", lab.node2) == (
        WHOSE | {"DescribeNetworkInterfaces": 3, "AssignPrivateIpAddresses": 1},
        3,
    )
    assert cost(private, "hold", lab.node2) == ({"DescribeNetworkInterfaces": 3}, 2)
    assert cost(private, "release", lab.node2) == (twice(LOOK_PRIVATE, {"UnassignPrivateIpAddresses": 1}), 3)
    assert cost(private, "release", lab.node2) == (twice(LOOK_PRIVATE, {}), 2)


def test_a_lost_private_address_costs_three_calls(private: Protected) -> None:
    """The first look stops where this node does not have it; the second, which proves the loss, asks who has it."""
    lab = private.lab
    take(private, "node2")
    lab.ec2.forget()
    assert private.verb("check", lab.node1).returncode == 1
    assert [call.action for call in lab.ec2.calls] == ["DescribeNetworkInterfaces"] * 3


@pytest.mark.parametrize("verb", ["check", "hold"])
def test_the_metadata_is_asked_on_one_connection_with_one_token(slow: Protected, verb: str) -> None:
    """The role's credentials too."""
    node = slow.lab.node2 if verb == "hold" else slow.lab.node1
    before = node.imds.connections
    cost(slow, verb, node)
    assert node.imds.connections - before == 1
    more = METADATA_PRIVATE[verb] if slow.words[0] == "private" else 0
    assert Counter(method for method, _, _ in node.imds.calls) == {"PUT": 1, "GET": METADATA - 1 + more}
    assert {status for _, _, status in node.imds.calls} == {200}


@pytest.mark.parametrize(("lab", "most"), [(route_lab, 3), (address_lab, 2), (private_lab, 2)])
def test_connections_to_ec2_are_kept_through_look_act_look(
    tmp_path: Path, lab: Callable[..., object], most: int
) -> None:
    """As many as calls go out together (two changes, and who had it): with TLS each costs round trips of its own."""
    with lab(tmp_path, tls=True) as running:  # type: ignore[attr-defined]  # both are context managers
        protected = protect(running)
        running.ec2.delay_ms = SLOW_MS
        before = running.ec2.connections
        cost(protected, "hold", running.node2)
        assert running.ec2.connections - before == most


def test_a_healthy_look_asks_for_the_tables_with_our_entry_alone(routes: Protected) -> None:
    """All of them are asked for only when one of ours is missing there, or none is there at all."""

    def asked() -> list[bool]:
        routes.lab.ec2.forget()
        routes.run("quickCheck", routes.lab.node1)
        sent = [call.params for call in routes.lab.ec2.calls if call.action == "DescribeRouteTables"]
        return ["route.destination-cidr-block" in params.values() for params in sent]

    assert asked() == [True]
    drop_entry(routes.lab, "A")
    assert asked() == [True, False, True, False], "two looks, each complete"
    drop_entry(routes.lab, "B")
    assert asked() == [True, False, True, False]


# certifi: botocore takes it where it is; the installed kit has none
THIRD_PARTY = {"certifi", "boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six"}
HEAVY = {"boto3", "botocore", "requests", "urllib3", "rich"}


def imported_by(protected: Protected, action: str) -> set[str]:
    """The modules that an action on node1 imports."""
    node = protected.lab.node1
    start = imported(node, "-c", "pass")  # every program has it: Debian's Python begins with a sitecustomize
    return imported(node, str(node.script(action)), *protected.options(action)) - start


@pytest.mark.executed
@spread("action", ["quickCheck", "restore", "recover"])
def test_an_action_imports_no_more_than_it_did(either: Protected, action: str) -> None:
    """A package more is a question of milliseconds and megabytes in each run: measure before it joins this list."""
    modules = imported_by(either, action)
    packages = {name.partition(".")[0] for name in modules}
    foreign = {name for name in packages if name not in sys.stdlib_module_names and name[0] != "_"}
    assert foreign - {"ec2kit"} <= THIRD_PARTY
    assert "botocore" in packages
    assert not {name for name in modules if name.startswith("ec2kit.console")} | modules & {
        "ec2kit.lifekeeper.create",
        "ec2kit.lifekeeper.options",
        "argparse",
        "awscrt",
    }


@pytest.mark.executed
def test_actions_that_need_no_aws_import_no_boto3(routes: Protected) -> None:
    """remove of a route, delete, and quickCheck of what is out of service."""
    assert not imported_by(routes, "remove") & HEAVY
    assert not imported_by(routes, "delete") & HEAVY
    routes.state(routes.lab.node1, "OSU")
    assert not imported_by(routes, "quickCheck") & HEAVY


@pytest.mark.executed
def test_actions_that_need_aws_import_no_tables_for_people(routes: Protected) -> None:
    """And this test can see an import when there is one."""
    seen = imported_by(routes, "quickCheck")
    assert {"boto3", "urllib3"} <= seen
    assert "rich" not in seen


@pytest.mark.executed
def test_remove_of_an_elastic_ip_does_import_it(eip: Protected) -> None:
    """The route's remove is quick because of what it is, not because remove looks at nothing."""
    assert "boto3" in imported_by(eip, "remove")


def test_twenty_tables_in_three_serial_round_trips(tmp_path: Path) -> None:
    """Look, act, look: what is independent goes out together.

    The delay is longer than the sender needs to send its twenty calls, so that the front's log can tell
    side by side from one after the other on a slow machine too.
    """
    with route_lab(tmp_path, tables=20) as lab:
        routes = protect(lab)
        lab.ec2.delay_ms = 1000
        assert routes.verb("hold", lab.node2).returncode == 0
        replaces = [call for call in lab.ec2.calls if call.action == "ReplaceRoute"]
        assert (len(replaces), peak(replaces)) == (20, 20)
        assert serial(lab.ec2.calls) == 3
        lab.ec2.forget()
        assert routes.verb("check", lab.node2).returncode == 0
        assert serial(lab.ec2.calls) == 1
        lab.ec2.mend()
        assert routes.holder() == "node2"
