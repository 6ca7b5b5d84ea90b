"""Whose credentials sign; and where they cannot, which service, profile or file it is, and what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.facts import ElasticIps
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from lab.aws.keys import key_of
from lab.aws.sso import START
from lab.aws.sts import Sts
from lab.ec2.front import Reply, Web
from lab.ec2.server import Ec2 as LabEc2
from lab.imds import Imds, NodeIdentity, NodeInterface

ROLE = "arn:aws:iam::123456789012:role/mover"
KEY = "aws_access_key_id = AKIAUSER\naws_secret_access_key = planted-secret\n"


class Account:
    """AWS's files of a user, and the services; `Ec2` of the kit is made by `ec2`."""

    def __init__(self, folder: Path, lab: LabEc2, sts: Sts, imds: Imds) -> None:
        self.config, self.keys = folder / "config", folder / "credentials"
        self.lab, self.sts, self.imds = lab, sts, imds
        self.folder = folder

    def ec2(self, config: str = "", profile: str | None = None, keys: str = "", **environment: str) -> Ec2:
        """The kit's access to EC2, with these files and variables."""
        self.config.write_text(config)
        self.keys.write_text(keys)
        os.environ.update(environment)
        settings = {
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.keys),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds.url,
        }
        signer = Signer(profile)
        deadline = Deadline(10)
        made = Ec2(
            settings, region="us-east-1", signer=signer, url=self.lab.url, action="test", retries=0, deadline=deadline
        )
        made.ask(ElasticIps())
        return made

    def fails(self, config: str = "", profile: str | None = None, keys: str = "", **environment: str) -> KitError:
        """How that fails; nothing in it is secret."""
        with pytest.raises(KitError) as caught:
            self.ec2(config, profile, keys, **environment)
        assert "planted" not in caught.value.why
        return caught.value

    def profile(self, *lines: str) -> str:
        """A configuration with [profile mine], whose STS is the lab's."""
        services = f"services = lab\n[services lab]\nsts =\n  endpoint_url = {self.sts.url}\n"
        return "\n".join(["[profile mine]", *lines, services, "[profile user]", KEY])


@pytest.fixture
def account(tmp_path: Path, lab: LabEc2, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An environment of its own without keys; the instance has a role."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith("AWS_")})
    for name in ("REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    eth0 = NodeInterface("eth0", "0e:01", "eni-1", "vpc-1", "subnet-1", "10.0.1.11", ("10.0.0.0/16",), 0)
    identity = NodeIdentity("i-1", "us-east-1", "us-east-1a", "123456789012", (eth0,), "node-role")
    with Sts(lab) as sts, Imds(identity, lab) as imds:
        sts.roles = {ROLE: ("AKIAUSER", "ASIANODE", "a web identity")}
        lab.credentials["AKIAUSER"] = float("inf")
        lab.only_registered = True
        yield Account(tmp_path, lab, sts, imds)


def test_it_says_with_what_it_signs(account: Account) -> None:
    """The role or the profile, and where that is; the key never."""
    assume = account.profile(f"role_arn = {ROLE}", "source_profile = user")
    helper = account.folder / "helper"
    helper.write_text('#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": "AKIAUSER", "SecretAccessKey": "planted"}\'\n')
    helper.chmod(0o755)
    for given, whose in [
        ({}, "the instance's role node-role"),
        ({"keys": f"[default]\n{KEY}"}, f"profile default of {account.keys}"),
        ({"profile": "mine", "keys": f"[mine]\n{KEY}"}, f"profile mine of {account.keys}"),
        ({"profile": "user", "config": assume}, f"profile user of {account.config}"),
        ({"profile": "mine", "config": assume}, "the role mover of profile mine"),
        ({"profile": "mine", "config": account.profile(f"credential_process = {helper}")}, "profile mine of "),
    ]:
        signature = account.ec2(**given).way.signature
        assert signature.whose.startswith(whose)
        assert signature.role is (given == {})
        assert "AKIA" not in signature.whose
    environment = {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "planted"}
    assert "AWS_ACCESS_KEY_ID" in account.ec2(**environment).way.signature.whose


def test_a_refusal_says_with_what_it_was_signed(account: Account) -> None:
    """The wrong one of two is the usual cause."""
    account.lab.refuse("error500", times=1)
    assert "(InternalError; signed with the instance's role node-role)" in str(account.fails())
    account.lab.refuse("denied")
    assert "in the IAM policy behind the instance's role node-role" in account.fails().cure
    assert "in the IAM policy behind profile mine of " in account.fails("", "mine", f"[mine]\n{KEY}").cure


def test_a_source_that_is_the_instance_is_asked_by_our_own_metadata(account: Account) -> None:
    """credential_source: botocore's fetcher would fall back to IMDSv1 where the token is refused, and use a proxy."""
    config = account.profile(f"role_arn = {ROLE}", "credential_source = Ec2InstanceMetadata")
    account.ec2(config, "mine", HTTP_PROXY="http://127.0.0.1:9")
    assert account.lab.calls[-1].key.startswith(key_of(ROLE))
    assert account.sts.calls[-1].key.startswith("ASIANODE")
    account.imds.refuse("missing", "PUT /latest/api/token")
    account.imds.calls.clear()
    assert "gives no token" in account.fails(config, "mine").why
    assert [method for method, _, _ in account.imds.calls] == ["PUT"]


@pytest.mark.parametrize("line", ["credential_process = /nonexistent/helper", "credential_process = {folder}/config"])
def test_a_helper_that_cannot_be_run(account: Account, line: str) -> None:
    """Missing, or not executable: 5, with the profile and the file; it may come back, so it is tried again."""
    error = account.fails(account.profile(line.format(folder=account.folder)), "mine")
    assert (error.code, error.permanent) == (ExitCode.MISCONFIGURED, False)
    assert line.format(folder=account.folder).split()[-1] in str(error)
    assert "profile mine" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        "echo planted >&2; exit 3",
        "echo planted",
        "echo '[]'",
        "echo '{\"Version\": 1}'",
        "printf '[%.0s' $(seq 99999)",
        """echo '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "b", "Expiration": "2020-01-01T00:00:00Z"}'""",
    ],
)
def test_a_helper_that_says_nonsense(account: Account, said: str) -> None:
    """9, with the profile; what it has said is not repeated."""
    helper = account.folder / "helper"
    helper.write_text(f"#!/bin/sh\n{said}\n")
    helper.chmod(0o755)
    error = account.fails(account.profile(f"credential_process = {helper}"), "mine")
    assert error.code == ExitCode.UNAVAILABLE
    assert "profile mine" in error.why


