"""One look, one answer and one error code prove little: what acts looks again, and goes on while there is time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.ec2.faults import Kind
from lab.ec2.vpc import RouteLab, route_tables
from lab.protected import Protected, eni_of
from tests.support.account import drop_entry, without_ipv4
from tests.support.agent import agent_of, take
from tests.support.kinds import only, spread
from tests.support.programs import last

OK, NOT_HELD, UNAVAILABLE = 0, 1, 9
SUCCESS, GENERIC, NOT_RUNNING = 0, 1, 7
LOOK = 2  # calls
TAKES = {"route": "ReplaceRoute", "eip": "AssociateAddress", "private": "AssignPrivateIpAddresses"}
LEAVES = {"eip": "DisassociateAddress", "private": "UnassignPrivateIpAddresses"}


@pytest.fixture(params=LEAVES)
def leaving(request: pytest.FixtureRequest) -> Protected:
    """The scenarios in which a release changes something."""
    made: Protected = request.getfixturevalue(request.param)
    return made


def outdated(protected: Protected, then: str) -> None:
    """The first look of the next run shows what was so before the address went to that node."""
    ec2 = protected.lab.ec2
    ec2.old = ec2.save()
    take(protected, then)
    ec2.refuse("stale", times=LOOK)


# ---- a stale look


def test_hold_that_finds_nothing_to_do_looks_twice(either: Protected) -> None:
    """The first look is old: it shows the address here, and the peer has it."""
    outdated(either, "node2")
    done = either.verb("hold", either.lab.node1, "--output", "json")
    assert (done.returncode, either.holder()) == (OK, "node1")
    assert json.loads(done.stdout)["steps"]


def test_remove_that_finds_nothing_to_do_looks_twice(leaving: Protected) -> None:
    """The first look is old: it shows the address at the peer, and it is here."""
    outdated(leaving, "node2")
    leaving.lab.ec2.mend()
    outdated(leaving, "node1")
    assert leaving.run("remove", leaving.lab.node1).returncode == OK
    assert leaving.holder() is None


def test_a_look_of_which_one_entry_is_old_proves_the_others_alone(routes: Protected) -> None:
    """Table A is shown at the peer, as it is, and is moved; B is shown here, as it was."""
    ec2, vpc = routes.lab.ec2, routes.lab.vpc
    assert isinstance(vpc, RouteLab)
    ec2.old_entries = {vpc.tables["B"]}
    ec2.old = ec2.save()
    take(routes, "node2")
    ec2.refuse("stale", "DescribeRouteTables", times=2)  # that before the change, and that after it
    done = routes.run("restore", routes.lab.node1)
    assert (done.returncode, routes.holder()) == (OK, "node1"), done.stderr


def test_two_looks_that_contradict_each_other_prove_no_loss(routes: Protected) -> None:
    """Each shows another table at the peer, because each has another old entry."""
    ec2, vpc, node = routes.lab.ec2, routes.lab.vpc, routes.lab.node1
    assert isinstance(vpc, RouteLab)
    take(routes, "node2")
    ec2.old = ec2.save()
    take(routes, "node1")
    for name in "AB":
        table = vpc.tables[name]

        def old(table: str = table) -> None:
            ec2.old_entries = {table}

        old(vpc.tables["A"])
        ec2.refuse("stale", "DescribeRouteTables", times=1, then=lambda: old(vpc.tables["B"]))
    done = routes.verb("check", node)
    assert done.returncode == UNAVAILABLE
    assert "two looks contradict each other" in last(done)
    assert routes.verb("check", node).returncode == OK


def test_a_takeover_costs_no_second_look(either: Protected) -> None:
    """What this run has changed, and EC2 has accepted, is proven by the look that follows."""
    done = either.run("restore", either.lab.node2)
    assert done.returncode == OK
    assert "960038" not in done.stderr
    assert "960038" in either.run("restore", either.lab.node2).stderr


def test_an_entry_that_nobody_made_by_hand_is_told_and_left_alone(routes: Protected) -> None:
    """A route server advertises the address in the public table, to the peer."""
    ec2, vpc = routes.lab.ec2, routes.lab.vpc
    assert isinstance(vpc, RouteLab)
    ec2.advertise(vpc.tables["public"], f"{vpc.vip}/32", eni_of(routes.lab, "node2"))
    assert routes.verb("check", routes.lab.node1).returncode == OK
    done = routes.run("restore", routes.lab.node2)
    assert (done.returncode, done.stderr.count("960037")) == (OK, 1)
    assert f"{vpc.tables['public']} ({eni_of(routes.lab, 'node2')}, active, origin Advertisement)" in done.stderr
    sent = [call.params["RouteTableId"] for call in ec2.calls if call.action == "ReplaceRoute"]
    assert sorted(sent) == sorted([vpc.tables["A"], vpc.tables["B"]])


# ---- old facts


def test_an_address_that_was_free_is_not_taken_from_the_peer(leaving: Protected) -> None:
    """The look showed it on nothing, and the peer takes it before the change arrives: EC2 refuses that change.

    The next look shows the owner, from whom it is then taken, for that is the order of whoever runs this.
    """
    lab, action = leaving.lab, TAKES[leaving.words[0]]
    assert leaving.verb("release", lab.node1).returncode == OK
    lab.ec2.refuse("throttled", action, times=1, then=lambda: take(leaving, "node2"))
    assert leaving.verb("hold", lab.node1).returncode == OK
    sent = [call for call in lab.ec2.calls if call.action == action and "ec2kit" in call.agent]
    allowed = [next(value for name, value in call.params.items() if name.startswith("AllowRe")) for call in sent]
    assert [*zip(allowed, (call.status for call in sent), strict=True)] == [
        ("false", 503),
        ("false", 400),
        ("true", 200),
    ]


@only("eip")
def test_a_change_that_has_waited_looks_again_first(either: Protected) -> None:
    """EC2 throttles the old node's changes; meanwhile the peer takes over, and a person gives the old node up.

    The entry is gone from the tables, the Elastic IP released: what the old look showed is no longer there.
    """
    lab = either.lab
    action = TAKES[either.words[0]]
    assert either.run("restore", lab.node2).returncode == OK
    lab.ec2.forget()
    fault = lab.ec2.refuse("throttled", action)

    def end() -> None:
        if time.monotonic() - began > 7:
            fault.remove()

    began = time.monotonic()
    fault.then = end
    assert either.run("restore", lab.node1).returncode == OK
    looks = [call.began for call in lab.ec2.calls if call.action.startswith("Describe")]
    changed = next(call for call in lab.ec2.calls if call.action == action and call.status == 200)
    assert changed.began - max(at for at in looks if at < changed.began) < 6


class OneInEightSeconds:
    """A question for an instance's ENIs is served once in eight seconds, as if others used its calls up.

    Of a private address, who has it is asked by the same operation: that one is always served.
    """

    def __init__(self) -> None:
        self.next = time.monotonic() + 8

    def take(self, action: str, params: dict[str, str], _region: str = "") -> bool:
        """Whether the call is served."""
        if action != "DescribeNetworkInterfaces" or "attachment.instance-id" not in params.values():
            return True
        now = time.monotonic()
        served = now >= self.next
        self.next = now + 8 if served else self.next
        return served


@pytest.mark.parametrize("either", ["eip"], indirect=True)
def test_a_look_of_which_one_answer_comes_late_is_young_enough(either: Protected) -> None:
    """Who has the address is asked again, not all of it: else nothing would ever be changed."""
    buckets: Any = OneInEightSeconds()
    either.lab.ec2.buckets = buckets
    done = either.verb("hold", either.lab.node2, "--timeout", "45")
    assert (done.returncode, either.holder()) == (OK, "node2"), done.stderr


# ---- time decides, not the error code


@spread("kind", ["denied", "expired", "ended", "skewed"])
def test_a_takeover_does_not_give_up_on_its_first_look(either: Protected, kind: Kind) -> None:
    """Rights and credentials take their time with EC2, too."""
    either.lab.ec2.refuse(kind, times=LOOK)
    done = either.run("restore", either.lab.node2)
    assert (done.returncode, either.holder()) == (OK, "node2"), done.stderr


def test_a_takeover_does_not_give_up_on_a_missing_entry(routes: Protected) -> None:
    """No table has the entry, and none is recorded: a moment later it is there."""
    ec2, vpc = routes.lab.ec2, routes.lab.vpc
    assert isinstance(vpc, RouteLab)
    for name in "AB":
        drop_entry(routes.lab, name)

    def make() -> None:
        ec2.truth().create_route(
            RouteTableId=vpc.tables["A"],
            DestinationCidrBlock=f"{vpc.vip}/32",
            NetworkInterfaceId=eni_of(routes.lab, "node1"),
        )

    ec2.refuse("late", "DescribeNetworkInterfaces", times=1, then=make)
    assert routes.verb("hold", routes.lab.node2).returncode == OK
    assert routes.holder() == "node2"


def test_credentials_that_run_out_in_the_middle_are_asked_afresh(routes: Protected) -> None:
    """One of two tables has moved; the metadata have new credentials by then."""
    node = routes.lab.node2

    def run_out() -> None:
        node.imds.expire()

    routes.lab.ec2.refuse("ended", "ReplaceRoute", times=1, then=run_out)
    done = routes.run("restore", node)
    assert (done.returncode, routes.holder()) == (OK, "node2"), done.stderr
    assert len({call.key for call in routes.lab.ec2.calls if "ec2kit" in call.agent}) == 2


LETTING_GO: dict[str, Callable[[Protected], int]] = {
    "remove": lambda made: made.run("remove", made.lab.node1).returncode,
    "release": lambda made: made.verb("release", made.lab.node1).returncode,
    "stop": lambda made: agent_of(made).run("stop", made.lab.node1, CRM_meta_timeout="60000").returncode,
}


@pytest.mark.parametrize("way", LETTING_GO)
def test_letting_go_goes_on_while_there_is_time(eip: Protected, way: str) -> None:
    """More rounds than EC2_MAX_RETRY's default are denied; unless EC2_MAX_RETRY is set, that ends it by no means."""
    eip.lab.ec2.refuse("denied", "DisassociateAddress", times=4)
    assert LETTING_GO[way](eip) == OK
    assert eip.holder() is None


