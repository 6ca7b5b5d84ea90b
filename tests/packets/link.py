"""The repair of a link with the real `ip` and kernel: what the interface had it has again, and all else stays."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import PROJECT
from lab.net.hosts import ENVIRONMENT, Host, until

NETWORKD = Path("/lib/systemd/systemd-networkd")
REPAIR = f"""
import os, sys
sys.path.insert(0, {str(PROJECT)!r})
from ec2kit.host import nic
from ec2kit.host.deadline import Deadline
print(os.getpid(), flush=True)
print(nic.bring_up(sys.argv[1], wait=1, deadline=Deadline(20)))
"""
NAMED = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from ec2kit.host import nic
print(nic.own_name("/sys", sys.argv[1]), nic.mac("/sys", sys.argv[1]), nic.has("/sys", sys.argv[1]))
"""
# Of each kind that the kernel drops something; on eth0 and of no interface what must stay as it is.
RICH = """
ip address add 10.0.1.10/24 dev eth0
ip address add 10.0.2.10/24 dev eth1
ip address add 10.0.2.11/24 dev eth1
ip address add 10.0.2.99/32 dev eth1
ip address add 10.0.3.5/24 dev eth1 label eth1:x noprefixroute metric 77 valid_lft 3600 preferred_lft 1800
ip address add 10.0.4.1 peer 10.0.4.2/32 dev eth1
ip address add fd00:1::10/64 dev eth0 nodad
ip address add fd00:2::10/64 dev eth1
ip address add fd00:2::11/64 dev eth1 nodad preferred_lft 0 valid_lft 3000
ip address add fd00:2::12/128 dev eth1 noprefixroute
ip address add fd00:2::13/64 dev eth1 preferred_lft 900 valid_lft 3000
ip address add fd00:4::1 peer fd00:4::2/128 dev eth1
sleep 2.5
ip route add default via 10.0.2.1 dev eth1 metric 100 proto dhcp src 10.0.2.10
ip route add default via 10.0.1.1 dev eth0 metric 200
ip route add 169.254.169.254 dev eth1 scope link
ip route add 172.16.0.0/16 via 10.0.2.1 mtu lock 1400 advmss 1000 quickack 1 rto_min 300ms
ip route add 172.17.0.0/16 via 10.0.9.9 dev eth1 onlink
ip route add 172.18.0.0/16 dev eth1 scope global tos 0x10
ip route add 172.19.0.0/16 nexthop via 10.0.1.1 dev eth0 weight 2 nexthop via 10.0.2.1 dev eth1 weight 3
ip route add 172.20.0.0/16 nexthop via 10.0.2.1 dev eth1 nexthop via 10.0.2.2 dev eth1
ip route add blackhole 172.21.0.0/16
ip route add unreachable 172.22.0.0/16 metric 9
ip route add 172.23.0.0/16 via 10.0.1.1 dev eth0
ip route append 172.23.0.0/16 via 10.0.2.1 dev eth1
ip route add 172.24.0.0/16 via 10.0.2.1 dev eth1
ip route append 172.24.0.0/16 via 10.0.1.1 dev eth0
ip route add 172.25.0.0/16 via inet6 fe80::1 dev eth1
ip route add 172.26.0.0/16 via 10.0.1.1 dev eth0 src 10.0.2.11
ip route add local 172.27.0.0/16 dev eth1
ip route add default via 10.0.2.1 dev eth1 table 1001
ip route add 10.0.2.0/24 dev eth1 proto kernel scope link src 10.0.2.11 table 1001
ip rule add from 10.0.2.10 lookup 1001
ip rule add iif eth1 lookup 1001
ip -6 route add default via fe80::1 dev eth1 metric 50
ip -6 route add default via fe80::1 dev eth0 metric 60
ip -6 route add fd00:9::/64 via fd00:2::1 metric 10
ip -6 route add fd00:9::/64 via fd00:2::2 metric 20 src fd00:2::10
ip -6 route add fd00:a::/64 nexthop via fd00:2::1 dev eth1 weight 2 nexthop via fd00:1::1 dev eth0
ip -6 route add fd00:b::/64 nexthop via fd00:2::1 dev eth1 nexthop via fd00:2::2 dev eth1
ip -6 route add blackhole fd00:c::/64
ip -6 route add fd00:d::/64 dev eth1 expires 3000
ip -6 route add fd00:e::/64 dev eth0
ip -6 route append fd00:e::/64 dev eth1
ip -6 route add default via fe80::1 dev eth1 table 1001
ip -6 rule add from fd00:2::10 lookup 1001
ip neighbor add 10.0.2.77 lladdr 02:00:00:00:00:77 dev eth1 nud permanent
ip neighbor add 10.0.2.78 lladdr 02:00:00:00:00:78 dev eth1 nud noarp
ip neighbor add 10.0.1.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
ip neighbor add fd00:2::77 lladdr 02:00:00:00:00:77 dev eth1 nud permanent router
ip neighbor add proxy 10.0.2.79 dev eth1
ip neighbor add proxy fd00:2::79 dev eth1
ip maddress add 33:33:00:00:12:34 dev eth1
ip nexthop add id 7 via 10.0.2.1 dev eth1
ip nexthop add id 8 via 10.0.1.1 dev eth0
ip nexthop add id 9 group 7,2/8
ip nexthop add id 10 group 7
ip nexthop add id 11 via fd00:2::1 dev eth1 onlink
ip route add 172.30.0.0/16 nhid 7
ip route add 172.31.0.0/16 nhid 9
ip route add 172.32.0.0/16 nhid 10
ip -6 route add fd00:f::/64 nhid 11
ip token set ::5 dev eth1
tc qdisc replace dev eth1 root handle 1: pfifo limit 77
sysctl -qw net.ipv6.conf.eth1.hop_limit=33 net.ipv4.conf.eth1.rp_filter=2 net.ipv4.conf.eth1.promote_secondaries=1
"""
LISTED = (
    "ip -o -d -4 route show table all",
    "ip -o -d -6 route show table all",
    "ip -o address",
    "ip rule",
    "ip -6 rule",
    "ip -d nexthop",
    "ip neighbor show nud permanent",
    "ip neighbor show dev eth1 nud noarp",
    "ip neighbor show proxy",
    "ip -o -d link show type veth",
    "ip token",
    "tc qdisc show dev eth1",
    "sysctl net.ipv4.conf.eth1 net.ipv6.conf.eth1",
    "ip maddress show dev eth1",
)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with eth0 and eth1, each on a cable to a port."""
    made = Host("node1")
    try:
        made.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6", check=True)
        made.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6", check=True)
        for number in "01":
            made.run("ip", "link", "add", f"eth{number}", "type", "veth", "peer", "name", f"p{number}", check=True)
            made.run("ip", "link", "set", f"eth{number}", "up", check=True)
            made.run("sysctl", "-qw", f"net.ipv6.conf.p{number}.disable_ipv6=1", check=True)
            made.run("ip", "link", "set", f"p{number}", "up", check=True)
        yield made
    finally:
        made.kill()


def rich(host: Host) -> list[str]:
    """Give the host of everything something; what it has then."""
    host.run("sh", "-e", "-c", RICH, check=True)
    return has(host)


def has(host: Host, without: str = "") -> list[str]:
    """What the host has, without what runs on by itself, what the kernel finds out or keeps for a moment."""
    lines = []
    for command in LISTED:
        for line in host.run(*command.split()).stdout.splitlines():
            steady = re.sub(r"(expires|valid_lft|preferred_lft) \d+sec| linkdown| dead|<.*>|state \w+", r"\1", line)
            if not re.search("lladdr (33:33|01:00|ff:ff)", line):
                lines.append(f"{command}: {steady.replace(without, '')}")
    return sorted(lines)


def in_order(host: Host) -> list[str]:
    """The addresses of eth1 in the kernel's order, which prefers one of several as the source."""
    return re.findall(r"inet6? \S+", host.run("ip", "address", "show", "dev", "eth1").stdout)


