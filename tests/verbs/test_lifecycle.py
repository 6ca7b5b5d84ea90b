"""The verbs on the lab: self-healing, paging, blackholes, side-by-side calls, and the policy they need."""

from __future__ import annotations

import json
from pathlib import Path

from lab.ec2.server import peak, serial
from lab.ec2.vpc import AddressLab, RouteLab, route_tables
from lab.nodes import Lab, address_lab, route_lab
from lab.protected import Protected, eni_of, policy, protect, verb_of


def drop_entry(lab: Lab, name: str) -> str:
    """Somebody deletes the entry from a table; returns the table's id."""
    assert isinstance(lab.vpc, RouteLab)
    table = lab.vpc.tables[name]
    lab.ec2.truth().delete_route(RouteTableId=table, DestinationCidrBlock=f"{lab.vpc.vip}/32")
    return table


def test_a_recorded_table_that_lost_its_entry_is_a_loss_and_is_healed(routes: Protected) -> None:
    """quickCheck proves it, recover creates the entry again; only in the recorded table."""
    lab = routes.lab
    table = drop_entry(lab, "A")
    failed = routes.run("quickCheck", lab.node1)
    assert failed.returncode == 1
    assert f"{table} has lost its entry for 10.1.0.10/32" in failed.stderr.splitlines()[-1]
    assert routes.run("recover", lab.node1).returncode == 0
    assert isinstance(lab.vpc, RouteLab)
    tables = route_tables(lab.ec2.truth(), lab.vpc.vpc)
    assert tables["A"]["10.1.0.10/32"] == (eni_of(lab, "node1"), "active")
    assert "10.1.0.10/32" not in tables["public"]


def test_every_entry_lost_is_healed_too(routes: Protected) -> None:
    """Even with no entry left anywhere, the recorded tables tell where they were."""
    for name in ("A", "B"):
        drop_entry(routes.lab, name)
    assert routes.run("restore", routes.lab.node2).returncode == 0
    assert routes.holder() == "node2"


def test_a_recorded_table_that_is_gone_is_a_warning(routes: Protected) -> None:
    """Somebody deleted the whole table: nothing fails for it, and the log names it."""
    lab = routes.lab
    table = drop_entry(lab, "B")
    truth = lab.ec2.truth()
    for association in truth.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"]:
        truth.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    truth.delete_route_table(RouteTableId=table)
    for action in ("quickCheck", "recover"):
        done = routes.run(action, lab.node1)
        assert done.returncode == 0
        assert f"WARN:ec2:{action}:{routes.tag}:960026:recorded route table {table} no longer exists" in done.stderr
    moved = routes.run("restore", lab.node2)
    assert moved.returncode == 0
    assert moved.stderr.count("no longer exists") == 1, "two looks, one warning"


def test_a_blackhole_is_a_loss(routes: Protected) -> None:
    """An entry that names our ENI but cannot take traffic is not held, and hold does not say that it is."""
    routes.lab.node1.set(EC2_MAX_RETRY=0)
    routes.lab.ec2.blackholes.add(eni_of(routes.lab, "node1"))
    assert routes.run("quickCheck", routes.lab.node1).returncode == 1
    done = routes.verb("hold", routes.lab.node1)
    assert done.returncode == 1
    assert "blackhole" in done.stderr


def test_every_page_is_read(tmp_path: Path) -> None:
    """Twelve tables in pages of five: three pages a look, and every entry moves."""
    with route_lab(tmp_path, tables=12) as lab:
        routes = protect(lab)
        lab.ec2.page_size = 5
        assert routes.verb("hold", lab.node2).returncode == 0
        assert routes.holder() == "node2"
        lab.ec2.forget()
        assert routes.verb("check", lab.node2).returncode == 0
        assert [call.action for call in lab.ec2.calls].count("DescribeRouteTables") == 3


