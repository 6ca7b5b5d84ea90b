"""extend, unextend and delete, as LifeKeeper's managers do them: on every system, or taken back."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ec2kit.lifekeeper import contract
from lab.lifekeeper import install
from lab.lifekeeper.ipkit import install_ip_kit
from lab.nodes import Lab, Node, address_lab, install_kit, make_node
from tests.support.hierarchy import CREATE, EIP, FORMS, ROUTE, create, made, no_locks, protected, states
from tests.support.programs import command, good, replaced

MANAGER = "lkadm/bin/extmgrDoExtend.pl"


def third_system(lab: Lab, folder: Path) -> Node:
    """A third system of the cluster, on node2's instance."""
    like = lab.node2
    node = make_node(folder / "node3", "node3", like.identity, like.imds, lab.ec2)
    install(node.lkroot, system="node3", store=folder / "lifekeeper.db", environment=node.environment)
    install_ip_kit(node.lkroot)
    install_kit(node)
    lab.nodes["node3"] = node
    return node


def test_three_systems_and_their_priorities(figure2: Lab, tmp_path: Path) -> None:
    """A third system joins beside both, priorities are unused ones from 1 to 999, and a used one is refused first."""
    third_system(figure2, tmp_path)
    protected(figure2, EIP, "--template-priority", "3", "--target-priority", "20")
    for options, words in (
        (("--target-priority", "20"), "priority 20 is in use by node2"),
        (("--target-priority", "3"), "priority 3 is in use by node1"),
        (("--template-priority", "4"), "the priority of node1 is already 3, not 4"),
    ):
        refused = figure2.node1.ec2kit("extend", EIP, "--to", "node3", *options)
        assert refused.returncode == 5
        assert words in refused.stderr
    good(figure2.node1.ec2kit("extend", EIP, "--to", "node3"))
    shown = json.loads(good(figure2.node2.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 20, "node3": 10}
    good(figure2.node2.ec2kit("properties", EIP, "--set", "priority=7"))
    shown = json.loads(good(figure2.node1.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 7, "node3": 10}
    refused = figure2.node2.ec2kit("properties", EIP, "--set", "priority=10")
    assert "priority 10 is in use by node3" in refused.stderr
    good(figure2.node1.lk("lksystem", "down", "node1"))
    good(figure2.node2.lk("lksystem", "failover", "node1"))
    assert states(figure2, EIP)["node2"] == "ISP", "7 comes before 10"
    assert figure2.node1.ec2kit("extend", EIP, "--to", "nobody").returncode != 0
    refused = figure2.node2.ec2kit("extend", EIP, "--to", "nobody")
    assert "nobody is not another system of this cluster. Name one of: node1 node3" in refused.stderr


def test_cancelling_an_extension_leaves_earlier_ones(figure2: Lab, tmp_path: Path) -> None:
    """Ctrl-C while the third system is asked: it is as it was, the second stays extended, the lock is off."""
    third_system(figure2, tmp_path)
    protected(figure2, EIP)
    replaced(figure2.node1, "ins_setas", "sleep 60")  # the instance and its dependencies are made by then
    line = [command(figure2.node1), "extend", EIP, "--to", "node3"]
    with subprocess.Popen(line, env=figure2.node1.environment, stdout=subprocess.PIPE, text=True) as extend:
        limit = time.monotonic() + 30
        while "node3" not in states(figure2, EIP) and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.5)
        extend.send_signal(signal.SIGINT)
        output, _ = extend.communicate(timeout=30)
    assert extend.returncode == -signal.SIGINT
    assert f"Taking {EIP} on node3 back" in output
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    assert no_locks(figure2)


def test_delete_reaches_every_system_or_touches_none(figure2: Lab) -> None:
    """With the peer down nothing is deleted; another kit's resource never is."""
    protected(figure2, EIP)
    good(figure2.node1.lk("lksystem", "down", "node2"))
    refused = figure2.node1.ec2kit("delete", EIP)
    assert refused.returncode == 9
    good(figure2.node1.lk("lksystem", "up", "node2"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    good(
        figure2.node1.lk("ins_create", "-a", "comm", "-r", "ip", "-t", "ip-x", "-i", "IP-10.2.0.1", "-I", "INIT_ISP")
    )
    for words in (("delete", "ip-x"), ("unextend", "ip-x", "--from", "node2"), ("properties", "ip-x")):
        refused = figure2.node1.ec2kit(*words)
        assert refused.returncode == 5
        assert '"ip-x" is a resource of another kit (comm/ip)' in refused.stderr


def test_extend_makes_the_peer_equal(figure1: Lab) -> None:
    """Instance, dependency, switchback and equivalency; out of service on the target."""
    assert figure1.node1.action(*CREATE[ROUTE], "--tag", "vip-route").returncode == 0
    done = figure1.node1.ec2kit("extend", "vip-route", "--to", "node2", "--switchback", "automatic")
    assert done.returncode == 0, done.stderr
    here, there = made(figure1.node1, "vip-route"), made(figure1.node2, "vip-route")
    assert there[1:6] == here[1:6]
    assert (here[6], there[6]) == ("ISP", "OSU")
    assert (here[7], there[7]) == ("AUTOMATIC", "AUTOMATIC")
    assert figure1.node2.lk("dep_list", "-fC").stdout == "ip-vipCvip-route\n"
    assert "node2Cvip-route" in figure1.node1.lk("eqv_list", "-fC", "-t", "vip-route").stdout


def test_extend_that_cannot_be_completed_leaves_nothing_there(figure1: Lab) -> None:
    """Whichever step LifeKeeper refuses: the target is as it was, the admin lock is off, and another try works."""
    assert figure1.node1.action(*CREATE[ROUTE]).returncode == 0
    for program in ("dep_create", "ins_setas", "eqv_create"):
        kept = replaced(figure1.node1, program, "exit 3")
        done = figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2")
        assert done.returncode == 9
        assert f"{program} failed with exit code 3" in done.stderr.splitlines()[-1]
        assert made(figure1.node2, "ec2-ip-vip") == [""]
        assert "Taking ec2-ip-vip on node2 back" in done.stdout
        assert "!action!" not in figure1.node1.lk("flg_list").stdout + figure1.node2.lk("flg_list").stdout
        kept.rename(figure1.node1.lkroot / "bin" / program)
    assert figure1.node1.ec2kit("extend", "ec2-ip-vip", "--to", "node2").returncode == 0


@pytest.mark.parametrize("form", FORMS)
def test_lifekeepers_own_manager_extends(managed1: Lab, form: str) -> None:
    """Where it is there, it does all of it: instance, dependency, priorities, switchback; the rest is looked at."""
    protected(
        managed1, ROUTE, "--interface", "eth0", "--switchback", "automatic", "--target-priority", "7", form=form
    )
    here, there = made(managed1.node1, ROUTE), made(managed1.node2, ROUTE)
    assert there[1:5] == here[1:5]
    assert there[5] == here[5].replace("interface=eth1", "interface=eth0")
    assert (here[6:8], there[6:8]) == (["ISP", "AUTOMATIC"], ["OSU", "AUTOMATIC"])
    assert managed1.node2.lk("dep_list", "-fC").stdout == f"ip-vipC{ROUTE}\n"
    assert "CSHAREDC1C7" in managed1.node1.lk("eqv_list", "-fC", "-t", ROUTE).stdout
    assert no_locks(managed1)
    again = good(managed1.node1.ec2kit("extend", ROUTE, "--to", "node2", "--interface", "eth0"))
    assert f"{ROUTE} is already extended to node2" in again
    for option, value in (("--interface", "eth1"), ("--target-priority", "8"), ("--switchback", "intelligent")):
        other = managed1.node1.ec2kit("extend", ROUTE, "--to", "node2", option, value)
        assert (other.returncode, f", not {value}. Change it" in other.stderr) == (5, True), other.stderr
    good(managed1.node2.ec2kit("in-service", "ip-vip"))
    good(managed1.node2.ec2kit("unextend", ROUTE, "--from", "node1"))
    good(managed1.node2.ec2kit("extend", ROUTE, "--to", "node1", "--template-priority", "5"))
    shown = json.loads(good(managed1.node2.ec2kit("properties", ROUTE, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node2": 5, "node1": 10}


@pytest.mark.parametrize("form", FORMS)
def test_a_manager_that_fails_is_told(managed1: Lab, form: str) -> None:
    """Its exit code, or that what it says is not so; nothing is said to be extended."""
    good(managed1.node1.ec2kit(*create(ROUTE, form)))
    manager = "../lkadm/bin/extmgrDoExtend.pl"
    for text, code, words in (
        ("exit 1", 9, "extmgrDoExtend.pl failed with exit code 1"),
        ("exit 0", 9, "says that ec2-ip-vip is extended, but node2 is not one of its systems"),
    ):
        kept = replaced(managed1.node1, manager, text)
        done = managed1.node1.ec2kit("extend", ROUTE, "--to", "node2")
        assert done.returncode == code
        assert words in done.stderr.splitlines()[-1]
        kept.rename(kept.with_suffix(""))
    assert states(managed1, ROUTE) == {"node1": "ISP"}
    good(managed1.node1.ec2kit("extend", ROUTE, "--to", "node2"))


def test_what_the_manager_has_not_made_is_made(managed1: Lab) -> None:
    """It passes another info field on, and no dependency: both are put right, and told."""
    good(managed1.node1.ec2kit(*create(ROUTE, "gen/app")))
    text = (
        '"$0.kept" "$@" || exit\n'
        f"{managed1.node2.lkroot}/bin/dep_remove -p ip-vip -c {ROUTE}\n"
        f"{managed1.node2.lkroot}/bin/ins_setinfo -t {ROUTE} -v other"
    )
    replaced(managed1.node1, "../lkadm/bin/extmgrDoExtend.pl", text)
    said = good(managed1.node1.ec2kit("extend", ROUTE, "--to", "node2"))
    assert f"Writing the info field of {ROUTE} on node2" in said
    assert f"ip-vip depends on {ROUTE} on node2 now" in said
    assert made(managed1.node2, ROUTE)[5] == made(managed1.node1, ROUTE)[5]
    assert managed1.node2.lk("dep_list", "-fC").stdout == f"ip-vipC{ROUTE}\n"


def test_a_generic_application_needs_the_manager_or_the_gui(figure1: Lab) -> None:
    """What LifeKeeper's own kit does on the other system is not ours to do: it is told how the GUI does it."""
    good(figure1.node1.ec2kit(*create(ROUTE, "gen/app")))
    refused = figure1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert refused.returncode == 5
    assert f"tells on node2: ec2kit info {ROUTE} --template node1" in refused.stderr.splitlines()[-1]
    line = good(figure1.node2.ec2kit("info", ROUTE, "--template", "node1"))
    assert line == made(figure1.node1, ROUTE)[5] + "\n" == good(figure1.node1.ec2kit("info", ROUTE))


def test_a_child_of_its_own_is_extended_by_the_gui(managed1: Lab) -> None:
    """The values that another kit's resource needs there are not ours to know."""
    good(managed1.node1.ec2kit(*create(ROUTE, "gen/app")))
    other = ("-a", "comm", "-r", "ip", "-t", "below", "-i", "IP-10.1.0.11", "-I", "INIT_ISP")
    good(managed1.node1.lk("ins_create", *other))
    good(managed1.node1.lk("dep_create", "-p", ROUTE, "-c", "below"))
    refused = managed1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert refused.returncode == 5
    assert f"{ROUTE} has others below it (below)" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize("manager", [True, False])
def test_what_another_system_has_under_the_same_tag_is_left_alone(
    manager: bool, tmp_path: Path, forks: Path | None
) -> None:
    """Another kit's resource, or the same one in service: extend refuses, and nothing there is touched."""
    with address_lab(tmp_path, forks=forks, manager=manager) as lab:
        good(lab.node1.ec2kit(*CREATE[EIP]))
        node = lab.node2
        good(node.lk("ins_create", "-a", "comm", "-r", "ip", "-t", EIP, "-i", "IP-10.2.0.1", "-I", "INIT_OSU"))
        good(node.lk("ins_create", "-a", "comm", "-r", "ip", "-t", "top", "-i", "IP-10.2.0.2", "-I", "INIT_OSU"))
        good(node.lk("dep_create", "-p", "top", "-c", EIP))
        before = node.lk("ins_list").stdout, node.lk("dep_list").stdout
        refused = lab.node1.ec2kit("extend", EIP, "--to", "node2")
        assert refused.returncode == 5
        assert (
            f"node2 has a resource {EIP} already, and it is another one (comm/ip, id IP-10.2.0.1)" in refused.stderr
        )
        assert (node.lk("ins_list").stdout, node.lk("dep_list").stdout) == before
        good(node.lk("ins_remove", "-t", "top"))
        good(node.lk("ins_remove", "-t", EIP))

        row = made(lab.node1, EIP)
        words = ("-a", "comm", "-r", "ec2", "-t", EIP, "-i", row[4], "-v", row[5], "-I", "INIT_ISP")
        good(node.lk("ins_create", *words))
        good(node.lk("ins_setstate", "-t", EIP, "-S", "ISP"))
        before = node.lk("ins_list").stdout, node.lk("dep_list").stdout
        refused = lab.node1.ec2kit("extend", EIP, "--to", "node2")
        assert refused.returncode == 5
        assert f"node2 has a resource {EIP} already, and it is in service there (ISP)" in refused.stderr
        assert (node.lk("ins_list").stdout, node.lk("dep_list").stdout) == before


@pytest.mark.executed
def test_cancelling_a_manager_lets_it_put_things_right(managed2: Lab) -> None:
    """Ctrl-C while LifeKeeper's manager is at work: it is asked to end, and takes back what it has made."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    replaced(managed2.node2, "../lkadm/subsys/gen/app/bin/extend", '"$0.kept" "$@"\nsleep 60')
    line = [command(managed2.node1), "extend", EIP, "--to", "node2"]
    with subprocess.Popen(line, env=managed2.node1.environment, stdout=subprocess.PIPE, text=True) as run:
        limit = time.monotonic() + 30
        while "node2" not in states(managed2, EIP) and time.monotonic() < limit:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
    assert run.returncode == -signal.SIGINT
    assert states(managed2, EIP) == {"node1": "ISP"}
    assert no_locks(managed2)


def test_a_target_of_first_priority(managed2: Lab) -> None:
    """The manager is told the target's priority alone, and gives the template 1: both are as wanted in the end."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    priorities = ("--template-priority", "5", "--target-priority", "1")
    good(managed2.node1.ec2kit("extend", EIP, "--to", "node2", *priorities))
    shown = json.loads(good(managed2.node1.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 5, "node2": 1}


def test_what_cannot_be_put_right_behind_the_manager_is_taken_back(managed2: Lab) -> None:
    """It has given the target another info field, and that cannot be written: the target is as it was."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    text = f'"$0.kept" "$@" || exit\n{managed2.node2.lkroot}/bin/ins_setinfo -t {EIP} -v other'
    replaced(managed2.node1, f"../{MANAGER}", text)
    kept = replaced(managed2.node1, "ins_setinfo", "exit 3")
    done = managed2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert done.returncode == 9
    assert f"Taking {EIP} on node2 back" in done.stdout
    assert states(managed2, EIP) == {"node1": "ISP"}
    kept.rename(kept.with_suffix(""))
    good(managed2.node1.ec2kit("extend", EIP, "--to", "node2"))


def test_an_extension_that_somebody_else_is_at_is_left_alone(managed2: Lab) -> None:
    """LifeKeeper's GUI has made the instance there, and has the admin lock: nothing of it is removed."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    info = made(managed2.node1, EIP)[5]
    good(managed2.node2.lk("ins_create", "-a", "gen", "-r", "app", "-t", EIP, "-i", EIP, "-v", info))
    flag = contract.ADMIN_LOCK.format(pid=1, time=1, system="node1", tag=EIP)
    good(managed2.node1.lk("flg_create", "-f", flag))
    refused = managed2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert "another administration is under way on node1" in refused.stderr
    assert states(managed2, EIP) == {"node1": "ISP", "node2": "OSU"}


def test_a_system_that_has_no_kit_any_more(managed2: Lab) -> None:
    """What it has kept stays there, which is told; the resource goes."""
    protected(managed2, EIP, form="gen/app")
    managed2.node2.script("delete").unlink()
    said = good(managed2.node1.ec2kit("unextend", EIP, "--from", "node2"))
    assert f"There is no kit on node2: what it has kept of {EIP}, such as an access key, stays there" in said
    assert states(managed2, EIP) == {"node1": "ISP"}


@pytest.mark.parametrize("tag", ["my,app", 'my"app'])
def test_a_tag_that_the_manager_cannot_be_told(managed2: Lab, tag: str) -> None:
    """As the GUI may make one: refused in words."""
    protected(managed2, EIP, form="gen/app")
    info = made(managed2.node1, EIP)[5]
    good(managed2.node1.ec2kit("delete", EIP))
    good(
        managed2.node1.lk("ins_create", "-a", "gen", "-r", "app", "-t", tag, "-i", tag, "-v", info, "-I", "INIT_ISP")
    )
    refused = managed2.node1.ec2kit("extend", tag, "--to", "node2")
    assert refused.returncode == 5
    assert (
        f"LifeKeeper's extend manager cannot be told the tag {tag}. Extend it in LifeKeeper's GUI" in refused.stderr
    )


def test_lifekeeper_extends_a_generic_application_only_in_service(managed2: Lab) -> None:
    """As its GUI says: refused before anything is begun, with what comes first. From the standby it goes on."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    good(managed2.node1.ec2kit("out-of-service", EIP))
    refused = managed2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert f"{EIP} is in service nowhere" in refused.stderr
    assert f"ec2kit in-service {EIP}" in refused.stderr
    assert states(managed2, EIP) == {"node1": "OSU"}
    good(managed2.node1.ec2kit("in-service", EIP))
    assert good(managed2.node1.ec2kit("extend", EIP, "--to", "node2")).endswith(f"{EIP} is extended to node2\n")
