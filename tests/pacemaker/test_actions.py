"""The OCF agents through their executables: what Pacemaker is told, and when nothing is known."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.elastic_ip import ElasticIpResource
from ec2kit.core.kinds.route import RouteResource
from ec2kit.core.model import BY_SETTINGS, Reach, TableId
from ec2kit.pacemaker import agents
from lab import PROJECT
from lab.ec2.faults import Kind
from lab.ec2.vpc import AddressLab, RouteLab, snapshot
from lab.imds import Fault
from lab.nodes import Lab, Node
from lab.protected import SLACK, Protected
from tests.support.agent import Agent, agent_of, take
from tests.support.kinds import only, spread
from tests.support.programs import hurry

SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING = 0, 1, 2, 3, 5, 6, 7
UNKNOWN: tuple[Kind, ...] = ("throttled", "denied", "reset", "hang", "garbage")
KINDS = tuple(agents.AGENTS)
AGENTS = agents.AGENTS
PLAIN = {"route": {"ip": "10.1.0.10"}, "eip": {"elastic_ip": "203.0.113.10"}, "private": {"ip": "10.0.5.50"}}
DTD = Path("/usr/share/resource-agents/ra-api-1.dtd")


@pytest.fixture
def agent(either: Protected) -> Agent:
    """Each agent, one after the other; the address is on node1, and nothing is remembered yet."""
    return agent_of(either)


@pytest.fixture
def eip_agent(eip: Protected) -> Agent:
    """The agent for Elastic IPs."""
    return agent_of(eip)


@pytest.fixture
def route_agent(routes: Protected) -> Agent:
    """The agent for routes."""
    return agent_of(routes)


def reason(done: CompletedProcess[str]) -> str:
    """The exit reason, which is the last line."""
    prefix, _, text = done.stderr.splitlines()[-1].partition(":")
    assert prefix == "ocf-exit-reason"
    return text


def test_a_planned_move(agent: Agent) -> None:
    """stop on one node, start on the other; each says the truth about itself all the time, and is silent about it."""
    one, two = agent.protected.lab.node1, agent.protected.lab.node2
    assert [agent.probe(one).returncode, agent.probe(two).returncode] == [SUCCESS, NOT_RUNNING]
    assert agent.run("stop", one).returncode == SUCCESS
    assert agent.probe(one).returncode == NOT_RUNNING
    assert agent.run("start", two).returncode == SUCCESS
    assert agent.protected.holder() == "node2"
    watched = [agent.monitor(two), agent.probe(two), agent.probe(one)]
    assert [done.returncode for done in watched] == [SUCCESS, SUCCESS, NOT_RUNNING]
    assert [done.stdout + done.stderr for done in watched] == ["", "", ""]
    assert agent.run("start", two).returncode == SUCCESS
    assert agent.run("stop", one).returncode == SUCCESS
    assert agent.protected.holder() == "node2"


# ---- grammar and meta-data


@pytest.mark.parametrize("kind", KINDS)
def test_the_meta_data_is_the_one_that_was_agreed_on(kind: str, figure1: Lab) -> None:
    """What stands beside the agent, made by `make docs`; no parameter and no network are needed for it."""
    figure1.ec2.close()
    done = figure1.node1.ocf(kind, "meta-data")
    assert (done.returncode, done.stdout, done.stderr) == (SUCCESS, (PROJECT / f"ocf/{kind}.xml").read_text(), "")
    assert done.stdout == agents.meta_data(AGENTS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_meta_data_is_told_without_importing_anything(kind: str) -> None:
    """Pacemaker asks for it before each start, while nobody has the address."""
    agent = str(PROJECT / "ocf" / kind)
    told, without = (
        subprocess.run([sys.executable, "-Iv", *command], capture_output=True, text=True, check=True).stderr
        for command in ((agent, "meta-data"), ("-c", "pass"))
    )
    assert set(re.findall(r"^import '?([\w.]+)", told, re.MULTILINE)) - {"encodings.utf_8"} <= set(
        re.findall(r"^import '?([\w.]+)", without, re.MULTILINE)
    )


@pytest.mark.skipif(
    not (Path("/usr/bin/xmllint").exists() and DTD.exists()), reason="needs xmllint and resource-agents' DTD"
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_meta_data_is_valid(kind: str) -> None:
    """By resource-agents' DTD, as ocf-tester asks it, which an action of another name does not pass."""
    text = agents.meta_data(AGENTS[kind])
    codes = [
        subprocess.run(
            ["/usr/bin/xmllint", "--noout", "--valid", "-"],
            input=each,
            text=True,
            capture_output=True,
            check=False,
            cwd=DTD.parent,
        ).returncode
        for each in (text, text.replace('"start"', '"rest"'))
    ]
    assert codes == [0, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_of_the_meta_data_is_read(kind: str) -> None:
    """A value of the wrong form is refused by name, and the example of it is taken."""
    described = agents.described(AGENTS[kind])
    good = {f"OCF_RESKEY_{name}": each.example for name, each in described.items()}
    agents.parameters(AGENTS[kind], good)
    for name in described:
        with pytest.raises(Misconfigured, match=name):
            agents.parameters(AGENTS[kind], good | {f"OCF_RESKEY_{name}": "/ no good"})


def test_what_the_parameters_name() -> None:
    """The command line's words for the same: interface, tables, Region, profile, URL."""
    given = {"ip": "10.1.0.10/32", "interface": "eth1", "routing_table": "rtb-1, rtb-2,rtb-3", "region": "eu-west-1"}
    given |= {"profile": "cluster", "endpoint_url": "https://ec2.example"}
    named = agents.parameters(AGENTS["route"], {f"OCF_RESKEY_{name}": value for name, value in given.items()})
    tables = frozenset(map(TableId, ("rtb-1", "rtb-2", "rtb-3")))
    assert named.resource == RouteResource(IPv4Address("10.1.0.10"), "eth1", tables)
    assert named.reach == Reach("eu-west-1", "cluster", "https://ec2.example")
    bare = agents.parameters(
        AGENTS["eip"], {"OCF_RESKEY_elastic_ip": "203.0.113.10", "OCF_RESKEY_profile": "default"}
    )
    assert bare == agents.Parameters(ElasticIpResource(IPv4Address("203.0.113.10")), BY_SETTINGS)


def test_the_lines_for_crm_and_pcs_name_parameters_that_there_are() -> None:
    """Each line of the page that makes a resource of the kit gives its agent nothing unknown, and what it needs."""
    text = (PROJECT / "docs/pacemaker.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^ {4}(?:primitive|pcs) .*ocf:ec2kit:(\w+) (.*?)(?: op .*)?$", text, re.MULTILINE)
    assert len(lines) == 18
    for kind, words in lines:
        told = re.sub(r"\bparams (rule '#uname' eq \w+ )?", "", words)
        given = dict(word.split("=") for word in told.split())
        assert set(given) <= set(agents.described(AGENTS[kind]))
        agents.parameters(AGENTS[kind], {f"OCF_RESKEY_{name}": value for name, value in given.items()})


@spread("given", ["reload", "promote", "usage"])
def test_what_it_does_not_know(given: str, agent: Agent) -> None:
    """An action that it does not have is unimplemented; usage names those that it has."""
    done = agent.run(given, agent.protected.lab.node1)
    assert done.returncode == (SUCCESS if given == "usage" else UNIMPLEMENTED)
    assert "{start|stop|monitor|reload-agent|validate-all|meta-data|usage}" in done.stdout + done.stderr
    assert agent.protected.lab.ec2.calls == []


@only("routes")
def test_without_an_action(agent: Agent) -> None:
    """OCF's code for wrong arguments."""
    lab = agent.protected.lab
    done = lab.node1.run(str(lab.node1.ocf_root / "resource.d/ec2kit" / agent.kind))
    assert (done.returncode, "usage:" in done.stderr) == (ARGS, True)


BAD = {
    "route": {"ip": "", "interface": "a/b", "routing_table": "table1", "region": "Frankfurt!", "address": "10.1.0.10",
              "routing_table_role": "arn:aws:iam::1:role/x", "endpoint_url": "http://ec2.example"},
    "eip": {"elastic_ip": "203.0.113.999", "allocation_id": "eni-1", "private_ip_address": "10.0.1"},
    "private": {"ip": "10.0.5.500", "peers": "eni-1,i-2", "private_ip_address": "10.0.1.9"},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "value"), [(kind, *pair) for kind in KINDS for pair in BAD[kind].items()])
