"""A resource's properties: changed on every system, or on none."""

from __future__ import annotations

import json

from lab.nodes import Lab
from lab.protected import eni_of
from tests.support.hierarchy import EIP, ROUTE, no_locks, protected
from tests.support.programs import good, replaced


def test_a_priority_that_cannot_be_written_stays_what_it_was(figure2: Lab) -> None:
    """The equivalencies are made anew for it; when that fails, they are made again as they were."""
    protected(figure2, EIP)
    replaced(figure2.node1, "eqv_create", 'case "$*" in *"-p 5"*) exit 3;; esac\nexec "$0.kept" "$@"')
    done = figure2.node1.ec2kit("properties", EIP, "--set", "priority=5")
    assert done.returncode == 9
    assert "eqv_create failed with exit code 3" in done.stderr
    shown = json.loads(good(figure2.node2.ec2kit("properties", EIP, "--output", "json")))["systems"]
    assert {system: each["priority"] for system, each in shown.items()} == {"node1": 1, "node2": 10}


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
    good(figure1.node1.ec2kit("properties", ROUTE, *sets))
    tables = sorted(figure1.vpc.tables[name] for name in ("A", "B", "public"))
    for node, interface in ((figure1.node1, "eth1"), (figure1.node2, "eth0")):
        shown = json.loads(good(node.ec2kit("properties", ROUTE, "--output", "json")))
        mine = shown["systems"][node.name]
        assert (mine["switchback"], mine["ec2-url"], mine["interface"]) == ("automatic", url, interface)
        assert mine["tables"] == tables
        assert (shown["parents"], shown["children"]) == (["ip-vip"], [])
        assert mine["vpc"] == figure1.vpc.vpc
    text = good(figure1.node1.ec2kit("properties", ROUTE))
    assert url in text
    assert "\x1b" not in text
    good(figure1.node1.ec2kit("properties", ROUTE, "--set", "ec2-url="))
    assert "the Region's" in good(figure1.node2.ec2kit("properties", ROUTE))


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
        ("profile=nobody", "there is no profile nobody"),
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
