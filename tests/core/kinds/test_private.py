"""The private address's pure core: who has it, what may be taken, and what a release names."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Astray, Misconfigured, Pending, Unavailable
from ec2kit.core.kinds.facts import Facts, Interfaces, Metadata, Query
from ec2kit.core.kinds.private import (
    AssignPrivateIpAddresses,
    InterfacesHaving,
    PrivateResource,
    PrivateView,
    UnassignPrivateIpAddresses,
)
from ec2kit.core.model import EniId, NetworkInterface, Node, VpcId
from tests.support.looks import seen

ADDRESS = "10.0.5.50"
OURS, SECOND, PEERS, STRANGERS = (EniId(f"eni-0{letter}") for letter in "abcd")
NODE = Node(
    "us-east-1",
    "i-1",
    VpcId("vpc-1"),
    (IPv4Network("10.0.0.0/16"),),
    "eth1",
    OURS,
    names={"0e:0a": "eth1", "0e:0b": "eth2"},
)
RESOURCE = PrivateResource(IPv4Address(ADDRESS), "eth1", frozenset({OURS, PEERS}))
WHOSE = {OURS: "i-1", SECOND: "i-1", PEERS: "i-2", STRANGERS: ""}
PLACES = st.sampled_from([*WHOSE, None])


def world(at: EniId | None, *, primary: bool = False, elastic_ip: str | None = None) -> list[NetworkInterface]:
    """The subnet's ENIs, with the address on one of them."""
    made = []
    for number, (eni, instance) in enumerate(WHOSE.items()):
        has = eni == at
        made.append(
            NetworkInterface(
                eni,
                ADDRESS if has and primary else f"10.0.5.1{number}",
                source_dest_check=True,
                mac=f"0e:{eni[-2:]}",
                instance=instance,
                subnet="subnet-1",
                secondary=((ADDRESS, elastic_ip),) if has and not primary else (),
            )
        )
    return made


def view(
    at: EniId | None,
    *,
    node: Node = NODE,
    resource: PrivateResource = RESOURCE,
    local: str | None = f"10.0.5.10\n{ADDRESS}",
    block: str | None = "10.0.5.0/24",
    frugal: bool = False,
    primary: bool = False,
) -> PrivateView:
    """The kit's view of it. local, block: what the metadata tell of each ENI."""
    told: dict[Query[Any], object] = {}
    for mac in ("0e:0a", "0e:0b"):
        told[Metadata(f"network/interfaces/macs/{mac}/local-ipv4s")] = local
        told[Metadata(f"network/interfaces/macs/{mac}/subnet-ipv4-cidr-block")] = block
    shown = seen(resource, node, world(at, primary=primary), told, frugal=frugal)
    assert isinstance(shown, PrivateView)
    return shown


@given(PLACES, st.booleans())
def test_it_is_taken_only_from_nobody_this_node_or_a_peer(at: EniId | None, primary: bool) -> None:
    """And the step names our ENI and our address; AllowReassignment is said only where a look has shown a holder."""
    shown = view(at, primary=primary)
    if at == OURS and not primary:
        assert shown.drift() == ()
    elif at == STRANGERS or (primary and at):
        with pytest.raises(Misconfigured, match=r"as a peer's|cannot move"):
            shown.drift()
    else:
        (((step,),)) = shown.drift()
        assert isinstance(step, AssignPrivateIpAddresses)
        assert (step.eni, step.private_ip, step.was) == (OURS, ADDRESS, at)
        assert step.parameters()["AllowReassignment"] is (at is not None)


@given(PLACES, st.booleans())
def test_release_names_this_nodes_own_eni(at: EniId | None, primary: bool) -> None:
    """Non-empty exactly when a secondary address of this instance has it, whatever else is so."""
    shown = view(at, primary=primary)
    if at not in {OURS, SECOND}:
        assert shown.release() == ()
    elif primary:
        with pytest.raises(Misconfigured, match="never taken off"):
            shown.release()
    else:
        assert shown.release() == ((UnassignPrivateIpAddresses(ADDRESS, at),),)


