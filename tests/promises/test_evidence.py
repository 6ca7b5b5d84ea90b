"""The API at its worst, through the executables: no false failure, no false success, and the next run converges."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Literal

import pytest

from lab.ec2.faults import Kind
from lab.ec2.vpc import RouteLab, snapshot
from lab.nodes import Node, route_lab
from lab.protected import SLACK, Protected, eni_of, events, protect, through_the_front
from tests.support.kinds import only, spread
from tests.support.programs import hurry, seconds

RETRIES = 3  # EC2_MAX_RETRY's default
TAKES = {"route": "ReplaceRoute", "eip": "AssociateAddress", "private": "AssignPrivateIpAddresses"}
KINDS: tuple[Kind, ...] = (
    "throttled", "denied", "expired", "error500", "reset", "hang", "slow", "garbage", "hollow", "truncated",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_quick_check_without_an_answer_is_no_failure(routes: Protected, kind: Kind) -> None:
    """Exit code 0 and one log line, within the budget; nothing is sent to LifeKeeper and nothing changed."""
    node = routes.lab.node1
    hurry(node)
    before = snapshot(routes.lab.ec2.truth())
    routes.lab.ec2.refuse(kind)
    began = time.monotonic()
    done = routes.run("quickCheck", node)
    assert time.monotonic() - began < 5 + 1 + SLACK
    assert seconds(done) < 5 + 1
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"WARN:ec2:quickCheck:{routes.tag}:960004:")
    assert "not a failure, the resource stays in service" in line
    assert "Traceback" not in done.stderr
    assert events(node) == []
    routes.lab.ec2.mend()
    assert snapshot(routes.lab.ec2.truth()) == before


@spread("kind", KINDS)
def test_restore_without_answers_says_unavailable_and_the_next_one_converges(either: Protected, kind: Kind) -> None:
    """9, a last line that names the cause, and no half-done work that stays."""
    node = either.lab.node2
    hurry(node)
    either.lab.ec2.refuse(kind)
    began = time.monotonic()
    done = either.run("restore", node)
    assert time.monotonic() - began < 6 + 1 + SLACK
    assert seconds(done) < 6 + 1
    assert done.returncode == 9
    assert done.stderr.splitlines()[-1].startswith(f"ERROR:ec2:restore:{either.tag}:960003:END failed restore of")
    assert either.holder() == "node1"
    either.lab.ec2.mend()
    assert either.run("restore", node).returncode == 0
    assert either.holder() == "node2"


@spread("kind", ["throttled", "error500", "reset", "garbage", "lost", "lied", "truncated"])
def test_restore_outlives_a_fault_of_a_moment(either: Protected, kind: Kind) -> None:
    """Each call is tried again, and no reply is believed, in either direction."""
    for action in (TAKES[either.words[0]], "DescribeNetworkInterfaces"):
        either.lab.ec2.refuse(kind, action, times=1)
    done = either.run("restore", either.lab.node2)
    assert done.returncode == 0, done.stderr
    assert either.holder() == "node2"


@pytest.mark.parametrize("kind", ["lost", "lied"])
def test_remove_whose_reply_is_lost_still_succeeds_on_the_look(eip: Protected, kind: Kind) -> None:
    """botocore's own retry then gets InvalidAssociationID.NotFound: a success that is told as an error."""
    eip.lab.ec2.refuse(kind, "DisassociateAddress", times=1)
    done = eip.run("remove", eip.lab.node1)
    assert done.returncode == 0, done.stderr
    assert eip.holder() is None


@pytest.mark.parametrize("kind", ["throttled", "denied", "hang"])
def test_remove_that_cannot_look_does_not_say_removed(eip: Protected, kind: Kind) -> None:
    """The peers say 'already down' here, with the address still in place."""
    hurry(eip.lab.node1)
    eip.lab.ec2.refuse(kind, "DescribeAddresses")
    done = eip.run("remove", eip.lab.node1)
    assert done.returncode == 9
    assert eip.holder() == "node1"


