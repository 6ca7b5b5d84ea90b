"""When looks prove that all is right."""

from __future__ import annotations

from ec2kit.core.evidence import CONFIRM_PAUSE, Evidence


def test_what_looks_right_at_once_is_looked_at_twice() -> None:
    """So long apart that a look which is old by less shows the second time what is so."""
    seen = Evidence()
    seen.saw({"rtb-1"}, 10.0, 10.2)
    assert seen.pause(10.2) == CONFIRM_PAUSE
    seen.saw({"rtb-1"}, 10.4, 10.6)
    assert seen.pause(10.6) == 10.2 + CONFIRM_PAUSE - 10.6
    seen.saw({"rtb-1"}, 10.2 + CONFIRM_PAUSE, 12.0)
    assert seen.pause(12.0) is None


def test_the_pause_is_between_the_looks() -> None:
    """One that waited for its answer may show what was so at its end: a second one right behind it proves nothing."""
    seen = Evidence()
    seen.saw({"rtb-1"}, 10.0, 30.0)
    seen.saw({"rtb-1"}, 30.1, 30.2)
    assert seen.pause(30.2) == 30.0 + CONFIRM_PAUSE - 30.2
    assert seen.pause(40.0) == 0, "another look is still to come"


def test_what_this_run_has_changed_is_believed_at_once() -> None:
    """A takeover costs no pause."""
    seen = Evidence()
    seen.saw((), 10.0, 10.1)
    seen.changed(["rtb-1", "rtb-2"])
    seen.saw({"rtb-1", "rtb-2"}, 10.2, 10.3)
    assert seen.pause(10.3) is None


def test_it_is_each_entry_that_is_proven() -> None:
    """One table was wrong and has been moved; the other has looked right from the beginning."""
    seen = Evidence()
    seen.saw({"rtb-2"}, 10.0, 10.1)
    seen.changed(["rtb-1"])
    seen.saw({"rtb-1", "rtb-2"}, 10.2, 10.3)
    assert seen.pause(10.3)
    seen.saw({"rtb-1", "rtb-2"}, 11.2, 11.3)
    assert seen.pause(11.3) is None


def test_an_entry_that_was_wrong_in_between_begins_anew() -> None:
    """Right, wrong, right is not right twice; nor does a change that was undone count any more."""
    seen = Evidence()
    seen.saw({"rtb-1"}, 10.0, 10.1)
    seen.saw((), 10.5, 10.6)
    seen.saw({"rtb-1"}, 11.5, 11.6)
    assert seen.pause(11.6) == CONFIRM_PAUSE
    seen.changed(["rtb-1"])
    seen.saw((), 11.7, 11.8)
    seen.saw({"rtb-1"}, 11.9, 12.0)
    assert seen.pause(12.0) == CONFIRM_PAUSE
