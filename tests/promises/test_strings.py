"""Strings from outside are data: in files, lines of the log, exit reasons, on terminals, for other programs."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ec2kit.console import tables
from ec2kit.core import messages, profiles
from ec2kit.core.errors import Misconfigured, Problem, Unavailable
from ec2kit.core.model import AccessKey
from ec2kit.ec2.refusals import Call, refusal
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import info
from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, KEY_ID, made, with_key
from tests.support.programs import good, hurry

EVIL = "\x1b]0;owned\x07\x1b[2J[/x][red]\r\nERROR:ec2:restore:x:960003:END\u2028\u202e\x9b31m"
ANY = st.text(st.characters(), max_size=60) | st.just(EVIL)


def clean(text: str) -> bool:
    """Whether each line of it is for people alone."""
    return all(line.isprintable() for line in text.split("\n"))


@given(ANY, ANY)
def test_any_text_in_an_error_a_problem_and_a_line_of_the_log(what: str, cure: str) -> None:
    """One line each: none can be taken for another line, and no terminal acts on it."""
    error = Unavailable(what, cure)
    assert error.why.isprintable()
    assert str(Problem(what, cure)).isprintable()
    for message, facts in (
        (messages.FAILED, {"why": what}),
        (messages.LOCATED, {"node": what, "vpc": cure, "region": what}),
    ):
        with redirect_stderr(io.StringIO()) as shown:
            Journal("restore", cure).say(message, **facts)
        assert shown.getvalue().count("\n") == 1
        assert clean(shown.getvalue())


@given(ANY, ANY)
def test_any_text_in_a_table(first: str, second: str) -> None:
    """No markup is looked for, and what stands there is shown."""
    out = Console(file=io.StringIO(), width=10_000, force_terminal=False)
    tables.draw(out, ("a", "b"), [(first, second), ("[/x] https://[fd00::1]", ":boom:")])
    tables.line(out, first)
    file = out.file
    assert isinstance(file, io.StringIO)
    assert clean(file.getvalue())
    assert "[/x] https://[fd00::1]" in file.getvalue()
    assert ":boom:" in file.getvalue()


@given(ANY)
def test_any_error_code_of_ec2s(code: str) -> None:
    """A code that is not in the form of one is not repeated."""
    why = refusal(Call("ReplaceRoute", "rtb-1"), code).why
    assert why.isprintable()
    assert len(why) < 500


@given(ANY)
def test_a_name_that_would_write_more_than_a_name_is_refused(name: str) -> None:
    """A line break, or a bracket, would begin another profile."""
    key = AccessKey(KEY_ID, "secret")
    try:
        text = profiles.put("[default]\nregion = x\n", name, key)
    except Misconfigured:
        assert not name.isprintable() or "]" in name
    else:
        assert len(text.splitlines()) == 5


VALUES = ["[/x]", "https://[fd00::1]", EVIL, "$(touch mark)"]


@pytest.fixture
def odd(figure2: Lab) -> Lab:
    """Figure 2 with the Elastic IP's resource."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    return figure2


def encoded(value: str) -> str:
    """As a value of the info field."""
    return "".join(f"={byte:02X}" for byte in value.encode())


@pytest.mark.parametrize("value", VALUES)
def test_what_an_info_field_says_is_shown_as_it_is(odd: Lab, value: str) -> None:
    """status, properties, info and the actions end as with any other value, and nothing of it acts."""
    node = odd.node1
    hurry(node, act=3, look=3)
    text = made(node, EIP)[5]
    for word in ("profile", "url") if value.isprintable() else ("profile", "url", "interface"):
        shown = text.replace("interface=eth1", "") if word == "interface" else text
        good(node.lk("ins_setinfo", "-t", EIP, "-v", f"{shown} {word}={encoded(value)}"))
        assert node.lk("ins_list", "-t", EIP).stdout
        for words in (("status", EIP), ("properties", EIP), ("status", "--output", "json")):
            done = node.ec2kit(*words)
            assert clean(done.stdout + done.stderr), (words, done.stdout)
            assert done.returncode in {0, 5, 9}, (words, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
        properties = node.ec2kit("properties", EIP).stdout
        if value.isprintable() and word != "interface":
            assert value in properties
        for action in ("restore", "quickCheck", "remove"):
            done = node.action(action, "-t", EIP, "-i", "x")
            assert clean(done.stdout + done.stderr)
            assert done.returncode != 3, done.stderr
    assert not list(node.root.rglob("mark"))


@pytest.mark.parametrize("value", [EVIL, "\x1b[31m", "a\nb"])
def test_arguments_are_shown_as_one_line(odd: Lab, value: str) -> None:
    """Of the command line, of an action, and of an agent."""
    node = odd.node1
    for done in (
        node.ec2kit("check", "eip", value),
        node.ec2kit("check", "eip", "203.0.113.10", value),
        node.ec2kit("check", "eip", "203.0.113.10", "--profile", value, "--interface", value),
        node.ec2kit("unextend", value, "--from", value),
        node.ec2kit("status", value),
        node.ec2kit("explain", value),
        node.action("restore", "-t", value, "-i", value),
        node.action("canextend", "node2", value, value),
        node.ocf("eip", "start", OCF_RESKEY_elastic_ip=value),
        node.ocf("eip", "start", OCF_RESKEY_elastic_ip="203.0.113.10", OCF_RESKEY_interface=value[:5]),
        node.ocf("eip", "monitor", OCF_RESKEY_elastic_ip="203.0.113.10", OCF_RESOURCE_INSTANCE=value),
    ):
        assert clean(done.stdout + done.stderr), done.args
        assert done.returncode != 3, done.stderr


@pytest.mark.executed
def test_a_key_is_not_given_to_a_name_that_writes_more(odd: Lab) -> None:
    """The credentials file stays as it is."""
    refused = with_key(odd.node1, "key", "x]\n[default")
    assert refused.returncode == 5
    assert not odd.node1.credentials.exists()


def test_what_info_cannot_hold_is_refused_when_it_is_given() -> None:
    """It would be read as another field."""
    assert (
        info.decode(info.encode(info.decode("ec2kit=1 kind=eip eip=203.0.113.10 profile=a=20b"))).reach.profile
        == "a b"
    )