@pytest.mark.parametrize("way", LETTING_GO)
def test_letting_go_tries_as_often_as_ec2_max_retry_says(eip: Protected, way: str) -> None:
    """0: nothing is tried again."""
    eip.lab.node1.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("denied", "DisassociateAddress", times=1)
    assert LETTING_GO[way](eip) == NOT_HELD
    assert eip.holder() == "node1"


# ---- the release that cuts the node's own way to EC2


def cut_off(made: Protected, kind: Kind) -> None:
    """From the change that lets go on, nothing of node1 reaches EC2."""
    ec2 = made.lab.ec2

    def cut() -> None:
        ec2.refuse("reset", key="ASIANODE1")

    ec2.refuse(kind, LEAVES[made.words[0]], times=1, then=cut)


@pytest.mark.parametrize("kind", ["late", "lost"])
@pytest.mark.parametrize("way", LETTING_GO)
def test_the_metadata_are_the_second_witness(leaving: Protected, way: str, kind: Kind) -> None:
    """EC2 has done it, whether or not its answer has come; no look can show it, and the metadata do."""
    leaving.lab.node1.set(EC2_MAX_RETRY=1)
    cut_off(leaving, kind)
    assert LETTING_GO[way](leaving) == OK
    assert leaving.holder() is None


@pytest.mark.parametrize("doubt", ["still there", "metadata away", "no private address told"])
def test_without_a_second_witness_nobody_says_that_it_is_gone(leaving: Protected, doubt: str) -> None:
    """The call did not arrive; or it did, and the metadata do not tell."""
    node = leaving.lab.node1
    node.set(EC2_MAX_RETRY=0)
    cut_off(leaving, "reset" if doubt == "still there" else "late")
    if doubt == "metadata away":
        first = {"eip": "DescribeAddresses", "private": "DescribeNetworkInterfaces"}[leaving.words[0]]
        calls = {"eip": 1, "private": LOOK}[leaving.words[0]]  # of the look before the change
        leaving.lab.ec2.refuse("reset", first, skip=calls, then=lambda: setattr(node.imds, "fault", "refused"))
    if doubt == "no private address told":
        for each in node.identity.interfaces:
            path = f"GET /latest/meta-data/network/interfaces/macs/{each.mac}/local-ipv4s"
            node.imds.refuse("missing", path)
    done = leaving.run("remove", node)
    assert done.returncode in {NOT_HELD, UNAVAILABLE}
    assert "960039" not in done.stderr


