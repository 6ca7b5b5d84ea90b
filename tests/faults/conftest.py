"""The table of the fault matrix, behind the tests that ran it."""

from __future__ import annotations

import sys
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print cells by action and fault."""
    whole: Any = sys.modules.get("tests.faults.whole") or sys.modules.get("whole")
    matrix = terminalreporter.config.stash.get(whole.MATRIX, None) if whole else None
    if matrix:
        from tests.faults.table import as_text

        terminalreporter.write_line(as_text(matrix.results.values()))
