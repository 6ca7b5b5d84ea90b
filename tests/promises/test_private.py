"""A secondary private address, from create to delete: what a node may take, and whom it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ec2kit.lifekeeper import info
from lab.ec2.vpc import PrivateLab, addresses, private_addresses
from lab.nodes import Lab, private_lab
from lab.protected import Protected, eni_of, through_the_front
from tests.support.hierarchy import FORMS, made
from tests.support.programs import good

TAG = "ec2-ip-10.0.5.50"
CREATE = ("create", "--type", "private", "--ip-resource", "ip-10.0.5.50")


def holder(lab: Lab, address: str | None = None) -> str | None:
    """The ENI that has a private address, in truth."""
    assert isinstance(lab.vpc, PrivateLab)
    return private_addresses(lab.ec2.truth(), lab.vpc.vpc).get(address or lab.vpc.address)


def peers(lab: Lab, name: str) -> set[str]:
    """Whom the info field of a node names."""
    return set(info.decode(made(lab.nodes[name], TAG)[5]).resource.peers)


def enis(lab: Lab) -> set[str]:
    """The nodes' ENIs in the subnet."""
    return {eni_of(lab, name) for name in lab.nodes}


@pytest.mark.parametrize("form", FORMS[:1])
def test_a_private_address_under_lifekeeper(form: str, tmp_path: Path, forks: Path | None) -> None:
    """Created, extended, switched over, back, local recovery, deleted: in each step it is on one node, and known."""
    with private_lab(tmp_path, forks=forks, manager=form == "gen/app") as lab:
        one, two = lab.node1, lab.node2
        done = one.ec2kit(*CREATE, *(["--generic"] if form == "gen/app" else []))
        assert done.returncode == 0, done.stderr
        assert "create-subnet-cidr-reservation" in done.stderr
        assert "Elastic IP 203.0.113.10 is on 10.0.5.50" in done.stderr
        good(one.ec2kit("extend", TAG, "--to", "node2"))
        assert (peers(lab, "node1"), peers(lab, "node2")) == (enis(lab), enis(lab))
        for node, name in ((two, "node2"), (one, "node1")):
            good(node.lk("perform_action", "-t", "ip-10.0.5.50", "-a", "restore"))
            assert holder(lab) == eni_of(lab, name)
        assert "held" in good(one.ec2kit("status", TAG))
        through_the_front(lab).unassign_private_ip_addresses(
            NetworkInterfaceId=eni_of(lab, "node1"), PrivateIpAddresses=["10.0.5.50"]
        )
        good(one.lk("lkcheck", "--once"))
        assert holder(lab) == eni_of(lab, "node1"), "local recovery"
        good(one.ec2kit("delete", TAG, "--yes"))
        assert holder(lab) in {None, eni_of(lab, "node1")}


def test_a_dead_nodes_address_moves_with_its_elastic_ip_by_one_call(private: Protected) -> None:
    """Whoever takes over sends one change; the Elastic IP's own resource finds itself held."""
    lab = private.lab
    assert isinstance(lab.vpc, PrivateLab)
    lab.ec2.forget()
    assert private.run("restore", lab.node2).returncode == 0
    assert [call.action for call in lab.ec2.calls if call.action[:8] != "Describe"] == ["AssignPrivateIpAddresses"]
    assert addresses(lab.ec2.truth())[lab.vpc.public_ip] == (eni_of(lab, "node2"), "10.0.5.50")
    lab.ec2.forget()
    words = ("eip", lab.vpc.public_ip, "--interface", "eth1", "--private-ip", "10.0.5.50")
    good(lab.node2.ec2kit("hold", *words, "--force"))
    assert {call.action[:8] for call in lab.ec2.calls} == {"Describe"}


@pytest.mark.parametrize("verb", ["hold", "plan"])
def test_an_address_of_somebody_elses_is_named_and_left_alone(private: Protected, verb: str) -> None:
    """Also when it comes there between two looks: AllowReassignment is said only of a holder that was seen."""
    lab = private.lab
    assert isinstance(lab.vpc, PrivateLab)
    stranger = lab.vpc.stranger
    lab.ec2.truth().assign_private_ip_addresses(
        NetworkInterfaceId=stranger, PrivateIpAddresses=["10.0.5.50"], AllowReassignment=True
    )
    lab.node2.set(EC2_MAX_RETRY=0)
    done = private.verb(verb, lab.node2)
    assert done.returncode == 5
    assert f"10.0.5.50 is on {stranger} (attached to nothing), which" in done.stderr
    assert holder(lab) == stranger


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.5.99", "is the primary address of eni-"),
        ("10.0.5.10", "is the primary address of eni-"),
        ("10.0.7.7", "is not in 10.0.5.0/24"),
        ("10.0.5.3", "AWS keeps 10.0.5.3"),
    ],
)
def test_what_cannot_move_is_refused_in_words(figure3: Lab, address: str, why: str) -> None:
    """Before anything is sent."""
    figure3.node1.set(EC2_MAX_RETRY=0)
    done = figure3.node1.ec2kit(
        "hold", "private", address, "--interface", "eth1", "--peer", eni_of(figure3, "node2"), "--force"
    )
    assert done.returncode == 5
    assert why in done.stderr
    assert {call.action[:8] for call in figure3.ec2.calls} == {"Describe"}


