"""The lab's EC2 over TLS: who trusts it, and that its bad manners are the same there."""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, SSLError

from lab.ec2.server import Ec2
from lab.ec2.tls import Authority
from lab.nodes import Lab, route_lab
from lab.protected import protect

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture
def ec2(tmp_path: Path) -> Iterator[Ec2]:
    """Give an EC2 with a certificate to each test."""
    with Ec2(tls=Authority(tmp_path / "ca.pem")) as ec2:
        yield ec2


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Figure 1 with EC2 over TLS."""
    with route_lab(tmp_path, tls=True) as lab:
        yield lab


def client(ec2: Ec2, url: str | None = None) -> EC2Client:
    """Make a boto3 client that tries once."""
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=url or ec2.url,
        verify=ec2.ca_bundle,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=20),
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def address(ec2: Ec2) -> tuple[str, int]:
    """Tell where it listens."""
    host, port = ec2.url.removeprefix("https://").split(":")
    return host, int(port)


def until(true: Callable[[], bool]) -> None:
    """Wait for it, two seconds at most."""
    end = time.monotonic() + 2
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def test_the_kit_reaches_it_with_the_labs_bundle_and_the_instance_role(lab: Lab) -> None:
    """A whole process: https, AWS_CA_BUNDLE, and a key that only the role has."""
    done = protect(lab).verb("check", lab.node1)
    assert done.returncode == 0, done.stderr
    assert lab.ec2.url.startswith("https://127.0.0.1:")
    assert {call.key[:4] for call in lab.ec2.calls} == {"ASIA"}


def test_without_the_bundle_nobody_trusts_it_and_nothing_is_known(lab: Lab) -> None:
    """A certificate of a stranger is no evidence: 9, never 1."""
    routes = protect(lab)
    lab.node1.set(AWS_CA_BUNDLE="", EC2_MAX_RETRY=0)
    done = routes.verb("check", lab.node1)
    assert done.returncode == 9
    assert "SSLError" in done.stderr
    assert lab.ec2.calls == []


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """It is for the name that the clients use, not for whatever answers there."""
    with Ec2(tls=Authority(tmp_path / "ca.pem"), name="ec2.example.org") as ec2:
        assert ec2.url.startswith("https://ec2.example.org:")
        with pytest.raises(SSLError):
            client(ec2, ec2.url.replace("ec2.example.org", "localhost")).describe_addresses()


@pytest.mark.parametrize("politely", [True, False])
def test_a_hanging_call_ends_with_its_client(ec2: Ec2, *, politely: bool) -> None:
    """Under TLS a client that goes may send an alert first, which is no sign of life."""
    ec2.refuse("hang")
    host, port = address(ec2)
    context = ssl.create_default_context(cafile=ec2.ca_bundle)
    plain = socket.create_connection((host, port))
    with context.wrap_socket(plain, server_hostname=host) as connection:
        connection.sendall(b"GET /?Action=DescribeAddresses HTTP/1.1\r\nHost: ec2\r\n\r\n")
        until(lambda: len(ec2.calls) == 1)
        if politely:
            connection.settimeout(0.1)
            with suppress(OSError):  # the server closes, or, if it did not hear the alert, is silent
                connection.unwrap()
            until(lambda: ec2.calls[0].ended < math.inf)
    until(lambda: ec2.calls[0].ended < math.inf)
    assert ec2.calls[0].status is None


def test_a_reset_is_a_reset(ec2: Ec2) -> None:
    """It is seen below TLS."""
    ec2.refuse("reset")
    with pytest.raises(ConnectionClosedError):
        client(ec2).describe_addresses()


def test_connections_are_kept_alive_and_counted(ec2: Ec2) -> None:
    """Two calls one after the other are one connection."""
    ours = client(ec2)
    before = ec2.connections
    ours.describe_addresses()
    ours.describe_addresses()
    assert ec2.connections - before == 1


def test_a_handshake_that_never_comes_holds_up_nobody(ec2: Ec2) -> None:
    """A silent connection has a thread of its own."""
    with socket.create_connection(address(ec2)):
        assert client(ec2).describe_addresses()["Addresses"] == []
