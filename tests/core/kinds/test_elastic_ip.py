"""The Elastic IP scenario's pure core."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured, Occupied, Unavailable
from ec2kit.core.kinds.elastic_ip import (
    AssociateAddress,
    DisassociateAddress,
    ElasticIpResource,
    ElasticIpView,
)
from ec2kit.core.kinds.facts import Holder, Link, Metadata, Query
from ec2kit.core.model import Address, AllocationId, Association, AssociationId, EniId, NetworkInterface, Node, VpcId
from ec2kit.core.steps import BringLinkUp, Step
from tests.support.looks import seen

OURS, SECOND, PEERS = EniId("eni-0a"), EniId("eni-0c"), EniId("eni-0b")
NAME = "203.0.113.10"
NODE = Node(
    "us-east-1",
    "i-1",
    VpcId("vpc-1"),
    (IPv4Network("10.0.0.0/16"),),
    "eth1",
    OURS,
    names={"0e:01": "eth1", "0e:02": "eth2"},
)
UNNAMED = replace(NODE, named=False)
RESOURCE = ElasticIpResource(IPv4Address(NAME), "eth1")
INTERFACES = [
    NetworkInterface(OURS, "10.0.2.11", source_dest_check=True, mac="0e:01"),
    NetworkInterface(SECOND, "10.0.2.21", source_dest_check=True, mac="0e:02"),
]

# The world: who has which association, by Elastic IP; and whether our interface has link.
World = tuple[dict[str, Association | None], bool]

SPOTS = st.sampled_from(
    [
        (OURS, "10.0.2.11", "i-1"),
        (OURS, "10.0.2.12", None),  # EC2 does not tell each time
        (SECOND, "10.0.2.21", "i-1"),
        (SECOND, "10.0.2.21", None),
        (PEERS, "10.0.4.12", "i-2"),
        (PEERS, "10.0.4.12", None),
        (None, None, None),
        None,
    ]
)


def association(number: int, spot: tuple[EniId | None, str | None, str | None] | None) -> Association | None:
    """An association there, or none."""
    return Association(AssociationId(f"eipassoc-{number}"), *spot) if spot else None


WORLDS = st.tuples(
    st.lists(SPOTS, min_size=1, max_size=4, unique_by=lambda spot: spot or object()).map(
        lambda spots: {
            name: association(number, spot)
            for number, (name, spot) in enumerate(
                zip([NAME, "203.0.113.11", "203.0.113.12", "203.0.113.13"], spots, strict=False)
            )
        }
    ),
    st.booleans(),
)


def view(world: World) -> ElasticIpView:
    """The kit's view of the world."""
    known = [
        Address(name, AllocationId(f"eipalloc-{name[-2:]}"), association_) for name, association_ in world[0].items()
    ]
    on_primary = (name for name, there in world[0].items() if there and there.private_ip == "10.0.2.11")
    ours = replace(INTERFACES[0], elastic_ip=next(on_primary, None))
    there = [*known, replace(ours, instance="i-1"), replace(INTERFACES[1], instance="i-1")]
    shown = seen(RESOURCE, NODE, there, {Link("eth1"): world[1]})
    assert isinstance(shown, ElasticIpView)
    return shown


def apply(world: World, step: Step) -> World:
    """What EC2 (and the kernel) make of one step."""
    held, link = dict(world[0]), world[1]
    match step:
        case BringLinkUp():
            return held, True
        case AssociateAddress(name, _, eni, private_ip):
            for other, there in held.items():
                if there and (there.eni, there.private_ip) == (eni, private_ip):
                    held[other] = None
            held[name] = Association(AssociationId("eipassoc-new"), eni, private_ip, "i-1")
        case DisassociateAddress(_, identifier):
            held = {name: None if there and there.id == identifier else there for name, there in held.items()}
        case _:
            raise AssertionError(step)
    return held, link


def oracle(world: World) -> bool:
    """Whether the promise is kept, told without drift()."""
    ours = world[0][NAME]
    return ours is not None and ours.eni == OURS and world[1]


@given(WORLDS)
def test_drift_is_empty_exactly_when_the_oracle_says_held(world: World) -> None:
    """An oracle that does not know drift() agrees with it."""
    assert (not view(world).drift()) == oracle(world)


