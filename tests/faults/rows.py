"""The rows of the fault matrix: each action and verb, in each scenario, from each start state that matters.

A row is only a name, an action with its arguments, the state that it starts from, and the node it runs on. Which
calls it makes is recorded from a healthy run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ec2kit.core.kinds.kind import Resource
from ec2kit.core.kinds.known import KINDS
from ec2kit.lifekeeper import info
from lab.ec2.vpc import PrivateLab, RouteLab
from lab.nodes import Node
from lab.protected import Protected, eni_of
from tests.support.account import drop_entry
from tests.support.agent import agent_of

Scenario = Literal["route", "eip", "private"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
Edge = Literal["EC2", "metadata", "program", "process", "module"]
EDGES: tuple[Edge, ...] = ("EC2", "metadata", "program", "process")  # whose faults hit the process, hit its modules
KEY_ID, KEY_SECRET = "AKIAPLANTEDKEY000001", "PLANTED+SECRET/of/the/access/key"
OWN_KEY = (f"--access-key-id={KEY_ID}",)
MANAGER = "lkadm/bin/extmgrDoExtend.pl"  # of LifeKeeper's; the bench has it under another name, where no row wants it
OCF = {
    "start": "start",
    "stop": "stop",
    "monitor": "monitor",
    "probe": "monitor",
    "validate-all": "validate-all",
    "meta-data": "meta-data",
}
HOLDING = {"restore", "recover", "hold", "start", "ec2kit in-service"}
RELEASING = {"remove", "release", "stop", "ec2kit out-of-service"}
ASKING = {"quickCheck": 1, "check": 1, "monitor": 7, "probe": 7}  # and the exit code that tells of a loss
CHOSEN = "10.0.3.62"  # a secondary private address of node2's eth1, in figure 2
LONG = 30  # seconds that a command may take whose time no setting shortens
_UNHURRIED = {
    f"ec2kit {verb}"
    for verb in ("extend", "delete", "changeover", "properties", "key", "in-service", "out-of-service", "explain")
}


@dataclass(frozen=True)
class Row:
    """One action, where it runs and what it starts from. `stdin` is what it is given to read.

    `edges`: where faults are put. Where only what EC2 shows makes a start state differ from one that another
    row of the action has, the others are left to that row. `budget`: seconds of a run with a fault; more where
    the action keeps time back for what must follow. `code`: the exit code without a fault. `generic`: LifeKeeper has
    the resource as a Generic Application, and runs its copies of the scripts. `share`: of so many cells one is run,
    where another row of the same resource has the same calls.
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
    code: int = 0
    generic: bool = False
    share: int = 1

    @property
    def resource(self) -> type[Resource]:
        """What is protected."""
        return KINDS[self.scenario].resource

    @property
    def refused(self) -> bool:
        """Whether the address may not be taken from where it is."""
        return self.action in HOLDING and self.code != 0

    @property
    def limit(self) -> int:
        """Seconds that a run with a fault may take."""
        return LONG if self.action in _UNHURRIED else self.budget

    @property
    def unknown(self) -> int:
        """The exit code by which the engine is told that nothing is known, for a cause that is not outside."""
        if self.action in {"quickCheck", "monitor"}:
            return 0
        if self.action == "probe":  # what this node remembers, which is the truth in all rows
            return self.code
        return 1 if self.action in OCF else 9

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
    """node1 is in service, but somebody has taken the address away: table B's entry, or all of it."""
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
    elif isinstance(lab.vpc, PrivateLab):
        _assign(made, eni_of(lab, "node2"), lab.vpc.address)
    else:
        lab.ec2.truth().associate_address(
            AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni_of(lab, "node2"), AllowReassociation=True
        )


def taken(made: Protected) -> None:
    """Somebody else's ENI has the private address, and the Elastic IP that is on it."""
    assert isinstance(made.lab.vpc, PrivateLab)
    _assign(made, made.lab.vpc.stranger, made.lab.vpc.address)