def test_parameters_that_cannot_be_used(kind: str, name: str, value: str, figure1: Lab) -> None:
    """OCF_ERR_CONFIGURED, the reason names the parameter, AWS is not asked; what was never started is stopped."""
    agent = Agent(Protected(figure1, "", "", (kind,)), kind, PLAIN[kind])
    node = figure1.node1
    for done in (agent.run("validate-all", node, **{name: value}), agent.run("start", node, **{name: value}),
                 agent.probe(node, **{name: value})):  # fmt: skip
        assert done.returncode == CONFIGURED
        assert (name if name != "endpoint_url" else "EC2 URL") in reason(done)
    assert agent.run("stop", node, **{name: value}).returncode == SUCCESS
    assert figure1.ec2.calls == []
    assert agent.run("validate-all", node).returncode == SUCCESS


def test_a_deleted_resource_is_stopped_by_what_this_node_remembers(agent: Agent) -> None:
    """Pacemaker gives no parameters then; nothing else is let go of, and a probe knows that it was stopped."""
    node = agent.protected.lab.node1
    assert agent.run("start", node).returncode == SUCCESS
    done = replace(agent, parameters={}).run("stop", node)
    assert done.returncode == SUCCESS
    named = next(iter(agent.parameters.values()))
    assert re.search(rf":960054:.* is missing.* it is about .*{named}.* on eni-\w+, and goes by that", done.stderr)
    assert agent.protected.holder() == ("node1" if agent.kind == "route" else None)
    assert agent.probe(node).returncode == NOT_RUNNING


def test_a_deleted_resource_without_an_answer_is_not_stopped(eip_agent: Agent) -> None:
    """It is tried, by the remembered way to EC2, and fails as any other stop does."""
    lab = eip_agent.protected.lab
    assert eip_agent.run("start", lab.node1, region="us-east-1", endpoint_url=lab.ec2.url).returncode == SUCCESS
    hurry(lab.node1, act=4, look=3)
    lab.node1.set(AWS_ENDPOINT_URL_EC2="http://127.0.0.1:9")
    lab.ec2.refuse("denied")
    deleted = replace(eip_agent, parameters={})
    assert deleted.run("stop", lab.node1).returncode == GENERIC
    lab.ec2.mend()
    assert deleted.run("stop", lab.node1).returncode == SUCCESS
    assert eip_agent.protected.holder() is None


