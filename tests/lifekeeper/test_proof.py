"""What create and canextend look at before anything is made: every problem at once, each with its cure."""

from __future__ import annotations

import pytest

from ec2kit.lifekeeper import info
from lab.ec2.vpc import RouteLab
from lab.nodes import Lab
from lab.protected import eni_of
from tests.support.hierarchy import CREATE, EIP, ROUTE, made
from tests.support.programs import good


def test_create_warns_of_what_the_instance_itself_will_do(figure2: Lab) -> None:
    """EC2 Auto Recovery, metadata answers that die after one hop, metadata switched off: warnings, with cures."""
    instance = figure2.node1.identity.instance_id
    del figure2.ec2.auto_recovery[instance]
    figure2.ec2.truth().modify_instance_metadata_options(
        InstanceId=instance, HttpPutResponseHopLimit=1, HttpEndpoint="disabled"
    )
    figure2.node1.set(RESRVRECTIMEOUT=60)
    done = figure2.node1.ec2kit(*CREATE[EIP])
    assert done.returncode == 0
    for words in (
        f"EC2 Auto Recovery is on for {instance}",
        f"--auto-recovery disabled --instance-id {instance}",
        "HttpPutResponseHopLimit 1",
        "is being switched off",
        "RESRVRECTIMEOUT is 60",
    ):
        assert sum(words in line for line in done.stderr.splitlines() if line.startswith("WARN")) == 1
    figure2.ec2.refuse("denied", "DescribeInstances")
    done = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert done.returncode == 0
    assert "EC2 Auto Recovery and metadata options were not checked: EC2 denied DescribeInstances" in done.stderr


def test_create_warns_of_a_key_that_comes_before_the_role(figure2: Lab) -> None:
    """A left-over [default], as for every AWS tool; not of a profile that is named, and not of the role."""
    figure2.ec2.credentials["AKIALEFTOVER"] = float("inf")
    folder = figure2.node1.root / ".aws"
    folder.mkdir()
    lines = "[{}]\naws_access_key_id = AKIALEFTOVER\naws_secret_access_key = planted\n"
    (folder / "credentials").write_text(lines.format("default") + lines.format("cluster"))
    for more, times in (((), 1), (("--profile", "cluster"), 0)):
        done = figure2.node1.ec2kit(*CREATE[EIP], *more)
        assert done.returncode == 0, done.stderr
        words = "and not with the instance's role"
        assert sum(words in line for line in done.stderr.splitlines() if line.startswith("WARN")) == times
        assert "planted" not in done.stderr
        good(figure2.node1.ec2kit("delete", EIP))
    (folder / "credentials").unlink()
    assert words not in figure2.node1.ec2kit(*CREATE[EIP]).stderr


def test_both_nodes_must_be_in_one_vpc(figure2: Lab) -> None:
    """The resource remembers where it was created."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    row = figure2.node1.lk("ins_list", "-t", EIP).stdout.strip().split("\x01")
    moved = row[5].replace(figure2.vpc.vpc, "vpc-0123456789abcdef0")
    assert info.decode(moved).vpc != figure2.vpc.vpc
    good(figure2.node1.lk("ins_setinfo", "-t", EIP, "-v", moved))
    refused = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert f"this node is in {figure2.vpc.vpc}, the resource was created in vpc-0123456789abcdef0" in refused.stderr


def test_what_is_wrong_here_is_told_also_when_ec2_does_not_answer(figure1: Lab) -> None:
    """All problems at once: the admin mends them together."""
    figure1.node1.set(NOBCASTPING=0, EC2_MAX_RETRY=0)
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.ec2kit("create", "--type", "route-table", "--ip-resource", "nobody")
    assert done.returncode == 5
    for words in ("NOBCASTPING is not 1", "nobody is not an IP resource", "Allow ec2:DescribeRouteTables"):
        assert words in done.stderr
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--tag", "a b")
    assert "the tag has characters that a tag cannot have" in done.stderr


def test_all_problems_are_reported_at_once_each_with_its_cure(figure1: Lab) -> None:
    """Everything that is wrong is told, exit code 5, and nothing was made."""
    assert isinstance(figure1.vpc, RouteLab)
    node = figure1.node1
    node.set(NOBCASTPING=0, RESRVRECTIMEOUT=60, LKCHECKINTERVAL=90)
    node.lk("ins_setstate", "-t", "ip-vip", "-S", "OSU").check_returncode()
    done = node.action(*CREATE[ROUTE], "--interface", "eth0")
    assert done.returncode == 5
    for words in (
        "NOBCASTPING is not 1",
        "Put NOBCASTPING=1 into",
        "RESRVRECTIMEOUT is 60",
        "EC2_QUICKCHECK_TIMEOUT (100) is not below LKCHECKINTERVAL (90)",
        "the IP resource ip-vip is OSU, not ISP. Bring it into service here",
        f"10.1.0.10/32 in {figure1.vpc.tables['A']} points at {eni_of(figure1, 'node1')}, not at this node's",
        "Name the interface of this node that has it",
    ):
        assert words in done.stderr
    assert done.stderr.splitlines()[-1].endswith(
        "ec2-ip-vip was not created. Correct what is listed, then run the same command again."
    )
    assert made(node, "ec2-ip-vip") == [""]


def test_create_on_the_wrong_node_sends_to_the_right_one(figure1: Lab) -> None:
    """Not a line of it moves the traffic that node2 has to this node."""
    assert isinstance(figure1.vpc, RouteLab)
    truth, eni = figure1.ec2.truth(), eni_of(figure1, "node2")
    for table in (figure1.vpc.tables["A"], figure1.vpc.tables["B"]):
        truth.replace_route(RouteTableId=table, DestinationCidrBlock="10.1.0.10/32", NetworkInterfaceId=eni)
    figure1.node1.lk("ins_setstate", "-t", "ip-vip", "-S", "OSU").check_returncode()
    figure1.node2.lk("ins_setstate", "-t", "ip-vip", "-S", "ISP").check_returncode()
    done = figure1.node1.action(*CREATE[ROUTE])
    assert done.returncode == 5
    assert "It is in service on node2: run create there, or with --server node2" in done.stderr
    assert f"Run create on the node that has it ({eni})" in done.stderr
    assert "replace-route" not in done.stderr
    assert "ec2kit hold" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ip-resource", "nobody"), "nobody is not an IP resource on node1"),
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
