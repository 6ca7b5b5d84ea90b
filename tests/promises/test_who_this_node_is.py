"""Who this node is: its instance with all its interfaces, whatever becomes of one of them or of its default route."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lab.ec2.vpc import snapshot
from lab.nodes import Lab, Node
from lab.protected import Protected, eni_of, events
from tests.support.agent import Agent, agent_of, take
from tests.support.kinds import only, spread
from tests.support.programs import last

OK, NOT_HELD, MISCONFIGURED, UNAVAILABLE = 0, 1, 5, 9
SUCCESS, GENERIC, NOT_RUNNING = 0, 1, 7


def codes(protected: Protected, node: Node, words: tuple[str, ...], interface: str = "") -> dict[str, int]:
    """What each way of asking says that looks and changes nothing."""
    agent = agent_of(protected)
    return {
        "check": node.ec2kit("check", *words).returncode,
        "monitor": agent.monitor(node, interface=interface).returncode,
        "probe": agent.probe(node, interface=interface).returncode,
    }


@spread("default", [None, "eth0", None, "eth0"])
def test_the_address_stays_where_it_is_when_the_default_route_moves(either: Protected, default: str | None) -> None:
    """No interface is named; it came to eth1, which had the default route then. hold changes nothing."""
    node, words = either.lab.node1, either.words[:2]
    node.default_route("eth1")
    assert node.ec2kit("check", *words).returncode == OK
    node.default_route(default)
    assert codes(either, node, words) == {"check": OK, "monitor": SUCCESS, "probe": SUCCESS}
    before = snapshot(either.lab.ec2.truth())
    done = node.ec2kit("hold", *words, "--output", "json", "--force")
    told = json.loads(done.stdout)
    assert (done.returncode, told["steps"], told["node"]["interface"]) == (OK, [], "eth1")
    assert snapshot(either.lab.ec2.truth()) == before


def test_what_no_interface_is_named_for_is_let_go_of_from_any(eip: Protected) -> None:
    """It is on eth1, the default route on eth0 or gone: release and stop let go of it, and only then say so."""
    node, agent = eip.lab.node1, agent_of(eip)
    node.default_route(None)
    assert node.ec2kit("release", *eip.words[:2]).returncode == OK
    assert eip.holder() is None
    take(eip, "node1")
    node.default_route("eth0")
    assert agent.run("stop", node, interface="").returncode == SUCCESS
    assert eip.holder() is None


@only("eip")
def test_a_takeover_does_not_guess_an_interface(either: Protected) -> None:
    """No interface is named and there is no default route; when that is back, it is taken."""
    node, words = either.lab.node2, [word for word in either.words if word not in {"--interface", "eth1"}]
    node.set(EC2_MAX_RETRY=0)
    node.default_route(None)
    before = snapshot(either.lab.ec2.truth())
    done = node.ec2kit("hold", *words, "--force")
    assert done.returncode == UNAVAILABLE
    assert "no default route" in last(done)
    assert "Name the interface" in last(done)
    assert snapshot(either.lab.ec2.truth()) == before
    assert node.ec2kit("check", *words).returncode == UNAVAILABLE
    node.default_route("eth1")
    assert node.ec2kit("hold", *words, "--force").returncode == OK
    assert either.holder() == "node2"


def test_on_another_interface_of_this_node_is_its_own_answer(either: Protected) -> None:
    """The resource names eth0, the address is on eth1: no loss, and hold moves it."""
    node, words = either.lab.node1, (*either.words[:2], "--interface", "eth0")
    checked = node.ec2kit("check", *words)
    assert checked.returncode == MISCONFIGURED
    assert "is on this node, but not where it is to be, on eth0" in last(checked)
    assert codes(either, node, words, "eth0") == {"check": MISCONFIGURED, "monitor": SUCCESS, "probe": SUCCESS}
    if either.words[0] == "private":  # eth0 is in another subnet, which it cannot reach
        node.set(EC2_MAX_RETRY=0)
        assert "is not in 10.0.1.0/24" in last(node.ec2kit("hold", *words, "--force"))
        assert either.holder() == "node1"
        return
    assert node.ec2kit("hold", *words, "--force").returncode == OK
    assert codes(either, node, words, "eth0") == {"check": OK, "monitor": SUCCESS, "probe": SUCCESS}
    assert node.ec2kit("check", *either.words).returncode == MISCONFIGURED


@pytest.mark.parametrize("way", ["release", "remove", "stop"])
def test_another_interface_of_this_node_is_let_go_of(eip: Protected, way: str) -> None:
    """That an address is not on this node is said of the instance."""
    node, vpc = eip.lab.node1, eip.lab.vpc
    eip.lab.ec2.truth().associate_address(
        AllocationId=vpc.allocation,  # type: ignore[union-attr]  # figure 2
        NetworkInterfaceId=eni_of(eip.lab, "node1", "eth0"),
        AllowReassociation=True,
    )
    run: dict[str, Callable[[], object]] = {
        "release": lambda: eip.verb("release", node).returncode,
        "remove": lambda: eip.run("remove", node).returncode,
        "stop": lambda: agent_of(eip).run("stop", node).returncode,
    }
    assert run[way]() == OK
    held = eip.lab.ec2.truth().describe_addresses(AllocationIds=[vpc.allocation])  # type: ignore[union-attr]
    assert not held["Addresses"][0].get("AssociationId")


def test_a_stop_that_names_a_wrong_interface_does_not_say_that_it_is_gone(eip: Protected) -> None:
    """The word says that nothing was sent; a complete look shows the address here, on an interface that is there."""
    agent, node = agent_of(eip), eip.lab.node1
    node.set(EC2_MAX_RETRY=0)
    assert agent.run("start", node, interface="eth9").returncode == GENERIC
    assert agent.run("stop", node, interface="eth9").returncode == GENERIC
    assert eip.holder() == "node1"
    assert eip.verb("release", node, "--interface", "eth9").returncode == MISCONFIGURED


def test_what_a_probe_sees_here_on_another_interface_is_remembered_as_here(eip: Protected) -> None:
    """It was stopped, and somebody put it on this node's eth0: a stop without an answer fails."""
    agent, node = agent_of(eip), eip.lab.node1
    assert agent.run("stop", node).returncode == SUCCESS
    eip.lab.ec2.truth().associate_address(
        AllocationId=eip.lab.vpc.allocation,  # type: ignore[union-attr]  # figure 2
        NetworkInterfaceId=eni_of(eip.lab, "node1", "eth0"),
    )
    assert agent.probe(node).returncode == SUCCESS
    node.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("denied")
    assert agent.run("stop", node).returncode == GENERIC


