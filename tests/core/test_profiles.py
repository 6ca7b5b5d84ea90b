"""Access keys in a credentials file: what is not ours stays, and what every AWS tool reads is what was meant."""

from __future__ import annotations

import configparser
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core import profiles
from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AccessKey

KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TAGS = st.from_regex(r"[A-Za-z0-9_./=][A-Za-z0-9_./=-]{0,20}", fullmatch=True)
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
OTHERS = st.lists(
    st.sampled_from(["# a remark", "", "[other]", "[a b]", "region = eu-west-1", "role_arn=x", "  x = 1"])
)


def read(text: str) -> dict[str, dict[str, str]]:
    """The file as botocore reads it."""
    parser = configparser.RawConfigParser(default_section="\0none", strict=False)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


@given(TAGS, SECRETS, OTHERS)
def test_a_key_that_is_put_is_read_by_every_tool(tag: str, secret: str, before: list[str]) -> None:
    """By the parser that botocore uses; once, however often it is put; and what was there stays."""
    text = "\n".join(["[first]", *before])
    profile = profiles.own(tag)
    key = AccessKey(KEY.id, secret)
    once = profiles.put(text, profile, key)
    assert profiles.put(once, profile, key) == once
    found = read(once)
    assert found.pop(profile) == {"aws_access_key_id": KEY.id, "aws_secret_access_key": secret}
    assert found == read(text)
    assert profiles.drop(once, profile).rstrip("\n") == text.rstrip("\n")
    assert profile in profiles.names(once)


_THEIRS = """\
# a remark

[other]
  [deep]
\t[tab]
k = v
  k = v
    more
[ec2kit-t]
  [ec2kit-t]
; [ec2kit-t]
aws_access_key_id = B
  aws_secret_access_key =
      OLD
aws_session_token = T"""
THEIRS = st.lists(st.sampled_from(_THEIRS.splitlines()), max_size=12)


@given(THEIRS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_others_have_in_the_file_stays_whatever_its_form(lines: list[str], end: str) -> None:
    """As configparser reads it: put and drop change one profile; the others and each remark stay as they are."""
    text = end.join(["[first]", *lines])
    try:
        before = strictly(text)
    except configparser.Error:  # botocore reads nothing of it
        return
    own = before.pop("ec2kit-t", {})
    put = strictly(profiles.put(text, "ec2kit-t", KEY))
    kept = {name: value for name, value in own.items() if not name.startswith("aws_")}
    assert put.pop("ec2kit-t") == {"aws_access_key_id": KEY.id, "aws_secret_access_key": KEY.secret, **kept}
    dropped = profiles.drop(text, "ec2kit-t")
    left = strictly(dropped)
    assert left.pop("ec2kit-t", {}) == {}
    assert put == left == before
    assert dropped.count("# a remark") == text.count("# a remark")


def strictly(text: str) -> dict[str, dict[str, str]]:
    """The file as botocore reads it, which refuses a profile that is there twice."""
    parser = configparser.RawConfigParser()
    parser.read_file(io.StringIO(text, newline=None))
    return {name: {key: value.strip() for key, value in parser[name].items()} for name in parser.sections()}


@pytest.mark.parametrize(
    ("identifier", "secret"),
    [
        ("akiaiosfodnn7example", KEY.secret),
        ("AKIAQ", KEY.secret),
        (KEY.id + "\n[x]", KEY.secret),
        (KEY.id, ""),
        (KEY.id, "two words"),
        (KEY.id, "a\naws_session_token=x"),
    ],
)
def test_what_is_no_access_key_is_refused_unrepeated(identifier: str, secret: str) -> None:
    """A line break would write more than a key; and an error must not show what was typed."""
    with pytest.raises(Misconfigured) as caught:
        profiles.access_key(identifier, secret)
    for typed in (identifier, secret):
        assert not typed or typed not in caught.value.why
    assert KEY.secret not in repr(KEY)
