"""What the pages tell is what there is: settings, exit codes, keys, parameters, operations, commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ec2kit.console import cli, manual
from ec2kit.core.errors import ExitCode
from ec2kit.core.settings import AWS_NAMES, Settings
from ec2kit.ec2.shapes import OPERATIONS
from ec2kit.lifekeeper import info
from ec2kit.pacemaker import agents
from lab import PROJECT

PAGES = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table of a section, without its head: the cells of each."""
    _, _, section = (PROJECT / page).read_text().partition(f"\n## {heading}\n")
    rows = re.findall(r"^\|(.*)\|$", section.partition("\n## ")[0], re.MULTILINE)[2:]
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_the_settings_are_those_that_are_read_at_their_defaults() -> None:
    """Each setting has one row, in the order of the code, with the default that the code has."""
    told = [(name, default) for name, default, _ in table("docs/reference.md", "Settings")]
    read = [
        (each.name.upper(), "`uname -n`" if each.default is None else str(each.default))
        for each in fields(Settings)
        if each.name not in {"aws", "ec2_max_retry_given"}
    ]
    assert told == read


def test_the_environment_names_what_is_read_for_aws() -> None:
    """Each of the names of AWS has its place in one row."""
    told = [name for names, _ in table("docs/reference.md", "Environment") for name in names.split(", ")]
    assert sorted(told) == sorted(AWS_NAMES)


def test_the_shipped_settings_file_has_nothing_that_the_page_does_not_tell() -> None:
    """Every line that can be made a setting is one that the kit reads; a tunable's value is the page's default."""
    defaults = {name: default for name, default, _ in table("docs/reference.md", "Settings")}
    shipped = re.findall(r"^#?([A-Z0-9_]+)=(.*)$", (PROJECT / "etc/default/LifeKeeper").read_text(), re.MULTILINE)
    assert {name for name, _ in shipped} <= {*defaults, *AWS_NAMES}
    tunables = {name: value for name, value in shipped if name.startswith(("EC2_", "IP_"))}
    assert tunables == {name: value for name, value in defaults.items() if name.startswith(("EC2_", "IP_"))}


def test_the_exit_codes_are_those_of_the_code() -> None:
    """Each has one row: its number, its name, and what `ec2kit help exit-codes` says of it."""
    told = [(int(number), name, text) for number, name, text, _ in table("docs/reference.md", "Exit codes")]
    assert told == [(int(each), each.name, manual.MEANINGS[each]) for each in ExitCode]


def test_each_agent_has_the_parameters_that_its_page_tells() -> None:
    """All of them, under their names, and which of them must be given."""
    text = (PROJECT / "docs/pacemaker.md").read_text().partition("| parameter | agent | meaning |")[2]
    rows = re.findall(r"^\| ([a-z_, ]+?)( \(required\))? \| (\w+) \|", text.partition("\n\n")[0], re.MULTILINE)
    told = {
        (agent, name, required != "")
        for names, required, kind in rows
        for agent in (agents.AGENTS if kind == "all" else [kind])
        for name in names.split(", ")
    }
    assert told == {
        (agent, name, each.required)
        for agent, kind in agents.AGENTS.items()
        for name, each in agents.described(kind).items()
    }


def test_each_operation_is_told_with_what_it_is_for() -> None:
    """The table beside the IAM policy has the policy's operations, and no others."""
    cells = [cell for _, *cells in table("docs/reference.md", "IAM policy") for cell in cells]
    told = set(re.findall(r"\w+", " ".join(cells)))
    assert told == set(OPERATIONS)


def test_the_pages_ask_to_allow_what_the_policy_allows() -> None:
    """SECURITY.md's policy has its operations, and no others; the lines for SIOS's role have seven of them."""
    (policy,) = re.findall(r"```json\n(.*?)```", (PROJECT / "SECURITY.md").read_text(), re.DOTALL)
    assert set(re.findall(r'"ec2:(\w+)"', policy)) == set(OPERATIONS)
    added = re.findall(r'"ec2:(\w+)"', (PROJECT / "docs/lifekeeper.md").read_text())
    assert len(added) == len(set(added) & set(OPERATIONS)) == 7


