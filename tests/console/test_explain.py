"""`ec2kit explain` and docs/messages.md: a message's cause and action, for people and programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ec2kit.console import cli, explain
from ec2kit.console.callers import CALLERS
from ec2kit.console.findings import ALL as CATALOGUE
from ec2kit.lifekeeper import actions as lifekeeper
from ec2kit.pacemaker.agents import ACTIONS as AGENT_ACTIONS
from lab import PROJECT

NUMBERS = [entry.message.number for entry in CATALOGUE]
RANGE = f"Its numbers are from {NUMBERS[0]} to {NUMBERS[-1]}"
LINE = 'ERROR:ec2:restore:ec2-ip-vip:960003:END failed restore of "ec2-ip-vip" after 2.3 s: EC2 denied. Allow it.'


def run(*arguments: str, columns: str = "80") -> CompletedProcess[str]:
    """The command line on a host without settings, LifeKeeper, AWS or a terminal."""
    program = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from ec2kit.__main__ import main; main()"
    nowhere = {"PATH": "/nonexistent", "EC2KIT_DEFAULTS": "/nonexistent/defaults", "COLUMNS": columns}
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, "explain", *arguments],
        env=nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def told(done: CompletedProcess[str]) -> str:
    """What it said on standard error, without the imports that Python tells there."""
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))


@pytest.mark.parametrize(
    "words",
    [
        ["960003"],
        ["960003:"],
        [LINE],
        LINE.split(),
        [f"<179>Nov 23 12:00:00 node1 LifeKeeper[960001]: {LINE}"],
        [f"2026-11-23T12:00:00.960002+00:00 node1 LifeKeeper[123456]: {LINE}"],
        ["960003:END failed restore"],
        ["ERROR:ec2:create:960001:960003:END failed create"],
        ["ERROR:ec2:restore::960003:END failed"],
        ["ERROR:ec2:restore:a:b:960003:END failed"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_explain_finds_the_number(words: list[str]) -> None:
    """Alone, in a line of the log, behind syslog's head, in half a line, beside other numbers."""
    assert explain.number_in(" ".join(words)) == 960003


@pytest.mark.parametrize("word", ["SOURCE_DEST_CHECK_ON", "warn    SOURCE_DEST_CHECK_ON (961043)", "961043"])
def test_explain_what_doctor_has_found(word: str) -> None:
    """By its code, by its line, by its number."""
    done = run(word)
    assert (done.returncode, done.stdout.startswith("961043  ")) == (0, True), done.stderr


HEADING = '960003  ERROR   END failed <action> of "<tag>" after <seconds> s: <why>'


@pytest.mark.parametrize("columns", [80, 120])
def test_explain_for_a_person(columns: int) -> None:
    """Number, level, text with readable placeholders, cause, action, as wide as the page; no colours in a pipe."""
    done = run("960003", columns=str(columns))
    assert done.returncode == 0, done.stderr
    heading, *lines = done.stdout.splitlines()
    assert heading == HEADING
    entry = CATALOGUE[NUMBERS.index(960003)]
    assert " ".join(" ".join(lines).split()) == f"Cause {entry.cause} Action {entry.action}"
    assert columns - 20 < max(map(len, lines)) <= columns
    assert {line[:8].strip() for line in lines} == {"Cause", "Action", ""}


@pytest.mark.parametrize("width", [50, 80])
def test_a_command_to_copy_is_in_one_line(width: int) -> None:
    """However long it is; and nothing else makes a line longer than the page is wide."""
    long = []
    for text in [text for entry in CATALOGUE for text in (entry.cause, entry.action)]:
        lines = explain.wrapped(text, width).splitlines()
        assert [line for line in lines if line.count("`") % 2] == []
        assert " ".join(" ".join(lines).split()) == text
        long += [line for line in lines if len(line) > width]
    assert [line for line in long if not re.fullmatch(" {8}[(]?`[^`]*`[^ ]*", line)] == []
    assert long


@pytest.mark.parametrize(
    ("line", "who", "then"),
    [
        (LINE, "restore of LifeKeeper for ec2-ip-vip", "nor is what depends on it"),
        ("ERROR:ec2:quickCheck:a:b:960003:END failed", "quickCheck of LifeKeeper for a:b", "runs recover here next"),
        ("x[1]: WARN:ec2:monitor:vip-route:960004:END", "monitor of Pacemaker for vip-route", "changes nothing"),
        ("WARN:ec2:quickCheck:ec2-ip-vip:960004:END", "quickCheck of LifeKeeper for ec2-ip-vip", "exit code 0"),
        ("ERROR:ec2:stop:vip:960003:END", "stop of Pacemaker for vip", "fences this node"),
        ("WARN:ec2:hold:10.1.0.10:960022:could", "hold of the command line for 10.1.0.10", "by itself"),
        ("ERROR:ec2:restore::960007:usage", "restore of LifeKeeper", "into service"),
    ],
)
def test_a_line_is_told_whose_it_is_first_and_what_comes_next(line: str, who: str, then: str) -> None:
    """Then all that its number says; of a number alone nobody knows the action."""
    first, *lines = run(line).stdout.splitlines()
    (heading,) = [number for number, each in enumerate(lines) if re.match("96[0-9]{4}  ", each)]
    assert first == who
    assert then in " ".join(" ".join(lines[:heading]).split())
    assert lines[heading:] == run(re.findall("9600[0-9]{2}", line)[-1]).stdout.splitlines()


