"""docs/benchmarks.md, from the results that are there: `python -m bench.page`.

results/NAME.json is told by `bench.NAME.section(result)`, which returns Markdown that begins with a heading.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_FIRST = ("processes", "ways", "imports")  # others follow by name
_HEAD = """# Benchmarks

How quick the kit is, beside its peers, on the lab. `make bench` measures again and writes this page; the samples
are in `bench/results/`. Seconds are of one machine with two cores, which others used too, so compare only what is
in one table: its contenders ran in turns. Medians, with the quartiles in parentheses. What can be counted (calls,
round trips, connections, modules) is held by tests/promises/test_cost.py and tests/ec2/test_shapes.py.

"""


def main() -> None:
    """Write the page."""
    names = {path.stem for path in RESULTS.glob("*.json")}
    order = [name for name in _FIRST if name in names] + sorted(names - set(_FIRST))
    sections = [
        importlib.import_module(f"bench.{name}").section(json.loads((RESULTS / f"{name}.json").read_text()))
        for name in order
    ]
    PAGE.write_text(_HEAD + "\n".join(sections))


if __name__ == "__main__":
    main()