@given(WORLDS, st.integers(0, 3))
def test_any_applied_part_then_a_new_plan_leaves_none(world: World, cut: int) -> None:
    """Applying the drift, or a part of it and then the new drift, leaves none."""
    for step in [step for batch in view(world).drift() for step in batch][:cut]:
        world = apply(world, step)
    for batch in view(world).drift():
        for step in batch:
            world = apply(world, step)
    assert oracle(world)
    assert view(world).drift() == ()


@given(WORLDS)
def test_release_is_non_empty_exactly_when_we_hold(world: World) -> None:
    """Release names our association and nothing else, and only when it is on an ENI of this instance."""
    ours = world[0][NAME]
    plan = view(world).release()
    assert bool(plan) == (ours is not None and ours.eni in {OURS, SECOND})
    if ours is not None and ours.eni and plan:
        assert plan == ((DisassociateAddress(NAME, ours.id, ours.eni),),)
        after = apply(world, plan[0][0])
        assert view(after).release() == ()
        assert {name: there for name, there in after[0].items() if name != NAME} == {
            name: there for name, there in world[0].items() if name != NAME
        }


@given(WORLDS)
def test_nothing_but_our_address_and_our_eni_is_named(world: World) -> None:
    """Steps name our Elastic IP, our ENI and its primary address; it is taken only from an owner that was seen."""
    for batch in view(world).drift():
        for step in batch:
            match step:
                case AssociateAddress():
                    assert step.parameters() == {
                        "AllocationId": "eipalloc-10",
                        "NetworkInterfaceId": OURS,
                        "PrivateIpAddress": "10.0.2.11",
                        "AllowReassociation": world[0][NAME] is not None,
                    }
                case _:
                    assert step == BringLinkUp("eth1")


def test_the_peers_new_association_cannot_be_hit() -> None:
    """A peer that took the address between look and release has another association id."""
    mine: World = ({NAME: association(1, (OURS, "10.0.2.11", "i-1"))}, True)
    ((step,),) = view(mine).release()
    peers: World = ({NAME: association(2, (PEERS, "10.0.4.12", "i-2"))}, True)
    assert apply(peers, step) == peers


def test_who_is_displaced_is_known_before_it_happens() -> None:
    """Another Elastic IP on the private address that ours takes is named; one on another address is not."""
    world: World = (
        {
            NAME: None,
            "203.0.113.11": association(1, (OURS, "10.0.2.11", "i-1")),
            "203.0.113.12": association(2, (OURS, "10.0.2.12", "i-1")),
        },
        True,
    )
    ((step,),) = view(world).drift()
    assert isinstance(step, AssociateAddress)
    assert step.displaces == ("203.0.113.11",)
    assert "displacing 203.0.113.11" in str(step)


def test_the_link_comes_before_the_association() -> None:
    """No traffic is attracted to an interface without link."""
    plan = view(({NAME: None}, False)).drift()
    assert [[type(step) for step in batch] for batch in plan] == [[BringLinkUp], [AssociateAddress]]


def test_a_link_that_is_not_checked_is_no_drift() -> None:
    """IP_NOLINKCHECK=1 gives link None."""
    known = [Address(NAME, AllocationId("eipalloc-10"), association(1, (OURS, "10.0.2.11", "i-1")))]
    assert ElasticIpView.of(RESOURCE, NODE, known[0], INTERFACES).drift() == ()


def test_an_address_of_another_account_needs_a_person() -> None:
    """Nothing can be associated; nothing is ours to release either."""
    seen = ElasticIpView.of(RESOURCE, NODE, None, INTERFACES)
    with pytest.raises(Misconfigured, match="not an Elastic IP of the account"):
        seen.drift()
    assert seen.release() == ()


@pytest.mark.parametrize("spot", [None, (PEERS, "10.0.4.12", None)])
def test_an_instance_that_ec2_does_not_show_was_not_seen(spot: tuple[EniId, str, str | None] | None) -> None:
    """Credentials of another account prove nothing about our address."""
    own = Address(NAME, AllocationId("eipalloc-10"), association(1, spot)) if spot else None
    with pytest.raises(Misconfigured, match="shows no network interface of i-1"):
        ElasticIpView.of(RESOURCE, NODE, own, [])


def test_an_address_that_is_shown_on_our_eni_is_a_complete_look() -> None:
    """Whoever sees that sees our account; the ENI has nothing to add."""
    known = [Address(NAME, AllocationId("eipalloc-10"), association(1, (OURS, "10.0.2.11", "i-1")))]
    assert ElasticIpView.of(RESOURCE, NODE, known[0], []).drift() == ()


