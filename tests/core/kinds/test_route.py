"""The route-table scenario's pure core."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured, NotHeld, Unavailable
from ec2kit.core.kinds.route import CreateRoute, DisableSourceDestCheck, ReplaceRoute, RouteResource, RouteView
from ec2kit.core.model import BY_HAND, Destination, EniId, NetworkInterface, Node, Route, RouteTable, TableId, VpcId
from ec2kit.core.steps import Ec2Step, Plan, Step

OURS = EniId("eni-0a")
VIP = Destination("10.1.0.10/32")
NODE = Node("us-east-1", "i-1", VpcId("vpc-1"), (IPv4Network("10.0.0.0/16"),), "eth1", OURS)
RESOURCE = RouteResource(IPv4Address("10.1.0.10"))
NEIGHBOUR = Route(Destination("10.1.0.20/32"), "eni-0b")
CHECK_OFF = [NetworkInterface(OURS, "10.0.2.11", source_dest_check=False)]


def table(name: str, *entries: Route) -> RouteTable:
    """A route table with the local route, a neighbour's entry and `entries`."""
    return RouteTable(TableId(name), (Route(Destination("10.0.0.0/16"), "local"), NEIGHBOUR, *entries))


def steps(plan: Plan) -> list[Step]:
    """All steps, in their order."""
    return [step for batch in plan for step in batch]


# ---- a small world, on which steps act as EC2 would, without a look at drift()

World = tuple[dict[str, RouteTable], bool]  # tables by id, source/dest check of our ENI


def apply(world: World, step: Step) -> World:
    """What EC2 makes of one step."""
    tables, check = world
    match step:
        case DisableSourceDestCheck():
            return tables, False
        case ReplaceRoute(name, destination, eni):
            kept = [
                route for route in tables[name].routes if route.destination != destination or route.origin != BY_HAND
            ]
            assert len(kept) < len(tables[name].routes), "EC2 refuses to replace a route that is not there"
        case CreateRoute(name, destination, eni):
            kept = list(tables[name].routes)
            assert all(route.origin != BY_HAND or route.destination != destination for route in kept), (
                "RouteAlreadyExists"
            )
        case _:
            raise AssertionError(step)
    return {**tables, name: RouteTable(name, (*kept, Route(destination, eni)))}, check


def oracle(world: World, resource: RouteResource) -> bool:
    """Whether the promise is kept, told without drift(): each entry ours and active, none lost, check off."""
    tables, check = world
    entries = [
        (name, route)
        for name, table_ in tables.items()
        for route in table_.routes
        if route.destination == VIP and route.origin == BY_HAND
    ]
    having = {name for name, _ in entries}
    healthy = all(route.target == OURS and route.state == "active" for _, route in entries)
    lost = [name for name in resource.tables if name in tables and name not in having]
    return bool(entries) and healthy and not lost and not check


def view(world: World, resource: RouteResource) -> RouteView:
    """The kit's view of the world."""
    tables, check = world
    return RouteView.of(resource, NODE, list(tables.values()), [NetworkInterface(OURS, "10.0.2.11", check)])


TARGETS = st.sampled_from([OURS, "eni-0b", "eni-0c", "igw-1", "nat-1"])
ENTRY = st.builds(Route, st.just(VIP), TARGETS, st.sampled_from(["active", "blackhole"]))
FOREIGN = st.sampled_from(
    [
        Route(VIP, "vgw-1", origin="EnableVgwRoutePropagation"),
        Route(VIP, "eni-0b", origin="Advertisement"),
        Route(VIP, "eni-0b", "filtered", "Advertisement"),
    ]
)
TABLES = st.lists(st.tuples(st.one_of(st.none(), ENTRY), st.one_of(st.none(), FOREIGN)), min_size=1, max_size=6).map(
    lambda rows: {
        f"rtb-{number}": table(f"rtb-{number}", *[route for route in row if route]) for number, row in enumerate(rows)
    }
)
WORLDS = st.tuples(TABLES, st.booleans())
RECORDED = st.frozensets(st.integers(0, 7).map(lambda number: TableId(f"rtb-{number}")))
RESOURCES = st.builds(RouteResource, st.just(RESOURCE.vip), st.none(), RECORDED)


