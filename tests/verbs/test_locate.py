"""Which interface, and so which ENI, this node has the address on."""

from __future__ import annotations

import json

from lab.protected import Protected, eni_of


def test_the_default_interface_is_the_one_of_the_default_route(routes: Protected) -> None:
    """Without --interface; and without a default route, the instance's first."""
    node = routes.lab.node2
    for table in (None, ""):
        if table is not None:
            (node.root / "proc/net/route").write_text(table)
        done = node.ec2kit("plan", "route", "10.1.0.10", "--output", "json")
        assert json.loads(done.stdout)["node"]["eni"] == eni_of(routes.lab, "node2", "eth0")
