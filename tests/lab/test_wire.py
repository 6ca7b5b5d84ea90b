"""lab.wire is held to the lab's EC2: the same calls to both, and the kit reads the same facts and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec2kit.core.errors import KitError
from ec2kit.core.kinds.elastic_ip import AssociateAddress, DisassociateAddress
from ec2kit.core.kinds.facts import ElasticIps, Interfaces, RouteTables
from ec2kit.core.kinds.route import CreateRoute, DisableSourceDestCheck, ReplaceRoute
from ec2kit.core.model import AccessKey, AllocationId, AssociationId, Destination, EniId, TableId, VpcId
from ec2kit.core.steps import Ec2Step
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from lab import wire
from lab.ec2 import server as ec2
from lab.ec2 import vpc
from lab.wire import Foreign, Held, RefusedError, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

LOCAL = "10.0.0.0/16"
NOWHERE = "10.1.0.99/32"  # no table has an entry for it
GIVEN = ("10.0.5.60", "10.0.5.61")  # to be had in figure 3
NOT_GIVEN = ("10.0.5.2", "10.0.9.9", "10.0.5.255")
MOST = 3  # private addresses of an interface
PLAIN = ("assign", "unassign", "place")  # what the kit's steps do not say so freely
CALLS = st.lists(
    st.tuples(st.sampled_from(["replace", "create", "check", "associate", "free", *PLAIN * 2]), st.integers(0, 999)),
    max_size=7,
)


@dataclass
class Both:
    """The kit's way to the lab's EC2, and to lab.wire with the same VPC; `state` is what is so in the latter.

    plain: boto3's way to each of them.
    """

    lab: vpc.RouteLab | vpc.AddressLab
    front: ec2.Ec2
    large: Ec2
    small: Ec2
    plain: tuple[EC2Client, EC2Client]
    state: State
    saved: object

    @property
    def enis(self) -> list[EniId]:
        """The nodes' interfaces."""
        return [EniId(each.eni) for node in self.lab.nodes.values() for each in node.interfaces]

    def again(self) -> None:
        """Both as they were in the beginning."""
        self.front.restore(self.saved)
        self.state = seen(self.front, self.lab.vpc)

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """lab.wire's answer."""
        call = wire.call_of(request)
        if not call.changing:
            return wire.response(200, wire.answer(self.state, call))
        try:
            self.state = wire.changed(self.state, call)
        except RefusedError as error:
            return wire.error(400, str(error))
        return wire.response(200, wire.done(call))

    def told(self, ask: Callable[[Ec2], object]) -> tuple[object, object]:
        """What the kit reads from each: the facts, or what it says of a refusal."""
        return tuple(_facts(ask, each) for each in (self.large, self.small))  # type: ignore[return-value]  # two

    def plainly(self, ask: Callable[[EC2Client], object]) -> tuple[object, object]:
        """What boto3 reads from each: the facts, or EC2's error code."""
        return tuple(_or_code(ask, each) for each in self.plain)  # type: ignore[return-value]  # two

    def change(self, what: str, number: int) -> tuple[object, object]:
        """One change of both, chosen by a number, and what each says of it."""
        if what not in PLAIN or (what == "place" and not self.state.held):
            return self.told(lambda asked: asked.apply(self.step(what, number, asked)))
        eni = self.enis[number % len(self.enis)]
        pool = [*(each for one in self.state.private for each in self.state.addresses(one)), *GIVEN, *NOT_GIVEN]
        listed = [pool[number % len(pool)], *GIVEN[: number % 3]]
        if what == "unassign":
            named = {"NetworkInterfaceId": eni, "PrivateIpAddresses": listed}
            return self.plainly(lambda client: _done(client.unassign_private_ip_addresses(**named)))  # type: ignore[arg-type]
        if what == "assign":
            return self.plainly(lambda client: _assigned(client, eni, listed, move=number % 4 > 0))
        name = sorted(self.state.held)[number % len(self.state.held)]
        place: dict[str, Any] = {"AllocationId": self.state.held[name].allocation, "PrivateIpAddress": listed[0]}
        take = bool(number % 4)
        return self.plainly(
            lambda client: _done(client.associate_address(NetworkInterfaceId=eni, AllowReassociation=take, **place))
        )

    def agree(self) -> None:
        """Every look of the kit shows the same in both."""
        names = [str(ip) for ip in self.state.held]
        looks: list[Callable[[Ec2], object]] = [
            lambda asked: asked.ask(RouteTables(VpcId(self.lab.vpc))),
            lambda asked: asked.ask(Interfaces("i-00000000000000000")),
            lambda asked: asked.ask(ElasticIps("198.51.100.1")),
            *(lambda asked, of=node.instance_id: asked.ask(Interfaces(of)) for node in self.lab.nodes.values()),
            *(lambda asked, name=name: asked.ask(ElasticIps(name)) for name in names),
            *(lambda asked, to=to: _having(asked, self.lab.vpc, to) for to in (LOCAL, "10.1.0.10/32", NOWHERE)),
            lambda asked: _tables(asked, self.lab.vpc),
            *(lambda asked, of=node.instance_id: _attached(asked, of) for node in self.lab.nodes.values()),
            lambda asked: _attached(asked, "i-00000000000000000"),
            _whose,
        ]
        for look in looks:
            large, small = self.told(look)
            assert large == small
        a_few = [each for eni in self.enis for each in self.state.addresses(eni)][::2]
        for filters in (
            {"vpc-id": [self.lab.vpc]},
            {"addresses.private-ip-address": [*a_few, *NOT_GIVEN]},
            {"addresses.private-ip-address": a_few, "vpc-id": [self.lab.vpc, "vpc-0"]},
            {"subnet-id": [self.state.subnet(self.enis[0])[0]]},
            {"attachment.instance-id": [node.instance_id for node in self.lab.nodes.values()]},
        ):
            large, small = self.plainly(lambda client, filters=filters: _private(client, filters))  # type: ignore[misc]
            assert large == small
        large, small = self.plainly(lambda client: _placed(client, [*names, "198.51.100.1"]))
        assert large == small

    def step(self, what: str, number: int, asked: Ec2) -> Ec2Step:
        """One change, chosen by a number; the association is the one that was just read."""
        table = TableId(self.state.tables[number % len(self.state.tables)])
        destination = Destination(("10.1.0.10/32", "10.1.0.20/32", NOWHERE)[number % 3])
        eni = self.enis[number % len(self.enis)]
        if what == "check":
            return DisableSourceDestCheck(eni)
        if what in {"replace", "create"} or not self.state.held:
            return (ReplaceRoute if what == "replace" else CreateRoute)(table, destination, eni)
        name = sorted(self.state.held)[number % len(self.state.held)]
        if what == "associate":
            allocation = AllocationId(self.state.held[name].allocation)
            return AssociateAddress(name, allocation, eni, self.state.private[eni])
        (address,) = asked.ask(ElasticIps(name))
        gone = AssociationId("eipassoc-00000000000000000")
        return DisassociateAddress(name, address.association.id if address.association else gone, eni)


