"""The metadata client against the lab's IMDSv2 server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ec2kit.core.errors import DeadlineExceeded, Misconfigured, Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.host.imds import Metadata, endpoint
from lab.imds import Fault, Imds, NodeIdentity, NodeInterface
from lab.protected import SLACK

MAC = "02:00:00:00:00:01"
ETH0 = NodeInterface(
    name="eth0",
    mac=MAC,
    eni="eni-0a",
    vpc="vpc-1",
    subnet="subnet-1",
    private_ip="10.0.1.11",
    vpc_cidrs=("10.0.0.0/16", "10.2.0.0/16"),
    device_number=0,
)
IDENTITY = NodeIdentity("i-1", "us-east-1", "us-east-1a", "123456789012", (ETH0,), "role")


@pytest.fixture
def imds() -> Iterator[Imds]:
    """One node's metadata service."""
    with Imds(IDENTITY) as server:
        yield server


def client(imds: Imds, *, retries: int = 1, seconds: float = 20) -> Metadata:
    """The kit's client of it."""
    return Metadata(imds.url, retries=retries, deadline=Deadline(seconds))


def test_what_the_kit_needs(imds: Imds) -> None:
    """Region, instance, VPC, its CIDR blocks, and the ENI by hardware address; one token for all."""
    metadata = client(imds)
    about = f"network/interfaces/macs/{MAC}"
    assert metadata.need("placement/region") == "us-east-1"
    assert metadata.need("instance-id") == "i-1"
    assert metadata.need(f"{about}/vpc-id") == "vpc-1"
    assert metadata.need(f"{about}/vpc-ipv4-cidr-blocks").split() == ["10.0.0.0/16", "10.2.0.0/16"]
    assert metadata.need(f"{about}/interface-id") == "eni-0a"
    assert [method for method, _, _ in imds.calls].count("PUT") == 1


def test_what_is_not_there_is_none(imds: Imds) -> None:
    """404 is an answer; need() makes it an error."""
    assert client(imds).get("network/interfaces/macs/02:ff:ff:ff:ff:ff/interface-id") is None
    with pytest.raises(Unavailable, match="has no spot"):
        client(imds).need("spot")


def test_401_renews_the_token_once(imds: Imds) -> None:
    """A token that has expired under way is no failure."""
    metadata = client(imds)
    metadata.need("instance-id")
    imds.fault = "token401"
    assert metadata.need("instance-id") == "i-1"
    assert [status for _, _, status in imds.calls].count(401) == 1


def test_403_says_that_the_service_is_switched_off(imds: Imds) -> None:
    """At once: asking again cannot help."""
    imds.fault = "off"
    with pytest.raises(Misconfigured, match="switched off"):
        client(imds, retries=5).need("instance-id")
    assert len(imds.calls) == 1


@pytest.mark.parametrize("fault", ["refused", "error500"])
def test_no_answer_is_unavailable_after_the_retries(imds: Imds, fault: str) -> None:
    """Connection refused and 500, asked as often as EC2_MAX_RETRY says."""
    imds.fault = fault  # type: ignore[assignment]  # a literal of the lab's
    with pytest.raises(Unavailable, match="asked 3 times"):
        client(imds, retries=2).need("instance-id")


def test_a_service_that_comes_back_is_asked_again(imds: Imds) -> None:
    """The first answers are errors; the retry finds it well."""
    imds.fault = "error500"
    import threading

    threading.Timer(0.3, lambda: setattr(imds, "fault", None)).start()
    assert client(imds, retries=4).need("instance-id") == "i-1"


