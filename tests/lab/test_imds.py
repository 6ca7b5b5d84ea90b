"""The lab's instance metadata: tokens, every path the kit reads, rotating credentials and the faults."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.ec2 import vpc
from lab.ec2.server import Ec2
from lab.imds import Imds, NodeIdentity, NodeInterface

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
ROLE = "latest/meta-data/iam/security-credentials/"
SUBNET = "10.0.2.0/24"
NODE = NodeIdentity(
    "i-1",
    "eu-west-3",
    "eu-west-3b",
    "123456789012",
    (
        NodeInterface(
            "eth0", "02:00:00:00:00:01", "eni-1", "vpc-1", "subnet-1", "10.0.2.10", ("10.0.0.0/16",), 0, SUBNET
        ),
        NodeInterface(
            "eth1",
            "02:00:00:00:00:02",
            "eni-2",
            "vpc-1",
            "subnet-1",
            "10.0.2.11",
            ("10.0.0.0/16", "100.64.0.0/16"),
            1,
            SUBNET,
        ),
    ),
    "kit-role",
)


@pytest.fixture
def imds() -> Iterator[Imds]:
    """Serve the metadata of NODE under the name node1, without an EC2."""
    with Imds(NODE, name="node1") as imds:
        yield imds


def token(imds: Imds, ttl: int | str = 60, **headers: str) -> requests.Response:
    """Ask for a token."""
    return requests.put(f"{imds.url}/latest/api/token", headers={TTL: str(ttl), **headers}, timeout=2)


def read(imds: Imds, path: str, with_token: str | None = None) -> requests.Response:
    """Read `path` with the token given, or a new one."""
    held = token(imds).text if with_token is None else with_token
    return requests.get(f"{imds.url}/{path}", headers={TOKEN: held}, timeout=2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("placement/region", "eu-west-3"),
        ("placement/availability-zone", "eu-west-3b"),
        ("instance-id", "i-1"),
        ("mac", "02:00:00:00:00:01"),
        ("local-ipv4", "10.0.2.10"),
        ("network/interfaces/macs/", "02:00:00:00:00:01/\n02:00:00:00:00:02/"),
        ("network/interfaces/macs/02:00:00:00:00:02/interface-id", "eni-2"),
        ("network/interfaces/macs/02:00:00:00:00:02/vpc-id", "vpc-1"),
        ("network/interfaces/macs/02:00:00:00:00:02/subnet-id", "subnet-1"),
        ("network/interfaces/macs/02:00:00:00:00:02/subnet-ipv4-cidr-block", SUBNET),
        ("network/interfaces/macs/02:00:00:00:00:02/device-number", "1"),
        ("network/interfaces/macs/02:00:00:00:00:02/local-ipv4s", "10.0.2.11"),
        ("network/interfaces/macs/02:00:00:00:00:02/vpc-ipv4-cidr-block", "10.0.0.0/16"),
        ("network/interfaces/macs/02:00:00:00:00:02/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/16"),
        ("iam/security-credentials/", "kit-role"),
    ],
)
def test_paths_tell_the_nodes_identity(imds: Imds, path: str, expected: str) -> None:
    """Every path that the kit reads answers from the node's identity."""
    answer = read(imds, f"latest/meta-data/{path}")
    assert (answer.status_code, answer.text) == (200, expected)


def test_identity_document_is_json(imds: Imds) -> None:
    """The identity document has region, instance, account, zone and eth0's address."""
    assert read(imds, "latest/dynamic/instance-identity/document").json() == {
        "region": "eu-west-3",
        "instanceId": "i-1",
        "accountId": "123456789012",
        "availabilityZone": "eu-west-3b",
        "privateIp": "10.0.2.10",
    }


@pytest.mark.parametrize(
    "path",
    [
        "",
        "latest/meta-data/nonsense",
        "latest/meta-data/iam/security-credentials/other-role",
        "latest/meta-data/network/interfaces/macs/02:00:00:00:00:99/interface-id",
        "latest/meta-data/network/interfaces/macs/02:00:00:00:00:02/nonsense",
        "latest/meta-data/network/interfaces/macs/02:00:00:00:00:02/public-ipv4s",
    ],
)
def test_unknown_paths_are_not_found(imds: Imds, path: str) -> None:
    """What the node does not have is a 404, a public address without an EC2 included."""
    assert read(imds, path).status_code == 404