def test_addresses_are_compared_whole() -> None:
    """203.0.113.1 is not 203.0.113.10, though the one is written inside the other."""
    resource = ElasticIpResource(IPv4Address("203.0.113.1"), "eth1")
    known = [Address(NAME, AllocationId("eipalloc-10"), association(1, (OURS, "10.0.2.11", "i-1")))]
    shown = seen(resource, NODE, [*known, *(replace(each, instance="i-1") for each in INTERFACES)])
    assert isinstance(shown, ElasticIpView)
    assert shown.allocation is None
    assert shown.release() == ()


# ---- which of the node's interfaces, and what is said of another one


def seen_at(node: Node, spot: tuple[EniId | None, str | None, str | None] | None) -> ElasticIpView:
    """The view of a node of the Elastic IP at that spot."""
    return ElasticIpView.of(
        RESOURCE, node, Address(NAME, AllocationId("eipalloc-10"), association(1, spot)), INTERFACES
    )


@pytest.mark.parametrize("told", ["i-1", None])
def test_another_interface_of_this_node_is_neither_a_loss_nor_let_go(told: str | None) -> None:
    """hold moves it, release lets go of it, and nothing proves a loss."""
    shown = seen_at(NODE, (SECOND, "10.0.2.21", told))
    assert (shown.nearby, shown.lost) == (True, frozenset())
    assert shown.drift() == ((AssociateAddress(NAME, AllocationId("eipalloc-10"), OURS, "10.0.2.11"),),)
    assert shown.release() == ((DisassociateAddress(NAME, AssociationId("eipassoc-1"), SECOND),),)


def test_without_a_name_the_address_stays_on_the_interface_that_has_it() -> None:
    """The default route may change; that moves no address."""
    shown = seen_at(UNNAMED, (SECOND, "10.0.2.21", "i-1"))
    assert (shown.interface, shown.eni, shown.private_ip, shown.nearby) == ("eth2", SECOND, "10.0.2.21", False)
    assert shown.drift() == ()


def test_without_a_name_what_is_elsewhere_comes_to_the_default_route() -> None:
    """None of ours has it."""
    shown = seen_at(UNNAMED, (PEERS, "10.0.4.12", "i-2"))
    assert (shown.interface, shown.eni) == ("eth1", OURS)
    assert shown.lost == {NAME}


LOST_ENI = replace(NODE, eni=None, lack=Misconfigured("eth1 has no ENI"))


@pytest.mark.parametrize(
    ("spot", "released"),
    [((PEERS, "10.0.4.12", "i-2"), 0), ((PEERS, "10.0.4.12", None), 0), (None, 0), ((OURS, "10.0.2.11", "i-1"), 1)],
)
def test_a_node_whose_interface_is_gone_lets_go_of_what_it_has(
    spot: tuple[EniId, str, str | None] | None, released: int
) -> None:
    """And says nothing else: what it lacks is no verdict."""
    shown = seen_at(LOST_ENI, spot)
    assert len(shown.release()) == released
    with pytest.raises(Misconfigured, match="eth1 has no ENI"):
        shown.drift()


def test_a_name_that_is_wrong_lets_go_of_nothing() -> None:
    """The resource names an interface that is not there, and the address is on one that is: a person must act.

    Where the host has no such interface any more, it may well be the one that is named.
    """
    with pytest.raises(Misconfigured, match="eth1 has no ENI"):
        seen_at(LOST_ENI, (SECOND, "10.0.2.21", "i-1")).release()
    assert seen_at(replace(LOST_ENI, names={}), (SECOND, "10.0.2.21", "i-1")).release()


def test_a_node_without_a_default_route_has_one_interface_to_choose() -> None:
    """With several, and the address on none of them, nothing tells which."""
    node = replace(UNNAMED, interface=None, eni=None, lack=Unavailable("this host has no default route now"))
    free = Address(NAME, AllocationId("eipalloc-10"), None)
    assert ElasticIpView.of(RESOURCE, node, free, INTERFACES[1:]).interface == "eth2"
    with pytest.raises(Unavailable, match="no default route"):
        ElasticIpView.of(RESOURCE, node, free, INTERFACES).drift()


