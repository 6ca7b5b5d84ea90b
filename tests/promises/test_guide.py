"""The administration guide's own examples, through the executables, in both forms that LifeKeeper can have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.ec2.vpc import RouteLab, addresses, route_tables, snapshot
from lab.nodes import Lab, address_lab, route_lab
from lab.protected import Protected, eni_of, events, protect
from tests.support.hierarchy import FORMS


@pytest.fixture(params=FORMS)
def generic(request: pytest.FixtureRequest) -> bool:
    """Whether it is a Generic Application: then LifeKeeper's harness calls the copies of the scripts."""
    return bool(request.param == "gen/app")


@pytest.fixture
def routes(tmp_path: Path, forks: Path | None, generic: bool) -> Iterator[Protected]:
    """Figure 1 with its virtual IP protected, on node1."""
    with route_lab(tmp_path, forks=forks) as lab:
        yield protect(lab, generic=generic)


@pytest.fixture
def eip(tmp_path: Path, forks: Path | None, generic: bool) -> Iterator[Protected]:
    """Figure 2 with its Elastic IP protected, on node1."""
    with address_lab(tmp_path, forks=forks) as lab:
        yield protect(lab, generic=generic)


def tables_of(lab: Lab) -> dict[str, dict[str, tuple[str, str]]]:
    """The VPC's route tables by name."""
    assert isinstance(lab.vpc, RouteLab)
    return route_tables(lab.ec2.truth(), lab.vpc.vpc)


def test_local_recovery_table_by_table(routes: Protected, generic: bool) -> None:
    """'Local Recovery scenario (Backend Cluster)': A and B go to the active ENI, 10.1.0.20/32 in B stays."""
    lab = routes.lab
    assert isinstance(lab.vpc, RouteLab)
    active, other = eni_of(lab, "node1"), eni_of(lab, "node2")
    truth = lab.ec2.truth()
    for name in ("A", "B"):
        truth.replace_route(
            RouteTableId=lab.vpc.tables[name], DestinationCidrBlock="10.1.0.10/32", NetworkInterfaceId=other
        )
    before = tables_of(lab)
    assert before["A"]["10.1.0.10/32"][0] == other
    assert before["B"]["10.1.0.10/32"][0] == before["B"]["10.1.0.20/32"][0] == other

    assert routes.run("quickCheck", lab.node1).returncode == 1
    assert events(lab.node1) == ([] if generic else [f"-C ec2 -E ec2fail -m ec2kit -n {routes.tag}"])
    assert routes.run("recover", lab.node1).returncode == 0

    expected = {name: dict(entries) for name, entries in before.items()}
    expected["A"]["10.1.0.10/32"] = (active, "active")
    expected["B"]["10.1.0.10/32"] = (active, "active")
    assert tables_of(lab) == expected
    assert routes.run("quickCheck", lab.node1).returncode == 0


def test_another_vpcs_table_with_the_same_entry_is_never_touched(routes: Protected) -> None:
    """'LifeKeeper controls all entries ... in the route table within the VPC', and in no other."""
    lab = routes.lab
    assert isinstance(lab.vpc, RouteLab)
    before = route_tables(lab.ec2.truth(), lab.vpc.other_vpc)
    for node in (lab.node2, lab.node1):
        assert routes.run("restore", node).returncode == 0
    assert route_tables(lab.ec2.truth(), lab.vpc.other_vpc) == before


def test_a_switchover_changes_the_named_entries_only(routes: Protected) -> None:
    """Everything that a kit could change is compared, before and after."""
    lab = routes.lab
    before = snapshot(lab.ec2.truth())
    assert routes.run("restore", lab.node2).returncode == 0
    assert snapshot(lab.ec2.truth()) != before
    assert routes.run("restore", lab.node1).returncode == 0
    assert snapshot(lab.ec2.truth()) == before


def test_restore_switches_the_source_dest_check_off_before_it_attracts_traffic(routes: Protected) -> None:
    """'The Source/Dest Checking of the ENI must be disabled'; only this ENI's is."""
    lab = routes.lab
    eni = eni_of(lab, "node2")
    lab.ec2.truth().modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": True})
    lab.ec2.forget()
    assert routes.run("restore", lab.node2).returncode == 0
    changes = [call for call in lab.ec2.calls if not call.action.startswith("Describe")]
    assert [call.action for call in changes] == ["ModifyNetworkInterfaceAttribute", "ReplaceRoute", "ReplaceRoute"]
    assert changes[0].params["NetworkInterfaceId"] == eni
    assert changes[0].ended <= min(call.began for call in changes[1:])