def test_a_deleted_resource_of_which_only_the_word_is_known_is_not_stopped(eip_agent: Agent) -> None:
    """As a former version has left it: nobody knows what to let go of, and stop does not say that it has."""
    node = eip_agent.protected.lab.node1
    assert eip_agent.run("start", node).returncode == SUCCESS
    about = node.root / "run/resource-agents/ec2kit/eip-vip+about"
    about.write_text(about.read_text().replace('"of": "', '"of": "1'))
    assert replace(eip_agent, parameters={}).run("stop", node).returncode == CONFIGURED
    about.unlink()
    done = replace(eip_agent, parameters={}).run("stop", node)
    assert done.returncode == CONFIGURED
    assert "'ec2kit release eip ADDRESS', then 'crm_resource --cleanup --resource vip'" in done.stderr
    assert eip_agent.protected.holder() == "node1"


@pytest.mark.parametrize("action", ["reload-agent", "start"])
def test_a_way_that_was_never_seen_to_work_is_not_the_one_that_a_stop_goes(eip_agent: Agent, action: str) -> None:
    """A typing error must not cost the node its life: a stop goes by the Region and profile of the last good look."""
    lab = eip_agent.protected.lab
    hurry(lab.node1, act=6, look=3)
    for values in ({"profile": "nobody"}, {"endpoint_url": "https://127.0.0.1:9"}):
        assert eip_agent.run("start", lab.node1).returncode == SUCCESS
        changed = replace(eip_agent, parameters=eip_agent.parameters | values)
        assert changed.run(action, lab.node1).returncode == (SUCCESS if action == "reload-agent" else GENERIC)
        stopped = changed if "profile" in values else replace(eip_agent, parameters={})
        assert stopped.run("stop", lab.node1).returncode == SUCCESS
        assert eip_agent.protected.holder() is None


def test_a_start_of_another_address_says_nothing_of_this_one(eip_agent: Agent) -> None:
    """It fails before anything is sent: what is here stays known, and what is not known does not become let go."""
    lab = eip_agent.protected.lab
    assert isinstance(lab.vpc, AddressLab)
    other = replace(eip_agent, parameters={"elastic_ip": lab.vpc.free_ip, "interface": "eth0"})
    hurry(lab.node1, act=4, look=3)
    assert eip_agent.run("start", lab.node1).returncode == SUCCESS
    lab.ec2.refuse("denied")
    assert other.run("start", lab.node1).returncode == GENERIC
    assert other.run("stop", lab.node1).returncode == GENERIC
    assert [eip_agent.probe(lab.node1).returncode, eip_agent.run("stop", lab.node1).returncode] == [SUCCESS, GENERIC]
    lab.ec2.mend()
    assert other.run("stop", lab.node1).returncode == SUCCESS
    lab.ec2.refuse("denied")
    assert eip_agent.run("start", lab.node1).returncode == GENERIC
    assert eip_agent.run("stop", lab.node1).returncode == GENERIC
    assert eip_agent.protected.holder() == "node1"


def test_a_stop_without_a_memory_that_cannot_know_what_to_stop(eip_agent: Agent) -> None:
    """Whoever has emptied /run: that nothing is written there is not a word."""
    node = eip_agent.protected.lab.node1
    assert eip_agent.run("start", node).returncode == SUCCESS
    shutil.rmtree(node.root / "run/resource-agents")
    assert eip_agent.run("stop", node, region="X!").returncode == CONFIGURED


def test_another_address_of_the_resource_is_not_forgotten_in_silence(eip_agent: Agent) -> None:
    """After a cleanup Pacemaker starts the new address without a stop of the old one: that stays, and is told."""
    lab = eip_agent.protected.lab
    assert isinstance(lab.vpc, AddressLab)
    assert eip_agent.run("start", lab.node1).returncode == SUCCESS
    other = replace(eip_agent, parameters={"elastic_ip": lab.vpc.free_ip, "interface": "eth0"})
    told = other.probe(lab.node1)
    assert told.returncode == NOT_RUNNING
    assert "960053" in told.stderr
    assert f"'ec2kit release eip {lab.vpc.public_ip}'" in told.stderr
    assert other.probe(lab.node1).stderr == ""
    assert other.run("start", lab.node1).returncode == SUCCESS


def test_what_a_person_has_taken_before_the_cluster_came_is_not_untouched(eip_agent: Agent) -> None:
    """No resource was about it: a start that fails is followed by a stop, which does not know that it is not here."""
    lab = eip_agent.protected.lab
    Path(lab.node2.environment["HA_RSCTMP"]).mkdir(parents=True)  # as resource-agents makes it at each boot
    assert lab.node2.ec2kit("hold", "eip", "203.0.113.10", "--interface", "eth1", "--force").returncode == 0
    hurry(lab.node2, act=4, look=3)
    lab.ec2.refuse("denied")
    assert [eip_agent.run(action, lab.node2).returncode for action in ("start", "stop")] == [GENERIC, GENERIC]
    lab.ec2.mend()
    assert [eip_agent.run(action, lab.node2).returncode for action in ("start", "stop")] == [SUCCESS, SUCCESS]
    memories = Path(lab.node2.environment["HA_RSCTMP"], "ec2kit").iterdir()
    assert {path.name for path in memories if "hand" in path.name} == set()


