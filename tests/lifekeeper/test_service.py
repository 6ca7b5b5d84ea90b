"""in-service looks before the other system lets go, and both tell where everything is afterwards."""

from __future__ import annotations

import pytest

from lab.nodes import Lab
from tests.support.hierarchy import EIP, FORMS, ROUTE, create, protected, states
from tests.support.programs import good, last, replaced


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_taken_here_stays_in_service_there(managed1: Lab, form: str) -> None:
    """Without a way to EC2 the other system keeps it; --force is for the disaster, and tells the way back."""
    protected(managed1, ROUTE, form=form)
    node = managed1.node2
    node.set(EC2_MAX_RETRY=0)  # restore fails at once
    node.imds.fault = "off"
    refused = node.ec2kit("in-service", "ip-vip")
    assert refused.returncode == 5
    assert f"nothing was changed, and ip-vip, {ROUTE} stay in service on node1" in refused.stderr.splitlines()[-1]
    assert "To do it all the same: ec2kit in-service ip-vip --force" in refused.stderr.splitlines()[-1]
    assert [states(managed1, tag)["node1"] for tag in ("ip-vip", ROUTE)] == ["ISP", "ISP"]
    for words in (("--force",), ()):  # the second time it is in service nowhere, so nothing can be lost
        failed = node.ec2kit("in-service", "ip-vip", *words)
        assert failed.returncode == 1
        assert "ip-vip is in service nowhere (node2 OSU, node1 OSU)" in failed.stderr.splitlines()[-1]
        assert "To bring it back: ssh node1 ec2kit in-service ip-vip" in failed.stderr.splitlines()[-1]
    assert "WARN:ec2:in-service:ip-vip:960041:" in failed.stderr
    done = good(managed1.node1.ec2kit("in-service", "ip-vip"))
    assert "ip-vip is in service on node1 (node2 OSU). To bring it back: ssh node2 ec2kit" in done


def test_a_right_that_is_missing_is_known_before(managed1: Lab) -> None:
    """EC2 denies the change, as DryRun proves: the other system keeps it."""
    protected(managed1, ROUTE)
    managed1.ec2.refuse("denied", "ReplaceRoute")
    refused = managed1.node2.ec2kit("in-service", "ip-vip")
    assert refused.returncode == 9
    assert "EC2 denied ReplaceRoute" in refused.stderr.splitlines()[-1]
    assert [states(managed1, tag)["node1"] for tag in ("ip-vip", ROUTE)] == ["ISP", "ISP"]
    managed1.ec2.mend()
    good(managed1.node2.ec2kit("in-service", "ip-vip"))


def test_a_look_that_hangs_is_bounded_and_keeps_it_there(figure2: Lab) -> None:
    """quickCheck's time; nothing has changed by then, whether the other system tells its state or not."""
    protected(figure2, EIP)
    figure2.node2.set(EC2_QUICKCHECK_TIMEOUT=2)
    figure2.ec2.refuse("hang", "DescribeAddresses")
    refused = figure2.node2.ec2kit("in-service", EIP)
    assert refused.returncode == 9
    assert "timed out after 2 s" in refused.stderr.splitlines()[-1]
    assert f"nothing was changed, and {EIP} stays in service on node1" in refused.stderr.splitlines()[-1]
    replaced(figure2.node2, "eqv_list", "exit 9")
    refused = figure2.node2.ec2kit("in-service", EIP)
    assert refused.returncode == 9
    assert "nowhere, as far as is known" in refused.stderr.splitlines()[-1]
    assert states(figure2, EIP)["node1"] == "ISP"


def test_out_of_service_says_what_stays(figure1: Lab) -> None:
    """What is below, in LifeKeeper; and the route, in EC2."""
    protected(figure1, ROUTE)
    done = good(figure1.node1.ec2kit("out-of-service", "ip-vip"))
    assert f"ip-vip is out of service on node1; {ROUTE} stays in service here." in done
    done = good(figure1.node1.ec2kit("out-of-service", ROUTE))
    assert "in EC2 route 10.1.0.10/32 stays as it is until another system takes it" in done
    assert "To bring it back: ec2kit in-service ip-vip" in done


def test_what_depends_on_it_elsewhere_and_not_here(figure1: Lab) -> None:
    """The virtual IP would come without its route: in-service refuses, doctor says so; both name the command."""
    protected(figure1, ROUTE)
    node = figure1.node2
    good(node.lk("dep_remove", "-p", "ip-vip", "-c", ROUTE))
    refused = node.ec2kit("in-service", "ip-vip")
    assert refused.returncode == 5, refused
    assert f"on node1 ip-vip stands on {ROUTE}, and on node2 it does not; nothing was changed" in last(refused)
    assert states(figure1, "ip-vip") == {"node1": "ISP", "node2": "OSU"}
    doctor = node.ec2kit("doctor", ROUTE)
    assert (doctor.returncode, "DEPENDENCY_MISSING" in doctor.stdout.splitlines()[0]) == (1, True), doctor
    good(node.lk("dep_create", "-p", "ip-vip", "-c", ROUTE))
    good(node.ec2kit("doctor", ROUTE))
    good(node.ec2kit("in-service", "ip-vip"))
    good(figure1.node2.lk("dep_remove", "-p", "ip-vip", "-c", ROUTE))
    good(figure1.node1.lk("lksystem", "down", "node2"))
    assert figure1.node1.ec2kit("in-service", "ip-vip").returncode != 5, "a system that is down says nothing"


def test_an_interface_without_link(figure2: Lab) -> None:
    """Nobody knows whether it comes up: in-service leaves the Elastic IP where it is, and doctor does not know."""
    protected(figure2, EIP, "--interface", "eth1")
    node = figure2.node2
    (node.sysfs / "class/net/eth1/carrier").write_text("0\n")
    (node.sysfs / "class/net/eth1/operstate").write_text("down\n")
    refused = node.ec2kit("in-service", EIP)
    assert (refused.returncode, "eth1 has no link" in last(refused)) == (9, True), refused
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    doctor = node.ec2kit("doctor", EIP)
    assert (doctor.returncode, doctor.stdout.startswith("Whether node2 can take over ")) == (9, True), doctor


def test_the_way_back_is_by_what_stands_on_top(figure1: Lab) -> None:
    """A resource that is taken out with its parent is not brought back alone; status says the same."""
    protected(figure1, ROUTE)
    done = good(figure1.node1.ec2kit("out-of-service", ROUTE))
    assert done.rstrip().endswith("To bring it back: ec2kit in-service ip-vip"), done
    assert "ec2kit in-service ip-vip." in good(figure1.node2.ec2kit("status"))


def test_a_resource_on_one_system_alone(figure1: Lab) -> None:
    """doctor warns on both: nobody could take it over."""
    good(figure1.node1.ec2kit(*create(ROUTE, "comm/ec2")))
    assert f"{ROUTE} is on node1 alone" in good(figure1.node1.ec2kit("doctor"))
    assert f"{ROUTE} of node1 is not extended to node2" in good(figure1.node2.ec2kit("doctor"))
