"""What the kernel drops from an interface that goes down, read from `ip`, and the commands that put it back. Pure.

Dropped are: the IPv6 addresses; every route over the interface, of all tables; the neighbours and proxies that were
set by hand; the nexthop objects. The IPv4 addresses stay, but NetworkManager takes off those that it does not know
when it sees the interface come up. A gateway that is still out of reach at the end, for a manager gives the address
back later, is then marked as onlink. All else stays: rules, queues, sysctls, the multicast addresses, and what is on
other interfaces.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from itertools import pairwise

Words = tuple[str, ...]

# How often what is missing is put back: one thing needs another, and a manager may take it off again.
_PASSES = 6
_PAUSE = 0.2  # seconds between them
# Words of ip: kinds of route; what it shows and the kernel finds by itself; words that stand alone; and those that a
# value follows, of an address, a nexthop object, a route.
_KINDS, _STATES, _FLAGS, _OF_ADDRESS, _OF_NEXTHOP, _OF_ROUTE = (
    frozenset(each.split())
    for each in """
unicast local broadcast multicast anycast throw unreachable prohibit blackhole nat
dead linkdown pervasive offload trap notify unresolved rt_offload rt_trap rt_offload_failed \
secondary deprecated dynamic tentative dadfailed permanent stable-privacy
onlink nexthop nodad home optimistic mngtmpaddr noprefixroute autojoin
peer brd scope metric proto label dev valid_lft preferred_lft
id via dev proto
via dev table proto scope src metric tos pref expires weight nhid from realm realms mtu advmss hoplimit window rtt \
rttvar rto_min ssthresh cwnd initcwnd initrwnd reordering features quickack congctl fastopen_no_cookie
""".strip().splitlines()
)
_FAMILIES = frozenset({"inet", "inet6"})  # before a gateway of the other one
_TIMES = frozenset({"expires", "valid_lft", "preferred_lft"})  # they run on, so two looks differ in them
# settle: an IPv6 address loses the word nodad again. late: only in the last pass.
_SCRIPT = """
kept=$1
known() {{ case $kept in *" inet $1 "*) ;; *) false ;; esac; }}
settle() {{ case $(ip -6 -o address show dev "$1" to "$2") in *tentative*) ;; *nodad*) shift 2; "$@" ;; esac; }}
late() {{ [ "$each" = {last} ] && "$@"; }}
member() {{ set -- $(ip nexthop show id "$1"); printf %s "$4"; }}
pass() {{
:
{commands}
}}
for each in {passes}; do pass; sleep {pause}; done
"""


class Unknown(ValueError):
    """What could not be put back; says it in the words of `ip`."""


@dataclass(frozen=True)
class Kept:
    """What an interface has: each thing in words that stay the same, with the shell command that puts it back."""

    commands: dict[str, str]

    @property
    def script(self) -> str:
        """A program for /bin/sh that puts back what is missing and leaves alone what is there.

        Its argument: the output of `ip -4 -o address show` just before the interface was taken up. An IPv4 address
        that somebody took off by then does not come back.
        """
        each = " ".join(map(str, range(_PASSES)))
        commands = "\n".join(self.commands.values())
        return _SCRIPT.format(commands=commands, passes=each, pause=_PAUSE, last=_PASSES - 1)

    def missing(self, now: Kept) -> list[str]:
        """What is not there now, in the words of `ip`."""
        return [each for each in self.commands if each not in now.commands]


def questions(interface: str) -> list[list[str]]:
    """The commands whose outputs `read` wants, in this order. That of the nexthops may fail, where there are none."""
    return [
        ["ip", "nexthop", "show"],
        ["ip", "-o", "address", "show", "dev", interface],
        ["ip", "-4", "-d", "route", "show", "table", "all"],
        ["ip", "-6", "-d", "route", "show", "table", "all"],
        ["ip", "neighbor", "show", "dev", interface, "nud", "permanent", "nud", "noarp"],
        ["ip", "neighbor", "show", "proxy", "dev", interface],
    ]


def read(interface: str, answers: Sequence[str]) -> Kept:
    """What the interface has. Raises ValueError or IndexError for what `ip` shows and this module does not know."""
    nexthops, addresses, ipv4, ipv6, neighbours, proxies = (each.splitlines() for each in answers)
    found = dict(_nexthops(interface, nexthops))
    found |= _addresses(interface, addresses)
    found |= _routes("-4", interface, ipv4) | _routes("-6", interface, ipv6)
    found |= _neighbours(interface, neighbours, proxies)
    return Kept(found)


def _nexthops(interface: str, lines: Iterable[str]) -> dict[str, str]:
    """The nexthop objects over the interface, and the groups that they are members of."""
    found: dict[str, str] = {}
    ours = set()
    groups = []
    for words in map(_plain, map(str.split, lines)):
        if words[0] != "id":
            raise Unknown(_said(words))
        if words[2:3] == ("group",):
            groups.append(words)
        elif ("dev", interface) in pairwise(words):
            ours.add(words[1])
            told = _without(words, "scope")
            _check(f"nexthop {_said(words)}", told, _OF_NEXTHOP, _FLAGS)
            found[f"nexthop {_said(words)}"] = _sh("ip", "nexthop", "add", *told)
    for words in groups:
        members = words[3].split("/")
        rest = "/".join(each for each in members if each.split(",")[0] not in ours)
        if rest == words[3]:
            continue
        if "type" in words:
            raise Unknown(f"nexthop {_said(words)}")
        put = _sh("ip", "nexthop", "replace", *words)
        found[f"nexthop {_said(words)}"] = f'[ "$(member {words[1]})" != "{rest}" ] || {put}'
    return found


def _addresses(interface: str, lines: Iterable[str]) -> dict[str, str]:
    """The addresses. An IPv6 one that was found to be nobody else's is there at once, for the routes that need it."""
    found = {}
    split = [line.replace("\\", " ").split() for line in lines]
    ipv4 = [words for words in split if words[2] == "inet"]
    ipv6 = [words for words in split if words[2] == "inet6"]
    for _, _, family, *shown in [*ipv4, *reversed(ipv6)]:  # the kernel puts a new IPv6 one before the others
        if "temporary" in shown:  # the kernel makes another one
            continue
        label = []
        if family == "inet":
            label = ["label", shown.pop(shown.index("valid_lft") - 1)]
        words = (*_plain(shown), *label, "dev", interface)
        ip_interface(words[0])
        _check(f"address {_said(words)}", words[1:], _OF_ADDRESS, _FLAGS)
        option = "-4" if family == "inet" else "-6"
        put, change = (_sh("ip", option, "address", verb, *words) for verb in ("add", "change"))
        if option == "-4":
            put = f"known {shlex.quote(_said(words[: 3 if 'peer' in words else 1]))} && {put}"
        elif not {"nodad", "tentative", "dadfailed"} & set(shown):
            put = f"settle {_sh(interface, words[0].split('/')[0])} {change}\n{put} nodad"
        found[f"address {_said(_steady(words))}"] = put
    return found