@spread("verb", ["hold", "release"])
def test_what_is_done_by_hand_is_remembered(agent: Agent, verb: str) -> None:
    """After it EC2 gives no answer: a stop succeeds where a person has let go, and nowhere else."""
    lab, address = agent.protected.lab, next(iter(agent.parameters.values()))
    peers = [word for eni in agent.parameters.get("peers", "").split(",") if eni for word in ("--peer", eni)]
    assert agent.run("start" if verb == "release" else "stop", lab.node1).returncode == SUCCESS
    words = (verb, agent.kind, address, "--interface", "eth1", *([*peers, "--force"] if verb == "hold" else []))
    assert lab.node1.ec2kit(*words).returncode == 0
    hurry(lab.node1, act=4, look=3)
    lab.ec2.refuse("denied")
    assert agent.probe(lab.node1).returncode == (SUCCESS if verb == "hold" or agent.kind == "route" else NOT_RUNNING)
    assert agent.monitor(lab.node1).returncode == SUCCESS
    if agent.kind != "route":
        assert agent.run("stop", lab.node1).returncode == (SUCCESS if verb == "release" else GENERIC)


# ---- other parameters without a restart, and what validate-all looks at


def test_the_parameters_that_need_no_restart() -> None:
    """Those that say how it is taken; not what is taken, nor where to."""
    told = {
        kind: set(re.findall(r'name="(\w+)" [^>]*reloadable="1"', agents.meta_data(AGENTS[kind]))) for kind in KINDS
    }
    reach = {"region", "profile", "endpoint_url"}
    assert told == {"route": {"routing_table"} | reach, "private": {"peers"} | reach, "eip": {"displace"} | reach}


def test_a_table_that_is_named_later_gets_its_entry(route_agent: Agent) -> None:
    """reload-agent makes what the new parameters name, and the address stays where it is all the time."""
    lab = route_agent.protected.lab
    assert isinstance(lab.vpc, RouteLab)
    tables = ",".join(lab.vpc.tables[each] for each in ("A", "B", "public"))
    assert route_agent.run("start", lab.node1).returncode == SUCCESS
    lab.ec2.forget()
    assert route_agent.run("reload-agent", lab.node1, routing_table=tables).returncode == SUCCESS
    assert [call.action for call in lab.ec2.calls if call.action[:8] != "Describe"] == ["CreateRoute"]
    assert route_agent.monitor(lab.node1, routing_table=tables).returncode == SUCCESS
    lab.ec2.refuse("denied", "CreateRoute")
    lab.ec2.truth().delete_route(RouteTableId=lab.vpc.tables["public"], DestinationCidrBlock=f"{lab.vpc.vip}/32")
    lab.node1.set(EC2_MAX_RETRY=0)
    assert route_agent.run("reload-agent", lab.node1, routing_table=tables).returncode == GENERIC


@spread("why", ["denied", "no such profile", "a Region that cannot be"])
def test_other_parameters_without_an_answer_change_nothing(agent: Agent, why: str) -> None:
    """The resource and what is above it go on: 0 with a line, for reload-agent and for the monitor behind it."""
    node = agent.protected.lab.node1
    assert agent.run("start", node).returncode == SUCCESS
    hurry(node, act=4, look=3)
    before = snapshot(agent.protected.lab.ec2.truth())
    given = {"denied": {}, "no such profile": {"profile": "nobody"}, "a Region that cannot be": {"region": "X!"}}[why]
    if why == "denied":
        agent.protected.lab.ec2.refuse("denied")
    for action, interval in (("reload-agent", "0"), ("monitor", "30000")):
        done = agent.run(action, node, CRM_meta_interval=interval, **given)
        assert done.returncode == SUCCESS
        assert re.search(":9600(04|05|54):", done.stderr), (action, done.stderr)
        assert "ocf-exit-reason" not in done.stderr
    assert snapshot(agent.protected.lab.ec2.truth()) == before


@only("private")
def test_what_validate_all_looks_at(agent: Agent) -> None:
    """By level 10 all problems with their cures at once; by the level of pcs the form alone. Nothing is changed."""
    lab = agent.protected.lab
    before = snapshot(lab.ec2.truth())
    assert agent.run("validate-all", lab.node2).returncode == SUCCESS
    assert lab.ec2.calls == []
    environment = agent.environment() | {"OCF_CHECK_LEVEL": "10"}
    good = lab.node2.ocf(agent.kind, "validate-all", **environment)
    assert good.returncode == SUCCESS, good.stderr
    assert lab.ec2.calls != []
    wrong = environment | {"OCF_RESKEY_interface": "eth9", "OCF_RESKEY_profile": "nobody"}
    done = lab.node2.ocf(agent.kind, "validate-all", **wrong)
    assert done.returncode == CONFIGURED
    problems = re.findall(r"ERROR:ec2:validate-all:vip:960040:(.*)", done.stderr)
    assert len(problems) == 2, done.stderr
    assert "eth9" in problems[0]
    assert "nobody" in problems[1]
    assert "and 1 more" in reason(done)
    odd = environment | {"OCF_RESKEY_interface": "a/b", "OCF_RESKEY_region": "X!"}
    done = lab.node2.ocf(agent.kind, "validate-all", **odd)
    assert done.returncode == CONFIGURED
    assert re.findall(":960040:the parameter ([a-z]+) cannot be", done.stderr) == ["interface", "region"]
    lab.ec2.refuse("denied")
    assert lab.node2.ocf(agent.kind, "validate-all", **environment).returncode == GENERIC
    assert snapshot(lab.ec2.truth()) == before


