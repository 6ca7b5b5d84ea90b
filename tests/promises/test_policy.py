"""The IAM policy that the documents ask for."""

from __future__ import annotations

from pathlib import Path

from lab.ec2.vpc import AddressLab
from lab.nodes import address_lab, private_lab, route_lab
from lab.protected import eni_of, policy, protect, verb_of
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
