"""What watches a resource tells a change, then one line each ten minutes: two hours without EC2 fill no log."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lab.ec2.vpc import RouteLab
from lab.protected import Protected

Watch = Callable[[Protected], CompletedProcess[str]]


def quick_check(made: Protected) -> CompletedProcess[str]:
    """LifeKeeper's."""
    return made.run("quickCheck", made.lab.node1)


def monitor(made: Protected) -> CompletedProcess[str]:
    """Pacemaker's recurring one."""
    vpc = made.lab.vpc
    kind, address = (
        ("route", {"ip": vpc.vip}) if isinstance(vpc, RouteLab) else ("eip", {"elastic_ip": vpc.public_ip})
    )
    given = {f"OCF_RESKEY_{name}": value for name, value in {**address, "interface": "eth1"}.items()}
    return made.lab.node1.ocf(
        kind, "monitor", OCF_RESOURCE_INSTANCE="vip", OCF_RESKEY_CRM_meta_interval="10000", **given
    )


def said_file(made: Protected) -> Path:
    """Where that node keeps what its runs have told."""
    (found,) = [path for path in made.lab.node1.root.rglob("*said") if path.is_file()]
    return found


@pytest.fixture(params=[quick_check, monitor])
def watch(request: pytest.FixtureRequest) -> Watch:
    """Both ways, one after the other."""
    found: Watch = request.param
    return found


@pytest.fixture
def away(both: Protected) -> Protected:
    """An EC2 that nobody reaches."""
    both.lab.node1.set(EC2_MAX_RETRY=0)
    both.lab.ec2.refuse("reset")
    return both


def test_an_outage_is_told_once_then_each_ten_minutes(away: Protected, watch: Watch) -> None:
    """With a count; and that it is over."""
    first, *others = [watch(away) for _ in range(4)]
    assert ":960004:" in first.stderr
    assert [each.stderr for each in others] == ["", "", ""]
    assert [each.returncode for each in (first, *others)] == [0, 0, 0, 0]
    file = said_file(away)
    earlier = re.sub(
        r"\[([0-9.]+), ([0-9.]+), ", lambda so: f"[{float(so[1])}, {float(so[2]) - 601}, ", file.read_text()
    )
    file.write_text(earlier)
    (line,) = watch(away).stderr.splitlines()
    assert re.search(r":960004:.* \(5 times since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)$", line)
    assert watch(away).stderr == ""
    away.lab.ec2.mend()
    (line,) = watch(away).stderr.splitlines()
    assert re.search(r"NOTIFY:.*:960016:there is an answer again, after 6 runs without one since \d", line)
    assert watch(away).stderr == ""
    assert not file.exists()


def test_another_cause_is_told_at_once(away: Protected, watch: Watch) -> None:
    """Each cause for itself, also when they alternate."""
    assert "no usable answer" in watch(away).stderr
    away.lab.ec2.mend()
    away.lab.ec2.refuse("denied")
    assert "UnauthorizedOperation" in watch(away).stderr
    away.lab.ec2.mend()
    away.lab.ec2.refuse("reset")
    assert watch(away).stderr == ""


def test_a_setting_that_is_wrong_is_not_told_by_each_run(both: Protected, watch: Watch) -> None:
    """A healthy run has warnings, too."""
    both.lab.node1.set(EC2_MAX_RETRY="many")
    assert watch(both).stderr.count(":960010:") == 1
    assert watch(both).stderr == ""


def test_a_proven_loss_is_told_by_each_run(both: Protected, watch: Watch) -> None:
    """A failure without a reason would be worse than a long log."""
    both.run("restore", both.lab.node2).check_returncode()
    for _ in range(2):
        done = watch(both)
        assert done.returncode != 0
        assert ":960003:" in done.stderr


@pytest.mark.parametrize("trouble", ["damaged", "a folder"])
def test_what_has_been_told_is_advice(away: Protected, watch: Watch, trouble: str) -> None:
    """Where it cannot be read or written each run tells all."""
    watch(away)
    file = said_file(away)
    if trouble == "damaged":
        file.write_text("{damaged")
    else:
        file.unlink()
        file.mkdir()
    assert ":960004:" in watch(away).stderr
    assert (watch(away).stderr == "") == (trouble == "damaged")


def test_a_stop_that_tries_again_and_again_tells_each_cause_once(eip: Protected) -> None:
    """Within one run."""
    node, vpc = eip.lab.node1, eip.lab.vpc
    eip.lab.ec2.refuse("denied", "DisassociateAddress")
    given = {"OCF_RESKEY_elastic_ip": vpc.public_ip, "OCF_RESKEY_interface": "eth1"}  # type: ignore[union-attr]
    done = node.ocf("eip", "stop", OCF_RESOURCE_INSTANCE="vip", OCF_RESKEY_CRM_meta_timeout="12000", **given)
    assert done.returncode == 1
    asked = sum(call.action == "DisassociateAddress" for call in eip.lab.ec2.calls)
    assert asked > 2
    told = [line for line in done.stderr.splitlines() if ":960022:" in line or ":960024:" in line]
    assert len(told) == 2, "the step that was refused, and that it is tried again"