@given(WORLDS, RESOURCES)
def test_drift_is_empty_exactly_when_the_oracle_says_held(world: World, resource: RouteResource) -> None:
    """An oracle that does not know drift() agrees with it on every world that can be viewed."""
    try:
        seen = view(world, resource)
    except NotHeld:
        assert not oracle(world, resource)
        return
    assert (not seen.drift()) == oracle(world, resource)


@given(WORLDS, RESOURCES)
def test_applying_the_drift_leaves_none(world: World, resource: RouteResource) -> None:
    """One round of steps, in their order, makes the promise true."""
    try:
        plan = view(world, resource).drift()
    except NotHeld:
        return
    for step in steps(plan):
        world = apply(world, step)
    assert view(world, resource).drift() == ()
    assert oracle(world, resource)


@given(WORLDS, RESOURCES, st.randoms(use_true_random=False))
def test_any_applied_part_then_a_new_plan_leaves_none(world: World, resource: RouteResource, random: Random) -> None:
    """However a run is cut short, in whatever order its batch went out, the next one ends the work."""
    try:
        plan = view(world, resource).drift()
    except NotHeld:
        return
    mixed = [random.sample(batch, len(batch)) for batch in plan]
    flat = [step for batch in mixed for step in batch]
    for step in flat[: random.randint(0, len(flat))]:
        world = apply(world, step)
    for step in steps(view(world, resource).drift()):
        world = apply(world, step)
    assert oracle(world, resource)


@given(WORLDS, RESOURCES)
def test_nothing_but_our_destination_and_our_eni_is_ever_named(world: World, resource: RouteResource) -> None:
    """No step names another destination, another target or a table outside the VPC; neighbours stay."""
    try:
        plan = view(world, resource).drift()
    except NotHeld:
        return
    for step in steps(plan):
        assert isinstance(step, Ec2Step)
        assert step.parameters().get("NetworkInterfaceId") == OURS
        assert step.parameters().get("DestinationCidrBlock", VIP) == VIP
        if isinstance(step, ReplaceRoute | CreateRoute):
            assert step.table in world[0]
        world = apply(world, step)
    assert all(NEIGHBOUR in each.routes for each in world[0].values())


@given(WORLDS, RESOURCES)
def test_the_check_goes_off_before_traffic_is_attracted(world: World, resource: RouteResource) -> None:
    """When the source/dest check is on, its step is alone in the first batch."""
    try:
        plan = view(world, resource).drift()
    except NotHeld:
        return
    if world[1]:
        assert plan[0] == (DisableSourceDestCheck(OURS),)
    assert not any(isinstance(step, DisableSourceDestCheck) for batch in plan[1:] for step in batch)


def test_a_blackhole_entry_is_not_held_even_when_it_names_our_eni() -> None:
    """EC2 shows `blackhole` for a target that cannot take traffic."""
    seen = RouteView.of(RESOURCE, NODE, [table("rtb-1", Route(VIP, OURS, "blackhole"))], CHECK_OFF)
    assert steps(seen.drift()) == [ReplaceRoute(TableId("rtb-1"), VIP, OURS)]
    assert "blackhole" in str(steps(seen.drift())[0])


def test_a_view_without_routes_cannot_be_built() -> None:
    """An empty view has no drift, so it would look healthy."""
    with pytest.raises(ValueError, match="healthy"):
        RouteView(VIP, OURS, source_dest_check=False, entries=())


def test_no_entry_anywhere_is_not_held() -> None:
    """Without an entry and without recorded tables a complete look shows the loss."""
    with pytest.raises(NotHeld, match="none of the 2 route tables"):
        RouteView.of(RESOURCE, NODE, [table("rtb-1"), table("rtb-2")], CHECK_OFF)