def test_an_interface_without_an_ipv4_address_gets_none() -> None:
    """Another one beside it does no harm."""
    bare = [replace(each, private_ip="") for each in INTERFACES]
    free = Address(NAME, AllocationId("eipalloc-10"), None)
    assert ElasticIpView.of(RESOURCE, NODE, free, [INTERFACES[0], bare[1]]).drift()
    with pytest.raises(Misconfigured, match="eni-0a has no IPv4 address"):
        ElasticIpView.of(RESOURCE, NODE, free, bare).drift()


# ---- on a private address that the resource names

OTHER = "203.0.113.20"
CHOSEN = replace(RESOURCE, private_ip=IPv4Address("10.0.2.50"))
ROOMY = [
    replace(INTERFACES[0], instance="i-1", elastic_ip=OTHER, secondary=(("10.0.2.50", None),)),
    replace(INTERFACES[1], instance="i-1"),
]
BLOCK: dict[Query[Any], object] = {Metadata("network/interfaces/macs/0e:01/subnet-ipv4-cidr-block"): "10.0.2.0/24"}


def chosen(
    spot: tuple[EniId | None, str | None, str | None] | None,
    interfaces: list[NetworkInterface] | None = None,
    node: Node = NODE,
) -> ElasticIpView:
    """The view of the Elastic IP at that spot, for a resource that names 10.0.2.50."""
    own = Address(NAME, AllocationId("eipalloc-10"), association(1, spot))
    shown = seen(CHOSEN, node, [own, *(ROOMY if interfaces is None else interfaces)], BLOCK)
    assert isinstance(shown, ElasticIpView)
    return shown


def test_the_named_private_address_gets_it_and_the_primary_one_keeps_its_own() -> None:
    """Nothing is displaced on an interface with two addresses."""
    (((step,),)) = chosen(None).drift()
    assert isinstance(step, AssociateAddress)
    assert (step.private_ip, step.displaces) == ("10.0.2.50", ())
    assert chosen((OURS, "10.0.2.50", "i-1")).drift() == ()


def test_who_is_on_the_named_private_address_is_displaced() -> None:
    """And no one else."""
    taken = [replace(ROOMY[0], secondary=(("10.0.2.50", "203.0.113.30"),)), ROOMY[1]]
    assert chosen(None, taken).others == ("203.0.113.30",)


def barred(resource: ElasticIpResource, eni: NetworkInterface, holder: str | None = None) -> ElasticIpView:
    """A look at our ENI with another address at the place; holder: whose that is on this node."""
    things = [Address(NAME, AllocationId("eipalloc-1"), None), eni]
    shown = seen(resource, NODE, things, {Holder("203.0.113.30"): holder})
    assert isinstance(shown, ElasticIpView)
    return shown


TAKEN = replace(ROOMY[0], elastic_ip="203.0.113.30")
AMAZONS = replace(ROOMY[0], elastic_ip=None, amazons="198.51.100.7")


def test_an_elastic_ip_that_a_resource_here_holds_never_loses_its_place() -> None:
    """It is a proven loss still, and the way out is named; one that nobody here holds is displaced."""
    mine = ElasticIpResource(IPv4Address(NAME), "eth1")
    view_ = barred(mine, TAKEN, "Pacemaker's resource b")
    with pytest.raises(Occupied, match=r"203\.0\.113\.30 is on .* Pacemaker's resource b holds it") as refused:
        view_.drift()
    assert "--private-ip" in refused.value.cure
    assert "ec2kit release eip 203.0.113.30" in refused.value.cure
    assert view_.lost == {NAME}
    assert view_.release() == ()
    assert [each.fatal for each in view_.problems(active=False)] == [True]
    assert view_.displacing == []
    displaced = barred(mine, TAKEN)
    assert "Elastic IP 203.0.113.30 is on" in str(displaced.displacing[0])
    ((step,),) = displaced.drift()
    assert isinstance(step, AssociateAddress)
    assert step.displaced == ("203.0.113.30",)


@pytest.mark.parametrize("eni", [TAKEN, AMAZONS], ids=["elastic", "amazons"])
def test_with_displace_false_nothing_loses_its_place(eni: NetworkInterface) -> None:
    """Neither an Elastic IP nor a public address of Amazon's."""
    view_ = barred(ElasticIpResource(IPv4Address(NAME), "eth1", displace=False), eni)
    with pytest.raises(Occupied, match="displace=false"):
        view_.drift()
    assert view_.lost == {NAME}