def test_a_virtual_ip_inside_the_vpc_is_seen_before_it_is_started(route_agent: Agent) -> None:
    """EC2 would deliver its packets by the local route."""
    node = route_agent.protected.lab.node1
    wrong = route_agent.environment(ip="10.0.2.77") | {"OCF_CHECK_LEVEL": "10"}
    done = node.ocf("route", "validate-all", **wrong)
    assert done.returncode == CONFIGURED
    assert "10.0.2.77" in reason(done)


@only("routes")
def test_parameters_of_the_other_agents_are_passed_by(agent: Agent) -> None:
    """start says so, once each; a monitor is silent about them."""
    node = agent.protected.lab.node1
    done = agent.run("start", node, monapi="true", awscli="/usr/bin/aws", profile="default")
    assert done.returncode == SUCCESS
    assert re.findall(r":960012:the parameter (\w+) ", done.stderr) == ["awscli", "monapi"]
    assert agent.monitor(node, monapi="true").stderr == ""


@pytest.mark.executed
@spread("where", ["at once", "in the child", "at once"])
def test_a_kit_that_cannot_be_loaded(agent: Agent, where: str) -> None:
    """No loss is proven by that: what watches is 0, and the cluster shows it until there is an answer again.

    A stop is 0 by a word written since this boot; everything else is OCF_ERR_INSTALLED.
    """
    node = agent.protected.lab.node1
    shown = attributes(node)
    script = node.ocf_root / "resource.d/ec2kit" / agent.kind
    good = script.read_text()
    blocker = (
        "import importlib.abc\n\n\nclass B(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n        if name == 'ec2kit.pacemaker.actions':\n"
        "            raise ImportError('gone')\n\n\nsys.meta_path.insert(0, B())\n"
    )
    bad = good.replace("ec2kit.pacemaker.entry", "nonexistent")
    if where == "in the child":
        bad = good.replace("import sys\n", f"import sys\n{blocker}", 1)

    def codes(*actions: str) -> list[int]:
        script.write_text(bad)
        given = agent.environment() | {"EC2KIT_PROCFS": str(node.procfs)}
        watch = given | {"OCF_RESKEY_CRM_meta_interval": "30000"}
        ends = [
            node.ocf(agent.kind, "monitor", **watch) if action == "watch" else node.ocf(agent.kind, action, **given)
            for action in actions
        ]
        assert all("cannot be loaded" in done.stderr for done in ends)
        script.write_text(good)
        return [done.returncode for done in ends]

    never = SUCCESS if agent.kind == "route" else INSTALLED
    assert codes("watch", "monitor", "start", "stop", "reload-agent") == [
        SUCCESS,
        INSTALLED,
        INSTALLED,
        never,
        SUCCESS,
    ]
    assert agent.run("start", node).returncode == SUCCESS
    assert codes("watch", "stop") == [SUCCESS, never]
    assert "--update the kit cannot be loaded (" in shown()
    assert agent.monitor(node).returncode == SUCCESS
    assert shown().splitlines()[-1] == "--delete --name ec2kit-vip"
    assert agent.run("stop", node).returncode == SUCCESS
    assert codes("stop") == [SUCCESS]
    node.boot()
    assert codes("stop") == [never]


def attributes(node: Node) -> Callable[[], str]:
    """Put a program in attrd_updater's place that writes down how it is called; what gives that, once it is there."""
    program, calls = node.root / "bin/attrd_updater", node.root / "attributes"
    program.write_text(f'#!/bin/sh\necho "$@" >>{calls}\n')
    program.chmod(0o755)

    def shown() -> str:
        time.sleep(0.3)  # nobody waits for it
        return calls.read_text() if calls.exists() else ""

    return shown


@only("eip")
def test_a_long_silence_is_shown_by_the_cluster(agent: Agent) -> None:
    """After five minutes without an answer; not before, not twice for nothing, and taken back by the first answer."""
    node = agent.protected.lab.node1
    shown = attributes(node)
    assert agent.run("start", node).returncode == SUCCESS
    hurry(node, act=4, look=3)
    agent.protected.lab.ec2.refuse("denied")
    assert agent.monitor(node).returncode == SUCCESS
    assert shown() == ""
    said = node.root / "run/resource-agents/ec2kit/eip-vip+said"
    lines = json.loads(said.read_text())
    said.write_text(json.dumps({line: [since - 301, told, times] for line, (since, told, times) in lines.items()}))
    assert [agent.monitor(node).returncode, agent.monitor(node).returncode] == [SUCCESS, SUCCESS]
    assert re.fullmatch(
        r"--update no answer since [-0-9: ]+: EC2 denied DescribeAddresses .* --name ec2kit-vip\n", shown()
    )
    agent.protected.lab.ec2.mend()
    assert [agent.monitor(node).returncode, agent.monitor(node).returncode] == [SUCCESS, SUCCESS]
    assert shown().splitlines()[1:] == ["--delete --name ec2kit-vip"]


