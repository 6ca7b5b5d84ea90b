"""What is believed of LifeKeeper's core stands in one module, and is told in the documentation."""

from __future__ import annotations

import ast
import re
from itertools import takewhile
from pathlib import Path

from ec2kit.lifekeeper import contract
from lab import PROJECT


def unverified() -> list[str]:
    """The constants below a comment that calls them unverified."""
    text = Path(contract.__file__).read_text()
    blocks = re.findall(r"((?:^#.*\n)+)((?:^[A-Z].*\n)+)", text, re.MULTILINE)
    named = [
        re.findall(r"[A-Z_]{2,}", line.partition("=")[0])
        for said, lines in blocks
        if "nverified" in said
        for line in lines.splitlines()
    ]
    return [name for names in named for name in names]


def used() -> set[str]:
    """What the kit and its installer take from the contract."""
    found: set[str] = set()
    for path in [*PROJECT.glob("ec2kit/**/*.py"), *PROJECT.glob("installer/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "contract":
                found.add(node.attr)
            if isinstance(node, ast.ImportFrom) and node.module == contract.__name__:
                found |= {each.name for each in node.names}
    return found


def test_every_unverified_point_is_told() -> None:
    """docs/lifekeeper.md's table, which is one block, has a line for each, and none for what there is not."""
    page = (PROJECT / "docs/lifekeeper.md").read_text().partition("## What is not verified")[2]
    lines = page[page.index("\n| ") + 1 :].splitlines()
    head, rule, *rows = takewhile(lambda line: line.startswith("|"), lines)
    assert (head, rule) == ("| constant | what we believe | why | who needs it |", "|---|---|---|---|")
    told = [name for row in rows for name in row.split(" | ")[0].removeprefix("| ").split(", ")]
    assert sorted(told) == sorted(name for name in unverified() if name != "ID_PREFIX")
    assert all(hasattr(contract, name) for name in told)
    assert len(told) > 12


def test_every_point_is_used() -> None:
    """A constant of the contract that nothing takes from there would settle nothing when it is changed."""
    assert {name for name in vars(contract) if name.isupper()} - used() == set()
