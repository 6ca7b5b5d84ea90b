"""create, canextend and extend: every problem at once, nothing made unless all is well, nothing changed in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ec2kit.core.model import ElasticIpResource, RouteResource
from ec2kit.lifekeeper import info
from lab.ec2.vpc import AddressLab, RouteLab, snapshot
from lab.nodes import Lab, Node, route_lab
from lab.protected import eni_of

CREATE_ROUTE = ("--type", "route-table", "--ip-resource", "ip-vip")


@pytest.fixture
def figure1(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 1 without an EC2 resource; at the end, nothing in AWS has changed."""
    with route_lab(tmp_path, forks=forks) as lab:
        before = snapshot(lab.ec2.truth())
        yield lab
        assert snapshot(lab.ec2.truth()) == before


def made(node: Node, tag: str) -> list[str]:
    """The fields of an instance; empty when there is none."""
    return node.lk("ins_list", "-t", tag).stdout.strip().split("\x01")


def test_create_records_the_tables_and_finds_the_interface(figure1: Lab) -> None:
    """The entries point at eth1's ENI, so eth1 it is; A and B had the entry, so they are recorded."""
    done = figure1.node1.action("create", *CREATE_ROUTE)
    assert done.returncode == 0, done.stderr
    fields = made(figure1.node1, "ec2-ip-vip")
    assert fields[1:5] == ["comm", "ec2", "ec2-ip-vip", "EC2-10.1.0.10"]
    assert fields[6] == "ISP", "EC2 shows that node1 holds the address"
    recorded = frozenset(figure1.vpc.tables[name] for name in ("A", "B"))
    assert info.decode(fields[5]).resource == RouteResource(IPv4Address("10.1.0.10"), "eth1", recorded)  # type: ignore[arg-type]
    assert figure1.node1.lk("dep_list", "-fC").stdout == "ip-vipCec2-ip-vip\n"


def test_extend_makes_the_peer_equal(figure1: Lab) -> None:
    """Instance, dependency, switchback and equivalency; out of service on the target."""
    assert figure1.node1.action("create", *CREATE_ROUTE, "--tag", "vip-route").returncode == 0
    done = figure1.node1.ec2kit("extend", "vip-route", "--to", "node2", "--switchback", "automatic")
    assert done.returncode == 0, done.stderr
    here, there = made(figure1.node1, "vip-route"), made(figure1.node2, "vip-route")
    assert there[1:6] == here[1:6]
    assert (here[6], there[6]) == ("ISP", "OSU")
    assert (here[7], there[7]) == ("AUTOMATIC", "AUTOMATIC")
    assert figure1.node2.lk("dep_list", "-fC").stdout == "ip-vipCvip-route\n"
    assert "node2Cvip-route" in figure1.node1.lk("eqv_list", "-fC", "-t", "vip-route").stdout


def test_all_problems_are_reported_at_once_each_with_its_cure(figure1: Lab) -> None:
    """Everything that is wrong is told, exit code 5, and nothing was made."""
    assert isinstance(figure1.vpc, RouteLab)
    node = figure1.node1
    node.set(NOBCASTPING=0, RESRVRECTIMEOUT=60, LKCHECKINTERVAL=90)
    node.lk("ins_setstate", "-t", "ip-vip", "-S", "OSU").check_returncode()
    done = node.action("create", *CREATE_ROUTE, "--interface", "eth0")
    assert done.returncode == 5
    for words in (
        "NOBCASTPING is not 1",
        "Put NOBCASTPING=1 into",
        "RESRVRECTIMEOUT is 60",
        "EC2_QUICKCHECK_TIMEOUT (100) is not below LKCHECKINTERVAL (90)",
        "the IP resource ip-vip is OSU, not ISP. Bring it into service here",
        f"10.1.0.10/32 in {figure1.vpc.tables['A']} points at {eni_of(figure1, 'node1')}, not at this node's",
        "aws ec2 replace-route --route-table-id",
    ):
        assert words in done.stderr
    assert done.stderr.splitlines()[-1].endswith(
        "ec2-ip-vip was not created. Mend what is listed above, then create it again."
    )
    assert made(node, "ec2-ip-vip") == [""]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ip-resource", "nobody"), "nobody is no IP resource on node1"),
        (("--ip-resource", "ip-vip", "--tag", "ip-vip"), "the tag ip-vip is taken on node1"),
        (("--ip-resource", "ip-six"), "the IP resource ip-six is not IPv4"),
        (("--ip-resource", "ip-vpc"), "10.0.2.77 lies inside 10.0.0.0/16"),
        (("--ip-resource", "ip-none"), "has an entry for 10.9.9.9/32"),
    ],
)
def test_an_ip_resource_that_cannot_be_protected(figure1: Lab, options: tuple[str, ...], words: str) -> None:
    """Each with the reason in the log, exit code 5, and nothing made."""
    for tag, address in (("ip-six", "fd00::1"), ("ip-vpc", "10.0.2.77"), ("ip-none", "10.9.9.9")):
        kind = ("-a", "comm", "-r", "ip", "-t", tag, "-i", f"IP-{address}")
        figure1.node1.lk("ins_create", *kind, "-I", "INIT_ISP").check_returncode()
    done = figure1.node1.action("create", "--type", "route-table", *options)
    assert done.returncode == 5
    assert words in done.stderr
    assert "ec2-" not in figure1.node1.lk("ins_list", "-fC", "-r", "ec2").stdout


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--type", "route-table"),
        ("--type", "elastic-ip", "--elastic-ip", "203.0.113.10"),
        ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "fd00::1"),
        (*CREATE_ROUTE, "--elastic-ip", "203.0.113.10"),
    ],
)
def test_options_that_do_not_fit_together(figure1: Lab, options: tuple[str, ...]) -> None:
    """Usage: exit code 2, and EC2 was not asked."""
    done = figure1.node1.action("create", *options)
    assert done.returncode == 2
    assert figure1.ec2.calls == []