def repair(host: Host, interface: str = "eth1") -> str:
    """Repair a link, with the kit; what it says that is not as before."""
    return host.run(sys.executable, "-c", REPAIR, interface, check=True).stdout.split("\n", 1)[1].strip()


def begun(host: Host) -> tuple[subprocess.Popen[str], str]:
    """The kit in the middle of it, with eth1 down, and its process id in the host."""
    run = host.popen(sys.executable, "-c", REPAIR, "eth1")
    assert run.stdout
    pid = run.stdout.readline().strip()
    until(lambda: ",UP" not in host.run("ip", "link", "show", "eth1").stdout, lambda: "eth1 is still up", 10)
    return run, pid


def same(host: Host, before: list[str], without: str = "") -> None:
    """Raises TimeoutError with what differs, where the host does not become as it was before."""
    until(lambda: has(host, without) == before, lambda: sorted(set(before) ^ set(has(host, without))), 6)


def test_what_the_interface_had_it_has_again(host: Host) -> None:
    """Routes of all tables, default routes, addresses, neighbours, nexthop objects; and all else is as it was."""
    before, order = rich(host), in_order(host)
    said = repair(host)
    same(host, before)
    assert said == ""
    assert in_order(host) == order


def test_an_interface_by_an_alternative_name(host: Host) -> None:
    """udev gives them: its own name and hardware address are told by each; a name that is gone is no interface's."""
    there = host.run("cat", "/sys/class/net/eth1/address", check=True).stdout.strip()
    for name in ("ens5", "enX0", "x" * 127):
        host.run("ip", "link", "property", "add", "dev", "eth1", "altname", name, check=True)
        assert host.run(sys.executable, "-c", NAMED, name, check=True).stdout.split() == ["eth1", there, "True"]
    host.run("ip", "link", "property", "del", "dev", "eth1", "altname", "ens5", check=True)
    assert "no network interface ens5" in host.run(sys.executable, "-c", NAMED, "ens5").stderr


