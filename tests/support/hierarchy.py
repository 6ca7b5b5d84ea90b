"""What an administrator does with a resource of the kit, and what LifeKeeper's lists tell of it then."""

from __future__ import annotations

import json

from lab.nodes import Lab, Node
from tests.support.programs import good

ROUTE, EIP = "ec2-ip-vip", "ec2-203.0.113.10"
CREATE = {
    ROUTE: ("create", "--type", "route-table", "--ip-resource", "ip-vip"),
    EIP: ("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "203.0.113.10"),
}


def protected(lab: Lab, tag: str, *more: str) -> None:
    """Create a resource on node1 and extend it to node2."""
    good(lab.node1.ec2kit(*CREATE[tag]))
    good(lab.node1.ec2kit("extend", tag, "--to", "node2", *more))


def made(node: Node, tag: str) -> list[str]:
    """The fields of an instance; empty when there is none."""
    return node.lk("ins_list", "-t", tag).stdout.strip().split("\x01")


def states(lab: Lab, tag: str) -> dict[str, str]:
    """A resource's state on each system that has it."""
    rows = {name: made(node, tag) for name, node in lab.nodes.items()}
    return {name: row[6] for name, row in rows.items() if len(row) > 6}


def no_locks(lab: Lab) -> bool:
    """Whether nobody holds the admin lock anywhere."""
    return not any("!action!" in node.lk("flg_list").stdout for node in lab.nodes.values())


def status(node: Node, code: int = 0) -> dict[str, dict[str, object]]:
    """What `ec2kit status` tells of the only resource, by system."""
    done = node.ec2kit("status", "--output", "json")
    assert done.returncode == code, done.stdout + done.stderr
    (told,) = json.loads(done.stdout)["resources"]
    return {part["system"]: part for part in told["systems"]}
