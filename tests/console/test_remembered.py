"""Addresses that only the history knows: `ec2kit status` on a node without an engine."""

from __future__ import annotations

import json

from lab.protected import Protected, eni_of
from tests.support.programs import good, last


def test_what_was_taken_by_hand(either: Protected) -> None:
    """Served here, served by another node, on an instance that does not run, on nothing, and let go on purpose."""
    lab, words = either.lab, either.words
    node, other, truth = lab.node2, lab.node1, lab.ec2.truth()
    for each in lab.nodes.values():
        each.set(LKROOT=each.root / "nowhere")
    empty = node.ec2kit("status")
    assert (empty.returncode, "neither LifeKeeper in" in last(empty)) == (5, True), (
        "no engine, and nothing was ever taken"
    )
    good(node.ec2kit("hold", *words))
    assert "is served: held by node2." in good(node.ec2kit("status"))
    told = json.loads(good(node.ec2kit("status", "--output", "json")))
    (resource,) = told["resources"]
    assert (resource["engine"], resource["type"], resource["served"]) == ("", words[0], "served")

    good(other.ec2kit("hold", *words))
    assert f"is served by {eni_of(lab, 'node1')} of " in good(node.ec2kit("status"))
    truth.stop_instances(InstanceIds=[other.identity.instance_id])
    down = node.ec2kit("status")
    assert (down.returncode, ", stopped)" in down.stdout) == (1, True), down
    assert f"ec2kit hold {words[0]} {words[1]}, with its options." in down.stdout
    good(node.ec2kit("hold", *words))
    good(node.ec2kit("release", *words))
    by_script = node.ec2kit("release", *words, "--quiet")
    assert by_script.returncode == 0
    assert node.ec2kit("status").returncode == (0 if words[0] == "route" else 1), "a script is not a person"
    good(node.ec2kit("release", *words))
    let_go = good(node.ec2kit("status"))
    assert "is out of service" in let_go if words[0] != "route" else "is served: held by node2" in let_go


def test_what_an_engine_has_is_not_told_twice(routes: Protected) -> None:
    """An address of LifeKeeper's that somebody has taken by hand is one line."""
    routes.verb("hold", routes.lab.node2)
    routes.verb("hold", routes.lab.node1)
    assert good(routes.lab.node1.ec2kit("status")).startswith(f"{routes.tag} is served")
    told = json.loads(good(routes.lab.node1.ec2kit("status", "--output", "json")))
    assert [each["tag"] for each in told["resources"]] == [routes.tag]
