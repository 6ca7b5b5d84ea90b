"""The create wizard, in a terminal on the lab's nodes."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.lifekeeper import info
from lab.ec2.vpc import AddressLab, PrivateLab, snapshot
from lab.nodes import Lab
from tests.support.hierarchy import made
from tests.support.programs import command, imported
from tests.support.terminal import CTRL_C, CTRL_D, CTRL_U, Terminal, wizard

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TAG = "ec2-ip-vip"


def footprint(lab: Lab) -> dict[str, Any]:
    """All that a wizard could leave behind: files, instances, equivalencies, locks, and changes in EC2."""
    files = [path for node in lab.nodes.values() for path in node.root.rglob("*")]
    lists = [node.lk(name).stdout for node in lab.nodes.values() for name in ("ins_list", "eqv_list", "flg_list")]
    contents = {path: path.read_bytes() for path in files if path.is_file()}
    return {"files": sorted(files), "contents": contents, "lists": lists, "ec2": snapshot(lab.ec2.truth())}


def to_the_type(seen: Terminal, kit: str = "Amazon EC2") -> None:
    """Choose the recovery kit, and answer the four questions behind it with their defaults."""
    seen.choose("Recovery kit", kit)
    seen.choose("Switchback type")
    seen.choose("Server", "node1 (this system)")
    seen.answer("EC2 URL")
    seen.choose("Credentials", "the instance's role")


def to_the_end(seen: Terminal, kit: str = "Amazon EC2") -> None:
    """Answer everything up to the summary with its default."""
    to_the_type(seen, kit)
    seen.choose("EC2 resource type", "route table")
    seen.choose("IP resource", "ip-vip  10.1.0.10")
    seen.answer("Tag")


def test_a_route_table_from_the_first_question_to_the_extension(figure1: Lab) -> None:
    """Every default taken: as by options, and extended with the priorities 1 and 10; AWS is as it was."""
    before = snapshot(figure1.ec2.truth())
    seen = wizard(figure1.node1)
    to_the_end(seen)
    seen.sees("ec2kit create --type route-table --ip-resource ip-vip --tag ec2-ip-vip --switchback intelligent")
    seen.choose("Create", "Create")
    seen.choose(f"{TAG} is created; extend it to another server now", "Extend to: node2")
    seen.answer("Template priority")
    seen.answer("Target priority")
    assert seen.ends() == 0
    assert "END successful create" in seen.shown
    assert "Hierarchy successfully extended" in seen.shown
    here, there = made(figure1.node1, TAG), made(figure1.node2, TAG)
    assert (here[6:8], there[6:8]) == (["ISP", "INTELLIGENT"], ["OSU", "INTELLIGENT"])
    recorded = frozenset(figure1.vpc.tables[name] for name in ("A", "B"))
    assert info.decode(here[5]).resource == RouteResource(IPv4Address("10.1.0.10"), "eth1", recorded)  # type: ignore[arg-type]
    rows = figure1.node1.lk("eqv_list", "-fC", "-t", TAG).stdout
    assert f"node1C{TAG}Cnode2C{TAG}CSHAREDC1C10" in rows
    assert (figure1.node1.root / f"var/lib/ec2kit/{TAG}.jsonl").exists(), "history as usual"
    assert snapshot(figure1.ec2.truth()) == before


def test_a_generic_application_is_the_default_where_it_can_be_extended(managed1: Lab) -> None:
    """The first question is which recovery kit; the options that would do the same say so."""
    seen = wizard(managed1.node1)
    to_the_end(seen, "Generic Application")
    seen.sees("--switchback intelligent --generic")
    seen.choose("Create", "Create")
    seen.choose(f"{TAG} is created; extend it to another server now", "Extend to: node2")
    seen.answer("Template priority")
    seen.answer("Target priority")
    assert seen.ends() == 0
    assert "Hierarchy successfully extended" in seen.shown
    for node, state in ((managed1.node1, "ISP"), (managed1.node2, "OSU")):
        assert (made(node, TAG)[1:3], made(node, TAG)[6]) == (["gen", "app"], state)


def test_generic_alone_asks_too(figure1: Lab) -> None:
    """The form is marked then, where LifeKeeper has no extend manager, too."""
    seen = Terminal(figure1.node1, command(figure1.node1), "create", "--generic")
    seen.choose("Recovery kit", "Generic Application")
    seen.choose("Switchback type", "Cancel")
    assert seen.ends() == 130


@pytest.mark.executed
def test_an_elastic_ip_with_going_back(figure2: Lab) -> None:
    """The wrong interface, Back, the right one; `<` in a text; an invalid tag is asked again."""
    assert isinstance(figure2.vpc, AddressLab)
    used, free = figure2.vpc.public_ip, figure2.vpc.free_ip
    script = figure2.node1.lkroot / "lkadm/subsys/comm/ec2/bin/create"
    seen = Terminal(figure2.node1, str(script))
    seen.choose("Recovery kit", "Amazon EC2")
    seen.choose("Switchback type", "automatic")
    seen.choose("Server", "Back")
    seen.choose("Switchback type", "automatic (comes back")
    seen.choose("Server")
    seen.answer("EC2 URL", "http://ec2.example.com")
    seen.sees("is not https")
    seen.answer("EC2 URL", anew=True)
    seen.choose("Credentials")
    seen.choose("EC2 resource type", "Elastic IP")
    seen.choose("Network interface", "eth0")
    seen.choose("Elastic IP", "Back")
    seen.choose("Network interface", "eth1")
    seen.asked("Elastic IP")
    shown = " ".join(seen.screen.display)
    assert 0 < shown.index(f"{used}  on eth1 now") < shown.index(f"{free}  free")
    seen.choose("Elastic IP", used)
    seen.choose("If another public address", "Back")
    seen.choose("Elastic IP", used)
    seen.choose("If another public address", "leave it there")
    seen.answer("Tag", " $x")
    seen.sees("not a valid tag")
    seen.answer("Tag", "public", anew=True)
    seen.choose("Create", "Create")
    seen.choose("public is created", "Not now")
    assert seen.ends() == 0
    assert "--displace false" in seen.shown
    assert "ec2kit extend public --to node2" in seen.shown
    fields = made(figure2.node1, "public")
    assert fields[6:8] == ["ISP", "AUTOMATIC"]
    assert info.decode(fields[5]).resource == ElasticIpResource(IPv4Address(used), "eth1", displace=False)


def test_an_elastic_ip_on_an_address_of_its_own_is_extended_to_one(figure3: Lab) -> None:
    """Where an interface has several, the wizard asks for one, and at an extension for the other node's."""
    assert isinstance(figure3.vpc, PrivateLab)
    free, on_node2 = figure3.vpc.free_ip, figure3.node2.identity.interfaces[1].private_ip
    seen = wizard(figure3.node1)
    to_the_type(seen)
    seen.choose("EC2 resource type", "Elastic IP")
    seen.choose("Network interface", "eth0")
    seen.choose("Elastic IP", free)
    seen.choose("If another public address", "Back")  # eth0 has one private address: it is not asked for
    seen.choose("Elastic IP", "Back")
    seen.choose("Network interface", "eth1")
    seen.choose("Elastic IP", free)
    seen.asked("Private address")
    assert "the primary one" in " ".join(seen.screen.display)
    seen.choose("Private address", "10.0.5.50")
    seen.choose("If another public address", "Back")
    seen.choose("Private address", "Back")
    seen.choose("Elastic IP", "Back")
    seen.choose("Network interface", "eth0")
    seen.choose("Elastic IP", free)
    seen.choose("If another public address", "take its place")
    seen.answer("Tag")
    seen.sees(f"--interface eth0 --elastic-ip {free} --tag")  # what eth0 does not offer is forgotten
    seen.choose("Create it", "Back")
    seen.answer("Tag", "<", anew=True)
    seen.choose("If another public address", "Back")
    seen.choose("Elastic IP", "Back")
    seen.choose("Network interface", "eth1")
    seen.choose("Elastic IP", free)
    seen.choose("Private address", "10.0.5.50")
    seen.choose("If another public address", "take its place")
    seen.answer("Tag")
    seen.sees("--private-ip 10.0.5.50")
    seen.choose("Create", "Create")
    seen.choose(f"ec2-{free} is created", "Extend to: node2")
    seen.answer("Private address on node2", "10.0.5", anew=True)
    seen.sees("not an IPv4 address")
    seen.answer("Private address on node2", on_node2, anew=True)
    seen.answer("Template priority")
    seen.answer("Target priority")
    assert seen.ends() == 0
    assert f"private={on_node2}" in made(figure3.node2, f"ec2-{free}")[5]