def chosen(made: Protected) -> None:
    """As active, and node2's eth1 has another private address, which is to get the Elastic IP."""
    _assign(made, eni_of(made.lab, "node2"), CHOSEN)


def _assign(made: Protected, eni: str, address: str) -> None:
    made.lab.ec2.truth().assign_private_ip_addresses(
        NetworkInterfaceId=eni, PrivateIpAddresses=[address], AllowReassignment=True
    )


def unlinked(made: Protected) -> None:
    """The interface of both nodes has no link; taking it down and up brings the link back."""
    for node in made.lab.nodes.values():
        (node.sysfs / "class/net/eth1/carrier").write_text("0\n")


def alone(made: Protected) -> None:
    """The resource is on node1 only."""
    made.lab.node2.lk("ins_remove", "-t", made.tag).check_returncode()


def unknown_peer(made: Protected) -> None:
    """As alone, and the resource names node1's ENI as the only peer's."""
    alone(made)
    node = made.lab.node1
    known = info.decode(node.lk("ins_list", "-t", made.tag).stdout.split("\x01")[5])
    ours = known.resource.having(peers=frozenset({eni_of(made.lab, "node1")}))
    node.lk("ins_setinfo", "-t", made.tag, "-v", info.encode(replace(known, resource=ours))).check_returncode()


def parted(made: Protected) -> None:
    """As alone, and the resource is the child of the IP resource on node1."""
    alone(made)
    _below_ip(made, made.lab.node1)


def extended(made: Protected) -> None:
    """The resource is on both nodes, equivalent, and the child of the IP resource on each."""
    pair = ("-p", "1", "-r", "10", "-S", "node2", "-o", made.tag, "-e", "SHARED")
    made.lab.node1.lk("eqv_create", "-t", made.tag, *pair).check_returncode()
    for node in made.lab.nodes.values():
        _below_ip(made, node)


def _below_ip(made: Protected, node: Node) -> None:
    """Make the resource the child of the IP resource, if it is of a kind that is."""
    if KINDS[made.words[0]].resource.below:
        parent = "ip-vip" if isinstance(made.lab.vpc, RouteLab) else f"ip-{made.words[1]}"
        node.lk("dep_create", "-p", parent, "-c", made.tag).check_returncode()


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


def generic(made: Protected) -> None:
    """As active, and LifeKeeper has it as a Generic Application, with copies of the kit's scripts."""
    for node, state in ((made.lab.node1, "INIT_ISP"), (made.lab.node2, "INIT_OSU")):
        known = node.lk("ins_list", "-t", made.tag).stdout.split("\x01")[5]
        node.lk("ins_remove", "-t", made.tag).check_returncode()
        named = ("-a", "gen", "-r", "app", "-t", made.tag, "-i", made.tag, "-I", state, "-v", known)
        node.lk("ins_create", *named).check_returncode()


def generic_lost(made: Protected) -> None:
    """As lost, of a Generic Application."""
    lost(made)
    generic(made)


def generic_parted(made: Protected) -> None:
    """As parted, of a Generic Application, where LifeKeeper has its extend manager."""
    generic(made)
    made.lab.node2.lk("ins_remove", "-t", made.tag).check_returncode()
    _below_ip(made, made.lab.node1)
    managed(made)


def generic_extended(made: Protected) -> None:
    """As extended, of a Generic Application, where LifeKeeper has its extend manager."""
    generic(made)
    extended(made)
    managed(made)


def managed(made: Protected) -> None:
    """LifeKeeper has its extend manager."""
    for node in made.lab.nodes.values():
        manager = node.lkroot / MANAGER
        manager.with_suffix(".away").rename(manager)


def extended_managed(made: Protected) -> None:
    """As extended, where LifeKeeper has its extend manager."""
    extended(made)
    managed(made)


