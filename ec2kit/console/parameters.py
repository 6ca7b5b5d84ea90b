"""The table of docs/reference.md that tells what each parameter of each kind is called, made from the kinds.

`make docs` pipes the page through it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from ec2kit.core.kinds.kind import INTERFACE, Kind, Parameter
from ec2kit.core.kinds.known import KINDS

_TABLE = re.compile(r"(?<=^<!-- made by make docs -->\n\n)(?:\|.*\n)*", re.MULTILINE)
_HEADINGS = ("kind", "parameter", "command line", "create", "OCF", "info field", "properties")


def page(text: str) -> str:
    """The page with its table as the kinds are now. Raises ValueError where the page has no place for it."""
    made, places = _TABLE.subn(lambda _: table(), text)
    if places != 1:
        raise ValueError(f"the page has {places} places for the table")
    return made


def table() -> str:
    """In Markdown: a row for each parameter, what all kinds have last."""
    rows = [_row(kind.name, each, _creation(kind, each)) for kind in KINDS.values() for each in kind.parameters]
    rows.append(_row("all", INTERFACE, INTERFACE.option))
    head, *lines = (f"| {' | '.join(row)} |\n" for row in (_HEADINGS, *rows))
    return "".join([head, f"|{'---|' * len(_HEADINGS)}\n", *lines])


def _creation(kind: Kind, parameter: Parameter) -> str | None:
    """The option of create; an address that an IP resource has is named by that."""
    return "--ip-resource" if kind.resource.below and parameter is kind.address else parameter.creation


def _row(kind: str, parameter: Parameter, creation: str | None) -> tuple[str, ...]:
    first = parameter.option == ""
    names = (
        parameter.metavar if first else parameter.option,
        creation,
        parameter.ocf,
        parameter.info and f"{parameter.info}=",
        None if first or not parameter.info else parameter.field.replace("_", "-"),
    )
    return (kind, ", ".join(_traits(parameter)), *(f"`{name}`" if name else "-" for name in names))


def _traits(parameter: Parameter) -> Iterator[str]:
    yield parameter.short
    if parameter.required:
        yield "required"
    if parameter.many:
        yield "several"
    if parameter.own:
        yield "each node its own"


if __name__ == "__main__":
    sys.stdout.write(page(sys.stdin.read()))