def test_twenty_tables_in_three_serial_round_trips(tmp_path: Path) -> None:
    """Look, act, look: what is independent goes out together.

    The delay is longer than the sender needs to send its twenty calls, so that the front's log can tell
    side by side from one after the other on a slow machine too.
    """
    with route_lab(tmp_path, tables=20) as lab:
        routes = protect(lab)
        lab.ec2.delay_ms = 1000
        assert routes.verb("hold", lab.node2).returncode == 0
        replaces = [call for call in lab.ec2.calls if call.action == "ReplaceRoute"]
        assert (len(replaces), peak(replaces)) == (20, 20)
        assert serial(lab.ec2.calls) == 3
        lab.ec2.forget()
        assert routes.verb("check", lab.node2).returncode == 0
        assert serial(lab.ec2.calls) == 1
        lab.ec2.mend()
        assert routes.holder() == "node2"


def test_plan_shows_and_changes_nothing(either: Protected) -> None:
    """What hold would do; and nothing to do where it is held."""
    lab = either.lab
    lab.ec2.forget()
    here, there = either.verb("plan", lab.node1), either.verb("plan", lab.node2)
    assert (here.returncode, there.returncode) == (0, 0)
    assert here.stdout.startswith("OK ")
    assert there.stdout.startswith("PLAN ")
    assert all(call.action.startswith("Describe") for call in lab.ec2.calls)
    assert either.holder() == "node1"


def test_json_tells_all(either: Protected) -> None:
    """One object on standard output, for success, loss and no answer; `held` is null when nobody knows."""
    lab = either.lab
    told = {}
    for name, command in (
        ("hold", ("hold", lab.node2)),
        ("check", ("check", lab.node1)),
        ("plan", ("plan", lab.node1)),
        ("release", ("release", lab.node2)),
    ):
        done = either.verb(*command, "--output", "json")
        told[name] = json.loads(done.stdout)
        assert told[name]["exit_code"] == done.returncode
    assert [(told[name]["outcome"], told[name]["held"]) for name in ("hold", "check", "plan")] == [
        ("OK", True),
        ("NOT_HELD", False),
        ("OK", False),
    ]
    steps = {step["step"] for step in told["hold"]["steps"]}
    assert steps == ({"ReplaceRoute"} if either.words[0] == "route" else {"AssociateAddress"})
    assert told["plan"]["todo"][0][0]["step"] in steps
    assert told["hold"]["node"]["eni"] == eni_of(lab, "node2")
    assert told["hold"]["view"]["eni"] == eni_of(lab, "node2")
    assert told["hold"]["api_calls"] > 0
    assert told["check"]["view"] is not None, "a loss is shown, not only told"
    lab.ec2.refuse("denied")
    done = either.verb("check", lab.node1, "--output", "json")
    unknown = json.loads(done.stdout)
    assert (done.returncode, unknown["outcome"], unknown["held"]) == (9, "UNAVAILABLE", None)


def test_the_default_interface_is_the_one_of_the_default_route(routes: Protected) -> None:
    """Without --interface; and without a default route, the instance's first."""
    node = routes.lab.node2
    for table in (None, ""):
        if table is not None:
            (node.root / "proc/net/route").write_text(table)
        done = node.ec2kit("plan", "route", "10.1.0.10", "--output", "json")
        assert json.loads(done.stdout)["node"]["eni"] == eni_of(routes.lab, "node2", "eth0")


def test_the_calls_are_exactly_those_of_the_policy(tmp_path: Path) -> None:
    """What the IAM policy asks an administrator to allow is all that is needed, and all of it is needed."""
    sent = set()
    with route_lab(tmp_path / "routes") as lab:
        routes = protect(lab)
        lab.ec2.truth().modify_network_interface_attribute(
            NetworkInterfaceId=eni_of(lab, "node2"), SourceDestCheck={"Value": True}
        )
        drop_entry(lab, "A")
        assert routes.run("restore", lab.node2).returncode == 0
        assert {verb_of(call) for call in lab.ec2.history} == {"restore"}
        sent |= {call.action for call in lab.ec2.history}
    with address_lab(tmp_path / "eip") as lab:
        eip = protect(lab)
        assert eip.run("restore", lab.node2).returncode == 0
        assert eip.run("remove", lab.node2).returncode == 0
        assert isinstance(lab.vpc, AddressLab)
        create = ("create", "--type", "elastic-ip", "--interface", "eth0", "--elastic-ip", lab.vpc.free_ip)
        assert lab.node1.ec2kit(*create).returncode == 0
        sent |= {call.action for call in lab.ec2.history}
    assert sent == policy()
