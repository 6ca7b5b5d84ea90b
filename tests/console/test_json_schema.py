"""The JSON Schema that is installed: made from docs/json.md, and met by what the commands print."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ec2kit.console.json_schema import schema
from lab import PROJECT

SCHEMA = json.loads((PROJECT / "etc/json/ec2kit.schema.json").read_text())
NOT_PRINTED = {"copies-0.2.0", "info-read", "installed"}
GOLDEN = sorted((PROJECT / "tests/golden").glob("*/*.json"))
PRINTED = [each for each in GOLDEN if each.parent.name not in NOT_PRINTED]
ODD: list[dict[str, object]] = [
    {"exit_code": "0"},
    {"view": 5},
    {"steps": [5]},
    {"steps": [{"step": 5}]},
    {"schema": "1"},
]


def test_it_is_made_from_the_page() -> None:
    """`make docs` has been run, and it is a schema."""
    assert schema((PROJECT / "docs/json.md").read_text()) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", PRINTED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_printed_meets_it(file: Path) -> None:
    """Each golden file is one of the objects."""
    told = json.loads(file.read_text())
    for each in told if isinstance(told, list) else [told]:
        jsonschema.validate(each, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("change", ODD)
def test_what_is_not_so_does_not(change: dict[str, object]) -> None:
    """A type that the page does not tell is refused, also within lists."""
    told = json.loads((PROJECT / "tests/golden/verbs-route/hold-moves.json").read_text())
    only = {"$ref": "#/$defs/hold", "$defs": SCHEMA["$defs"]}
    jsonschema.validate(told, only, jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told | change, only, jsonschema.Draft202012Validator)
