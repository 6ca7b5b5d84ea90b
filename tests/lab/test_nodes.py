"""What can happen to the lab's nodes: a default route that goes, a boot, and another instance in a node's place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from uuid import UUID

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.host import nic
from ec2kit.lifekeeper.contract import EVENT
from lab.ec2 import vpc
from lab.lifekeeper import generic
from lab.nodes import Lab, Node, address_lab, private_lab, route_lab
from lab.protected import Protected, protect, through_the_front


def test_a_default_route_goes_and_comes(figure2: Lab) -> None:
    """The kit reads it through the interface that it was sent to, and reads none when there is none."""
    node = figure2.node1
    places = str(node.sysfs), str(node.procfs)
    assert nic.default_interface(*places) == "eth0"
    node.default_route(None)
    with pytest.raises(Unavailable, match="no default route"):
        nic.default_interface(*places)
    assert len((node.procfs / "net/route").read_text().splitlines()) == 1, "nothing but the names of the columns"
    node.default_route("eth1")
    assert nic.default_interface(*places) == "eth1"


def test_a_boot_empties_what_is_in_memory(figure2: Lab) -> None:
    """HA_RSCTMP is gone, the id of the boot is another, what is on disk stays."""
    node = figure2.node1
    identifier = node.procfs / "sys/kernel/random/boot_id"
    first = UUID(identifier.read_text().strip())
    memory = Path(node.environment["HA_RSCTMP"], "ec2kit", "eip-x")
    memory.parent.mkdir(parents=True)
    memory.write_text("held")
    node.boot()
    assert not memory.exists()
    assert UUID(identifier.read_text().strip()) != first
    assert node.defaults.exists()


def test_a_node_is_replaced_by_another_instance(eip: Protected) -> None:
    """EC2, metadata and sysfs tell another instance, ENIs, MACs and keys; the old ENI keeps the address."""
    lab, truth = eip.lab, eip.lab.ec2.truth()
    assert isinstance(lab.vpc, vpc.AddressLab)
    assert eip.run("quickCheck", lab.node1).returncode == 0
    old, key = lab.node1, lab.ec2.calls[-1].key
    written = {path: path.read_bytes() for path in (old.root / "etc").rglob("*") if path.is_file()}
    new = lab.replace("node1")
    assert lab.node1 is new
    assert new.root == old.root
    assert {path: path.read_bytes() for path in written} == written
    for before, after in zip(old.identity.interfaces, new.identity.interfaces, strict=True):
        assert before.eni != after.eni
        assert (new.sysfs / "class/net" / after.name / "address").read_text().strip() == after.mac != before.mac
        gone, there = truth.describe_network_interfaces(NetworkInterfaceIds=[before.eni, after.eni])[
            "NetworkInterfaces"
        ]
        assert not gone.get("Attachment")
        assert (there["Attachment"]["InstanceId"], there["MacAddress"]) == (new.identity.instance_id, after.mac)
    (address,) = truth.describe_addresses(PublicIps=[lab.vpc.public_ip])["Addresses"]
    assert address["NetworkInterfaceId"] == old.identity.interfaces[1].eni
    assert not address.get("InstanceId")
    assert eip.run("quickCheck", new).returncode == 1, "it is not on this node any more"
    assert lab.ec2.calls[-1].key != key
    assert eip.run("restore", new).returncode == 0
    assert eip.holder() == "node1"


def test_routes_to_a_replaced_node_are_blackholes(routes: Protected) -> None:
    """They still name the old ENI; the new one's source/dest check is on, as EC2 makes it, until a restore."""
    lab = routes.lab
    assert isinstance(lab.vpc, vpc.RouteLab)
    old = lab.node1.identity.interfaces[1].eni
    new = lab.replace("node1").identity.interfaces[1].eni
    with closing(through_the_front(lab)) as client:
        assert vpc.route_tables(client, lab.vpc.vpc)["A"]["10.1.0.10/32"] == (old, "blackhole")
    assert vpc.snapshot(lab.ec2.truth())["checks"][new]
    assert routes.run("restore", lab.node1).returncode == 0
    assert routes.holder() == "node1"
    assert not vpc.snapshot(lab.ec2.truth())["checks"][new]


