"""Evidence, where EC2 throttles for longer than botocore would try: who must act waits, who only looks does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.ec2.buckets import Buckets, Size
from lab.nodes import route_lab
from lab.protected import Protected, protect
from tests.support.kinds import spread

RETRIES = 2


def sent(either: Protected, action: str) -> int:
    """How many calls of an operation have reached EC2."""
    return [call.action for call in either.lab.ec2.calls].count(action)


@pytest.mark.parametrize("which", ["look", "step"])
def test_restore_waits_until_ec2_serves_it(either: Protected, which: str) -> None:
    """Throttled more often than EC2_MAX_RETRY says, in a look or at a change: not one round is lost by it."""
    look, step = {
        "route": ("DescribeRouteTables", "ReplaceRoute"),
        "eip": ("DescribeAddresses", "AssociateAddress"),
        "private": ("DescribeNetworkInterfaces", "AssignPrivateIpAddresses"),
    }[either.words[0]]
    node, ec2 = either.lab.node2, either.lab.ec2
    node.set(EC2_MAX_RETRY=1)
    ec2.refuse("throttled", look if which == "look" else step, times=RETRIES)
    done = either.run("restore", node)
    assert done.returncode == 0, done.stderr
    assert either.holder() == "node2"
    assert done.stderr.count(":960036:EC2 throttles ") == 1
    assert "round 2" not in done.stderr
    changes = [call for call in ec2.calls if call.action == step and call.status == 200]
    assert len(changes) == (2 if step == "ReplaceRoute" else 1)


def test_remove_waits_until_ec2_serves_it(eip: Protected) -> None:
    """An Elastic IP is let go of, however often that is throttled."""
    eip.lab.node1.set(EC2_MAX_RETRY=1)
    eip.lab.ec2.refuse("throttled", "DisassociateAddress", times=RETRIES)
    done = eip.run("remove", eip.lab.node1)
    assert done.returncode == 0, done.stderr
    assert eip.holder() is None


@spread("verb", ["quickCheck", "check", "plan", "status", "properties"])
def test_who_only_looks_sends_each_call_once(either: Protected, verb: str) -> None:
    """Unknown at once: the account's calls belong to those that must act, and the next check comes by itself."""
    node, ec2 = either.lab.node1, either.lab.ec2
    node.set(EC2_MAX_RETRY=RETRIES)
    ec2.refuse("throttled")
    ec2.forget()
    if verb in {"status", "properties"}:
        wanted = {"status": ("status", either.tag, "--here"), "properties": ("properties", either.tag)}[verb]
        done = node.ec2kit(*wanted)
    else:
        done = either.run(verb, node) if verb == "quickCheck" else either.verb(verb, node)
        assert done.returncode == (0 if verb == "quickCheck" else 9), done.stderr
    calls = [(call.action, tuple(call.params.items())) for call in ec2.calls]
    assert len(calls) == len(set(calls)), calls
    assert sent(either, "DescribeNetworkInterfaces") <= (2 if either.words[0] == "private" else 1)


def test_no_retry_at_all_is_meant_so(routes: Protected) -> None:
    """EC2_MAX_RETRY=0: not a throttled call either is sent again."""
    routes.lab.node2.set(EC2_MAX_RETRY=0)
    routes.lab.ec2.refuse("throttled", "DescribeRouteTables")
    done = routes.run("restore", routes.lab.node2)
    assert done.returncode == 9
    assert sent(routes, "DescribeRouteTables") == 1


def test_each_table_is_moved_once_though_ec2_serves_few_at_a_time(tmp_path: Path) -> None:
    """Thirty tables through a bucket of ten that refills with ten a second: none is given up, none moved twice."""
    with route_lab(tmp_path, tables=30) as lab:
        routes = protect(lab)
        lab.node2.set(EC2_MAX_RETRY=1)
        lab.ec2.buckets = Buckets({"ReplaceRoute": Size(10, 10)})
        done = routes.run("restore", lab.node2)
        assert done.returncode == 0, done.stderr
        assert "round 2" not in done.stderr
        assert routes.holder() == "node2"
        served = [call for call in lab.ec2.calls if call.action == "ReplaceRoute" and call.status == 200]
        assert len(served) == 30
