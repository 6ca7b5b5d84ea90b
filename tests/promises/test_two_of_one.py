"""The same address, or the same tag, on two systems without being extended: nothing is laid over the other."""

from __future__ import annotations

from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, made, states
from tests.support.programs import good

ROW = ("-a", "comm", "-r", "ec2", "-t", EIP, "-I", "INIT_OSU", "-s", "INTELLIGENT")


def test_create_looks_at_every_system(figure2: Lab) -> None:
    """The one that has the id or the tag is named; one that cannot be asked is a caution."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    for more in ((), ("--tag", "other")):
        refused = figure2.node2.ec2kit(*CREATE[EIP], *more)
        assert refused.returncode == 5
        assert f"node1 has {EIP} (comm/ec2, id {made(figure2.node1, EIP)[4]}) already, ISP" in refused.stderr
        assert f"ec2kit extend {EIP} --to node2" in refused.stderr
    good(figure2.node2.lk("lksystem", "down", "node1"))
    unsure = figure2.node2.ec2kit(*CREATE[EIP], "--tag", "other")
    good(unsure)
    assert "whether node1 has the tag other or the id" in unsure.stderr


def test_a_tag_of_another_kits_on_another_system(figure2: Lab) -> None:
    """The tag is taken there, so it could not be extended to it."""
    good(figure2.node2.lk("ins_create", "-a", "comm", "-r", "ip", "-t", EIP, "-i", "IP-10.2.0.1", "-I", "INIT_ISP"))
    refused = figure2.node1.ec2kit(*CREATE[EIP])
    assert refused.returncode == 5
    assert f"node2 has {EIP} (comm/ip, id IP-10.2.0.1) already, ISP. Choose another with --tag" in refused.stderr


def test_extend_is_not_laid_over_what_is_in_service_or_otherwise(figure2: Lab) -> None:
    """Made by hand on the other system: in service, or with another interface, it stays as it is to the byte."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    whole = made(figure2.node1, EIP)
    for text, state in ((whole[5], "ISP"), (whole[5].replace("eth1", "eth0"), "OSU")):
        good(figure2.node2.lk("ins_create", *ROW, "-i", whole[4], "-v", text))
        good(figure2.node2.lk("ins_setstate", "-t", EIP, "-S", state))
        before = made(figure2.node2, EIP)
        for done in (
            figure2.node1.ec2kit("extend", EIP, "--to", "node2"),
            figure2.node2.action("extend", "node1", EIP),
        ):
            assert done.returncode == 5, done.stdout + done.stderr
            assert "node2 has a resource" in done.stderr
        assert made(figure2.node2, EIP) == before
        if state == "OSU":
            assert f"ec2kit unextend {EIP} --from node2" in done.stderr
            good(figure2.node1.ec2kit("unextend", EIP, "--from", "node2"))
            assert states(figure2, EIP) == {"node1": "ISP"}
        else:
            good(figure2.node2.lk("ins_remove", "-t", EIP))
    good(figure2.node1.ec2kit("extend", EIP, "--to", "node2"))


def test_one_that_a_killed_extend_has_left_is_completed(figure2: Lab) -> None:
    """Out of service, and as it would be made."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    whole = made(figure2.node1, EIP)
    good(figure2.node2.lk("ins_create", *ROW, "-i", whole[4], "-v", whole[5]))
    good(figure2.node1.ec2kit("extend", EIP, "--to", "node2"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}


def test_extend_refuses_a_system_that_has_the_address_under_another_tag(figure2: Lab) -> None:
    """As create does: one that was made while the other system did not answer."""
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    whole = made(figure2.node1, EIP)
    other = (*ROW[:5], "other", *ROW[6:])
    good(figure2.node2.lk("ins_create", *other, "-i", whole[4], "-v", whole[5]))
    refused = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert "other (comm/ec2) has Elastic IP 203.0.113.10 already on node2" in refused.stderr
    assert states(figure2, EIP) == {"node1": "ISP"}
