"""The create wizard, in a terminal on the lab's nodes."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

import pytest

from ec2kit.console.wizard import answers
from ec2kit.core.model import AccessKey, ElasticIpResource, RouteResource
from ec2kit.lifekeeper import info
from ec2kit.lifekeeper.lcd import Instance
from lab.ec2.vpc import AddressLab, snapshot
from lab.nodes import Lab, Node
from tests.support.terminal import CTRL_C, CTRL_D, CTRL_U, Terminal

pytestmark = pytest.mark.executed  # in a terminal of their own
KEY, WRONG = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TAG = "ec2-ip-vip"


def wizard(node: Node) -> Terminal:
    """`ec2kit create` on that node."""
    return Terminal(node, str(node.root / "bin/ec2kit"), "create")


def made(node: Node, tag: str) -> list[str]:
    """The fields of an instance; empty when there is none."""
    return node.lk("ins_list", "-t", tag).stdout.strip().split("\x01")


def footprint(lab: Lab) -> dict[str, Any]:
    """All that a wizard could leave behind: files, instances, equivalencies, locks, and changes in EC2."""
    files = [path for node in lab.nodes.values() for path in node.root.rglob("*")]
    lists = [node.lk(name).stdout for node in lab.nodes.values() for name in ("ins_list", "eqv_list", "flg_list")]
    contents = {path: path.read_bytes() for path in files if path.is_file()}
    return {"files": sorted(files), "contents": contents, "lists": lists, "ec2": snapshot(lab.ec2.truth())}


def to_the_type(seen: Terminal) -> None:
    """Answer the first four questions with their defaults."""
    seen.choose("Switchback type")
    seen.choose("Server", "node1 (this system)")
    seen.answer("EC2 URL")
    seen.choose("Credentials", "the instance's role")


def to_the_end(seen: Terminal) -> None:
    """Answer everything up to the summary with its default."""
    to_the_type(seen)
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


def test_an_elastic_ip_with_going_back(figure2: Lab) -> None:
    """The wrong interface, Back, the right one; `<` in a text; a tag that is none is asked again."""
    assert isinstance(figure2.vpc, AddressLab)
    used, free = figure2.vpc.public_ip, figure2.vpc.free_ip
    script = figure2.node1.lkroot / "lkadm/subsys/comm/ec2/bin/create"
    seen = Terminal(figure2.node1, str(script))
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
    seen.answer("Tag", "<", anew=True)
    seen.choose("Elastic IP", used)
    seen.answer("Tag", " $x")
    seen.sees("not a valid tag")
    seen.answer("Tag", "public", anew=True)
    seen.choose("Create", "Create")
    seen.choose("public is created", "Not now")
    assert seen.ends() == 0
    assert "ec2kit extend public --to node2" in seen.shown
    fields = made(figure2.node1, "public")
    assert fields[6:8] == ["ISP", "AUTOMATIC"]
    assert info.decode(fields[5]).resource == ElasticIpResource(IPv4Address(used), "eth1")


def test_cancelling_leaves_nothing_behind(figure1: Lab) -> None:
    """By Cancel or by Ctrl-C: at a list, a text or a secret, while EC2 is asked, at the end, in create itself."""
    before = footprint(figure1)

    def cancelled(seen: Terminal) -> None:
        assert seen.ends() == 130
        assert "Cancelled; nothing was created." in seen.shown
        assert "Traceback" not in seen.shown

    seen = wizard(figure1.node1)
    seen.choose("Switchback type", "Cancel")
    cancelled(seen)

    seen = wizard(figure1.node1)
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
    assert f"Interrupted while it was being created. Whether it was: ec2kit status {TAG}" in seen.shown
    assert footprint(figure1) == before
    assert {call.action[:8] for call in figure1.ec2.calls} == {"Describe"}


class Watch:
    """Reads the arguments of all processes while it lasts. found: those that had the word in them."""

    def __init__(self, word: str) -> None:
        self.found: set[str] = set()
        self._word = word.encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = process.read_bytes()
                except OSError:  # it has just ended
                    continue
                self.looks += b"lab.lifekeeper" in line or b"/LifeKeeper/bin/" in line
                if self._word in line:
                    self.found.add(line.decode(errors="replace"))


def test_an_access_key_typed_unseen(figure1: Lab) -> None:
    """A wrong one is told and asked again. The secret stands in the credentials file alone, and signs."""
    node = figure1.node1
    figure1.ec2.only_registered = True
    figure1.ec2.credentials[KEY] = time.time() + 3600
    with Watch(SECRET) as watch:
        seen = wizard(node)
        seen.choose("Switchback type")
        seen.choose("Server")
        seen.answer("EC2 URL")
        seen.choose("Credentials", "an access key")
        seen.answer("Access key id", "AKIA-oops")
        seen.sees("this is no access key id")
        seen.answer("Access key id", WRONG, anew=True)
        seen.answer("Secret access key", SECRET)
        seen.sees("EC2 refused the credentials for DescribeRouteTables")
        seen.sees("(AuthFailure)")
        seen.choose("Credentials", "an access key")
        seen.answer("Access key id", KEY, anew=True)
        seen.answer("Secret access key", SECRET)
        seen.choose("EC2 resource type")
        seen.choose("IP resource")
        seen.answer("Tag")
        seen.sees(f"--access-key-id {KEY}")
        seen.choose("Create", "Create")
        seen.choose(f"{TAG} is created", "Not now")
        assert seen.ends() == 0
    assert watch.looks, "it has seen the wizard's children"
    assert not watch.found, "in no process's arguments"
    assert SECRET not in seen.shown
    path = node.credentials
    text = f"[ec2kit-{TAG}]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    assert path.read_text() == text
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    having = [file for file in node.root.parent.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert having == [path], "not in the info field, the history or the log"
    assert info.decode(made(node, TAG)[5]).reach.profile == f"ec2kit-{TAG}"

    figure1.ec2.forget()
    done = node.action("restore", "-t", TAG, "-i", "EC2-10.1.0.10")
    assert done.returncode == 0, done.stderr
    assert {call.key for call in figure1.ec2.calls} == {KEY}


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


@pytest.mark.parametrize("script", ["bin/ec2kit create", "opt/LifeKeeper/lkadm/subsys/comm/ec2/bin/create"])
def test_without_a_terminal_nothing_is_asked(figure2: Lab, script: str) -> None:
    """Usage: exit code 2, what would ask, and EC2 was not asked either."""
    program, *words = script.split()
    done = figure2.node1.run(str(figure2.node1.root / program), *words)
    assert done.returncode == 2
    assert "without any option it asks, but only on a terminal" in done.stderr
    assert figure2.ec2.calls == []


def test_create_by_options_imports_no_questions(figure1: Lab) -> None:
    """A script's create needs no terminal, and nothing of one."""
    script = str(figure1.node1.lkroot / "lkadm/subsys/comm/ec2/bin/create")
    done = figure1.node1.run(
        sys.executable, "-X", "importtime", script, "--type", "route-table", "--ip-resource", "ip-vip"
    )
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "boto3" in imported
    assert not imported & {"questionary", "prompt_toolkit", "rich"}