def test_a_recorded_table_that_lost_its_entry_gets_it_back() -> None:
    """Self-healing: CreateRoute in the recorded table, nothing in a table that never had the entry."""
    recorded = replace(RESOURCE, tables=frozenset({TableId("rtb-1")}))
    seen = RouteView.of(recorded, NODE, [table("rtb-1"), table("rtb-2")], CHECK_OFF)
    assert steps(seen.drift()) == [CreateRoute(TableId("rtb-1"), VIP, OURS)]


def test_a_recorded_table_that_is_gone_is_no_drift() -> None:
    """A deleted route table is told apart from a lost entry, and costs nothing."""
    recorded = replace(RESOURCE, tables=frozenset({TableId("rtb-1"), TableId("rtb-9")}))
    seen = RouteView.of(recorded, NODE, [table("rtb-1", Route(VIP, OURS))], CHECK_OFF)
    assert seen.gone == ("rtb-9",)
    assert seen.drift() == ()


@pytest.mark.parametrize("state", ["active", "filtered"])
@pytest.mark.parametrize("origin", ["EnableVgwRoutePropagation", "Advertisement"])
def test_a_route_that_nobody_made_by_hand_is_told_and_left_alone(origin: str, state: str) -> None:
    """A gateway propagates it, a route server advertises it: it can be neither replaced nor counted as ours."""
    foreign = Route(VIP, "eni-0b", state, origin)
    with pytest.raises(NotHeld, match=rf"rtb-1 \(eni-0b, {state}, origin {origin}\)"):
        RouteView.of(RESOURCE, NODE, [table("rtb-1", foreign)], CHECK_OFF)
    seen = RouteView.of(RESOURCE, NODE, [table("rtb-1", Route(VIP, OURS), foreign)], CHECK_OFF)
    assert seen.drift() == ()
    assert [each.origin for each in seen.foreign] == [origin]
    recorded = replace(RESOURCE, tables=frozenset({TableId("rtb-1")}))
    lost = RouteView.of(recorded, NODE, [table("rtb-1", foreign)], CHECK_OFF)
    assert steps(lost.drift()) == [CreateRoute(TableId("rtb-1"), VIP, OURS)]


# ---- which of the node's interfaces, and what is said of another one

SECOND = EniId("eni-0d")
BOTH = [
    NetworkInterface(OURS, "10.0.2.11", source_dest_check=False, mac="0e:01"),
    NetworkInterface(SECOND, "10.0.2.21", source_dest_check=False, mac="0e:02"),
]
UNNAMED = replace(NODE, named=False, names={"0e:01": "eth1", "0e:02": "eth2"})


def test_another_interface_of_this_node_is_no_loss() -> None:
    """hold moves the entries; nothing proves that the traffic does not come, also where our ENI would drop it."""
    tables = [table("rtb-1", Route(VIP, SECOND)), table("rtb-2", Route(VIP, SECOND))]
    for check in (False, True):
        ours = [replace(BOTH[0], source_dest_check=check), BOTH[1]]
        seen = RouteView.of(RESOURCE, NODE, tables, ours)
        assert (seen.nearby, seen.lost) == (("rtb-1", "rtb-2"), frozenset())
        assert [type(step) for step in steps(seen.drift())].count(ReplaceRoute) == 2


def test_another_interface_that_drops_it_is_a_loss() -> None:
    """Its source/dest check is on: EC2 delivers nothing for another's address to it."""
    dropping = [BOTH[0], replace(BOTH[1], source_dest_check=True)]
    assert RouteView.of(RESOURCE, NODE, [table("rtb-1", Route(VIP, SECOND))], dropping).lost == {"rtb-1"}