def test_each_action_that_the_log_can_name_is_told_of() -> None:
    """Of either engine and of the command line's verbs for any engine; each command in it is one that there is."""
    actions = {*lifekeeper._ACTIONS, "create", *(AGENT_ACTIONS.keys() - {"meta-data"}), *cli._VERBS}
    assert {*CALLERS} == actions
    for each in CALLERS.values():
        for command in re.findall("`ec2kit (.*?)`", " ".join([each.why, *each.then.values()])):
            cli.parser().parse_args(command.split())


def test_explain_for_programs() -> None:
    """One object for one message, a list of them for all."""
    one = json.loads(run("960021", "--output", "json").stdout)
    assert {key: one[key] for key in ("number", "level", "text")} == {
        "number": 960021,
        "level": "NOTIFY",
        "text": "<step>",
    }
    assert one["cause"]
    assert one["action"]
    every = json.loads(run("--output", "json").stdout)
    assert [each["number"] for each in every] == NUMBERS
    assert one in every


def test_explain_alone_lists_every_message() -> None:
    """One line each, however narrow the page: number, level, text."""
    lines = run(columns="20").stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == NUMBERS
    assert lines[0] == '960001  INFO    BEGIN <action> of "<tag>"'
    assert "960006  ERROR   internal error, please report it: <trace>" in lines


@pytest.mark.parametrize(
    ("word", "what", "then"),
    [
        ("960999", "this kit has no message 960999", "Did you mean 96"),
        ("960023", "this kit has no message 960023", "Did you mean 96"),  # retired
        ("42", "this kit has no message 42", ""),
        ("ERROR:ip:restore:ip-vip:123456:failed", "that has no message number of this kit", ""),
        ("", "that has no message number of this kit", ""),
        ("SOURCE_DEST_CHEK_ON", "that has no message number of this kit", "Did you mean SOURCE_DEST_CHECK_ON?"),
    ],
)
def test_explain_of_an_unknown_number(word: str, what: str, then: str) -> None:
    """Says so and names what was meant, or the range that exists; exit code 2, nothing on standard output."""
    done = run(word, "--output", "json")
    assert (done.returncode, done.stdout) == (2, "")
    assert told(done).startswith(f"ec2kit explain: {what}. {then or RANGE}")


def test_explain_imports_nothing_that_reaches_out() -> None:
    """No boto3 and no requests; rich only for a person."""
    for output, rich in (("json", False), ("text", True)):
        rows = [line for line in run("960001", "--output", output).stderr.splitlines() if "import time:" in line]
        imported = {row.rpartition("|")[2].strip().split(".")[0] for row in rows}
        assert "ec2kit" in imported
        assert not imported & {"boto3", "botocore", "requests", "urllib3"}
        assert ("rich" in imported) is rich


def test_explain_in_colour_on_a_terminal() -> None:
    """A person's terminal gets colours, and words that are not broken at its edge."""
    ours, theirs = os.openpty()
    program = [sys.executable, "-c", "from ec2kit.__main__ import main; main()", "explain", "960003"]
    bare = {"TERM": "xterm-256color", "COLUMNS": "60"}
    with subprocess.Popen(program, env=bare, cwd=PROJECT, stdout=theirs, stdin=subprocess.DEVNULL) as child:
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
    os.close(ours)
    assert child.returncode == 0
    assert b"\x1b[1;31mERROR" in said
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", said).decode()
    assert max(map(len, plain.splitlines())) <= 60
    assert CATALOGUE[NUMBERS.index(960003)].cause in " ".join(plain.split())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's word for the end of a terminal
        return b""


def test_the_page_is_current() -> None:
    """docs/messages.md is what `make docs` would write."""
    page = Path(PROJECT, "docs/messages.md").read_text()
    assert page == run("--output", "markdown").stdout, "docs/messages.md is stale: run make docs and commit it"
    assert all(f"\n## {entry.message.number} {entry.message.level.name}\n" in page for entry in CATALOGUE)
