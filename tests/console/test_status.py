"""What `ec2kit status` shows on terminals: the verdict first, each id whole at any width, plain where wanted."""

from __future__ import annotations

import json
import signal

import pyte
import pytest

from lab.nodes import Lab, Node
from lab.protected import Protected, eni_of
from tests.support.hierarchy import ROUTE, protected
from tests.support.programs import command, good
from tests.support.terminal import CTRL_C, Terminal

COMMAND = "ec2kit in-service ip-vip"


def screen(node: Node, *words: str, columns: int) -> list[str]:
    """The lines that a terminal of that width shows, without the empty ones at its end."""
    terminal = Terminal(node, command(node), *words, columns=columns)
    terminal.ends()
    drawn = pyte.Screen(columns, 200)
    stream = pyte.Stream(drawn)
    stream.feed(terminal.shown)
    return "\n".join(line.rstrip() for line in drawn.display).rstrip().split("\n")


def test_an_outage_on_a_terminal(figure1: Lab) -> None:
    """The first line is the verdict, the command can be copied, and each id is whole, at 60, 80 and 120 columns."""
    protected(figure1, ROUTE)
    node = figure1.node1
    for each in figure1.nodes.values():
        good(each.lk("ins_setstate", "-t", ROUTE, "-S", "OSF"))
    ids = {eni_of(figure1, "node1"), figure1.vpc.tables["A"], figure1.vpc.tables["B"]}
    for columns in (60, 80, 120):
        lines = screen(node, "status", columns=columns)
        assert lines[0].startswith(f"OUTAGE: {ROUTE} is in service nowhere"), lines
        assert any(line.endswith((COMMAND, f"{COMMAND}.")) for line in lines), lines
        long = screen(node, "status", "--long", columns=columns)
        assert all(any(each in line for line in long) for each in ids), long


def test_colour_is_for_a_terminal_that_wants_it(figure1: Lab) -> None:
    """Without it the text is the same; a pipe gets none, and a sentence there is one line."""
    protected(figure1, ROUTE)
    node = figure1.node1
    good(node.lk("ins_setstate", "-t", ROUTE, "-S", "OSU"))
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        terminal = Terminal(node, command(node), "status", columns=80, environment=environment)
        assert terminal.ends() == 1
        assert ("\x1b[1;31mOUTAGE\x1b[0m:" in terminal.shown) is not bool(environment)
    piped = node.run(command(node), "status", environment={"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "latin-1"})
    assert (piped.returncode, piped.stdout.count("\n"), "\x1b" in piped.stdout) == (1, 2, False)


@pytest.mark.executed
def test_watch(routes: Protected) -> None:
    """It tells again and again what is so, and ends by Ctrl-C."""
    node = routes.lab.node1
    node.set(EC2_QUICKCHECK_TIMEOUT=4)  # less than the pause
    terminal = Terminal(node, command(node), "status", "--watch", columns=80)
    terminal.sees(f"{routes.tag} is served")
    routes.state(node, "OSU")
    terminal.sees("OUTAGE: ")
    assert "Ctrl-C ends it" in terminal.screen.display[0]
    terminal.child.send(CTRL_C)
    with pytest.raises(TypeError):  # by that signal: there is no exit code
        terminal.ends()
    assert terminal.child.signalstatus == signal.SIGINT
    words = f"{command(node)} status --watch | head -1"
    assert "every 5 s" in node.run("/bin/sh", "-c", words, timeout=60).stdout, "and with its reader"


def test_json_is_the_same_at_any_width(routes: Protected) -> None:
    """One object, with the verdict of each resource."""
    told = json.loads(good(routes.lab.node1.ec2kit("status", "--output", "json")))
    (resource,) = told["resources"]
    assert (resource["engine"], resource["served"], resource["cure"]) == ("LifeKeeper", "served", "")
