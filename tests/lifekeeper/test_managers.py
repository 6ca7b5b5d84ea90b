"""The guide's chapter 3, through the executables: what an administrator does, and what LifeKeeper does then."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ec2kit.lifekeeper import contract, info
from lab.ec2.vpc import AddressLab, addresses, snapshot
from lab.lifekeeper import install
from lab.lifekeeper.ipkit import install_ip_kit
from lab.nodes import Lab, Node, _node, address_lab, install_kit, route_lab
from lab.protected import eni_of

ROUTE, EIP = "ec2-ip-vip", "ec2-203.0.113.10"
CREATE = {
    ROUTE: ("create", "--type", "route-table", "--ip-resource", "ip-vip"),
    EIP: ("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "203.0.113.10"),
}
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "planted/Secret+7EXAMPLEKEY"


def ok(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, when it succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def protected(lab: Lab, tag: str, *more: str) -> None:
    """Create a resource on node1 and extend it to node2."""
    ok(lab.node1.ec2kit(*CREATE[tag]))
    ok(lab.node1.ec2kit("extend", tag, "--to", "node2", *more))


def states(lab: Lab, tag: str) -> dict[str, str]:
    """A resource's state on each system that has it."""
    rows = {name: node.lk("ins_list", "-t", tag).stdout.strip().split("\x01") for name, node in lab.nodes.items()}
    return {name: row[6] for name, row in rows.items() if len(row) > 6}


def no_locks(lab: Lab) -> bool:
    """Whether nobody holds the admin lock anywhere."""
    return not any("!action!" in node.lk("flg_list").stdout for node in lab.nodes.values())


def break_program(node: Node, name: str, text: str = "exit 3") -> None:
    """Replace one of LifeKeeper's programs."""
    path = node.lkroot / "bin" / name
    path.unlink()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("tag", [ROUTE, EIP])
def test_create_extend_switchover_unextend_delete(tag: str, tmp_path: Path, forks: Path | None) -> None:
    """The whole life; only the switchover changes AWS, and at the end LifeKeeper is as it was before."""
    with (route_lab if tag == ROUTE else address_lab)(tmp_path, forks=forks) as lab:
        top = "ip-vip" if tag == ROUTE else tag
        before, listed = snapshot(lab.ec2.truth()), lab.node1.lk("ins_list").stdout
        protected(lab, tag)
        assert snapshot(lab.ec2.truth()) == before
        assert states(lab, tag) == {"node1": "ISP", "node2": "OSU"}
        ok(lab.node2.ec2kit("in-service", top))
        assert states(lab, tag) == {"node1": "OSU", "node2": "ISP"}
        after = snapshot(lab.ec2.truth())
        assert after != before

        refused = lab.node1.ec2kit("unextend", tag, "--from", "node2")
        assert refused.returncode == 5
        assert f"{tag} is in service on node2 (ISP). Bring it into service on another" in refused.stderr
        assert "successfully unextended" in ok(lab.node1.ec2kit("unextend", tag, "--from", "node1"))
        assert states(lab, tag) == {"node2": "ISP"}
        assert lab.node2.lk("eqv_list", "-t", tag).stdout == ""
        refused = lab.node2.ec2kit("unextend", tag, "--from", "node2")
        assert refused.returncode == 5
        ok(lab.node2.ec2kit("extend", tag, "--to", "node1"))
        assert states(lab, tag) == {"node1": "OSU", "node2": "ISP"}

        assert "nothing was changed in AWS" in ok(lab.node1.ec2kit("delete", tag))
        assert states(lab, tag) == {}
        assert snapshot(lab.ec2.truth()) == after
        assert lab.node1.lk("dep_list").stdout == lab.node2.lk("dep_list").stdout == ""
        assert [row.split("\x01")[3] for row in lab.node1.lk("ins_list").stdout.splitlines()] == [
            row.split("\x01")[3] for row in listed.splitlines()
        ]
        for node in lab.nodes.values():
            assert list((node.root / "var/lib/ec2kit").glob("*")) == [], "its history goes with it"
        assert no_locks(lab)