def own_key(made: Protected) -> None:
    """As active, and its info field names an access key of its own."""
    for node in made.lab.nodes.values():
        known = node.lk("ins_list", "-t", made.tag).stdout.split("\x01")[5]
        node.lcd("ins_setinfo", "-t", made.tag, "-v", f"{known} profile=ec2kit-{made.tag}")


def standby(made: Protected) -> None:
    """As active, and node1 is out of service: it has the address, which LifeKeeper does not know."""
    made.state(made.lab.node1, "OSU")


def remembered(made: Protected) -> None:
    """As active, for Pacemaker: node1 remembers that a look has shown the address there."""
    _remember(made)


def lost_remembered(made: Protected) -> None:
    """As lost, and node1 remembers that it had the address."""
    lost(made)
    _remember(made)


def _remember(made: Protected) -> None:
    node = made.lab.node1
    file = node.root / f"run/resource-agents/ec2kit/{made.words[0]}-vip"
    file.write_text("held")
    file.chmod(0o600)


ROUTE_CREATE = ("--type", "route-table", "--ip-resource", "ip-vip", "--tag", "{tag}")
EXTEND = ("extend", "{tag}", "--to", "node2")  # it asks EC2 nothing itself: canextend and extend on node2 do
DELETE = ("delete", "{tag}", "--yes")
SET_TABLES = ("properties", "{tag}", "--set", "tables=refresh")
SET_PROFILE = ("properties", "{tag}", "--set", "profile=")
PRIVATE_CREATE = ("--type", "private", "--ip-resource", "ip-{address}", "--tag", "{tag}")
EIP_CREATE = ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "{address}", "--tag", "{tag}")


TO_GENERIC = ("properties", "{tag}", "--set", "type=gen/app")
TO_OWN = ("properties", "{tag}", "--set", "type=comm/ec2")


_LCD: tuple[Edge, ...] = ("program", "process")
_OWN: tuple[Edge, ...] = ("process",)  # of what asks EC2 by the same code as other rows
_AWS: tuple[Edge, ...] = ("EC2", "metadata")


def _both(
    name: str,
    action: str,
    node: str,
    start: Callable[[Protected], None],
    *arguments: str,
    edges: tuple[Edge, ...] = EDGES,
    code: int = 0,
    stdin: str = "",
    generic: bool = False,
) -> list[Row]:
    scenarios: tuple[Scenario, ...] = ("route", "eip")
    return [
        Row(name, scenario, action, node, start, arguments, stdin, edges, code=code, generic=generic)
        for scenario in scenarios
    ]


def _command(verb: str, node: str, start: Callable[[Protected], None], *arguments: str, stdin: str = "") -> list[Row]:
    name = f"ec2kit {verb}"
    return _both(name, name, node, start, verb, *arguments, edges=_OWN, stdin=stdin)


# What a private address has of its own: its calls, and what the metadata tell of it alone (OWN_ITEMS). LifeKeeper's
# programs, Pacemaker's memory and the process are the same for all kinds, and are tried with the others.
OWN_ITEMS = re.compile("/local-ipv4s|/subnet-ipv4-cidr-block")
_PRIVATE_ROWS: tuple[Row, ...] = (
    Row("restore", "private", "restore", "node2", active, edges=_AWS),
    Row("recover, lost", "private", "recover", "node1", lost, edges=("EC2",), share=4),
    Row("hold", "private", "hold", "node2", active, edges=("EC2",), share=4),
    Row("hold, somebody else's", "private", "hold", "node2", taken, edges=("EC2",), code=5),
    Row("remove", "private", "remove", "node1", active, edges=_AWS),
    Row("remove, the peer has it", "private", "remove", "node1", moved, edges=("EC2",), share=2),
    Row("release", "private", "release", "node1", active, edges=("EC2",), share=4),
    Row("quickCheck", "private", "quickCheck", "node1", active, edges=_AWS),
    Row("quickCheck, lost", "private", "quickCheck", "node1", lost, edges=("EC2",), code=1),
    Row("check", "private", "check", "node1", active, edges=("EC2",)),
    Row("check, lost", "private", "check", "node1", lost, edges=("EC2",), code=1, share=2),
    Row("create", "private", "create", "node1", nothing, PRIVATE_CREATE, edges=("EC2",), budget=6, share=2),
    Row("extend", "private", "extend", "node2", unknown_peer, ("node1", "{tag}"), edges=("EC2", "program")),
    Row("start", "private", "start", "node2", active, edges=_AWS),
    Row("stop", "private", "stop", "node1", remembered, edges=("EC2",), share=2),
    Row("monitor", "private", "monitor", "node1", remembered, edges=_AWS),
    Row("monitor, lost", "private", "monitor", "node1", lost_remembered, edges=("EC2",), code=7),
    Row("probe, not started here", "private", "probe", "node2", active, edges=("EC2",), code=7),
    Row("probe, held", "private", "probe", "node1", remembered, edges=("EC2",)),
)