def test_a_private_address_is_below_its_ip_resource(figure3: Lab) -> None:
    """As a route; nothing else is asked."""
    seen = wizard(figure3.node1)
    to_the_type(seen)
    seen.choose("EC2 resource type", "private address: one subnet, same-AZ cluster")
    seen.choose("IP resource", "ip-10.0.5.50  10.0.5.50")
    seen.answer("Tag")
    seen.sees("ec2kit create --type private --ip-resource ip-10.0.5.50")
    seen.choose("Create", "Create")
    seen.choose("ec2-ip-10.0.5.50 is created", "Not now")
    assert seen.ends() == 0
    assert "kind=private private=10.0.5.50 interface=eth1 peer=eni-" in made(figure3.node1, "ec2-ip-10.0.5.50")[5]


def test_cancelling_leaves_nothing_behind(figure1: Lab) -> None:
    """By Cancel or by Ctrl-C: at a list, a text or a secret, while EC2 is asked, at the end, in create itself."""
    before = footprint(figure1)

    def cancelled(seen: Terminal) -> None:
        assert seen.ends() == 130
        assert "Cancelled; nothing was created." in seen.shown
        assert "Traceback" not in seen.shown

    seen = wizard(figure1.node1)
    seen.choose("Recovery kit", "Cancel")
    cancelled(seen)

    seen = wizard(figure1.node1)
    seen.choose("Recovery kit", "Amazon EC2")
    seen.choose("Switchback type")
    seen.choose("Server")
    seen.answer("EC2 URL")
    seen.choose("Credentials", "an access key")
    seen.answer("Access key id", KEY)
    seen.asked("Secret access key")
    seen.child.send(SECRET)
    seen.interrupt("Secret access key")
    cancelled(seen)

    figure1.ec2.delay_ms = 20_000
    seen = wizard(figure1.node1)
    to_the_type(seen)
    seen.sees("Asking EC2")
    seen.child.send(CTRL_C)
    cancelled(seen)
    figure1.ec2.delay_ms = 0

    seen = wizard(figure1.node1)
    to_the_end(seen)
    seen.choose("Create", "Cancel")
    cancelled(seen)

    seen = wizard(figure1.node1)
    to_the_end(seen)
    figure1.ec2.delay_ms = 20_000
    seen.choose("Create", "Create")
    seen.sees("BEGIN create")
    seen.child.send(CTRL_C)
    assert seen.ends() == 130
    assert f"Interrupted. To see whether it was created: ec2kit status {TAG}" in seen.shown
    assert footprint(figure1) == before
    assert {call.action[:8] for call in figure1.ec2.calls} == {"Describe"}


