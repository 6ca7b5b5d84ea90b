"""The doctor's questions: what does not answer is unknown, and holds up nothing."""

from __future__ import annotations

import time

import pytest

from ec2kit.core.doctor.asked import Output
from ec2kit.core.doctor.finding import Case, Check, Result
from ec2kit.core.kinds.facts import Facts
from ec2kit.core.settings import Settings
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.verbs import doctor
from ec2kit.verbs.run import Run


def test_one_answer_does_not_take_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question without an answer is given up after a while of its own, long before the run's end."""
    monkeypatch.setattr(doctor, "_PATIENCE", 0.2)

    def rule(_case: Case, facts: Facts) -> str:
        return str(facts.of(Output(("sleep", "3"))))

    began = time.monotonic()
    run = Run(Settings(), Deadline(100), Journal("doctor", "x"))
    (found,) = doctor.examine(Case(None, Settings()), [Check("SLOW", 1, "host", "", rule)], run)
    assert (found.result, time.monotonic() - began < 2) == (Result.UNKNOWN, True)