def _routes(option: str, interface: str, lines: Iterable[str]) -> dict[str, str]:
    """The routes over the interface. One of several with the same destination and metric keeps its place."""
    whole: list[list[str]] = []
    for line in lines:
        words = _plain(line.replace("rto_min lock", "rto_min").split())  # `ip` takes it without, and locks it
        if line[:1].isspace():  # a leg of the route before, or what its nexthop object is
            if words[:1] == ("nexthop",):
                whole[-1] += words
        elif words:
            whole.append(list(words if words[0] in _KINDS else ("unicast", *words)))
    for _, destination, *_ in whole:
        ip_network(destination.replace("default", "::"))
    keys = [_key(words) for words in whole]
    found = {}
    for at, words in enumerate(map(tuple, whole)):
        if ("dev", interface) not in pairwise(words) or _kernels(words):
            continue
        told = words
        if "nhid" in told:
            told = _without(told[: told.index("nexthop")] if "nexthop" in told else told, "via", "dev", "onlink")
        _check(f"route {_said(words)}", told[2:], _OF_ROUTE, _FLAGS)
        verb = "add" if keys.count(keys[at]) == 1 else "prepend" if keys.index(keys[at]) == at else "append"
        put = _sh("ip", option, "route", verb, *told)
        if verb == "add" and "via" in told:  # the others would be there twice
            put += f" || late {_sh('ip', option, 'route', verb, *_onlink(told))}"
        found[f"route {_said(_steady(told))}"] = put
    return found


def _neighbours(interface: str, lines: Iterable[str], proxies: Iterable[str]) -> dict[str, str]:
    found = {}
    for words in filter(None, map(str.split, lines)):
        address, *told, state = words
        ip_address(address)
        at = told.index("lladdr") + 1 if "lladdr" in told else 0
        if state == "NOARP" and (not at or int(told[at][:2], 16) & 1):  # the kernel's own, for a group of hosts
            continue
        every = (address, *told, "nud", state.lower(), "dev", interface)
        found[f"neighbor {_said(every)}"] = _sh("ip", "neighbor", "add", *every)
    for words in filter(None, map(str.split, proxies)):
        every = ("proxy", str(ip_address(words[0])), "dev", interface)
        found[f"neighbor {_said(every)}"] = _sh("ip", "neighbor", "add", *every)
    return found


def _plain(words: Sequence[str]) -> Words:
    """The words without what the kernel finds by itself, and seconds as plain numbers."""
    named = [False, *(word in {"dev", "table", "proto"} for word in words)]  # what follows is a name, whatever it is
    return tuple(
        re.sub(r"^(\d+)sec$", r"\1", word)
        for word, name in zip(words, named, strict=False)
        if name or word not in _STATES
    )


def _check(said: str, words: Sequence[str], valued: frozenset[str], flags: frozenset[str]) -> None:
    """Raise Unknown where there is more in it than this module can put back."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in flags:
            continue
        if word not in valued or not rest:
            raise Unknown(f"{said} ({word})")
        if rest.pop(0) in {"lock", *_FAMILIES} and rest:
            rest.pop(0)


def _key(words: Sequence[str]) -> Words:
    """What no two routes share, unless somebody appended one."""
    pairs = dict(pairwise(words))
    return (words[1], *(pairs.get(each, "") for each in ("from", "table", "tos", "metric")))


def _kernels(words: Sequence[str]) -> bool:
    """Whether the kernel makes the route itself: with an address, or on a router's word."""
    return "redirect" in words or (words[0] in {"local", "broadcast", "multicast", "anycast"} and "kernel" in words)


def _onlink(words: Words) -> Words:
    """The route, with its gateways told to be on the link: the kernel has to take our word for it."""
    out: list[str] = []
    for word in words:
        out += [word, "onlink"] if out[-1:] == ["dev"] else [word]
    return tuple(out)


def _without(words: Words, *names: str) -> Words:
    """The words without these and what follows each."""
    out, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if word not in names:
            out.append(word)
        elif word != "onlink" and rest.pop(0) in _FAMILIES:
            rest.pop(0)
    return tuple(out)


def _steady(words: Words) -> Words:
    return _without(words, "onlink", *_TIMES)


def _said(words: Iterable[str]) -> str:
    return " ".join(words)


def _sh(*words: str) -> str:
    return shlex.join(words)