def test_an_address_of_the_subnet_is_protected_by_the_ip_kit(forks: Path, tmp_path: Path) -> None:
    """On both nodes, in service on node1, which has it in EC2; a replaced node leaves it on the old ENI."""
    with private_lab(tmp_path, forks=forks) as lab:
        assert isinstance(lab.vpc, vpc.PrivateLab)
        for node, state in ((lab.node1, "ISP"), (lab.node2, "OSU")):
            row = node.lk("ins_list", "-f,", "-t", "ip-10.0.5.50").stdout.split(",")
            assert (row[1:5], row[6]) == (["comm", "ip", "ip-10.0.5.50", "IP-10.0.5.50"], state)
        truth, old = lab.ec2.truth(), lab.node1.identity.interfaces[1]
        assert vpc.private_addresses(truth, lab.vpc.vpc)["10.0.5.50"] == old.eni
        new = lab.replace("node1").identity.interfaces[1]
        assert new.eni != old.eni
        assert new.subnet == lab.vpc.subnet
        (there,) = truth.describe_network_interfaces(NetworkInterfaceIds=[old.eni])["NetworkInterfaces"]
        assert [each["PrivateIpAddress"] for each in there["PrivateIpAddresses"]] == [old.private_ip, "10.0.5.50"]
        assert not there.get("Attachment")


@pytest.mark.parametrize("make", [route_lab, address_lab, private_lab])
def test_a_lab_has_an_extend_manager_where_it_is_asked_for(
    make: Callable[..., AbstractContextManager[Lab]], tmp_path: Path
) -> None:
    """On both nodes."""
    for asked in (False, True):
        with make(tmp_path / str(asked), manager=asked) as lab:
            found = [(node.lkroot / "lkadm/bin/extmgrDoExtend.pl").exists() for node in lab.nodes.values()]
        assert found == [asked] * 2


def test_the_extend_manager_extends_the_kits_own_type(forks: Path, tmp_path: Path) -> None:
    """By the kit's canextend and extend; the value in the bundle is the interface on the target."""
    with route_lab(tmp_path, forks=forks, manager=True) as lab:
        node, tag = lab.node1, "ec2-ip-vip"
        node.ec2kit("create", "--type", "route-table", "--ip-resource", "ip-vip").check_returncode()
        manager = str(node.lkroot / "lkadm/bin/extmgrDoExtend.pl")
        done = node.run(manager, "-p1", "-f,", tag, "node2", "10", "intelligent", f'"{tag},eth0"')
        assert done.returncode == 0, done.stderr
        row = lab.node2.lk("ins_list", "-f,", "-t", tag).stdout.split(",")
        assert (row[1:5], row[6]) == (["comm", "ec2", tag, "EC2-10.1.0.10"], "OSU")
        assert "interface=eth0" in row[5].split()
        assert lab.node2.lk("dep_list", "-f,").stdout == f"ip-vip,{tag}\n"
        assert node.lk("eqv_list", "-f,", "-t", tag).stdout == f"node1,{tag},node2,{tag},SHARED,1,10\n"


def creapphier(node: Node, tag: str, **scripts: Path) -> None:
    """Make a Generic Application of scripts on a node, out of service."""
    words = [str(scripts.get(name, "")) for name in ("restore", "remove", "quickCheck", "recover")]
    order = (node.name, *words[:2], tag, "x", "intelligent", *words[2:], "No")
    node.run(str(node.harness("creapphier")), *order).check_returncode()


