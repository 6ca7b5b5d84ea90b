"""What a person reads fits a terminal of 80 columns, and what a pipe or a file gets is whole."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ec2kit.console.tables import table
from lab.ec2.vpc import RouteLab
from lab.nodes import Node
from lab.protected import Protected, eni_of
from tests.support.terminal import Terminal

EDGES = "┏┃┡│└", "┓┃┩│┘"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def lost(either: Protected) -> Node:
    """A node whose last action has told in a long sentence that its address is elsewhere."""
    node = either.lab.node1
    assert either.verb("hold", either.lab.node2).returncode == 0
    assert either.run("quickCheck", node).returncode == 1
    return node


def names(protected: Protected) -> set[str]:
    """The ids that a table shows."""
    vpc = protected.lab.vpc
    tables = {vpc.tables["A"], vpc.tables["B"]} if isinstance(vpc, RouteLab) else set()
    return {eni_of(protected.lab, "node2"), *tables}


def test_a_pipe_gets_each_sentence_in_one_line_and_each_table_whole(either: Protected, lost: Node) -> None:
    """Nothing is shortened or wrapped, and a table of the lab's names would fit 80 columns."""
    lines = lost.run(str(lost.root / "bin/ec2kit"), "status", environment={"COLUMNS": "40"}).stdout.splitlines()
    assert (
        sum(
            bool(re.search(r"quickCheck on node1: .* is not held by eth1 .*puts it right\.$", line)) for line in lines
        )
        == 1
    )
    rows = [line for line in lines if line[:1] in EDGES[0]]
    assert len(rows) > 10
    assert all(line[-1] in EDGES[1] and len(line) <= 80 for line in rows if line)
    assert all(any(name in row for row in rows) for name in names(either))


@pytest.mark.executed
@pytest.mark.parametrize("verb", ["status", "plan"])
def test_a_terminal_of_80_columns_gets_lines_of_80_at_most(either: Protected, lost: Node, verb: str) -> None:
    """Sentences break between words; no row of a table is wider than the terminal, and each name in it is whole."""
    words = ("status",) if verb == "status" else ("plan", *either.words)
    terminal = Terminal(lost, str(lost.root / "bin/ec2kit"), *words, columns=80)
    assert terminal.ends() == (1 if verb == "status" else 0)
    lines = [COLOURS.sub("", line).rstrip() for line in terminal.shown.splitlines()]
    rows = [line for line in lines if line and line[0] in EDGES[0]]
    assert max(map(len, lines)) <= 80
    assert len(rows) > 4
    assert all(row[-1] in EDGES[1] for row in rows)
    assert all(any(name in row for row in rows) for name in names(either))
    if verb == "status":
        assert "puts it right." in " ".join(lines)


def test_a_table_shortens_nothing() -> None:
    """Where even the words are too long for the terminal, they go on in the next line."""
    system, said = "ip-10-0-1-15.eu-central-1.compute.internal." * 3, "held, but out of service"
    for width in (60, 80, 200):
        shown = io.StringIO()
        Console(file=shown, width=width).print(table(("System", "EC2 says"), [(system, said)]))
        cells = [line.split("│")[1:3] for line in shown.getvalue().splitlines() if line.startswith("│")]
        assert "".join(left.strip() for left, _ in cells) == system
        assert " ".join(right.strip() for _, right in cells).split() == said.split()
        assert max(map(len, shown.getvalue().splitlines())) <= width