@pytest.mark.parametrize(("switchback", "back"), [("automatic", True), ("intelligent", False)])
def test_switchback(figure2: Lab, switchback: str, back: bool) -> None:
    """Automatic: as soon as the primary is back, so is the address. Intelligent: a person brings it back."""
    assert isinstance(figure2.vpc, AddressLab)
    protected(figure2, EIP, "--switchback", switchback)
    ok(figure2.node1.lk("lksystem", "down", "node1"))
    ok(figure2.node2.lk("lksystem", "failover", "node1"))
    assert states(figure2, EIP)["node2"] == "ISP"
    ok(figure2.node2.lk("lksystem", "up", "node1"))
    here = "node1" if back else "node2"
    assert states(figure2, EIP)[here] == "ISP"
    assert addresses(figure2.ec2.truth())[figure2.vpc.public_ip][0] == eni_of(figure2, here)


def test_a_remove_that_fails_halts_the_node_and_the_peer_takes_over(figure2: Lab) -> None:
    """Without metadata neither recover nor remove is seen to work: the node is halted, node2 takes the address."""
    assert isinstance(figure2.vpc, AddressLab)
    protected(figure2, EIP)
    figure2.node1.set(EC2_REMOVE_TIMEOUT=5, EC2_RECOVER_TIMEOUT=5, EC2_MAX_RETRY=0)
    figure2.node1.imds.fault = "off"
    event = ("-C", contract.EVENT_CLASS, "-E", contract.EVENT, "-m", "somebody", "-n", EIP)
    assert figure2.node1.lk("sendevent", *event).returncode == 1
    assert "SYSTEM HALTED" in (figure2.node1.lkroot / "log/lifekeeper.log").read_text()
    assert "node1            halted" in figure2.node2.lk("lksystem", "status").stdout
    assert states(figure2, EIP) == {"node2": "ISP"}
    assert addresses(figure2.ec2.truth())[figure2.vpc.public_ip][0] == eni_of(figure2, "node2")


