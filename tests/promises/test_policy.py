"""The IAM policy that the documents ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab import PROJECT
from lab.ec2.vpc import AddressLab
from lab.nodes import address_lab, private_lab, route_lab
from lab.protected import READING, Protected, eni_of, policy, protect, verb_of
from tests.support.account import drop_entry


def test_the_calls_are_exactly_those_of_the_policy(tmp_path: Path) -> None:
    """What an administrator is asked to allow is all that is needed, and all of it is needed."""
    sent = set()
    with route_lab(tmp_path / "routes") as lab:
        routes = protect(lab)
        lab.ec2.truth().modify_network_interface_attribute(
            NetworkInterfaceId=eni_of(lab, "node2"), SourceDestCheck={"Value": True}
        )
        drop_entry(lab, "A")
        assert routes.run("restore", lab.node2).returncode == 0
        assert {verb_of(call) for call in lab.ec2.history} == {"restore"}
        sent |= {call.action for call in lab.ec2.history}
    with address_lab(tmp_path / "eip") as lab:
        eip = protect(lab)
        assert eip.run("restore", lab.node2).returncode == 0
        assert eip.run("remove", lab.node2).returncode == 0
        assert isinstance(lab.vpc, AddressLab)
        create = ("create", "--type", "elastic-ip", "--interface", "eth0", "--elastic-ip", lab.vpc.free_ip)
        assert lab.node1.ec2kit(*create).returncode == 0
        sent |= {call.action for call in lab.ec2.history}
    with private_lab(tmp_path / "private") as lab:
        private = protect(lab)
        assert private.run("restore", lab.node2).returncode == 0
        assert private.run("remove", lab.node2).returncode == 0
        sent |= {call.action for call in lab.ec2.history}
    assert sent == policy()


def test_the_policy_to_paste(either: Protected) -> None:
    """It allows each call of a takeover and a release with what that names, and nothing else than its kind's."""
    lab, node = either.lab, either.lab.node2
    lab.ec2.truth().modify_network_interface_attribute(
        NetworkInterfaceId=eni_of(lab, "node2"), SourceDestCheck={"Value": True}
    )
    if either.words[0] == "route":
        drop_entry(lab, "A")
    done = node.ec2kit("doctor", either.tag, "--policy")
    assert (done.returncode, done.stderr.count("run it on each")) == (0, 1), done
    looking, *changing = json.loads(done.stdout)["Statement"]
    assert looking["Resource"] == "*"
    del lab.ec2.calls[:]
    for action in ("restore", "remove"):
        assert either.run(action, node).returncode == 0
    for call in lab.ec2.calls:
        if READING.match(call.action):
            assert f"ec2:{call.action}" in looking["Action"]
            continue
        (allowed,) = (each["Resource"] for each in changing if f"ec2:{call.action}" in each["Action"])
        ids = [
            str(call.params[name])
            for name in ("RouteTableId", "NetworkInterfaceId", "AllocationId")
            if name in call.params
        ]
        if call.action in {"ReplaceRoute", "CreateRoute"}:
            ids = ids[:1]
        ends = {each.rpartition("/")[2] for each in allowed}
        assert {*ids} <= ends, call
        assert all(
            re.fullmatch(r"arn:aws:ec2:us-east-1:[0-9]{12}:[a-z-]+/[a-z]+-[0-9a-z]+", each) for each in allowed
        )
    rows = re.findall(
        r"\| (route|private|eip) \| ([\w, ]+) \| ([\w, ]+) \|", (PROJECT / "docs/reference.md").read_text()
    )
    ((reads, changes),) = [(look, change) for kind, look, change in rows if kind == either.words[0]]
    assert {f"ec2:{each}" for each in changes.split(", ")} == {name for each in changing for name in each["Action"]}
    assert {f"ec2:{each}" for each in reads.split(", ")} <= {*looking["Action"]}


@pytest.mark.parametrize("words", [(), ("ec2-ip-vip", "--all-systems"), ("nobody",)])
def test_a_policy_is_for_one_address(routes: Protected, words: tuple[str, ...]) -> None:
    """Without an address, with another answer of doctor's, or for a tag that is not there, nothing is printed."""
    done = routes.lab.node2.ec2kit("doctor", *words, "--policy")
    assert (done.returncode, done.stdout) == (5 if words == ("nobody",) else 2, ""), done