def test_a_service_that_hangs_ends_within_its_read_timeout(imds: Imds) -> None:
    """Two seconds a try, and never past the deadline."""
    imds.fault = "hang"
    began = time.monotonic()
    with pytest.raises(Unavailable, match="ReadTimeoutError, asked 1 times"):
        client(imds, retries=0).need("instance-id")
    assert 1.5 < time.monotonic() - began < 2 + SLACK
    began = time.monotonic()
    with pytest.raises((Unavailable, DeadlineExceeded)):
        client(imds, retries=50, seconds=1).need("instance-id")
    assert time.monotonic() - began < 1 + SLACK


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("hang", "--http-put-response-hop-limit 2"),
        ("refused", "This is not an EC2 instance, or a firewall"),
        ("missing", "this is not an EC2 instance, or another service"),
        ("off", "--http-endpoint enabled"),
        ("error500", "try it: curl"),
    ],
)
def test_each_way_of_silence_has_its_cure(imds: Imds, fault: Fault, words: str) -> None:
    """A token that is lost on its way through a bridge, no service, another service, one that is switched off."""
    imds.fault = fault
    with pytest.raises((Unavailable, Misconfigured)) as caught:
        client(imds, retries=0).need("instance-id")
    assert words in caught.value.cure
    assert ("hop-limit" in caught.value.cure) is (fault == "hang")


def test_a_question_that_hangs_behind_its_token(imds: Imds) -> None:
    """It is an EC2 instance, and no hop limit is in the way."""
    imds.refuse("hang", "GET /latest/meta-data/mac")
    with pytest.raises(Unavailable) as caught:
        client(imds, retries=0).need("mac")
    assert "may pass by itself" in caught.value.cure


@pytest.mark.parametrize("url", ["x", "http://h:none", "http://[::1", "http://u:planted@127.0.0.1", "ftp://h", ""])
def test_what_is_not_the_url_of_a_metadata_service(url: str) -> None:
    """Before anything is asked; nothing of it is repeated."""
    with pytest.raises(Misconfigured) as caught:
        Metadata(url, retries=0, deadline=Deadline(5))
    assert "AWS_EC2_METADATA_SERVICE_ENDPOINT is not" in str(caught.value)
    assert "planted" not in caught.value.why


def test_metadata_by_ipv6() -> None:
    """AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE chooses the address; a URL that is given comes first."""
    assert endpoint({}) == "http://169.254.169.254"
    assert endpoint({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}) == "http://[fd00:ec2::254]"
    both = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
    }
    assert endpoint(both) == "http://127.0.0.1:1"
    with Imds(IDENTITY, host="::1") as imds:
        assert "[::1]" in imds.url
        assert client(imds).need("instance-id") == "i-1"


def test_garbage_for_a_token_is_unavailable(imds: Imds) -> None:
    """It would become a header of the next request."""
    imds.fault = "garbage"
    with pytest.raises(Unavailable):
        client(imds).need("instance-id")


def test_never_through_a_proxy(imds: Imds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says; the proxy here is a port where nobody listens."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert client(imds).need("instance-id") == "i-1"


def test_a_connection_that_was_closed_while_idle_is_made_anew(imds: Imds) -> None:
    """Without a retry, with the same token: the service may close what nobody uses."""
    metadata = client(imds, retries=0)
    metadata.need("instance-id")
    imds.fault = "refused"
    imds.mend()
    assert metadata.need("instance-id") == "i-1"
    assert imds.connections == 2
    assert [method for method, _, _ in imds.calls] == ["PUT", "GET", "GET"]


@pytest.mark.parametrize("request_", ["PUT /latest/api/token", "GET /latest/meta-data/instance-id"])
def test_half_a_body_is_no_answer(imds: Imds, request_: str) -> None:
    """Half an id may look like one; it is asked for again, and never believed."""
    imds.refuse("truncated", request_, 1)
    assert client(imds, retries=1).need("instance-id") == "i-1"
    imds.refuse("truncated", request_)
    with pytest.raises(Unavailable, match="ProtocolError, asked 2 times"):
        client(imds, retries=1).need("instance-id")


def test_an_answer_that_drips_ends_at_the_deadline(imds: Imds) -> None:
    """Each byte comes in time, and the last would come after days."""
    imds.fault = "slow"
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        client(imds, seconds=2.5).need("instance-id")
    assert 2 < time.monotonic() - began < 2.5 + 1 + SLACK
    imds.mend()


def test_a_redirection_is_not_followed(imds: Imds) -> None:
    """Whoever answers in the service's place could send the token and the question elsewhere."""

    class Elsewhere(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self.send_response(307)
            self.send_header("Location", imds.url + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(Unavailable):
            Metadata(url, retries=0, deadline=Deadline(5)).need("instance-id")
        server.shutdown()
    assert imds.calls == []
