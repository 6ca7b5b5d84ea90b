"""Who may import tests: what is shared is in tests/support or in lab."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from lab import PROJECT


def imported(paths: Iterable[Path]) -> set[tuple[str, str]]:
    """Which file imports what, by its dotted name, also inside of functions."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            begin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            found |= {(str(path.relative_to(PROJECT)), begin + name) for name in names}
    return found


def test_nothing_outside_of_tests_imports_tests() -> None:
    """Else a lab or a benchmark would need them."""
    modules = {path for path in PROJECT.glob("[!.]*/**/*.py") if path.parts[len(PROJECT.parts)] != "tests"}
    scripts = [path for path in PROJECT.glob("[ao]c*/*") if path.is_file() and not path.suffix]
    found = imported([*modules, *scripts, PROJECT / "install"])
    assert {"ec2kit", "installer", "lab", "bench", "actions"} <= {Path(name).parts[0] for name, _ in found}
    assert {each for each in found if each[1].partition(".")[0] == "tests"} == set()


def test_no_test_module_is_imported() -> None:
    """Each can be moved, split or deleted by itself."""
    found = imported(PROJECT.glob("tests/**/*.py"))
    assert any(name.startswith("tests.support.") for _, name in found)
    assert {each for each in found if any(part.startswith("test_") for part in each[1].split("."))} == set()