def test_an_interface_with_any_name(host: Host) -> None:
    """It is one word, for the shell and for ip."""
    host.run("ip", "link", "set", "eth0", "name", name := "a;$(id)#'b", check=True)
    host.run("ip", "address", "add", "10.0.1.10/24", "dev", name, check=True)
    host.run("ip", "route", "add", "default", "via", "10.0.1.1", "dev", name, check=True)
    time.sleep(2.5)
    before = has(host)
    said = repair(host, name)
    same(host, before)
    assert said == ""


def test_without_link_all_the_same(host: Host) -> None:
    """The cable is out, and stays out: what was there is there for the moment when it is in again."""
    rich(host)
    host.run("ip", "link", "set", "p1", "down", check=True)
    time.sleep(1)  # the kernel drops the nexthop objects by itself
    before = has(host)
    said = repair(host)
    same(host, before)
    assert said == ""
    host.run("ip", "link", "set", "p1", "up", check=True)
    same(host, before)


def test_the_kit_is_killed_in_the_middle(host: Host) -> None:
    """The repair goes on to its end, and puts back what was there."""
    before = rich(host)
    run, pid = begun(host)
    host.run("kill", "-9", pid, check=True)
    run.communicate(timeout=10)
    assert run.returncode
    assert ",UP" not in host.run("ip", "link", "show", "eth1").stdout
    same(host, before)