def test_token_is_needed_and_expires(imds: Imds) -> None:
    """A GET without a token, with a made-up one or with an expired one is a 401."""
    held = token(imds, ttl=1).text
    path = "latest/meta-data/instance-id"
    assert read(imds, path, held).status_code == 200
    assert requests.get(f"{imds.url}/{path}", timeout=2).status_code == 401
    assert read(imds, path, "made-up").status_code == 401
    time.sleep(1.05)
    assert read(imds, path, held).status_code == 401


@pytest.mark.parametrize(("ttl", "status"), [("0", 400), ("21601", 400), ("x", 400), ("1", 200), ("21600", 200)])
def test_token_needs_a_lifetime_in_range(imds: Imds, ttl: str, status: int) -> None:
    """A token's lifetime is 1 to 21600 seconds."""
    assert token(imds, ttl).status_code == status


def test_token_is_refused_without_lifetime_or_through_a_proxy(imds: Imds) -> None:
    """A token request without a lifetime is a 400, one that a proxy forwarded a 403."""
    assert requests.put(f"{imds.url}/latest/api/token", timeout=2).status_code == 400
    assert token(imds, **{"X-Forwarded-For": "192.0.2.1"}).status_code == 403


def test_credentials_last_until_rotated_or_expired(imds: Imds) -> None:
    """Credentials stay the same until rotate or expiry, and their key tells the node's name."""
    first = read(imds, ROLE + "kit-role").json()
    assert (first["Code"], first["Type"]) == ("Success", "AWS-HMAC")
    assert first["AccessKeyId"].startswith("ASIANODE1")
    lasts = datetime.fromisoformat(first["Expiration"]) - datetime.now(UTC)
    assert 21500 < lasts.total_seconds() <= 21600
    assert read(imds, ROLE + "kit-role").json() == first
    imds.credential_seconds = 0.3
    imds.rotate()
    second = read(imds, ROLE + "kit-role").json()
    time.sleep(0.35)
    third = read(imds, ROLE + "kit-role").json()
    assert len({issued["AccessKeyId"] for issued in (first, second, third)}) == 3
    assert len({issued["SecretAccessKey"] for issued in (first, second, third)}) == 3


def test_ec2_knows_credentials_and_public_addresses() -> None:
    """Issued keys are registered with their expiry, and public-ipv4s is what EC2 says at the moment."""
    with Ec2() as ec2:
        lab = vpc.figure2(ec2.truth())
        node = lab.nodes["node1"]
        path = f"latest/meta-data/network/interfaces/macs/{node.interfaces[1].mac}/public-ipv4s"
        with Imds(node, ec2, name="node1") as imds:
            key = read(imds, ROLE + node.role).json()["AccessKeyId"]
            assert abs(ec2.credentials[key] - time.time() - 21600) < 5
            assert read(imds, path).text == lab.public_ip
            ec2.truth().disassociate_address(PublicIp=lab.public_ip)
            assert read(imds, path).status_code == 404
        assert ec2.calls == []


def test_an_elastic_ip_is_told_by_its_interface_alone() -> None:
    """ipv4-associations is EC2's truth: the private address, the list, and 404 for what is elsewhere or nowhere."""
    with Ec2() as ec2:
        lab = vpc.figure2(ec2.truth())
        node = lab.nodes["node1"]
        macs = [f"latest/meta-data/network/interfaces/macs/{each.mac}" for each in node.interfaces]
        with Imds(node, ec2, name="node1") as imds:

            def told(mac: str, name: str) -> tuple[int, str]:
                answer = read(imds, f"{mac}/ipv4-associations/{name}")
                return answer.status_code, answer.text if answer.ok else ""

            assert told(macs[1], lab.public_ip) == (200, node.interfaces[1].private_ip)
            assert told(macs[1], "") == (200, lab.public_ip)
            assert told(macs[0], lab.public_ip) == told(macs[0], "") == told(macs[1], lab.free_ip) == (404, "")
            ec2.truth().disassociate_address(PublicIp=lab.public_ip)
            assert told(macs[1], lab.public_ip) == told(macs[1], "") == (404, "")
            assert read(imds, f"{macs[1]}/local-ipv4s").text == node.interfaces[1].private_ip


