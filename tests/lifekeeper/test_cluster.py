"""The cluster as this system sees it: one administration at a time."""

from __future__ import annotations

from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.places import SCRIPTS
from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, ROUTE, states
from tests.support.programs import good


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