def seen(front: ec2.Ec2, where: str) -> State:
    """The lab's VPC as lab.wire's state."""
    truth = front.truth()
    here: Any = [{"Name": "vpc-id", "Values": [where]}]
    tables = {
        table["RouteTableId"]: table["Routes"] for table in truth.describe_route_tables(Filters=here)["RouteTables"]
    }
    enis = {
        each["NetworkInterfaceId"]: each
        for each in truth.describe_network_interfaces(Filters=here)["NetworkInterfaces"]
    }
    private = {eni: each["PrivateIpAddress"] for eni, each in enis.items()}
    held = {
        each["PublicIp"]: Held(
            each["AllocationId"],
            each.get("AssociationId") or None,
            each.get("NetworkInterfaceId") or None,
            None if each.get("PrivateIpAddress") in private.values() else each.get("PrivateIpAddress") or None,
        )
        for each in truth.describe_addresses()["Addresses"]
    }
    secondary = {
        eni: tuple(one["PrivateIpAddress"] for one in each["PrivateIpAddresses"] if not one["Primary"])
        for eni, each in enis.items()
        if len(each["PrivateIpAddresses"]) > 1
    }
    cidrs = {each["SubnetId"]: each["CidrBlock"] for each in truth.describe_subnets(Filters=here)["Subnets"]}
    routes = {
        (table, route["DestinationCidrBlock"]): route.get("NetworkInterfaceId") or route["GatewayId"]
        for table, entries in tables.items()
        for route in entries
        if route["DestinationCidrBlock"] != LOCAL and route["Origin"] == "CreateRoute"
    }
    foreign = {
        (table, route["DestinationCidrBlock"]): Foreign(
            route.get("NetworkInterfaceId") or route["GatewayId"], route["Origin"], route["State"]
        )
        for table, entries in tables.items()
        for route in entries
        if route["Origin"] not in {"CreateRoute", "CreateRouteTable"}
    }
    checks = {eni: each["SourceDestCheck"] for eni, each in enis.items()}
    instances = {eni: each["Attachment"]["InstanceId"] for eni, each in enis.items() if each.get("Attachment")}
    macs = {eni: each["MacAddress"] for eni, each in enis.items()}
    return State(
        tuple(tables),
        routes,
        checks,
        private,
        held,
        vpc=where,
        instances=instances,
        macs=macs,
        foreign=foreign,
        secondary=secondary,
        subnets={eni: (each["SubnetId"], cidrs[each["SubnetId"]]) for eni, each in enis.items()},
        most=MOST,
    )


