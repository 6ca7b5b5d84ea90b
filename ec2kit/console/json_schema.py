"""The JSON Schema of what `--output json` prints, made from the tables of docs/json.md: `make docs` writes it.

json-schema.org, draft 2020-12. Keys may be added at any time, so others than these are allowed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator
from typing import Any

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"list": "array"}  # JSON Schema's word, where it is another
_ROW = re.compile(r"^\| `([^`]+)` \| ([a-z ]+) \| (.*) \|$", re.MULTILINE)
_SAME = {"todo": "steps"}  # lists of the same objects as another key's
_EACH = "SYSTEM"  # stands for any name of a system


def schema(page: str) -> dict[str, Any]:
    """The schema of all that the page describes: each object by its name or its path."""
    sections = [section.partition("\n") for section in re.split(r"^##", page, flags=re.MULTILINE)[1:]]
    described = {
        name: (names[0], _ROW.findall(text))
        for heading, _, text in sections
        for names in [re.findall(r"`([^`]+)`", heading)]
        for name in names
        if _ROW.search(text)
    }
    definitions = {
        name: _object(name, rows, described.keys()) if name == first else {"$ref": f"#/$defs/{first}"}
        for name, (first, rows) in described.items()
    }
    tops = [name for name, (first, rows) in described.items() if name == first and rows[0][0] == "schema"]
    return {
        "$schema": _DRAFT,
        "title": "What ec2kit prints with --output json",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in tops],
        "$defs": definitions,
    }


def _object(name: str, rows: list[tuple[str, str, str]], names: Collection[str]) -> dict[str, Any]:
    properties = {key: _value(name, key, types, about, names) for key, types, about in rows}
    required = {"required": ["schema"]} if "schema" in properties else {}
    return {"type": "object", **required, "properties": properties}


def _value(name: str, key: str, types: str, about: str, names: Collection[str]) -> dict[str, Any]:
    told = [_TYPES.get(each, each) for each in types.split(" or ")]
    found: dict[str, Any] = {"type": told if len(told) > 1 else told[0], "description": about}
    inner = next((each for each in _below(name, key) if each in names), None)
    if inner and "array" in told:
        items = {"$ref": f"#/$defs/{inner}"}
        # a plan is a list of lists; of lists of texts in other objects of that name nothing is said
        found["items"] = {"type": "array", "items": items} if key in _SAME else items
    elif inner and inner.endswith(_EACH):
        found["additionalProperties"] = {"$ref": f"#/$defs/{inner}"}
    elif inner and "object" in told:
        found |= {"anyOf": [{"$ref": f"#/$defs/{inner}"}, *([{"type": "null"}] if "null" in told else [])]}
    return found


def _below(name: str, key: str) -> Iterator[str]:
    """What the object below a key may be called."""
    yield f"{name}.{key}"
    yield f"{name}.{key}.{_EACH}"
    yield _SAME.get(key, key)


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(schema(sys.stdin.read()), indent=2)}\n")
