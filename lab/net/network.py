"""Two nodes, a client and the internet around a VPC router that is this thread. See docs/cluster-lab.md.

Addresses: node1 10.0.1.11, node2 10.0.2.12, client 10.0.3.13, each in a subnet with the router at .1; EC2 at
10.99.0.1, which is the router's; the internet's one host at 198.51.100.13. In the variant `private` node2 is in
node1's subnet, at 10.0.1.12. Each host has a cable of its own there too, and the router answers for all others (proxy
ARP), so that EC2 alone says who has an address, as in a VPC.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from lab import PROJECT
from lab.ec2.server import REGION, Ec2
from lab.ec2.tls import Authority, among_others
from lab.ec2.vpc import PacketLab, packets
from lab.imds import Imds
from lab.net.hosts import Host, new_network
from lab.net.mirror import INTERNET, OUTSIDE, OUTSIDE_TABLE, RULES, Mirror, Port, feed

NODES = ("node1", "node2")
FRONT, ENDPOINT = "10.99.0.1", f"ec2.{REGION}.amazonaws.com"
CA = "/etc/ssl/ec2kit-lab.pem"  # on each node
_SYSTEM_PATH = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"
}  # no environment of a developer's, which hacluster may not read
_OUTSIDE_GATEWAY = "198.51.100.1"
_MACHINE_OWN = (
    "/root/.aws /etc/ec2kit /etc/default/LifeKeeper /var/lib/ec2kit /opt/ec2kit /usr/local/sbin/ec2kit "
    "/usr/lib/ocf/resource.d/ec2kit"
)


@dataclass
class NetLab:
    """The running lab. `imds` is each node's metadata service; a node that is down has neither host nor imds."""

    ec2: Ec2
    vpc: PacketLab
    mirror: Mirror
    kit: bytes
    hosts: dict[str, Host] = field(default_factory=dict)
    imds: dict[str, Imds] = field(default_factory=dict)

    def boot(self, name: str) -> Host:
        """Switch a host of the VPC on, with a fresh disk, and plug it in."""
        host = self.hosts[name] = Host(name)
        if name in NODES:
            _set_up_node(host, self)
        self._plug(name, host)
        return host

    def kill(self, name: str) -> None:
        """End a host as a power failure does. In EC2 nothing changes."""
        self.cut(name)
        imds = self.imds.pop(name, None)
        if imds:
            imds.close()
        self._unplug(name)
        feed(
            ["ip", "-batch", "-"], f"link delete r-{name}\n"
        )  # the network itself may wait for a socket's last words
        self.hosts.pop(name).kill()
        feed(["nft", "-f", "-"], f'delete element ip lab cut {{ "r-{name}" }}\n')

    def cut(self, name: str) -> None:
        """Let no packet from or to a host pass, EC2's included; its interface keeps link, as in EC2."""
        feed(["nft", "-f", "-"], f'add element ip lab cut {{ "r-{name}" }}\n')

    def part(self) -> None:
        """Let no packet pass between the two nodes; both still reach EC2 and the clients."""
        one, two = (self.vpc.nodes[name].interfaces[0].private_ip for name in NODES)
        feed(["nft", "-f", "-"], f"add element ip lab apart {{ {one} . {two}, {two} . {one} }}\n")

    def heal(self) -> None:
        """End `cut` and `part`."""
        feed(["nft", "-f", "-"], "flush set ip lab cut\nflush set ip lab apart\n")

    def take_link(self, name: str) -> None:
        """Take the link from a node's eth0: it has no carrier any more."""
        self._unplug(name)
        feed(["ip", "-batch", "-"], f"link set r-{name} down\n")

    def give_link(self, name: str) -> None:
        """Undo `take_link`."""
        self._connect(name)

    def power_by_ec2(self) -> None:
        """From now on who stops a node's instance in EC2 kills the node, and who starts it again boots the node."""
        moved, turn, before = self.ec2.watcher, threading.Lock(), self._running()

        def follow() -> None:
            moved()
            with turn:
                now = self._running()
                for name in before - now:
                    if name in self.hosts:
                        self.kill(name)
                for name in now - before:
                    self.boot(name)
                before.clear()
                before.update(now)

        self.ec2.watcher = follow

    def _running(self) -> set[str]:
        """The nodes whose instances run, as EC2 says."""
        found = self.ec2.truth().describe_instances()["Reservations"]
        states = {each["InstanceId"]: each["State"]["Name"] for one in found for each in one["Instances"]}
        return {name for name in NODES if states[self.vpc.nodes[name].instance_id] == "running"}

    def _plug(self, name: str, host: Host) -> None:
        port = _port(self.vpc, name)
        feed(
            ["ip", "-batch", "-"],
            f"link add {port.link} type veth peer name eth0 address {port.mac} netns {host.pid}\n"
            f"address add {port.gateway}/32 dev {port.link}\n",
        )
        if self.vpc.address:
            Path("/proc/sys/net/ipv4/conf", port.link, "proxy_arp").write_text("1\n")
            Path("/proc/sys/net/ipv4/neigh", port.link, "proxy_delay").write_text("0\n")
        lines = [
            f"address add {port.address}/{port.cidr.partition('/')[2]} dev eth0",
            "link set eth0 up",
            f"route add default via {port.gateway}",
        ]
        if name in NODES:
            lines.append("address add 169.254.169.254/32 dev lo")
        host.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n", check=True)
        if name in NODES:
            self.imds[name] = Imds(
                self.vpc.nodes[name], self.ec2, name=name, host="169.254.169.254", port=80, where=host.network
            )
        self._connect(name)

    def _connect(self, name: str) -> None:
        port = _port(self.vpc, name)
        feed(
            ["ip", "-batch", "-"],
            f"link set {port.link} up\n"
            f"route replace {port.address}/32 dev {port.link}\n"  # for what the router itself sends
            f"neighbour replace {port.address} lladdr {port.mac} dev {port.link} nud permanent\n",
        )
        self.mirror.ports[name] = port
        self._settle()

    def _unplug(self, name: str) -> None:
        del self.mirror.ports[name]
        self._settle()

    def _settle(self) -> None:
        self.mirror.touch()
        self.mirror.settle()


