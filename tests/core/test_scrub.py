"""What is secret in a text that leaves the node: all of it goes, and nothing else."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core import scrub
from ec2kit.core.scrub import OUT, Scrubber

SECRET = "planted/Secret+7 with ü & <more>"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f"),
        SECRET.replace("/", "%2F"),
        json.dumps(json.dumps({"a/b": SECRET})).replace("/", "\\/"),
        SECRET.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    ],
)
def test_a_known_secret_is_found_however_it_is_written(text: str) -> None:
    """As it is, in a URL wholly or in part, in JSON inside of JSON, in XML."""
    cleaned = Scrubber({SECRET, "x"}).clean(f"x {text} box")
    assert "lanted" not in cleaned
    assert cleaned == f"{OUT} {OUT} box" or text.startswith('"')


@pytest.mark.parametrize(
    "text",
    [
        "aws_secret_access_key = planted",
        'export AWS_SESSION_TOKEN="planted with blanks"',
        "--password=planted,more",
        "X-Amz-Signature=planted&X-Amz-Security-Token=planted",
        "Authorization: AWS4-HMAC-SHA256 Credential=planted, Signature=planted",
        "https://user:planted/x@proxy:3128/ and http://planted@host",
        "key AKIAPLANTED0000001 or ASIAPLANTED0000001",
        "IQoJb3JpZ2luX2VjE" + "planted/" * 20,
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYplantedKEY" + " alone",
        "-----BEGIN RSA PRIVATE KEY-----\nplanted\nplanted\n-----END RSA PRIVATE KEY-----",
        json.dumps({"client_secret": "planted", "n": [{"Token": "planted"}], "said": 'password: "planted"'}),
        json.dumps({"a": 1, "secret": "planted"}) + "\n" + json.dumps({"what": "token=planted"}),
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    """Also one that this node does not know; JSON stays JSON."""
    cleaned = Scrubber(()).clean(text)
    assert "planted" not in cleaned.lower()
    if text.startswith("{"):
        assert all(map(json.loads, cleaned.splitlines()))


@pytest.mark.parametrize(
    "text",
    [
        "CREDENTIALS_UNFIT: calls are signed with the role ec2kit (metadata)",
        "AWS_SHARED_CREDENTIALS_FILE=/root/.aws/credentials",
        "ReplaceRoute on rtb-0123456789abcdef0: 10.1.0.10/32 to eni-0123456789abcdef0 of i-0123456789abcdef0",
        "https://ec2.us-east-1.amazonaws.com answers",
        "2026-11-27T15:00:00 node1 LifeKeeper[1]: INFO:ec2:restore:ec2-ip-vip:960001:BEGIN",
    ],
)
def test_what_helps_stays(text: str) -> None:
    """Names of files, ids and messages are no secrets."""
    assert Scrubber({"planted"}).clean(text) == text


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_no_text_is_lost_where_there_is_no_secret(text: str, other: str) -> None:
    """Whatever a secret is, it is an expression that can be used; and it is found in its own text."""
    cleaned = Scrubber({f"planted!{text}"}).clean(f"{other}\nplanted!{text}")
    assert "planted!" not in cleaned


def test_what_is_shown_of_files() -> None:
    """Of AWS's files names of profiles and keys, of a settings file the lines that are about the kit."""
    text = "[default]\naws_secret_access_key =\n  planted\n  planted2\nregion = us-east-1\nplanted-alone\n"
    text += "s3 =\n  a = planted\n"
    assert scrub.of_profiles(text) == {"planted", "planted2"}
    shown = scrub.shown_profiles(text)
    assert "planted" not in shown
    assert "[default]\naws_secret_access_key = (secret)\n" in shown
    assert "region = us-east-1\n" in shown
    settings = "EC2_MAX_RETRY=3\nLK_PASSWORD='planted'\nSMTP_USER=planted\nexport LKROOT=/opt/LifeKeeper # planted\n"
    assert dict(scrub.lines(settings))["LK_PASSWORD"] == "planted"
    assert "SMTP" not in scrub.shown_settings(settings)
    assert "EC2_MAX_RETRY=3\n" in scrub.shown_settings(settings)
    proxies = [("https_proxy", "http://u%40:pl%2Fanted@h:1"), ("AWS_SESSION_TOKEN", "planted"), ("PATH", "x")]
    assert scrub.of_settings(proxies) == {"pl%2Fanted", "pl/anted", "u%40:pl%2Fanted", "planted"}


def test_a_text_is_cut_at_a_line() -> None:
    """A part of a line could be a part of a secret, which is not found."""
    assert scrub.whole_lines("secret\nline\n", 8) == "line\n"
    assert scrub.whole_lines("secret-without-end", 8) == ""
