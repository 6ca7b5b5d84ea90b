"""The lab's EC2 front: faults, strictness, paging, staleness and the log of calls, seen by a real boto3 client."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from lab.ec2 import vpc
from lab.ec2.server import Call, Ec2, Kind, peak, serial

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

VIP = "10.1.0.10/32"


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """Give an EC2 of its own to each test."""
    with Ec2() as ec2:
        yield ec2


def connect(ec2: Ec2, key: str = "AKIATEST", timeout: float = 10) -> EC2Client:
    """Make a client of the front that tries once and waits `timeout` seconds for each answer."""
    config = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=timeout,
        read_timeout=timeout,
        max_pool_connections=20,
    )
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=ec2.url,
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=config,
    )


@pytest.fixture
def client(ec2: Ec2) -> Iterator[EC2Client]:
    """Connect a client with key AKIATEST that waits longer than a busy machine needs."""
    client = connect(ec2)
    yield client
    client.close()


def code(call: Callable[..., Any], **asked: Any) -> tuple[str, int]:
    """Return error code and HTTP status of a call that fails."""
    with pytest.raises(ClientError) as caught:
        call(**asked)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def move(lab: vpc.RouteLab, table: str = "A", node: str = "node2") -> dict[str, Any]:
    """Return the parameters that route the virtual address in `table` to `node`."""
    return {
        "RouteTableId": lab.tables[table],
        "DestinationCidrBlock": VIP,
        "NetworkInterfaceId": lab.nodes[node].interfaces[1].eni,
    }


def target(ec2: Ec2, lab: vpc.RouteLab, table: str = "A") -> str:
    """Return the node whose eth1 truly has the virtual address in `table`."""
    eni = vpc.route_tables(ec2.truth(), lab.vpc)[table][VIP][0]
    return next(name for name, node in lab.nodes.items() if node.interfaces[1].eni == eni)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttled", ("RequestLimitExceeded", 503)),
        ("denied", ("UnauthorizedOperation", 403)),
        ("expired", ("RequestExpired", 400)),
        ("ended", ("ExpiredToken", 400)),
        ("error500", ("InternalError", 500)),
        ("error503", ("Unavailable", 503)),
    ],
)
def test_error_fault_answers_ec2s_code_and_applies_nothing(
    ec2: Ec2, client: EC2Client, kind: Kind, expected: tuple[str, int]
) -> None:
    """An error fault answers EC2's code and status, leaves moto alone and is logged with its kind."""
    lab = vpc.figure1(ec2.truth())
    ec2.refuse(kind, "ReplaceRoute")
    assert code(client.replace_route, **move(lab)) == expected
    assert target(ec2, lab) == "node1"
    assert [(call.status, call.fault) for call in ec2.calls] == [(expected[1], kind)]


@pytest.mark.parametrize(
    ("kind", "expected", "holder"),
    [
        ("reset", ConnectionClosedError, "node1"),
        ("hang", ReadTimeoutError, "node1"),
        ("garbage", ResponseParserError, "node1"),
        ("lost", ConnectionClosedError, "node2"),
        ("lied", ClientError, "node2"),
        ("truncated", ResponseParserError, "node2"),
    ],
)
def test_wire_fault_breaks_the_answer_and_applies_only_what_it_says(
    ec2: Ec2, kind: Kind, expected: type[Exception], holder: str
) -> None:
    """A fault on the wire shows as boto3's own error, and lost, lied and truncated ones are applied."""
    client = connect(ec2, timeout=1)
    lab = vpc.figure1(ec2.truth())
    ec2.refuse(kind, "ReplaceRoute")
    with pytest.raises(expected):
        client.replace_route(**move(lab))
    client.close()
    assert target(ec2, lab) == holder


def test_truncated_fault_promises_more_than_it_sends(ec2: Ec2) -> None:
    """A truncated reply closes after half of the bytes that its header promises."""
    ec2.refuse("truncated", "DescribeVpcs")
    connection = HTTPConnection(ec2.url.removeprefix("http://"), timeout=2)
    connection.request("GET", "/?Action=DescribeVpcs")
    with connection.getresponse() as response, pytest.raises(IncompleteRead) as caught:
        response.read()
    assert abs(len(caught.value.partial) - (caught.value.expected or 0)) <= 1
    connection.close()


