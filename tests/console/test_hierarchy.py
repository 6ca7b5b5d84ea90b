"""The commands of the hierarchy end as every command does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.ec2.vpc import AddressLab
from lab.nodes import Lab
from lab.protected import Protected
from tests.support.hierarchy import ROUTE, protected, states
from tests.support.programs import good

_BUG = """import ipaddress
def refuse(*_):
    raise ZeroDivisionError
ipaddress.IPv4Network.__init__ = refuse
"""


@pytest.mark.executed
def test_what_nobody_has_thought_of_is_told_and_is_no_verdict(figure2: Lab, tmp_path: Path) -> None:
    """A create that meets a bug is an internal error with lines of the log, not a bare traceback and 1."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(_BUG)
    node, vpc = figure2.node1, figure2.vpc
    assert isinstance(vpc, AddressLab)
    words = ("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.public_ip)
    done = node.run(str(node.root / "bin/ec2kit"), *words, environment={"PYTHONPATH": f"{tmp_path / 'hook'}"})
    assert (done.returncode, "ERROR:ec2:create" in done.stderr, "960006:" in done.stderr) == (3, True, True), done
    assert node.lk("ins_list", "-t", f"ec2-{vpc.public_ip}").returncode == 7


def test_in_service_of_what_is_not_there(figure1: Lab) -> None:
    """A person's typo."""
    done = figure1.node1.ec2kit("in-service", "nobody")
    assert done.returncode == 5
    assert 'there is no resource "nobody" on node1' in done.stderr


def test_out_of_service_takes_what_is_above_along(figure1: Lab) -> None:
    """And nothing that is below: the virtual IP alone, or with the EC2 resource under it."""
    protected(figure1, ROUTE)
    node = figure1.node1
    good(node.ec2kit("out-of-service", "ip-vip"))
    assert (states(figure1, "ip-vip")["node1"], states(figure1, ROUTE)["node1"]) == ("OSU", "ISP")
    good(node.ec2kit("in-service", "ip-vip"))
    good(node.ec2kit("out-of-service", ROUTE))
    assert (states(figure1, "ip-vip")["node1"], states(figure1, ROUTE)["node1"]) == ("OSU", "OSU")


def test_properties_tell_nothing_before_they_know_everything(eip: Protected) -> None:
    """A standby whose info field is damaged: 5, why, and no half of a page."""
    eip.lab.node2.lcd("ins_setinfo", "-t", eip.tag, "-v", "damaged")
    pair = ("-S", "node2", "-o", eip.tag, "-e", "SHARED")
    eip.lab.node1.lcd("eqv_create", "-t", eip.tag, "-p", "1", *pair, "-r", "10")
    done = eip.lab.node1.ec2kit("properties", eip.tag)
    assert (done.returncode, done.stdout) == (5, "")
    assert "info field" in done.stderr.splitlines()[-1]