@given(PLACES, st.booleans())
def test_a_loss_is_that_no_interface_of_this_instance_has_it(at: EniId | None, frugal: bool) -> None:
    """Also where it could not be taken; a frugal look says the same."""
    assert bool(view(at, frugal=frugal).lost) == (at not in {OURS, SECOND})
    assert view(at, frugal=frugal).partial == (frugal and at not in {OURS, SECOND})


def test_another_interface_of_this_node_is_nearby() -> None:
    """hold moves it, nothing proves a loss."""
    shown = view(SECOND)
    assert (shown.nearby, shown.lost) == (True, frozenset())
    assert shown.drift() == ((AssignPrivateIpAddresses(ADDRESS, OURS, was=SECOND),),)


def test_answers_that_contradict_each_other_prove_nothing() -> None:
    """That of the instance's ENIs is old, that of who has the address is not: neither lost nor let go of."""
    there: dict[Query[Any], object] = {
        InterfacesHaving(NODE.vpc, ADDRESS): tuple(each for each in world(OURS) if each.id == OURS)
    }
    with pytest.raises(Unavailable, match="contradict"):
        seen(RESOURCE, NODE, world(None), there)


def test_the_move_is_waited_for() -> None:
    """EC2 shows it, the metadata do not yet: neither held nor lost."""
    under_way = view(OURS, local="10.0.5.10")
    with pytest.raises(Pending):
        under_way.drift()
    assert under_way.lost == frozenset()
    assert under_way.release(), "what lets go does not wait"


@pytest.mark.parametrize("local", [None, "", "<html>", "10.0.9.9"])
def test_metadata_that_do_not_tell_the_interfaces_own_address_tell_nothing(local: str | None) -> None:
    """Then nothing is waited for: it is unknown, as any other failure."""
    shown = view(OURS, local=local)
    assert shown.lost == frozenset()
    with pytest.raises(Unavailable, match="do not tell the private addresses of eni-0a") as caught:
        shown.drift()
    assert not isinstance(caught.value, Pending)


def test_a_release_asks_the_metadata_nothing() -> None:
    """They may hang."""
    facts = Facts({Interfaces("i-1"): tuple(world(OURS))}, releasing=True)
    assert RESOURCE.view(NODE, facts).release()


def test_an_own_interface_that_the_others_do_not_know_is_told() -> None:
    """A replaced instance: the next takeover would refuse."""
    assert RESOURCE.forgotten(view(OURS)) is None
    others = replace(RESOURCE, peers=frozenset({PEERS}))
    assert "eni-0a, this node's own" in str(others.forgotten(view(OURS, resource=others)))
    assert replace(RESOURCE, peers=frozenset()).forgotten(view(OURS)) is None


def test_metadata_without_an_answer_are_unknown() -> None:
    """And do not keep a release from its work."""
    told: dict[Query[Any], object] = {
        Metadata("network/interfaces/macs/0e:0a/local-ipv4s"): Unavailable("the metadata service does not answer")
    }
    shown = seen(RESOURCE, NODE, world(OURS), told)
    with pytest.raises(Unavailable, match="does not answer"):
        shown.drift()
    assert shown.lost == frozenset()
    assert shown.release()


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("10.0.6.0/24", "is not in 10.0.6.0/24"),
        ("10.0.5.48/28", "AWS keeps 10.0.5.50"),
        ("10.0.5.0/26", ""),
        ("10.0.5.47/32", "is not in"),
        ("10.0.5.32/29", "is not in"),
        ("10.0.5.44/30", "is not in"),
        (None, ""),
        ("rubbish", ""),
    ],
)
def test_an_address_that_the_subnet_cannot_give(block: str | None, why: str) -> None:
    """Outside of it, or one that AWS keeps; where the metadata do not tell the block, EC2 decides."""
    shown = view(None, block=block)
    if not why:
        assert shown.drift()
        return
    with pytest.raises(Misconfigured, match=why):
        shown.drift()