def test_what_create_refuses_can_be_cancelled_or_mended(figure1: Lab) -> None:
    """Every problem with its cure; Cancel leaves nothing. Mended, Back and Create go on, without a new start."""
    node = figure1.node1
    truth = figure1.ec2.truth()
    eni = node.identity.interfaces[1].eni
    truth.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": True})
    for each in figure1.nodes.values():
        each.set(NOBCASTPING=0)
    before = footprint(figure1)
    for last in (False, True):
        seen = wizard(node)
        to_the_end(seen)
        seen.choose("Create", "Create")
        seen.sees("NOBCASTPING is not 1")
        seen.sees("the source/dest check of")
        seen.asked("It was not created")
        if not last:
            seen.choose("It was not created", "Cancel")
            assert seen.ends() == 130
            assert "Cancelled; nothing was created." in seen.shown
            assert footprint(figure1) == before
    truth.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
    node.set(NOBCASTPING=1)
    seen.choose("It was not created", "Back")
    seen.answer("Tag")
    seen.choose("Create", "Create")
    seen.choose(f"{TAG} is created", "Extend to: node2")
    seen.answer("Template priority", "0", anew=True)
    seen.sees("not a valid priority")
    seen.answer("Template priority", "10", anew=True)
    seen.answer("Target priority", "10", anew=True)
    seen.sees("priority 10 is in use by node1")
    seen.answer("Target priority", "20", anew=True)
    seen.sees("canextend on node2 failed with exit code 5")
    seen.choose("It was not extended to node2", "Back")
    seen.interrupt("Target priority", CTRL_U + CTRL_D)
    assert seen.ends() == 130
    assert f"Cancelled; {TAG} exists on node1." in seen.shown
    assert made(node, TAG)[6] == "ISP"
    assert made(figure1.node2, TAG) == [""]
    assert "!action!" not in node.lk("flg_list").stdout + figure1.node2.lk("flg_list").stdout


