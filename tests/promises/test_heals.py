"""What a create or an extend leaves when it is killed, or a program of LifeKeeper's hangs: the next run mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper.lcd import Lcd
from lab.nodes import Lab, Node, route_lab
from tests.support.programs import replaced

CREATE = ("--type", "route-table", "--ip-resource", "ip-vip", "--tag", "vip-route")


@pytest.fixture
def lab(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 1 without an EC2 resource."""
    with route_lab(tmp_path, forks=forks) as found:
        yield found


def state(node: Node) -> str:
    """The state of the resource there; empty when it is not there."""
    return node.lk("ins_list", "-t", "vip-route", "-f", ",").stdout.strip().rpartition(",")[0].rpartition(",")[2]


def test_a_create_that_was_killed_is_completed_by_the_next(lab: Lab) -> None:
    """Killed between instance and dependency: its tag is not taken, and the dependency is made."""
    node = lab.node1
    kept = replaced(node, "dep_create", "kill -9 $PPID")
    assert node.action("create", *CREATE).returncode == 9
    assert (state(node), node.lk("dep_list").stdout) == ("ISP", "")
    kept.rename(node.lkroot / "bin/dep_create")
    done = node.action("create", *CREATE, "--switchback", "automatic")
    assert done.returncode == 0, done.stderr
    assert node.lk("dep_list", "-fC").stdout == "ip-vipCvip-route\n"
    assert node.lk("ins_list", "-t", "vip-route").stdout.strip().endswith("AUTOMATIC")
    again = node.action("create", *CREATE)
    assert again.returncode == 5, "what is whole is taken"
    assert "the tag vip-route is taken on node1" in again.stderr


def test_a_dependency_that_hangs_is_taken_back_in_time(lab: Lab) -> None:
    """The program that hangs gets half of the time; the rest is for the instance to go again."""
    node = lab.node1
    node.set(EC2_RESTORE_TIMEOUT=8)
    kept = replaced(node, "dep_create", "sleep 60")
    done = node.action("create", *CREATE)
    assert done.returncode == 9
    assert "LifeKeeper's dep_create did not answer" in done.stderr.splitlines()[-1]
    assert state(node) == ""
    kept.rename(node.lkroot / "bin/dep_create")
    assert node.action("create", *CREATE).returncode == 0


def test_an_instance_whose_program_hangs_behind_its_work_is_taken_back(lab: Lab) -> None:
    """ins_create has made it, and does not end: it is removed in the time that was kept for that."""
    node = lab.node1
    node.set(EC2_RESTORE_TIMEOUT=8)
    replaced(node, "ins_create", '"$0.kept" "$@" <&0; sleep 60')
    done = node.action("create", *CREATE)
    assert done.returncode == 9
    assert "LifeKeeper's ins_create did not answer" in done.stderr.splitlines()[-1]
    assert state(node) == ""


def test_nothing_is_begun_that_could_not_be_taken_back_in_time() -> None:
    """With less than a tenth of the time left nothing is made."""
    deadline = Deadline(10)
    lcd = Lcd("/nonexistent", deadline)
    lcd.need_time(0.1, "nothing was made")
    deadline.began -= 9.5
    with pytest.raises(Unavailable, match="nothing was made"):
        lcd.need_time(0.1, "nothing was made")


def test_an_extend_that_was_killed_is_completed_by_the_next(lab: Lab) -> None:
    """The instance that it has made already is the one that is to be made."""
    assert lab.node1.action("create", *CREATE).returncode == 0
    assert lab.node2.action("extend", "node1", "vip-route").returncode == 0
    lab.node2.lk("ins_setinfo", "-t", "vip-route", "-v", "ec2kit=1").check_returncode()
    done = lab.node2.action("extend", "node1", "vip-route")
    assert done.returncode == 0, done.stderr
    here, there = (node.lk("ins_list", "-t", "vip-route").stdout.split("\x01") for node in (lab.node1, lab.node2))
    assert (there[1:6], there[6]) == (here[1:6], "OSU")


