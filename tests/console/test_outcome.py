"""What a verb came to, as one JSON object."""

from __future__ import annotations

import json

from lab.protected import Protected, eni_of


def test_json_tells_all(either: Protected) -> None:
    """One object on standard output, for success, loss and no answer; `held` is null when nobody knows."""
    lab = either.lab
    told = {}
    for name, command in (
        ("hold", ("hold", lab.node2)),
        ("check", ("check", lab.node1)),
        ("plan", ("plan", lab.node1)),
        ("release", ("release", lab.node2)),
    ):
        done = either.verb(*command, "--output", "json")
        told[name] = json.loads(done.stdout)
        assert told[name]["exit_code"] == done.returncode
    assert [(told[name]["outcome"], told[name]["held"]) for name in ("hold", "check", "plan")] == [
        ("OK", True),
        ("NOT_HELD", False),
        ("OK", False),
    ]
    steps = {step["step"] for step in told["hold"]["steps"]}
    taken = {"route": "ReplaceRoute", "eip": "AssociateAddress", "private": "AssignPrivateIpAddresses"}
    assert steps == {taken[either.words[0]]}
    assert told["plan"]["todo"][0][0]["step"] in steps
    assert told["hold"]["node"]["eni"] == eni_of(lab, "node2")
    assert told["hold"]["view"]["eni"] == eni_of(lab, "node2")
    assert told["hold"]["api_calls"] > 0
    assert told["check"]["view"] is not None, "a loss is shown, not only told"
    lab.ec2.refuse("denied")
    done = either.verb("check", lab.node1, "--output", "json")
    unknown = json.loads(done.stdout)
    assert (done.returncode, unknown["outcome"], unknown["held"]) == (9, "UNAVAILABLE", None)
