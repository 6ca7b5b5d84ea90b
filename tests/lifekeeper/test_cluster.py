"""The cluster as this system sees it: what stands where, and one administration at a time."""

from __future__ import annotations

import json
import shlex

from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.places import SCRIPTS
from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, ROUTE, no_locks, protected, states, with_key
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


def test_status_of_what_stands_on_a_resource_of_the_kit(figure1: Lab) -> None:
    """The IP resource's tag shows the EC2 resource that it depends on; one without such a resource says so."""
    protected(figure1, ROUTE)
    node = figure1.node2
    whole = json.loads(good(node.ec2kit("status", ROUTE, "--output", "json")))
    above = json.loads(good(node.ec2kit("status", "ip-vip", "--output", "json")))
    assert [each["tag"] for each in above["resources"]] == [each["tag"] for each in whole["resources"]] == [ROUTE]
    good(node.lk("ins_create", "-a", "comm", "-r", "ip", "-t", "ip-top", "-i", "IP-10.9.9.9", "-v", "x"))
    good(node.lk("dep_create", "-p", "ip-top", "-c", "ip-vip"))
    assert ROUTE in good(node.ec2kit("status", "ip-top"))
    good(node.lk("dep_remove", "-p", "ip-vip", "-c", ROUTE))
    done = node.ec2kit("status", "ip-top")
    assert (done.returncode, done.stdout) == (5, "")
    why = '"ip-top" is a resource of another kit (comm/ip), and does not depend on an EC2 resource, only on ip-vip'
    assert f"{why}. Name one of: {ROUTE}." in done.stderr


def test_a_tag_that_is_not_there_is_told_those_that_are(figure1: Lab) -> None:
    """One that is like it, of whichever kit, else those of the kit; where nobody tells them, how to see them."""
    protected(figure1, ROUTE)
    node = figure1.node1
    for words, cure in (
        (("status", "ec2-ip-vp"), f"Did you mean {ROUTE}?"),
        (("in-service", "ip-vp"), "Did you mean ip-vip?"),
        (("properties", "nobody"), f"Name one of: {ROUTE}."),
        (("key", "nobody"), f"Name one of: {ROUTE}."),
    ):
        done = with_key(node, *words) if words[0] == "key" else node.ec2kit(*words)
        assert done.returncode == 5, done.stderr
        assert f"{done.stdout}{done.stderr}".rstrip().endswith(cure)
    replaced(node, "ins_list", 'case " $* " in *" -t "*) exec "$0.kept" "$@";; esac\nexit 9')
    assert node.ec2kit("properties", "nobody").stderr.endswith("See the tags with ec2kit status.\n")