# ---- crm resource trace


@only("eip")
def test_a_trace_is_written_where_it_is_wanted(agent: Agent, tmp_path: Path) -> None:
    """Each line as with -v, with its time, also of a silent monitor; a folder that cannot be made stops nothing."""
    node = agent.protected.lab.node1
    for action, interval in (("start", "0"), ("monitor", "30000")):
        given = {"trace_ra": "1", "trace_dir": str(tmp_path / "trace"), "CRM_meta_interval": interval}
        assert agent.run(action, node, **given).returncode == SUCCESS
    files = {path.name.split(".")[1]: path for path in (tmp_path / "trace/eip").iterdir()}
    assert set(files) == {"start", "monitor"}
    for action, path in files.items():
        assert re.fullmatch(rf"vip\.{action}\.\d{{4}}-\d\d-\d\d\.[\d:]{{8}}", path.name)
        assert path.stat().st_mode & 0o777 == 0o600
        lines = path.read_text().splitlines()
        assert all(re.match(r"\d{4}-\d\d-\d\d [\d:]{8}\.\d{3} [A-Z]+:ec2:", line) for line in lines)
        assert [line.split(":")[6] for line in lines if "BEGIN" in line or "END" in line] == ["960001", "960002"]
    (tmp_path / "file").write_text("")
    done = agent.run("start", node, trace_ra="1", trace_dir=str(tmp_path / "file"))
    assert (done.returncode, "960055" in done.stderr) == (SUCCESS, True)
    assert list((node.root / "var").rglob("*trace*")) == []


# ---- evidence


@only("private")
def test_a_clone_is_refused_before_it_takes_the_address_from_itself(agent: Agent) -> None:
    """start, validate-all: 6; a probe: 7. What runs already is watched and stopped as without a clone."""
    node, twice = agent.protected.lab.node1, {"CRM_meta_clone_max": "2"}
    before = snapshot(agent.protected.lab.ec2.truth())
    for action in ("start", "validate-all"):
        refused = agent.run(action, node, **twice)
        assert refused.returncode == CONFIGURED
        assert "vip is a clone on up to 2 nodes" in refused.stderr
    other = agent.protected.lab.node2
    assert agent.run("reload-agent", other, **twice).returncode == SUCCESS, "it runs, and goes on without the address"
    assert snapshot(agent.protected.lab.ec2.truth()) == before
    assert agent.probe(node, **twice).returncode == NOT_RUNNING
    assert agent.run("start", node, CRM_meta_clone_max="1").returncode == SUCCESS
    assert agent.monitor(node, **twice).returncode == SUCCESS
    assert snapshot(agent.protected.lab.ec2.truth()) == before
    assert agent.run("stop", node, **twice).returncode == SUCCESS
    assert agent.probe(node, CRM_meta_clone_max="1").returncode == NOT_RUNNING


@only("routes")
def test_a_proven_loss(agent: Agent) -> None:
    """7 after two looks, with the reason as the last line; a probe is as sure, and calls it no error."""
    one = agent.protected.lab.node1
    assert agent.run("start", one).returncode == SUCCESS
    take(agent.protected, "node2")
    agent.protected.lab.ec2.forget()
    done = agent.monitor(one)
    assert done.returncode == NOT_RUNNING
    assert "is not held by eth1" in reason(done)
    asked = [call.params.get("Filter.1.Name") for call in agent.protected.lab.ec2.calls]
    assert asked.count("attachment.instance-id") == 2, "two looks"
    done = agent.probe(one)
    assert (done.returncode, done.stderr) == (NOT_RUNNING, "")


@spread("kind", UNKNOWN)
def test_an_api_without_an_answer(agent: Agent, kind: Kind) -> None:
    """The recurring monitor stays 0, a probe says what was last seen, start fails, and nothing is changed."""
    one, two = agent.protected.lab.node1, agent.protected.lab.node2
    assert agent.probe(one).returncode == SUCCESS
    seen = agent.probe(two)
    assert (seen.returncode, seen.stderr) == (NOT_RUNNING, "")
    hurry(one, two, act=4, look=3)
    before = snapshot(agent.protected.lab.ec2.truth())
    agent.protected.lab.ec2.refuse(kind)
    told = agent.monitor(one)
    assert told.returncode == SUCCESS
    assert "960004" in told.stderr
    assert "the resource counts as running" in told.stderr
    assert "ocf-exit-reason" not in told.stderr
    assert [agent.probe(one).returncode, agent.probe(two).returncode] == [SUCCESS, NOT_RUNNING]
    started = agent.run("start", two)
    assert started.returncode == GENERIC
    assert len(reason(started)) > 20
    assert agent.run("stop", two).returncode == SUCCESS
    agent.protected.lab.ec2.mend()
    assert snapshot(agent.protected.lab.ec2.truth()) == before


@only("private")
def test_a_probe_without_an_answer_and_without_a_memory(agent: Agent) -> None:
    """After a boot: the node has started nothing, so it is not running here."""
    one = agent.protected.lab.node1
    hurry(one, act=4, look=3)
    agent.protected.lab.ec2.refuse("throttled")
    assert [agent.probe(one).returncode, agent.monitor(one).returncode] == [NOT_RUNNING, SUCCESS]


