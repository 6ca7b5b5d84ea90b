"""The units for systemd, read as text: times, exit codes, paths. tests/packets/systemd.py runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ec2kit.console.cli import parser
from ec2kit.core.errors import ExitCode
from ec2kit.core.settings import Settings
from ec2kit.host import guard
from ec2kit.verbs.process import GRACE, LAST_WORDS
from installer.target import Target
from lab import PROJECT

UNITS = PROJECT / "etc/systemd"
HOLD, CHECK = UNITS / "ec2kit@.service", UNITS / "ec2kit-check@.service"
_UNIT = ("Type", "RemainAfterExit", "ExecStart", "ExecStop", "TimeoutStartSec", "TimeoutStopSec", "SuccessExitStatus")
OWN = {*_UNIT, "LogLevelMax"}  # what the two services do not share


def values(unit: Path) -> dict[str, list[str]]:
    """Each setting of a unit with its values."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("unit", "does", "limit", "verb"),
    [
        (HOLD, "ExecStart", "TimeoutStartSec", "hold"),
        (HOLD, "ExecStop", "TimeoutStopSec", "release"),
        (CHECK, "ExecStart", "TimeoutStartSec", "check"),
    ],
)
def test_a_run_ends_by_itself_before_systemd_ends_it(unit: Path, does: str, limit: str, verb: str) -> None:
    """With all that the kit adds to its time; no shell, the whole path, and options that there are."""
    (command,), (most,) = values(unit)[does], values(unit)[limit]
    program, *words = command.split(" ")
    assert program == f"{Target.prefix}/bin/ec2kit"
    assert words[1] == "$EC2KIT_ADDRESS"
    options = parser().parse_args([words[0], "route", "10.1.0.10", "--timeout", "9999", *words[2:]])
    assert (options.verb, options.quiet) == (verb, True)
    assert options.timeout + GRACE + LAST_WORDS + guard.HEARING < int(most)


def test_only_evidence_and_a_person_s_part_fail_a_check() -> None:
    """That nothing is known is the one exit code which does not fail a check; a start fails by each but 0."""
    assert [int(value) for value in values(CHECK)["SuccessExitStatus"]] == [ExitCode.UNAVAILABLE]
    assert "SuccessExitStatus" not in values(HOLD)


def test_both_may_do_the_same_and_write_where_the_kit_does() -> None:
    """And the check stops before the release begins."""
    hold, check = values(HOLD), values(CHECK)
    shared = [{name: each[name] for name in each if name not in OWN} for each in (hold, check)]
    for each in shared:
        for name in ("Description", "After", "Wants", "WantedBy", "PartOf"):
            each.pop(name, None)
    assert shared[0] == shared[1]
    assert f"/var/lib/{hold['StateDirectory'][0]}" == Settings.ec2kit_history
    assert check["PartOf"] == ["ec2kit@%i.service"]
    assert "ec2kit@%i.service" in check["After"][0].split()