def test_extend_leaves_what_is_not_its_own(lab: Lab) -> None:
    """The id belongs to another resource there, or the instance is part of a hierarchy: 5, and it stays as it is."""
    node = lab.node2
    assert lab.node1.action("create", *CREATE).returncode == 0
    other = ("-a", "comm", "-r", "ec2", "-t", "other", "-i", "EC2-10.1.0.10", "-I", "INIT_OSU")
    node.lk("ins_create", *other).check_returncode()
    done = node.action("extend", "node1", "vip-route")
    assert done.returncode == 5
    assert "other (comm/ec2) has " in done.stderr
    node.lk("ins_remove", "-t", "other").check_returncode()
    assert node.action("extend", "node1", "vip-route").returncode == 0
    node.lk("dep_create", "-p", "ip-vip", "-c", "vip-route").check_returncode()
    assert node.action("extend", "node1", "vip-route").returncode == 5


def test_an_extension_that_was_killed_is_completed_by_the_next(lab: Lab) -> None:
    """Killed before the equivalency: the lock is cleared away as the message says, and the extension is completed."""
    assert lab.node1.action("create", *CREATE).returncode == 0
    kept = replaced(lab.node1, "eqv_create", "kill -9 $PPID")
    assert lab.node1.ec2kit("extend", "vip-route", "--to", "node2").returncode == 9
    kept.rename(lab.node1.lkroot / "bin/eqv_create")
    for system in ("node1", "node2"):
        refused = lab.node1.ec2kit("extend", "vip-route", "--to", "node2")
        assert refused.returncode == 5
        command = re.search(rf"if it has died: flg_remove -d {system} -f '(.*)'", refused.stderr)
        assert command, refused.stderr
        lab.node1.lk("flg_remove", "-d", system, "-f", command[1]).check_returncode()
    done = lab.node1.ec2kit("extend", "vip-route", "--to", "node2")
    assert done.returncode == 0, done.stderr
    assert lab.node2.lk("dep_list", "-fC").stdout == "ip-vipCvip-route\n"
    assert "node2Cvip-route" in lab.node1.lk("eqv_list", "-fC", "-t", "vip-route").stdout
    assert lab.node1.ec2kit("extend", "vip-route", "--to", "node2").returncode == 0, "as it is asked for"


def test_a_delete_that_was_killed_is_completed_by_the_next(lab: Lab) -> None:
    """node2 is not equivalent any more, but has the instance still: it goes too."""
    assert lab.node1.action("create", *CREATE).returncode == 0
    assert lab.node1.ec2kit("extend", "vip-route", "--to", "node2").returncode == 0
    pair = ("-t", "vip-route", "-S", "node2", "-o", "vip-route", "-e", "SHARED")
    lab.node1.lk("eqv_remove", *pair).check_returncode()
    done = lab.node1.ec2kit("delete", "vip-route", "--yes")
    assert done.returncode == 0, done.stderr
    assert [state(node) for node in lab.nodes.values()] == ["", ""]


@pytest.mark.parametrize("program", ["eqv_list", "dep_list", "sys_list"])
def test_a_delete_that_cannot_read_lifekeepers_lists_does_not_say_deleted(lab: Lab, program: str) -> None:
    """What is in no known form is no answer: 9 or 5, and the peer's instance is not forgotten."""
    assert lab.node1.action("create", *CREATE).returncode == 0
    assert lab.node1.ec2kit("extend", "vip-route", "--to", "node2").returncode == 0
    kept = replaced(lab.node1, program, r"printf '\000\377no table\001\n'")
    done = lab.node1.ec2kit("delete", "vip-route", "--yes")
    assert done.returncode == 9
    assert f"{program} shows something in an unknown form" in done.stderr
    kept.rename(lab.node1.lkroot / "bin" / program)
    assert lab.node1.ec2kit("delete", "vip-route", "--yes").returncode == 0
    assert [state(node) for node in lab.nodes.values()] == ["", ""]


def test_a_delete_whose_instance_stays_does_not_say_deleted(lab: Lab) -> None:
    """ins_remove says that there is nothing to remove, and a look says otherwise."""
    assert lab.node1.action("create", *CREATE).returncode == 0
    kept = replaced(lab.node1, "ins_remove", "exit 7")
    done = lab.node1.ec2kit("delete", "vip-route", "--yes")
    assert done.returncode == 9
    assert "vip-route is still on node1" in done.stderr
    kept.rename(lab.node1.lkroot / "bin/ins_remove")
    assert lab.node1.ec2kit("delete", "vip-route", "--yes").returncode == 0