def _port(vpc: PacketLab, name: str) -> Port:
    number, eth0 = [*vpc.nodes].index(name) + 1, vpc.nodes[name].interfaces[0]
    gateway, cidr = str(IPv4Network(eth0.subnet_cidr)[1]), eth0.subnet_cidr
    return Port(f"r-{name}", eth0.subnet, cidr, gateway, eth0.eni, eth0.private_ip, eth0.mac, 100 + number)


def staged() -> bytes:
    """The kit as ./install stages it for a package, with this machine's Python: a tar archive. Needs pip's index."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(PROJECT / "install"), "--destdir", folder]
        done = subprocess.run(command, env=os.environ | _SYSTEM_PATH, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        names = [each.name for each in Path(folder).iterdir()]  # not the folder itself, which is this user's alone
        return subprocess.run(["tar", "-C", folder, "-cf", "-", *names], capture_output=True, check=True).stdout


@contextmanager
def net_lab(kit: bytes, *, tables: int = 1, forwards: bool = False, private: bool = False) -> Iterator[NetLab]:
    """The lab, for as long as this lasts; this thread, and what it starts, is on the router meanwhile.

    kit: what `staged` made, for the nodes. tables, forwards, private: as of lab.ec2.vpc.packets.
    """
    with new_network(), ExitStack() as stack:
        outside = Host("internet")
        stack.callback(outside.kill)
        _set_up_router(outside)
        authority = Authority(outside.root / CA.lstrip("/"))  # a disk that leaves nothing behind
        among_others(authority.bundle)
        ec2 = stack.enter_context(Ec2(tls=authority, host=FRONT, port=443, name=ENDPOINT))
        vpc = packets(ec2.truth(), tables, forwards=forwards, private=private)
        mirror = Mirror(ec2, vpc.vpc)
        stack.callback(mirror.close)
        lab = NetLab(ec2, vpc, mirror, kit, {"internet": outside})
        stack.callback(_end, lab)
        for name in vpc.nodes:
            lab.boot(name)
        yield lab


def _end(lab: NetLab) -> None:
    for imds in lab.imds.values():
        imds.close()
    for host in lab.hosts.values():
        host.kill()


def _set_up_router(outside: Host) -> None:
    for name, value in {"ip_forward": 1, "conf/all/rp_filter": 0, "conf/default/rp_filter": 0}.items():
        Path("/proc/sys/net/ipv4", name).write_text(f"{value}\n")
    for kind in ("all", "default"):
        Path("/proc/sys/net/ipv4/conf", kind, "send_redirects").write_text("0\n")
        Path("/proc/sys/net/ipv6/conf", kind, "disable_ipv6").write_text("1\n")
    rules = [f"rule add iif r-{name} lookup {101 + number}\n" for number, name in enumerate((*NODES, "client"))]
    feed(
        ["ip", "-batch", "-"],
        "link set lo up\n"
        f"address add {FRONT}/32 dev lo\n"
        f"link add {OUTSIDE} type veth peer name eth0 netns {outside.pid}\n"
        f"address add {_OUTSIDE_GATEWAY}/24 dev {OUTSIDE}\n"
        f"link set {OUTSIDE} up\n"
        f"rule add iif {OUTSIDE} lookup {OUTSIDE_TABLE}\n" + "".join(rules),
    )
    feed(["nft", "-f", "-"], RULES)
    lines = f"address add {INTERNET}/24 dev eth0\nlink set eth0 up\nroute add default via {_OUTSIDE_GATEWAY}\n"
    outside.run("ip", "-batch", "-", stdin=lines, check=True)


def _set_up_node(host: Host, lab: NetLab) -> None:
    """Give a node what EC2 gives an instance: names, trust in EC2's certificate; nothing of this machine's own."""
    host.run("sh", "-c", f"rm -rf {_MACHINE_OWN}", check=True)
    known = {name: lab.vpc.nodes[name].interfaces[0].private_ip for name in NODES} | {ENDPOINT: FRONT}
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in known.items())]
    host.write("/etc/hosts", "\n".join(lines) + "\n")
    host.write("/etc/resolv.conf", "")
    host.write(CA, Path(str(lab.ec2.ca_bundle)).read_text())
    host.write("/root/.aws/config", f"[default]\nca_bundle = {CA}\n")
    (host.root / "run/kit.tar").write_bytes(lab.kit)
    host.run("sh", "-c", "tar -xf /run/kit.tar -C / && rm /run/kit.tar", check=True)