def test_a_helper_whose_key_is_not_text(account: Account) -> None:
    """Numbers in the place of the key."""
    helper = account.folder / "helper"
    helper.write_text('#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": 5, "SecretAccessKey": 7}\'\n')
    helper.chmod(0o755)
    assert account.fails(account.profile(f"credential_process = {helper}"), "mine").code == ExitCode.MISCONFIGURED


def test_a_token_file_that_is_missing(account: Account) -> None:
    """By the profile and by variables."""
    config = account.profile(f"role_arn = {ROLE}", "web_identity_token_file = /nonexistent/token")
    error = account.fails(config, "mine")
    assert error.code == ExitCode.MISCONFIGURED
    assert "/nonexistent/token, from which profile mine" in str(error)
    binary = account.folder / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    config = account.profile(f"role_arn = {ROLE}", f"web_identity_token_file = {binary}")
    assert str(binary) in str(account.fails(config, "mine"))
    error = account.fails(AWS_WEB_IDENTITY_TOKEN_FILE="/nonexistent/other", AWS_ROLE_ARN=ROLE)
    assert "/nonexistent/other, from which profile default" in str(error)


def test_nobody_is_asked_for_the_code_of_an_mfa_device(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """botocore would read it from the terminal."""
    error = account.fails(
        account.profile(f"role_arn = {ROLE}", "source_profile = user", "mfa_serial = arn:m"), "mine"
    )
    assert error.code == ExitCode.MISCONFIGURED
    assert "mfa_serial" in str(error)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "words", "cure"),
    [
        (
            "AccessDenied",
            "STS denied AssumeRole on the role mover",
            "in the policy of profile user, and profile user in",
        ),
        ("ExpiredToken", "STS refused the credentials for AssumeRole", "must be put there again"),
        ("RegionDisabledException", "STS refused AssumeRole", "Activate STS"),
        ("SignatureDoesNotMatch", "STS refused the signature of AssumeRole", "the secret of profile user"),
        ("Throttling", "STS throttled AssumeRole", "passes by itself"),
        ("InvalidAction", "STS does not know such a call", "is the endpoint of STS in this Region"),
    ],
)
def test_what_sts_refuses_is_told_as_stss(account: Account, code: str, words: str, cure: str) -> None:
    """Not as EC2's, whose cure would be a wrong one; with the link of the chain that was refused."""
    account.sts.refuse(code)
    error = account.fails(account.profile(f"role_arn = {ROLE}", "source_profile = user"), "mine")
    assert (error.code, error.permanent) == (ExitCode.UNAVAILABLE, False)
    assert words in str(error)
    assert "profile user" in error.why or "profile mine" in error.why or account.sts.url in error.why
    assert cure in error.cure
    assert "ec2:" not in error.why
    assert not account.lab.calls


