"""The verbs on the lab: self-healing, paging, blackholes, and a plan that changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from lab.ec2.vpc import RouteLab, route_tables
from lab.nodes import route_lab
from lab.protected import Protected, eni_of, protect
from tests.support.account import drop_entry


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


def test_hold_by_a_plan_acts_only_on_what_the_plan_saw(either: Protected) -> None:
    """It takes the address while EC2 is as it was, and refuses once that has changed; plan tells by its code."""
    lab = either.lab
    told = json.loads(either.verb("plan", lab.node2, "--output", "json").stdout)
    assert {each["sign"] for each in told["changes"]} == {"~"}
    assert either.verb("plan", lab.node2, "--detailed-exitcode").returncode == 1
    assert either.verb("plan", lab.node1, "--detailed-exitcode").returncode == 0
    assert either.verb("hold", lab.node2, "--if-plan", told["mark"]).returncode == 0
    assert either.holder() == "node2"
    lab.ec2.forget()
    done = either.verb("hold", lab.node2, "--if-plan", told["mark"])
    assert done.returncode == 5
    assert "EC2 has changed since the plan" in done.stderr
    assert all(call.action.startswith("Describe") for call in lab.ec2.calls)


def test_plan_shows_and_changes_nothing(either: Protected) -> None:
    """What hold would do; and nothing to do where it is held."""
    lab = either.lab
    lab.ec2.forget()
    here, there = either.verb("plan", lab.node1), either.verb("plan", lab.node2)
    assert (here.returncode, there.returncode) == (0, 0)
    assert here.stdout.startswith("OK ")
    assert there.stdout.startswith("PLAN ")
    many = 2 if either.words[0] == "route" else 1
    assert f"Plan: {many} to change (~), 0 to add (+), 0 to remove (-). Mark: " in there.stdout
    assert all(call.action.startswith("Describe") for call in lab.ec2.calls)
    assert either.holder() == "node1"