def test_what_a_route_server_brings_here_is_no_loss() -> None:
    """A recorded table has no entry made by hand, but one that is advertised, to this node; hold makes one."""
    advertised = table("rtb-1", Route(VIP, OURS, origin="Advertisement"))
    recorded = replace(RESOURCE, tables=frozenset({TableId("rtb-1")}))
    seen = RouteView.of(recorded, NODE, [advertised], BOTH)
    assert (seen.lost, len(steps(seen.drift()))) == (frozenset(), 1)
    with pytest.raises(Misconfigured, match="comes to this node, but by no entry that was made by hand"):
        RouteView.of(RESOURCE, NODE, [advertised], BOTH)


def test_what_is_lost_beside_it_is_a_loss() -> None:
    """One table at our other interface, one at the peer's; a blackhole is a loss wherever it points."""
    tables = [
        table("rtb-1", Route(VIP, SECOND)),
        table("rtb-2", Route(VIP, "eni-0b")),
        table("rtb-3", Route(VIP, SECOND, "blackhole")),
    ]
    assert RouteView.of(RESOURCE, NODE, tables, BOTH).lost == {"rtb-2", "rtb-3"}


def test_our_eni_that_drops_what_some_tables_send_is_a_loss() -> None:
    """Another table at our other interface does not hide that."""
    tables = [table("rtb-1", Route(VIP, SECOND)), table("rtb-2", Route(VIP, OURS))]
    assert RouteView.of(RESOURCE, NODE, tables, [replace(BOTH[0], source_dest_check=True), BOTH[1]]).lost == {OURS}


@pytest.mark.parametrize("default", [OURS, None])
def test_without_a_name_the_address_stays_on_the_interface_that_has_it(default: EniId | None) -> None:
    """Also when the default route is gone."""
    node = replace(UNNAMED, eni=default, lack=None if default else Unavailable("this host has no default route now"))
    seen = RouteView.of(RESOURCE, node, [table("rtb-1", Route(VIP, SECOND))], BOTH)
    assert (seen.eni, seen.drift()) == (SECOND, ())


def test_without_a_name_and_a_default_route_nothing_is_guessed() -> None:
    """The address is the peer's, and this node has two interfaces; with one there is nothing to guess."""
    node = replace(UNNAMED, interface=None, eni=None, lack=Unavailable("this host has no default route now"))
    tables = [table("rtb-1", Route(VIP, "eni-0b"))]
    with pytest.raises(Unavailable, match="no default route"):
        RouteView.of(RESOURCE, node, tables, BOTH)
    assert RouteView.of(RESOURCE, node, tables, BOTH[1:]).eni == SECOND


def test_a_view_says_what_must_be_right() -> None:
    """Each table that should send the address here, lost ones too."""
    recorded = replace(RESOURCE, tables=frozenset({TableId("rtb-1")}))
    seen = RouteView.of(recorded, NODE, [table("rtb-1"), table("rtb-2", Route(VIP, OURS)), table("rtb-3")], CHECK_OFF)
    assert seen.subjects == {"rtb-1", "rtb-2"}
    assert seen.lost == {"rtb-1"}


def test_a_vpc_without_route_tables_was_not_seen() -> None:
    """Credentials of another account see nothing; that proves nothing."""
    with pytest.raises(Misconfigured, match="no route table of vpc-1"):
        RouteView.of(RESOURCE, NODE, [], CHECK_OFF)


def test_an_eni_that_ec2_does_not_show_was_not_seen() -> None:
    """Without our ENI in the answer the look is not complete."""
    with pytest.raises(Misconfigured, match="does not show eni-0a"):
        RouteView.of(RESOURCE, NODE, [table("rtb-1", Route(VIP, OURS))], [])


def test_a_virtual_ip_inside_the_vpc_is_refused() -> None:
    """EC2 routes addresses inside the VPC itself; no entry could move one."""
    inside = replace(RESOURCE, vip=IPv4Address("10.0.9.9"))
    with pytest.raises(Misconfigured, match=r"lies inside 10\.0\.0\.0/16"):
        RouteView.of(inside, NODE, [table("rtb-1")], CHECK_OFF)
