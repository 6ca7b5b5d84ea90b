"""What the actions came to, as it is kept on disk."""

from __future__ import annotations

import json

from ec2kit.core import history
from lab.nodes import Lab, Node
from tests.support.hierarchy import CREATE, EIP, ROUTE, protected, status
from tests.support.locks import locked
from tests.support.programs import good


def test_quick_checks_are_remembered_when_they_say_something_new(figure1: Lab) -> None:
    """Ten healthy checks are one line; unknown, and well again, are one each."""
    protected(figure1, ROUTE)
    figure1.node1.set(EC2_MAX_RETRY=0)
    check = ("quickCheck", "-t", ROUTE, "-i", "EC2-10.1.0.10")
    for fault in (None, None, "denied", "denied", None):
        figure1.ec2.mend()
        if fault:
            figure1.ec2.refuse("denied")
        good(figure1.node1.action(*check))
    actions = status(figure1.node1)["node1"]["actions"]
    assert isinstance(actions, list)
    checks = [each["outcome"] for each in actions if each["action"] == "quickCheck"]
    assert checks == ["OK", "UNAVAILABLE", "OK"]


def test_a_history_that_cannot_be_written_costs_nothing_else(figure1: Lab) -> None:
    """The action succeeds as ever; one line says that status will not know of it."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    no_folder(figure1.node1)
    done = figure1.node1.action("restore", "-t", ROUTE, "-i", "EC2-10.1.0.10")
    assert done.returncode == 0
    assert "960046:this run is not recorded in the history" in done.stderr


def no_folder(node: Node) -> None:
    """There is a file where the history's folder should be."""
    folder = node.root / "var/lib/ec2kit"
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.write_text("")


def test_a_lock_on_the_history_holds_nothing_up(figure1: Lab) -> None:
    """Somebody holds it for ever: the run is written down all the same, and a history that is long is cut."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    file = figure1.node1.root / f"var/lib/ec2kit/{ROUTE}.jsonl"
    line = file.read_text()
    file.write_text(line * (history.MOST_BYTES // len(line)))
    with locked(file.parent):
        good(figure1.node1.action("restore", "-t", ROUTE, "-i", "EC2-10.1.0.10"))
    kept = history.entries(file.read_text())
    assert len(kept) == history.KEPT_LINES
    assert kept[-1].action == "restore"


def test_a_history_that_cannot_be_read_leaves_status_its_answer(figure1: Lab) -> None:
    """What EC2 shows is told; what was done before is not, and one line says so."""
    protected(figure1, ROUTE)
    file = figure1.node1.root / f"var/lib/ec2kit/{ROUTE}.jsonl"
    file.unlink()
    file.mkdir()
    part = status(figure1.node1)["node1"]
    assert (part["outcome"], part["actions"]) == ("OK", [])
    done = figure1.node1.ec2kit("status")
    assert f"{file} cannot be read (Is a directory)" in done.stderr


def test_a_history_that_cannot_be_removed_holds_no_deletion_up(figure1: Lab) -> None:
    """The resource goes; one line says what is left."""
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    no_folder(figure1.node1)
    done = figure1.node1.ec2kit("delete", ROUTE)
    assert good(done) is not None
    assert "cannot be removed (Not a directory)" in done.stderr


def test_a_tag_of_any_length_is_created_and_deleted_with_all_that_is_kept_of_it(figure2: Lab) -> None:
    """Its name is longer than a file's can be."""
    tag = "a/" * 128
    node = figure2.node1
    good(node.ec2kit(*CREATE[EIP], "--tag", tag))
    told = json.loads(good(node.ec2kit("status", tag, "--output", "json")))
    assert [each["action"] for each in told["resources"][0]["systems"][0]["actions"]] == ["create"]
    done = node.ec2kit("delete", tag, "--yes")
    good(done)
    assert "cannot be" not in done.stderr
    assert [each for each in (node.root / "var/lib/ec2kit").rglob("*") if each.is_file()] == []
    refused = node.ec2kit(*CREATE[EIP], "--generic", "--tag", "a" * 256)
    assert refused.returncode == 5
    assert "nor be longer than 255 characters" in refused.stderr
