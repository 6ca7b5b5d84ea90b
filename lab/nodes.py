"""The lab's nodes: each is a folder, a metadata endpoint and a system name; together they are a lab.

The kit does not know that it is in a lab. It is reached through its settings alone: the file that
EC2KIT_DEFAULTS names says where EC2, the metadata, /sys and LifeKeeper are.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.places import ADMIN, COMMAND, PLACES, RESOURCES, SCRIPTS
from ec2kit.pacemaker.agents import FOLDER
from lab import PROJECT
from lab.ec2.server import Ec2
from lab.ec2.tls import Authority
from lab.ec2.vpc import AddressLab, PrivateLab, RouteLab, figure1, figure2, figure3, replacement
from lab.imds import Imds, NodeIdentity
from lab.lifekeeper import generic, install, store
from lab.lifekeeper.ipkit import install_ip_kit
from lab.lifekeeper.programs import call
from lab.taps import Taps

# A stand-in for the program that would touch the real host's interfaces.
_IP = """#!/bin/sh
# ip link set dev NAME up|down, on this node's folder; a file "unplugged" keeps the link down. It has nothing to list.
[ "$1 $2 $3" = "link set dev" ] || exit 0
nic="{sysfs}/class/net/$4"
[ -d "$nic" ] || exit 1
echo "$5" >> "{root}/ip.log"
case $5 in
  down) echo 0 > "$nic/carrier"; echo down > "$nic/operstate" ;;
  up) [ -e "$nic/unplugged" ] || {{ echo 1 > "$nic/carrier"; echo up > "$nic/operstate"; }} ;;
