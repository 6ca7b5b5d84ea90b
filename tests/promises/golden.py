"""Golden files: what people and programs outside read of the kit, as it was when it was frozen.

A test that finds a difference fails and shows it. When the change is meant, EC2KIT_GOLDEN=write in the environment
makes the test write the files anew, and their difference is part of the commit.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden"
_WRITE = os.environ.get("EC2KIT_GOLDEN") == "write"
_ID = re.compile(r"\b(vpc|rtb|eni|i|eipalloc|eipassoc)-[0-9a-f]{8,17}\b")
_PLAIN = (  # what differs from run to run, and what stands for it
    (re.compile(r'("(?:seconds|since|at)": )[0-9]+\.[0-9]+'), r"\g<1>0.0"),
    (re.compile(r"\b[0-9]+\.[0-9]+ s\b"), "0.0 s"),
    (re.compile(r"(//127\.0\.0\.1(?::|=3A))[0-9]+"), r"\g<1>PORT"),
)


def plain(text: str) -> str:
    """The text with the same ids, times and ports in each run: ids are numbered in the order in which they appear."""
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    numbers: dict[str, str] = {}
    kinds = {kind: count(1) for kind in ("vpc", "rtb", "eni", "i", "eipalloc", "eipassoc")}

    def numbered(found: re.Match[str]) -> str:
        if found[0] not in numbers:
            numbers[found[0]] = f"{found[1]}-{next(kinds[found[1]])}"
        return numbers[found[0]]

    return _ID.sub(numbered, text)


def pretty(printed: str) -> str:
    """The one line of JSON that a program printed, with a line for each key; the order of the keys stays."""
    assert printed.endswith("\n"), printed
    assert printed.count("\n") == 1, printed
    return json.dumps(json.loads(printed), indent=2, ensure_ascii=False) + "\n"


def compare(folder: str, found: Mapping[str, str]) -> None:
    """Hold the texts, by file name, against all files of that folder of tests/golden; or write these anew."""
    place = FOLDER / folder
    texts = {name: plain(text) for name, text in found.items()}
    if _WRITE:
        place.mkdir(parents=True, exist_ok=True)
        for path in place.iterdir():
            path.unlink()
        for name, text in texts.items():
            (place / name).write_text(text)
    kept = {path.name: path.read_text() for path in place.glob("*")}
    differences = [
        line
        for name in sorted(texts.keys() | kept.keys())
        for line in difflib.unified_diff(
            kept.get(name, "").splitlines(),
            texts.get(name, "").splitlines(),
            f"tests/golden/{folder}/{name}",
            "what is told now" if name in texts else "is not told any more",
            lineterm="",
        )
    ]
    assert not differences, "\n".join(["", *differences, "", "If that is meant: EC2KIT_GOLDEN=write, and commit it"])