def test_every_address_of_an_interface_is_told_with_its_elastic_ip() -> None:
    """local-ipv4s is EC2's truth, the primary one first; several Elastic IPs tell each its own private address."""
    with Ec2() as ec2:
        lab = vpc.figure3(ec2.truth())
        node = lab.nodes["node1"]
        eth0, eth1 = node.interfaces
        ec2.truth().associate_address(AllocationId=lab.free_allocation, NetworkInterfaceId=eth1.eni)
        with Imds(node, ec2, name="node1") as imds:

            def told(interface: NodeInterface, name: str) -> str | None:
                answer = read(imds, f"latest/meta-data/network/interfaces/macs/{interface.mac}/{name}")
                return answer.text if answer.ok else None

            assert told(eth0, "local-ipv4s") == eth0.private_ip
            assert told(eth1, "local-ipv4s") == f"{eth1.private_ip}\n{lab.address}"
            for name in ("public-ipv4s", "ipv4-associations/", "ipv4-associations"):
                assert told(eth1, name) == f"{lab.free_ip}\n{lab.public_ip}"
                assert told(eth0, name) is None
            assert told(eth1, f"ipv4-associations/{lab.public_ip}") == lab.address
            assert told(eth1, f"ipv4-associations/{lab.free_ip}") == eth1.private_ip
            assert told(eth1, "ipv4-associations/198.51.100.1") is None
            subnets = [told(each, "subnet-ipv4-cidr-block") for each in node.interfaces]
            assert subnets == ["10.0.1.0/24", "10.0.5.0/24"]
            assert told(eth1, "subnet-id") == lab.subnet
            ec2.truth().unassign_private_ip_addresses(NetworkInterfaceId=eth1.eni, PrivateIpAddresses=[lab.address])
            assert (told(eth1, "local-ipv4s"), told(eth1, "public-ipv4s")) == (eth1.private_ip, lab.free_ip)


def test_a_change_of_addresses_is_told_late() -> None:
    """Two reads of the interface that has changed tell what was before, the third what is; then it is so again."""
    with Ec2() as ec2:
        lab = vpc.figure3(ec2.truth())
        node = lab.nodes["node2"]
        eth0, eth1 = node.interfaces
        both = f"{eth1.private_ip}\n{lab.address}"
        asked = {"NetworkInterfaceId": eth1.eni, "PrivateIpAddresses": [lab.address]}
        with Imds(node, ec2, name="node2") as imds:

            def told(reads: int, interface: NodeInterface = eth1) -> list[str]:
                path = f"latest/meta-data/network/interfaces/macs/{interface.mac}/local-ipv4s"
                return [read(imds, path).text for _ in range(reads)]

            imds.behind = 2
            ec2.truth().assign_private_ip_addresses(**asked, AllowReassignment=True)  # type: ignore[arg-type]
            assert told(2, eth0) == [eth0.private_ip] * 2
            assert told(4) == [eth1.private_ip, eth1.private_ip, both, both]
            ec2.truth().unassign_private_ip_addresses(**asked)  # type: ignore[arg-type]
            assert told(3) == [both, both, eth1.private_ip]
            ec2.truth().assign_private_ip_addresses(**asked)  # type: ignore[arg-type]
            assert told(1) == [eth1.private_ip]
            imds.mend()
            assert told(1) == [both]


def test_an_interface_goes_and_comes(imds: Imds) -> None:
    """A hidden MAC is in no list, and all below it is a 404; the others stay, and it comes back."""
    path = "latest/meta-data/network/interfaces/macs/"
    imds.hidden.add("02:00:00:00:00:02")
    assert read(imds, path).text == "02:00:00:00:00:01/"
    assert read(imds, f"{path}02:00:00:00:00:02/interface-id").status_code == 404
    assert read(imds, f"{path}02:00:00:00:00:01/interface-id").text == "eni-1"
    imds.hidden.clear()
    assert read(imds, path).text == "02:00:00:00:00:01/\n02:00:00:00:00:02/"
    assert read(imds, f"{path}02:00:00:00:00:02/interface-id").text == "eni-2"


