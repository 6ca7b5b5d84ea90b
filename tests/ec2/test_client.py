"""The EC2 edge: request shapes by botocore's own model, errors by their codes, settings by boto3's names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.core.model import AllocationId, AssociationId, Destination, EniId, NetworkInterface, TableId, VpcId
from ec2kit.core.steps import (
    AssociateAddress,
    CreateRoute,
    DisableSourceDestCheck,
    DisassociateAddress,
    Ec2Step,
    ReplaceRoute,
    operation,
)
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.refusals import refusal
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from lab import wire
from lab.ec2.server import Ec2 as LabEc2
from lab.ec2.tls import Authority
from lab.imds import Imds, NodeIdentity

TABLE, VIP, ENI = TableId("rtb-1"), Destination("10.1.0.10/32"), EniId("eni-1")
STEPS: list[Ec2Step] = [
    ReplaceRoute(TABLE, VIP, ENI),
    CreateRoute(TABLE, VIP, ENI),
    DisableSourceDestCheck(ENI),
    AssociateAddress("203.0.113.10", AllocationId("eipalloc-1"), ENI, "10.0.1.11"),
    DisassociateAddress("203.0.113.10", AssociationId("eipassoc-1"), ENI),
]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ec2 writes its settings into the environment; each test gets its own, with somebody's keys."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    for name in ("NO_PROXY", "no_proxy"):  # what an Ec2 of another test, without this fixture, has left
        os.environ.pop(name, None)


@pytest.fixture
def lab() -> Iterator[LabEc2]:
    """The lab's EC2."""
    with LabEc2() as ec2:
        yield ec2


def ec2(url: str | None, *, retries: int = 1, seconds: float = 20, **settings: str) -> Ec2:
    """The kit's access to it."""
    return Ec2(settings, region="us-east-1", url=url, action="test", retries=retries, deadline=Deadline(seconds))


def test_the_root_certificates_are_read_once(tmp_path: Path) -> None:
    """Not anew for each connection: with the file gone, further ones are made, and trust nobody else."""
    authority = Authority(tmp_path / "ca.pem")
    with LabEc2(tls=authority) as lab:
        lab.delay_ms = 200  # so that each call has a connection of its own
        kit = ec2(lab.url, AWS_CA_BUNDLE=str(authority.bundle))
        kit.addresses_owned()
        authority.bundle.unlink()
        answers = Deadline(20).together([kit.addresses_owned] * 3)
        assert (answers, lab.connections) == ([[], [], []], 3)
        with pytest.raises(Unavailable, match="SSLError"):
            ec2(lab.url).addresses_owned()


@pytest.mark.parametrize("step", STEPS, ids=operation)
def test_request_shapes_are_ec2s(step: Ec2Step) -> None:
    """Operation and parameters exist, and have the types, that botocore's model of EC2 says; none is unknown."""
    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model(operation(step)).input_shape
    assert shape is not None
    assert ParamValidator().validate(step.parameters(), shape).has_errors() is False
    assert set(step.parameters()) <= set(shape.members)


@pytest.mark.parametrize(
    ("code", "words", "permanent"),
    [
        ("RequestLimitExceeded", "throttled", False),
        ("UnauthorizedOperation", "Allow ec2:ReplaceRoute", True),
        ("RequestExpired", "clock", True),
        ("AuthFailure", "credentials", True),
        ("InternalError", "InternalError", False),
    ],
)
def test_each_kind_of_refusal_has_its_words(code: str, words: str, *, permanent: bool) -> None:
    """By the code alone: EC2's message can hold an encoded authorization message."""
    error = refusal("ReplaceRoute", "rtb-1", code)
    assert words in error.why
    assert error.permanent is permanent


@pytest.mark.parametrize(
    "kind", ["throttled", "denied", "error500", "reset", "garbage", "hollow", "truncated", "hang"]
)
def test_every_failure_becomes_unavailable(lab: LabEc2, kind: Any) -> None:
    """Never an empty answer, and never botocore's own exception."""
    lab.refuse(kind)
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0, seconds=2).route_tables(VpcId("vpc-1"))
    assert "DescribeRouteTables on vpc-1" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_ec2s_own_message_is_not_repeated(lab: LabEc2) -> None:
    """It can hold an encoded authorization message, account and request details; the code is enough."""
    lab.refuse("denied")
    with pytest.raises(Unavailable) as caught:
        ec2(lab.url, retries=0).route_tables(VpcId("vpc-1"))
    assert "You are not authorized" in str(caught.value.__cause__), "the lab's message, as EC2's"
    assert "You are not authorized" not in caught.value.why
    assert "UnauthorizedOperation" in caught.value.why