def test_a_public_address_of_amazons_is_told_before_and_when_it_goes() -> None:
    """It is on the primary address alone, and does not come back."""
    view_ = barred(ElasticIpResource(IPv4Address(NAME), "eth1"), AMAZONS)
    assert "198.51.100.7, a public address of Amazon's own, which does not come back" in str(view_.displacing[0])
    ((step,),) = view_.drift()
    assert isinstance(step, AssociateAddress)
    assert step.displaced == ("198.51.100.7",)
    assert [message.number for message, _ in step.cautions] == [960048]
    beside = barred(ElasticIpResource(IPv4Address(NAME), "eth1", private_ip=IPv4Address("10.0.2.50")), AMAZONS)
    assert beside.displacing == []


@pytest.mark.parametrize(
    ("other", "rules_out"),
    [
        (ElasticIpResource(IPv4Address("203.0.113.30"), "eth1"), True),
        (ElasticIpResource(IPv4Address("203.0.113.30"), "eth1", private_ip=IPv4Address("10.0.2.11")), True),
        (ElasticIpResource(IPv4Address("203.0.113.30"), "eth1", private_ip=IPv4Address("10.0.2.50")), False),
        (ElasticIpResource(IPv4Address("203.0.113.30"), "eth0"), False),
        (ElasticIpResource(IPv4Address(NAME), "eth1"), False),
    ],
)
def test_two_for_one_private_address_rule_each_other_out(other: ElasticIpResource, rules_out: bool) -> None:
    """The primary one is the place of those that name none."""
    assert barred(ElasticIpResource(IPv4Address(NAME), "eth1"), ROOMY[0]).rules_out(other) is rules_out


@pytest.mark.parametrize("told", ["i-1", None])
def test_another_private_address_of_the_interface_is_not_its_place(told: str | None) -> None:
    """On this node, so neither a loss nor let go; hold moves it, release ends it."""
    shown = chosen((OURS, "10.0.2.11", told))
    assert (shown.nearby, shown.lost) == (True, frozenset())
    assert [step.subject for batch in shown.drift() for step in batch] == [NAME]
    assert shown.release()


@pytest.mark.parametrize(
    ("spot", "lost"), [((PEERS, "10.0.2.50", "i-2"), True), (None, True), ((SECOND, "", None), False)]
)
def test_without_the_private_address_it_cannot_be_taken_but_may_be_lost(
    spot: tuple[EniId, str, str | None] | None, lost: bool
) -> None:
    """A takeover of both has moved the private address first; that it is elsewhere is a loss all the same."""
    bare = [replace(ROOMY[0], secondary=()), ROOMY[1]]
    shown = chosen(spot, bare)
    assert bool(shown.lost) == lost
    with pytest.raises(Misconfigured, match=r"10\.0\.2\.50.* is not an address of eni-0a now"):
        shown.drift()


def test_an_address_of_another_account_is_not_lost_for_want_of_a_private_address() -> None:
    """That EC2 does not show it, or shows another allocation id, proves nothing, as without a private address."""
    bare = [replace(ROOMY[0], secondary=()), ROOMY[1]]
    unknown = seen(CHOSEN, NODE, bare, BLOCK)
    own = Address(NAME, AllocationId("eipalloc-10"), association(1, (PEERS, "10.0.2.50", "i-2")))
    other = seen(replace(CHOSEN, allocation=AllocationId("eipalloc-99")), NODE, [own, *bare], BLOCK)
    for shown in (unknown, other):
        with pytest.raises(Misconfigured):
            shown.lost  # noqa: B018  it is what is tried


@pytest.mark.parametrize(
    ("active", "block", "fatal"), [(True, "10.0.2.0/24", 1), (False, "10.0.2.0/24", 0), (False, "10.0.3.0/24", 1)]
)
def test_an_address_that_comes_later_may_come_from_its_subnet(active: bool, block: str, fatal: int) -> None:
    """With a private address in the same group, the standby does not have it yet; another subnet's never comes."""
    own = Address(NAME, AllocationId("eipalloc-10"), None)
    there = [own, replace(ROOMY[0], secondary=())]
    shown = seen(CHOSEN, NODE, there, dict.fromkeys(BLOCK, block))
    (problem,) = shown.problems(active=active)
    assert problem.fatal == bool(fatal)


def test_without_a_named_interface_the_private_address_tells_which() -> None:
    """The default route is another's."""
    swapped = [replace(ROOMY[0], secondary=()), replace(ROOMY[1], secondary=(("10.0.2.50", None),))]
    assert chosen(None, swapped, UNNAMED).eni == SECOND