def test_credentials_end_before_their_time() -> None:
    """After `expire` EC2 refuses what was handed out last, however long it was to last, and takes the fresh ones."""
    with Ec2() as ec2:
        node = vpc.figure2(ec2.truth()).nodes["node1"]
        ec2.only_registered = True

        def ask(issued: dict[str, str]) -> str:
            once = Config(retries={"total_max_attempts": 1})
            with closing(
                boto3.client(
                    "ec2",
                    region_name="us-east-1",
                    endpoint_url=ec2.url,
                    config=once,
                    aws_access_key_id=issued["AccessKeyId"],
                    aws_secret_access_key=issued["SecretAccessKey"],
                    aws_session_token=issued["Token"],
                )
            ) as client:
                try:
                    client.describe_vpcs()
                except ClientError as error:
                    return error.response["Error"]["Code"]
            return "answered"

        with Imds(node, ec2, name="node1") as imds:
            first = read(imds, ROLE + node.role).json()
            assert ask(first) == "answered"
            imds.expire()
            second = read(imds, ROLE + node.role).json()
            assert first["AccessKeyId"] != second["AccessKeyId"]
            assert (ask(first), ask(second)) == ("RequestExpired", "answered")
            imds.rotate()
            assert (ask(second), ask(read(imds, ROLE + node.role).json())) == ("answered", "answered")
            imds.credential_seconds = 0.2
            imds.rotate()
            short = read(imds, ROLE + node.role).json()
            time.sleep(0.25)
            assert ask(short) == "RequestExpired"


def test_secret_is_in_no_repr_and_on_no_terminal(imds: Imds, capfd: pytest.CaptureFixture[str]) -> None:
    """The role's secret and session token are in no repr, no log of calls and no output."""
    issued = json.loads(read(imds, ROLE + "kit-role").text)
    printed = "".join(capfd.readouterr()) + repr(vars(imds))
    assert issued["AccessKeyId"] in printed
    assert issued["SecretAccessKey"] not in printed
    assert issued["Token"] not in printed


@pytest.mark.parametrize(("fault", "status"), [("off", 403), ("error500", 500), ("garbage", 200)])
def test_answering_faults_hit_every_request(imds: Imds, fault: str, status: int) -> None:
    """Off and error500 answer their status to everything, garbage 200 with what is no text."""
    imds.fault = fault  # type: ignore[assignment]  # the parameters are faults
    for answer in (token(imds), read(imds, "latest/meta-data/instance-id", "any")):
        assert answer.status_code == status
        assert (b"\xff" in answer.content) == (fault == "garbage")
    imds.fault = None
    assert read(imds, "latest/meta-data/instance-id").text == "i-1"


def test_hanging_server_comes_back(imds: Imds) -> None:
    """A hanging server answers nothing, is logged without a status, and answers again when mended."""
    imds.fault = "hang"
    with pytest.raises(requests.ReadTimeout):
        requests.put(f"{imds.url}/latest/api/token", headers={TTL: "60"}, timeout=0.3)
    assert imds.calls == [("PUT", "/latest/api/token", None)]
    imds.fault = None
    assert read(imds, "latest/meta-data/instance-id").text == "i-1"


def test_refusing_server_comes_back_at_the_same_port(imds: Imds) -> None:
    """A server that does not listen refuses kept and new connections, then serves at its old address."""
    url = imds.url
    with requests.Session() as session:
        held = session.put(f"{url}/latest/api/token", headers={TTL: "60"}, timeout=2).text
        imds.fault = "refused"
        for _ in range(2):
            with pytest.raises(requests.ConnectionError, match=r"refused|aborted"):
                session.get(f"{url}/latest/meta-data/instance-id", headers={TOKEN: held}, timeout=2)
        imds.fault = None
        assert imds.url == url
        assert session.get(f"{url}/latest/meta-data/mac", headers={TOKEN: held}, timeout=2).status_code == 200


def test_token401_voids_tokens_once(imds: Imds) -> None:
    """Under token401 the next valid token is refused and void, and a fresh one works."""
    held = token(imds).text
    imds.fault = "token401"
    assert read(imds, "latest/meta-data/mac", held).status_code == 401
    assert read(imds, "latest/meta-data/mac", held).status_code == 401
    assert read(imds, "latest/meta-data/mac").status_code == 200


def test_calls_are_logged_in_order(imds: Imds) -> None:
    """The log has method, path and status of each request."""
    read(imds, "latest/meta-data/mac")
    read(imds, "latest/nothing")
    assert imds.calls == [
        ("PUT", "/latest/api/token", 200),
        ("GET", "/latest/meta-data/mac", 200),
        ("PUT", "/latest/api/token", 200),
        ("GET", "/latest/nothing", 404),
    ]