def test_retries_are_those_of_the_setting(lab: LabEc2) -> None:
    """EC2_MAX_RETRY=2 is three attempts; botocore's own `max_attempts` would make it three retries."""
    lab.refuse("error500")
    with pytest.raises(Unavailable):
        ec2(lab.url, retries=2).interfaces(ENI)
    assert len(lab.calls) == 3


@pytest.fixture
def no_keys() -> None:
    """No key and no profile anywhere."""
    del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    os.environ.update(AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_CONFIG_FILE="/nonexistent")


@pytest.mark.usefixtures("no_keys")
def test_no_credentials_is_unavailable_and_says_what_to_do(lab: LabEc2) -> None:
    """The instance has no role."""
    with Imds(NodeIdentity("i-1", "us-east-1", "us-east-1a", "123456789012", (), "role")) as metadata:
        metadata.refuse("missing", "GET /latest/meta-data/iam/security-credentials/")
        with pytest.raises(Unavailable, match="no credentials") as caught:
            ec2(lab.url, AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url).interfaces(ENI)
    assert "Attach a role" in caught.value.cure


@pytest.mark.usefixtures("no_keys")
def test_a_role_that_the_metadata_does_not_tell_names_the_metadata(lab: LabEc2) -> None:
    """Nobody listens where the metadata should be: that is the cause, and no reason to attach a role."""
    with pytest.raises(
        Unavailable, match=r"no credentials for .*: the metadata service at .* does not answer"
    ) as caught:
        ec2(lab.url, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9").interfaces(ENI)
    assert "Check that this instance can reach it" in caught.value.cure
    assert not caught.value.permanent


def test_credentials_that_cannot_be_had_just_now_are_unavailable(lab: LabEc2, tmp_path: Path) -> None:
    """A profile's credential_process fails: the state is unknown, and nothing is set up wrongly."""
    config = tmp_path / "config"
    config.write_text("[profile helper]\ncredential_process = /bin/false\n")
    settings = {"AWS_CONFIG_FILE": str(config)}
    reach: Any = {"region": "us-east-1", "url": lab.url}
    with pytest.raises(Unavailable, match="no credentials"):
        Ec2(settings, **reach, signer=Signer("helper"), action="test", retries=0, deadline=Deadline(5)).interfaces(
            ENI
        )


@pytest.mark.parametrize("url", ["http://192.0.2.1", "nonsense"])
def test_a_url_that_cannot_be(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured):
        ec2(url)


def test_a_region_that_cannot_be() -> None:
    """A Region becomes part of a host name."""
    with pytest.raises(Misconfigured, match="cannot be set up"):
        Ec2({}, region="us east/1", action="test", retries=0, deadline=Deadline(5))


def test_the_metadata_service_is_kept_off_every_proxy() -> None:
    """botocore asks it for the role's credentials, and obeys the environment."""
    os.environ.update(NO_PROXY="example.com")
    ec2("https://ec2.example.com", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.9:80")
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.9"
    assert os.environ["no_proxy"] == "127.0.0.9"


def test_fips_and_regional_endpoints_come_from_botocore() -> None:
    """The settings are boto3's own, so their effect is too."""
    assert ec2(None, AWS_USE_FIPS_ENDPOINT="true").url == "https://ec2-fips.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("association", "elastic_ip"),
    [
        ("<publicIp>203.0.113.20</publicIp><allocationId>eipalloc-2</allocationId>", "203.0.113.20"),
        ("<publicIp>198.51.100.7</publicIp><ipOwnerId>amazon</ipOwnerId>", None),  # comes and goes with the instance
        ("", None),
    ],
)
def test_the_elastic_ip_on_an_eni_is_told_from_a_public_ip_of_amazons(
    association: str, elastic_ip: str | None
) -> None:
    """NetworkInterfaceAssociation in botocore's model: only an Elastic IP has an allocation id."""
    told = (
        "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>"
        "<privateIpAddress>10.0.1.11</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"
        f"{association and f'<association>{association}</association>'}"
        "</item></networkInterfaceSet></DescribeNetworkInterfacesResponse>"
    )
    asked = ec2("https://ec2.example.com")
    answer: Any = lambda **_: wire.response(200, told)  # noqa: E731  the stubs do not know that this hook answers
    asked._client.meta.events.register("before-send.ec2", answer)
    assert asked.interfaces(ENI) == [NetworkInterface(ENI, "10.0.1.11", True, elastic_ip)]


@pytest.mark.parametrize(("seconds", "retries", "most"), [(300, 3, 10), (20, 3, 5), (2, 3, 1)])
def test_no_single_wait_takes_the_time_of_the_other_tries(seconds: float, retries: int, most: float) -> None:
    """A reply that does not come leaves time to ask again; 10 s are the most, however large the budget is."""
    config = ec2("https://ec2.example.com", retries=retries, seconds=seconds)._client.meta.config
    told: Any = config  # the stubs do not know these two
    assert told.read_timeout == most
    assert told.connect_timeout <= min(most, 3)
