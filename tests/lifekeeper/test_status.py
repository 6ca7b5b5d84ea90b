"""`ec2kit status`: what is so, and since when, from every system."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from ec2kit.core import history
from ec2kit.core.errors import ExitCode
from ec2kit.core.history import Entry
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.serving import Word
from ec2kit.lifekeeper.info import Info, encode
from ec2kit.lifekeeper.status import Advice, Part, Relative, Status
from lab.nodes import Lab
from lab.protected import eni_of
from tests.support.hierarchy import EIP, ROUTE, protected, status
from tests.support.programs import good, replaced


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
    shown = figure1.node1.ec2kit("status", "--long")
    assert shown.stdout.startswith(f"OUTAGE: {ROUTE} is in service on node2, but lost to eni-")
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


def part(system: str, state: str, verdict: str = "not here", *actions: Entry, **more: Any) -> Part:
    """What a system tells."""
    return Part(system, state, verdict=verdict, actions=actions, **more)


def done(at: float, action: str, code: ExitCode = ExitCode.OK) -> Entry:
    """A recorded action."""
    return Entry(at, action, code, 0.5, "it was so")


HELD, OSU1, OSU2 = part("node1", "ISP", "held"), part("node1", "OSU"), part("node2", "OSU")
SILENT = part("node2", "-")
OSF = part("node1", "OSF", "not here", done(5, "restore", ExitCode.NOT_HELD))
OUT = part("node1", "OSU", "not here", done(6, "remove"), done(7, "out-of-service"))
REMOVED = part("node1", "OSU", "not here", done(7, "remove"))  # by whom, nobody knows
ABOVE = (Relative("ip-vip", "OSU"),)


@pytest.mark.parametrize(
    ("parts", "word", "said"),
    [
        ([HELD, OSU2], Word.SERVED, "is served: route 10.1.0.10/32 is held by node1"),
        ([OSU1, part("node2", "ISP", "held")], Word.SERVED, "held by node2"),
        ([part("node1", "ISP", "lost", why="gone."), OSU2], Word.OUTAGE, "on node1, but lost: gone."),
        ([part("node1", "ISP", "unknown", why="denied."), OSU2], Word.UNKNOWN, "not known: denied."),
        ([OSU1, OSU2], Word.OUTAGE, "is in service nowhere (OSU on node1, OSU on node2)"),
        ([OSF, OSU2], Word.OUTAGE, "the last that was done: restore on node1: it was so"),
        ([part("node1", "OSU", "held, but out of service"), OSU2], Word.OUTAGE, "is in service nowhere"),
        ([OUT, OSU2], Word.STOPPED, "taken out on node1"),
        ([replace(OUT, actions=(*OUT.actions, done(9, "in-service"))), OSU2], Word.OUTAGE, "done: in-service on"),
        ([REMOVED, OSU2], Word.OUTAGE, "done: remove on node1"),
        (
            [replace(HELD, actions=(done(9, "out-of-service"),), parents=(Relative("ip-vip", "OSF"),))],
            Word.OUTAGE,
            "not in service: ip-vip (OSF)",
        ),
        ([replace(HELD, parents=(*ABOVE, Relative("app", "ISP")))], Word.SERVED, "is served"),
        ([OUT, part("node2", "OSF", "not here", done(8, "restore"))], Word.OUTAGE, "is in service nowhere"),
        ([OUT, part("node2", "OSU", "not here", done(8, "restore"))], Word.OUTAGE, "done: restore on node2"),
        ([OSU1, SILENT], Word.UNKNOWN, "and node2 cannot be asked"),
        ([HELD, SILENT], Word.SERVED, "; node2 cannot be asked"),
        ([replace(HELD, parents=ABOVE)], Word.OUTAGE, "what stands on it is not in service: ip-vip (OSU)"),
        (
            [replace(HELD, actions=(done(9, "out-of-service"),), parents=ABOVE)],
            Word.STOPPED,
            "is out of service (it was so)",
        ),
        (
            [HELD, replace(OSU2, doctor=Advice(1.0, "NOT_HELD"))],
            Word.SERVED,
            "; node2 could not take it, as ec2kit doctor has found there at ",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_outage_is_told(parts: list[Part], word: Word, said: str) -> None:
    """Nowhere, lost, or with nothing on it; not where the last that was done took it out of service."""
    found = Status("ec2-ip-vip", "route 10.1.0.10/32", "comm/ec2", tuple(parts)).serving
    assert found.word is word
    assert said in found.what + found.why


def test_what_is_told_of_a_hierarchy(figure1: Lab) -> None:
    """Out of service by a person, failed, the virtual IP alone out; asked by the IP's tag, too."""
    protected(figure1, ROUTE)
    node = figure1.node1
    assert node.ec2kit("status").returncode == 0
    under = node.ec2kit("status", "ip-vip")
    assert (under.returncode, under.stdout.startswith(f"{ROUTE} is served: ")) == (0, True)
    assert node.ec2kit("status", "nobody").returncode == 5
    good(node.ec2kit("out-of-service", "ip-vip"))
    assert good(node.ec2kit("status")).startswith(f"{ROUTE} is out of service since ")
    good(node.lk("ins_setstate", "-t", ROUTE, "-S", "OSF"))
    failed = figure1.node2.ec2kit("status")
    assert (failed.returncode, failed.stdout.startswith(f"OUTAGE: {ROUTE} is in service nowhere (")) == (1, True)
    assert failed.stdout.splitlines()[-1] == "To bring it in service here: ec2kit in-service ip-vip."
    good(figure1.node2.ec2kit("in-service", "ip-vip"))
    good(figure1.node2.lk("ins_setstate", "-t", "ip-vip", "-S", "OSU"))
    above = node.ec2kit("status")
    assert (above.returncode, "serves nobody" in above.stdout) == (1, True)
    assert "ec2kit in-service ip-vip" in above.stdout.splitlines()[-1]