def vanish(node: Node) -> None:
    """The ENI of its eth1 is gone: the metadata do not know it any more."""
    node.imds.hidden = {each.mac for each in node.identity.interfaces if each.name == "eth1"}


def unplug(node: Node) -> None:
    """The operating system has lost its eth1."""
    folder = node.sysfs / "class/net/eth1"
    folder.rename(node.root / "eth1")


@pytest.mark.parametrize("loss", [vanish, unplug])
def test_a_node_whose_interface_is_gone_lets_go(eip: Protected, loss: Callable[[Node], None]) -> None:
    """Nothing is there to let go of when the address is another instance's; else it is let go of."""
    loss(eip.lab.node1)
    assert eip.run("remove", eip.lab.node1).returncode == OK
    assert eip.holder() is None
    take(eip, "node2")
    assert eip.run("remove", eip.lab.node1).returncode == OK
    assert agent_of(eip).run("stop", eip.lab.node1).returncode == SUCCESS
    assert eip.verb("release", eip.lab.node1).returncode == OK
    assert eip.holder() == "node2"


@spread("loss", [vanish, unplug, vanish, unplug])
def test_an_interface_that_is_gone_is_told_and_is_no_verdict(either: Protected, loss: Callable[[Node], None]) -> None:
    """Wherever the address is: a person must act, and LifeKeeper and Pacemaker change nothing for it."""
    node = either.lab.node1
    loss(node)
    told = ""
    for holder in ("node1", "node2"):
        take(either, holder)
        done = either.run("quickCheck", node)
        assert (done.returncode, events(node)) == (OK, [])
        told += done.stderr  # the same line is not told twice
        assert agent_of(either).monitor(node).returncode == SUCCESS
        assert either.verb("check", node).returncode == MISCONFIGURED
    assert f"ERROR:ec2:quickCheck:{either.tag}:960005:" in told
    assert "eth1" in told
    status = node.ec2kit("status", either.tag)
    assert "eth1" in status.stdout


