"""A big account: 500 route tables, one with 1,000 entries, 200 Elastic IPs. A look costs pages, and little memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import PROJECT
from lab.ec2.vpc import RouteLab
from lab.nodes import Node, address_lab, route_lab
from lab.protected import Protected, protect
from tests.support.account import drop_entry

TABLES, PAGE, ENTRIES, ADDRESSES = 500, 100, 1_000, 200
MOST_MB = 64
LAUNCH = PROJECT / "bench/launch.py"  # small, so that the process that it measures begins small
_MAIN = "import sys; sys.path.insert(0, {!r}); from ec2kit.__main__ import main; main()"


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """500 tables in the VPC, of which 3 have our entry; the first of them has 1,000 entries."""
    with route_lab(tmp_path_factory.mktemp("big"), tables=3) as lab:
        assert isinstance(lab.vpc, RouteLab)
        truth = lab.ec2.truth()
        for _ in range(TABLES - len(lab.vpc.tables)):
            truth.create_route_table(VpcId=lab.vpc.vpc)
        eni = lab.node1.identity.interfaces[1].eni
        table = lab.vpc.tables["A"]
        has = len(truth.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"])
        for number in range(ENTRIES - has):
            destination = f"172.16.{number // 256}.{number % 256}/32"
            truth.create_route(RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=eni)
        yield protect(lab)


@pytest.fixture(scope="module")
def many_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """200 Elastic IPs on the account."""
    with address_lab(tmp_path_factory.mktemp("addresses")) as lab:
        for _ in range(ADDRESSES - 2):
            lab.ec2.truth().allocate_address(Domain="vpc")
        yield protect(lab)


def asked(protected: Protected, verb: str, node: Node, code: int = 0) -> dict[str, int]:
    """Run a verb; its calls, by name."""
    protected.lab.ec2.forget()
    done = protected.verb(verb, node)
    assert done.returncode == code, done.stderr
    return dict(Counter(call.action for call in protected.lab.ec2.calls))


@pytest.fixture
def lost(big: Protected) -> Iterator[Protected]:
    """All of ours have lost the entry, so that a look must read every table."""
    saved = big.lab.ec2.save()
    for name in ("A", "B", "C1"):
        drop_entry(big.lab, name)
    yield big
    big.lab.ec2.restore(saved)


def test_a_look_at_500_tables_is_one_call(big: Protected) -> None:
    """EC2 sends the three with our entry alone."""
    assert asked(big, "check", big.lab.node1) == {"DescribeRouteTables": 1, "DescribeNetworkInterfaces": 1}
    whose = {"DescribeInstances": 1}
    assert asked(big, "plan", big.lab.node2) == {"DescribeRouteTables": 1, "DescribeNetworkInterfaces": 1} | whose


def test_a_look_that_must_read_them_all_is_five_pages(lost: Protected) -> None:
    """One filtered call that finds none, and then a call for each 100 tables."""
    pages = TABLES // PAGE
    assert asked(lost, "plan", lost.lab.node1, 0)["DescribeRouteTables"] == 1 + pages


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The kit as install leaves it, with EC2's description cut down, and without that."""
    made = {}
    for name in ("cut down", "whole"):
        made[name] = tmp_path_factory.mktemp("kit")
        shutil.copytree(PROJECT / "ec2kit", made[name] / "ec2kit", ignore=shutil.ignore_patterns("shapes.d"))
    write = [sys.executable, "-m", "ec2kit.ec2.shapes"]
    subprocess.run(write, cwd=made["cut down"], check=True)
    assert (made["cut down"] / "ec2kit/ec2/shapes.d").is_dir()
    return made


def peak(kit: Path, protected: Protected, verb: str, node: Node) -> dict[str, Any]:
    """Run a verb in a process of its own, born of a small one; what the operating system counted."""
    command = [sys.executable, "-I", "-c", _MAIN.format(str(kit)), *protected.line(verb)]
    given = json.dumps({"command": command, "environment": node.environment})
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCH)], input=given, capture_output=True, text=True, check=True
    )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.mark.parametrize("verb", ["check", "plan"])
@pytest.mark.parametrize("which", ["big", "lost"])
def test_a_look_needs_less_than_64_mb(
    request: pytest.FixtureRequest, kits: dict[str, Path], which: str, verb: str
) -> None:
    """Whatever the account holds, and however many pages are read."""
    protected: Protected = request.getfixturevalue(which)
    facts = peak(kits["cut down"], protected, verb, protected.lab.node1)
    assert facts["code"] == ((which, verb) == ("lost", "check")), facts["said"]
    assert facts["rss"] < MOST_MB


# The lab has one EC2 at a time: from here on it is the one with the Elastic IPs.
def test_a_look_beside_200_elastic_ips_asks_for_ours_alone(many_addresses: Protected) -> None:
    """By name; nobody lists the account."""
    lab = many_addresses.lab
    lab.ec2.forget()
    assert asked(many_addresses, "check", lab.node1)["DescribeAddresses"] == 1
    calls = [call for call in lab.ec2.calls if call.action == "DescribeAddresses"]
    assert all("Filter.1.Name" in call.params for call in calls)


def test_a_look_beside_them_needs_less_than_64_mb(many_addresses: Protected, kits: dict[str, Path]) -> None:
    """As one beside two."""
    facts = peak(kits["cut down"], many_addresses, "check", many_addresses.lab.node1)
    assert facts["code"] == 0, facts["said"]
    assert facts["rss"] < MOST_MB