def test_reset_fault_is_a_tcp_reset(ec2: Ec2) -> None:
    """A reset fault makes the reading end of the socket see ECONNRESET, not an orderly close."""
    ec2.refuse("reset")
    with socket.create_connection(("127.0.0.1", int(ec2.url.rpartition(":")[2])), timeout=2) as connection:
        connection.sendall(b"GET /?Action=DescribeVpcs HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_slow_fault_sends_one_byte_a_second_past_any_read_timeout(ec2: Ec2) -> None:
    """A slow reply keeps a client with a read timeout of 1.5 s waiting until the front is mended."""
    client = connect(ec2, timeout=1.5)
    ec2.refuse("slow")
    threading.Timer(2.6, ec2.mend).start()
    began = time.monotonic()
    with pytest.raises(ResponseParserError):
        client.describe_vpcs()
    assert 2.5 < time.monotonic() - began < 4
    client.close()


def test_hanging_call_is_under_way_until_mend_or_close(ec2: Ec2) -> None:
    """A hanging call is in the log without an end; mend lets it go, and close does not wait for one."""
    client = connect(ec2, timeout=20)
    ec2.refuse("hang", times=2)
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(client.describe_vpcs)
        wait_for(lambda: [call.ended for call in ec2.calls] == [float("inf")])
        ec2.mend()
        assert isinstance(hanging.exception(timeout=2), BotoCoreError)
        ec2.refuse("hang")
        hanging = pool.submit(client.describe_vpcs)
        wait_for(lambda: len(ec2.calls) == 2)
        began = time.monotonic()
        ec2.close()
        assert time.monotonic() - began < 1
        assert isinstance(hanging.exception(timeout=2), BotoCoreError)
    client.close()


def test_hanging_call_ends_when_its_client_gives_up(ec2: Ec2) -> None:
    """A call that hangs leaves the number in flight once its client has closed the connection."""
    client = connect(ec2, timeout=0.3)
    ec2.refuse("hang")
    with pytest.raises(ReadTimeoutError):
        client.describe_vpcs()
    client.close()
    wait_for(lambda: ec2.calls[0].ended < time.monotonic())
    assert ec2.calls[0].status is None


def wait_for(condition: Callable[[], bool], seconds: float = 2) -> None:
    """Poll `condition` until it holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_fault_hits_only_matching_calls_so_many_times(ec2: Ec2, client: EC2Client) -> None:
    """A fault hits its action, key and parameters only, the first `times` calls, until it is removed."""
    lab = vpc.figure1(ec2.truth())
    twice = ec2.refuse("throttled", "ReplaceRoute", times=2, RouteTableId=lab.tables["A"])
    client.replace_route(**move(lab, "B"))
    for _ in range(2):
        assert code(client.replace_route, **move(lab))[0] == "RequestLimitExceeded"
    client.replace_route(**move(lab))
    assert twice.hits == 2
    other = ec2.refuse("denied", key="AKIAOTHER")
    client.describe_vpcs()
    everything = ec2.refuse("error500")
    assert code(client.describe_vpcs)[0] == "InternalError"
    everything.remove()
    client.describe_vpcs()
    assert (other.hits, everything.hits) == (0, 1)


def test_one_elastic_ip_per_private_address(ec2: Ec2, client: EC2Client) -> None:
    """A second Elastic IP on an interface displaces the first one, in every reader's eyes."""
    lab = vpc.figure2(ec2.truth())
    eni = lab.nodes["node1"].interfaces[1].eni
    client.associate_address(AllocationId=lab.free_allocation, NetworkInterfaceId=eni)
    assert vpc.addresses(ec2.truth()) == {
        lab.public_ip: (None, None),
        lab.free_ip: (eni, lab.nodes["node1"].interfaces[1].private_ip),
    }
    assert public_ip(client, eni) == lab.free_ip


def test_moved_elastic_ip_leaves_its_old_interface(ec2: Ec2, client: EC2Client) -> None:
    """An Elastic IP moves unless AllowReassociation=False, as in EC2's VPCs, and is shown on the new one only."""
    lab = vpc.figure2(ec2.truth())
    old, new = (lab.nodes[name].interfaces[1].eni for name in ("node1", "node2"))
    asked: Any = {"AllocationId": lab.allocation, "NetworkInterfaceId": new}
    assert code(client.associate_address, **asked, AllowReassociation=False)[0] == "Resource.AlreadyAssociated"
    client.associate_address(**asked)
    assert vpc.addresses(ec2.truth())[lab.public_ip][0] == new
    assert (public_ip(client, old), public_ip(client, new)) == (None, lab.public_ip)


def public_ip(client: EC2Client, eni: str) -> str | None:
    """Return the public address that DescribeNetworkInterfaces shows on `eni`."""
    found = client.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    return found.get("Association", {}).get("PublicIp")


def test_unknown_private_address_is_refused(ec2: Ec2, client: EC2Client) -> None:
    """AssociateAddress to a private address that is not the interface's primary one is refused."""
    lab = vpc.figure2(ec2.truth())
    interface = lab.nodes["node2"].interfaces[1]
    asked: Any = {"AllocationId": lab.free_allocation, "NetworkInterfaceId": interface.eni}
    refused = code(client.associate_address, **asked, PrivateIpAddress="10.0.3.99")
    assert refused == ("InvalidParameterValue", 400)
    client.associate_address(**asked, PrivateIpAddress=interface.private_ip)
    assert vpc.addresses(ec2.truth())[lab.free_ip] == (interface.eni, interface.private_ip)


def test_duplicate_route_is_refused(ec2: Ec2, client: EC2Client) -> None:
    """CreateRoute for a destination that the table has answers RouteAlreadyExists and changes nothing."""
    lab = vpc.figure1(ec2.truth())
    assert code(client.create_route, **move(lab)) == ("RouteAlreadyExists", 400)
    assert target(ec2, lab) == "node1"
    client.create_route(**{**move(lab), "DestinationCidrBlock": "10.1.0.99/32"})


def test_moto_refuses_what_does_not_exist(ec2: Ec2, client: EC2Client) -> None:
    """Replacing an absent route and ending an unknown association answer EC2's own codes."""
    lab = vpc.figure1(ec2.truth())
    absent = {**move(lab), "DestinationCidrBlock": "10.1.0.99/32"}
    assert code(client.replace_route, **absent)[0] == "InvalidParameterValue"
    ended = code(client.disassociate_address, AssociationId="eipassoc-0")
    assert ended[0] == "InvalidAssociationID.NotFound"


def test_dry_run_changes_nothing(ec2: Ec2, client: EC2Client) -> None:
    """DryRun answers 412 DryRunOperation without applying, and UnauthorizedOperation when denied."""
    lab = vpc.figure1(ec2.truth())
    before = vpc.snapshot(ec2.truth())
    assert code(client.replace_route, **move(lab), DryRun=True) == ("DryRunOperation", 412)
    assert code(client.create_route, **move(lab), DryRun=True) == ("DryRunOperation", 412)
    assert code(client.describe_route_tables, DryRun=True) == ("DryRunOperation", 412)
    ec2.refuse("denied", "ReplaceRoute")
    assert code(client.replace_route, **move(lab), DryRun=True) == ("UnauthorizedOperation", 403)
    assert vpc.snapshot(ec2.truth()) == before


def test_credentials_expire_and_unknown_keys_can_be_barred(ec2: Ec2, client: EC2Client) -> None:
    """A registered key is refused after its expiry, an unknown one only with only_registered."""
    client.describe_vpcs()
    ec2.credentials["AKIATEST"] = time.time() + 60
    client.describe_vpcs()
    ec2.credentials["AKIATEST"] = time.time() - 1
    assert code(client.describe_vpcs) == ("RequestExpired", 400)
    del ec2.credentials["AKIATEST"]
    ec2.only_registered = True
    assert code(client.describe_vpcs) == ("AuthFailure", 401)


def test_route_tables_come_in_pages(ec2: Ec2, client: EC2Client) -> None:
    """Pages by page_size, or by a smaller MaxResults, put together all tables once each; bad tokens fail."""
    lab = vpc.figure1(ec2.truth(), tables=7)
    everything = set(vpc.route_tables(ec2.truth(), lab.vpc))
    assert len(everything) == 9
    ec2.page_size = 2
    assert set(vpc.route_tables(client, lab.vpc)) == everything
    assert len(ec2.calls) == 5
    ec2.page_size = 7
    filters: Any = [{"Name": "vpc-id", "Values": [lab.vpc]}]
    first = client.describe_route_tables(Filters=filters, MaxResults=5)
    assert len(first["RouteTables"]) == 5
    rest = client.describe_route_tables(Filters=filters, NextToken=first["NextToken"])
    assert (len(rest["RouteTables"]), rest.get("NextToken")) == (4, None)
    for token in ("garbage", "page-x", "page-"):
        assert code(client.describe_route_tables, NextToken=token) == ("InvalidNextToken", 400)


def test_blackholes_show_in_state_only(ec2: Ec2, client: EC2Client) -> None:
    """Routes to a blackholed interface show as blackhole, others as active, until the front is mended."""
    lab = vpc.figure1(ec2.truth())
    eni = lab.nodes["node1"].interfaces[1].eni
    ec2.blackholes.add(eni)
    routes = vpc.route_tables(client, lab.vpc)["B"]
    assert routes[VIP] == (eni, "blackhole")
    assert routes["10.1.0.20/32"][1] == "active"
    ec2.mend()
    assert vpc.route_tables(client, lab.vpc)["B"][VIP] == (eni, "active")


def test_packets_follow_the_entry_by_hand_and_no_filtered_one(ec2: Ec2) -> None:
    """Beside an entry by hand an advertised one moves nothing and hides nothing; alone it counts unless filtered."""
    lab = vpc.figure1(ec2.truth())
    ours, other = (lab.nodes[name].interfaces[1].eni for name in ("node1", "node2"))
    subnet = next(each for each, entries in ec2.fabric(lab.vpc).tables.items() if VIP in entries)
    table = next(
        each["RouteTableId"]
        for each in ec2.truth().describe_route_tables()["RouteTables"]
        if subnet in {association.get("SubnetId") for association in each["Associations"]}
    )
    for destination in (VIP, "10.1.0.98/32"):
        ec2.advertise(table, destination, other)
    ec2.advertise(table, "10.1.0.99/32", other, state="filtered")
    shown = ec2.fabric(lab.vpc).tables[subnet]
    assert (shown[VIP], shown["10.1.0.98/32"], shown.get("10.1.0.99/32")) == (ours, other, None)
    assert vpc.snapshot(ec2.truth())["routes"][table][VIP] == (ours, "active")


def test_a_route_tells_its_interface_and_that_one_s_instance(ec2: Ec2, client: EC2Client) -> None:
    """An entry to an attached interface names the instance as well, as EC2 does; one to a free interface does not."""
    lab = vpc.figure1(ec2.truth())
    shown = client.describe_route_tables(RouteTableIds=[lab.tables["A"]])["RouteTables"][0]["Routes"]
    told = {route["DestinationCidrBlock"]: route.get("InstanceId") for route in shown}
    assert told[VIP] == lab.nodes["node1"].instance_id
    assert told[vpc.ANYWHERE] is None


def test_stale_reads_show_the_state_before_the_change(ec2: Ec2, client: EC2Client) -> None:
    """The n Describe calls after the armed change see the old state in any shape; then all see the new."""
    lab = vpc.figure1(ec2.truth())
    old, new = (lab.nodes[name].interfaces[1].eni for name in ("node1", "node2"))
    ec2.stale(2)
    assert vpc.route_tables(client, lab.vpc)["A"][VIP][0] == old
    client.replace_route(**move(lab))
    assert target(ec2, lab) == "node2"
    assert vpc.route_tables(client, lab.vpc)["A"][VIP][0] == old
    only: Any = {"RouteTableIds": [lab.tables["A"]]}
    seen = client.describe_route_tables(**only)["RouteTables"][0]["Routes"]
    assert old in {route.get("NetworkInterfaceId") for route in seen}
    assert vpc.route_tables(client, lab.vpc)["A"][VIP][0] == new
    client.replace_route(**move(lab, node="node1"))
    assert vpc.route_tables(client, lab.vpc)["A"][VIP][0] == old


def test_single_entries_are_stale(ec2: Ec2, client: EC2Client) -> None:
    """Of the call after the change one table is old, the others are new; the next call is all new."""
    lab = vpc.figure1(ec2.truth())
    old, new = (lab.nodes[name].interfaces[1].eni for name in ("node1", "node2"))
    ec2.stale(1, {lab.tables["A"]})
    ec2.old_entries = {lab.tables["B"]}  # of the fault, not of this
    client.replace_route(**move(lab, "A"))
    ec2.truth().replace_route(**move(lab, "B"))
    shown = vpc.route_tables(client, lab.vpc)
    assert (shown["A"][VIP][0], shown["B"][VIP][0]) == (old, new)
    shown = vpc.route_tables(client, lab.vpc)
    assert (shown["A"][VIP][0], shown["B"][VIP][0]) == (new, new)


def test_calls_are_logged_without_signature(ec2: Ec2, client: EC2Client) -> None:
    """A call is logged with its action, key, flat parameters and times, truth's are not; forget empties."""
    lab = vpc.figure1(ec2.truth())
    began = time.monotonic()
    client.replace_route(**move(lab))
    (call,) = ec2.calls
    assert (call.number, call.action, call.key, call.status, call.fault) == (
        1,
        "ReplaceRoute",
        "AKIATEST",
        200,
        None,
    )
    assert call.params == move(lab)
    assert began <= call.began < call.ended <= time.monotonic()
    assert not re.search("(?i)signature|secret", repr(call))
    ec2.forget()
    assert ec2.calls == []


def test_delays_run_side_by_side(ec2: Ec2, client: EC2Client) -> None:
    """Ten calls at once under a delay of 1.5 s take one delay, not ten; one after the other they add up."""
    client.describe_vpcs()
    ec2.forget()
    ec2.delay_ms = 1500
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        for future in [pool.submit(client.describe_vpcs) for _ in range(10)]:
            future.result()
    assert 1.5 <= time.monotonic() - began < 8
    assert (peak(ec2.calls), serial(ec2.calls)) == (10, 1)
    ec2.forget()
    ec2.delay_ms = 20
    for _ in range(3):
        client.describe_vpcs()
    assert (peak(ec2.calls), serial(ec2.calls)) == (1, 3)


def test_keep_alive_answers_do_not_stall(ec2: Ec2) -> None:
    """Over one kept connection the median answer comes far sooner than a 40 ms delayed acknowledgement."""
    connection = HTTPConnection(ec2.url.removeprefix("http://"), timeout=5)
    connection.connect()
    kept = connection.sock
    took = []
    for _ in range(21):
        began = time.monotonic()
        connection.request("POST", "/", body="Action=DescribeVpcs")
        assert connection.getresponse().read().endswith(b"</DescribeVpcsResponse>")
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.03
    assert connection.sock is kept
    connection.close()


def test_peak_and_serial_of_made_up_calls() -> None:
    """Peak counts overlaps, serial the longest chain; calls under way are in flight and end no chain."""
    times = [(0.0, 1.0), (0.5, 3.0), (1.0, 2.0), (2.5, float("inf"))]
    calls = [Call(n, "X", {}, "K", "signature", "agent", began, ended) for n, (began, ended) in enumerate(times, 1)]
    assert (peak(calls), serial(calls)) == (2, 3)
    assert (peak([]), serial([])) == (0, 0)


def test_a_new_ec2_starts_empty() -> None:
    """Starting resets moto, so nothing of an earlier lab is left."""
    with Ec2() as first:
        vpc.figure2(first.truth())
    with Ec2() as second:
        assert vpc.addresses(second.truth()) == {}