def test_an_interface_without_ipv4_is_no_doubt(leaving: Protected) -> None:
    """The metadata tell no private address of it, for it has none: the witness of the others counts."""
    leaving.lab.node1.set(EC2_MAX_RETRY=0)
    without_ipv4(leaving.lab, "node1", 0)
    cut_off(leaving, "late")
    assert leaving.run("remove", leaving.lab.node1).returncode == OK
    assert leaving.holder() is None


@pytest.mark.parametrize("lie", ["not told", "not listed"])
def test_metadata_that_never_showed_the_address_are_no_witness_of_a_call_without_an_answer(
    eip: Protected, lie: str
) -> None:
    """The call did not arrive, and the metadata do not know of the address, or of its interface: no proof."""
    node = eip.lab.node1
    node.set(EC2_MAX_RETRY=0)
    mac = next(each.mac for each in node.identity.interfaces if each.name == "eth1")
    if lie == "not told":
        path = f"network/interfaces/macs/{mac}/ipv4-associations/203.0.113.10"
        node.imds.refuse("missing", f"GET /latest/meta-data/{path}")
    else:
        node.imds.hidden = {mac}
    cut_off(eip, "reset")
    assert eip.run("remove", node).returncode in {NOT_HELD, UNAVAILABLE}
    assert eip.holder() == "node1"


