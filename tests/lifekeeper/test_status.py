"""`ec2kit status`: what is so, and since when, from every system."""

from __future__ import annotations

import time

from ec2kit.core.errors import ExitCode
from ec2kit.lifekeeper.history import Entry
from ec2kit.lifekeeper.status import Part
from lab.nodes import Lab
from lab.protected import eni_of
from tests.support.hierarchy import ROUTE, protected, status
from tests.support.programs import good


def test_status_tells_what_is_so_and_since_when(figure1: Lab) -> None:
    """Held, lost, unknown, from either system; the last actions with result and duration."""
    protected(figure1, ROUTE)
    began = time.time()
    good(figure1.node2.ec2kit("in-service", "ip-vip"))
    for node in (figure1.node1, figure1.node2):
        told = status(node)
        assert (told["node1"]["verdict"], told["node2"]["verdict"]) == ("not here", "held")
        since = told["node2"]["since"]
        assert isinstance(since, float)
        assert began < since < time.time()
        actions = told["node2"]["actions"]
        assert isinstance(actions, list)
        assert [(each["action"], each["outcome"]) for each in actions] == [("extend", "OK"), ("restore", "OK")]
        assert 0 < actions[-1]["seconds"] < 60
    text = good(figure1.node1.ec2kit("status", ROUTE))
    assert "node2 eth1" in text
    assert "\x1b" not in text, "colour is for a terminal"

    figure1.ec2.truth().replace_route(
        RouteTableId=figure1.vpc.tables["A"],
        DestinationCidrBlock="10.1.0.10/32",
        NetworkInterfaceId=eni_of(figure1, "node1"),
    )
    told = status(figure1.node1, code=1)
    assert told["node2"]["verdict"] == "lost"
    assert figure1.vpc.tables["A"] in str(told["node2"]["why"])
    shown = figure1.node1.ec2kit("status")
    assert "lost" in shown.stdout
    assert "node1 eth1" in shown.stdout

    figure1.node2.set(EC2_MAX_RETRY=0)
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    told = status(figure1.node1, code=9)
    assert told["node2"]["verdict"] == "unknown"
    assert "Allow ec2:DescribeRouteTables" in str(told["node2"]["why"])
    figure1.ec2.mend()
    good(figure1.node1.lk("lksystem", "down", "node2"))
    told = status(figure1.node1, code=9)
    assert (told["node2"]["state"], told["node2"]["verdict"]) == ("-", "unknown")
    nobody = figure1.node1.ec2kit("status", "nobody", "--output", "json")
    assert (nobody.returncode, nobody.stdout) == (5, "")


def test_a_part_of_a_newer_version_is_read() -> None:
    """A kind of view, an exit code and keys that this version does not know: the rest of the part is told."""
    restore = {"at": 1.0, "action": "restore", "code": 0, "seconds": 0.5, "what": "held", "outcome": "OK"}
    told = {
        "system": "node2",
        "state": "ISP",
        "switchback": "automatic",
        "verdict": "held, with a reserve",
        "outcome": "SPARE",
        "since": 12.5,
        "interface": "eth1",
        "view": {"kind": "ipv6", "prefix": "fd00::/64", "eni": "eni-1"},
        "actions": [restore | {"code": 77, "outcome": "SPARE"}, restore | {"more": [1]}, {"newer": True}],
        "reserve": {"eni": "eni-2"},
    }
    assert Part.of_json(told) == Part(
        "node2",
        "ISP",
        switchback="automatic",
        verdict="held, with a reserve",
        outcome="SPARE",
        since=12.5,
        interface="eth1",
        actions=(Entry(1.0, "restore", ExitCode.OK, 0.5, "held"),),
    )
