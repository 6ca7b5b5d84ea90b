"""The main job, played on the lab: both scenarios of the guide, from create to failover.

    python -m lab.demo

Both play at once, each in a process of its own; the second is shown when the first has ended.
Ends with 1 when a step is not as it should be, and says which.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.ec2.vpc import RouteLab, addresses, route_tables
from lab.nodes import Lab, Node, address_lab, route_lab

STYLES = {"NOTIFY": "cyan", "WARN": "yellow", "ERROR": "red"}


@dataclass
class Act:
    """One scenario on its lab. tag: the resource; top: what an admin switches over; held_by: who should hold it."""

    lab: Lab
    console: Console
    tag: str
    top: str
    problems: list[str] = field(default_factory=list)
    steps: int = 0
    read: dict[str, int] = field(default_factory=dict)

    def step(self, title: str, node: Node, *command: str, holder: str | None, in_service: str | None) -> None:
        """Run one command, then tell what it did, how long it took, how many API calls, and who holds the address."""
        self.steps += 1
        self.lab.ec2.forget()
        began = time.monotonic()
        result = node.run(*command)
        seconds = time.monotonic() - began
        calls = self.lab.ec2.calls
        problem = f"{command[0]} ended with exit code {result.returncode}" if result.returncode else ""
        if not problem and (seen := self.holder()) != holder:
            problem = f"the address is held by {seen}, not by {holder}"
        if not problem and (seen := self.in_service()) != in_service:
            problem = f"LifeKeeper has {self.tag} in service on {seen}, not on {in_service}"
        changing = sum(not call.action.startswith("Describe") for call in calls)
        cost = f"{seconds:.1f} s, {len(calls)} EC2 API calls ({changing} changing)"
        said = dict.fromkeys([*kit_lines(result.stdout + result.stderr), *kit_lines(self._log())])
        self._tell(title, problem, cost, list(said))
        if problem:
            self.problems.append(f"{title}: {problem}")

    def show(self, title: str, node: Node, *command: str, code: int = 0) -> None:
        """Run one command, which is to end with that code, and show what it prints, as it is."""
        self.steps += 1
        result = node.run(*command)
        problem = f"{command[0]} ended with exit code {result.returncode}" if result.returncode != code else ""
        mark = ("FAILED", "bold red") if problem else ("ok", "bold green")
        self.console.print(Text.assemble((f"{self.steps}. {title}  ", "bold"), mark))
        self._indented(Text(result.stdout.rstrip()))
        self.console.print()
        if problem:
            self.problems.append(f"{title}: {problem}")

    def _tell(self, title: str, problem: str, cost: str, said: list[tuple[str, str]]) -> None:
        mark = ("FAILED", "bold red") if problem else ("ok", "bold green")
        self.console.print(Text.assemble((f"{self.steps}. {title}  ", "bold"), mark))
        for level, line in said:
            self._indented(Text(line, style=STYLES.get(level, "")))
        if problem:
            self._indented(Text(problem, style="bold red"))
        self._indented(Text(cost, style="dim"))
        self._indented(self.table())
        self.console.print()

    def _indented(self, what: Text | Table) -> None:
        self.console.print(Padding(what, (0, 0, 0, 3), expand=False))

    def _log(self) -> str:
        """What came into the nodes' LifeKeeper logs since the last step."""
        new = ""
        for node in self.lab.nodes.values():
            path = node.lkroot / "log/lifekeeper.log"
            text = path.read_text() if path.exists() else ""
            new += text[self.read.get(node.name, 0) :]
            self.read[node.name] = len(text)
        return new

    def holder(self) -> str | None:
        """The node that holds the address in truth, read past the front."""
        owners = {self.owner(eni) for eni in self.targets()}
        return owners.pop() if len(owners) == 1 else None

    def targets(self) -> list[str | None]:
        """Where the address is: the ENI of each route table's entry, or of the Elastic IP."""
        vpc, truth = self.lab.vpc, self.lab.ec2.truth()
        if isinstance(vpc, RouteLab):
            entries = [routes.get(f"{vpc.vip}/32") for routes in route_tables(truth, vpc.vpc).values()]
            return [entry[0] for entry in entries if entry]
        return [addresses(truth)[vpc.public_ip][0]]

    def owner(self, eni: str | None) -> str | None:
        """The node that has that ENI as its eth1."""
        for name, node in self.lab.nodes.items():
            if eni == eth1(node):
                return name
        return None

    def in_service(self) -> str | None:
        """The system on which LifeKeeper has the resource in service."""
        listed = self.lab.node2.lk("ins_list", "-d", "node1", "-fC", "-t", self.tag).stdout
        listed += self.lab.node2.lk("ins_list", "-fC", "-t", self.tag).stdout
        systems = [row.split("C")[0] for row in listed.splitlines() if "CISPC" in row]
        return systems[0] if len(systems) == 1 else None

    def table(self) -> Table:
        """The protected entries (and a neighbour's), or the Elastic IPs, as a table that a person can read."""
        vpc, truth = self.lab.vpc, self.lab.ec2.truth()
        if isinstance(vpc, RouteLab):
            shown = Table("Table", "Destination", "Target", "State", "is")
            for name, routes in sorted(route_tables(truth, vpc.vpc).items()):
                for destination, (target, state) in sorted(routes.items()):
                    if destination.endswith("/32"):
                        state_ = "blackhole" if target in self.lab.ec2.blackholes else state
                        shown.add_row(name, destination, target, state_, self.place(target))
            return shown
        shown = Table("Elastic IP", "Associated with", "is")
        for public_ip, (eni, _) in sorted(addresses(truth).items()):
            shown.add_row(public_ip, eni or "-", self.place(eni))
        return shown

    def place(self, eni: str | None) -> str:
        """The node and interface of an ENI."""
        for node in self.lab.nodes.values():
            for interface in node.identity.interfaces:
                if interface.eni == eni:
                    return f"{node.name} {interface.name}"
        return ""


