"""The cluster as this system sees it: one administration at a time."""

from __future__ import annotations

import shlex

from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.places import SCRIPTS
from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, ROUTE, no_locks, states
from tests.support.programs import good, replaced


def test_somebody_else_has_the_admin_lock(figure1: Lab) -> None:
    """Two administrations at once would undo each other: the second is refused, and leaves the first one's lock."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    flag = contract.ADMIN_LOCK.format(pid=1, time=1, system="node2", tag="other")
    good(figure1.node2.lk("flg_create", "-f", flag))
    refused = figure1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert refused.returncode == 5
    assert f"another administration is under way on node2 ({flag})" in refused.stderr
    assert states(figure1, ROUTE) == {"node1": "ISP"}
    assert figure1.node2.lk("flg_list").stdout == f"{flag}\n"
    assert figure1.node1.lk("flg_list").stdout == ""
    good(figure1.node2.lk("flg_remove", "-f", flag))
    good(figure1.node1.ec2kit("extend", ROUTE, "--to", "node2"))


WORDS = [
    "it's",
    'a"b',
    "$(touch mark)",
    "`touch mark`",
    "; touch mark #",
    "a  b",
    "*",
    "-x\\",
    "> mark",
    "\n\ttouch mark",
]


def test_a_shell_on_the_other_system_reads_each_word_as_it_is(figure2: Lab) -> None:
    """lcdremexec's command is read by a shell there: no word starts anything, and none loses anything."""
    place = figure2.node2.lkroot / SCRIPTS / "create"
    place.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    for word in WORDS:
        given = ("--tag", "t", f"--profile={word}")
        said = good(figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2", *given))
        assert f"<{word}>" in said or f"<--profile={word}>" in said
    assert not list(figure2.node2.root.rglob("mark"))


def only_for(system: str, text: str) -> str:
    """A script that does that for one system, and the program's own work for the others."""
    return f'case " $* " in *" -d {system} "*) {text};; esac\nexec "$0.kept" "$@"'


def test_a_lock_is_given_back_on_every_system_that_answers(figure1: Lab) -> None:
    """Where it stays is told, with the command that gives it back."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    kept = replaced(figure1.node1, "flg_remove", only_for("node1", "exit 9"))
    done = figure1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert done.returncode == 9
    assert "the admin lock could not be given back on node1" in done.stderr
    assert figure1.node2.lk("flg_list").stdout == ""
    command = shlex.split(done.stderr.rpartition("Give it back: ")[2].strip().removesuffix("."))
    kept.replace(kept.with_name("flg_remove"))
    good(figure1.node1.lk(*command))
    assert no_locks(figure1)
    assert states(figure1, ROUTE) == {"node1": "ISP", "node2": "OSU"}


def test_a_lock_that_was_taken_by_a_program_that_hung_is_given_back(figure1: Lab) -> None:
    """flg_create on the second system does its work and fails: neither system keeps the lock."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    replaced(figure1.node1, "flg_create", only_for("node2", '"$0.kept" "$@"; exit 1'))
    done = figure1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert done.returncode == 9
    assert no_locks(figure1)
    assert "given back" not in done.stderr
