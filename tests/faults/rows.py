"""The rows of the fault matrix: each action and verb, in each scenario, from each start state that matters.

A row is only a name, an action with its arguments, the state that it starts from, and the node it runs on. Which
calls it makes is recorded from a healthy run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lab.ec2.vpc import AddressLab, RouteLab
from lab.nodes import Node
from lab.protected import Protected, eni_of
from tests.support.account import drop_entry

Scenario = Literal["route", "eip"]
Edge = Literal["EC2", "metadata", "program"]
EDGES: tuple[Edge, ...] = ("EC2", "metadata", "program")
KEY_ID, KEY_SECRET = "AKIAPLANTEDKEY000001", "PLANTED+SECRET/of/the/access/key"
OWN_KEY = (f"--access-key-id={KEY_ID}",)


@dataclass(frozen=True)
class Row:
    """One action, where it runs and what it starts from. `stdin` is what it is given to read.

    `edges`: whose calls are broken. Where only what EC2 shows makes a start state differ from one that another
    row of the action has, the others are left to that row. `budget`: seconds of a run with a fault; more where
    the action keeps time back for what must follow.
    """

    name: str
    scenario: Scenario
    action: str
    node: str
    start: Callable[[Protected], None]
    arguments: tuple[str, ...] = ()
    stdin: str = ""
    edges: tuple[Edge, ...] = EDGES
    budget: int = 3

    @property
    def id(self) -> str:
        """The row's name, once in the matrix."""
        return f"{self.scenario}: {self.name}"


def active(_made: Protected) -> None:
    """node1 has the address and is in service, node2 is the standby."""


def torn(made: Protected) -> None:
    """node2's source/dest check is on, and table B has lost its entry."""
    lab = made.lab
    lab.ec2.truth().modify_network_interface_attribute(
        NetworkInterfaceId=eni_of(lab, "node2"), SourceDestCheck={"Value": True}
    )
    drop_entry(lab, "B")


def paged(made: Protected) -> None:
    """As active, and the route tables come two a page."""
    made.lab.ec2.page_size = 2


def lost(made: Protected) -> None:
    """node1 is in service, but somebody has taken the address away: table B's entry, or the Elastic IP."""
    lab = made.lab
    if isinstance(lab.vpc, RouteLab):
        lab.ec2.truth().replace_route(
            RouteTableId=lab.vpc.tables["B"],
            DestinationCidrBlock=f"{lab.vpc.vip}/32",
            NetworkInterfaceId=eni_of(lab, "node2"),
        )
    else:
        moved(made)


def moved(made: Protected) -> None:
    """node2 has the address."""
    lab = made.lab
    if isinstance(lab.vpc, RouteLab):
        lost(made)
        lab.ec2.truth().replace_route(
            RouteTableId=lab.vpc.tables["A"],
            DestinationCidrBlock=f"{lab.vpc.vip}/32",
            NetworkInterfaceId=eni_of(lab, "node2"),
        )
    else:
        lab.ec2.truth().associate_address(
            AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni_of(lab, "node2"), AllowReassociation=True
        )


def unlinked(made: Protected) -> None:
    """The interface of both nodes has no link; taking it down and up brings the link back."""
    for node in made.lab.nodes.values():
        (node.sysfs / "class/net/eth1/carrier").write_text("0\n")


def alone(made: Protected) -> None:
    """The resource is on node1 only."""
    made.lab.node2.lk("ins_remove", "-t", made.tag).check_returncode()


def parted(made: Protected) -> None:
    """As alone, and the resource is the child of the IP resource on node1."""
    alone(made)
    made.lab.node1.lk("dep_create", "-p", "ip-vip", "-c", made.tag).check_returncode()


def extended(made: Protected) -> None:
    """The resource is on both nodes, equivalent, and the child of the IP resource on each."""
    pair = ("-p", "1", "-r", "10", "-S", "node2", "-o", made.tag, "-e", "SHARED")
    made.lab.node1.lk("eqv_create", "-t", made.tag, *pair).check_returncode()
    if isinstance(made.lab.vpc, RouteLab):
        for node in made.lab.nodes.values():
            node.lk("dep_create", "-p", "ip-vip", "-c", made.tag).check_returncode()