def test_release_that_is_refused_is_still_held(eip: Protected) -> None:
    """The last look shows the address here: NOT_HELD as an outcome, and `held` is true."""
    eip.lab.node1.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("denied", "DisassociateAddress")
    done = eip.verb("release", eip.lab.node1, "--output", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["held"]) == (1, "NOT_HELD", True)
    assert "Allow ec2:DisassociateAddress" in told["cure"]


def test_denied_on_one_table_of_three(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The others move; the exit code is 1, because the last look shows what is missing; the line names it.

    What is denied is sent again in each round, for rights take their time with EC2, too.
    """
    with route_lab(tmp_path_factory.mktemp("lab"), tables=3) as lab:
        routes = protect(lab)
        assert isinstance(lab.vpc, RouteLab)
        refused = lab.vpc.tables["B"]
        lab.ec2.refuse("denied", "ReplaceRoute", RouteTableId=refused)
        done = routes.run("restore", lab.node2)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert refused in last
        assert "UnauthorizedOperation" in last
        assert "Allow ec2:ReplaceRoute" in last
        changes = [call for call in lab.ec2.calls if call.action == "ReplaceRoute"]
        moved = [call.params["RouteTableId"] for call in changes if call.status == 200]
        assert sorted(moved) == sorted([lab.vpc.tables["A"], lab.vpc.tables["C1"]])
        assert len(changes) - len(moved) == 1 + RETRIES
        lab.ec2.mend()
        assert routes.run("restore", lab.node2).returncode == 0
        assert routes.holder() == "node2"


def test_a_stale_look_after_the_change_is_outlived(either: Protected) -> None:
    """EC2 may show the state before for a while: the change is not reported as failed, nor believed unseen."""
    either.lab.ec2.stale(4)
    done = either.run("restore", either.lab.node2)
    assert done.returncode == 0, done.stderr
    assert either.holder() == "node2"
    assert "Trying again, round 2" in done.stderr


def test_one_stale_look_is_no_loss(routes: Protected) -> None:
    """quickCheck looks a second time before it says that the address is lost."""
    assert routes.run("restore", routes.lab.node2).returncode == 0
    client = through_the_front(routes.lab)
    assert isinstance(routes.lab.vpc, RouteLab)
    routes.lab.ec2.stale(2)  # one look is two calls
    for name in ("A", "B"):
        client.replace_route(
            RouteTableId=routes.lab.vpc.tables[name],
            DestinationCidrBlock=f"{routes.lab.vpc.vip}/32",
            NetworkInterfaceId=eni_of(routes.lab, "node1"),
        )
    assert routes.run("quickCheck", routes.lab.node1).returncode == 0


def test_the_peer_takes_the_address_between_look_and_release(eip: Protected) -> None:
    """The look is stale, the association id in it is spent: the peer keeps the address, and we say so."""
    lab = eip.lab
    assert not isinstance(lab.vpc, RouteLab)
    lab.ec2.stale(2)  # one look is two calls
    through_the_front(lab).associate_address(
        AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni_of(lab, "node2"), AllowReassociation=True
    )
    lab.ec2.forget()
    done = eip.run("remove", lab.node1)
    sent = [(call.action, call.status) for call in lab.ec2.calls if not call.action.startswith("Describe")]
    assert sent == [("DisassociateAddress", 400)], "the look was stale, so the call was sent, and refused"
    assert done.returncode == 0
    assert eip.holder() == "node2"


@only("eip")
def test_metadata_that_hangs_or_is_off(either: Protected) -> None:
    """Neither proves a loss; switched off is a person's business."""
    node = either.lab.node1
    hurry(node)
    faults: tuple[tuple[Literal["hang", "off"], str, str], ...] = (
        ("hang", "960004", "does not answer"),
        ("off", "960005", "switched off"),
    )
    for fault, number, word in faults:
        node.imds.fault = fault
        done = either.run("quickCheck", node)
        assert done.returncode == 0
        (line,) = done.stderr.splitlines()
        assert number in line
        assert word in line
    node.imds.fault = None
    assert either.run("quickCheck", node).returncode == 0


def test_credentials_of_the_role_that_expire_are_fetched_anew(routes: Protected) -> None:
    """No run keeps credentials longer than itself."""
    node = routes.lab.node1
    routes.lab.ec2.only_registered = True
    node.imds.credential_seconds = 2
    node.imds.rotate()
    assert routes.run("quickCheck", node).stderr == ""
    time.sleep(2.1)
    assert routes.run("quickCheck", node).stderr == ""
    assert len({call.key for call in routes.lab.ec2.calls}) == 2


def test_no_secret_is_told(routes: Protected) -> None:
    """Whatever fails, neither the secret key nor a token is in output, log or info."""
    node = routes.lab.node1
    hurry(node)
    planted = "PLANTED+SECRET/KEY", "PLANTED/SESSION/TOKEN"
    (node.root / ".aws").mkdir()
    keys = f"aws_access_key_id = AKIALEAK\naws_secret_access_key = {planted[0]}\naws_session_token = {planted[1]}\n"
    (node.root / ".aws/credentials").write_text(f"[leak]\n{keys}")
    said = ""
    for kind in ("denied", "expired", "garbage", "error500", "reset"):
        routes.lab.ec2.refuse(kind)
        for verb in ("hold", "check"):
            done = routes.verb(verb, node, "--profile", "leak", "-v", "--output", "json")
            said += done.stdout + done.stderr
        routes.lab.ec2.mend()
    assert {call.key for call in routes.lab.ec2.calls} == {"AKIALEAK"}, "the planted credentials were in use"
    assert "PLANTED" not in said


@pytest.mark.parametrize("retries", [0, 1])
def test_rounds_of_looking_and_acting_are_as_many_as_the_setting_says(routes: Protected, retries: int) -> None:
    """EC2_MAX_RETRY=1 is two rounds: the blackhole never goes, so each round acts on both tables."""
    routes.lab.node2.set(EC2_MAX_RETRY=retries)
    routes.lab.ec2.blackholes.add(eni_of(routes.lab, "node2"))
    assert routes.run("restore", routes.lab.node2).returncode == 1
    sent = [call for call in routes.lab.ec2.calls if call.action == "ReplaceRoute"]
    assert len(sent) == 2 * (1 + retries)


def with_eni(eni: str, node: Node) -> None:
    """Let the metadata service of a node give that id for the ENI behind eth1."""
    first, second = node.identity.interfaces
    node.imds.identity = replace(node.identity, interfaces=(first, replace(second, eni=eni)))


@only("private")
def test_an_interface_id_that_is_none_is_no_answer(either: Protected) -> None:
    """9, with the metadata service as the cause: nothing is known of the account then, and nobody has to act."""
    either.lab.node2.set(EC2_MAX_RETRY=0)
    with_eni("<html>", either.lab.node2)
    done = either.run("restore", either.lab.node2)
    assert done.returncode == 9
    assert "the metadata service returned an invalid network interface ID" in done.stderr.splitlines()[-1]
    assert [call for call in either.lab.ec2.calls if "ec2kit/" in call.agent] == []


def test_ip_that_prints_bytes_of_no_meaning(eip: Protected) -> None:
    """It is no bug of ours: the run ends with a line that names the interface, which was not taken down."""
    node = eip.lab.node2
    (node.root / "bin/ip").write_text(f"#!/bin/sh\necho $* >> {node.root}/ip.log\nprintf '\\377\\376\\000'\n")
    (node.sysfs / "class/net/eth1/carrier").write_text("0\n")
    node.set(IP_WAIT_LINKDOWN=0, IP_MAX_LINKCHK=1, EC2_MAX_RETRY=0)
    done = eip.run("restore", node)
    assert done.returncode in {1, 9}
    assert "Traceback" not in done.stderr
    assert "eth1 is not taken down" in done.stderr.splitlines()[-1]
    assert "link set" not in (node.root / "ip.log").read_text()