def test_a_copy_of_a_script_has_all_of_its_text_and_a_tap(figure2: Lab) -> None:
    """What the harness copies, also to the other node, runs in the fork server; no original is needed any more."""
    assert figure2.taps
    node, other = figure2.node1, figure2.node2
    creapphier(node, "vip", restore=node.script("restore"), remove=node.script("remove"))
    copy = node.copy_of("restore", "vip")
    assert copy.read_text() == node.script("restore").read_text()
    assert (
        copy.read_text().partition("\n")[2]
        == figure2.taps.behind(str(node.script("restore"))).read_text().partition("\n")[2]
    )
    node.lk("ins_setstate", "-t", "vip", "-S", "ISP").check_returncode()
    other.run(str(other.harness("extend")), "node1", "vip").check_returncode()
    for script in (node.script("restore"), node.script("remove")):
        script.unlink()
    figure2.taps.calls.clear()
    for here in (node, other):
        assert here.run(str(here.harness("remove")), "-t", "vip", "-i", "vip").returncode not in {0, 1, 126}
    told = [(called.node, called.program, called.arguments) for called in figure2.taps.calls]
    tagged = ("-t", "vip", "-i", "vip")
    assert [each for each in told if each[1] in {"remove", "!remove"}] == [
        (here, program, tagged) for here in ("node1", "node2") for program in ("remove", "!remove")
    ]


def test_a_program_that_comes_later_runs_and_can_have_a_tap(figure2: Lab) -> None:
    """A script of the shell's is executed; one of Python's too, until it is tapped; and so is a copy with a tap."""
    assert figure2.taps
    node = figure2.node1
    shell, python = node.root / "shell", node.root / "python"
    shell.write_text("#!/bin/sh\necho shell $*\n")
    python.write_text(f"#!{sys.executable}\nimport sys\n\nprint('python', *sys.argv[1:])\n")
    for place in (shell, python):
        place.chmod(0o755)
    text = python.read_text()
    figure2.taps.calls.clear()
    for tapped in (0, 1, 1):
        assert [node.run(str(place), "x").stdout for place in (shell, python)] == ["shell x\n", "python x\n"]
        assert [called.program for called in figure2.taps.calls] == ["python"] * tapped
        figure2.taps.calls.clear()
        figure2.tap(node, python)
        assert figure2.taps.behind(str(python)).read_text() == text
    for place in (shell, python):
        figure2.taps.put(node.name, place)
        copy = place.with_name(f"copy-{place.name}")
        shutil.copy(place, copy)
        place.unlink()
        assert node.run(str(copy), "y").stdout == f"{place.name} y\n"
        assert figure2.taps.calls.pop().program == copy.name


def test_a_bad_check_runs_the_recovery_program_of_the_type(eip: Protected) -> None:
    """It is the only one that the type has, also where a tap stands in front of it."""
    node = eip.lab.node1
    assert eip.lab.taps
    node.script("quickCheck").write_text("#!/bin/sh\nexit 1\n")
    eip.lab.taps.calls.clear()
    node.lk("lkcheck", "--once").check_returncode()
    assert [called.program for called in eip.lab.taps.calls][:2] == ["lkcheck", EVENT]


@pytest.mark.parametrize("scenario", ["figure1", "figure2"])
def test_a_protected_generic_application(scenario: str, request: pytest.FixtureRequest) -> None:
    """It is app gen, type app, id = tag, with the kit's scripts; the harness runs them, and they hold the address."""
    lab: Lab = request.getfixturevalue(scenario)
    made = protect(lab, generic=True)
    for node, state in ((lab.node1, "ISP"), (lab.node2, "OSU")):
        row = node.lk("ins_list", "-t", made.tag).stdout.split("\x01")
        assert row[1:5] + row[6:7] == ["gen", "app", made.tag, made.id, state]
        assert row[5].startswith("ec2kit=1 kind=")
        assert made.id == made.tag
        for script in generic.SCRIPTS:
            assert node.copy_of(script, made.tag).read_text() == node.script(script).read_text()
    assert lab.taps
    lab.taps.calls.clear()
    assert made.run("quickCheck", lab.node1).returncode == 0
    assert [called.program for called in lab.taps.calls][:2] == ["quickCheck", "!quickCheck"]
    assert made.run("restore", lab.node2).returncode == 0
    assert made.holder() == "node2"
    lab.taps.calls.clear()
    assert made.run("recover", lab.node1).returncode == 0
    assert lab.taps.calls[0].program == "!recover"
    assert made.holder() == "node1"
    assert made.options("recover") == ("-t", made.tag, "-i", made.tag)
