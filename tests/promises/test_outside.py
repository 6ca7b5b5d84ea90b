"""The outside of the kit, frozen: JSON, exit codes, the command line, OCF meta-data and info fields.

Nothing here knows a module of the kit: executables are run, and what they tell is held against tests/golden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.ec2.vpc import PrivateLab, RouteLab
from lab.protected import Protected, eni_of, judge
from tests.faults.rows import KEY_ID, KEY_SECRET, Scenario, active, alone, extended, moved, nothing, own_key, parted
from tests.faults.stage import Bench, bench
from tests.promises.golden import compare, pretty
from tests.promises.stage import (
    Case,
    advertised,
    bare,
    codes,
    denied,
    failing,
    gone,
    half,
    half_bare,
    kept,
    occupied,
    refused,
    run,
    scenario_of,
    tables,
)
from tests.support.pacemaker import CIB, MONITOR

INSIDE, FOREIGN = "10.0.9.9", "198.51.100.1"  # an address of the VPC's, and one that is not the account's
OUTSIDE = "10.0.6.6"  # not of the interface's subnet
NOBODY = ("-t", "nobody", "-i", "EC2-nobody")


@pytest.fixture(scope="module", params=["route", "eip", "private"])
def on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, fork_server: Path
) -> Iterator[Bench]:
    """A lab with a protected resource, which is put back to a start state before each run."""
    scenario: Scenario = request.param
    with bench(scenario, tmp_path_factory.mktemp(scenario), fork_server) as made:
        yield made
        judge(made.lab.ec2)


ROUTE_ALONE = pytest.mark.parametrize("on", ["route"], indirect=True)  # for what does not differ by kind


# ---- JSON


def verbs(made: Protected) -> dict[str, Case]:
    """Each verb with each of its outcomes, for the bench's resource."""
    kind, address, *_ = made.words
    foreign = {"route": INSIDE, "eip": FOREIGN, "private": OUTSIDE}[kind]
    first = tables(made)[0] if kind == "route" else ""
    found = {
        f"{verb}-{outcome}": case
        for verb in ("hold", "check", "plan")
        for outcome, case in {
            "ok": Case(made.line(verb)),
            "misconfigured": Case((verb, kind, foreign, "--interface", "eth1")),
            "unavailable": Case(made.line(verb), wrong=denied()),
        }.items()
    }
    found |= {
        "hold-internal": Case(made.line("hold"), broken=True),
        "hold-refused": Case(made.line("hold"), node="node2", wrong=refused, start=half if first else active),
        "check-not-held": Case(("check", *made.words), start=moved),
        "check-out-of-time": Case(("check", *made.words, "--timeout", "2"), wrong=_hanging),
        "release-ok": Case(("release", *made.words), node="node2"),
    }
    if first:
        found |= {
            "hold-moves": Case(made.line("hold"), start=half, node="node2"),
            "hold-makes": Case((*made.line("hold"), "--table", first), start=half_bare, node="node2"),
            "hold-not-held": Case(made.line("hold"), start=gone),
            "check-foreign": Case(("check", *made.words), start=advertised),
            "check-not-held-at-all": Case(("check", *made.words), start=gone),
            "plan-not-held": Case(("plan", *made.words), start=gone),
            "plan-todo": Case(("plan", *made.words, "--table", first), start=bare, node="node2"),
            "plan-without-interface": Case(("plan", kind, address)),
        }
    else:
        taken = occupied if kind == "eip" else active
        found |= {
            "hold-moves": Case(made.line("hold"), start=taken, node="node2"),
            "release-lets-go": Case(("release", *made.words)),
            "release-not-held": Case(("release", *made.words), wrong=kept),
            "release-misconfigured": Case(("release", kind, address, "--interface", "none0")),
            "release-unavailable": Case(("release", *made.words), wrong=denied()),
            "release-internal": Case(("release", *made.words), broken=True),
            "plan-todo": Case(("plan", *made.words), start=taken, node="node2"),
        }
    return found