@pytest.mark.parametrize(("default", "warned"), [("eth1", True), ("eth0", False)])
def test_plan_and_create_warn_of_it(eip: Protected, default: str, *, warned: bool) -> None:
    """The Elastic IP is for the interface with the default route."""
    node = eip.lab.node1
    node.default_route(default)
    words = "each release cuts its own way to EC2 off"
    assert (words in eip.verb("plan", node).stderr) is warned
    address = ("--elastic-ip", "203.0.113.20", "--interface", "eth1", "--type", "elastic-ip")
    made = node.ec2kit("create", *address)
    assert (words in made.stdout + made.stderr) is warned


# ---- Pacemaker: the word that nothing was sent


@pytest.mark.parametrize("trouble", ["EC2 away", "interface", "profile"])
def test_a_node_that_has_sent_no_change_since_its_boot_is_stopped(eip: Protected, trouble: str) -> None:
    """Probe 7, start 1 before any change: the stop that follows must not cost the node its life."""
    agent, node = agent_of(eip), eip.lab.node2
    node.set(EC2_MAX_RETRY=0)
    wrong = {"interface": {"interface": "eth9"}, "profile": {"profile": "nobody"}}.get(trouble, {})
    if trouble == "EC2 away":
        eip.lab.ec2.refuse("reset")
    assert agent.probe(node, **wrong).returncode == NOT_RUNNING
    assert agent.run("start", node, **wrong).returncode == GENERIC
    assert agent.run("stop", node, **wrong).returncode == SUCCESS


@pytest.mark.parametrize("memory", ["missing", "unreadable"])
def test_a_memory_that_does_not_say_so_is_never_that_word(eip: Protected, memory: str) -> None:
    """It was held here, and the memory is gone, or garbage; EC2 is away: the stop does not know."""
    agent, node = agent_of(eip), eip.lab.node1
    node.set(EC2_MAX_RETRY=0)
    assert agent.run("start", node).returncode == SUCCESS
    path = node.root / "run/resource-agents/ec2kit/eip-vip"
    if memory == "missing":
        path.unlink()
    else:
        path.write_bytes(b"\xff\x00 untouched")
    eip.lab.ec2.refuse("reset")
    assert agent.run("stop", node).returncode == GENERIC
    if memory == "unreadable":
        assert agent.run("start", node).returncode == GENERIC
        assert agent.run("stop", node).returncode == GENERIC, "a start that failed does not make a word of it"


def test_a_start_that_saw_the_address_here_is_not_stopped_unseen(eip: Protected) -> None:
    """No change was sent, because none was needed; its time ends before the second look."""
    agent, node = agent_of(eip), eip.lab.node1
    node.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("hang", skip=LOOK)
    assert agent.run("start", node, CRM_meta_timeout="6000").returncode == GENERIC
    eip.lab.ec2.mend()
    eip.lab.ec2.refuse("reset")
    assert agent.run("stop", node).returncode == GENERIC


def test_recorded_tables_are_looked_at_twice_too(routes: Protected) -> None:
    """An old look shows a table's entry as lost: it is there, and one look fails nothing."""
    ec2, vpc = routes.lab.ec2, routes.lab.vpc
    assert isinstance(vpc, RouteLab)
    drop_entry(routes.lab, "A")
    ec2.old = ec2.save()
    ec2.truth().create_route(
        RouteTableId=vpc.tables["A"],
        DestinationCidrBlock=f"{vpc.vip}/32",
        NetworkInterfaceId=eni_of(routes.lab, "node1"),
    )
    ec2.refuse("stale", "DescribeRouteTables", times=2)
    assert routes.run("quickCheck", routes.lab.node1).returncode == OK
    assert f"{vpc.vip}/32" in route_tables(ec2.truth(), vpc.vpc)["A"]


def test_what_was_asked_along_and_is_not_needed_may_fail(eip: Protected) -> None:
    """An Elastic IP on our ENI is a complete look: hold believes it; a release acts, and the metadata witness it."""
    lab = eip.lab
    lab.ec2.refuse("denied", "DescribeNetworkInterfaces")
    assert eip.verb("hold", lab.node1).returncode == 0
    lab.node1.set(EC2_MAX_RETRY=0)
    done = eip.verb("release", lab.node1, "-v")
    assert done.returncode == 0, done.stderr
    assert "960039" in done.stderr
    assert eip.holder() is None