esac
"""
# How a script of the kit begins here: with this lab's Python, and the kit of a source tree.
_PYTHON = "#!{python}\nimport sys\n\nsys.path.insert(0, {source!r})\n"
_SEEDED: dict[Any, tuple[RouteLab | AddressLab, object]] = {}  # what a figure has seeded once, and EC2's state then


@dataclass(frozen=True)
class Node:
    """One node without root: its folder, who it is, and its metadata service."""

    name: str
    root: Path
    identity: NodeIdentity
    imds: Imds

    @property
    def lkroot(self) -> Path:
        """LifeKeeper's folder on this node."""
        return self.root / "opt/LifeKeeper"

    @property
    def ocf_root(self) -> Path:
        """Where Pacemaker finds agents on this node."""
        return self.root / "usr/lib/ocf"

    @property
    def sysfs(self) -> Path:
        """What the node has in place of /sys."""
        return self.root / "sys"

    @property
    def procfs(self) -> Path:
        """What the node has in place of /proc."""
        return self.root / "proc"

    @property
    def defaults(self) -> Path:
        """The node's /etc/default/LifeKeeper."""
        return self.root / "etc/default/LifeKeeper"

    @property
    def credentials(self) -> Path:
        """The node's /etc/ec2kit/credentials."""
        return self.root / "etc/ec2kit/credentials"

    @property
    def environment(self) -> dict[str, str]:
        """With what a program runs on this node: as bare as LifeKeeper's core gives it."""
        return {
            "EC2KIT_DEFAULTS": str(self.defaults),
            "EC2KIT_CREDENTIALS": str(self.credentials),  # here, so that no settings file can miss them:
            "EC2KIT_HISTORY": str(self.root / "var/lib/ec2kit"),  # nothing of this machine's own is written
            "OCF_ROOT": str(self.ocf_root),
            "HA_RSCTMP": str(self.root / "run/resource-agents"),
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
        }

    def run(
        self, *command: str, timeout: float = 120.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on this node and wait for it; environment: what is to be added to the node's."""
        return subprocess.run(
            command,
            env={**self.environment, **(environment or {})},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def action(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the kit's actions on this node, as LifeKeeper does."""
        return self.run(str(self.script(name)), *arguments)

    def script(self, action: str) -> Path:
        """Where LifeKeeper finds an action of the kit."""
        return self.lkroot / (SCRIPTS if action in ADMIN else f"{RESOURCES}/actions") / action

    def harness(self, action: str) -> Path:
        """Where LifeKeeper finds an action of its Generic Application kit."""
        return self.lkroot / generic.folder(action) / action

    def copy_of(self, action: str, tag: str) -> Path:
        """Where that kit has its copy of a script, which runs for a tag."""
        return generic.copy_of(self.lkroot, action, tag)

    def ocf(self, kind: str, action: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run an OCF agent of the kit on this node; environment: OCF_RESKEY_ip=..., on top of Pacemaker's own."""
        return self.run(str(self.agent(kind)), action, environment=environment)

    def agent(self, kind: str) -> Path:
        """Where Pacemaker finds an agent of the kit."""
        return self.ocf_root / FOLDER / kind

    def ec2kit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the admin's command line on this node."""
        return self.run(str(self.root / "bin/ec2kit"), *arguments)

    def lk(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the LifeKeeper stand-in's programs on this node."""
        return self.run(str(self.lkroot / "bin" / program), *arguments)

    def lcd(self, program: str, *arguments: str) -> None:
        """Run such a program in this process, in a tenth of the time: to set a lab up. ValueError when it fails."""
        if (code := call(self.lkroot, program, *arguments)) not in (store.OK, store.EXISTS):
            raise ValueError(f"{program} {' '.join(arguments)} on {self.name} ended with {code}")

    def default_route(self, interface: str | None) -> None:
        """Send the node's IPv4 default route through an interface; None: it has none."""
        columns = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"
        row = f"{interface} 00000000 0102000A 0003 0 0 100 00000000 0 0 0"
        rows = [columns, row] if interface else [columns]
        path = self.procfs / "net/route"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{each}\n" for each in rows).replace(" ", "\t"))

    def boot(self) -> None:
        """Begin another life of the machine: what is in memory is gone (HA_RSCTMP), and the boot has another id."""
        shutil.rmtree(self.environment["HA_RSCTMP"], ignore_errors=True)  # there is none before the first memory
        path = self.procfs / "sys/kernel/random/boot_id"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{uuid.uuid4()}\n")

    def set(self, **settings: object) -> None:
        """Write settings into the node's /etc/default/LifeKeeper; the last line of a name wins."""
        with self.defaults.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())


@dataclass(frozen=True)
class Lab:
    """A VPC, two nodes in it, and LifeKeeper's stand-in over both; taps: where programs run in a fork server."""

    ec2: Ec2
    vpc: RouteLab | AddressLab
    nodes: dict[str, Node]
    taps: Taps | None = None

    @property
    def node1(self) -> Node:
        """The node that the guide's figures show active."""
        return self.nodes["node1"]

    @property
    def node2(self) -> Node:
        """The standby."""
        return self.nodes["node2"]

    def tap(self, node: Node, place: Path) -> None:
        """Let a program of Python's run in the fork server, if the lab has one.

        All that are there when the lab is made do, and so does each copy of one that does.
        """
        text = place.read_text()
        if self.taps and "python" in text.partition("\n")[0]:
            self.taps.put(node.name, place, small="from ec2kit." not in text)

    def replace(self, name: str) -> Node:
        """Put a new instance in a node's place that has begun from its image, and give the node anew.

        Its folder is the same, with all that the kit and LifeKeeper have written there; the instance, its ENIs, MACs,
        addresses and credentials are others, in EC2, metadata and sysfs. The old instance is terminated: its ENIs are
        attached to nothing, and entries to them are blackholes. `boot` is yours to call.
        """
        node = self.nodes[name]
        identity = replacement(self.ec2.truth(), node.identity, name)
        self.ec2.blackholes.update(each.eni for each in node.identity.interfaces)
        self.ec2.auto_recovery[identity.instance_id] = "disabled"
        node.imds.identity = identity
        node.imds.rotate()
        for interface in identity.interfaces:
            (node.sysfs / "class/net" / interface.name / "address").write_text(f"{interface.mac}\n")
        self.nodes[name] = replace(node, identity=identity)
        return self.nodes[name]


@contextmanager
def route_lab(
    folder: Path, *, tables: int = 2, tls: bool = False, forks: Path | None = None, manager: bool = False
) -> Iterator[Lab]:
    """Figure 1 of the guide, running: the virtual IP 10.1.0.10 is protected by the IP kit and is on node1.

    tls: whether EC2 is reached by https, with a certificate authority that the nodes are told of.
    forks: the fork server in which the nodes' programs run; without one each is executed, as on a real node.
    manager: whether LifeKeeper has its extend manager.
    """
    with ExitStack() as stack:
        ec2 = stack.enter_context(_ec2(folder, tls=tls))
        lab = _lab(stack, folder, ec2, _seeded(ec2, figure1, tables=tables), forks, manager=manager)
        _protect_ip(lab, "ip-vip", "10.1.0.10")
        yield lab


@contextmanager
def address_lab(
    folder: Path, *, tls: bool = False, forks: Path | None = None, manager: bool = False
) -> Iterator[Lab]:
    """Figure 2 of the guide, running: one Elastic IP on node1's eth1, one free. The options are route_lab's."""
    with ExitStack() as stack:
        ec2 = stack.enter_context(_ec2(folder, tls=tls))
        yield _lab(stack, folder, ec2, _seeded(ec2, figure2), forks, manager=manager)


@contextmanager
def private_lab(
    folder: Path, *, tls: bool = False, forks: Path | None = None, manager: bool = False
) -> Iterator[Lab]:
    """Figure 3 of the guide, running: the address 10.0.5.50 is protected by the IP kit and is on node1.

    In EC2 it is a secondary address of node1's eth1, with an Elastic IP. The options are route_lab's.
    """
    with ExitStack() as stack:
        ec2 = stack.enter_context(_ec2(folder, tls=tls))
        vpc = _seeded(ec2, figure3)
        lab = _lab(stack, folder, ec2, vpc, forks, manager=manager)
        assert isinstance(vpc, PrivateLab)
        _protect_ip(lab, f"ip-{vpc.address}", vpc.address)
        yield lab


def _protect_ip(lab: Lab, tag: str, address: str) -> None:
    """Make LifeKeeper's IP resource on both nodes, in service on node1."""
    for node, state in ((lab.node1, "INIT_ISP"), (lab.node2, "INIT_OSU")):
        node.lcd("ins_create", "-a", "comm", "-r", "ip", "-t", tag, "-i", f"IP-{address}", "-I", state)
    (lab.node1.lkroot / "addresses").write_text(f"{address}\n")
    equal = ("-t", tag, "-p", "1", "-r", "10", "-S", "node2", "-o", tag, "-e", "SHARED")
    lab.node1.lcd("eqv_create", *equal)


def _ec2(folder: Path, *, tls: bool) -> Ec2:
    folder.mkdir(parents=True, exist_ok=True)
    return Ec2(tls=Authority(folder / "ca.pem") if tls else None)


def _seeded(ec2: Ec2, figure: Callable[..., RouteLab | AddressLab], **options: int) -> RouteLab | AddressLab:
    """What a figure seeds into an empty EC2: by its calls the first time, after that as a copy of what they made."""
    key = figure, *options.items()
    if key not in _SEEDED:
        vpc = figure(ec2.truth(), **options)
        _SEEDED[key] = vpc, ec2.save()
    vpc, saved = _SEEDED[key]
    ec2.restore(saved)
    return vpc


def _lab(
    stack: ExitStack, folder: Path, ec2: Ec2, vpc: RouteLab | AddressLab, forks: Path | None, *, manager: bool
) -> Lab:
    taps = stack.enter_context(Taps(forks)) if forks else None
    lab = Lab(ec2, vpc, {}, taps)
    for name, identity in vpc.nodes.items():
        imds = stack.enter_context(Imds(identity, ec2, name=name))
        node = lab.nodes[name] = make_node(folder / name, name, identity, imds, ec2)
        environment = node.environment
        install(node.lkroot, system=name, store=folder / "lifekeeper.db", environment=environment, manager=manager)
        install_ip_kit(node.lkroot)
        install_kit(node)
        if taps:
            for place in [path for path in node.root.rglob("*") if path.is_file()]:
                lab.tap(node, place)
        ec2.auto_recovery[identity.instance_id] = "disabled"  # as the guide's requirements want it
    ec2.forget()
    return lab


def make_node(root: Path, name: str, identity: NodeIdentity, imds: Imds, ec2: Ec2) -> Node:
    """Fill a folder as a machine that is this instance; LifeKeeper and the kit come later."""
    node = Node(name, root, identity, imds)
    for interface in identity.interfaces:
        nic = node.sysfs / "class/net" / interface.name
        nic.mkdir(parents=True)
        (nic / "address").write_text(f"{interface.mac}\n")
        (nic / "carrier").write_text("1\n")
        (nic / "operstate").write_text("up\n")
    node.default_route("eth0")
    node.boot()
    node.defaults.parent.mkdir(parents=True)
    node.set(
        LKROOT=node.lkroot,
        EC2KIT_SYSTEM=name,
        EC2KIT_SYSFS=node.sysfs,
        EC2KIT_PROCFS=node.procfs,
        AWS_ENDPOINT_URL_EC2=ec2.url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT=imds.url,
        NOBCASTPING=1,
        RESRVRECTIMEOUT=300,
        **({"AWS_CA_BUNDLE": ec2.ca_bundle} if ec2.ca_bundle else {}),
    )
    _executable(root / "bin/ip", _IP.format(root=root, sysfs=node.sysfs))
    return node


def install_kit(node: Node, source: Path = PROJECT) -> None:
    """Put the kit where LifeKeeper, Pacemaker and people look for it, or another version in its place.

    source: the source tree of that version. Each script has this lab's Python in its first line.
    """
    begin = _PYTHON.format(python=sys.executable, source=str(source))
    for place, action in PLACES:
        _executable(node.lkroot / place, begin + _text(source / "actions" / action))
    for agent in sorted((source / "ocf").iterdir()):  # a script comes before its meta-data
        if agent.suffix == ".xml":
            shutil.copy(agent, node.agent(agent.name).parent)
        else:
            _executable(node.agent(agent.name), begin + _text(agent))
    for command in (node.lkroot / COMMAND, node.root / "bin/ec2kit"):
        _executable(command, begin + _command(source))
    for words in (("app_create", "-a", contract.APP), ("typ_create", "-a", contract.APP, "-r", contract.TYPE)):
        node.lcd(*words)  # the app may be there already


def _text(script: Path) -> str:
    """A script without its first line."""
    return script.read_text().partition("\n")[2]


def _command(source: Path) -> str:
    """The script of the command line; of 0.1.0, what pip makes of [project.scripts]."""
    if (script := source / "bin/ec2kit").exists():
        return _text(script)
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["ec2kit"].partition(":")
    return f"from {module} import {function}\n\n{function}()\n"


def _executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
