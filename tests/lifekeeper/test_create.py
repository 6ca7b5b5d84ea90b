"""create, canextend and extend: nothing made unless all is well, nothing changed in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.lifekeeper import info
from lab.ec2.vpc import AddressLab, snapshot
from lab.lifekeeper.generic import copy_of
from lab.nodes import Lab, route_lab
from tests.support.hierarchy import CREATE, EIP, FORMS, ROUTE, create, made, states
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


def test_a_generic_application_is_made_by_lifekeeper(figure1: Lab) -> None:
    """The same info field and dependency; in service by its own restore; LifeKeeper has copies of the scripts."""
    good(figure1.node1.ec2kit(*create(ROUTE, "gen/app")))
    fields = made(figure1.node1, ROUTE)
    assert fields[1:4] == ["gen", "app", ROUTE]
    assert fields[6:8] == ["ISP", "INTELLIGENT"]
    assert figure1.node1.lk("dep_list", "-fC").stdout == f"ip-vipC{ROUTE}\n"
    for script in ("restore", "remove", "quickCheck", "recover"):
        copy = copy_of(figure1.node1.lkroot, script, ROUTE)
        assert copy.is_file()
        assert not copy.is_symlink()
    good(figure1.node1.ec2kit("delete", ROUTE))
    good(figure1.node1.ec2kit(*CREATE[ROUTE]))
    assert made(figure1.node1, ROUTE)[5] == fields[5]


def test_a_generic_application_whose_address_is_elsewhere(figure2: Lab) -> None:
    """create changes nothing in AWS: it is out of service, and the last line says what comes first."""
    assert isinstance(figure2.vpc, AddressLab)
    before = snapshot(figure2.ec2.truth())
    options = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", figure2.vpc.free_ip, "--tag", "free")
    done = figure2.node1.ec2kit("create", "--generic", *options)
    assert done.returncode == 0
    assert made(figure2.node1, "free")[6] == "OSU"
    assert "bring it into service here (ec2kit in-service free), then extend" in done.stderr.splitlines()[-1]
    assert snapshot(figure2.ec2.truth()) == before


def test_what_lifekeeper_cannot_make_leaves_nothing(figure1: Lab) -> None:
    """It fails, or says that it has made what it has not, or the restore fails: nothing is left, AWS is as it was."""
    creapphier = "../lkadm/subsys/gen/app/bin/creapphier"
    for text, words in (
        ("exit 1", "creapphier failed with exit code 1"),
        ("exit 0", f"LifeKeeper says that it has made {ROUTE}, but it is not there"),
        ('"$0.kept" "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" No', "but it is OSU, with the info field 'ec2kit=1 "),
        ('"$0.kept" "$1" /bin/false "$3" "$4" "$5" "$6" "$7" "$8" "$9"', "creapphier failed with exit code 1"),
        ('"$0.kept" "$@"; exit 1', "creapphier failed with exit code 1"),
    ):
        kept = replaced(figure1.node1, creapphier, text)
        done = figure1.node1.ec2kit(*create(ROUTE, "gen/app"))
        assert done.returncode == 9
        assert words in done.stderr.splitlines()[-1]
        assert made(figure1.node1, ROUTE) == [""]
        assert figure1.node1.lk("dep_list").stdout == ""
        kept.rename(kept.with_suffix(""))
    replaced(figure1.node1, "dep_create", "exit 3")
    assert figure1.node1.ec2kit(*create(ROUTE, "gen/app")).returncode == 9
    assert made(figure1.node1, ROUTE) == [""]


def test_lifekeeper_without_its_generic_application_kit(figure1: Lab) -> None:
    """Refused with the place that was looked at; nothing is made."""
    place = figure1.node1.lkroot / "lkadm/subsys/gen/app/bin/creapphier"
    place.unlink()
    done = figure1.node1.ec2kit(*create(ROUTE, "gen/app"))
    assert done.returncode == 5
    assert f"there is no {place}. Create it without --generic" in done.stderr
    assert made(figure1.node1, ROUTE) == [""]


@pytest.mark.parametrize("tag", ["a/b", "..", "."])
def test_a_tag_that_names_no_file(figure1: Lab, tag: str) -> None:
    """LifeKeeper's harness keeps each copy in a file of that name."""
    done = figure1.node1.ec2kit(*create(ROUTE, "gen/app"), "--tag", tag)
    assert done.returncode == 5
    assert "cannot have a slash, and not be of dots alone" in done.stderr
    assert made(figure1.node1, tag) == [""]


@pytest.mark.parametrize(("first", "second"), [FORMS, FORMS[::-1]])
def test_an_address_has_one_resource_on_a_system(figure1: Lab, first: str, second: str) -> None:
    """Of whichever form: a second one with another tag is refused, and the first is named."""
    good(figure1.node1.ec2kit(*create(ROUTE, first)))
    done = figure1.node1.ec2kit(*create(ROUTE, second), "--tag", "other")
    assert done.returncode == 5
    assert f"{ROUTE} ({first}) has route 10.1.0.10/32 already on node1" in done.stderr
    assert made(figure1.node1, "other") == [""]


def test_the_info_field_for_the_gui(figure1: Lab) -> None:
    """After create's checks, and nothing else on standard output; what create would refuse is refused here, too."""
    line = good(figure1.node1.ec2kit("info", *CREATE[ROUTE][1:]))
    good(figure1.node1.ec2kit(*create(ROUTE, "gen/app")))
    assert line == made(figure1.node1, ROUTE)[5] + "\n"
    figure1.node2.set(NOBCASTPING=0)
    refused = figure1.node2.ec2kit("info", ROUTE, "--template", "node1", "--interface", "eth9")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "NOBCASTPING is not 1" in refused.stderr
    assert "no network interface eth9" in refused.stderr
    for words in ((), (ROUTE, *CREATE[ROUTE][1:]), ("--template", "node1", *CREATE[ROUTE][1:])):
        assert figure1.node1.ec2kit("info", *words).returncode == 2
    for words in (("--interface", "eth1"), ("--profile", "x"), ("--template", "node2", "--profile", "x")):
        assert figure1.node1.ec2kit("info", ROUTE, *words).returncode == 2
    refused = figure1.node1.ec2kit("info", ROUTE, "--template", "node1")
    assert (refused.returncode, "node1 is this system" in refused.stderr) == (5, True)


def test_what_the_gui_has_made_is_not_made_anew(figure1: Lab) -> None:
    """As far as it is what create would make, its dependency is added; what differs is refused."""
    line = good(figure1.node1.ec2kit("info", *CREATE[ROUTE][1:])).strip()
    node = figure1.node1
    restore, remove, *others = [str(node.script(name)) for name in ("restore", "remove", "quickCheck", "recover")]
    creapphier = str(node.lkroot / "lkadm/subsys/gen/app/bin/creapphier")
    for information, code in ((f"{line} profile=cluster", 5), (line, 0)):
        given = ("node1", restore, remove, ROUTE, information, "automatic", *others, "No")
        good(node.run(creapphier, *given))
        good(node.lk("ins_setstate", "-t", ROUTE, "-S", "ISP"))
        before = made(node, ROUTE)
        done = node.ec2kit(*create(ROUTE, "gen/app"))
        assert done.returncode == code
        assert made(node, ROUTE) == before
        assert node.lk("dep_list", "-fC").stdout == ("" if code else f"ip-vipC{ROUTE}\n")
        good(node.ec2kit("delete", ROUTE))