def test_creating_on_the_other_server(figure2: Lab) -> None:
    """Asked, proven and created there, and extended from there; an access key is not offered, and told why."""
    assert isinstance(figure2.vpc, AddressLab)
    free, tag = figure2.vpc.free_ip, f"ec2-{figure2.vpc.free_ip}"
    seen = wizard(figure2.node1)
    seen.choose("Recovery kit", "Amazon EC2")
    seen.choose("Switchback type")
    seen.choose("Server", "node2")
    seen.answer("EC2 URL")
    seen.asked("Credentials")
    seen.sees("its secret may not travel: give it on node2")
    seen.choose("Credentials")
    seen.choose("EC2 resource type", "route table")
    seen.sees("No IPv4 IP resource is in service on node2")
    seen.choose("EC2 resource type", "Elastic IP")
    seen.asked("Network interface")
    seen.sees(figure2.node2.identity.interfaces[1].eni)
    seen.choose("Network interface", "eth1")
    seen.choose("Elastic IP", free)
    seen.choose("If another public address", "take its place")
    seen.answer("Tag")
    seen.choose("Create", "Create")
    seen.choose(f"{tag} is created", "Extend to: node1")
    seen.answer("Template priority", "5", anew=True)
    seen.answer("Target priority", "7", anew=True)
    assert seen.ends() == 0
    assert made(figure2.node2, tag)[6] == "OSU", "EC2 shows it on no node"
    assert info.decode(made(figure2.node1, tag)[5]).resource == ElasticIpResource(IPv4Address(free), "eth1")
    assert f"node2C{tag}Cnode1C{tag}CSHAREDC5C7" in figure2.node2.lk("eqv_list", "-fC", "-t", tag).stdout
    assert snapshot(figure2.ec2.truth())["addresses"][free] == (None, None)


@pytest.mark.executed
@pytest.mark.parametrize("script", ["bin/ec2kit create", "opt/LifeKeeper/lkadm/subsys/comm/ec2/bin/create"])
def test_without_a_terminal_nothing_is_asked(figure2: Lab, script: str) -> None:
    """Usage: exit code 2, what would ask, and EC2 was not asked either."""
    program, *words = script.split()
    done = figure2.node1.run(str(figure2.node1.root / program), *words)
    assert done.returncode == 2
    assert "without any option it asks, but only on a terminal" in done.stderr
    assert figure2.ec2.calls == []


@pytest.mark.executed
def test_create_by_options_imports_no_questions(figure1: Lab) -> None:
    """A script's create needs no terminal, and nothing of one."""
    script = str(figure1.node1.lkroot / "lkadm/subsys/comm/ec2/bin/create")
    modules = imported(figure1.node1, script, "--type", "route-table", "--ip-resource", "ip-vip")
    assert "boto3" in modules
    assert not modules & {"questionary", "prompt_toolkit", "rich"}