def test_an_elastic_ip_on_nothing(figure2: Lab) -> None:
    """In service nowhere: 1."""
    protected(figure2, EIP, "--interface", "eth1")
    good(figure2.node1.ec2kit("release", "eip", "203.0.113.10", "--interface", "eth1"))
    lost = figure2.node2.ec2kit("status")
    assert (lost.returncode, lost.stdout.startswith(f"OUTAGE: {EIP} is in service on node1, but lost")) == (1, True)
    good(figure2.node1.lk("ins_setstate", "-t", EIP, "-S", "OSU"))
    assert figure2.node2.ec2kit("status").returncode == 1


def test_what_the_doctor_has_found_is_kept(figure1: Lab) -> None:
    """A standby that could not take the address: told by status, with when."""
    protected(figure1, ROUTE)
    figure1.ec2.refuse("denied", "ReplaceRoute")
    assert figure1.node2.ec2kit("doctor", ROUTE).returncode == 1
    figure1.ec2.mend()
    shown = good(figure1.node1.ec2kit("status"))
    assert "; node2 could not take it, as ec2kit doctor has found there at 20" in shown
    assert figure1.node2.ec2kit("doctor", ROUTE).returncode == 0
    assert "could not" not in good(figure1.node1.ec2kit("status"))


def test_two_hundred_are_one_look(figure1: Lab) -> None:
    """Pages, one call for the interfaces, and no more; a line when all is well, else the trouble first."""
    node, vpc, truth = figure1.node1, figure1.vpc, figure1.ec2.truth()
    tables = [vpc.tables[name] for name in ("A", "B")]
    for number in range(200):
        destination = f"10.1.1.{number}/32"
        for table in tables:
            truth.create_route(
                RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=eni_of(figure1, "node1")
            )
        resource = RouteResource(IPv4Address(f"10.1.1.{number}"), "eth1")
        which = ("-a", "comm", "-r", "ec2", "-t", f"ec2-{number}", "-i", f"EC2-10.1.1.{number}")
        node.lcd("ins_create", *which, "-I", "INIT_ISP", "-v", encode(Info(resource)))
    figure1.ec2.forget()
    assert good(node.ec2kit("status")) == "All 200 addresses are served (node1 200).\n"
    assert sorted(call.action for call in figure1.ec2.calls) == ["DescribeNetworkInterfaces", "DescribeRouteTables"]
    truth.delete_route(RouteTableId=tables[0], DestinationCidrBlock="10.1.1.77/32")
    truth.delete_route(RouteTableId=tables[1], DestinationCidrBlock="10.1.1.77/32")
    figure1.ec2.forget()
    lost = node.ec2kit("status")
    lines = lost.stdout.splitlines()
    assert (lost.returncode, lines[0]) == (1, "OUTAGE: 1 of 200 is not served: ec2-77.")
    assert lines[1].startswith("outage  ec2-77  route 10.1.1.77/32  node1 ISP")
    assert lines[-1] == "200 addresses: 1 outage, 199 served."
    assert len(lines) < 6
    assert len(figure1.ec2.calls) == 2 + 3, "the loss is looked at twice, alone"


def test_what_does_not_answer_hides_nothing(figure1: Lab) -> None:
    """The other system hangs, Pacemaker fails, EC2 hangs: what is known all the same is told, and an outage is 1."""
    protected(figure1, ROUTE)
    node = figure1.node1
    node.set(EC2_QUICKCHECK_TIMEOUT=6)
    replaced(node, "lcdremexec", "exec sleep 60")
    assert "; node2 cannot be asked" in good(node.ec2kit("status"))
    cibadmin = node.root / "bin/cibadmin"
    cibadmin.write_text("#!/bin/sh\nexit 1\n")
    cibadmin.chmod(0o755)
    silent = node.ec2kit("status", "--here")
    assert (silent.returncode, silent.stdout.startswith(f"{ROUTE} is served")) == (0, True)
    good(node.lk("ins_setstate", "-t", "ip-vip", "-S", "OSU"))
    outage = node.ec2kit("status")
    assert (outage.returncode, "Pacemaker does not tell" in outage.stdout) == (1, True), outage
    cibadmin.unlink()
    figure1.ec2.refuse("hang")
    hanging = node.ec2kit("status", "--here")
    assert (hanging.returncode, hanging.stdout.startswith("UNKNOWN: ")) == (9, True), hanging
    figure1.ec2.mend()


def test_times_that_are_none() -> None:
    """A time outside of every calendar, from another system or a damaged file, is left out or a dash."""
    told = {"system": "node2", "state": "OSU", "verdict": "not here", "doctor": {"at": 1e300, "outcome": "NOT_HELD"}}
    found = Status("t", "route 10.1.0.10/32", "comm/ec2", (HELD, Part.of_json(told))).serving
    assert "has found there at -" in found.why
    line = {"at": 1e300, "action": "restore", "code": 0, "seconds": 1, "what": "x"}
    assert history.of_json(line) is None
