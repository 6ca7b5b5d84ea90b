"""EC2's error codes in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2kit.core.errors import KitError, Misconfigured, Unanswered, Unavailable
from ec2kit.core.kinds.facts import ElasticIps, RouteTables
from ec2kit.core.model import VpcId
from ec2kit.ec2.refusals import Call, refusal
from lab.aws.internet import Internet
from lab.aws.proxy import Mode, Proxy
from lab.ec2.faults import Kind
from lab.ec2.front import Reply, Web
from lab.ec2.server import Ec2 as LabEc2
from lab.ec2.tls import Authority
from tests.support.edge import ec2

HOST = "ec2.us-east-1.amazonaws.com"
pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RequestLimitExceeded", "throttled"),
        ("UnauthorizedOperation", "Allow ec2:ReplaceRoute"),
        ("RequestExpired", "clock"),
        ("AuthFailure", "credentials"),
        ("InternalError", "InternalError"),
    ],
)
def test_each_kind_of_refusal_has_its_words(code: str, words: str) -> None:
    """By the code alone: EC2's message can hold an encoded authorization message. None is for ever."""
    error = refusal(Call("ReplaceRoute", "rtb-1"), code)
    assert words in error.why
    assert not error.permanent


def test_ec2s_own_message_is_not_repeated(lab: LabEc2) -> None:
    """It can hold an encoded authorization message, account and request details; the code is enough."""
    lab.refuse("denied")
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0).ask(RouteTables(VpcId("vpc-1")))
    assert "You are not authorized" in str(caught.value.__cause__), "the lab's message, as EC2's"
    assert "You are not authorized" not in caught.value.why
    assert "UnauthorizedOperation" in caught.value.why


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RouteLimitExceeded", "Routes per route table"),
        ("InvalidParameterValue", "ec2kit plan"),
        ("InvalidRouteTableID.NotFound", "does not know what"),
        ("InvalidAllocationID.NotFound", "does not know what"),
        ("Resource.AlreadyAssociated", "another cluster or script"),
        ("OperationNotPermitted", "managed by a service"),
        ("IncorrectInstanceState", "present state"),
        ("InvalidAction", "endpoint of EC2"),
        ("OptInRequired", "AWS account"),
        ("ServiceUnavailable", "passes by itself"),
        ("ExpiredToken", "session is over"),
        ("SomethingNew.2031", "The state is unknown"),
    ],
)
def test_a_final_code_has_a_cure(code: str, words: str) -> None:
    """By AWS's list of codes; one that is not in it is told as it is."""
    error = refusal(Call("ReplaceRoute", "rtb-1", whose="the instance's role r"), code)
    assert words in error.why
    assert f"({code}" in str(error)
    assert "the instance's role r" in error.why


@pytest.mark.parametrize("kind", ["expired", "skewed", None])
@pytest.mark.parametrize(("seconds", "words"), [(420, "7 minutes behind AWS's"), (-400, "7 minutes ahead of AWS's")])
def test_a_clock_that_is_wrong_is_told(lab: LabEc2, kind: Kind | None, seconds: float, words: str) -> None:
    """From the Date of the answer: EC2 says the same of a wrong clock as of a wrong key (AuthFailure)."""
    lab.ahead = seconds
    if kind:
        lab.refuse(kind)
    lab.only_registered = True
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0).ask(RouteTables(VpcId("vpc-1")))
    assert words in caught.value.cure
    lab.ahead = 0
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0).ask(RouteTables(VpcId("vpc-1")))
    assert "Check this node's clock" in caught.value.cure


