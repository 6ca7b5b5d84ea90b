"""The commands of the hierarchy end as every command does."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--type", "route-table", "--ip-resource", "ip-vip", "--server", "node9"),
        ("unextend", ROUTE, "--from", "node9"),
        ("extend", ROUTE, "--to", "node9"),
        ("info", ROUTE, "--template", "node9"),
    ],
)
def test_a_system_that_is_not_there(figure1: Lab, words: tuple[str, ...]) -> None:
    """The names that there are."""
    good(figure1.node1.ec2kit("create", "--type", "route-table", "--ip-resource", "ip-vip"))
    done = figure1.node1.ec2kit(*words)
    assert done.returncode == 5
    assert re.search("node9 is not .* system of this cluster. Name one of: (node1 )?node2", done.stderr), done.stderr


@pytest.mark.parametrize("verb", ["status", "choices", "in-service", "create"])
def test_settings_that_are_not_used_are_the_first_thing_told(figure1: Lab, verb: str) -> None:
    """Others can write in the file: each command says so before anything else."""
    figure1.node1.defaults.chmod(0o666)
    words = {"in-service": ("ip-vip",), "create": ("--type", "route-table", "--ip-resource", "ip-vip")}
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": figure1.node1.imds.url, "LKROOT": "/nonexistent"}
    node = figure1.node1
    done = node.run(str(node.root / "bin/ec2kit"), verb, *words.get(verb, ()), environment=environment)
    assert f":960011:{node.defaults} cannot be read" in done.stderr.splitlines()[0], done.stderr


def test_create_tells_once_where_this_node_is(figure1: Lab) -> None:
    """No interface is named, and the address is on another than that of the default route."""
    done = figure1.node1.ec2kit("create", "--type", "route-table", "--ip-resource", "ip-vip")
    (line,) = [line for line in done.stderr.splitlines() if ":960020:" in line or ":960043:" in line]
    assert "route 10.1.0.10/32 is on this node now, and its interface is used: eth1 (eni-" in line


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