MISUSED = {
    "hold-usage": Case(("hold", "route", "10.1.0.10", "--nonsense")),
    "check-usage": Case(("check", "eip", "300.1.2.3")),
    "plan-usage": Case(("plan", "eip", "203.0.113.10", "--timeout", "0")),
    "release-usage": Case(("release", "nonsense", "10.1.0.10")),
}


def _hanging(on: Bench) -> None:
    """One call gets no answer: of several it is not known which one is named first."""
    asked = {"route": "DescribeRouteTables", "eip": "DescribeAddresses", "private": "DescribeNetworkInterfaces"}
    on.lab.ec2.refuse("hang", asked[scenario_of(on)])


def test_the_json_of_every_verb(on: Bench) -> None:
    """Exit codes, and keys, their order, types and values of `--output json`, for each kind and each outcome."""
    found, ended = {}, []
    for name, case in verbs(on.made).items():
        done = run(replace(case, words=(*case.words, "--output", "json")), on)
        found[f"{name}.json"] = pretty(done.out)
        ended.append(f"{name}: {done.code}\n")
        assert json.loads(done.out)["exit_code"] == done.code
    compare(f"verbs-{scenario_of(on)}", found | {"exit-codes.txt": "".join(ended) + codes(MISUSED, on)})


def _down(made: Protected) -> None:
    """As extended; node2 cannot be reached."""
    extended(made)
    made.lab.node1.lk("lksystem", "down", "node2").check_returncode()


def _extended_and_moved(made: Protected) -> None:
    extended(made)
    moved(made)


@ROUTE_ALONE
def test_the_json_of_the_hierarchy(on: Bench) -> None:
    """One object a command, whatever LifeKeeper's programs print: of what is done, of errors and of bad arguments."""
    tag, json_ = on.made.tag, ("--output", "json")
    cases = {
        "info": Case(("info", tag, *json_), start=extended),
        "extend": Case(("extend", tag, "--to", "node2", *json_), start=extended),
        "in-service": Case(("in-service", tag, *json_), start=extended),
        "out-of-service": Case(("out-of-service", tag, *json_), start=extended),
        "unextend": Case(("unextend", tag, "--from", "node2", *json_), start=extended),
        "delete": Case(("delete", tag, "--yes", *json_), start=extended),
        "create": Case(("create", "--type", "route-table", "--ip-resource", "nobody", *json_), start=extended),
        "key": Case(("key", "nobody", *json_), start=extended),
    }
    found, ended = {}, []
    for name, case in cases.items():
        done = run(case, on)
        assert json.loads(done.out)["exit_code"] == done.code
        found[f"{name}.json"] = pretty(done.out)
        ended.append(f"{name}: {done.code}\n")
    compare("hierarchy", found | {"exit-codes.txt": "".join(ended)})