def test_active_active(figure2: Lab) -> None:
    """Two resources, each on another node; when one node dies, the other has both, on an interface each."""
    assert isinstance(figure2.vpc, AddressLab)
    free = figure2.vpc.free_ip
    protected(figure2, EIP)
    ok(figure2.node2.ec2kit("create", "--type", "elastic-ip", "--interface", "eth0", "--elastic-ip", free))
    ok(figure2.node2.ec2kit("in-service", f"ec2-{free}"))
    ok(figure2.node2.ec2kit("extend", f"ec2-{free}", "--to", "node1"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    assert states(figure2, f"ec2-{free}") == {"node1": "OSU", "node2": "ISP"}
    told = json.loads(ok(figure2.node1.ec2kit("status", "--output", "json")))["resources"]
    assert {(each["tag"], part["system"], part["verdict"]) for each in told for part in each["systems"]} == {
        (EIP, "node1", "held"),
        (EIP, "node2", "not here"),
        (f"ec2-{free}", "node1", "not here"),
        (f"ec2-{free}", "node2", "held"),
    }
    ok(figure2.node1.lk("lksystem", "down", "node1"))
    ok(figure2.node2.lk("lksystem", "failover", "node1"))
    held = addresses(figure2.ec2.truth())
    assert held[figure2.vpc.public_ip][0] == eni_of(figure2, "node2", "eth1")
    assert held[free][0] == eni_of(figure2, "node2", "eth0")


def third_system(lab: Lab, folder: Path) -> Node:
    """A third system of the cluster, on node2's instance."""
    like = lab.node2
    node = _node(folder / "node3", "node3", like.identity, like.imds, lab.ec2)
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
        (("--template-priority", "4"), "the priority of node1 is 3 already, not 4"),
    ):
        refused = figure2.node1.ec2kit("extend", EIP, "--to", "node3", *options)
        assert refused.returncode == 5
        assert words in refused.stderr
    ok(figure2.node1.ec2kit("extend", EIP, "--to", "node3"))
    shown = json.loads(ok(figure2.node2.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 20, "node3": 10}
    ok(figure2.node2.ec2kit("properties", EIP, "--set", "priority=7"))
    shown = json.loads(ok(figure2.node1.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 3, "node2": 7, "node3": 10}
    refused = figure2.node2.ec2kit("properties", EIP, "--set", "priority=10")
    assert "priority 10 is in use by node3" in refused.stderr
    ok(figure2.node1.lk("lksystem", "down", "node1"))
    ok(figure2.node2.lk("lksystem", "failover", "node1"))
    assert states(figure2, EIP)["node2"] == "ISP", "7 comes before 10"
    assert figure2.node1.ec2kit("extend", EIP, "--to", "nobody").returncode != 0
    refused = figure2.node2.ec2kit("extend", EIP, "--to", "nobody")
    assert "nobody is no other system of this cluster. Name one of: node1 node2 node3" in refused.stderr


def test_a_priority_that_cannot_be_written_stays_what_it_was(figure2: Lab) -> None:
    """The equivalencies are made anew for it; when that fails, they are made again as they were."""
    protected(figure2, EIP)
    real = figure2.node1.lkroot / "bin/eqv_create"
    real.rename(real.with_suffix(".real"))
    real.write_text(f'#!/bin/sh\ncase "$*" in *"-p 5"*) exit 3;; esac\nexec {real}.real "$@"\n')
    real.chmod(0o755)
    (real.parent / "eqv_create.real").write_text((real.with_suffix(".real")).read_text())
    done = figure2.node1.ec2kit("properties", EIP, "--set", "priority=5")
    assert done.returncode == 9
    assert "eqv_create failed with exit code 3" in done.stderr
    shown = json.loads(ok(figure2.node2.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 1, "node2": 10}


def test_somebody_else_has_the_admin_lock(figure1: Lab) -> None:
    """Two administrations at once would undo each other: the second is refused, and leaves the first one's lock."""
    ok(figure1.node1.ec2kit(*CREATE[ROUTE]))
    flag = contract.ADMIN_LOCK.format(pid=1, time=1, system="node2", tag="other")
    ok(figure1.node2.lk("flg_create", "-f", flag))
    refused = figure1.node1.ec2kit("extend", ROUTE, "--to", "node2")
    assert refused.returncode == 5
    assert f"another administration is under way on node2 ({flag})" in refused.stderr
    assert states(figure1, ROUTE) == {"node1": "ISP"}
    assert figure1.node2.lk("flg_list").stdout == f"{flag}\n"
    assert figure1.node1.lk("flg_list").stdout == ""
    ok(figure1.node2.lk("flg_remove", "-f", flag))
    ok(figure1.node1.ec2kit("extend", ROUTE, "--to", "node2"))


@pytest.mark.executed
def test_cancelling_an_extension_leaves_earlier_ones(figure2: Lab, tmp_path: Path) -> None:
    """Ctrl-C while the third system is asked: it is as it was, the second stays extended, the lock is off."""
    third_system(figure2, tmp_path)
    protected(figure2, EIP)
    break_program(figure2.node1, "ins_setas", "sleep 60")  # the instance and its dependencies are made by then
    command = [str(figure2.node1.root / "bin/ec2kit"), "extend", EIP, "--to", "node3"]
    with subprocess.Popen(command, env=figure2.node1.environment, stdout=subprocess.PIPE, text=True) as extend:
        limit = time.monotonic() + 30
        while "node3" not in states(figure2, EIP) and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.5)
        extend.send_signal(signal.SIGINT)
        output, _ = extend.communicate(timeout=30)
    assert extend.returncode == 130
    assert f"Taking {EIP} on node3 back" in output
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    assert no_locks(figure2)


def test_delete_reaches_every_system_or_touches_none(figure2: Lab) -> None:
    """With the peer down nothing is deleted; another kit's resource never is."""
    protected(figure2, EIP)
    ok(figure2.node1.lk("lksystem", "down", "node2"))
    refused = figure2.node1.ec2kit("delete", EIP)
    assert refused.returncode == 9
    ok(figure2.node1.lk("lksystem", "up", "node2"))
    assert states(figure2, EIP) == {"node1": "ISP", "node2": "OSU"}
    ok(figure2.node1.lk("ins_create", "-a", "comm", "-r", "ip", "-t", "ip-x", "-i", "IP-10.2.0.1", "-I", "INIT_ISP"))
    for command in (("delete", "ip-x"), ("unextend", "ip-x", "--from", "node2"), ("properties", "ip-x")):
        refused = figure2.node1.ec2kit(*command)
        assert refused.returncode == 5
        assert '"ip-x" is a resource of another kit (comm/ip)' in refused.stderr


def test_properties_are_changed_on_every_system(figure1: Lab) -> None:
    """Switchback, the EC2 URL and the recorded tables; each system keeps its interface."""
    protected(figure1, ROUTE, "--interface", "eth0")
    truth = figure1.ec2.truth()
    truth.create_route(
        RouteTableId=figure1.vpc.tables["public"],
        DestinationCidrBlock="10.1.0.10/32",
        NetworkInterfaceId=eni_of(figure1, "node1"),
    )
    url = figure1.ec2.url.replace("127.0.0.1", "localhost")
    sets = ("--set", "switchback=automatic", "--set", f"ec2-url={url}", "--set", "tables=refresh")
    ok(figure1.node1.ec2kit("properties", ROUTE, *sets))
    tables = sorted(figure1.vpc.tables[name] for name in ("A", "B", "public"))
    for node, interface in ((figure1.node1, "eth1"), (figure1.node2, "eth0")):
        shown = json.loads(ok(node.ec2kit("properties", ROUTE, "--output", "json")))
        mine = shown["systems"][node.name]
        assert (mine["switchback"], mine["ec2-url"], mine["interface"]) == ("automatic", url, interface)
        assert mine["tables"] == tables
        assert (shown["parents"], shown["children"]) == (["ip-vip"], [])
        assert mine["vpc"] == figure1.vpc.vpc
    text = ok(figure1.node1.ec2kit("properties", ROUTE))
    assert url in text
    assert "\x1b" not in text
    ok(figure1.node1.ec2kit("properties", ROUTE, "--set", "ec2-url="))
    assert "the Region's" in ok(figure1.node2.ec2kit("properties", ROUTE))


def test_properties_that_a_system_cannot_use_are_not_written(figure1: Lab) -> None:
    """A profile that node1 has and node2 has not: both keep what they had, and it is said who could not."""
    protected(figure1, ROUTE)
    folder = figure1.node1.root / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[cluster]\naws_access_key_id = x\naws_secret_access_key = x\n")
    before = [node.lk("ins_list", "-t", ROUTE).stdout for node in figure1.nodes.values()]
    refused = figure1.node1.ec2kit("properties", ROUTE, "--set", "profile=cluster")
    assert refused.returncode == 5
    assert "canextend on node2 failed with exit code 5" in refused.stderr
    for sets, words in (
        ("profile=nobody", "EC2 cannot be set up (ProfileNotFound)"),
        ("ec2-url=http://192.0.2.1", "is not https"),
        ("priority=10", "priority 10 is in use by node2"),
    ):
        refused = figure1.node1.ec2kit("properties", ROUTE, "--set", sets)
        assert refused.returncode == 5
        assert words in refused.stderr
    for sets in ("priority=0", "priority=1000", "switchback=no", "tables=all", "tag=new", "priority"):
        assert figure1.node1.ec2kit("properties", ROUTE, "--set", sets).returncode == 2
    assert [node.lk("ins_list", "-t", ROUTE).stdout for node in figure1.nodes.values()] == before
    assert no_locks(figure1)


def status(node: Node, code: int = 0) -> dict[str, dict[str, object]]:
    """What `ec2kit status` tells of the only resource, by system."""
    done = node.ec2kit("status", "--output", "json")
    assert done.returncode == code, done.stdout + done.stderr
    (told,) = json.loads(done.stdout)["resources"]
    return {part["system"]: part for part in told["systems"]}


def test_status_tells_what_is_so_and_since_when(figure1: Lab) -> None:
    """Held, lost, unknown, from either system; the last actions with result and duration."""
    protected(figure1, ROUTE)
    began = time.time()
    ok(figure1.node2.ec2kit("in-service", "ip-vip"))
    for node in (figure1.node1, figure1.node2):
        told = status(node)
        assert (told["node1"]["verdict"], told["node2"]["verdict"]) == ("not here", "held")
        since = told["node2"]["since"]
        assert isinstance(since, float)
        assert began < since < time.time()
        actions = told["node2"]["actions"]
        assert isinstance(actions, list)
        assert [(each["action"], each["outcome"]) for each in actions] == [("extend", "OK"), ("restore", "OK")]
        assert 0 < actions[-1]["seconds"] < 60
    text = ok(figure1.node1.ec2kit("status", ROUTE))
    assert "node2 eth1" in text
    assert "\x1b" not in text, "colour is for a terminal"

    figure1.ec2.truth().replace_route(
        RouteTableId=figure1.vpc.tables["A"],
        DestinationCidrBlock="10.1.0.10/32",
        NetworkInterfaceId=eni_of(figure1, "node1"),
    )
    told = status(figure1.node1, code=1)
    assert told["node2"]["verdict"] == "lost"
    assert figure1.vpc.tables["A"] in str(told["node2"]["why"])
    shown = figure1.node1.ec2kit("status")
    assert "lost" in shown.stdout
    assert "node1 eth1" in shown.stdout

    figure1.node2.set(EC2_MAX_RETRY=0)
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    told = status(figure1.node1, code=9)
    assert told["node2"]["verdict"] == "unknown"
    assert "Allow ec2:DescribeRouteTables" in str(told["node2"]["why"])
    figure1.ec2.mend()
    ok(figure1.node1.lk("lksystem", "down", "node2"))
    told = status(figure1.node1, code=9)
    assert (told["node2"]["state"], told["node2"]["verdict"]) == ("-", "unknown")
    assert figure1.node1.ec2kit("status", "nobody").returncode == 5


def test_quick_checks_are_remembered_when_they_say_something_new(figure1: Lab) -> None:
    """Ten healthy checks are one line; unknown, and well again, are one each."""
    protected(figure1, ROUTE)
    figure1.node1.set(EC2_MAX_RETRY=0)
    check = ("quickCheck", "-t", ROUTE, "-i", "EC2-10.1.0.10")
    for fault in (None, None, "denied", "denied", None):
        figure1.ec2.mend()
        if fault:
            figure1.ec2.refuse("denied")
        ok(figure1.node1.action(*check))
    actions = status(figure1.node1)["node1"]["actions"]
    assert isinstance(actions, list)
    checks = [each["outcome"] for each in actions if each["action"] == "quickCheck"]
    assert checks == ["OK", "UNAVAILABLE", "OK"]


def test_a_history_that_cannot_be_written_costs_nothing_else(figure1: Lab) -> None:
    """The action succeeds as ever; one line says that status will not know of it."""
    ok(figure1.node1.ec2kit(*CREATE[ROUTE]))
    folder = figure1.node1.root / "var/lib/ec2kit"
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.write_text("")
    done = figure1.node1.action("restore", "-t", ROUTE, "-i", "EC2-10.1.0.10")
    assert done.returncode == 0
    assert "960046:this run is not recorded for 'ec2kit status'" in done.stderr


def with_key(node: Node, *command: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    """Run a command of the kit with an access key, its secret on standard input."""
    line = [str(node.root / "bin/ec2kit"), *command, "--access-key-id", KEY_ID]
    environment = node.environment
    return subprocess.run(
        line, env=environment, cwd=node.root, input=f"{secret}\n", capture_output=True, text=True, check=False
    )


@pytest.mark.executed
def test_an_access_key_of_its_own(figure2: Lab) -> None:
    """It signs every call of the resource, stands in a file of root's alone, and goes with the resource."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    figure2.ec2.only_registered = True
    said = ""
    done = with_key(figure2.node1, *CREATE[EIP])
    said += ok(done) + done.stderr
    assert {call.key for call in figure2.ec2.calls} == {KEY_ID}
    refused = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert f"has no [ec2kit-{EIP}]. Run on this system: ec2kit key {EIP} --access-key-id ID" in refused.stderr
    done = with_key(figure2.node2, "key", EIP)
    said += ok(done) + done.stderr
    figure2.ec2.forget()
    for command in (("extend", EIP, "--to", "node2"), ("status",), ("properties", EIP)):
        said += ok(figure2.node1.ec2kit(*command))
    done = figure2.node2.ec2kit("in-service", EIP)
    said += ok(done) + done.stderr
    assert {call.key for call in figure2.ec2.calls} == {KEY_ID}
    for node in figure2.nodes.values():
        assert node.credentials.read_text().count(SECRET) == 1
        assert node.credentials.stat().st_mode & 0o7777 == 0o600
    files = [each for each in figure2.node1.root.parent.rglob("*") if each.is_file() and each.name != "credentials"]
    for text in (said, *(each.read_text(errors="replace") for each in files)):
        assert SECRET not in text
    ok(figure2.node1.ec2kit("delete", EIP))
    assert not any(node.credentials.exists() for node in figure2.nodes.values())


@pytest.mark.executed
def test_a_key_that_ec2_refuses_is_not_kept(figure2: Lab) -> None:
    """Neither by create nor by key; what it says is about the credentials, and the secret is not in it."""
    figure2.ec2.only_registered = True
    figure2.node1.set(EC2_MAX_RETRY=0)
    for command in (CREATE[EIP], ("key", EIP)):
        done = with_key(figure2.node1, *command)
        assert done.returncode == 9
        assert "EC2 refused the credentials for DescribeRouteTables" in done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert not figure2.node1.credentials.exists()
    assert with_key(figure2.node1, *CREATE[EIP], secret="").returncode == 5
    both = figure2.node1.ec2kit(*CREATE[EIP], "--access-key-id", KEY_ID, "--profile", "x")
    assert both.returncode == 2
    assert states(figure2, EIP) == {}


@pytest.mark.executed
def test_a_creation_that_fails_drops_the_key(figure2: Lab) -> None:
    """All or nothing holds for the credentials file too."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    break_program(figure2.node1, "ins_create")
    done = with_key(figure2.node1, *CREATE[EIP])
    assert done.returncode == 9
    assert "ins_create failed with exit code 3" in done.stderr
    assert not figure2.node1.credentials.exists()


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
        f"EC2 Auto Recovery is switched on for {instance}",
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


def test_both_nodes_must_be_in_one_vpc(figure2: Lab) -> None:
    """The resource remembers where it was created."""
    ok(figure2.node1.ec2kit(*CREATE[EIP]))
    row = figure2.node1.lk("ins_list", "-t", EIP).stdout.strip().split("\x01")
    moved = row[5].replace(figure2.vpc.vpc, "vpc-0123456789abcdef0")
    assert info.decode(moved).vpc != figure2.vpc.vpc
    ok(figure2.node1.lk("ins_setinfo", "-t", EIP, "-v", moved))
    refused = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert f"this node is in {figure2.vpc.vpc}, the resource was created in vpc-0123456789abcdef0" in refused.stderr


def test_what_is_wrong_here_is_told_also_when_ec2_does_not_answer(figure1: Lab) -> None:
    """All problems at once: the admin mends them together."""
    figure1.node1.set(NOBCASTPING=0, EC2_MAX_RETRY=0)
    figure1.ec2.refuse("denied", "DescribeRouteTables")
    done = figure1.node1.ec2kit("create", "--type", "route-table", "--ip-resource", "nobody")
    assert done.returncode == 5
    for words in ("NOBCASTPING is not 1", "nobody is no IP resource", "Allow ec2:DescribeRouteTables"):
        assert words in done.stderr
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--tag", "a b")
    assert "the tag holds what no tag can" in done.stderr


def test_switchback_goes_by_the_top_of_the_hierarchy(figure1: Lab) -> None:
    """The EC2 resource of a virtual IP is not the top: create says so when the two differ."""
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--switchback", "automatic")
    assert done.returncode == 0
    assert "ip-vip, which is above it, has intelligent" in done.stderr
    ok(figure1.node1.ec2kit("delete", ROUTE))
    ok(figure1.node1.lk("ins_setas", "-t", "ip-vip", "-s", "AUTOMATIC"))
    done = figure1.node1.ec2kit(*CREATE[ROUTE], "--switchback", "automatic")
    assert "which is above it" not in done.stderr
    ok(figure1.node1.ec2kit("extend", ROUTE, "--to", "node2"))
    ok(figure1.node1.lk("lksystem", "down", "node1"))
    ok(figure1.node2.lk("lksystem", "failover", "node1"))
    assert states(figure1, ROUTE)["node2"] == "ISP"
    ok(figure1.node2.lk("lksystem", "up", "node1"))
    assert states(figure1, ROUTE) == {"node1": "ISP", "node2": "OSU"}


def test_create_on_another_server(figure2: Lab) -> None:
    """Named by --server, through LifeKeeper, with that server's own checks; an access key is given there itself."""
    ok(figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2"))
    assert states(figure2, EIP) == {"node2": "OSU"}
    done = figure2.node2.ec2kit("unextend", EIP, "--from", "node2")
    assert f"node2 is the only system that has {EIP}. To remove it: ec2kit delete {EIP}" in done.stderr
    done = figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2")
    assert done.returncode == 5
    assert f"the tag {EIP} is taken on node2" in done.stderr
    done = figure2.node1.ec2kit(*CREATE[EIP], "--server", "node2", "--access-key-id", KEY_ID)
    assert "Run this on node2" in done.stderr
    assert [each.name for each in (figure2.node1.root / "etc").iterdir()] == ["default"]
