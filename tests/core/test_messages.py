"""The messages of the log: each is used, and each number is the kit's own."""

from __future__ import annotations

import ast
import re

from ec2kit.core import messages
from ec2kit.core.messages import Message
from lab import PROJECT

DEFINED = {name: each for name, each in vars(messages).items() if isinstance(each, Message)}
NUMBERS = [each.number for each in DEFINED.values()]


def test_each_message_is_used_in_the_kit() -> None:
    """What nothing logs needs no explanation, and has no number. The guard loads nothing, and knows two numbers."""
    used: set[str] = set()
    names = {each.number: name for name, each in DEFINED.items()}
    for path in PROJECT.glob("ec2kit/**/*.py"):
        if path.stem in {"messages", "catalogue"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "messages":
                used.add(node.attr)
            if (
                path.stem == "guard"
                and isinstance(node, ast.Constant)
                and isinstance(node.value, int)
                and node.value in names
            ):
                used.add(names[node.value])
    assert set(DEFINED) - used == set()


def test_a_number_is_the_kits_own_and_never_used_again() -> None:
    """96xxxx, each once, and none of those that were given up."""
    assert all(re.fullmatch("96[0-9]{4}", str(number)) for number in NUMBERS)
    assert len(set(NUMBERS)) == len(NUMBERS)
    assert not messages.RETIRED & set(NUMBERS)
