"""What an administrator does with a resource of the kit, and what LifeKeeper's lists tell of it then."""

from __future__ import annotations

import json
import subprocess

from lab.nodes import Lab, Node
from tests.support import programs
from tests.support.programs import good

ROUTE, EIP = "ec2-ip-vip", "ec2-203.0.113.10"
CREATE = {
    ROUTE: ("create", "--type", "route-table", "--ip-resource", "ip-vip"),
    EIP: ("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "203.0.113.10"),
}


KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "planted/Secret+7EXAMPLEKEY"
FORMS = ("comm/ec2", "gen/app")  # LifeKeeper's app and type of a resource of the kit's


def create(tag: str, form: str) -> tuple[str, ...]:
    """The command that creates a resource in that form."""
    return (*CREATE[tag], *(["--generic"] if form == "gen/app" else []))


def protected(lab: Lab, tag: str, *more: str, form: str = "comm/ec2") -> None:
    """Create a resource on node1, in that form, and extend it to node2."""
    good(lab.node1.ec2kit(*create(tag, form)))
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


def with_key(node: Node, *command: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    """Run a command of the kit with an access key, its secret on standard input."""
    line = [programs.command(node), *command, "--access-key-id", KEY_ID]
    environment = node.environment
    return subprocess.run(
        line, env=environment, cwd=node.root, input=f"{secret}\n", capture_output=True, text=True, check=False
    )
