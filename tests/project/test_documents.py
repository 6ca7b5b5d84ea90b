"""docs/reference.md tells each setting and each exit code once, as they are in the code."""

from __future__ import annotations

import re
from dataclasses import fields

from ec2kit.core.errors import ExitCode
from ec2kit.core.settings import AWS_NAMES, Settings
from lab import PROJECT


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
        if each.name != "aws"
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
    """Each has one row: its number and its name."""
    told = [(int(number), name) for number, name, *_ in table("docs/reference.md", "Exit codes")]
    assert told == [(int(each), each.name) for each in ExitCode]
