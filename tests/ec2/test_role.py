"""Whose credentials a run signs with: the role's, what comes before it, and what may be told instead."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ec2kit.core.errors import ExitCode
from lab.protected import Protected


def check(routes: Protected, **environment: str) -> tuple[int, set[str], str]:
    """Run check on node1: its exit code, the access keys that EC2 saw, and what it said."""
    node = routes.lab.node1
    routes.lab.ec2.forget()
    node.imds.calls.clear()
    done = node.run(str(node.root / "bin/ec2kit"), "check", *routes.words, environment=environment)
    return done.returncode, {call.key for call in routes.lab.ec2.calls}, done.stderr


def asked_for_the_role(routes: Protected) -> bool:
    """Whether the metadata service was asked for the role."""
    return any("security-credentials" in path for _, path, _ in routes.lab.node1.imds.calls)


@pytest.mark.parametrize("seconds", [60, 300, 899])
def test_credentials_that_are_about_to_expire_are_tried(routes: Protected, seconds: int) -> None:
    """EC2 takes them until their end, so the run does not wait for newer ones."""
    routes.lab.node1.imds.credential_seconds = seconds
    code, keys, _ = check(routes)
    assert code == ExitCode.OK
    assert len(keys) == 1
    assert keys.pop().startswith("ASIANODE1")


def test_credentials_that_have_expired_are_judged_by_ec2(routes: Protected) -> None:
    """By this node's clock, which may be wrong: botocore alone would end with an error of its own."""
    routes.lab.node1.imds.credential_seconds = -60
    code, keys, said = check(routes)
    assert code == ExitCode.UNAVAILABLE, said
    assert len(keys) == 1
    assert "RequestExpired" in said


def test_the_role_is_not_asked_where_it_is_switched_off(routes: Protected) -> None:
    """AWS_EC2_METADATA_DISABLED is true, as for every AWS tool: without another key the state is unknown."""
    code, keys, said = check(routes, AWS_EC2_METADATA_DISABLED="True")
    assert code == ExitCode.UNAVAILABLE
    assert not keys
    assert not asked_for_the_role(routes)
    assert "no credentials" in said


def test_keys_of_the_environment_win(routes: Protected) -> None:
    """The role is not even asked."""
    routes.lab.ec2.credentials["AKIAOFTHEENV"] = float("inf")
    code, keys, said = check(routes, AWS_ACCESS_KEY_ID="AKIAOFTHEENV", AWS_SECRET_ACCESS_KEY="x")
    assert (code, keys) == (ExitCode.OK, {"AKIAOFTHEENV"}), said
    assert not asked_for_the_role(routes)


def test_a_profile_wins(routes: Protected) -> None:
    """The role is not even asked."""
    routes.lab.ec2.credentials["AKIAOFAPROFILE"] = float("inf")
    given = routes.lab.node1.root / "shared-credentials"
    given.write_text("[mine]\naws_access_key_id = AKIAOFAPROFILE\naws_secret_access_key = x\n")
    code, keys, said = check(routes, AWS_PROFILE="mine", AWS_SHARED_CREDENTIALS_FILE=str(given))
    assert (code, keys) == (ExitCode.OK, {"AKIAOFAPROFILE"}), said
    assert not asked_for_the_role(routes)


@pytest.mark.parametrize(
    "document",
    [
        json.dumps({"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"}),
        json.dumps({"Code": "Success", "AccessKeyId": "ASIAX", "Expiration": "2099-01-01T00:00:00Z"}),
        json.dumps(
            {"AccessKeyId": "ASIAX", "SecretAccessKey": "x", "Token": "x", "Expiration": "tomorrow"},
        ),
        "null",
        "[]",
        "<html>not JSON</html>",
        "",
    ],
)
def test_what_is_no_credential_is_unknown(routes: Protected, document: str) -> None:
    """An error message, half a credential or garbage in its place: nothing is sent, and nothing is proven lost."""
    routes.lab.node1.imds.credential_document = document
    code, keys, said = check(routes)
    assert (code, keys) == (ExitCode.UNAVAILABLE, set()), said
    assert asked_for_the_role(routes)
    assert "no credentials" in said


@pytest.mark.parametrize("chain", [False, True])
def test_a_helper_that_hangs_ends_with_the_run(routes: Protected, chain: bool) -> None:
    """Nothing of a run goes on behind it: also a profile's program, alone or at the beginning of a chain."""
    node = routes.lab.node1
    helper, config = node.root / "helper", node.root / "aws-config"
    helper.write_text(f"#!/bin/sh\necho $$ > {node.root}/pid\nexec sleep 60\n")
    helper.chmod(0o755)
    link = "[profile first]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = mine\n" if chain else ""
    config.write_text(f"{link}[profile mine]\ncredential_process = {helper}\n")
    words = [*routes.words, "--timeout", "2"]
    environment = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "first" if chain else "mine"}
    done = node.run(str(node.root / "bin/ec2kit"), "check", *words, environment=environment)
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert f"the credentials of profile {'first' if chain else 'mine'}" in done.stderr
    process = Path("/proc", (node.root / "pid").read_text().strip())
    end = time.monotonic() + 5
    while process.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
