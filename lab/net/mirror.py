"""What the VPC's fabric does with packets: moto's route tables, checks and Elastic IPs, kept up in the kernel.

Route tables become the kernel's policy tables, one for each subnet. The source/dest check and the Elastic IP are
nftables: the latter is rewritten packet by packet, as an internet gateway does, so no flow sticks to an old place.
"""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.ec2.vpc import ANYWHERE

if TYPE_CHECKING:
    from lab.ec2.server import Ec2
    from lab.ec2.strict import Fabric

OUTSIDE, OUTSIDE_TABLE = "r-internet", 100  # the router's link to what is outside of the VPC, and its table
INTERNET = "198.51.100.13"  # the one host there; documentation's own network
RULES = """
table ip lab {
  set cut { type ifname; }
  set apart { type ipv4_addr . ipv4_addr; }
  set checked { type ifname; }
  set own { type ifname . ipv4_addr; }
  map inward { type ipv4_addr : ipv4_addr; }
  map outward { type ipv4_addr : ipv4_addr; }
  chain arrive {
    type filter hook prerouting priority raw;
    iifname @cut drop
    ip saddr . ip daddr @apart drop
    iifname @checked iifname . ip saddr != @own drop
    iifname "r-internet" ip daddr set ip daddr map @inward accept
    iifname "r-internet" drop
  }
  chain leave {
    type filter hook postrouting priority srcnat;
    oifname @cut drop
    oifname @checked oifname . ip daddr != @own drop
    oifname "r-internet" ip saddr set ip saddr map @outward accept
    oifname "r-internet" drop
  }
}
"""


@dataclass(frozen=True)
class Port:
    """Where a host is plugged in: the router's end of its cable, its subnet, its ENI, the kernel's table of it."""

    link: str
    subnet: str
    cidr: str
    gateway: str
    eni: str
    address: str
    mac: str
    table: int


@dataclass(frozen=True)
class State:
    """What the kernel is to do: (table, destination) -> the rest of a route; the names of sets -> their elements."""

    routes: Mapping[tuple[int, str], str] = field(default_factory=dict)
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Mirror:
    """The kernel of this network as `ec2` has its VPC, from creation to `close`; `ports` are yours to change.

    `propagation` is how many seconds a change takes to reach the packets, each change by its own clock.
    `touch` makes it look again. `settle` waits until all that was changed so far is in the kernel.
    """

    def __init__(self, ec2: Ec2, vpc: str) -> None:
        self.propagation = 0.0
        self.ports: dict[str, Port] = {}
        self._vpc = vpc
        self._ec2 = ec2
        self._now = State()
        self._told = self._read = self._done = 0  # how many changes: heard of, looked at, in the kernel
        self._closed = False
        self._failure: BaseException | None = None
        self._turn = threading.Condition()
        self._due: queue.Queue[tuple[float, int, State] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._run, args=(part,)) for part in (self._follow, self._carry_out)]
        for thread in self._threads:
            thread.daemon = True
            thread.start()
        ec2.watcher = self.touch

    def close(self) -> None:
        """Stop; raises what went wrong meanwhile."""
        self._ec2.watcher = lambda: None
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure

    def touch(self) -> None:
        """Look at EC2 again, soon."""
        with self._turn:
            self._told += 1
            self._turn.notify_all()

    def settle(self, timeout: float = 30) -> None:
        """Wait until all changes so far are in the kernel. Raises what went wrong, or TimeoutError."""
        with self._turn:
            wanted = self._told
            ended = self._turn.wait_for(lambda: self._done >= wanted or self._failure is not None, timeout)
        if self._failure:
            raise self._failure
        if not ended:
            raise TimeoutError(f"the router does not follow EC2 within {timeout} s")

    def _run(self, part: Any) -> None:
        try:
            part()
        except BaseException as error:
            with self._turn:
                self._failure = error
                self._turn.notify_all()
            raise

    def _follow(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or self._told > self._read)
                if self._closed:
                    self._due.put(None)
                    return
                read = self._read = self._told
                ports = dict(self.ports)
            due = time.monotonic() + self.propagation
            self._due.put((due, read, desired(self._ec2.fabric(self._vpc), ports)))

    def _carry_out(self) -> None:
        while (item := self._due.get()) is not None:
            due, read, state = item
            with self._turn:
                self._turn.wait_for(lambda: self._closed, max(0.0, due - time.monotonic()))
                if self._closed:
                    return
            apply(self._now, state)
            self._now = state
            with self._turn:
                self._done = read
                self._turn.notify_all()


def desired(fabric: Fabric, ports: Mapping[str, Port]) -> State:
    """What EC2's route tables, interfaces and addresses say, for the hosts that are plugged in at `ports`.

    An address of a subnet leads to the interface that has it in EC2, also from within the subnet; no host is asked.
    """
    by_eni = {port.eni: port for port in ports.values()}
    own = {address: port for eni, port in by_eni.items() for address in fabric.private[eni]}
    subnets = dict.fromkeys((port.cidr for port in ports.values()), "")
    local = {**subnets, **{f"{address}/32": _to(port) for address, port in own.items()}}
    routes = {(OUTSIDE_TABLE, to): where for to, where in {ANYWHERE: "", **local}.items()}
    for port in ports.values():
        table = fabric.tables.get(port.subnet, fabric.tables[""])
        entries = {to: _hop(target, by_eni) for to, target in table.items()}
        routes |= {(port.table, to): where for to, where in {ANYWHERE: "", **entries, **local}.items()}
    eips = [(public, private) for public, (eni, private) in fabric.addresses.items() if eni in by_eni]
    sets = {
        "checked": frozenset(f'"{port.link}"' for port in ports.values() if port.eni in fabric.checked),
        "own": frozenset(f'"{port.link}" . {address}' for address, port in own.items()),
        "inward": frozenset(f"{public} : {private}" for public, private in eips),
        "outward": frozenset(f"{private} : {public}" for public, private in eips),
    }
    return State(routes, sets)


def _hop(target: str, by_eni: Mapping[str, Port]) -> str:
    """The rest of a kernel route; empty is a black hole."""
    if target.startswith("igw-"):
        return f"via {INTERNET} dev {OUTSIDE} onlink"
    port = by_eni.get(target)
    return _to(port) if port else ""


def _to(port: Port) -> str:
    return f"via {port.address} dev {port.link} onlink"


def apply(before: State, after: State) -> None:
    """Make the kernel of this thread's network do as `after` says, where it does as `before` says."""
    routes = [
        f"route replace {'' if where else 'blackhole '}{to} {where} table {table}\n"
        for (table, to), where in after.routes.items()
        if before.routes.get((table, to)) != where
    ]
    gone = [f"route del {to} table {table}\n" for table, to in before.routes if (table, to) not in after.routes]
    sets = []
    for name, elements in after.sets.items():
        if before.sets.get(name) == elements:
            continue
        kind = "map" if name in {"inward", "outward"} else "set"
        sets.append(f"flush {kind} ip lab {name}\n")
        if elements:
            sets.append(f"add element ip lab {name} {{ {', '.join(sorted(elements))} }}\n")
    for command, lines in ((["nft", "-f", "-"], sets), (["ip", "-batch", "-"], routes + gone)):
        if lines:
            feed(command, "".join(lines))


def feed(command: list[str], text: str) -> None:
    """Run a program of the router with `text` as its standard input. Raises RuntimeError with what it said."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}for\n{text}")
