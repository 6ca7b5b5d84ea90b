"""What `ip` shows of an interface, and the commands that put it back; tests/packets/link.py has the kernel's word."""

from __future__ import annotations

import shlex

import pytest

from ec2kit.host import kept

ADDRESS = (
    "3: eth1    inet 10.0.2.10/24 brd 10.0.2.255 scope global eth1\\       valid_lft forever preferred_lft forever"
)
FRESH = "3: eth1    inet6 fd00::1/64 scope global tentative \\       valid_lft 30sec preferred_lft 20sec"
OWN = "3: eth1    inet6 fd00::2/64 scope global \\       valid_lft 30sec preferred_lft 20sec"
OTHERS = "3: eth1    inet6 fd00::3/64 scope global temporary dynamic \\       valid_lft 9sec preferred_lft 2sec"


def read(
    nexthops: str = "",
    addresses: str = "",
    ipv4: str = "",
    ipv6: str = "",
    neighbors: str = "",
    proxies: str = "",
    interface: str = "eth1",
) -> dict[str, str]:
    """The commands, by what they put back."""
    return kept.read(interface, [nexthops, addresses, ipv4, ipv6, neighbors, proxies]).commands


def test_addresses() -> None:
    """IPv4 only where it stayed; nodad where it was found to be nobody else's; none that the kernel makes."""
    ipv4, own, fresh = read(addresses=f"{ADDRESS}\n{FRESH}\n{OWN}\n{OTHERS}").values()
    assert ipv4.startswith("known 10.0.2.10/24 && ip -4 address add 10.0.2.10/24 brd 10.0.2.255 ")
    assert "label eth1 dev eth1" in ipv4
    assert own.endswith("address add fd00::2/64 scope global valid_lft 30 preferred_lft 20 dev eth1 nodad")
    assert fresh == "ip -6 address add fd00::1/64 scope global valid_lft 30 preferred_lft 20 dev eth1"


@pytest.mark.parametrize("name", ["dead", "a;$(id)#'b"])
def test_an_interface_with_any_name(name: str) -> None:
    """It is a name, wherever it stands, and one word for the shell."""
    (put,) = read(ipv4=f"unicast 10.9.0.0/16 dev {name} table main linkdown", interface=name).values()
    assert shlex.split(put) == ["ip", "-4", "route", "add", "unicast", "10.9.0.0/16", "dev", name, "table", "main"]


def test_only_its_own() -> None:
    """No other interface's route, and none that the kernel or a router makes."""
    others = ["unicast default via 10.0.1.1 dev eth0", "blackhole 10.8.0.0/16", "unicast 10.7.0.0/16 dev eth10"]
    kernels = ["local 10.0.2.10 dev eth1 table local proto kernel", "unicast 10.6.0.0/16 dev eth1 proto redirect"]
    assert read(ipv4="\n".join([*others, *kernels])) == {}


def test_a_place_among_routes_of_the_same_destination() -> None:
    """The first stays the first, where others may have one."""
    shown = [f"unicast 10.9.0.0/16 via 10.0.{number}.1 dev eth{number} metric 5" for number in (1, 2)]
    (first,) = read(ipv4="\n".join(shown)).values()
    (last,) = read(ipv4="\n".join(reversed(shown))).values()
    assert first == "ip -4 route prepend unicast 10.9.0.0/16 via 10.0.1.1 dev eth1 metric 5"
    assert last.startswith("ip -4 route append ")


@pytest.mark.parametrize(
    "shown",
    [
        {"ipv4": "unicast 10.9.0.0/16 encap mpls 100 via 10.0.2.1 dev eth1"},
        {"ipv6": "unicast fd00::/64 dev eth1 word"},
        {"ipv6": "\tnexthop dev eth1"},
        {"ipv4": "garbage"},
        {"addresses": ADDRESS.replace("scope", "word")},
        {"addresses": "garbage"},
        {"nexthops": "id 7 encap mpls 100 via 10.0.2.1 dev eth1"},
        {"nexthops": "id 7 via 10.0.2.1 dev eth1\nid 9 group 7 type resilient buckets 8"},
        {"nexthops": "garbage"},
        {"neighbors": "garbage PERMANENT"},
        {"neighbors": "10.0.2.7"},
        {"proxies": "garbage"},
    ],
)
def test_what_is_not_known_is_refused(shown: dict[str, str]) -> None:
    """It could not be put back."""
    with pytest.raises((ValueError, IndexError)):
        read(**shown)


def test_what_runs_on_is_not_missing() -> None:
    """Seconds go by, a gateway may be marked as onlink; another metric is another route."""
    shown = "unicast fd00::/64 via fd00:2::1 dev eth1 metric 5"
    had, now, other = (
        kept.read("eth1", ["", "", "", route, "", ""])
        for route in (f"{shown} expires 30sec", f"{shown} onlink expires 20sec", shown.replace("5", "6"))
    )
    assert had.missing(now) == []
    assert had.missing(other) == ["route unicast fd00::/64 via fd00:2::1 dev eth1 metric 5"]
