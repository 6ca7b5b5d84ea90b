"""The route-table scenario's pure core."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured, NotHeld
from ec2kit.core.kinds.route import RouteView
from ec2kit.core.model import (
    Destination,
    EniId,
    NetworkInterface,
    Node,
    Route,
    RouteResource,
    RouteTable,
    TableId,
    VpcId,
)
from ec2kit.core.steps import CreateRoute, DisableSourceDestCheck, Plan, ReplaceRoute, Step

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
            kept = [route for route in tables[name].routes if route.destination != destination or route.propagated]
            assert len(kept) < len(tables[name].routes), "EC2 refuses to replace a route that is not there"
        case CreateRoute(name, destination, eni):
            kept = list(tables[name].routes)
            assert all(route.propagated or route.destination != destination for route in kept), "RouteAlreadyExists"
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
        if route.destination == VIP and not route.propagated
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
PROPAGATED = st.just(Route(VIP, "vgw-1", propagated=True))
TABLES = st.lists(
    st.tuples(st.one_of(st.none(), ENTRY), st.one_of(st.none(), PROPAGATED)), min_size=1, max_size=6
).map(
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
        assert step.parameters().get("NetworkInterfaceId") == OURS  # type: ignore[union-attr]  # no link step here
        assert step.parameters().get("DestinationCidrBlock", VIP) == VIP  # type: ignore[union-attr]
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


def test_a_propagated_route_is_nobodys_entry() -> None:
    """A route that a gateway propagates can be neither replaced nor counted as ours."""
    with pytest.raises(NotHeld):
        RouteView.of(RESOURCE, NODE, [table("rtb-1", Route(VIP, OURS, propagated=True))], CHECK_OFF)


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
