"""Who has, or had, an address: told with instance, name and state, and never waited for."""

from __future__ import annotations

import json
import re
import time

import pytest

from lab.ec2.faults import Kind
from lab.protected import Protected, eni_of


def test_the_holder_is_named(either: Protected) -> None:
    """plan says who has the address, hold who had it, by text and JSON: a node that is stopped, by its Name."""
    lab, node1 = either.lab, either.lab.node1.identity
    truth = lab.ec2.truth()
    truth.create_tags(Resources=[node1.instance_id], Tags=[{"Key": "Name", "Value": "db-1"}])
    truth.stop_instances(InstanceIds=[node1.instance_id])
    whose = f"{eni_of(lab, 'node1')} of {node1.instance_id} (db-1, stopped)"
    planned = either.verb("plan", lab.node2)
    assert f", but by {whose}; hold would:" in planned.stdout, planned
    done = either.verb("hold", lab.node2, "-v", "--output", "json")
    expected = {"eni": eni_of(lab, "node1"), "instance": node1.instance_id, "name": "db-1", "state": "stopped"}
    assert json.loads(done.stdout)["elsewhere"] == [expected]
    assert re.search(f":960056:.*{re.escape(either.words[1])}.* was on {re.escape(whose)} before", done.stderr)
    assert json.loads(either.verb("hold", lab.node2, "--output", "json").stdout)["elsewhere"] == []


@pytest.mark.parametrize("fault", ["denied", "hang", "garbage"])
def test_no_answer_is_no_harm(routes: Protected, fault: Kind) -> None:
    """hold and plan succeed, soon, and name what the look has shown."""
    lab = routes.lab
    lab.ec2.refuse(fault, "DescribeInstances")
    for verb in ("plan", "hold"):
        began = time.monotonic()
        done = routes.verb(verb, lab.node2, "--output", "json")
        assert (done.returncode, time.monotonic() - began < 8) == (0, True), done
        (told,) = json.loads(done.stdout)["elsewhere"]
        assert (told["eni"], told["instance"], told["state"]) == (
            eni_of(lab, "node1"),
            lab.node1.identity.instance_id,
            None,
        )
    lab.ec2.mend()


def test_it_never_costs_a_takeover_its_time(routes: Protected) -> None:
    """EC2 is slow, DescribeInstances hangs, and the time is short: the takeover is a success all the same."""
    node = routes.lab.node2
    node.set(EC2_RESTORE_TIMEOUT=4)
    routes.lab.ec2.delay_ms = 600
    routes.lab.ec2.refuse("hang", "DescribeInstances")
    done = routes.run("restore", node)
    assert (done.returncode, routes.holder()) == (0, "node2"), done