def test_the_last_address_of_the_subnet_is_kept_too() -> None:
    """VPC user guide: the first four and the last."""
    last = replace(RESOURCE, private_ip=IPv4Address("10.0.5.63"))
    shown = view(None, resource=last, block="10.0.5.0/26")
    with pytest.raises(Misconfigured, match="AWS keeps"):
        shown.drift()


def test_the_same_address_in_another_vpc_is_another_one() -> None:
    """An instance may have ENIs of two VPCs, and their blocks may overlap: there nothing is moved or let go of."""
    other = replace(world(SECOND)[1], vpc="vpc-2")
    ours, _, *others = (replace(each, vpc="vpc-1") for each in world(None))
    shown = seen(RESOURCE, NODE, [ours, other, *others])
    assert not shown.nearby
    assert shown.lost == {ADDRESS}
    assert shown.release() == ()
    assert shown.drift() == ((AssignPrivateIpAddresses(ADDRESS, OURS),),)


def test_no_interface_at_all_is_another_account() -> None:
    """Then an address that is not shown proves nothing."""
    with pytest.raises(Misconfigured, match="shows no network interface of i-1"):
        seen(RESOURCE, NODE, [each for each in world(PEERS) if each.id in {PEERS, STRANGERS}])


GONE = replace(NODE, eni=None, lack=Misconfigured("eth1 has no ENI"))


@pytest.mark.parametrize(("at", "released"), [(OURS, 1), (PEERS, 0), (STRANGERS, 0), (None, 0)])
def test_a_node_whose_interface_is_gone_lets_go_of_what_it_has(at: EniId | None, released: int) -> None:
    """And says nothing else: what it lacks is not a verdict."""
    shown = view(at, node=GONE)
    assert len(shown.release()) == released
    assert shown.lost == frozenset()
    with pytest.raises(Misconfigured, match="eth1 has no ENI"):
        shown.drift()


def test_a_name_that_is_wrong_lets_go_of_nothing() -> None:
    """The resource names an interface that is not there, and the address is on one that is: a person must act."""
    with pytest.raises(Astray, match="eth1 has no ENI"):
        view(SECOND, node=GONE).release()


def test_create_and_extend_gather_the_nodes_enis() -> None:
    """Each adds its own."""
    alone = replace(RESOURCE, peers=frozenset())
    assert alone.recorded(view(OURS, resource=alone)).peers == {OURS}
    assert RESOURCE.recorded(view(PEERS)).peers == {OURS, PEERS}


def test_what_create_says() -> None:
    """It is not here: fatal where it is to be now. The reservation is advised, and an Elastic IP on it is told."""
    assert [problem.fatal for problem in view(OURS).problems(active=True)] == [False]
    assert [problem.fatal for problem in view(PEERS).problems(active=True)] == [True]
    assert "run create there, or name that system: --server" in view(PEERS).problems(active=True)[0].cure
    assert [problem.fatal for problem in view(None).problems(active=True)] == [True, False]
    assert view(PEERS).problems(active=False) == []
    assert [problem.fatal for problem in view(STRANGERS).problems(active=False)] == [True]
    shown = seen(RESOURCE, NODE, world(OURS, elastic_ip="203.0.113.10"), {})
    assert ["203.0.113.10" in problem.what for problem in shown.cautions] == [True]


def test_who_has_it_is_asked_for_in_this_vpc_and_told_apart_in_a_joined_answer() -> None:
    """Another VPC may have the same address."""
    query = InterfacesHaving(VpcId("vpc-1"), ADDRESS)
    assert (query.scope, query.value) == ((("vpc-id", "vpc-1"),), ADDRESS)
    assert [query.includes(each) for each in world(PEERS)] == [False, False, True, False]