ROWS: tuple[Row, ...] = (
    *_both("restore", "restore", "node2", active),
    Row("restore, a check on and an entry lost", "route", "restore", "node2", torn, edges=("EC2",)),
    Row("restore, pages", "route", "restore", "node2", paged, edges=("EC2",)),
    Row("restore, no link", "eip", "restore", "node2", unlinked, edges=("EC2", "program"), budget=8),
    Row("restore, own key", "route", "restore", "node2", keyed, edges=("EC2",)),
    *_both("recover, lost", "recover", "node1", lost),
    *_both("hold", "hold", "node2", active),
    Row("hold, chosen address", "eip", "hold", "node2", chosen, ("--private-ip", CHOSEN), edges=("EC2",), share=2),
    *_both("remove", "remove", "node1", active),
    Row("remove, the peer has it", "eip", "remove", "node1", moved),
    *_both("release", "release", "node1", active),
    *_both("quickCheck", "quickCheck", "node1", active),
    *_both("quickCheck, lost", "quickCheck", "node1", lost, code=1),
    Row("quickCheck, pages", "route", "quickCheck", "node1", paged, edges=("EC2",)),
    *_both("check", "check", "node1", active),
    *_both("check, lost", "check", "node1", lost, code=1),
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
    *_both("ec2kit delete", "ec2kit delete", "node1", extended, *DELETE),
    *_both("restore, generic", "restore", "node2", generic, generic=True),
    *_both("recover, lost, generic", "recover", "node1", generic_lost, generic=True),
    *_both("remove, generic", "remove", "node1", generic, generic=True),
    *_both("quickCheck, generic", "quickCheck", "node1", generic, generic=True),
    *_both("quickCheck, lost, generic", "quickCheck", "node1", generic_lost, generic=True, code=1),
    Row("create, generic", "route", "create", "node1", nothing, (*ROUTE_CREATE, "--generic"), "", _LCD, budget=8),
    Row("create, generic", "eip", "create", "node1", nothing, (*EIP_CREATE, "--generic"), "", _LCD, budget=8),
    *_both("ec2kit extend, generic", "ec2kit extend", "node1", generic_parted, *EXTEND, edges=("program",)),
    *_both("ec2kit delete, generic", "ec2kit delete", "node1", generic_extended, *DELETE, edges=("program",)),
    *_both("to gen/app", "ec2kit changeover", "node1", extended_managed, *TO_GENERIC, edges=_LCD),
    *_both("to comm/ec2", "ec2kit changeover", "node1", generic_extended, *TO_OWN, edges=("program",)),
    *_both("start", "start", "node2", active),
    *_both("stop", "stop", "node1", remembered),
    *_both("monitor", "monitor", "node1", remembered),
    *_both("monitor, lost", "monitor", "node1", lost_remembered, code=7),
    *_both("probe, not started here", "probe", "node2", active, edges=_OWN, code=7),
    *_both("probe, held", "probe", "node1", remembered, edges=_OWN),
    *_both("validate-all", "validate-all", "node1", active, edges=_OWN),
    *_both("meta-data", "meta-data", "node1", active, edges=_OWN),
    *_command("plan", "node2", active, "{kind}", "{address}", "--interface", "eth1"),
    *_command("status", "node1", active, "{tag}"),
    *_command("choices", "node1", active),
    *_command("properties", "node1", active, "{tag}"),
    Row("ec2kit properties, set", "route", "ec2kit properties", "node1", active, SET_TABLES, edges=_OWN),
    Row("ec2kit properties, set", "eip", "ec2kit properties", "node1", active, SET_PROFILE, edges=_OWN),
    *_command("key", "node1", own_key, "{tag}", *OWN_KEY, stdin=KEY_SECRET + "\n"),
    *_command("in-service", "node1", standby, "{tag}"),
    *_command("out-of-service", "node1", active, "{tag}"),
    *_command("explain", "node1", active, "960003"),
    *_PRIVATE_ROWS,
)