def _assigned(client: EC2Client, eni: str, addresses: list[str], *, move: bool) -> object:
    """Assign private addresses; what EC2 says that it has assigned."""
    done = client.assign_private_ip_addresses(
        NetworkInterfaceId=eni, PrivateIpAddresses=addresses, AllowReassignment=move
    )
    return done["NetworkInterfaceId"], [each["PrivateIpAddress"] for each in done["AssignedPrivateIpAddresses"]]


def _private(client: EC2Client, filters: dict[str, list[str]]) -> object:
    """Each private address that interfaces tell, with its Elastic IP; and that of the interface itself."""
    asked: Any = [{"Name": name, "Values": values} for name, values in filters.items()]
    told = set()
    for each in client.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]:
        where = each["NetworkInterfaceId"], each["SubnetId"], each.get("Association", {}).get("PublicIp")
        for one in each["PrivateIpAddresses"]:
            on = one.get("Association", {})
            worn = on.get("PublicIp"), on.get("AllocationId"), bool(on.get("AssociationId"))
            told.add((*where, one["PrivateIpAddress"], one["Primary"], *worn))
    return told


def _placed(client: EC2Client, names: list[str]) -> object:
    """Where Elastic IPs are, asked for together."""
    found = client.describe_addresses(Filters=[{"Name": "public-ip", "Values": names}])["Addresses"]
    words = ("PublicIp", "AllocationId", "NetworkInterfaceId", "PrivateIpAddress", "InstanceId")
    return {tuple(each.get(word) or None for word in words) for each in found}


def _done(_answer: object) -> str:
    """All that counts of an answer that tells no more than that it is done."""
    return "done"


def _or_code(ask: Callable[[EC2Client], object], client: EC2Client) -> object:
    try:
        return ask(client)
    except ClientError as error:
        return error.response["Error"]["Code"]


def _having(asked: Ec2, where: str, destination: str) -> set[str]:
    """The route tables that EC2's own filter finds."""
    filters: Any = [
        {"Name": "vpc-id", "Values": [where]},
        {"Name": "route.destination-cidr-block", "Values": [destination]},
    ]
    return {table["RouteTableId"] for table in asked._client.describe_route_tables(Filters=filters)["RouteTables"]}


def _tables(asked: Ec2, where: str) -> object:
    """Who owns each route table, and its entries with origin, state, target and that one's instance; in no order."""
    found = asked._client.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [where]}])["RouteTables"]
    words = ("DestinationCidrBlock", "Origin", "State", "NetworkInterfaceId", "InstanceId")
    return {
        (each["RouteTableId"], each["OwnerId"], each["VpcId"], *(route.get(word) for word in words))
        for each in found
        for route in each["Routes"]
    }


