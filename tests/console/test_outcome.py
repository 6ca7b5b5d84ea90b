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


def test_a_quiet_run_tells_one_line(eip: Protected) -> None:
    """What came of it, what was done, the cure; no table. The exit code, and the JSON object, are as without it."""
    lab = eip.lab
    for verb, node, begins, has in (
        ("plan", lab.node2, "PLAN plan: ", eni_of(lab, "node2")),
        ("hold", lab.node2, "OK hold: ", "Done: "),
        ("hold", lab.node2, "OK hold: ", " is held by "),
        ("check", lab.node1, "NOT_HELD check ", eni_of(lab, "node2")),
    ):
        done = eip.verb(verb, node, "--quiet")
        assert (done.stdout, done.stderr.count("\n")) == ("", 1), done
        assert done.stderr.startswith(begins), done
        assert has in done.stderr, done
        assert done.returncode == (1 if verb == "check" else 0)
    lab.ec2.refuse("denied")
    done = lab.node1.ec2kit("check", "eip", "203.0.113.999", "--quiet")
    assert (done.returncode, done.stderr.count("\n"), "203.0.113.999" in done.stderr) == (2, 1, True)
    done = eip.verb("check", lab.node1, "--quiet", "--output", "json")
    assert (done.returncode, done.stderr.count("\n"), json.loads(done.stdout)["exit_code"]) == (9, 1, 9)
    assert done.stderr.startswith("UNAVAILABLE check ")