def test_what_sts_refuses_names_the_role_that_is_refused(account: Account) -> None:
    """In a chain it can be any link; the instance's role and a web identity are named as such."""
    inner = ROLE.replace("mover", "inner")
    chain = account.profile(f"role_arn = {ROLE}", "source_profile = inner")
    chain += f"[profile inner]\nrole_arn = {inner}\ncredential_source = Ec2InstanceMetadata\n"
    error = account.fails(chain, "mine")
    assert "STS denied AssumeRole on the role inner" in str(error)
    assert "in the policy of the instance's role node-role" in error.cure
    account.sts.roles[inner] = ("ASIANODE",)
    error = account.fails(chain, "mine")
    assert "STS denied AssumeRole on the role mover" in str(error)
    assert "in the policy of profile inner" in error.cure
    token = account.folder / "token"
    token.write_text("a web identity")
    account.sts.roles[ROLE] = ()
    account.sts.roles[inner] = ("a web identity",)
    error = account.fails(account.profile(f"role_arn = {ROLE}", f"web_identity_token_file = {token}"), "mine")
    assert "STS denied AssumeRoleWithWebIdentity on the role mover" in str(error)
    assert "sts:" not in error.cure


def test_a_page_in_the_place_of_sts(account: Account) -> None:
    """It is told with its HTTP status, and who is to be looked for."""
    account.sts.close()
    web = Web(lambda exchange: exchange.send(Reply(502, b"<html>Bad Gateway</html>", "text/html")))
    web.listen()
    try:
        config = f"[profile mine]\nrole_arn = {ROLE}\nsource_profile = user\n[profile user]\n{KEY}"
        error = account.fails(config, "mine", AWS_ENDPOINT_URL_STS=web.url)
    finally:
        web.stop()
    assert f"{web.url} answered AssumeRole on the role mover with HTTP 502" in str(error)
    assert f"Check who answers at {web.url}" in error.cure


def test_a_clock_that_is_wrong_for_sts(account: Account) -> None:
    """By the Date of its answer, as EC2's."""
    account.sts.ahead = 3600
    account.sts.refuse("SignatureDoesNotMatch")
    error = account.fails(account.profile(f"role_arn = {ROLE}", "source_profile = user"), "mine")
    assert "60 minutes behind AWS's" in error.cure


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("duration_seconds = 10", "duration_seconds"),
        ("role_session_name = x", "role_session_name"),
        ("external_id = x", "external_id"),
    ],
)
def test_what_sts_cannot_take_is_named(account: Account, line: str, named: str) -> None:
    """By its name in the profile; what it is, is not shown."""
    error = account.fails(account.profile(f"role_arn = {ROLE}", "source_profile = user", line), "mine")
    assert error.code == ExitCode.MISCONFIGURED
    assert str(error).startswith(f"{named} of profile mine")


def test_sts_has_our_time_outs_tries_and_name(account: Account) -> None:
    """botocore's own would be 60 s a try, five times; CloudTrail shows who it was."""
    config = account.profile(f"role_arn = {ROLE}", "source_profile = user")
    account.ec2(config, "mine")
    assert "ec2kit-action/test" in account.sts.calls[-1].agent
    account.sts.refuse("hang")
    began = time.monotonic()
    error = account.fails(config, "mine", AWS_MAX_ATTEMPTS="9")
    assert time.monotonic() - began < 11.5
    assert account.sts.url in str(error)
    assert "the credentials of profile mine" in str(error)
    assert len(account.sts.calls) == 2


def test_sts_is_not_asked_in_the_clear(account: Account) -> None:
    """By http:// only on loopback, as EC2: its answer has a secret key."""
    config = f"[profile mine]\nrole_arn = {ROLE}\nsource_profile = user\n[profile user]\n{KEY}"
    error = account.fails(config, "mine", AWS_ENDPOINT_URL_STS="http://192.0.2.1")
    assert error.code == ExitCode.MISCONFIGURED
    assert "the STS URL http://192.0.2.1 is not https" in str(error)


def test_sts_that_cannot_be_reached(account: Account) -> None:
    """It is named, with its URL; the variable that names it is in order."""
    account.sts.close()
    environment = {"AWS_ENDPOINT_URL_STS": account.sts.url}
    config = f"[profile mine]\nrole_arn = {ROLE}\nsource_profile = user\n[profile user]\n{KEY}"
    error = account.fails(config, "mine", **environment)
    assert error.code == ExitCode.UNAVAILABLE
    assert f"no usable answer from {account.sts.url} to the call for the credentials of profile mine" in str(error)
    assert "Connection refused" in str(error)