def _attached(asked: Ec2, instance: str) -> object:
    """The ENIs of an instance, in the words of EC2."""
    filters: Any = [{"Name": "attachment.instance-id", "Values": [instance]}]
    found = asked._client.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    words = ("NetworkInterfaceId", "MacAddress", "OwnerId", "VpcId", "Status", "PrivateIpAddress", "SourceDestCheck")
    inner = ("InstanceId", "InstanceOwnerId", "DeviceIndex", "Status")
    return {
        (
            *(each[word] for word in words),  # type: ignore[literal-required]  # the words are its keys
            *(each["Attachment"][word] for word in inner),  # type: ignore[literal-required]
            each.get("Association", {}).get("PublicIp"),
        )
        for each in found
    }


def _whose(asked: Ec2) -> object:
    """On which instance each Elastic IP is, and whose ENI that is."""
    return {
        (each["PublicIp"], each.get("InstanceId") or None, each.get("NetworkInterfaceOwnerId"))
        for each in asked._client.describe_addresses()["Addresses"]
    }


def _facts(ask: Callable[[Ec2], object], asked: Ec2) -> object:
    """What the kit reads, in no order and without the ids of associations, which are EC2's to choose."""
    try:
        found = ask(asked)
    except KitError as error:
        return type(error), str(error)
    if not isinstance(found, list | tuple):
        return found
    return {_plain(each) for each in found}


def _plain(fact: Any) -> object:
    if hasattr(fact, "routes"):
        return fact.id, frozenset(fact.routes)
    if association := getattr(fact, "association", None):
        return fact.public_ip, fact.allocation, association.eni, association.private_ip
    return fact


@pytest.fixture(scope="module", params=["figure1", "figure2", "figure3"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """Each of the guide's figures in both."""
    with ec2.Ec2() as front, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_EC2", front.url)
        lab: vpc.RouteLab | vpc.AddressLab = getattr(vpc, request.param)(front.truth())
        key = Signer(key=AccessKey("AKIAIOSFODNN7EXAMPLE", "secret"))
        large, small = (
            Ec2({}, region=vpc.REGION, signer=key, action="restore", retries=0, deadline=Deadline(600)) for _ in "12"
        )
        front.most_addresses = MOST
        one, two = (_boto3(front) for _ in "12")
        made = Both(lab, front, large, small, (one, two), seen(front, lab.vpc), front.save())
        hook: Any = made.answer  # the stubs do not know that this hook may answer
        for client in (small._client, two):
            client.meta.events.register("before-send.ec2", hook)
        with closing(large._client), closing(small._client), closing(one), closing(two):
            yield made


def _boto3(front: ec2.Ec2) -> EC2Client:
    keys: Any = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    once = Config(retries={"total_max_attempts": 1})
    made: EC2Client = boto3.client("ec2", region_name=vpc.REGION, endpoint_url=front.url, config=once, **keys)
    return made


def test_what_is_there_is_read_alike(both: Both) -> None:
    """Route tables, interfaces and Elastic IPs, by every filter that the kit sends."""
    both.again()
    both.agree()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_changes_and_refusals_are_alike(both: Both, calls: list[tuple[str, int]]) -> None:
    """Any changes in any order come to the same, and what one refuses the other refuses with the same code."""
    both.again()
    for what, number in calls:
        large, small = both.change(what, number)
        assert large == small
    both.agree()


def test_an_address_in_use_is_not_taken_when_that_is_said(both: Both) -> None:
    """With AllowReassociation=false an Elastic IP that is in use stays where it is, in both."""
    both.again()
    taken = [(name, held) for name, held in both.state.held.items() if held.eni]
    for _, held in taken:
        other = next(eni for eni in both.enis if eni != held.eni)

        def take(asked: Ec2, eni: str = other, place: str = both.state.private[other], held: Held = held) -> None:
            with asked._asking("AssociateAddress", eni):
                asked._client.associate_address(
                    AllocationId=held.allocation,
                    NetworkInterfaceId=eni,
                    PrivateIpAddress=place,
                    AllowReassociation=False,
                )

        large, small = both.told(take)
        assert large == small
        assert "Resource.AlreadyAssociated" in str(large)
        here = held.eni or "", both.state.place(held) or ""
        large, small = both.told(lambda asked, here=here: take(asked, *here))  # type: ignore[misc]
        assert large is small is None  # where it is it may stay
        for place in set(both.state.addresses(here[0])) - {here[1]}:
            large, small = both.told(lambda asked, eni=here[0], place=place: take(asked, eni, place))  # type: ignore[misc]
            assert large == small
            assert "Resource.AlreadyAssociated" in str(large)
    both.agree()


def test_an_interface_tells_its_instance_and_an_instance_its_interfaces(both: Both) -> None:
    """Both ENIs of a node are found by its instance; an Elastic IP tells the instance, but not of a detached ENI."""
    both.again()
    node = both.lab.nodes["node1"]
    large, _ = both.told(lambda asked: _attached(asked, node.instance_id))
    assert {(each[0], each[1], each[9]) for each in large} == {  # type: ignore[attr-defined]  # a set of tuples
        (each.eni, each.mac, each.device_number) for each in node.interfaces
    }
    for name, held in both.state.held.items():
        if held.eni:
            assert (name, node.instance_id, vpc.ACCOUNT) in _whose(both.large)  # type: ignore[operator]
    truth, eni = both.front.truth(), node.interfaces[1].eni
    (shown,) = truth.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"]
    truth.detach_network_interface(AttachmentId=shown["Attachment"]["AttachmentId"])
    both.state = seen(both.front, both.lab.vpc)
    assert eni not in both.state.instances
    both.agree()
    for name, held in both.state.held.items():
        if held.eni == eni:
            assert (name, None, vpc.ACCOUNT) in _whose(both.large)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("origin", "state"),
    [("Advertisement", "active"), ("Advertisement", "filtered"), ("EnableVgwRoutePropagation", "")],
)
def test_what_nobody_created_by_hand_is_shown_and_is_not_replaced(both: Both, origin: str, state: str) -> None:
    """A foreign entry has its origin and state, is found by its destination, and only one by hand is replaced."""
    both.again()
    table, eni = TableId(both.state.tables[0]), both.enis[1]
    target = eni if state else "vgw-1"
    both.front.advertise(table, NOWHERE, target, origin=origin, state=state or "active")
    both.state = seen(both.front, both.lab.vpc)
    assert both.state.foreign == {(table, NOWHERE): Foreign(target, origin, state or "active")}
    both.agree()
    other = both.enis[-1]
    for step, refused in (
        (ReplaceRoute(table, Destination(NOWHERE), other), "InvalidParameterValue"),
        (CreateRoute(table, Destination(NOWHERE), other), None),
        (ReplaceRoute(table, Destination(NOWHERE), eni), None),
    ):
        large, small = both.told(lambda asked, step=step: asked.apply(step))  # type: ignore[misc]
        assert large == small
        assert refused in str(large) if refused else large is None
        both.agree()
    both.front.withdraw(table, NOWHERE)
    assert both.state.foreign
    both.state = seen(both.front, both.lab.vpc)
    assert not both.state.foreign
    assert both.state.routes[table, NOWHERE] == eni
    both.agree()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, data=st.data())
