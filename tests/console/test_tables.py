"""What a person reads fits a terminal of 80 columns, and what a pipe or a file gets is whole."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from typing import Any

import pytest
from rich.console import Console

from ec2kit.console.tables import draw, show_status
from ec2kit.lifekeeper.status import Part, Status
from lab.ec2.vpc import RouteLab
from lab.nodes import Node
from lab.protected import Protected, eni_of
from tests.support.programs import command
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
    lines = lost.run(
        str(lost.root / "bin/ec2kit"), "status", "--long", environment={"COLUMNS": "40"}
    ).stdout.splitlines()
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


@pytest.mark.parametrize("verb", ["status", "plan"])
def test_a_terminal_of_80_columns_gets_lines_of_80_at_most(either: Protected, lost: Node, verb: str) -> None:
    """No row of a table is wider, and each name in it is whole."""
    words = ("status", "--long") if verb == "status" else ("plan", *either.words)
    lines = shown(lost, *words, columns=80, code=1 if verb == "status" else 0)
    rows = [line for line in lines if line and line[0] in EDGES[0]]
    assert len(rows) > 4
    assert all(row[-1] in EDGES[1] for row in rows)
    assert all(any(name in row for row in rows) for name in names(either))
    if verb == "status":
        assert re.search(r"quickCheck on node1: .*LifeKeeper's recover puts it right\.", " ".join(lines))


@pytest.mark.parametrize("columns", [60, 120])
def test_no_id_is_broken_however_wide_the_terminal_is(routes: Protected, columns: int) -> None:
    """By status, plan and doctor: sentences are broken between words, and a table that has no room is lines."""
    assert routes.verb("hold", routes.lab.node2).returncode == 0
    for words, code in ((("status", "--long"), 1), (("plan", *routes.words), 0), (("doctor", routes.tag), 0)):
        lines = shown(routes.lab.node1, *words, columns=columns, code=code)
        told = re.findall(r"(?:eni|rtb|i|vpc|subnet)-[0-9a-f]+", " ".join(lines))
        assert told
        assert {len(each.partition("-")[2]) for each in told} == {17}, lines


def shown(node: Node, *words: str, columns: int, code: int) -> list[str]:
    """The lines that a terminal of that width shows, none of which is longer."""
    terminal = Terminal(node, command(node), *words, columns=columns)
    assert terminal.ends() == code, terminal.shown
    said = [COLOURS.sub("", line).rstrip() for line in terminal.shown.splitlines()]
    lines = [line for line in said if not re.match(r"[A-Z]+:ec2:", line)]  # without the log
    assert max(map(len, lines)) <= columns
    return lines


@pytest.mark.parametrize("width", [45, 66, 80, 200])
def test_each_column_of_a_table_is_there_however_narrow_the_terminal_is(width: int) -> None:
    """No id is broken, at whatever width: where they have no room side by side, each is a line."""
    shown = io.StringIO()
    row = ("203.0.113.10", "eni-0123456789abcdef0", "10.0.1.11", "up", "node1 eth1")
    draw(Console(file=shown, width=width), ("Elastic IP", "Associated with", "Private IP", "Link", ""), [row])
    lines = shown.getvalue().splitlines()
    if width < 80:
        assert [line.partition(": ")[2] or line for line in lines if line] == list(row)
        return
    (cells,) = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert [cell.strip() for cell in cells] == list(row)
    assert max(map(len, lines)) <= width


def test_a_table_shortens_nothing() -> None:
    """Where even the words are too long for the terminal, they go on in the next line."""
    system, said = "ip-10-0-1-15.eu-central-1.compute.internal." * 3, "held, but out of service"
    for width in (60, 80, 200):
        shown = io.StringIO()
        draw(Console(file=shown, width=width), ("System", "EC2 says"), [(system, said)])
        cells = [line.split("│")[1:3] for line in shown.getvalue().splitlines() if line.startswith("│")]
        assert "".join(left.strip() for left, _ in cells) == system
        assert " ".join(right.strip() for _, right in cells).split() == said.split()
        assert max(map(len, shown.getvalue().splitlines())) <= width


BRACKETS = ("[/x]", "https://[fd00::1]")  # the library for tables has a markup
ODD: tuple[Any, ...] = (*BRACKETS, None, True, 5, 1e300, float("nan"), "", [], [5], ["x"], {}, {"x": None})

TOLD = [
    {
        "system": "node2",
        "state": "ISP",
        "switchback": "intelligent",
        "verdict": "held",
        "why": "",
        "outcome": "OK",
        "since": 1.0,
        "interface": "eth1",
        "eni": "eni-1",
        "view": view,
        "actions": [{"at": 1.0, "action": "restore", "code": 0, "seconds": 0.5, "what": "held", "outcome": "OK"}],
    }
    for view in (
        {
            "destination": "10.1.0.10/32",
            "eni": "eni-1",
            "source_dest_check": False,
            "entries": [{"table": "rtb-1", "target": "eni-1", "state": "active"}],
            "missing": ["rtb-2"],
            "gone": [],
        },
        {
            "public_ip": "203.0.113.10",
            "allocation": "eipalloc-1",
            "association": {"id": "eipassoc-1", "eni": "eni-1", "private_ip": "10.0.2.11"},
            "interface": "eth1",
            "eni": "eni-1",
            "private_ip": "10.0.2.11",
            "others": [],
            "link": True,
            "expected": None,
        },
    )
]


def places(told: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside a JSON value."""
    inner = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [way, *(place for key, value in inner for place in places(value, (*way, key)))]


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("told", TOLD, ids=["route", "eip"])
def test_whatever_another_system_tells_status_shows_or_says_that_it_gave_no_answer(
    told: dict[str, Any], value: Any
) -> None:
    """Each value in its part, one after the other, is replaced by an odd one: the table is drawn from the rest."""
    for *way, last in [place for place in places(told) if place]:
        changed = json.loads(json.dumps(told))
        inner: Any = changed
        for key in way:
            inner = inner[key]
        inner[last] = value
        try:
            part = Part.of_json(changed)
        except TypeError:
            assert not way
            assert last in {"system", "state", "verdict"}, "without those nothing is told"
            continue
        with redirect_stdout(io.StringIO()) as shown:
            show_status([Status("tag", "route 10.1.0.10/32", "gen/app", (part,))])
        assert part.verdict in shown.getvalue()