def pacemaker(on: Bench) -> dict[str, str]:
    """The environment of a node on which Pacemaker has the address, too."""
    folder = on.folder / "pacemaker"
    folder.mkdir()
    kind, address, *_ = on.made.words
    for name, text in (
        ("cibadmin", CIB.format(kind=kind, name="ip", address=address, more="")),
        ("crm_mon", MONITOR.format(kind=kind, more="", nodes='<node name="node1"/>')),
    ):
        (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        (folder / name).chmod(0o755)
    (folder / "crm_node").write_text("#!/bin/sh\necho node1\n")
    (folder / "crm_node").chmod(0o755)
    return {"PATH": f"{folder}:{on.lab.node1.environment['PATH']}"}


def test_the_json_of_status(on: Bench) -> None:
    """What status tells of a resource that is held, lost, unknown or out of reach, and of none at all."""
    status = ("status", "--output", "json")
    check = Case(start=extended, program="quickCheck")
    runs = {
        "held": [check, Case(status)],
        "lost": [Case(status, start=_extended_and_moved)],
        "unknown": [Case(status, start=extended, wrong=denied())],
    }
    if scenario_of(on) == "route":  # and what does not differ by kind
        runs |= {
            "one-system": [Case((*status, "--here"), start=extended)],
            "one-resource": [Case((*status, on.made.tag), start=extended, node="node2")],
            "out-of-reach": [Case(status, start=_down)],
            "out-of-reach-not-here": [Case(status, start=extended, node="node2", wrong=failing("lcdremexec"))],
            "none": [Case(status, start=nothing)],
            "two-engines": [Case(status, start=extended, environment=pacemaker(on))],
            "advised": [Case(("doctor", on.made.tag), start=extended), Case(status)],
        }
    found, ended = {}, []
    for name, (begin, *rest) in runs.items():
        done = run(begin, on)
        for case in rest:
            done = run(case, on, reset=False)
        found[f"{name}.json"] = pretty(done.out)
        ended.append(f"{name}: {done.code}\n")
    compare(f"status-{scenario_of(on)}", found | {"exit-codes.txt": "".join(ended)})


def _chosen(on: Bench) -> None:
    """node1's info field names a private address."""
    known = f"{info_of(on, 'node1')} private=10.0.1.11"
    on.lab.node1.lk("ins_setinfo", "-t", on.made.tag, "-v", known).check_returncode()


def test_the_json_of_properties_and_choices(on: Bench) -> None:
    """What properties tells of a resource on two systems, and what choices offers."""
    properties = Case(("properties", on.made.tag, "--output", "json"), start=extended)
    found = {"properties": properties, "choices": Case(("choices",), start=nothing)}
    if scenario_of(on) == "eip":
        found["properties-chosen"] = replace(properties, wrong=_chosen)
    compare(
        f"properties-choices-{scenario_of(on)}",
        {f"{name}.json": pretty(run(case, on).out) for name, case in found.items()},
    )


@ROUTE_ALONE
def test_the_json_of_doctor(on: Bench) -> None:
    """A report, with the finding that hinders and one that does not; other systems; a tag that is not there."""
    whole = json.loads(run(Case(("doctor", on.made.tag, "--output", "json"), wrong=denied()), on).out)
    (report,) = whole["reports"]
    report["findings"] = [each for each in report["findings"] if each["code"] in {"ANOTHER_VPC", "EC2_REFUSES"}]
    systems = ("doctor", "--all-systems", "--output", "json")
    both, down = (json.loads(run(Case(systems, start=start), on).out) for start in (extended, _down))
    both["others"][0] |= {"version": "VERSION", "python": "PYTHON", "botocore": "BOTOCORE"}
    for each in (both, down, *both["others"]):
        each["reports"] = []  # as above
    found = {
        "doctor": whole,
        "doctor-all-systems": both,
        "doctor-all-systems-down": down,
        "doctor-nobody": json.loads(run(Case(("doctor", "nobody", "--output", "json")), on).out),
    }
    for each in found.values():
        each |= {"version": "VERSION", "python": "PYTHON", "botocore": "BOTOCORE"}
    compare("doctor", {f"{name}.json": pretty(f"{json.dumps(each)}\n") for name, each in found.items()})


@ROUTE_ALONE
def test_the_json_of_explain(on: Bench) -> None:
    """One message whole; of all messages their numbers and levels, which are never used anew."""
    one = run(Case(("explain", "960003", "--output", "json")), on).out
    every = json.loads(run(Case(("explain", "--output", "json")), on).out)
    assert [*map(list, every)] == [list(json.loads(one))] * len(every)
    levels = "".join(f"{each['number']} {each['level']}\n" for each in every)
    compare("explain", {"960003.json": pretty(one), "levels.txt": levels})


# ---- exit codes


def lifekeeper(made: Protected) -> dict[str, Case]:
    """LifeKeeper's actions with each of their outcomes."""
    create = _create(made)
    no_resource = {
        "recover": ("-n", "nobody"),
        "canextend": ("node1", "nobody"),
        "extend": ("node1", "nobody"),
        "create": _create(made, known=False),
    }
    begin = {
        "restore": Case(node="node2"),
        "recover": Case(node="node2"),
        "remove": Case(),
        "quickCheck": Case(),
        "create": Case(create, start=nothing),
        "canextend": Case(("node1", made.tag), start=alone, node="node2"),
        "extend": Case(("node1", made.tag), start=alone, node="node2"),
    }
    found: dict[str, Case] = {}
    for action, case in begin.items():
        variants: dict[str, dict[str, Any]] = {
            "OK": {},
            "USAGE": {"words": ("-x",) if action != "extend" else ("node1",)},
            **({"INTERNAL": {"broken": True}} if action in {"restore", "remove", "quickCheck", "create"} else {}),
            "MISCONFIGURED": {"words": no_resource.get(action, NOBODY)},
            "UNAVAILABLE": {"wrong": denied()},
        }
        for outcome, change in variants.items():
            found[f"{action} {outcome}"] = replace(case, program=action, **change)
    found |= {
        "restore NOT_HELD": Case(program="restore", node="node2", wrong=refused),
        "recover NOT_HELD": Case(program="recover", node="node2", wrong=refused),
        "remove NOT_HELD": Case(program="remove", wrong=kept),
        "quickCheck NOT_HELD": Case(program="quickCheck", start=moved),
        "quickCheck out of service": Case(program="quickCheck", node="node2"),
        "delete OK": Case(program="delete"),
        "delete OK, there is none": Case(NOBODY, program="delete"),
        "delete USAGE": Case(("-x",), program="delete"),
        "delete UNAVAILABLE": Case(program="delete", wrong=failing("ins_list")),
    }
    return found


def _create(made: Protected, *, known: bool = True) -> tuple[str, ...]:
    """create's options for the bench's resource, or for one that cannot be."""
    if isinstance(made.lab.vpc, RouteLab):
        return ("--type", "route-table", "--ip-resource", "ip-vip" if known else "nobody", "--tag", made.tag)
    if isinstance(made.lab.vpc, PrivateLab):
        above = f"ip-{made.lab.vpc.address}" if known else "nobody"
        return ("--type", "private", "--ip-resource", above, "--tag", made.tag)
    address = made.lab.vpc.public_ip if known else FOREIGN
    return ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", address, "--tag", made.tag)


def ocf(made: Protected) -> dict[str, Case]:
    """The agents' actions with each of their outcomes."""
    kind, address, *_ = made.words
    name = "elastic_ip" if kind == "eip" else "ip"
    given = {"OCF_RESOURCE_INSTANCE": "vip", f"OCF_RESKEY_{name}": address, "OCF_RESKEY_interface": "eth1"}
    given |= (
        {"OCF_RESKEY_peers": ",".join(eni_of(made.lab, node) for node in made.lab.nodes)} if kind == "private" else {}
    )

    def case(*action: str, interval: int = 0, bad: str = "", **change: Any) -> Case:
        seconds = 2 if action == ("stop",) else 20  # for a stop goes on as long as it may
        environment = given | {"OCF_RESKEY_CRM_meta_timeout": f"{seconds}000"}
        environment |= {"OCF_RESKEY_CRM_meta_interval": f"{interval}"} | ({f"OCF_RESKEY_{name}": bad} if bad else {})
        return replace(Case(action, program="ocf", environment=environment), **change)

    found = {
        "start": case("start", node="node2"),
        "start, refused": case("start", node="node2", wrong=refused),
        "stop": case("stop"),
        "stop, refused": case("stop", wrong=kept),
        "monitor, held": case("monitor", interval=30000),
        "monitor, lost": case("monitor", interval=30000, start=moved),
        "probe, held": case("monitor", interval=0),
        "probe, not here": case("monitor", interval=0, start=moved),
        "validate-all": case("validate-all"),
        "meta-data": case("meta-data"),
        "usage": case("usage"),
        "unknown action": case("promote"),
        "no action": case(),
    }
    for action, interval in (("start", 0), ("stop", 0), ("monitor", 30000), ("probe", 0), ("validate-all", 0)):
        word = "monitor" if action == "probe" else action
        found |= {
            f"{action}, no such parameter": case(word, interval=interval, bad="nonsense"),
            f"{action}, unavailable": case(word, interval=interval, wrong=denied()),
        }
    for action, interval in (("start", 0), ("stop", 0), ("monitor", 30000)):
        found[f"{action}, internal"] = case(action, interval=interval, broken=True)
    return found


def admin(made: Protected) -> dict[str, Case]:
    """The commands for LifeKeeper's hierarchy with each of their outcomes."""
    tag = made.tag
    key = ("key", tag, "--access-key-id", KEY_ID)
    single = parted if made.words[0] == "route" else alone
    return {
        "create OK": Case(("create", *_create(made)), start=nothing),
        "create USAGE": Case(("create", "--type", "route-table")),
        "create MISCONFIGURED": Case(("create", *_create(made, known=False)), start=nothing),
        "create UNAVAILABLE": Case(("create", *_create(made)), start=nothing, wrong=denied()),
        "extend OK": Case(("extend", tag, "--to", "node2"), start=single),
        "extend OK, again": Case(("extend", tag, "--to", "node2"), start=extended),
        "extend USAGE": Case(("extend", tag), start=single),
        "extend MISCONFIGURED": Case(("extend", tag, "--to", "nobody"), start=single),
        "extend UNAVAILABLE": Case(("extend", tag, "--to", "node2"), start=single, wrong=denied()),
        "unextend OK": Case(("unextend", tag, "--from", "node2"), start=extended),
        "unextend USAGE": Case(("unextend", tag), start=extended),
        "unextend MISCONFIGURED": Case(("unextend", tag, "--from", "node1"), start=extended),
        "unextend UNAVAILABLE": Case(("unextend", tag, "--from", "node2"), start=extended, wrong=failing("ins_list")),
        "delete OK": Case(("delete", tag), start=extended),
        "delete USAGE": Case(("delete",), start=extended),
        "delete MISCONFIGURED": Case(("delete", "nobody"), start=extended),
        "delete UNAVAILABLE": Case(("delete", tag), start=extended, wrong=failing("ins_list")),
        "in-service OK": Case(("in-service", tag), start=extended),
        "in-service NOT_HELD": Case(("in-service", tag, "--force"), node="node2", start=extended, wrong=denied()),
        "in-service UNAVAILABLE": Case(("in-service", tag), node="node2", start=extended, wrong=denied()),
        "in-service MISCONFIGURED": Case(("in-service", "nobody"), start=extended),
        "out-of-service OK": Case(("out-of-service", tag)),
        "out-of-service MISCONFIGURED": Case(("out-of-service", "nobody")),
        "properties OK": Case(("properties", tag), start=extended),
        "properties USAGE": Case(("properties", tag, "--set", "priority=0"), start=extended),
        "properties MISCONFIGURED": Case(("properties", tag, "--set", "priority=10"), start=extended),
        "properties UNAVAILABLE": Case(("properties", tag, "--set", "profile="), start=extended, wrong=denied()),
        "key OK": Case(key, stdin=f"{KEY_SECRET}\n", start=own_key),
        "key USAGE": Case(("key", tag)),
        "key MISCONFIGURED": Case(key),
        "key MISCONFIGURED, the role": Case(key, stdin=f"{KEY_SECRET}\n"),
        "key UNAVAILABLE": Case(key, stdin=f"{KEY_SECRET}\n", start=own_key, wrong=denied()),
        "choices OK": Case(("choices",)),
        "choices UNAVAILABLE": Case(("choices",), wrong=denied()),
        "status MISCONFIGURED": Case(("status", "nobody"), start=extended),
        "explain OK": Case(("explain", "960003")),
        "explain USAGE": Case(("explain", "nonsense")),
        "no command": Case(()),
        "unknown command": Case(("nonsense",)),
        "--version": Case(("--version",)),
    }


@ROUTE_ALONE
def test_the_exit_codes_of_what_a_route_does_not_let_go_of(on: Bench) -> None:
    """Of a route only remove and stop have exit codes of their own."""
    found = {
        f"{name}.txt": codes({key: case for key, case in of(on.made).items() if key.startswith(own)}, on)
        for name, of, own in (("lifekeeper", lifekeeper, "remove"), ("ocf", ocf, "stop"))
    }
    compare("exit-codes-route", found)


def test_the_exit_codes_of_actions_and_agents(tmp_path: Path, fork_server: Path) -> None:
    """Each action ends with the same code for the same outcome, of an Elastic IP and of a private address in turn."""
    kinds: tuple[Scenario, ...] = ("eip", "private")
    told: dict[tuple[str, int], str] = {}
    for turn, kind in enumerate(kinds):
        with bench(kind, tmp_path / kind, fork_server) as on:
            for name, of in (("lifekeeper", lifekeeper), ("ocf", ocf)):
                for number, (key, case) in enumerate(of(on.made).items()):
                    if number % len(kinds) == turn:
                        told[name, number] = codes({key: case}, on)
            judge(on.lab.ec2)
    found = {f"{name}.txt": "".join(told[each] for each in sorted(told) if each[0] == name) for name, _ in told}
    for kind in kinds:
        compare(f"exit-codes-{kind}", found)


@ROUTE_ALONE
def test_the_exit_codes_of_the_commands(on: Bench) -> None:
    """Each command for LifeKeeper's hierarchy ends with the same code for the same outcome."""
    compare("exit-codes", {"commands.txt": codes(admin(on.made), on)})


# ---- the grammar


def usage(on: Bench, *command: str) -> dict[str, str]:
    """How a command and those below it are called: names, options and choices, as its --help shows them."""
    done = run(Case((*command, "--help")), on)
    assert done.code == 0, done.err
    first, _, rest = done.out.partition("\n\n")
    found = {" ".join(["ec2kit", *command]): " ".join(first.split()).removeprefix("usage: ")}
    for name in re.findall(r"^    ([a-z-]+)(?: |$)", rest, re.MULTILINE):
        found |= usage(on, *command, name)
    return found


@ROUTE_ALONE
def test_the_command_line(on: Bench) -> None:
    """All commands with their options, and what the actions and the agents say of how they are called."""
    found = usage(on) | usage(on, "choices")  # which the list of verbs does not show
    done = run(Case(("--nonsense",), program="create"), on)
    found["create"] = " ".join(done.err.partition("create: error")[0].split()).removeprefix("usage: ")
    for action in ("restore", "remove", "recover", "quickCheck", "delete", "canextend", "extend"):
        found[action] = run(Case(("-x",), program=action), on).err.rpartition("usage: ")[2].strip()
    told = "".join(f"{name}\n    {said}\n" for name, said in found.items())
    compare("command-line", {"usage.txt": told})


def test_the_ocf_agent(on: Bench) -> None:
    """Meta-data, but for the version, and usage."""
    shown = run(Case(("meta-data",), program="ocf"), on).out
    text, versions = re.subn(r'(<resource-agent name="\w+" version=")[0-9.]+"', r'\g<1>VERSION"', shown)
    assert versions == 1
    found = {"meta-data.xml": text, "usage.txt": run(Case(("usage",), program="ocf"), on).out}
    compare(f"ocf-{scenario_of(on)}", found)


# ---- the info field

PROFILE = "cl\u00fc ster=1"
READ = {  # fields as they stand in LifeKeeper's configuration on some cluster: each must be understood for ever
    "route, least": "ec2kit=1 kind=route vip=10.1.0.10",
    "route": "ec2kit=1 kind=route vip=10.1.0.10 interface=eth1 table=rtb-0a table=rtb-0b",
    "route, all": "ec2kit=1 kind=route vip=10.1.0.10 interface=eth1 table=rtb-0b table=rtb-0a "
    "url=https=3A//ec2.example profile=cl=C3=BC=20ster=3D1 region=eu-west-1 vpc=vpc-0c",
    "route, another order": "vip=10.1.0.10 table=rtb-0a kind=route ec2kit=1",
    "eip, least": "ec2kit=1 kind=eip eip=203.0.113.10",
    "eip, all": "ec2kit=1 kind=eip eip=203.0.113.10 interface=eth1 url=https=3A//ec2.example "
    "profile=ec2kit-ec2-203.0.113.10 region=eu-west-1 vpc=vpc-0c",
    "eip, on a chosen address": "ec2kit=1 kind=eip eip=203.0.113.10 interface=eth1 private=10.0.2.12",
    "private": "ec2kit=1 kind=private private=10.0.5.50 interface=eth1 peer=eni-0b peer=eni-0a",
    "a later version's": "ec2kit=2 kind=route vip=10.1.0.10",
    "an unknown word": "ec2kit=1 kind=route vip=10.1.0.10 nonsense=1",
    "nothing": "ec2kit=1",
}


def info_of(on: Bench, node: str) -> str:
    """The info field of the bench's resource on a node."""
    shown: str = on.lab.nodes[node].lk("ins_list", "-t", on.made.tag).stdout
    return shown.split("\x01")[5]


def _profiles(on: Bench) -> None:
    """Both nodes have that profile."""
    for node in on.lab.nodes.values():
        (node.root / ".aws").mkdir(exist_ok=True)
        text = f"[{PROFILE}]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {KEY_SECRET}\n"
        (node.root / ".aws/credentials").write_text(text)


def test_the_info_field_as_it_is_written(on: Bench) -> None:
    """By create with few options, with all, and with an access key of its own; by extend, on another interface."""
    every = {
        "few options": (),
        "all options": ("--profile", PROFILE, "--ec2-url", on.lab.ec2.url, "--switchback", "automatic"),
        "own key": ("--access-key-id", KEY_ID, "--interface", "eth1"),
    }
    found = {}
    for name, options in every.items():
        words = (*_create(on.made), *options)
        create = Case(words, start=nothing, wrong=_profiles, program="create", stdin=f"{KEY_SECRET}\n")
        done = run(create, on)
        assert done.code == 0, done.err
        found[f"create, {name}"] = info_of(on, "node1")
        if name != "own key":
            other = "eth1" if scenario_of(on) == "private" else "eth0"  # which is in another subnet
            done = run(Case(("node1", on.made.tag, other), node="node2", program="extend"), on, reset=False)
            assert done.code == 0, done.err
            found[f"extend, {name}"] = info_of(on, "node2")
    compare(f"info-{scenario_of(on)}", {"written.txt": "".join(f"{name}: {text}\n" for name, text in found.items())})


@ROUTE_ALONE
def test_the_info_field_as_it_is_read(on: Bench) -> None:
    """What any version has ever written is understood as it was meant, and what none has written is refused."""
    found = {}
    for name, text in READ.items():

        def put(on: Bench, text: str = text) -> None:
            on.lab.node1.lk("ins_setinfo", "-t", on.made.tag, "-v", text).check_returncode()

        done = run(Case(("properties", on.made.tag, "--output", "json"), start=alone, wrong=put), on)
        shown = json.loads(done.out)["systems"]["node1"] if done.code == 0 else done.err.splitlines()[-1]
        resource = json.loads(done.out)["resource"] if done.code == 0 else None
        found[name] = {"field": text, "exit_code": done.code, "resource": resource, "read": shown}
    compare("info-read", {"read.json": json.dumps(found, indent=2, ensure_ascii=False) + "\n"})
