"""The message catalogue: every message, why it is logged, what to do, and commands that there are."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import botocore.session
import pytest
from botocore import xform_name

from ec2kit.console import cli
from ec2kit.console.catalogue import Explanation
from ec2kit.console.findings import ALL as CATALOGUE
from ec2kit.core import messages
from ec2kit.core.doctor.checks import CHECKS
from ec2kit.core.messages import Message
from lab.lifekeeper.programs import PROGRAMS

DEFINED = {name: each for name, each in vars(messages).items() if isinstance(each, Message)} | {
    f"doctor's {each.code}": each.message for each in CHECKS
}
NUMBERS = [entry.message.number for entry in CATALOGUE]
EACH = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: str(entry.message.number))


def commands(entry: Explanation) -> list[str]:
    """The commands, options and file names that an entry's texts quote."""
    return re.findall(r"`([^`]*)`", f"{entry.cause} {entry.action}")


def test_each_message_is_in_the_catalogue_once() -> None:
    """As many entries as messages, in the order of their numbers."""
    assert {entry.message for entry in CATALOGUE} == set(DEFINED.values())
    assert len(CATALOGUE) == len(DEFINED) > 20
    assert all(one < next_ for one, next_ in pairwise(NUMBERS))


@EACH
def test_each_entry_says_something(entry: Explanation) -> None:
    """A whole sentence at least, plain Markdown, and every number that it mentions exists."""
    for text in (entry.cause, entry.action):
        assert re.fullmatch(r"[A-Za-z`].{3,}\.", text)
        assert text == " ".join(text.split())
        assert text.count("`") % 2 == 0
        assert "<" not in text
        assert set(map(int, re.findall(r"\b96[0-9]{4}\b", text))) <= set(NUMBERS)


def test_the_checks_of_commands_see_some() -> None:
    """The tests below would hold for a catalogue without a single command."""
    programs = {command.split()[0] for entry in CATALOGUE for command in commands(entry)}
    assert {"ec2kit", "aws", "ins_list"} <= programs


@EACH
def test_each_command_that_an_entry_names_exists(entry: Explanation) -> None:
    """ec2kit's by its own parser, AWS's by botocore's model, LifeKeeper's by its stand-in's programs."""
    for command in commands(entry):
        program, *words = shlex.split(command)
        if program == "ec2kit":
            cli_takes(words)
        elif program == "aws":
            aws_takes(*words)
        else:
            assert program in {*PROGRAMS, "ip", "ls", "journalctl", "crm", "pcs"} or program.startswith("--"), command


def cli_takes(words: list[str]) -> None:
    """Fail unless the command line takes these words."""
    if words == ["--version"]:
        return
    whole = {"extend": ["ec2-x", "--to", "node2"], "in-service": ["ec2-x"], "out-of-service": ["ec2-x"]}
    cli.parser().parse_args([*words, *whole.get(words[0], [])] if len(words) == 1 else words)


def aws_takes(service: str, operation: str, *options: str) -> None:
    """Fail unless the AWS service has the operation, and that the options."""
    model = botocore.session.get_session().get_service_model(service)
    (name,) = [each for each in model.operation_names if xform_name(each, "-") == operation]
    shape = model.operation_model(name).input_shape
    known = {f"--{xform_name(member, '-')}" for member in (shape.members if shape else {})}
    assert {option for option in options if option.startswith("--")} <= known
