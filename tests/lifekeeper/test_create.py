"""create, canextend and extend: nothing made unless all is well, nothing changed in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ec2kit.core.model import ElasticIpResource, RouteResource
from ec2kit.lifekeeper import info
from lab.ec2.vpc import AddressLab, snapshot
from lab.nodes import Lab, route_lab
from tests.support.hierarchy import CREATE, EIP, ROUTE, made, states
from tests.support.programs import good, replaced


@pytest.fixture
def figure1(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 1 without an EC2 resource; at the end, nothing in AWS has changed."""
    with route_lab(tmp_path, forks=forks) as lab:
        before = snapshot(lab.ec2.truth())
        yield lab
        assert snapshot(lab.ec2.truth()) == before


def test_create_records_the_tables_and_finds_the_interface(figure1: Lab) -> None:
    """The entries point at eth1's ENI, so eth1 it is; A and B had the entry, so they are recorded."""
    done = figure1.node1.action(*CREATE[ROUTE])
    assert done.returncode == 0, done.stderr
    fields = made(figure1.node1, "ec2-ip-vip")
    assert fields[1:5] == ["comm", "ec2", "ec2-ip-vip", "EC2-10.1.0.10"]
    assert fields[6] == "ISP", "EC2 shows that node1 holds the address"
    recorded = frozenset(figure1.vpc.tables[name] for name in ("A", "B"))
    assert info.decode(fields[5]).resource == RouteResource(IPv4Address("10.1.0.10"), "eth1", recorded)  # type: ignore[arg-type]
    assert figure1.node1.lk("dep_list", "-fC").stdout == "ip-vipCec2-ip-vip\n"


def test_create_of_an_elastic_ip_that_is_elsewhere_is_out_of_service(figure2: Lab) -> None:
    """create changes nothing in AWS, so an address that is not here is not in service here."""
    assert isinstance(figure2.vpc, AddressLab)
    options = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", figure2.vpc.free_ip)
    done = figure2.node1.action("create", *options)
    assert done.returncode == 0, done.stderr
    assert f"WARN:ec2:create:ec2-{figure2.vpc.free_ip}:960041:Elastic IP {figure2.vpc.public_ip} is on" in done.stderr
    fields = made(figure2.node1, f"ec2-{figure2.vpc.free_ip}")
    assert fields[6] == "OSU"
    assert info.decode(fields[5]).resource == ElasticIpResource(IPv4Address(figure2.vpc.free_ip), "eth1")


def test_create_with_an_elastic_ip_of_another_account(figure2: Lab) -> None:
    """Refused, and nothing is made."""
    done = figure2.node1.action(
        "create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "198.51.100.7"
    )
    assert done.returncode == 5
    assert "198.51.100.7 is not an Elastic IP of the account" in done.stderr


def test_create_without_an_answer_makes_nothing(figure1: Lab) -> None:
    """Denied: 9, which permission is missing, and no instance."""
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.action(*CREATE[ROUTE])
    assert done.returncode == 9
    assert "Allow ec2:DescribeRouteTables" in done.stderr.splitlines()[-1]
    assert made(figure1.node1, "ec2-ip-vip") == [""]


def test_create_that_cannot_make_the_dependency_leaves_nothing(figure1: Lab) -> None:
    """All or nothing."""
    replaced(figure1.node1, "dep_create", "exit 3")
    done = figure1.node1.action(*CREATE[ROUTE])
    assert done.returncode == 9
    assert "dep_create failed with exit code 3" in done.stderr.splitlines()[-1]
    assert made(figure1.node1, "ec2-ip-vip") == [""]


def test_extend_to_a_system_that_is_not_ready_makes_nothing_there(figure1: Lab) -> None:
    """canextend refuses on the target, its lines reach the admin, and no instance is made."""
    assert figure1.node1.action(*CREATE[ROUTE]).returncode == 0
    figure1.node2.set(NOBCASTPING=0)
    figure1.node2.imds.fault = "off"
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 5
    assert "NOBCASTPING is not 1" in done.stderr
    assert "switched off" in done.stderr
    assert "canextend on node2 failed with exit code 5" in done.stderr.splitlines()[-1]
    assert made(figure1.node2, "ec2-ip-vip") == [""]


def test_extend_keeps_how_ec2_is_reached(figure1: Lab) -> None:
    """URL, profile and Region of the template's info field are the target's too; the rest is its own."""
    assert figure1.node1.action(*CREATE[ROUTE], "--ec2-url", figure1.ec2.url).returncode == 0
    here = made(figure1.node1, "ec2-ip-vip")[5] + " region=us-east-1"
    figure1.node1.lk("ins_setinfo", "-t", "ec2-ip-vip", "-v", here).check_returncode()
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 0, done.stderr
    assert info.decode(made(figure1.node2, "ec2-ip-vip")[5]) == info.decode(here)


def test_extend_while_ec2_does_not_answer(figure1: Lab) -> None:
    """Unavailable there is unavailable here: 9, not 5."""
    assert figure1.node1.action(*CREATE[ROUTE]).returncode == 0
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 9
    assert "Allow ec2:DescribeRouteTables" in done.stderr
    assert made(figure1.node2, "ec2-ip-vip") == [""]


def test_extend_to_another_interface(figure1: Lab) -> None:
    """Nodes may name their interfaces differently."""
    assert figure1.node1.action(*CREATE[ROUTE]).returncode == 0
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2", "--interface", "eth0")
    assert done.returncode == 0, done.stderr
    assert info.decode(made(figure1.node2, "ec2-ip-vip")[5]).resource.interface == "eth0"
    done = figure1.node2.action("canextend", "node1", "ec2-ip-vip", "eth9")
    assert done.returncode == 5
    assert "no network interface eth9. It has: eth0, eth1" in done.stderr


KEY_ID = "AKIAIOSFODNN7EXAMPLE"


def test_create_on_another_server(figure2: Lab) -> None:
    """Named by --server, through LifeKeeper, with that server's own checks; an access key is given there itself."""
    good(figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2"))
    assert states(figure2, EIP) == {"node2": "OSU"}
    done = figure2.node2.ec2kit("unextend", EIP, "--from", "node2")
    assert f"node2 is the only system that has {EIP}. To remove it: ec2kit delete {EIP}" in done.stderr
    done = figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2")
    assert done.returncode == 5
    assert f"the tag {EIP} is taken on node2" in done.stderr
    done = figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2", "--access-key-id", KEY_ID)
    assert "Run this on node2" in done.stderr
    assert [each.name for each in (figure2.node1.root / "etc").iterdir()] == ["default"]