def test_each_command_of_a_page_is_one_that_there_is() -> None:
    """In lines to copy, which are whole: its words are what the command line takes."""
    lines = [
        line
        for page in PAGES
        for line in re.findall(r"^ {4}ec2kit (?!\[)(.*?)(?:  +#.*)?$", page.read_text(), re.MULTILINE)
    ]
    for line in set(lines) - {"create"}:  # alone, it asks
        cli.parser().parse_args(shlex.split(line))
    assert len(lines) > 30


def test_each_info_field_of_a_page_can_be_read() -> None:
    """And is what the kit would write."""
    fields_ = re.findall(r"^ {4}(ec2kit=1 .*)$", (PROJECT / "docs/lifekeeper.md").read_text(), re.MULTILINE)
    assert [info.encode(info.decode(each)) for each in fields_] == fields_
    assert len(fields_) == 4


def test_the_notify_script_waits_as_long_as_its_page_says() -> None:
    """Each of its settings that the page names has the page's seconds for its default."""
    script = (PROJECT / "etc/keepalived/ec2kit-notify").read_text()
    told = re.findall(r"(\d+) s\b[^`]*?`(EC2KIT_NOTIFY_\w+)`", (PROJECT / "docs/keepalived.md").read_text())
    assert len(told) == 3
    assert [(seconds, name) for seconds, name in told if f'"${{{name}:={seconds}}}"' not in script] == []


def test_each_link_between_pages_leads_somewhere() -> None:
    """To a file, and to a heading of it, by the name that GitHub gives that."""
    seen = 0
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", page.read_text())):
            name, _, heading = link.partition("#")
            target = (page.parent / name) if name else page
            assert target.exists(), f"{page.name}: {link}"
            if heading:
                told = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                assert heading in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in told}, link
            seen += 1
    assert seen > 80


TYPES = {
    dict: "object",
    list: "list",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}
NOT_PRINTED = {"installed", "info-read"}  # folders of tests/golden: the installer's own record, and the test's own


def told() -> dict[tuple[str, str], set[str]]:
    """The types of docs/json.md by object and key. A heading names its objects in backquotes."""
    found = {}
    for section in re.split(r"^##", (PROJECT / "docs/json.md").read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        for key, types in re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", text, re.MULTILINE):
            for name in re.findall(r"`([^`]+)`", heading):
                found[name, key] = set(types.split(" or "))
    return found


def printed() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the golden files, by its path: `status.resources.systems`."""
    for file in (PROJECT / "tests/golden").glob("*/*.json"):
        if file.parent.name not in NOT_PRINTED:
            whole = json.loads(file.read_text())
            top = (
                "status" if file.parent.name.startswith("status-") else whole.get("verb", file.stem.partition("-")[0])
            )
            yield from objects("explain" if file.parent.name == "explain" else top, whole)


def objects(path: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """An object and those below it. Lists add nothing to a path; a key that names a system is SYSTEM in it."""
    if isinstance(value, list):
        for each in value:
            yield from objects(path, each)
    elif path == "properties.systems":
        for each in value.values():
            yield from objects(f"{path}.SYSTEM", each)
    elif isinstance(value, dict):
        yield path, value
        for key, each in value.items():
            yield from objects(f"{path}.{key}", each)


def test_the_page_tells_each_key_that_is_printed_with_its_types_and_no_other() -> None:
    """By object: one that has a name of its own on the page is told there, any other by its path."""
    page, seen = told(), set()
    names = {name for name, _ in page}
    for path, found in printed():
        last = path.rpartition(".")[2].replace("todo", "steps")  # of which both are lists
        name = path if path in names else last
        for key, value in found.items():
            assert TYPES[type(value)] in page.get((name, key), set()), (
                f"docs/json.md does not tell {path}.{key}: {value}"
            )
            seen.add((name, key))
    assert page.keys() == seen