@spread("fault", ["hang", "off", "refused"])
def test_metadata_without_an_answer(agent: Agent, fault: Fault) -> None:
    """As an API without an answer; switched off is a person's business, and no loss either."""
    one = agent.protected.lab.node1
    assert agent.run("start", one).returncode == SUCCESS
    hurry(one, act=4, look=3)
    one.imds.fault = fault
    told = agent.monitor(one)
    assert told.returncode == SUCCESS
    assert ("960005" if fault == "off" else "960004") in told.stderr
    assert agent.probe(one).returncode == SUCCESS
    assert agent.run("start", one).returncode == GENERIC


def test_an_elastic_ip_that_cannot_be_seen_is_not_stopped(eip_agent: Agent) -> None:
    """It was started here: without an answer stop fails, and after the answer it has let go."""
    lab = eip_agent.protected.lab
    assert eip_agent.run("start", lab.node1).returncode == SUCCESS
    hurry(lab.node1, act=4, look=3)
    lab.ec2.refuse("throttled")
    done = eip_agent.run("stop", lab.node1)
    assert done.returncode == GENERIC
    assert "throttled" in reason(done)
    lab.ec2.mend()
    assert eip_agent.protected.holder() == "node1"
    assert eip_agent.run("stop", lab.node1).returncode == SUCCESS
    assert eip_agent.protected.holder() is None


def test_an_elastic_ip_of_which_nothing_is_known_is_not_stopped(eip_agent: Agent) -> None:
    """After a boot an association may still be there: without an answer that is no success."""
    lab = eip_agent.protected.lab
    hurry(lab.node1, act=4, look=3)
    lab.ec2.refuse("throttled")
    assert eip_agent.run("stop", lab.node1).returncode == GENERIC


@pytest.mark.parametrize("away", ["EC2", "metadata"])
def test_a_stop_goes_on_while_there_is_time(eip_agent: Agent, away: str) -> None:
    """A failed stop costs the node its life: what was started here is let go of once there are answers again.

    What it waits for is told once.
    """
    lab = eip_agent.protected.lab
    assert eip_agent.run("start", lab.node1).returncode == SUCCESS
    if away == "EC2":
        lab.ec2.refuse("reset", times=33)  # in two calls a look, each sent four times: over four looks
    else:
        lab.node1.imds.refuse("reset", "PUT /latest/api/token", 17)  # four times a round
    done = eip_agent.run("stop", lab.node1, CRM_meta_timeout="60000")
    causes = [line.partition(" Trying again")[0] for line in done.stderr.splitlines() if "within 58 s" in line]
    assert (done.returncode, len(causes)) == (SUCCESS, len(set(causes))), done.stderr
    assert eip_agent.protected.holder() is None


def test_a_stop_of_what_is_not_here_does_not_wait(eip_agent: Agent) -> None:
    """Before another node may start it, the node on which its start failed has to stop it."""
    lab = eip_agent.protected.lab
    assert eip_agent.probe(lab.node2).returncode == NOT_RUNNING
    lab.node2.set(EC2_MAX_RETRY=1)
    lab.ec2.refuse("reset")
    done = eip_agent.run("stop", lab.node2, CRM_meta_timeout="60000")
    assert (done.returncode, "round 2 of 2" in done.stderr, "round 3" in done.stderr) == (SUCCESS, True, False)


@pytest.mark.parametrize("kind", ["throttled", "lost"])
def test_a_start_that_may_have_taken_it_is_not_stopped_unseen(eip_agent: Agent, kind: Kind) -> None:
    """It was elsewhere, then an association was sent: from then on only a look tells where it is."""
    lab = eip_agent.protected.lab
    seen = eip_agent.probe(lab.node2)
    assert (seen.returncode, seen.stderr) == (NOT_RUNNING, "")
    hurry(lab.node2, act=4, look=3)
    lab.ec2.refuse(kind, "AssociateAddress")
    lab.ec2.refuse("throttled", skip=2)  # the calls of one look
    assert eip_agent.run("start", lab.node2).returncode == GENERIC
    lab.ec2.refuse("throttled")
    assert eip_agent.run("stop", lab.node2).returncode == GENERIC
    lab.ec2.mend()
    assert eip_agent.run("stop", lab.node2).returncode == SUCCESS
    assert eip_agent.protected.holder() == ("node1" if kind == "throttled" else None)


def test_stop_leaves_what_the_peer_holds(agent: Agent) -> None:
    """It was started here, and the peer has it now: stop succeeds and changes nothing."""
    lab = agent.protected.lab
    assert agent.run("start", lab.node1).returncode == SUCCESS
    take(agent.protected, "node2")
    lab.ec2.forget()
    assert agent.run("stop", lab.node1).returncode == SUCCESS
    assert {call.action for call in lab.ec2.calls if not call.action.startswith("Describe")} == set()
    assert agent.protected.holder() == "node2"