def test_single_entries_are_old_alike(both: Both, calls: list[tuple[str, int]], data: st.DataObject) -> None:
    """Of a look after changes any route tables, ENIs and Elastic IPs are as before, the rest as it is, in both."""
    both.again()
    before, state = both.front.save(), both.state
    for what, number in calls:
        both.change(what, number)
    now = both.state
    names = [*now.tables, *now.private, *now.held]
    entries = data.draw(st.sets(st.sampled_from(names)))
    keys = entries | {key for key in {*state.routes, *now.routes} if key[0] in entries}
    both.front.old, both.front.old_entries = before, entries
    both.front.refuse("stale")
    both.state = wire.mixed(state, now, keys)
    try:
        both.agree()
        if len(entries) == len(names):
            assert both.state.routes == state.routes
    finally:
        both.front.mend()
        both.front.old = both.front.old_entries = None
        both.state = now
    both.agree()


@pytest.mark.parametrize("both", ["figure3"], indirect=True)
def test_an_address_moves_alike(both: Both) -> None:
    """To the other node, back only where that is said, off it, and full: the answers and what is there then."""
    assert isinstance(both.lab, vpc.PrivateLab)
    both.again()
    address, public_ip = both.lab.address, both.lab.public_ip
    one, two = (each.interfaces[1].eni for each in both.lab.nodes.values())
    for eni, listed, move, said in (
        (two, [address], False, "InvalidParameterValue"),
        (two, [address], True, (two, [address])),
        (two, [address], False, (two, [address])),
        (one, [address, GIVEN[0]], False, "InvalidParameterValue"),
        (one, [*GIVEN], False, (one, [*GIVEN])),
        (one, [address], True, "PrivateIpAddressLimitExceeded"),
        ("eni-0", [address], True, "InvalidNetworkInterfaceID.NotFound"),
        *((two, [each], True, "InvalidParameterValue") for each in (*NOT_GIVEN, "10.0.5.10", "10.0.5.99")),
    ):
        told = both.plainly(lambda client, a=(eni, listed), m=move: _assigned(client, *a, move=m))  # type: ignore[misc]
        assert told == (said, said)
        both.agree()
    assert (both.state.held[public_ip].eni, both.state.held[public_ip].private) == (two, address)
    for eni, each, said in (
        (one, address, "InvalidParameterValue"),
        (two, both.state.private[two], "InvalidParameterValue"),
        (two, address, "done"),
    ):
        asked: Any = {"NetworkInterfaceId": eni, "PrivateIpAddresses": [each]}
        told = both.plainly(lambda client, asked=asked: _done(client.unassign_private_ip_addresses(**asked)))  # type: ignore[misc]
        assert told == (said, said)
        both.agree()
    assert both.state.held[public_ip] == Held(both.lab.allocation)
    assert two not in both.state.secondary