def test_create_of_an_elastic_ip_that_is_elsewhere_is_out_of_service(figure2: Lab) -> None:
    """create changes nothing in AWS, so an address that is not here is not in service here."""
    assert isinstance(figure2.vpc, AddressLab)
    options = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", figure2.vpc.free_ip)
    done = figure2.node1.action("create", *options)
    assert done.returncode == 0, done.stderr
    assert (
        f"WARN:ec2:create:ec2-{figure2.vpc.free_ip}:960041:Elastic IP {figure2.vpc.public_ip} stands on"
        in done.stderr
    )
    fields = made(figure2.node1, f"ec2-{figure2.vpc.free_ip}")
    assert fields[6] == "OSU"
    assert info.decode(fields[5]).resource == ElasticIpResource(IPv4Address(figure2.vpc.free_ip), "eth1")


def test_create_with_an_elastic_ip_of_another_account(figure2: Lab) -> None:
    """Refused, and nothing is made."""
    done = figure2.node1.action(
        "create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "198.51.100.7"
    )
    assert done.returncode == 5
    assert "198.51.100.7 is no Elastic IP of the account" in done.stderr


def test_create_without_an_answer_makes_nothing(figure1: Lab) -> None:
    """Denied: 9, which permission is missing, and no instance."""
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.action("create", *CREATE_ROUTE)
    assert done.returncode == 9
    assert "Allow ec2:DescribeRouteTables" in done.stderr.splitlines()[-1]
    assert made(figure1.node1, "ec2-ip-vip") == [""]


def test_create_that_cannot_make_the_dependency_leaves_nothing(figure1: Lab) -> None:
    """All or nothing."""
    program = figure1.node1.lkroot / "bin/dep_create"
    program.unlink()
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    done = figure1.node1.action("create", *CREATE_ROUTE)
    assert done.returncode == 9
    assert "dep_create failed with exit code 3" in done.stderr.splitlines()[-1]
    assert made(figure1.node1, "ec2-ip-vip") == [""]


def test_extend_to_a_system_that_is_not_ready_makes_nothing_there(figure1: Lab) -> None:
    """canextend refuses on the target, its lines reach the admin, and no instance is made."""
    assert figure1.node1.action("create", *CREATE_ROUTE).returncode == 0
    figure1.node2.set(NOBCASTPING=0)
    figure1.node2.imds.fault = "off"
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 5
    assert "NOBCASTPING is not 1" in done.stderr
    assert "switched off" in done.stderr
    assert "canextend on node2 failed with exit code 5" in done.stderr.splitlines()[-1]
    assert made(figure1.node2, "ec2-ip-vip") == [""]


def test_extend_that_cannot_be_completed_leaves_nothing_there(figure1: Lab) -> None:
    """Whichever step LifeKeeper refuses: the target is as it was, the admin lock is off, and another try works."""
    assert figure1.node1.action("create", *CREATE_ROUTE).returncode == 0
    for program in ("dep_create", "ins_setas", "eqv_create"):
        path = figure1.node1.lkroot / "bin" / program
        path.rename(path.with_suffix(".kept"))
        path.write_text("#!/bin/sh\nexit 3\n")
        path.chmod(0o755)
        done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
        assert done.returncode == 9
        assert f"{program} failed with exit code 3" in done.stderr.splitlines()[-1]
        assert made(figure1.node2, "ec2-ip-vip") == [""]
        assert "Taking ec2-ip-vip on node2 back" in done.stdout
        assert "!action!" not in figure1.node1.lk("flg_list").stdout + figure1.node2.lk("flg_list").stdout
        path.with_suffix(".kept").rename(path)
    assert figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2").returncode == 0


def test_extend_keeps_how_ec2_is_reached(figure1: Lab) -> None:
    """URL, profile and Region of the template's info field are the target's too; the rest is its own."""
    assert figure1.node1.action("create", *CREATE_ROUTE, "--ec2-url", figure1.ec2.url).returncode == 0
    here = made(figure1.node1, "ec2-ip-vip")[5] + " region=us-east-1"
    figure1.node1.lk("ins_setinfo", "-t", "ec2-ip-vip", "-v", here).check_returncode()
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 0, done.stderr
    assert info.decode(made(figure1.node2, "ec2-ip-vip")[5]) == info.decode(here)


def test_extend_while_ec2_does_not_answer(figure1: Lab) -> None:
    """Unavailable there is unavailable here: 9, not 5."""
    assert figure1.node1.action("create", *CREATE_ROUTE).returncode == 0
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
    assert done.returncode == 9
    assert "Allow ec2:DescribeRouteTables" in done.stderr
    assert made(figure1.node2, "ec2-ip-vip") == [""]


def test_extend_to_another_interface(figure1: Lab) -> None:
    """Nodes may name their interfaces differently."""
    assert figure1.node1.action("create", *CREATE_ROUTE).returncode == 0
    done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2", "--interface", "eth0")
    assert done.returncode == 0, done.stderr
    assert info.decode(made(figure1.node2, "ec2-ip-vip")[5]).resource.interface == "eth0"
    done = figure1.node2.action("canextend", "node1", "ec2-ip-vip", "eth9")
    assert done.returncode == 5
    assert "no network interface eth9. It has: eth0, eth1" in done.stderr


def test_in_service_of_what_is_not_there(figure1: Lab) -> None:
    """A person's typo."""
    done = figure1.node1.ec2kit("in-service", "nobody")
    assert done.returncode == 5
    assert 'there is no resource "nobody" on node1' in done.stderr