FIRST = answers.Answers("node1", ("node1", "node2"), server="node1", ip_resource="ip-vip")


def test_ip_resources_that_route_tables_can_move() -> None:
    """In service and IPv4, each with its address; the others are not offered."""
    rows = (("a", "10.1.0.10", "ISP"), ("b", "10.1.0.11", "OSU"), ("c", "fd00::1", "ISP"))
    found = [Instance("node1", "comm", "ip", tag, f"IP-{ip}", "", state, "") for tag, ip, state in rows]
    assert [(each.title, each.value) for each in answers.ip_resources(found)] == [("a  10.1.0.10", "a")]


def test_the_options_and_the_summary_of_the_answers() -> None:
    """What does not apply is left out, a leading dash is no option, and the secret is nowhere."""
    key = AccessKey(KEY, SECRET)
    by_key = replace(FIRST, signer=answers.KEY, key_id=KEY, key=key, profile="left", elastic_ip="203.0.113.10")
    words = by_key.creation.arguments()
    assert words[-2:] == ["--access-key-id", KEY]
    assert not {"--profile", "--elastic-ip", "--server"} & set(words)
    assert SECRET not in f"{words} {by_key.summary()} {by_key}"
    other = replace(FIRST, server="node2", signer=answers.PROFILE, profile="-x", url="https://ec2.example.com")
    assert other.creation.arguments()[-5:] == ["--server", "node2", "--ec2-url", other.url, "--profile=-x"]
    assert other.signing is None
