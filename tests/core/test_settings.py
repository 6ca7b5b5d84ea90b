"""The settings file and the environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured
from ec2kit.core.settings import Settings, refuse_plain_http, settings, strangers

SHIPPED = Path(__file__).parents[2] / "etc/default/LifeKeeper"
GUIDE = {  # administration guide 9.2.1, "Adjusting Recovery Kit for EC2 Tunable Values"
    "EC2_RESTORE_TIMEOUT": 300,
    "EC2_REMOVE_TIMEOUT": 300,
    "EC2_RECOVER_TIMEOUT": 300,
    "EC2_QUICKCHECK_TIMEOUT": 100,
    "EC2_MAX_RETRY": 3,
    "IP_NOLINKCHECK": 0,
    "IP_WAIT_LINKDOWN": 5,
    "IP_MAX_LINKCHK": 5,
}


@pytest.mark.parametrize(("name", "default"), GUIDE.items())
def test_each_tunable_of_the_guide(name: str, default: int) -> None:
    """Its default is the guide's, and the file changes it."""
    assert getattr(settings("", {})[0], name.lower()) == default
    found, warnings = settings(f"{name}=1\n", {})
    assert (getattr(found, name.lower()), warnings) == (1, ())


@pytest.mark.parametrize(("name", "default"), GUIDE.items())
def test_the_shipped_file_documents_each_tunable_at_its_default(name: str, default: int) -> None:
    """Commented out, so that a merge into an existing file changes nothing."""
    assert re.search(rf"^#{name}={default}$", SHIPPED.read_text(), re.MULTILINE)
    assert settings(SHIPPED.read_text(), {}) == (Settings(), ())


@pytest.mark.parametrize(
    "line",
    [
        "EC2_MAX_RETRY=three",
        "EC2_MAX_RETRY=-1",
        "EC2_MAX_RETRY=1e3",
        "EC2_MAX_RETRY=٣",
        "EC2_MAX_RETRY=$(touch /tmp/owned)",
        "EC2_MAX_RETRY=`touch /tmp/owned`",
        "EC2_MAX_RETRY=9; touch /tmp/owned",
        "EC2_MAX_RETRY='9",
        "EC2_MAX_RETRY=9999999999999999999999",
    ],
)
def test_a_bad_value_is_a_warning_and_the_default(line: str) -> None:
    """A typo never stops a failover, and nothing of the file is executed."""
    found, warnings = settings(f"\n{line}", {})
    assert found.ec2_max_retry == Settings.ec2_max_retry
    assert len(warnings) == 1
    assert warnings[0].startswith("line 2: EC2_MAX_RETRY is not a ")


@pytest.mark.parametrize("value", ["$(id)", "`id`", "a;b", "a|b", "a&b", "$HOME", "a\x07b", "a b"])
def test_what_a_shell_would_make_something_of_is_ignored(value: str) -> None:
    """Also where any text would do as a value."""
    found, warnings = settings(f"AWS_PROFILE={value}\nAWS_REGION=eu-west-1", {})
    assert found.aws == {"AWS_REGION": "eu-west-1"}
    what = "AWS_PROFILE is not a plain value (this file is never executed); the line is ignored"
    assert warnings == (f"line 1: {what}",)


def test_a_zero_timeout_is_a_bad_value() -> None:
    """No time at all would fail every action."""
    assert settings("EC2_RESTORE_TIMEOUT=0", {})[0].ec2_restore_timeout == Settings.ec2_restore_timeout


def test_quotes_export_and_comments_are_read_as_a_shell_would() -> None:
    """What stands in a real LifeKeeper file is understood; the last line wins."""
    text = "#EC2_MAX_RETRY=7\nexport EC2_MAX_RETRY='5' # five\n"
    text += 'EC2_MAX_RETRY="6"\n AWS_REGION=eu-west-1\nif true; then\n'
    found, warnings = settings(text, {})
    assert (found.ec2_max_retry, found.aws["AWS_REGION"], warnings) == (6, "eu-west-1", ())


def test_a_password_with_a_mark_of_comments_or_of_the_shell() -> None:
    """A `#` inside a word begins no comment, and quotes keep all the rest."""
    found, warnings = settings("HTTPS_PROXY=http://u:p#q@h:1\nAWS_PROFILE='a&b;$c' # x", {})
    assert (found.aws, warnings) == ({"HTTPS_PROXY": "http://u:p#q@h:1", "AWS_PROFILE": "a&b;$c"}, ())


