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
# A set of ids, which the kit sorts: by ids that differ from run to run.
_SET = re.compile(r'(?<="peers": \[)[^]]*(?=])|\bpeer=eni-\S+(?: peer=eni-\S+)*')
_PLAIN = (  # what differs from run to run, and what stands for it
    (re.compile(r'("(?:seconds|since|at)": )[0-9]+\.[0-9]+'), r"\g<1>0.0"),
    (re.compile(r"\b[0-9]+\.[0-9]+ s\b"), "0.0 s"),
    (re.compile(r'("mark": ")[0-9a-f]{16}'), r"\g<1>MARK"),  # it is made from ids
    (re.compile(r"(//127\.0\.0\.1(?::|=3A))[0-9]+"), r"\g<1>PORT"),
)


def plain(text: str) -> str:
    """The text with the same ids, times and ports in each run.

    Ids are numbered in the order in which they appear, those in sets last; each set is in the order of its numbers.
    """
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    kinds = {kind: count(1) for kind in ("vpc", "rtb", "eni", "i", "eipalloc", "eipassoc")}
    alone, in_sets = _ID.finditer(_SET.sub("", text)), _ID.finditer(" ".join(_SET.findall(text)))
    found = dict.fromkeys((id_[0], id_[1]) for ids in (alone, in_sets) for id_ in ids)
    numbers = {id_: f"{kind}-{next(kinds[kind])}" for id_, kind in found}

    def in_order(found: re.Match[str]) -> str:
        ids = iter(sorted((numbers[id_[0]] for id_ in _ID.finditer(found[0])), key=lambda id_: int(id_[4:])))
        return _ID.sub(lambda _: next(ids), found[0])

    return _ID.sub(lambda id_: numbers[id_[0]], _SET.sub(in_order, text))


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
