"""Another public address at the place: whose it is decides whether it may lose it, and it is named before it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ec2kit.host import files
from ec2kit.lifekeeper import info
from lab.ec2.vpc import AddressLab, addresses
from lab.nodes import Lab, Node
from lab.protected import Protected, eni_of
from tests.support.hierarchy import made
from tests.support.locks import locked
from tests.support.programs import good

AMAZONS = "198.51.100.7"


@pytest.fixture
def lab(figure2: Lab) -> Lab:
    """Figure 2: its Elastic IP is on node1's eth1, and a second one is on nothing."""
    return figure2


def vpc_of(lab: Lab) -> AddressLab:
    """What there is in EC2."""
    assert isinstance(lab.vpc, AddressLab)
    return lab.vpc


def held(lab: Lab) -> dict[str, str | None]:
    """The node on whose eth1 each Elastic IP is, in truth."""
    names = {eni_of(lab, name): name for name in lab.nodes}
    return {public_ip: names.get(eni or "") for public_ip, (eni, _) in addresses(lab.ec2.truth()).items()}


def start(node: Node, public_ip: str, action: str = "start", **more: str) -> CompletedProcess[str]:
    """Pacemaker's action for an Elastic IP on eth1, as a resource of that name."""
    given = {f"OCF_RESKEY_{name}": value for name, value in {"interface": "eth1", **more}.items()}
    name = {"OCF_RESOURCE_INSTANCE": f"r-{public_ip}", "OCF_RESKEY_elastic_ip": public_ip}
    return node.ocf("eip", action, **name, OCF_RESKEY_CRM_meta_timeout="20000", **given)


def hold(node: Node, public_ip: str, *more: str) -> CompletedProcess[str]:
    """By hand, or by keepalived."""
    return node.ec2kit("hold", "eip", public_ip, "--interface", "eth1", *more, "--force")


def lifekeepers(node: Node, public_ip: str) -> CompletedProcess[str]:
    """As a resource of LifeKeeper's that create brings into service, where it is here already."""
    words = ("--type", "elastic-ip", "--elastic-ip", public_ip, "--interface", "eth1")
    return node.ec2kit("create", *words, "--tag", f"r-{public_ip}")


@pytest.mark.parametrize(
    ("taken", "whose", "takes"),
    [
        (start, "Pacemaker's resource r-{}", "hold"),
        (lifekeepers, "LifeKeeper's resource r-{}", "start"),
        (hold, "'ec2kit hold eip {}'", "start"),
    ],
    ids=["pacemaker", "lifekeeper", "by-hand"],
)
def test_what_a_resource_holds_here_is_never_pushed_off(
    lab: Lab, taken: Callable[[Node, str], CompletedProcess[str]], whose: str, takes: str
) -> None:
    """Start is 5, which is about this node alone; hold and plan are misconfigured: they name it and the way out."""
    node, vpc = lab.node1, vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    good(taken(node, vpc.public_ip))
    done = start(node, vpc.free_ip) if takes == "start" else hold(node, vpc.free_ip)
    assert done.returncode == 5, done.stderr
    assert whose.format(vpc.public_ip) in done.stderr
    assert "private_ip_address=" in done.stderr
    assert f"ec2kit release eip {vpc.public_ip}" in done.stderr
    assert held(lab) == {vpc.public_ip: "node1", vpc.free_ip: None}
    assert node.ec2kit("plan", "eip", vpc.free_ip, "--interface", "eth1").returncode == 5
    good(node.ec2kit("release", "eip", vpc.public_ip, "--interface", "eth1"))
    good(start(node, vpc.free_ip) if takes == "start" else hold(node, vpc.free_ip))
    assert held(lab) == {vpc.public_ip: None, vpc.free_ip: "node1"}