@pytest.fixture
def internet(lab: LabEc2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """A host that has EC2's name; only a proxy finds it. The bundle trusts it."""
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    authority = Authority(tmp_path / "ca.pem")
    with Internet(authority, {HOST: lab.url}) as made:
        yield made


def by_proxy(proxy: Proxy, bundle: Path) -> KitError:
    """How a call through the proxy fails. Its password is not told."""
    url = proxy.url.replace("//", "//user:planted@")
    with pytest.raises(KitError) as caught:
        ec2(f"https://{HOST}", retries=0, HTTPS_PROXY=url, AWS_CA_BUNDLE=str(bundle)).ask(ElasticIps())
    assert "planted" not in caught.value.why
    assert f"https://{HOST}" in str(caught.value), "the URL as it is"
    return caught.value


@pytest.mark.parametrize(
    ("mode", "words", "cure"),
    [
        ("login", "wants a user and a password", "USER:PASSWORD@"),
        ("error502", "did not connect DescribeAddresses", "NO_PROXY"),
        ("page", "through the proxy", ""),
        ("hang", "no usable answer", "proxy"),
    ],
)
def test_a_proxys_answer_is_told_as_the_proxys(
    internet: Internet, tmp_path: Path, mode: Mode, words: str, cure: str
) -> None:
    """With its HTTP status, and its URL."""
    with Proxy(internet) as proxy:
        proxy.mode = mode
        error = by_proxy(proxy, tmp_path / "ca.pem")
        assert words in str(error)
        assert proxy.url in error.why
        assert cure in error.cure
        assert {"login": "407", "error502": "502"}.get(mode, "") in str(error)
        assert isinstance(error, Unanswered)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://u:planted/x@127.0.0.1:3128",
        "http://u:planted#x@127.0.0.1:3128",
        "http://u:planted?x@127.0.0.1:3128",
        "http://u:planted@x@127.0.0.1:3128",
        "http://u:plantedü@127.0.0.1:3128",
        "http://127.0.0.1:x",
        "http://127.0.0.1:99999",
        " http://127.0.0.1:3128",
        '"http://127.0.0.1:3128"',
        "HTTP://127.0.0.1:3128",
        "socks5://127.0.0.1:3128",
        "http://",
        "http://[::1",
    ],
)
def test_what_is_not_the_url_of_a_proxy_is_named_before_any_call(proxy: str) -> None:
    """Not as a problem of the way to EC2; and nothing of it is repeated, for a password is in it."""
    with pytest.raises(Misconfigured) as caught:
        ec2("https://ec2.example.invalid", retries=0, HTTPS_PROXY=proxy)
    assert "HTTPS_PROXY is not the URL of a proxy" in str(caught.value)
    assert "planted" not in caught.value.why
    assert ec2("https://ec2.example.invalid", HTTPS_PROXY=proxy, NO_PROXY="*").way.proxy == "", "where it is not used"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("//proxy", "http://proxy"),
        ("http://u:p%2Fw:x@[::1]:3128/", "http://[::1]:3128"),
        ("https://proxy.example.com", "https://proxy.example.com"),
    ],
)
def test_a_proxy_is_shown_without_user_and_password(given: str, shown: str) -> None:
    """As botocore reads it."""
    assert ec2("https://ec2.example.invalid", HTTPS_PROXY=given).way.proxy == shown


def test_a_proxy_that_is_not_there(internet: Internet, tmp_path: Path) -> None:
    """It is the proxy that is named, not EC2."""
    with Proxy(internet) as proxy:
        pass
    error = by_proxy(proxy, tmp_path / "ca.pem")
    assert f"the proxy {proxy.url} cannot be reached" in str(error)
    assert "Connection refused" in str(error)


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"not XML"])
@pytest.mark.parametrize("status", [302, 403, 407, 502])
def test_a_page_in_ec2s_place(status: int, body: bytes) -> None:
    """Its HTTP status is the only fact: a code it is not. Whether EC2 has got the call is not known."""
    web = Web(lambda exchange: exchange.send(Reply(status, body, "text/html")))
    web.listen()
    try:
        with pytest.raises(Unanswered) as caught:
            ec2(web.url, retries=0).ask(ElasticIps())
    finally:
        web.stop()
    assert f"{web.url} answered DescribeAddresses on this Region with HTTP {status}" in str(caught.value)


def test_certificates_that_do_not_fit_say_why(internet: Internet, tmp_path: Path) -> None:
    """An authority that the bundle does not have, and one that ends TLS on the way; the bundle is named."""
    other = Authority(tmp_path / "other.pem")
    with Proxy(internet, authority=other) as proxy:
        error = by_proxy(proxy, tmp_path / "other.pem")
        assert f"is not signed by an authority of {tmp_path}/other.pem (AWS_CA_BUNDLE" in str(error)
        assert "AWS_CA_BUNDLE" in error.cure
        proxy.mode = "ends TLS"
        assert f"{tmp_path}/ca.pem" in str(by_proxy(proxy, tmp_path / "ca.pem"))
        (tmp_path / "bad.pem").write_text("not a certificate\n")
        assert f"{tmp_path}/bad.pem" in by_proxy(proxy, tmp_path / "bad.pem").why


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    """As of a VPC endpoint that is asked by an address."""
    authority = Authority(tmp_path / "ca.pem")
    web = Web(lambda exchange: exchange.send(Reply(200)), tls=authority.server("elsewhere.example"))
    web.listen()
    try:
        with pytest.raises(Unanswered) as caught:
            ec2(web.url, retries=0, AWS_CA_BUNDLE=str(authority.bundle)).ask(ElasticIps())
    finally:
        web.stop()
    assert "a certificate for another name" in str(caught.value)