@pytest.mark.parametrize("both", ["figure3"], indirect=True)
def test_an_interface_that_has_lost_or_got_an_address_is_old_alike(both: Both) -> None:
    """In a look the old interface has it still, the new one not yet, or both; or the Elastic IP is old."""
    assert isinstance(both.lab, vpc.PrivateLab)
    both.again()
    before, state, address = both.front.save(), both.state, both.lab.address
    one, two = (each.interfaces[1].eni for each in both.lab.nodes.values())
    both.plainly(lambda client: _assigned(client, two, [address], move=True))
    now = both.state
    both.front.old = before
    both.front.refuse("stale")
    try:
        for old, holders in (({one}, {one, two}), ({two}, set()), ({one, two}, {one}), ({both.lab.public_ip}, {two})):
            both.front.old_entries = old
            both.state = wire.mixed(state, now, old)
            both.agree()
            assert {eni for eni in both.enis if address in both.state.addresses(eni)} == holders
    finally:
        both.front.mend()
        both.front.old = both.front.old_entries = None
        both.state = now


def test_one_entry_of_a_table_is_old_and_an_interface_comes_late() -> None:
    """In lab.wire two entries of one table differ in age, and what the old state has not is missing."""
    one = State(
        ("rtb-1",),
        {("rtb-1", NOWHERE): "eni-1"},
        {"eni-1": True},
        {"eni-1": "10.0.1.11"},
        {"203.0.113.10": Held("eipalloc-1", "eipassoc-1", "eni-1")},
    )
    two = State(
        ("rtb-1",),
        {("rtb-1", NOWHERE): "eni-2", ("rtb-1", "10.1.0.98/32"): "eni-2"},
        {"eni-1": True, "eni-2": False},
        {"eni-1": "10.0.1.11", "eni-2": "10.0.3.11"},
        {"203.0.113.10": Held("eipalloc-1", "eipassoc-2", "eni-2")},
        instances={"eni-2": "i-2"},
    )
    shown = wire.mixed(one, two, {("rtb-1", NOWHERE), "eni-2"})
    assert shown.routes == {("rtb-1", NOWHERE): "eni-1", ("rtb-1", "10.1.0.98/32"): "eni-2"}
    assert shown.private == one.private
    assert shown.instances == {}
    assert shown.held == two.held
    (address, interfaces) = (
        wire.answer(shown, wire.Call(action, {})) for action in ("DescribeAddresses", "DescribeNetworkInterfaces")
    )
    assert "<networkInterfaceId>eni-2<" in address
    assert "privateIpAddress" not in address
    assert "association" not in interfaces
    assert "<association>" in wire.answer(
        wire.mixed(one, two, {"eni-1"}), wire.Call("DescribeNetworkInterfaces", {})
    ), "an old ENI tells its old Elastic IP"