def eth1(node: Node) -> str:
    """The ENI behind a node's eth1."""
    return next(each.eni for each in node.identity.interfaces if each.name == "eth1")


def kit_lines(text: str) -> Iterator[tuple[str, str]]:
    """The kit's lines in a log, as (level, `action: text`): what it did and how it ended, not the rest."""
    for line in text.splitlines():
        before, found, said = line.partition(":ec2:")
        level = before.rpartition(":")[2].rpartition(" ")[2]
        if found and (level in STYLES or " successful " in said):
            action = said.partition(":")[0]
            yield level, f"{action}: {said.split(':', 3)[3]}"


def story(act: Act, create: tuple[str, ...], by_hand: tuple[str, ...]) -> None:
    """The steps that both scenarios have. by_hand: what somebody does behind LifeKeeper's back, on node1."""
    node1, node2 = act.lab.node1, act.lab.node2
    on_node1, on_node2 = ("node1", "node1"), ("node2", "node2")
    ec2kit = str(node1.root / "bin/ec2kit")

    def step(title: str, node: Node, *command: str, then: tuple[str | None, str | None]) -> None:
        act.step(title, node, *command, holder=then[0], in_service=then[1])

    step(f"create on node1: ec2kit create {' '.join(create)}", node1, ec2kit, "create", *create, then=on_node1)
    extend = ("extend", act.tag, "--to", "node2")
    step(f"extend to node2: ec2kit {' '.join(extend)}", node1, ec2kit, *extend, then=on_node1)
    node2.imds.fault = "off"
    act.show("node2 has no metadata; could it take over? ec2kit doctor", node2, ec2kit, "doctor", code=1)
    node2.imds.fault = None
    act.show("they are there again: ec2kit doctor", node2, ec2kit, "doctor")
    serve = ("in-service", act.top)
    step(f"in service on node1, as it is already: ec2kit {' '.join(serve)}", node1, ec2kit, *serve, then=on_node1)
    step(f"switchover, on node2: ec2kit {' '.join(serve)}", node2, ec2kit, *serve, then=on_node2)
    step("somebody re-points it by hand, behind LifeKeeper's back", node1, *by_hand, then=(None, "node2"))
    check = str(node2.lkroot / "bin/lkcheck")
    step("LifeKeeper's next check on node2: quickCheck, then recover", node2, check, "--once", then=on_node2)
    step(f"switchover back, on node1: ec2kit {' '.join(serve)}", node1, ec2kit, *serve, then=on_node1)
    node1.imds.fault = "refused"
    act.lab.ec2.blackholes.add(eth1(node1))
    system = str(node2.lkroot / "bin/lksystem")
    step("node1 dies", node2, system, "down", "node1", then=("node1", None))
    step("LifeKeeper on node2 notices: failover", node2, system, "failover", "node1", then=on_node2)
    act.show("what an administrator sees on node2: ec2kit status", node2, ec2kit, "status")


