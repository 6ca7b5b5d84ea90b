"""docs/promises.md names tests that there are, and sections of pages that there are, and leaves no section out."""

from __future__ import annotations

import ast
import re
from functools import cache

from lab import PROJECT

WHOLE = "the whole page"
PAGES = [
    "README.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in PROJECT.glob("docs/*.md") if path.name != "promises.md"),
]


def rows() -> list[tuple[str, str, str, str]]:
    """Page, section, promise and tests of each row."""
    found = []
    for part in re.split(r"^## ", (PROJECT / "docs/promises.md").read_text(), flags=re.MULTILINE)[1:]:
        lines = re.findall(r"^\| (.*) \|$", part, re.MULTILINE)[1:]
        found += [(part.partition("\n")[0], *line.split(" | ")) for line in lines]
    assert all(len(row) == 4 for row in found)
    return found


@cache
def functions_of(path: str) -> frozenset[str]:
    """The names of the test functions of a file of this project; none where there is no such file."""
    file = PROJECT / path
    nodes = ast.parse(file.read_text()).body if file.is_file() else []
    return frozenset(
        each.name for each in nodes if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    )


def test_each_row_names_tests_that_there_are() -> None:
    """At least one, each by its file and its function."""
    for page, section, promise, tests in rows():
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert tests == ", ".join(f"`{path}::{name}`" for path, name in named) != "", (page, section, promise)
        assert not [name for path, name in named if name not in functions_of(path)], (page, section, promise)


def test_each_section_of_each_page_has_a_row() -> None:
    """Or the page has one as a whole; and no row is for a page or a section that is not there."""
    told = [(page, section) for page, section, _, _ in rows()]
    for page in PAGES:
        headings = re.findall(r"^(#+) (.*)$", (PROJECT / page).read_text(), re.MULTILINE)
        named = {section for other, section in told if other == page}
        assert named <= {WHOLE, *(heading for _, heading in headings)}, page
        assert WHOLE in named or named >= {heading for level, heading in headings if level == "##"}, page
        assert named, page
    assert {page for page, _ in told} == set(PAGES)
