"""How EC2 is reached: credentials, URL, Region, certificates, proxies, and how long a reply is waited for."""

from __future__ import annotations

import os
import select
import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.kinds.facts import ElasticIps, Interfaces
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from lab.ec2.server import Ec2 as LabEc2
from lab.ec2.tls import Authority
from lab.imds import Imds, NodeIdentity
from tests.support.edge import INSTANCE, ec2

pytestmark = pytest.mark.usefixtures("environment")


def test_the_root_certificates_are_read_once(tmp_path: Path) -> None:
    """Not anew for each connection: with the file gone, further ones are made, and trust nobody else."""
    authority = Authority(tmp_path / "ca.pem")
    with LabEc2(tls=authority) as lab:
        lab.delay_ms = 200  # so that each call has a connection of its own
        kit = ec2(lab.url, AWS_CA_BUNDLE=str(authority.bundle))
        kit.ask(ElasticIps())
        authority.bundle.unlink()
        answers = Deadline(20).together([partial(kit.ask, ElasticIps())] * 3)
        assert (answers, lab.connections) == ([(), (), ()], 3)
        with pytest.raises(Misconfigured, match=r"AWS_CA_BUNDLE.*No such file"):
            ec2(lab.url)
        del os.environ["AWS_CA_BUNDLE"]
        with pytest.raises(Unavailable, match=r"SSLError.*is not signed by an authority of "):
            ec2(lab.url).ask(ElasticIps())


@pytest.fixture
def no_keys(environment: None) -> None:  # noqa: ARG001  it comes first
    """No key and no profile anywhere."""
    del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    os.environ.update(AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_CONFIG_FILE="/nonexistent")


@pytest.mark.usefixtures("no_keys")
def test_no_credentials_is_unavailable_and_says_what_to_do(lab: LabEc2) -> None:
    """The instance has no role."""
    with Imds(NodeIdentity("i-1", "us-east-1", "us-east-1a", "123456789012", (), "role")) as metadata:
        metadata.refuse("missing", "GET /latest/meta-data/iam/security-credentials/")
        with pytest.raises(Unavailable, match="no credentials") as caught:
            ec2(lab.url, AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url).ask(Interfaces(INSTANCE))
    assert "Attach a role" in caught.value.cure


@pytest.mark.usefixtures("no_keys")
def test_a_role_that_the_metadata_does_not_tell_names_the_metadata(lab: LabEc2) -> None:
    """Nobody listens where the metadata should be: that is the cause, and no reason to attach a role."""
    with pytest.raises(
        Unavailable, match=r"no credentials for .*: the metadata service at .* does not answer"
    ) as caught:
        ec2(lab.url, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9").ask(Interfaces(INSTANCE))
    assert "This is not an EC2 instance" in caught.value.cure
    assert not caught.value.permanent


def test_credentials_that_cannot_be_had_just_now_are_unavailable(lab: LabEc2, tmp_path: Path) -> None:
    """A profile's credential_process fails: the state is unknown, and nothing is set up wrongly."""
    config = tmp_path / "config"
    config.write_text("[profile helper]\ncredential_process = /bin/false\n")
    settings = {"AWS_CONFIG_FILE": str(config)}
    reach: Any = {"region": "us-east-1", "url": lab.url}
    with pytest.raises(Unavailable, match="no credentials"):
        Ec2(settings, **reach, signer=Signer("helper"), action="test", retries=0, deadline=Deadline(5)).ask(
            Interfaces(INSTANCE)
        )


@pytest.mark.parametrize("url", ["http://192.0.2.1", "nonsense", "https://host:x"])
def test_a_url_that_cannot_be(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured):
        ec2(url)


def test_a_region_that_cannot_be() -> None:
    """A Region becomes part of a host name."""
    with pytest.raises(Misconfigured, match="cannot be set up"):
        Ec2({}, region="us east/1", action="test", retries=0, deadline=Deadline(5))


@pytest.mark.parametrize(("no_proxy", "asked"), [("", 1), ("ec2.example.invalid", 0), ("*", 0)])
def test_ec2_is_asked_through_the_proxy_that_is_named(no_proxy: str, asked: int) -> None:
    """By HTTPS_PROXY, and not where NO_PROXY names EC2's host."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        settings = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}", "NO_PROXY": no_proxy}
        with pytest.raises(Unavailable):
            ec2("https://ec2.example.invalid", retries=0, seconds=1, **settings).ask(ElasticIps())
        assert len(select.select([proxy], [], [], 0.5)[0]) == asked


@pytest.mark.parametrize(
    ("settings", "no_proxy"),
    [
        ({}, "169.254.169.254"),
        ({"NO_PROXY": "example.com"}, "example.com,169.254.169.254"),
        ({"NO_PROXY": "*"}, "*"),
        ({"NO_PROXY": "169.254.169.254,a"}, "169.254.169.254,a"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.9:80"}, "127.0.0.9"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "fd00:ec2::254,[fd00:ec2::254]"),
    ],
)
def test_the_metadata_service_is_kept_off_every_proxy(settings: dict[str, str], no_proxy: str) -> None:
    """For whoever asks it beside the kit, a profile's program for example; Python wants IPv6 in brackets."""
    given: Any = settings
    ec2("https://ec2.example.com", **given)
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == no_proxy
    assert os.environ["AWS_EC2_METADATA_V1_DISABLED"] == "true"


@pytest.mark.parametrize(
    ("switch", "url"), [("FIPS", "ec2-fips.us-east-1.amazonaws.com"), ("DUALSTACK", "ec2.us-east-1.api.aws")]
)
def test_fips_and_dual_stack_endpoints_come_from_botocore(switch: str, url: str) -> None:
    """The settings are boto3's own, so their effect is too."""
    kit = Ec2(
        {f"AWS_USE_{switch}_ENDPOINT": "true"}, region="us-east-1", action="test", retries=0, deadline=Deadline(5)
    )
    assert kit.url == f"https://{url}"


@pytest.mark.parametrize(("seconds", "retries", "most"), [(300, 3, 10), (20, 3, 5), (2, 3, 1)])
def test_no_single_wait_takes_the_time_of_the_other_tries(seconds: float, retries: int, most: float) -> None:
    """A reply that does not come leaves time to ask again; 10 s are the most, however large the budget is."""
    config = ec2("https://ec2.example.com", retries=retries, seconds=seconds)._client.meta.config
    told: Any = config  # the stubs do not know these two
    assert told.read_timeout == most
    assert told.connect_timeout <= min(most, 3)


def test_it_works_for_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual places of AWS's files are not known then, and it goes on without them."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert ec2("https://ec2.example.com").url == "https://ec2.example.com"