def test_sso_without_a_login(account: Account) -> None:
    """Not a problem of the network: somebody must log in, as the user that the kit runs as."""
    config = account.profile(
        f"sso_start_url = {START}", "sso_region = us-east-1", "sso_account_id = 123456789012", "sso_role_name = mover"
    )
    error = account.fails(config, "mine", HOME=str(account.folder))
    assert error.code == ExitCode.UNAVAILABLE
    assert "profile mine has no login that is valid now" in str(error)
    assert "aws sso login --profile mine" in error.cure


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"AWS_STS_REGIONAL_ENDPOINTS": "maybe", "profile": "mine"}, "AWS_STS_REGIONAL_ENDPOINTS"),
        ({"AWS_PROFILE": "nobody"}, "profile nobody"),
        ({"profile": "nobody"}, "profile nobody"),
        ({"AWS_REQUEST_CHECKSUM_CALCULATION": "maybe"}, "AWS_REQUEST_CHECKSUM_CALCULATION"),
        ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "maybe"}, "AWS_ACCOUNT_ID_ENDPOINT_MODE"),
        ({"AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "few"}, "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES"),
        ({"config": "\ufeff[default]\nregion = us-east-1\n"}, "byte-order mark"),
        ({"config": "[default]\n[default]\n"}, "[default] twice (line 2)"),
        ({"config": "[default]\na = 1\na = 2\n"}, "[default] has a twice (line 3)"),
        ({"config": "planted = 1\n[default]\n"}, "line 1 is not below"),
        ({"config": "[default]\nplanted\n"}, "line 2 is not of the form"),
        ({"keys": "[default]\n[default]\n"}, "[default] twice (line 2)"),
        ({"keys": "[default]\naws_access_key_id = AKIAUSER\n"}, "aws_secret_access_key"),
        (
            {"AWS_ACCESS_KEY_ID": "AKIAUSER"},
            "the key in the environment (AWS_ACCESS_KEY_ID) has no AWS_SECRET_ACCESS_KEY",
        ),
        ({"profile": "mine", "config": "[profile mine]\nrole_arn = x\n"}, "source_profile or credential_source"),
        ({"profile": "mine", "config": f"[profile mine]\nrole_arn = {ROLE}\nsource_profile = b\n"}, '"b"'),
        ({"profile": "mine", "config": f"[profile mine]\nrole_arn = {ROLE}\ncredential_source = Moon\n"}, "Moon"),
        ({"profile": "mine", "config": "[profile mine]\nrole_arn = x\nsource_profile = mine\n" + KEY}, "role_arn of"),
    ],
)
def test_what_is_odd_is_named(account: Account, given: dict[str, str], named: str) -> None:
    """The variable, the profile, the file and its line, never what the line says; 5, with no call sent."""
    if named == "AWS_STS_REGIONAL_ENDPOINTS":
        given = {**given, "config": account.profile(f"role_arn = {ROLE}", "source_profile = user")}
    error = account.fails(**given)
    assert error.code == ExitCode.MISCONFIGURED, error.why
    assert named in str(error)
    assert not account.lab.calls


