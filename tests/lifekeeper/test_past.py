"""What the actions came to, as it is kept on disk."""

from __future__ import annotations

from lab.nodes import Lab
from tests.support.hierarchy import CREATE, ROUTE, protected, status
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
    folder = figure1.node1.root / "var/lib/ec2kit"
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.write_text("")
    done = figure1.node1.action("restore", "-t", ROUTE, "-i", "EC2-10.1.0.10")
    assert done.returncode == 0
    assert "960046:this run is not recorded for 'ec2kit status'" in done.stderr
