"""The command line's own help: each verb and option has its text, and what it shows can be typed."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ec2kit import __version__
from ec2kit.console import cli, manual
from ec2kit.core.errors import ExitCode
from lab import PROJECT

_NOWHERE = {"PATH": "/nonexistent", "EC2KIT_DEFAULTS": "/nonexistent", "COLUMNS": "80"}


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a module, on a host without anything."""
    command = [sys.executable, "-m", "ec2kit", *words]
    return subprocess.run(command, cwd=PROJECT, env=_NOWHERE, capture_output=True, text=True, timeout=60, check=False)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, cli.Below):
            for each in action.choices.values():
                yield from parsers(each)


ALL = {each.prog: each for each in parsers(cli.parser())}


@pytest.mark.parametrize("prog", ALL)
def test_all_that_can_be_given_has_its_text_and_nothing_is_abbreviated(prog: str) -> None:
    """Each option and each word of each verb and kind."""
    actions = [each for each in ALL[prog]._actions if not isinstance(each, cli.Below)]
    assert [each for each in actions if not each.help or not re.search("[a-z]{3}", each.help)] == []
    assert not ALL[prog].allow_abbrev
    urls = {"--ec2-url", "--endpoint-url"}
    assert all(urls <= {*each.option_strings} for each in actions if urls & {*each.option_strings})


@pytest.mark.parametrize("prog", [each for each in ALL if " " in each])
def test_each_verb_shows_examples_that_it_takes_and_its_exit_codes(prog: str) -> None:
    """As they stand at the end of its help; of each kind, too."""
    text = " ".join(ALL[prog].format_help().partition("\nexample")[2:])
    shown = re.findall(r"^  ec2kit (.*)$", text, re.MULTILINE)
    assert shown
    for each in shown:
        assert f"ec2kit {each} ".startswith(f"{prog} ")
        cli.parser().parse_args(shlex.split(each))
    codes = re.findall(r"^  (\d)  \w", text.partition("exit codes:")[2], re.MULTILINE)
    assert {*map(str, manual.MEANINGS)} >= {*codes} >= {"0", "2"}


def test_the_list_has_each_verb_once_but_the_hidden_one() -> None:
    """In its group; the same text for all four ways to ask, the last of them an error."""
    listed = re.findall("^    ([a-z-]+) ", cli.parser().format_help(), re.MULTILINE)
    verbs = [prog.split()[1] for prog in ALL if prog.count(" ") == 1]
    assert sorted(listed) == sorted({*verbs} - {*manual.HIDDEN})
    assert {*manual.EXAMPLES} == {*verbs}
    shown = [typed(*words) for words in (("help",), ("--help",), ())]
    assert [(each.returncode, each.stdout or each.stderr) for each in shown] == [
        (code, cli.parser().format_help()) for code in (0, 0, 2)
    ]


def test_help_and_version_as_verbs() -> None:
    """They say what the options say; help tells of a verb, of its kind, and of the exit codes."""
    assert typed("version").stdout == typed("--version").stdout == f"ec2kit {__version__}\n"
    for words in (["hold"], ["hold", "eip"], ["choices"]):
        assert (
            typed("help", *words).stdout
            == typed(*words, "--help").stdout
            == ALL[" ".join(["ec2kit", *words])].format_help()
        )
    told = re.findall(r"^  (\d)  (\w+) ", typed("help", "exit-codes").stdout, re.MULTILINE)
    assert told == [(str(int(each)), each.name) for each in ExitCode]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hodl route 10.1.0.10", "'hodl' is not a valid VERB. Did you mean hold?"),
        ("xyzzy", "'xyzzy' is not a valid VERB. ec2kit help lists them"),
        ("help statsu", "'statsu' is not a valid VERB. Did you mean status?"),
        ("check rote 10.1.0.10", "'rote' is not a valid KIND. Did you mean route?"),
        ("check 10.1.0.10", "'10.1.0.10' is not a valid KIND. Choose from route, eip, private"),
        ("plan eip 203.0.113.10 --regoin=x", "not known here: --regoin=x. Did you mean --region?"),
        ("status --out json", "not known here: --out. Did you mean --output?"),
        ("status a b", "not known here: b."),
        (
            "create --type elastic-ip --elastic 1.2.3.4",
            "not known here: --elastic 1.2.3.4. Did you mean --elastic-ip?",
        ),
        ("create --type elastic", "argument --type: 'elastic' is not a valid value. Did you mean elastic-ip?"),
        (
            "extend a --to b --target-priority 0",
            "argument --target-priority: '0' is not a valid value. Choose from 1-999",
        ),
        (
            "doctor rout 10.1.0.10",
            "name a resource by its TAG, or route or eip or private and its address. Did you mean route?",
        ),
        (
            "doctor --mute source_dest_check --for 1h",
            "argument --mute: 'source_dest_check' is not the code of a check. Did you mean SOURCE_DEST_CHECK_ON?",
        ),
    ],
)
def test_what_a_mistyped_word_may_have_been(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A verb, a kind, an option, a value: the last line says what is near, else what there is. No abbreviations."""
    with pytest.raises(SystemExit) as left:
        cli._parsed(cli._options, shlex.split(words))
    assert left.value.code == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines()[-1].partition(": error: ")[2] == told


def test_a_run_that_does_something_loads_none_of_it() -> None:
    """Start-up is failover time: what only help and errors need is loaded by them."""
    program = "import sys; from ec2kit.console import cli; cli.parser().parse_args(sys.argv[1:]); print(*sys.modules)"
    words = [sys.executable, "-c", program, "check", "route", "10.1.0.10"]
    done = subprocess.run(words, cwd=PROJECT, env=_NOWHERE, capture_output=True, text=True, timeout=60, check=True)
    assert "ec2kit.console.cli" in done.stdout.split()
    assert not {"difflib", "ec2kit.console.manual", "ec2kit.console.catalogue"} & {*done.stdout.split()}