def nothing(made: Protected) -> None:
    """There is no resource yet."""
    for node in made.lab.nodes.values():
        node.lk("ins_remove", "-t", made.tag).check_returncode()


def keyed(made: Protected) -> None:
    """As active, and each node signs with an access key of the resource's own."""
    for node in made.lab.nodes.values():
        _keep_key(node, made.tag)
        known = node.lk("ins_list", "-t", made.tag).stdout.split("\x01")[5]
        node.lk("ins_setinfo", "-t", made.tag, "-v", f"{known} profile=ec2kit-{made.tag}").check_returncode()


def _keep_key(node: Node, tag: str) -> None:
    node.credentials.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # an earlier run may have made it
    node.credentials.write_text(
        f"[ec2kit-{tag}]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {KEY_SECRET}\n"
    )
    node.credentials.chmod(0o600)


ROUTE_CREATE = ("--type", "route-table", "--ip-resource", "ip-vip", "--tag", "{tag}")
EXTEND = ("extend", "{tag}", "--to", "node2")  # it asks EC2 nothing itself: canextend and extend on node2 do
EIP_CREATE = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "{address}", "--tag", "{tag}")


def _both(name: str, action: str, node: str, start: Callable[[Protected], None], *arguments: str) -> list[Row]:
    scenarios: tuple[Scenario, Scenario] = ("route", "eip")
    return [Row(name, scenario, action, node, start, arguments) for scenario in scenarios]


ROWS: tuple[Row, ...] = (
    *_both("restore", "restore", "node2", active),
    Row("restore, a check on and an entry lost", "route", "restore", "node2", torn, edges=("EC2",)),
    Row("restore, pages", "route", "restore", "node2", paged, edges=("EC2",)),
    Row("restore, no link", "eip", "restore", "node2", unlinked, edges=("EC2", "program"), budget=8),
    Row("restore, own key", "route", "restore", "node2", keyed, edges=("EC2",)),
    *_both("recover, lost", "recover", "node1", lost),
    *_both("hold", "hold", "node2", active),
    *_both("remove", "remove", "node1", active),
    Row("remove, the peer has it", "eip", "remove", "node1", moved),
    *_both("release", "release", "node1", active),
    *_both("quickCheck", "quickCheck", "node1", active),
    *_both("quickCheck, lost", "quickCheck", "node1", lost),
    Row("quickCheck, pages", "route", "quickCheck", "node1", paged, edges=("EC2",)),
    *_both("check", "check", "node1", active),
    *_both("check, lost", "check", "node1", lost),
    Row("create", "route", "create", "node1", nothing, ROUTE_CREATE, budget=6),
    Row("create", "eip", "create", "node1", nothing, EIP_CREATE),
    Row(
        "create, own key", "route", "create", "node1", nothing, (*ROUTE_CREATE, *OWN_KEY), KEY_SECRET + "\n", budget=6
    ),
    *_both("canextend", "canextend", "node2", alone, "node1", "{tag}"),
    *_both("extend", "extend", "node2", alone, "node1", "{tag}"),
    *_both("delete", "delete", "node1", keyed, "-t", "{tag}", "-i", "{id}", "-U"),
    Row("ec2kit extend", "route", "ec2kit extend", "node1", parted, EXTEND, edges=("program",)),
    Row("ec2kit extend", "eip", "ec2kit extend", "node1", alone, EXTEND, edges=("program",)),
    *_both("ec2kit delete", "ec2kit delete", "node1", extended, "delete", "{tag}", "--yes"),
)


def command(row: Row, made: Protected) -> tuple[str, ...]:
    """The row's command line: the executable's path, then its arguments."""
    node = made.lab.nodes[row.node]
    vpc = made.lab.vpc
    address = vpc.public_ip if isinstance(vpc, AddressLab) else vpc.vip
    given = tuple(word.format(tag=made.tag, id=made.id, address=address) for word in row.arguments)
    if row.action in {"hold", "check", "release"}:
        return (str(node.root / "bin/ec2kit"), row.action, *made.words, *given)
    if row.action.startswith("ec2kit "):
        return (str(node.root / "bin/ec2kit"), *given)
    if row.action == "ocf":
        return (str(node.agent(row.scenario)), *given)
    return (str(node.script(row.action)), *(given or made.options(row.action)))
