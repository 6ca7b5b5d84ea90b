"""What is believed of LifeKeeper's core stands in one module, and is told in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from ec2kit.lifekeeper import contract

PROJECT = Path(__file__).parent.parent


def unverified() -> list[str]:
    """The constants below a comment that calls them unverified."""
    text = (PROJECT / "ec2kit/lifekeeper/contract.py").read_text()
    blocks = re.findall(r"((?:^#.*\n)+)((?:^[A-Z].*\n)+)", text, re.MULTILINE)
    named = [
        re.findall(r"[A-Z_]{2,}", line.partition("=")[0])
        for said, lines in blocks
        if "nverified" in said
        for line in lines.splitlines()
    ]
    return [name for names in named for name in names]


def test_every_unverified_point_is_told() -> None:
    """docs/lifekeeper.md's table has a line for each, and none for what there is not."""
    page = (PROJECT / "docs/lifekeeper.md").read_text().partition("## What is not verified")[2]
    told = [name for row in re.findall(r"^\| ([A-Z_, ]+) \|", page, re.MULTILINE) for name in row.split(", ")]
    assert sorted(told) == sorted(name for name in unverified() if name != "ID_PREFIX")
    assert all(hasattr(contract, name) for name in told)
    assert len(told) > 15