def test_a_monitor_that_finds_it_here_and_a_restore_claim_it_too(eip: Protected) -> None:
    """Pacemaker takes what its probe finds for started; a claim of another boot counts no more."""
    lab, node = eip.lab, eip.lab.node1
    vpc = vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    good(start(node, vpc.public_ip, "monitor"))
    assert start(node, vpc.free_ip).returncode == 5
    node.boot()
    good(start(node, vpc.free_ip))
    assert held(lab)[vpc.free_ip] == "node1"
    good(start(node, vpc.free_ip, "stop"))
    good(eip.run("restore", node))
    assert start(node, vpc.free_ip).returncode == 5
    assert held(lab) == {vpc.public_ip: "node1", vpc.free_ip: None}


def test_a_stop_leaves_what_another_resource_has_taken_since(eip: Protected) -> None:
    """A second resource for the same address, made by mistake or in the place of the first: each stops for itself."""
    lab, node = eip.lab, eip.lab.node1
    vpc = vpc_of(lab)
    good(eip.run("restore", node))
    assert start(node, vpc.public_ip, CRM_meta_clone_max="2").returncode == 6
    stopped = start(node, vpc.public_ip, "stop", CRM_meta_clone_max="2")
    good(stopped)
    assert f"960051:Elastic IP {vpc.public_ip} stays on this node: LifeKeeper's resource {eip.tag}" in stopped.stderr
    assert f"is left to LifeKeeper's resource {eip.tag}" in stopped.stderr.splitlines()[-1]
    assert held(lab)[vpc.public_ip] == "node1"
    good(start(node, vpc.public_ip))
    good(eip.run("quickCheck", node))  # a look takes nothing
    removed = eip.run("remove", node)
    good(removed)
    assert "is left to Pacemaker's resource" in removed.stderr.splitlines()[-1]
    assert held(lab)[vpc.public_ip] == "node1"
    good(start(node, vpc.public_ip, "stop"))
    assert held(lab)[vpc.public_ip] is None