def test_an_elastic_ip_that_is_refused_to_go_is_not_stopped(eip_agent: Agent) -> None:
    """The look after the refusal shows it here still."""
    lab = eip_agent.protected.lab
    hurry(lab.node1, act=4, look=3)
    lab.ec2.refuse("denied", "DisassociateAddress")
    done = eip_agent.run("stop", lab.node1)
    assert (done.returncode, "Allow ec2:DisassociateAddress" in done.stderr) == (GENERIC, True)


def test_a_route_that_was_stopped_is_not_running(route_agent: Agent) -> None:
    """Its entries still show this node; what stop said counts, until the next start, and nothing is asked for it."""
    lab = route_agent.protected.lab
    assert route_agent.run("start", lab.node1).returncode == SUCCESS
    lab.ec2.forget()
    assert route_agent.run("stop", lab.node1).returncode == SUCCESS
    assert [route_agent.probe(lab.node1).returncode, route_agent.monitor(lab.node1).returncode] == [NOT_RUNNING] * 2
    assert lab.ec2.calls == []
    assert route_agent.protected.holder() == "node1"
    assert route_agent.run("start", lab.node1).returncode == SUCCESS
    assert route_agent.monitor(lab.node1).returncode == SUCCESS


def test_a_stopped_route_whose_start_fails_stays_stopped(route_agent: Agent) -> None:
    """Nothing was sent, so what was known is known still."""
    lab = route_agent.protected.lab
    hurry(lab.node1, act=4, look=3)
    assert route_agent.run("stop", lab.node1).returncode == SUCCESS
    lab.ec2.refuse("throttled")
    assert route_agent.run("start", lab.node1).returncode == GENERIC
    lab.ec2.mend()
    assert route_agent.probe(lab.node1).returncode == NOT_RUNNING


@only("routes")
def test_a_lost_memory_is_no_loss(agent: Agent) -> None:
    """Whoever empties /run: the recurring monitor looks at EC2, and remembers again for a probe."""
    node = agent.protected.lab.node1
    assert agent.run("start", node).returncode == SUCCESS
    shutil.rmtree(node.root / "run/resource-agents")
    assert agent.monitor(node).returncode == SUCCESS
    hurry(node, act=4, look=3)
    agent.protected.lab.ec2.refuse("throttled")
    assert agent.probe(node).returncode == SUCCESS


@only("eip")
def test_the_memory_is_private_and_follows_no_link(agent: Agent) -> None:
    """A file for root alone; a link in its place is replaced, not followed; trouble with it stops nothing."""
    node = agent.protected.lab.node1
    memory = node.root / "run/resource-agents/ec2kit" / f"{agent.kind}-vip"
    memory.parent.mkdir(parents=True)
    precious = node.root / "precious"
    precious.write_text("held")
    memory.symlink_to(precious)
    assert agent.run("start", node).returncode == SUCCESS
    assert precious.read_text() == "held"
    memory.parent.chmod(0o777)
    done = agent.run("stop", node)
    assert done.returncode == SUCCESS
    assert "960035" in done.stderr


def test_an_allocation_id_of_another_address(eip_agent: Agent) -> None:
    """No node can start that; what is here is not touched, and stop has nothing to let go of."""
    lab = eip_agent.protected.lab
    assert isinstance(lab.vpc, AddressLab)
    wrong = {"allocation_id": lab.vpc.free_allocation}
    for node in lab.nodes.values():
        done = eip_agent.run("start", node, **wrong)
        assert done.returncode == CONFIGURED
        assert lab.vpc.allocation in reason(done)
        assert eip_agent.run("stop", node, **wrong).returncode == SUCCESS
    assert eip_agent.monitor(lab.node1, **wrong).returncode == SUCCESS
    assert eip_agent.protected.holder() == "node1"


# ---- time


@pytest.mark.parametrize("action", ["monitor", "start", "stop"])
def test_it_ends_before_pacemaker_ends_it(eip_agent: Agent, action: str) -> None:
    """The op's time-out is less than the kit's own: the agent says its last line within it."""
    node = eip_agent.protected.lab.node1
    assert eip_agent.run("start", node).returncode == SUCCESS
    node.set(EC2_MAX_RETRY=10)
    eip_agent.protected.lab.ec2.refuse("hang")
    began = time.monotonic()
    done = eip_agent.run(action, node, CRM_meta_timeout="6000", CRM_meta_interval="30000")
    assert time.monotonic() - began < 6 + SLACK
    assert float(re.findall(r" after ([0-9.]+) s", done.stderr)[-1]) < 5.5
    assert done.returncode == (SUCCESS if action == "monitor" else GENERIC)
    assert "timed out after 4.5 s" in done.stderr
    if action != "monitor":
        assert "timed out" in reason(done)


# ---- resource-agents' own tester


@pytest.mark.skipif(not Path("/usr/sbin/ocf-tester").exists(), reason="needs resource-agents' ocf-tester")
def test_ocf_tester(agent: Agent, tmp_path: Path) -> None:
    """Its whole sequence passes, as a user; what it checks as root alone is left to the cluster's tests."""
    node = agent.protected.lab.node1
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "bin/id").chmod(0o755)
    parameters = [word for name, value in agent.parameters.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        ["/usr/sbin/ocf-tester", "-n", "vip", *parameters, str(node.ocf_root / "resource.d/ec2kit" / agent.kind)],
        env={**node.environment, "PATH": f"{tmp_path}/bin:/usr/sbin:{node.environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed all tests" in done.stdout
