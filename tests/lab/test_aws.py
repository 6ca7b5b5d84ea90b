"""The lab's AWS beside EC2: what each service hands out, to whom, and the ways to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProxyConnectionError, SSLError, UnauthorizedSSOTokenError

from lab.aws.container import Container
from lab.aws.internet import Internet
from lab.aws.keys import key_of
from lab.aws.proxy import Asked, Mode, Proxy
from lab.aws.sso import START, Sso
from lab.aws.sts import Sts
from lab.ec2.server import Ec2
from lab.ec2.tls import Authority
from lab.imds import Imds, NodeIdentity

READER, WRITER = (f"arn:aws:iam::123456789012:role/{name}" for name in ("reader", "path/writer"))
HOST = "ec2.us-east-1.amazonaws.com"


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """The lab's EC2, which takes only keys that it was told of."""
    with Ec2() as made:
        made.only_registered = True
        yield made


@pytest.fixture
def sts(ec2: Ec2) -> Iterator[Sts]:
    """STS, where a user may have one role, and that role another."""
    with Sts(ec2) as made:
        made.roles = {READER: ("AKIAUSER", "a web identity"), WRITER: (key_of("reader"),)}
        yield made


SESSION: Any = boto3.session.Session()  # it reads EC2's description once


def client(service: str, url: str, key: str = "AKIAUSER", **more: Any) -> Any:
    """A client of botocore's that asks once."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=20)
    more = {"aws_secret_access_key": "x", "config": config, **more}
    return SESSION.client(service, region_name="us-east-1", endpoint_url=url, aws_access_key_id=key, **more)


def assumed(sts: Sts, role: str, **who: Any) -> dict[str, str]:
    """The credentials of a role, as arguments of `client`."""
    found = client("sts", sts.url, **who).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    secret, token = found["SecretAccessKey"], found["SessionToken"]
    return {"key": found["AccessKeyId"], "aws_secret_access_key": secret, "aws_session_token": token}


def test_a_chain_of_roles_ends_at_ec2(ec2: Ec2, sts: Sts) -> None:
    """Each link has a key of its own, which EC2 and STS know."""
    reader = assumed(sts, READER)
    writer = assumed(sts, WRITER, **reader)
    client("ec2", ec2.url, **writer).describe_addresses()
    assert [(call.action, call.key, call.role) for call in sts.calls] == [
        ("AssumeRole", "AKIAUSER", READER),
        ("AssumeRole", reader["key"], WRITER),
    ]
    assert [call.key for call in ec2.calls] == [writer["key"]]
    assert writer["key"].startswith(key_of(WRITER))
    who = client("sts", sts.url, **writer).get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/writer/test"


def test_who_may_not_have_a_role_gets_none(sts: Sts) -> None:
    """Nor does a web identity that nobody knows, nor a chain for more than an hour."""
    with pytest.raises(ClientError, match="AccessDenied"):
        assumed(sts, WRITER)
    asks = client("sts", sts.url)
    web = {"RoleArn": READER, "RoleSessionName": "test"}
    assert asks.assume_role_with_web_identity(**web, WebIdentityToken="a web identity")
    assert sts.calls[-1].key == ""
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        asks.assume_role_with_web_identity(**web, WebIdentityToken="another")
    long = client("sts", sts.url, **assumed(sts, READER))
    with pytest.raises(ClientError, match="ValidationError"):
        long.assume_role(RoleArn=WRITER, RoleSessionName="test", DurationSeconds=7200)


@pytest.mark.parametrize(
    ("code", "status"), [("ExpiredToken", 403), ("RegionDisabledException", 403), ("Throttling", 400)]
)
def test_sts_refuses_as_it_is_told(sts: Sts, code: str, status: int) -> None:
    """With the status of the API reference, until it is mended; its clock too."""
    sts.refuse(code, times=1)
    sts.ahead = 3600
    with pytest.raises(ClientError, match=code) as caught:
        assumed(sts, READER)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == sts.calls[-1].status == status
    ahead = requests.get(sts.url, timeout=5).headers["Date"]
    sts.mend()
    assert requests.get(sts.url, timeout=5).headers["Date"] < ahead
    assert assumed(sts, READER)


@pytest.mark.parametrize("session", [None, "work"])
def test_a_login_has_its_roles_until_it_ends(
    ec2: Ec2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: str | None
) -> None:
    """By an sso_session, and by the sso_start_url of old; another role is refused."""
    where = "sso_session = work\n" if session else f"sso_start_url = {START}\nsso_region = us-east-1\n"
    config = tmp_path / "config"
    config.write_text(
        f"[sso-session work]\nsso_start_url = {START}\nsso_region = us-east-1\n"
        + "".join(
            f"[profile {name}]\n{where}sso_account_id = 123456789012\nsso_role_name = {name}\n"
            for name in ("reader", "other")
        )
    )
    for module in ("credentials.SSOProvider", "tokens.SSOTokenProvider"):
        monkeypatch.setattr(f"botocore.{module}._SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws/sso/cache"))
    with Sso(ec2, ("reader",)) as sso:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", sso.url)

        def key(profile: str) -> str:
            found: Any = boto3.session.Session(profile_name=profile).get_credentials()
            return str(found.get_frozen_credentials().access_key)

        sso.login(tmp_path, session=session)
        assert key("reader").startswith(key_of("reader"))
        with pytest.raises(ClientError, match="Forbidden"):
            key("other")
        sso.end_logins()
        with pytest.raises(UnauthorizedSSOTokenError):
            key("reader")
        assert [call.status for call in sso.calls] == [200, 403, 401]
        if session is None:  # the portal is not asked
            sso.login(tmp_path, session=session, seconds=-60)
            with pytest.raises(UnauthorizedSSOTokenError):
                key("reader")
            assert len(sso.calls) == 3


def test_a_container_has_its_role_by_its_token(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not show it is refused."""
    with Container("pod", ec2, token="secret") as container:
        assert requests.get(container.url, timeout=5).status_code == 401
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
        found: Any = boto3.session.Session().get_credentials()
        client("ec2", ec2.url, found.access_key).describe_addresses()
        assert found.access_key.startswith(key_of("pod"))