def test_the_environment_wins_for_names_of_aws_and_of_the_kit() -> None:
    """Tunables are the file's alone."""
    environ = {"AWS_PROFILE": "env", "EC2KIT_SYSTEM": "env", "EC2_MAX_RETRY": "9"}
    found, _ = settings("AWS_PROFILE=file\nAWS_REGION=file\nEC2KIT_SYSTEM=file", environ)
    assert found.aws == {"AWS_PROFILE": "env", "AWS_REGION": "file"}
    assert (found.ec2kit_system, found.ec2_max_retry) == ("env", 3)


@given(st.text() | st.text("EC2_MAXRTY=$()`'\"\\#;\n ").map(lambda tail: f"EC2_MAX_RETRY={tail}"))
def test_any_text_gives_settings(text: str) -> None:
    """No text stops the kit, and every number stays in its range."""
    found, _ = settings(text, {})
    assert 0 <= found.ec2_max_retry <= 100


@pytest.mark.parametrize(
    "url", ["https://ec2.us-east-1.amazonaws.com", "http://127.0.0.1:5000", "http://localhost:1", "http://[::1]:80/"]
)
def test_https_and_loopback_are_taken(url: str) -> None:
    """Loopback is where a lab lives."""
    refuse_plain_http(url)


@pytest.mark.parametrize(
    "url",
    ["http://ec2.us-east-1.amazonaws.com", "http://10.0.0.5/", "ftp://127.0.0.1", "https://", "https://[", "x", ""],
)
def test_signed_requests_in_the_clear_are_refused(url: str) -> None:
    """http:// off loopback, and what is no URL."""
    with pytest.raises(Misconfigured, match="not https"):
        refuse_plain_http(url)


@pytest.mark.parametrize(
    ("environ", "text", "found"),
    [
        ({"HTTPS_PROXY": "http://upper"}, "", "http://upper"),
        ({"https_proxy": "http://lower", "HTTPS_PROXY": "http://upper"}, "", "http://lower"),
        ({}, "https_proxy=http://lower\nHTTPS_PROXY=http://upper", "http://lower"),
        ({}, "HTTPS_PROXY=http://upper", "http://upper"),
        ({"HTTPS_PROXY": "http://upper"}, "https_proxy=http://lower", "http://upper"),
    ],
)
def test_a_proxy_in_small_letters_wins(environ: dict[str, str], text: str, found: str) -> None:
    """As for curl and Python; the environment before the file. An empty https_proxy switches it off, as there."""
    for name in ("HTTPS_PROXY", "NO_PROXY"):
        small = {
            key.replace("https_proxy", name.lower()).replace("HTTPS_PROXY", name): environ[key] for key in environ
        }
        lines = text.replace("https_proxy", name.lower()).replace("HTTPS_PROXY", name)
        assert settings(lines, small)[0].aws == {name: found}
    for upper in ("", "https_proxy=http://lower\nHTTPS_PROXY=http://upper"):
        assert settings(upper, {"https_proxy": "", "HTTPS_PROXY": "http://upper"})[0].aws == {}
    assert settings("https_proxy=\nHTTPS_PROXY=http://upper", {})[0].aws == {}, "as with each line as a variable"
    assert settings("https_proxy=", {"HTTPS_PROXY": "http://upper"})[0].aws == {"HTTPS_PROXY": "http://upper"}
    assert settings("NO_PROXY=a", {"no_proxy": ""})[0].aws == {"NO_PROXY": "a"}
    assert not strangers({"https_proxy": "", "NO_PROXY": ""})
    assert strangers({"http_proxy": "", "ALL_PROXY": ""}) == ["http_proxy", "ALL_PROXY"]


@pytest.mark.parametrize(
    "name", ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"]
)
def test_a_word_that_aws_does_not_know_is_told(name: str) -> None:
    """AWS's library takes any word but true for false: a typo would be a silent change of the endpoint."""
    found, warnings = settings(f"{name}=maybe", {})
    assert (found.aws, len(warnings)) == ({}, 1)
    assert name in warnings[0]
    for word in ("IPV6",) if "MODE" in name else ("TRUE", "false"):
        assert settings("", {name: word}) == (settings("", {name: word})[0], ())