def test_what_lost_its_place_is_told_also_when_the_start_was_killed(lab: Lab) -> None:
    """It is written down before the call."""
    node, vpc = lab.node2, vpc_of(lab)
    lab.ec2.truth().associate_address(AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    lab.ec2.refuse("lost", "AssociateAddress", times=1)
    lab.ec2.refuse("denied", "DescribeAddresses", skip=1)
    assert start(node, vpc.public_ip).returncode == 1
    lab.ec2.mend()
    stopped = start(node, vpc.public_ip, "stop")
    good(stopped)
    assert f"had taken the place of {vpc.free_ip} here" in stopped.stderr


def test_a_run_that_hangs_holds_no_other_up(lab: Lab) -> None:
    """Whoever holds the lock of a place for longer than a call takes is not waited for."""
    node, vpc = lab.node2, vpc_of(lab)
    place = files.name_of(f"{eni_of(lab, 'node2')} {node.identity.interfaces[1].private_ip}")
    folder = Path(node.environment["EC2KIT_HISTORY"]) / "places" / place
    folder.mkdir(mode=0o700, parents=True)
    began = time.monotonic()
    with locked(folder):
        good(start(node, vpc.public_ip))
    assert 9 <= time.monotonic() - began < 14
    assert held(lab)[vpc.public_ip] == "node2"


def test_what_kept_its_place_is_not_told(lab: Lab) -> None:
    """EC2 has refused the association."""
    node, vpc = lab.node2, vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    lab.ec2.truth().associate_address(AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    lab.ec2.refuse("denied", "AssociateAddress")
    assert start(node, vpc.public_ip).returncode == 1
    lab.ec2.mend()
    assert "not given back" not in start(node, vpc.public_ip, "stop").stderr
    assert held(lab)[vpc.free_ip] == "node2"


def test_two_that_start_at_the_same_time_do_not_both_run(lab: Lab) -> None:
    """Pacemaker starts what is not ordered side by side: one has the place in the end, and the other says so."""
    node, vpc = lab.node2, vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    lab.ec2.delay_ms = 50
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda public_ip: start(node, public_ip), (vpc.public_ip, vpc.free_ip))
    assert sorted((first.returncode, second.returncode)) == [0, 5]
    holder = vpc.public_ip if first.returncode == 0 else vpc.free_ip
    assert held(lab)[holder] == "node2"


def test_create_and_canextend_refuse_the_place_of_another_resource(lab: Lab) -> None:
    """Where it is now, and where it would come."""
    vpc = vpc_of(lab)
    good(lifekeepers(lab.node1, vpc.public_ip))
    refused = lifekeepers(lab.node1, vpc.free_ip)
    assert refused.returncode == 5
    tag = f"r-{vpc.public_ip}"
    assert f"{tag} (Elastic IP {vpc.public_ip}) is for the same place on this system, on eth1" in refused.stderr
    good(lifekeepers(lab.node2, vpc.free_ip))
    extended = lab.node1.ec2kit("extend", tag, "--to", "node2")
    assert extended.returncode == 5
    assert f"r-{vpc.free_ip} (Elastic IP {vpc.free_ip}) is for the same place" in extended.stderr
    assert lab.node2.lk("ins_list", "-t", tag).returncode == 7


def test_create_takes_an_address_that_is_on_a_private_address_of_its_own_already(eip: Protected) -> None:
    """That is the way out which the refusal names."""
    lab, node = eip.lab, eip.lab.node1
    vpc = vpc_of(lab)
    own, truth = "10.0.1.99", lab.ec2.truth()
    truth.assign_private_ip_addresses(NetworkInterfaceId=eni_of(lab, "node1"), PrivateIpAddresses=[own])
    good(hold(node, vpc.free_ip, "--private-ip", own))
    words = ("--type", "elastic-ip", "--elastic-ip", vpc.free_ip, "--interface", "eth1", "--private-ip", own)
    good(node.ec2kit("create", *words))
    assert held(lab) == {vpc.public_ip: "node1", vpc.free_ip: "node1"}


def test_any_other_is_named_on_the_node_where_it_would_go(eip: Protected) -> None:
    """By plan, canextend, the monitor and status, long before the night; and by create where it is."""
    lab = eip.lab
    vpc = vpc_of(lab)
    lab.ec2.truth().associate_address(AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    named = f"Elastic IP {vpc.free_ip} is on"
    words = ("eip", vpc.public_ip, "--interface", "eth1")
    assert named in lab.node2.ec2kit("plan", *words).stderr
    assert named in start(lab.node2, vpc.public_ip, "monitor").stderr
    extended = lab.node1.ec2kit("extend", eip.tag, "--to", "node2")
    assert named in extended.stderr
    good(extended)
    shown = lab.node1.ec2kit("status", eip.tag)
    assert f"node2: {named}" in shown.stdout
    told = json.loads(lab.node1.ec2kit("status", eip.tag, "--output", "json").stdout)
    (there,) = [part for part in told["resources"][0]["systems"] if part["system"] == "node2"]
    assert there["view"]["others"] == [vpc.free_ip]
    assert held(lab) == {vpc.public_ip: "node1", vpc.free_ip: "node2"}


def test_displace_false_pushes_nothing_off(lab: Lab) -> None:
    """OCF, command line, and the info field of create."""
    node, vpc = lab.node2, vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    lab.ec2.truth().associate_address(AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    before = held(lab)
    refused = start(node, vpc.public_ip, displace="false")
    assert refused.returncode == 5
    assert "displace=false" in refused.stderr
    assert start(node, vpc.public_ip, displace="NO").returncode == 5
    assert start(node, vpc.public_ip, displace="perhaps").returncode == 6
    assert hold(node, vpc.public_ip, "--displace", "false").returncode == 5
    assert hold(node, vpc.public_ip, "--displace", "perhaps").returncode == 2
    assert held(lab) == before
    words = ("--type", "elastic-ip", "--elastic-ip", vpc.public_ip, "--interface", "eth1", "--displace", "false")
    good(lab.node1.ec2kit("create", *words, "--tag", "public"))
    field = made(lab.node1, "public")[5]
    assert " displace=false " in field
    assert info.encode(info.decode(field)) == field
    assert lab.node1.ec2kit("extend", "public", "--to", "node2").returncode == 5
    assert held(lab) == before
    good(hold(node, vpc.public_ip, "--displace", "true"))


def test_a_public_address_of_amazons_is_told_before_it_goes(lab: Lab) -> None:
    """It goes for good; displace=false keeps it."""
    node, vpc = lab.node2, vpc_of(lab)
    lab.ec2.amazons[eni_of(lab, "node2")] = AMAZONS
    assert (
        f"{AMAZONS}, a public address of Amazon's own"
        in node.ec2kit("plan", "eip", vpc.free_ip, "--interface", "eth1").stderr
    )
    assert hold(node, vpc.free_ip, "--displace", "false").returncode == 5
    done = hold(node, vpc.free_ip)
    good(done)
    assert f":960048:{AMAZONS}, a public address of Amazon's own, is on" in done.stderr
    assert lab.ec2.amazons == {}


def test_a_release_tells_what_had_lost_its_place(lab: Lab) -> None:
    """Once: what the kit does not give back is a person's to put right."""
    node, vpc = lab.node2, vpc_of(lab)
    lab.ec2.truth().associate_address(AllocationId=vpc.free_allocation, NetworkInterfaceId=eni_of(lab, "node2"))
    good(start(node, vpc.public_ip))
    good(start(node, vpc.public_ip))  # again: what was pushed off by the first is not forgotten
    stopped = start(node, vpc.public_ip, "stop")
    good(stopped)
    assert f"{vpc.public_ip} had taken the place of {vpc.free_ip} here, and that is not given back" in stopped.stderr
    assert "not given back" not in start(node, vpc.public_ip, "stop").stderr
    assert held(lab) == {vpc.public_ip: None, vpc.free_ip: None}


@pytest.mark.parametrize("spoiled", ["{", "", "[]", '{"holder": 1}', "unreadable"])
def test_a_claim_that_cannot_be_read_is_somebodys(lab: Lab, spoiled: str) -> None:
    """It refuses and says so; an empty file is nobody's."""
    node, vpc = lab.node1, vpc_of(lab)
    node.set(EC2_MAX_RETRY=0)
    good(start(node, vpc.public_ip))
    (claim,) = (node.root / "var/lib/ec2kit/held").iterdir()
    claim.unlink()
    if spoiled == "unreadable":
        claim.mkdir()
    else:
        claim.write_text(spoiled)
    done = start(node, vpc.free_ip)
    assert done.returncode == (0 if not spoiled else 5), done.stderr
    assert spoiled == "" or "cannot be read" in done.stderr


def test_a_resource_whose_address_was_changed_takes_the_place_of_its_former_one(eip: Protected) -> None:
    """It is no other resource's: by ins_setinfo LifeKeeper's resource got another Elastic IP, without a remove."""
    lab, node = eip.lab, eip.lab.node1
    vpc = vpc_of(lab)
    good(eip.run("restore", node))
    text = made(node, eip.tag)[5]
    good(node.lk("ins_setinfo", "-t", eip.tag, "-v", text.replace(vpc.public_ip, vpc.free_ip)))
    good(eip.run("restore", node))
    assert held(lab) == {vpc.public_ip: None, vpc.free_ip: "node1"}


def test_delete_takes_the_claim_with_it(eip: Protected) -> None:
    """The address stays where it is, and is nobody's now."""
    lab = eip.lab
    vpc = vpc_of(lab)
    good(eip.run("restore", lab.node1))
    good(lab.node1.ec2kit("delete", eip.tag, "--yes"))
    assert held(lab)[vpc.public_ip] == "node1"
    good(hold(lab.node1, vpc.free_ip))
    assert held(lab) == {vpc.public_ip: None, vpc.free_ip: "node1"}