def test_metadata_are_told_by_ipv6_too() -> None:
    """At an address in brackets."""
    with Imds(NodeIdentity("i-1", "us-east-1", "us-east-1a", "123456789012", (), "role"), host="::1") as metadata:
        assert metadata.url.startswith("http://[::1]:")
        asked = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        assert requests.put(f"{metadata.url}/latest/api/token", headers=asked, timeout=5).status_code == 200


@pytest.fixture
def internet(ec2: Ec2, tmp_path: Path) -> Iterator[Internet]:
    """EC2 by its real name."""
    with Internet(Authority(tmp_path / "ca.pem"), {HOST: ec2.url}) as made:
        yield made


def ask(proxy: Proxy, bundle: Path, login: str = "", url: str = f"https://{HOST}") -> None:
    """Ask EC2 through a proxy."""
    by = proxy.url.replace("//", f"//{login}@") if login else proxy.url
    config = Config(retries={"total_max_attempts": 1}, proxies={"https": by, "http": by}, connect_timeout=2)
    client("ec2", url, verify=str(bundle), config=config).describe_addresses()


def test_a_proxy_says_who_asked_for_what(ec2: Ec2, internet: Internet, tmp_path: Path) -> None:
    """By a tunnel whose certificate is the site's, and by a whole URL; a login that is wrong gets nowhere."""
    ec2.only_registered = False
    with Proxy(internet, login="me:it is") as proxy:
        ask(proxy, tmp_path / "ca.pem", "me:it%20is")
        ask(proxy, tmp_path / "ca.pem", "me:it%20is", ec2.url)
        port = int(ec2.url.rpartition(":")[2])
        assert proxy.calls == [Asked("CONNECT", HOST, 443, True), Asked("POST", "127.0.0.1", port, True)]
        assert [call.host for call in ec2.calls] == [HOST, f"127.0.0.1:{port}"]
        with pytest.raises(ProxyConnectionError) as caught:
            ask(proxy, tmp_path / "ca.pem", "me:wrong")
        assert "407" in str(caught.value.kwargs["error"])
        assert proxy.calls[-1] == Asked("CONNECT", HOST, 443, False)
        with pytest.raises(ProxyConnectionError):  # nothing leaves loopback
            ask(proxy, tmp_path / "ca.pem", "me:it%20is", "https://ec2.eu-west-3.amazonaws.com")
        assert len(ec2.calls) == 2


@pytest.mark.parametrize(
    ("mode", "what"),
    [("login", "407"), ("error502", "502"), ("page", "SSLError"), ("hang", "timed out")],
)
def test_a_proxy_that_does_not_let_through(internet: Internet, tmp_path: Path, mode: Mode, what: str) -> None:
    """Each mode in its own way; EC2 hears nothing."""
    with Proxy(internet) as proxy:
        proxy.mode = mode
        with pytest.raises(BotoCoreError) as caught:
            ask(proxy, tmp_path / "ca.pem")
        assert what in f"{caught.value!r} {caught.value.kwargs['error']}"
    assert Ec2.started[-1].calls == []


def test_a_proxy_that_ends_tls(ec2: Ec2, internet: Internet, tmp_path: Path) -> None:
    """Who trusts its authority reaches EC2; who does not sees that the certificate is another's."""
    ec2.only_registered = False
    with Proxy(internet, authority=Authority(tmp_path / "proxy.pem")) as proxy:
        proxy.mode = "ends TLS"
        ask(proxy, tmp_path / "proxy.pem")
        with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(proxy, tmp_path / "ca.pem")
    assert len(ec2.calls) == 1


def test_each_host_shows_a_certificate_of_its_own(internet: Internet, tmp_path: Path) -> None:
    """By the name that the client asks for; another name is not there."""
    trusts = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with socket.create_connection(internet.tls) as line, trusts.wrap_socket(line, server_hostname=HOST) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n")
        assert tls.recv(1000).startswith(b"HTTP/1.1 421 ")
    assert internet.place("other.example.com", 443) is None
    assert internet.place("192.0.2.1", 80) is None