def test_an_endpoint_that_is_not_known(account: Account) -> None:
    """The Region is in order; the two switches are named."""
    settings = {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_EC2_METADATA_SERVICE_ENDPOINT": account.imds.url}
    with pytest.raises(Misconfigured) as caught:
        Ec2(settings, region="us-isof-south-1", action="test", retries=0, deadline=Deadline(5))
    assert "AWS_USE_DUALSTACK_ENDPOINT" in caught.value.cure


def test_what_is_odd_and_has_no_effect_stops_nothing(account: Account) -> None:
    """What the kit sets itself, whatever the variables say."""
    odd = {"AWS_MAX_ATTEMPTS": "many", "AWS_RETRY_MODE": "often", "AWS_DEFAULTS_MODE": "best"}
    more = {"AWS_METADATA_SERVICE_TIMEOUT": "long", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv9"}
    assert account.ec2(**odd, **more).way.signature.role


def test_empty_means_not_given(account: Account) -> None:
    """As for a shell's ${NAME:-default}: also of a variable that AWS's library would take for an empty name."""
    empty = dict.fromkeys(
        ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"), ""
    )
    more = dict.fromkeys(
        ("AWS_ACCESS_KEY_ID", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_DEFAULTS_MODE", "AWS_ROLE_ARN"), ""
    )
    assert account.ec2(**empty, **more).way.signature.role


@pytest.mark.parametrize(
    "document",
    ['{"AccessKeyId": 5, "SecretAccessKey": 7, "Token": 9, "Expiration": "2099-01-01T00:00:00Z"}', "[" * 30000],
)
def test_a_role_whose_key_is_not_text(account: Account, document: str) -> None:
    """The metadata's fault, which may pass."""
    account.imds.credential_document = document
    error = account.fails()
    assert error.code == ExitCode.UNAVAILABLE
    assert "role node-role (unknown form)" in str(error)


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ACCESS_KEY_ID": "AKIAUSER\n", "AWS_SECRET_ACCESS_KEY": "planted"},
        {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "planted\nsecret"},
        {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "planted", "AWS_SESSION_TOKEN": "planted token"},
    ],
)
def test_a_key_with_a_line_break(account: Account, environment: dict[str, str]) -> None:
    """It is not a problem of the network, which would be a wrong cure."""
    error = account.fails(**environment)
    assert error.code == ExitCode.MISCONFIGURED
    assert "character that it cannot have" in str(error)
    assert "line breaks" in error.cure
    assert not account.lab.calls


def test_a_file_that_is_not_read_is_told(account: Account) -> None:
    """AWS's library passes over it."""
    settings = {"AWS_SHARED_CREDENTIALS_FILE": str(account.folder), "AWS_CONFIG_FILE": "/nonexistent/config"}
    with pytest.raises(Misconfigured) as caught:
        Ec2(settings, region="us-east-1", signer=Signer("mine"), action="test", retries=0, deadline=Deadline(5))
    assert f"/nonexistent/config (not there) or {account.folder} (not a file)" in str(caught.value)


def test_variables_that_have_expired(account: Account) -> None:
    """As `aws configure export-credentials` leaves them in a shell."""
    key = {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "planted"}
    error = account.fails(**key, AWS_CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z")
    assert error.code == ExitCode.UNAVAILABLE
    assert "has expired already" in str(error)


def test_a_role_without_usable_credentials_is_named(account: Account) -> None:
    """The instance has one: to attach one would be a wrong cure."""
    account.imds.credential_document = '{"Code": "AssumeRoleUnauthorizedAccess"}'
    error = account.fails()
    assert isinstance(error, Unavailable)
    assert "role node-role (AssumeRoleUnauthorizedAccess)" in str(error)
    assert "trust policy" in error.cure


def test_a_role_that_is_switched_off_by_a_variable(account: Account) -> None:
    """That variable is the cause."""
    assert "AWS_EC2_METADATA_DISABLED is true" in str(account.fails(AWS_EC2_METADATA_DISABLED="true"))


def test_sso_of_the_profile_at_the_beginning_of_a_chain(account: Account) -> None:
    """It is that one which must log in."""
    config = account.profile(f"role_arn = {ROLE}", "source_profile = person")
    config += f"[profile person]\nsso_start_url = {START}\nsso_region = us-east-1\n"
    config += "sso_account_id = 123456789012\nsso_role_name = mover\n"
    error = account.fails(config, "mine", HOME=str(account.folder))
    assert "aws sso login --profile person" in error.cure


@pytest.mark.parametrize("answer", [Reply(500), Reply(200, b"<html>"), Reply(403), Reply(200, b'{"AccessKeyId": 5}')])
def test_a_container_that_gives_none(account: Account, answer: Reply) -> None:
    """The variable that names it is told, and no profile."""
    web = Web(lambda exchange: exchange.send(answer))
    web.listen()
    try:
        error = account.fails(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{web.url}/get")
    finally:
        web.stop()
    assert error.code == ExitCode.UNAVAILABLE
    assert "AWS_CONTAINER_" in str(error)
    assert "profile" not in error.why


def test_a_login_that_needs_more_of_awss_library(account: Account) -> None:
    """It can never work with the kit, and it is not a problem of the network."""
    error = account.fails(account.profile("login_session = arn:aws:iam::123456789012:user/me"), "mine")
    assert error.code == ExitCode.MISCONFIGURED
    assert "awscrt" in str(error)


def test_a_bundle_that_is_missing_is_known_before_any_call(account: Account) -> None:
    """Also one that only the profile names."""
    error = account.fails(AWS_CA_BUNDLE="/nonexistent/ca.pem")
    assert isinstance(error, Misconfigured)
    assert "/nonexistent/ca.pem (AWS_CA_BUNDLE" in str(error)
    assert not account.lab.calls
    del os.environ["AWS_CA_BUNDLE"]
    assert "/none.pem" in str(account.fails("[default]\nca_bundle = /none.pem\n"))
