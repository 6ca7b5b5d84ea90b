"""Which interface, and so which ENI, this node has the address on."""

from __future__ import annotations

import json

from lab.protected import Protected, eni_of


def test_the_default_interface_is_the_one_of_the_default_route(routes: Protected) -> None:
    """Without --interface; and where the host never shows its routes, the instance's first."""
    node = routes.lab.node2
    for shown in (True, False):
        if not shown:
            (node.root / "proc/net/route").unlink()
        done = node.ec2kit("plan", "route", "10.1.0.10", "--output", "json")
        assert json.loads(done.stdout)["node"]["eni"] == eni_of(routes.lab, "node2", "eth0")
