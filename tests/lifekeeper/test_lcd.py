"""LifeKeeper's programs, as they answer and as they do not; each is an executable."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest

from ec2kit.core.errors import DeadlineExceeded, Misconfigured, Unavailable
from ec2kit.host.deadline import Deadline
from ec2kit.lifekeeper.lcd import Lcd
from lab.protected import SLACK

ROW = "node1\\001comm\\001ec2\\001ec2-x\\001EC2-10.1.0.10\\001ec2kit=1 kind=route\\001ISP\\001more\\n"


@pytest.fixture
def lkroot(tmp_path: Path) -> Path:
    """An LKROOT without programs."""
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(lkroot: Path, name: str, body: str) -> None:
    """Put a program there."""
    path = lkroot / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def lcd(lkroot: Path, seconds: float = 10) -> Lcd:
    """The kit's access to it."""
    return Lcd(str(lkroot), Deadline(seconds))


def test_an_instance_is_read_field_by_field(lkroot: Path) -> None:
    """Seven fields between separators; later ones are not known and not used."""
    program(lkroot, "ins_list", f"printf '{ROW}'")
    found = lcd(lkroot).instance("ec2-x")
    assert found is not None
    assert (found.system, found.app, found.type, found.state) == ("node1", "comm", "ec2", "ISP")
    assert found.info == "ec2kit=1 kind=route"
    assert found.switchback == "unknown", "what stands there is no switchback type"
    program(lkroot, "ins_list", f"printf '{ROW.replace('more', 'AUTOMATIC')}'")
    (listed,) = lcd(lkroot).instances("comm", "ec2")
    assert (listed.tag, listed.switchback) == ("ec2-x", "automatic")
    program(lkroot, "ins_list", "exit 7")
    assert lcd(lkroot).instances("comm", "ec2") == []
    program(lkroot, "ins_list", "echo garbage")
    with pytest.raises(Unavailable, match="unknown form"):
        lcd(lkroot).instances("comm", "ec2")


def test_relations_are_read_as_far_as_they_are_known(lkroot: Path) -> None:
    """The other system and tag are certain; priorities are unknown where they are not numbers in their place."""
    row = "node1\\001ec2-x\\001node2\\001ec2-y\\001SHARED"
    program(lkroot, "eqv_list", f"printf '{row}\\0013\\00120\\n{row}\\n{row}\\001x\\001y\\n'")
    found = lcd(lkroot).equivalents("ec2-x", system="node1")
    assert [(each.system, each.tag) for each in found] == [("node2", "ec2-y")] * 3
    assert [(each.priority, each.other_priority) for each in found] == [(3, 20), (None, None), (None, None)]
    assert lcd(lkroot).equivalents("ec2-x", system="node9") == [], "another system's row"
    program(lkroot, "dep_list", "printf 'parent\\001ec2-x\\n'")
    assert lcd(lkroot).parents("ec2-x", system="node1") == ["parent"]
    assert lcd(lkroot).children("parent", system="node1") == ["ec2-x"]
    for name, read in (("eqv_list", "equivalents"), ("dep_list", "parents")):
        program(lkroot, name, "echo noise")
        with pytest.raises(Unavailable, match=f"{name} shows something in an unknown form"):
            getattr(lcd(lkroot), read)("ec2-x", system="node1")
        program(lkroot, name, "exit 7")
    assert not lcd(lkroot).equivalents("ec2-x", system="node1")
    assert not lcd(lkroot).parents("ec2-x", system="node1")


def test_exit_code_7_is_no_instance(lkroot: Path) -> None:
    """Does not exist: an answer, not an error."""
    program(lkroot, "ins_list", "exit 7")
    assert lcd(lkroot).instance("ec2-x") is None


@pytest.mark.parametrize("output", ["", "garbage", "a\\001b\\001c", ROW.replace("ec2-x", "other"), "\\377\\376"])
def test_garbage_is_unavailable(lkroot: Path, output: str) -> None:
    """Exit code 0 with something else is no answer."""
    program(lkroot, "ins_list", f"printf '{output}'")
    with pytest.raises(Unavailable, match="does not show ec2-x"):
        lcd(lkroot).instance("ec2-x")


def test_other_exit_codes_are_unavailable(lkroot: Path) -> None:
    """9: the other system was not reached."""
    program(lkroot, "ins_list", "exit 9")
    with pytest.raises(Unavailable, match="exit code 9"):
        lcd(lkroot).instance("ec2-x")


def test_a_missing_program_is_misconfigured(lkroot: Path) -> None:
    """LKROOT is wrong, or LifeKeeper is not there."""
    with pytest.raises(Misconfigured, match="cannot be run"):
        lcd(lkroot).instance("ec2-x")
    with pytest.raises(Misconfigured, match="cannot be run"):
        lcd(lkroot).send_event("ec2-x")


def test_a_program_that_hangs_is_ended_with_its_children(lkroot: Path) -> None:
    """Within the deadline; nothing of it is left behind."""
    program(lkroot, "ins_list", f"(sleep 5; touch {lkroot}/alive) & wait")
    began = time.monotonic()
    with pytest.raises((Unavailable, DeadlineExceeded)):
        lcd(lkroot, seconds=0.5).instance("ec2-x")
    assert time.monotonic() - began < 0.5 + SLACK
    time.sleep(5.2)
    assert not (lkroot / "alive").exists()


def test_output_that_a_daemon_keeps_open_holds_nothing_up(lkroot: Path) -> None:
    """The program has ended, and what it left behind is in a session of its own."""
    program(lkroot, "ins_list", "setsid sleep 8 & exit 0")
    began = time.monotonic()
    with pytest.raises((Unavailable, DeadlineExceeded)):
        lcd(lkroot, seconds=1).instance("ec2-x")
    assert time.monotonic() - began < 1 + SLACK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the child is left to itself
def test_an_event_is_sent_and_its_recovery_goes_on_without_us(lkroot: Path) -> None:
    """sendevent runs the recovery: quickCheck does not wait for it, and does not end it."""
    program(lkroot, "sendevent", f'sleep 7; echo "$*" > {lkroot}/done')
    began = time.monotonic()
    lcd(lkroot).send_event("ec2-x")
    assert time.monotonic() - began < 7
    time.sleep(4.5)
    gc.collect()
    assert (lkroot / "done").read_text() == "-C ec2 -E ec2fail -m ec2kit -n ec2-x\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_event_is_sent_even_when_the_time_is_just_up(lkroot: Path) -> None:
    """A loss that was proven in the last moment stays proven."""
    program(lkroot, "sendevent", f'echo "$*" > {lkroot}/done')
    late = lcd(lkroot, seconds=0.001)
    time.sleep(0.01)
    late.send_event("ec2-x")
    time.sleep(1)
    gc.collect()
    assert (lkroot / "done").exists()


def test_an_event_that_is_refused_is_told(lkroot: Path) -> None:
    """The exit code of quickCheck alone must do then."""
    program(lkroot, "sendevent", "exit 5")
    with pytest.raises(Unavailable, match="sendevent failed with exit code 5"):
        lcd(lkroot).send_event("ec2-x")