def by_hand(lab: Lab, method: str, **parameters: object) -> tuple[str, ...]:
    """The command that calls EC2 past the front, as somebody at the AWS console would."""
    program = (
        "import boto3, json, sys; getattr(boto3.client('ec2', region_name='us-east-1', endpoint_url=sys.argv[1],"
        " aws_access_key_id='x', aws_secret_access_key='x'), sys.argv[2])(**json.loads(sys.argv[3]))"
    )
    return sys.executable, "-c", program, f"{lab.ec2.url}/truth", method, json.dumps(parameters)


def play_routes(folder: Path, console: Console, before: Callable[[Lab], None] | None = None) -> list[str]:
    """Figure 1 of the guide. before: what to do to the lab first. Returns what was not as it should be."""
    with route_lab(folder) as lab:
        if before:
            before(lab)
        vpc = lab.vpc
        assert isinstance(vpc, RouteLab)
        act = Act(lab, console, tag="ec2-ip-vip", top="ip-vip")
        console.rule(f"Route table scenario: {vpc.vip} for the VPC's clients (guide, Figure 1)")

        hand = by_hand(
            lab,
            "replace_route",
            RouteTableId=vpc.tables["A"],
            DestinationCidrBlock=f"{vpc.vip}/32",
            NetworkInterfaceId=eth1(lab.node1),
        )
        story(act, ("--type", "route-table", "--ip-resource", "ip-vip"), hand)
        return act.problems


def play_address(folder: Path, console: Console, before: Callable[[Lab], None] | None = None) -> list[str]:
    """Figure 2 of the guide. before: what to do to the lab first. Returns what was not as it should be."""
    with address_lab(folder) as lab:
        if before:
            before(lab)
        vpc = lab.vpc
        assert not isinstance(vpc, RouteLab)
        tag = f"ec2-{vpc.public_ip}"
        act = Act(lab, console, tag=tag, top=tag)
        console.rule(f"Elastic IP scenario: {vpc.public_ip} for the Internet (guide, Figure 2)")

        hand = by_hand(
            lab,
            "associate_address",
            AllocationId=vpc.allocation,
            NetworkInterfaceId=next(each.eni for each in lab.node1.identity.interfaces if each.name == "eth0"),
            AllowReassociation=True,
        )
        story(act, ("--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", vpc.public_ip), hand)
        return act.problems


def play_aside(folder: Path, width: int, *, terminal: bool) -> tuple[str, list[str]]:
    """The second scenario for a console of that width, with colours for a terminal; what it shows, its problems."""
    shown = io.StringIO()
    console = Console(file=shown, width=width, highlight=False, force_terminal=terminal)
    problems = play_address(folder, console)
    return shown.getvalue(), problems


def main() -> int:
    """Play both scenarios; the exit code."""
    console = Console(highlight=False)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ec2kit-demo-") as folder, ProcessPoolExecutor(1) as aside:
        second = aside.submit(play_aside, Path(folder, "address"), console.width, terminal=console.is_terminal)
        problems = play_routes(Path(folder, "routes"), console)
        shown, more = second.result()
        console.file.write(shown)
        problems += more
    seconds = time.monotonic() - began
    for problem in problems:
        console.print(Text(f"not as it should be: {problem}", style="bold red"))
    if not problems:
        console.print(Text(f"Every step was as it should be; {seconds:.0f} s in all.", style="bold green"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
