"""What can happen to the lab's nodes: a default route that goes, a boot, and another instance in a node's place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from ec2kit.core.errors import Unavailable
from ec2kit.host import nic
from lab.ec2 import vpc
from lab.nodes import Lab
from lab.protected import Protected, through_the_front


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
