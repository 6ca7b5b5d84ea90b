"""Which of LifeKeeper's resources are the kit's: by app and type, a Generic Application by its info field."""

from __future__ import annotations

import json

import pytest

from ec2kit.lifekeeper.forms import Form, form_of, identity
from lab import PROJECT
from lab.lifekeeper.generic import SCRIPTS
from lab.nodes import Lab
from tests.support.hierarchy import EIP, create, made, states
from tests.support.programs import good

COPIES = PROJECT / "tests/golden/copies-0.2.0"
INFO = "ec2kit=1 kind=eip eip=203.0.113.10 interface=eth1"


@pytest.mark.parametrize(
    ("app", "kind", "information", "form"),
    [
        ("comm", "ec2", INFO, Form.OWN),
        ("comm", "ec2", "damaged", Form.OWN),
        ("gen", "app", INFO, Form.GENERIC),
        ("gen", "app", "interface=eth1 ec2kit=2 kind=new", Form.GENERIC),
        ("gen", "app", "10.10.20.0 24 eth0", None),
        ("gen", "app", "notec2kit=1", None),
        ("gen", "app", "", None),
        ("gen", "filesys", INFO, None),
        ("comm", "ip", INFO, None),
    ],
)
def test_whose_it_is(app: str, kind: str, information: str, form: Form | None) -> None:
    """A damaged field of the kit's own type is the kit's to tell; of a Generic Application it is a stranger's."""
    assert form_of(app, kind, information) is form


def test_what_it_protects() -> None:
    """The same in both forms; where the info field does not tell, LifeKeeper's id."""
    assert identity("EC2-203.0.113.10", INFO) == identity("any", INFO) == "EC2-203.0.113.10"
    assert identity("any", "damaged") == "any"


def test_a_strangers_generic_application(figure2: Lab) -> None:
    """Its scripts may even be the kit's: no command takes it for the kit's, no action acts, a check tells no loss."""
    node = figure2.node1
    scripts = {name: str(node.script(name)) for name in ("restore", "remove", "quickCheck", "recover")}
    creapphier = str(node.lkroot / "lkadm/subsys/gen/app/bin/creapphier")
    one, two, *others = scripts.values()
    good(node.run(creapphier, "node1", one, two, "app", "10.10.20.0 24 eth0", "intelligent", *others, "No"))
    good(node.lk("ins_setstate", "-t", "app", "-S", "ISP"))
    before = node.lk("ins_list").stdout
    figure2.ec2.forget()
    assert json.loads(good(node.ec2kit("status", "--output", "json")))["resources"] == []
    for command in (
        ("status", "app"),
        ("properties", "app"),
        ("properties", "app", "--set", "type=comm/ec2"),
        ("extend", "app", "--to", "node2"),
        ("unextend", "app", "--from", "node2"),
        ("delete", "app", "--yes"),
        ("info", "app"),
    ):
        refused = node.ec2kit(*command)
        assert refused.returncode == 5
        assert '"app" is a resource of another kit (gen/app)' in refused.stderr
    for action, code in (("restore", 5), ("remove", 5), ("recover", 5), ("quickCheck", 0)):
        done = node.run(str(node.copy_of(action, "app")), "-t", "app", "-i", "app")
        assert done.returncode == code
        assert "the resource's info field" in done.stderr
    assert not figure2.ec2.calls
    assert node.lk("ins_list").stdout == before


@pytest.mark.parametrize("tag", ["app", "it-is.a=b_tag"])
def test_copies_of_scripts_go_on_after_an_upgrade(figure2: Lab, tag: str) -> None:
    """LifeKeeper has copies of 0.2.0's scripts, for any tag: every later version must run them."""
    for node in figure2.nodes.values():
        begin = node.script("restore").read_text().partition('"""')[0]  # which Python, and which kit
        for script in SCRIPTS:
            copy = node.copy_of(script, tag)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(begin + (COPIES / script).read_text().partition("\n")[2])
            copy.chmod(0o755)
        good(node.lk("ins_create", "-a", "gen", "-r", "app", "-t", tag, "-i", tag, "-I", "INIT_ISP", "-v", INFO))
    one, two = figure2.node1, figure2.node2
    given = ("-t", tag, "-i", tag)
    good(two.run(str(two.harness("restore")), *given))
    good(two.run(str(two.harness("quickCheck")), *given))
    assert one.run(str(one.harness("quickCheck")), *given).returncode == 1
    good(one.run(str(one.copy_of("recover", tag)), *given))
    good(two.run(str(two.harness("remove")), "-i", tag, "-t", tag))
    assert "not on this node" in two.run(str(two.copy_of("remove", tag)), f"-t{tag}").stderr


def test_another_tag_on_another_system(managed2: Lab) -> None:
    """LifeKeeper's GUI asks for the tag there: the commands go by the one that each system has."""
    good(managed2.node1.ec2kit(*create(EIP, "gen/app")))
    manager = str(managed2.node1.lkroot / "lkadm/bin/extmgrDoExtend.pl")
    line = good(managed2.node2.ec2kit("info", EIP, "--template", "node1")).strip()
    bundle = f'"{EIP},other,{line}"'
    good(managed2.node1.run(manager, "-p1", "-f,", EIP, "node2", "10", "intelligent", bundle))
    (told,) = json.loads(good(managed2.node1.ec2kit("status", "--output", "json")))["resources"]
    assert [(each["system"], each["verdict"]) for each in told["systems"]] == [
        ("node1", "held"),
        ("node2", "not here"),
    ]
    shown = json.loads(good(managed2.node2.ec2kit("properties", "other", "--output", "json")))["systems"]
    assert {system: each["state"] for system, each in shown.items()} == {"node1": "ISP", "node2": "OSU"}
    good(managed2.node1.ec2kit("properties", EIP, "--set", "switchback=automatic", "--set", "ec2-url="))
    assert made(managed2.node2, "other")[7] == "AUTOMATIC"
    good(managed2.node1.ec2kit("unextend", EIP, "--from", "node2"))
    assert states(managed2, "other") == {}
    good(managed2.node1.run(manager, "-p1", "-f,", EIP, "node2", "10", "intelligent", bundle))
    good(managed2.node2.ec2kit("delete", "other"))
    assert states(managed2, "other") == states(managed2, EIP) == {}
