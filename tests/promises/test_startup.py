"""What an action imports: its start-up is failover time."""

from __future__ import annotations

import sys

import pytest

from lab.protected import Protected

pytestmark = pytest.mark.executed
HEAVY = ("boto3", "botocore", "requests", "urllib3", "rich")


def imported(routes: Protected, action: str) -> set[str]:
    """The top-level modules that an action imports, as `python -X importtime` tells them."""
    script = routes.lab.node1.lkroot / "subsys/comm/resources/ec2/actions" / action
    done = routes.lab.node1.run(sys.executable, "-X", "importtime", str(script), "-t", routes.tag, "-i", routes.id)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {row.rpartition("|")[2].strip().split(".")[0] for row in rows}


def test_actions_that_need_no_aws_import_no_boto3(routes: Protected) -> None:
    """remove of a route, delete, and quickCheck of what is out of service."""
    assert not imported(routes, "remove") & set(HEAVY)
    assert not imported(routes, "delete") & set(HEAVY)
    routes.state(routes.lab.node1, "OSU")
    assert not imported(routes, "quickCheck") & set(HEAVY)


def test_actions_that_need_aws_import_no_tables_for_people(routes: Protected) -> None:
    """And this test can see an import when there is one."""
    seen = imported(routes, "quickCheck")
    assert {"boto3", "urllib3"} <= seen
    assert "rich" not in seen


def test_remove_of_an_elastic_ip_does_import_it(eip: Protected) -> None:
    """The route's remove is quick because of what it is, not because remove looks at nothing."""
    assert "boto3" in imported(eip, "remove")