def test_what_a_manager_does_meanwhile_stays(host: Host) -> None:
    """What it puts there is not replaced, what it takes from another interface or of IPv4 does not come back."""
    rich(host)
    run, _ = begun(host)
    for change in (
        "address del 10.0.2.99/32 dev eth1",
        "address add 10.0.2.50/24 dev eth1",
        "route del 172.26.0.0/16",
        "route add default via 10.0.1.9 dev eth0 metric 100",
        "-6 route add fd00:9::/64 via fd00:1::9 dev eth0 metric 10",
        "neighbor del 10.0.1.77 dev eth0",
    ):
        host.run("ip", *change.split(), check=True)
    said, _ = run.communicate(timeout=20)
    now = "\n".join(has(host))
    assert "10.0.2.99" not in now
    assert "10.0.2.50/24" in now
    assert "172.26.0.0/16" not in now
    assert re.findall(r"default via (\S+) dev \S+ table main .* metric 100", now) == ["10.0.1.9"]
    assert re.findall(r"fd00:9::/64 via (\S+) dev \S+ table main .* metric 10 ", now) == ["fd00:1::9"]
    assert "10.0.1.77" not in now
    assert "address 10.0.2.99/32" in said
    assert "route unicast default via 10.0.2.1" in said


def test_a_route_that_could_not_be_put_back_is_a_reason_not_to_begin(host: Host) -> None:
    """With encapsulation, which the kit does not know: the interface stays up, and the line names the route."""
    host.run("ip", "address", "add", "10.0.2.10/24", "dev", "eth1", check=True)
    wrapped = "route add 172.16.0.0/16 encap ip id 5 dst 10.0.2.1 dev eth1"
    if host.run("ip", *wrapped.split()).returncode:
        wrapped = "-6 route add fd00:9::/64 encap ioam6 trace prealloc type 0x800000 ns 1 size 12 dev eth1"
        host.run("ip", *wrapped.split(), check=True)
    until(lambda: "tentative" not in host.run("ip", "-6", "address").stdout, lambda: "an address is tentative", 10)
    before = has(host)
    done = host.run(sys.executable, "-c", REPAIR, "eth1")
    assert "eth1 is not taken down, for what it has could not be put back" in done.stderr
    assert "encap" in done.stderr
    assert has(host) == before


@pytest.mark.skipif(not NETWORKD.exists(), reason="systemd-networkd is not installed")
@pytest.mark.parametrize("unplugged", [False, True])
def test_with_systemd_networkd_in_charge(host: Host, *, unplugged: bool) -> None:
    """It puts back its own, the kit the rest, and nothing is there twice."""
    network = "[Match]\nName=eth1\n[Network]\nAddress=10.0.2.10/24\nAddress=fd00:2::10/64\nGateway=10.0.2.1\n"
    host.write("/run/systemd/network/1.network", f"{network}[Route]\nDestination=172.16.0.0/16\nGateway=10.0.2.1\n")
    host.run("sh", "-c", "mkdir -p /run/systemd/netif; chown systemd-network: /run/systemd/netif", check=True)
    host.run("mount", "-o", "remount,ro", "/sys", check=True)  # as in a container: no udev is waited for
    host.spawn(str(NETWORKD), env={**ENVIRONMENT, "SYSTEMD_LOG_LEVEL": "info"}, says="eth1: Gained IPv6LL")
    until(lambda: "172.16.0.0/16" in host.run("ip", "route").stdout, lambda: host.run("ip", "route").stdout, 10)
    host.run(
        "sh",
        "-e",
        "-c",
        "ip address add 10.0.2.99/32 dev eth1; ip address add fd00:2::99/64 dev eth1\n"
        "ip route add 172.17.0.0/16 via 10.0.2.1; ip route add default via 10.0.2.1 dev eth1 table 1001\n"
        "ip -6 route add fd00:9::/64 via fd00:2::1",
        check=True,
    )
    time.sleep(3)
    before = has(host)
    if unplugged:
        host.run("ip", "link", "set", "p1", "down", check=True)
        time.sleep(1)
    said = repair(host)
    if unplugged:  # a gateway is out of reach for as long as networkd's address is away
        host.run("ip", "link", "set", "p1", "up", check=True)
    same(host, before, " onlink" if unplugged else "")
    assert said == ""
