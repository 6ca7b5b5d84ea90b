"""Both scenarios on two nodes, in ocf-tester's manner: what any cluster engine takes for granted."""

from __future__ import annotations

from lab.ec2.vpc import snapshot
from lab.protected import Protected
from tests.support.kinds import only


def test_the_actions_keep_the_contract(either: Protected) -> None:
    """Start a started one, check here and there, move it, stop what is not ours, stop it, stop it again."""
    node1, node2 = either.lab.node1, either.lab.node2
    either.state(node2, "ISP")  # quickCheck asks EC2 on both nodes

    assert either.run("restore", node1).returncode == 0
    assert either.run("restore", node1).returncode == 0, "restoring what is in service must succeed"
    assert either.holder() == "node1"
    assert either.run("quickCheck", node1).returncode == 0
    assert either.run("quickCheck", node2).returncode == 1, "two looks prove that it is elsewhere"

    assert either.run("restore", node2).returncode == 0
    assert either.holder() == "node2"
    assert either.run("quickCheck", node1).returncode == 1
    assert either.run("quickCheck", node2).returncode == 0

    assert either.run("remove", node1).returncode == 0, "removing what is not ours must succeed"
    assert either.holder() == "node2", "and must not touch the peer's"
    assert either.run("remove", node2).returncode == 0
    assert either.run("remove", node2).returncode == 0, "removing what is removed must succeed"


@only("private")
def test_the_verbs_keep_the_same_contract(either: Protected) -> None:
    """hold, check and release without any LifeKeeper: what they do for each kind is what the actions do."""
    node1, node2 = either.lab.node1, either.lab.node2
    assert [either.verb("hold", node1).returncode for _ in range(2)] == [0, 0]
    assert [either.verb("check", node).returncode for node in (node1, node2)] == [0, 1]
    assert either.verb("hold", node2).returncode == 0
    assert [either.verb("check", node).returncode for node in (node1, node2)] == [1, 0]
    assert either.verb("release", node1).returncode == 0
    assert either.holder() == "node2"
    assert [either.verb("release", node2).returncode for _ in range(2)] == [0, 0]


def test_remove_leaves_an_address_nowhere_and_a_route_where_it_was(either: Protected) -> None:
    """The guide: remove disassociates an Elastic IP; of a route it changes nothing in AWS. A private one goes off."""
    before = snapshot(either.lab.ec2.truth())
    either.lab.ec2.forget()
    assert either.run("remove", either.lab.node1).returncode == 0
    if either.words[0] == "route":
        assert snapshot(either.lab.ec2.truth()) == before
        assert either.lab.ec2.calls == []
    else:
        assert either.holder() is None
        sent = [call.action for call in either.lab.ec2.calls if not call.action.startswith("Describe")]
        assert sent == ["UnassignPrivateIpAddresses" if either.words[0] == "private" else "DisassociateAddress"]
        assert either.lab.ec2.calls[-1].action.startswith("Describe"), "the last call is the look that confirms"


def test_quick_check_of_a_resource_out_of_service_asks_nothing(either: Protected) -> None:
    """Only what is in service is watched."""
    either.lab.ec2.forget()
    assert either.run("quickCheck", either.lab.node2).returncode == 0
    assert either.lab.ec2.calls == []


def test_recover_takes_the_tag_as_sendevent_gives_it(routes: Protected) -> None:
    """From -n, else -d, else -t; in sendevent's grammar -t is a time."""
    node2 = routes.lab.node2
    for options in (
        ("-n", routes.tag, "-t", "261123120000"),
        ("-C", "ec2", "-d", routes.tag, "-t", "261123120000", "-A", "what", "--new"),
        ("-t", routes.tag),
    ):
        routes.run("restore", routes.lab.node1)
        assert node2.action("recover", *options).returncode == 0, options
        assert routes.holder() == "node2"
