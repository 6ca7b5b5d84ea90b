"""The host's interfaces, through folders in place of /sys and /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.host import nic
from ec2kit.host.deadline import Deadline

HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with lo, eth0 and eth1."""
    for number, name in enumerate(("lo", "eth0", "eth1")):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "address").write_text(f"02:00:00:00:00:0{number}\n".upper())
        (folder / "carrier").write_text("1\n")
        (folder / "operstate").write_text("up\n")
    (tmp_path / "proc/net").mkdir(parents=True)
    return tmp_path


def route(host: Path, *rows: str) -> str | None:
    """The default interface with these rows in /proc/net/route."""
    (host / "proc/net/route").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return nic.default_interface(str(host / "sys"), str(host / "proc"))


def row(name: str, destination: str, metric: int, mask: str) -> str:
    """One row of /proc/net/route."""
    return f"{name}\t{destination}\t0102000A\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0"


def test_the_default_route_with_the_lowest_metric(host: Path) -> None:
    """Networks are no default routes, and 0.0.0.0/1 is none either."""
    rows = [
        row("eth0", "0002000A", 0, "00FFFFFF"),
        row("eth0", "00000000", 0, "00000080"),
        row("eth0", "00000000", 200, "00000000"),
        row("eth1", "00000000", 100, "00000000"),
        row("tun7", "00000000", 1, "00000000"),
    ]
    assert route(host, *rows) == "eth1", "tun7 is no interface of this folder"


def test_no_default_route(host: Path) -> None:
    """None, and no error: the metadata knows the first interface."""
    assert route(host) is None
    assert route(host, "garbage") is None
    assert nic.default_interface(str(host / "sys"), "/nonexistent") is None


def test_names_and_hardware_addresses(host: Path) -> None:
    """Lower case, as the metadata has them; the loopback is no interface of ours."""
    assert nic.names(str(host / "sys")) == ["eth0", "eth1"]
    assert nic.mac(str(host / "sys"), "eth1") == "02:00:00:00:00:02"
    with pytest.raises(Misconfigured, match="no network interface eth2") as caught:
        nic.mac(str(host / "sys"), "eth2")
    assert "It has: eth0, eth1" in caught.value.cure


def test_link(host: Path) -> None:
    """1 with link, 0 without; unreadable while it is down; anything else is unknown, not down."""
    folder = host / "sys/class/net/eth1"
    assert nic.has_link(str(host / "sys"), "eth1") is True
    (folder / "carrier").write_text("0\n")
    assert nic.has_link(str(host / "sys"), "eth1") is False
    (folder / "carrier").unlink()
    (folder / "operstate").write_text("down\n")
    assert nic.has_link(str(host / "sys"), "eth1") is False
    (folder / "operstate").write_text("unknown\n")
    with pytest.raises(Unavailable):
        nic.has_link(str(host / "sys"), "eth1")


def test_without_sysfs_nothing_is_known() -> None:
    """Unavailable, not an empty list."""
    with pytest.raises(Unavailable, match="cannot list the interfaces"):
        nic.names("/nonexistent")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that write down how they were called, in place of the host's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, body: str) -> None:
    """Put a program there."""
    (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\n{body}\n')
    (folder / name).chmod(0o755)


def calls(folder: Path) -> list[str]:
    """How they were called."""
    return (folder / "log").read_text().splitlines()


def test_bring_up_by_ip_and_by_network_manager(programs: Path) -> None:
    """By nmcli where NetworkManager manages the interface, else by ip."""
    program(programs, "ip", "exit 0")
    for state, expected in (
        ("exit 8", ["ip link set dev eth1 down", "ip link set dev eth1 up"]),
        ("echo '10 (unmanaged)'", ["ip link set dev eth1 down", "ip link set dev eth1 up"]),
        ("echo '100 (connected)'", ["nmcli device disconnect eth1", "nmcli device connect eth1"]),
    ):
        program(programs, "nmcli", state)
        (programs / "log").unlink(missing_ok=True)
        nic.bring_up("eth1", wait=0, deadline=Deadline(5))
        assert calls(programs)[1:] == expected


def test_what_was_taken_down_is_taken_up_again_even_when_down_failed(programs: Path) -> None:
    """An interface that is left down would be worse than one without link."""
    program(programs, "nmcli", "exit 8")
    program(programs, "ip", '[ "$5" = up ]')
    with pytest.raises(Unavailable, match="'ip link set dev eth1 down' failed"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(5))
    assert calls(programs)[-1] == "ip link set dev eth1 up"


def test_a_program_that_hangs_is_ended(programs: Path) -> None:
    """And what it was taking down is taken up."""
    program(programs, "nmcli", "exit 8")
    program(programs, "ip", '[ "$5" = up ] || exec sleep 30')
    with pytest.raises(Unavailable, match="did not end"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(2.5))
    assert calls(programs)[-1] == "ip link set dev eth1 up"


def test_what_cannot_be_taken_up_in_time_is_not_taken_down(programs: Path) -> None:
    """Nothing is called when the wait alone would pass the deadline."""
    with pytest.raises(Unavailable, match="too little time"):
        nic.bring_up("eth1", wait=5, deadline=Deadline(6))
    assert not (programs / "log").exists()
