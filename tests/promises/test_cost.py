"""What a run costs, in what can be counted: calls and round trips to EC2, metadata requests, connections, modules.

Seconds are measured by bench/; a machine that is busy changes none of these.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.ec2.server import serial
from lab.nodes import Node, address_lab, route_lab
from lab.protected import Protected, protect
from tests.verbs.test_lifecycle import drop_entry

SLOW_MS = 300  # a call takes so long that calls sent together are under way together, however busy the machine is
METADATA = 8  # the token; interface, CIDR blocks, Region, instance, VPC; the role and its credentials
LOOK_ROUTE = {"DescribeRouteTables": 1, "DescribeNetworkInterfaces": 1}
LOOK_EIP = {"DescribeAddresses": 1, "DescribeNetworkInterfaces": 1}


@pytest.fixture
def slow(either: Protected) -> Protected:
    """Both scenarios, with an EC2 that takes its time."""
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
    """check: one round trip; hold: three, and one when nothing is to do; release: none."""
    lab = routes.lab
    lab.ec2.delay_ms = SLOW_MS
    assert cost(routes, "check", lab.node1) == (LOOK_ROUTE, 1)
    assert cost(routes, "hold", lab.node2) == (twice(LOOK_ROUTE, {"ReplaceRoute": 2}), 3)
    assert cost(routes, "hold", lab.node2) == (LOOK_ROUTE, 1)
    assert cost(routes, "release", lab.node2) == ({}, 0)


def test_an_elastic_ip_look_change_look(eip: Protected) -> None:
    """check: one call; hold and release: three round trips, and one when nothing is to do."""
    lab = eip.lab
    lab.ec2.delay_ms = SLOW_MS
    here = {"DescribeAddresses": 1}  # on our ENI: nothing else is asked
    assert cost(eip, "check", lab.node1) == (here, 1)
    assert cost(eip, "hold", lab.node2) == (LOOK_EIP | {"AssociateAddress": 1, "DescribeAddresses": 2}, 3)
    assert cost(eip, "hold", lab.node2) == (LOOK_EIP, 1)
    assert cost(eip, "release", lab.node2) == (twice(LOOK_EIP, {"DisassociateAddress": 1}), 3)
    assert cost(eip, "release", lab.node2) == (LOOK_EIP, 1)


@pytest.mark.parametrize("verb", ["check", "hold"])
def test_the_metadata_is_asked_on_one_connection_with_one_token(slow: Protected, verb: str) -> None:
    """The role's credentials too."""
    node = slow.lab.node2 if verb == "hold" else slow.lab.node1
    before = node.imds.connections
    cost(slow, verb, node)
    assert node.imds.connections - before == 1
    assert Counter(method for method, _, _ in node.imds.calls) == {"PUT": 1, "GET": METADATA - 1}
    assert {status for _, _, status in node.imds.calls} == {200}


@pytest.mark.parametrize(("lab", "most"), [(route_lab, 2), (address_lab, 2)])
def test_connections_to_ec2_are_kept_through_look_act_look(
    tmp_path: Path, lab: Callable[..., object], most: int
) -> None:
    """As many as calls go out together: with TLS each costs round trips of its own."""
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


def imported(node: Node, *program: str) -> set[str]:
    """The modules that Python has imported, as `python -v` tells them; what it looked for in vain is not there."""
    done = node.run(sys.executable, "-v", *program)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(re.findall(r"^import '([\w.]+)' #", done.stderr, re.MULTILINE))


@pytest.mark.executed
@pytest.mark.parametrize("action", ["quickCheck", "restore", "recover"])
def test_an_action_imports_no_more_than_it_did(either: Protected, action: str) -> None:
    """A package more is a question of milliseconds and megabytes in each run: measure before it joins this list."""
    node = either.lab.node1
    script = str(node.lkroot / "subsys/comm/resources/ec2/actions" / action)
    start = imported(node, "-c", "pass")  # every program has it: Debian's Python begins with a sitecustomize
    modules = imported(node, script, *either.options(action)) - start
    packages = {name.partition(".")[0] for name in modules}
    foreign = {name for name in packages if name not in sys.stdlib_module_names and name[0] != "_"}
    assert foreign - {"ec2kit"} <= THIRD_PARTY
    assert "botocore" in packages
    assert not {name for name in modules if name.startswith("ec2kit.console")} | modules & {
        "ec2kit.lifekeeper.create",
        "awscrt",
    }