@spread("times", [1, 2])
def test_an_interface_that_comes_late_is_waited_for(either: Protected, times: int) -> None:
    """Its ENI was attached just now, and the metadata do not know it yet."""
    node = either.lab.node2
    mac = next(each.mac for each in node.identity.interfaces if each.name == "eth1")
    node.imds.refuse("missing", f"GET /latest/meta-data/network/interfaces/macs/{mac}/interface-id", times)
    done = either.run("restore", node)
    assert done.returncode == OK, done.stderr
    assert either.holder() == "node2"
    assert done.stderr.count("Trying again") == times


def from_image(lab: Lab) -> Node:
    """Another instance in node1's place, from its image, with the folder of its memory."""
    node = lab.replace("node1")
    kept = (node.root / "run").rename(node.root / "kept")
    node.boot()
    kept.rename(node.root / "run")
    return node


@pytest.mark.parametrize("either", ["routes", "eip"], indirect=True)
def test_an_instance_from_the_image_of_another_knows_nothing_of_its_memory(either: Protected) -> None:
    """Same name, same info, same files; another instance with other interfaces. It holds nothing, and takes it."""
    lab, agent = either.lab, agent_of(either)
    assert agent.run("start", lab.node1).returncode == SUCCESS
    node = from_image(lab)
    lab.ec2.refuse("denied", times=2)
    assert agent.probe(node).returncode == NOT_RUNNING, "what the other instance held is not this one's"
    lab.ec2.mend()
    checked = either.verb("check", node)
    assert (checked.returncode, node.identity.instance_id in last(checked)) == (NOT_HELD, True)
    assert either.run("quickCheck", node).returncode == NOT_HELD
    assert either.run("remove", node).returncode == OK
    assert either.run("restore", node).returncode == OK
    assert either.holder() == "node1"
    assert either.verb("check", node).returncode == OK


@pytest.mark.parametrize("where", ["nowhere", "node2"])
def test_an_eni_that_has_moved_with_its_address_is_not_this_nodes(eip: Protected, where: str) -> None:
    """The metadata still show it here; EC2 does not, so it is not held, and not let go of for the peer."""
    node, truth = eip.lab.node1, eip.lab.ec2.truth()
    node.set(EC2_MAX_RETRY=0)
    eni = eni_of(eip.lab, "node1")
    attachment = truth.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["Attachment"]
    truth.detach_network_interface(AttachmentId=attachment["AttachmentId"], Force=True)
    if where == "node2":
        instance = eip.lab.node2.identity.instance_id
        truth.attach_network_interface(NetworkInterfaceId=eni, InstanceId=instance, DeviceIndex=5)
    for verb in ("check", "hold"):
        assert eip.verb(verb, node).returncode == MISCONFIGURED
    assert eip.run("quickCheck", node).returncode == OK
    before = snapshot(truth)
    assert eip.run("remove", node).returncode == OK
    assert snapshot(truth) == before


@only("private")
def test_an_interface_that_the_host_does_not_have_is_not_named(either: Protected) -> None:
    """No interface is named; the address is on an ENI for which the operating system has no interface."""
    node, words = either.lab.node1, either.words[:2]
    unplug(node)
    done = node.ec2kit("check", *words)
    assert done.returncode == MISCONFIGURED
    assert f"no interface with the hardware address of {eni_of(either.lab, 'node1')}" in last(done)


def test_a_word_of_another_instance_is_not_a_stop(eip: Protected) -> None:
    """An image with the word that it was stopped: the new instance's stop looks for itself."""
    lab, agent = eip.lab, agent_of(eip)
    assert agent.run("stop", lab.node1).returncode == SUCCESS
    node = from_image(lab)
    node.set(EC2_MAX_RETRY=0)
    lab.ec2.refuse("denied")
    assert agent.run("stop", node).returncode == GENERIC


def test_agents_without_interface_say_what_they_mean(routes: Protected) -> None:
    """The meta-data tell which interface it is."""
    told = Agent(routes, "route", {"ip": "10.1.0.10"}).run("meta-data", routes.lab.node1).stdout
    assert "the one that has the address already, else that of the default route" in " ".join(told.split())