def test_a_full_interface_is_told(private: Protected) -> None:
    """EC2 tells by its code alone how many an instance type may have."""
    private.lab.ec2.most_addresses = 1
    private.lab.node2.set(EC2_MAX_RETRY=0)
    done = private.verb("hold", private.lab.node2)
    assert done.returncode == 1
    assert "as many private addresses as its instance type allows" in done.stderr
    assert private.holder() == "node1"


def test_the_move_is_waited_for(private: Protected) -> None:
    """EC2 shows it at once, the metadata after some reads: hold ends when both do, more rounds than EC2_MAX_RETRY."""
    node = private.lab.node2
    node.set(EC2_MAX_RETRY=0)
    node.imds.behind = 3
    done = private.verb("hold", node)
    assert done.returncode == 0, done.stderr
    assert "the move is under way" in done.stderr
    assert private.holder() == "node2"


def test_a_check_while_the_move_is_under_way_is_no_loss(private: Protected) -> None:
    """Nor is it held: nobody knows yet."""
    node = private.lab.node2
    node.imds.behind = 1000
    private.lab.ec2.truth().assign_private_ip_addresses(
        NetworkInterfaceId=eni_of(private.lab, "node2"), PrivateIpAddresses=["10.0.5.50"], AllowReassignment=True
    )
    assert private.verb("check", node).returncode == 9
    private.state(node, "ISP")
    assert private.run("quickCheck", node).returncode == 0


def test_a_hold_whose_move_never_ends_ends_on_time(private: Protected) -> None:
    """And says what it waited for."""
    node = private.lab.node2
    node.imds.behind = 1000
    done = private.verb("hold", node, "--timeout", "6")
    assert done.returncode == 9
    assert "the instance metadata do not yet" in done.stderr


def test_the_guis_way_tells_the_template_too(figure3: Lab) -> None:
    """`ec2kit info` is asked on the new system before LifeKeeper's GUI extends; nothing of the kit's runs after."""
    good(figure3.node1.ec2kit(*CREATE))
    assert peers(figure3, "node1") == {eni_of(figure3, "node1")}
    told = good(figure3.node2.ec2kit("info", TAG, "--template", "node1"))
    assert set(info.decode(told.strip()).resource.peers) == enis(figure3)
    assert peers(figure3, "node1") == enis(figure3)


def test_peers_are_gathered_anew_after_an_instance_was_replaced(figure3: Lab) -> None:
    """The old ENI does not count any more, the new one does: on every system."""
    good(figure3.node1.ec2kit(*CREATE))
    good(figure3.node1.ec2kit("extend", TAG, "--to", "node2"))
    old = eni_of(figure3, "node2")
    figure3.replace("node2")
    assert eni_of(figure3, "node2") != old
    good(figure3.node1.ec2kit("properties", TAG, "--set", "peers=refresh"))
    assert (peers(figure3, "node1"), peers(figure3, "node2")) == (enis(figure3), enis(figure3))
    assert old not in peers(figure3, "node1")


def test_peers_are_not_gathered_while_a_system_does_not_tell(figure3: Lab) -> None:
    """Half of them would keep a takeover from its work."""
    good(figure3.node1.ec2kit(*CREATE))
    good(figure3.node1.ec2kit("extend", TAG, "--to", "node2"))
    known = peers(figure3, "node1")
    figure3.node2.imds.refuse("off", "PUT /latest/api/token")
    done = figure3.node1.ec2kit("properties", TAG, "--set", "peers=refresh")
    assert done.returncode == 9
    assert "node2 does not tell its network interface" in done.stderr + done.stdout
    assert peers(figure3, "node1") == known


def test_other_kinds_have_no_peers(routes: Protected) -> None:
    """Refused in words."""
    done = routes.lab.node1.ec2kit("properties", routes.tag, "--set", "peers=refresh")
    assert done.returncode == 5
    assert "has no peers" in done.stderr + done.stdout


def test_extend_into_another_subnet_is_refused(figure3: Lab) -> None:
    """eth0 of both nodes is in the management subnet."""
    good(figure3.node1.ec2kit(*CREATE))
    done = figure3.node1.ec2kit("extend", TAG, "--to", "node2", "--interface", "eth0")
    assert done.returncode != 0
    assert "is not in 10.0.1.0/24" in done.stderr + done.stdout
    assert made(figure3.node2, TAG) == [""]


def test_pacemaker_takes_it_from_a_peer_alone(private: Protected) -> None:
    """Without peers it is another's; with them start takes it, stop lets go, and another node's is left alone."""
    node, given = private.lab.node2, {"OCF_RESKEY_ip": "10.0.5.50", "OCF_RESKEY_interface": "eth1"}
    given |= {"OCF_RESKEY_CRM_meta_timeout": "8000", "OCF_RESOURCE_INSTANCE": "private"}
    named: dict[str, Any] = given | {"OCF_RESKEY_peers": ", ".join(sorted(enis(private.lab)))}
    node.set(EC2_MAX_RETRY=0)
    refused = node.ocf("private", "start", **given)
    assert refused.returncode == 1
    assert "does not name as a peer's" in refused.stderr
    assert node.ocf("private", "stop", **given).returncode == 0
    assert private.holder() == "node1"
    assert node.ocf("private", "start", **named).returncode == 0
    assert node.ocf("private", "monitor", **named).returncode == 0
    assert private.lab.node1.ocf("private", "stop", **named).returncode == 0
    assert private.holder() == "node2"
    assert node.ocf("private", "stop", **named).returncode == 0
    assert private.holder() is None