def test_a_source_dest_check_that_is_on_is_a_loss(routes: Protected) -> None:
    """The ENI drops every packet for the virtual IP then; recover mends it."""
    lab = routes.lab
    eni = eni_of(lab, "node1")
    lab.ec2.truth().modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": True})
    failed = routes.run("quickCheck", lab.node1)
    assert failed.returncode == 1
    assert f"the source/dest check of {eni} is on" in failed.stderr
    assert routes.run("recover", lab.node1).returncode == 0
    assert routes.run("quickCheck", lab.node1).returncode == 0


def test_another_elastic_ip_on_the_interface_is_displaced_and_named(eip: Protected) -> None:
    """'Otherwise the recovery kit will dis-associate any other EIPs'; it is in the log before it happens."""
    lab = eip.lab
    assert not isinstance(lab.vpc, RouteLab)
    truth = lab.ec2.truth()
    truth.associate_address(AllocationId=lab.vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    done = eip.run("restore", lab.node2)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    displaced = next(n for n, line in enumerate(lines) if f"{lab.vpc.free_ip} is on" in line)
    associated = next(n for n, line in enumerate(lines) if f"associate {lab.vpc.public_ip} with" in line)
    assert displaced < associated
    assert addresses(truth)[lab.vpc.free_ip] == (None, None)
    assert eip.holder() == "node2"


def test_the_link_is_repaired_once(eip: Protected) -> None:
    """Down, IP_WAIT_LINKDOWN seconds, up, and then the Elastic IP is associated."""
    lab = eip.lab
    lab.node2.set(IP_WAIT_LINKDOWN=2)
    (lab.node2.sysfs / "class/net/eth1/carrier").write_text("0\n")
    began = time.monotonic()
    done = eip.run("restore", lab.node2)
    assert time.monotonic() - began > 2
    assert done.returncode == 0, done.stderr
    assert "eth1 has no link; it goes down for 2 s and up again, with every address on it" in done.stderr
    assert (lab.node2.root / "ip.log").read_text().split() == ["down", "up"]
    assert eip.holder() == "node2"


def test_a_link_that_stays_down_fails_restore_and_attracts_nothing(eip: Protected) -> None:
    """Repaired once, IP_MAX_LINKCHK looks, then NOT_HELD; the peer keeps the address."""
    lab = eip.lab
    lab.node2.set(IP_WAIT_LINKDOWN=0, IP_MAX_LINKCHK=1)
    nic = lab.node2.sysfs / "class/net/eth1"
    (nic / "carrier").write_text("0\n")
    (nic / "unplugged").touch()
    done = eip.run("restore", lab.node2)
    assert done.returncode == 1
    assert "eth1 still has no link 1 s after it was taken up" in done.stderr.splitlines()[-1]
    assert (lab.node2.root / "ip.log").read_text().split() == ["down", "up"], "once, not once a round"
    assert eip.holder() == "node1"


def test_a_repair_that_fails_is_not_repeated(eip: Protected) -> None:
    """The program refuses to take the interface down: once is enough, and it is taken up all the same."""
    node = eip.lab.node2
    node.set(IP_WAIT_LINKDOWN=0)
    (node.sysfs / "class/net/eth1/carrier").write_text("0\n")
    (node.root / "bin/ip").write_text(
        f'#!/bin/sh\n[ "$1" = link ] || exit 0\necho "$5" >> {node.root}/ip.log\n[ "$5" = up ]\n'
    )
    done = eip.run("restore", node)
    assert done.returncode == 1
    assert "'ip link set dev eth1 down' failed. Run it by hand to see why." in done.stderr.splitlines()[-1]
    assert (node.root / "ip.log").read_text().split() == ["down", "up"]
    assert eip.holder() == "node1"


def test_a_lost_link_is_a_loss_unless_the_check_is_off(eip: Protected) -> None:
    """IP_NOLINKCHECK=1 takes effect at the next run."""
    lab = eip.lab
    (lab.node1.sysfs / "class/net/eth1/carrier").write_text("0\n")
    failed = eip.run("quickCheck", lab.node1)
    assert (failed.returncode, "eth1 has no link" in failed.stderr) == (1, True)
    lab.node1.set(IP_NOLINKCHECK=1)
    assert eip.run("quickCheck", lab.node1).returncode == 0