def command(row: Row, made: Protected) -> tuple[str, ...]:
    """The row's command line: the executable's path, then its arguments."""
    node = made.lab.nodes[row.node]
    names = {"tag": made.tag, "id": made.id, "address": made.words[1], "kind": made.words[0]}
    given = tuple(word.format(**names) for word in row.arguments)
    if row.action in {"hold", "check", "release"}:
        return (str(node.root / "bin/ec2kit"), *made.line(row.action), *given)
    if row.action.startswith("ec2kit "):
        return (str(node.root / "bin/ec2kit"), *given)
    if row.action == "ocf":
        return (str(node.agent(row.scenario)), *given)
    if row.action in OCF:
        return (str(node.agent(row.scenario)), OCF[row.action])
    if row.generic:
        return (str(node.copy_of(row.action, made.tag)), "-t", made.tag, "-i", made.tag)
    return (str(node.script(row.action)), *(given or made.options(row.action)))


def environment(row: Row, made: Protected) -> dict[str, str]:
    """What the row's engine adds to the environment: Pacemaker gives all parameters so."""
    if row.action not in OCF:
        return {}
    given = {**agent_of(made).parameters, "CRM_meta_timeout": "120000"}
    if row.action == "monitor":
        given["CRM_meta_interval"] = "30000"
    return {"OCF_RESOURCE_INSTANCE": "vip"} | {f"OCF_RESKEY_{name}": value for name, value in given.items()}


def own_modules(row: Row, script: str) -> list[str]:
    """Modules of the kit that the row's program loads, by path: those it begins with, and one of each late kind.

    script: the program's text.
    """
    names = re.findall(r"^\s*(?:from|import) (ec2kit[.\w]+)", script, re.MULTILINE)
    paths = [*(name.replace(".", "/") + ".py" for name in names), "ec2kit/host/guard.py", "ec2kit/host/streams.py"]
    if row.action in {"meta-data", "ec2kit explain"}:
        return paths
    verbs = {"hold", "check", "release", "ec2kit plan", "ec2kit status", "ec2kit properties"}
    late = {
        "ec2kit/pacemaker/actions.py": row.action in OCF,
        "ec2kit/lifekeeper/actions.py": row.action
        in {"restore", "recover", "remove", "quickCheck", "create", "delete"},
        "ec2kit/lifekeeper/create.py": row.action in {"create", "canextend", "extend", "delete"},
        "ec2kit/console/hierarchy.py": row.action in _UNHURRIED | {"ec2kit status", "ec2kit choices"},
        "ec2kit/console/tables.py": row.action in verbs,
        "ec2kit/verbs/lifecycle.py": True,
        "ec2kit/ec2/client.py": row.action not in {"validate-all", "delete", "ec2kit delete", "ec2kit extend"},
    }
    return list(dict.fromkeys([*paths, *(path for path, loaded in late.items() if loaded)]))
