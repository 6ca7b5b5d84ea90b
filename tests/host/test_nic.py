"""The host's interfaces, through folders in place of /sys and /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.host import files, nic
from ec2kit.host import programs as host_programs
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
    """It is not known now; None is said where the host never shows its routes."""
    for rows in ((), ("garbage",)):
        with pytest.raises(Unavailable, match="no default route"):
            route(host, *rows)
    assert nic.default_interface(str(host / "sys"), "/nonexistent") is None


def test_a_list_of_routes_of_any_length_and_bytes(host: Path) -> None:
    """A router's is longer than what is read, and a name is any bytes; the default routes come first."""
    first = row("eth1", "00000000", 100, "00000000")
    other = f"{row('tun', '0002000A', 0, '00FFFFFF')}\n"
    text = f"{HEADER}{first}\n".encode() + b"tun\xff\n" + other.encode() * (files.MOST_BYTES // len(other) + 1)
    (host / "proc/net/route").write_bytes(text)
    assert nic.default_interface(str(host / "sys"), str(host / "proc")) == "eth1"


def test_routes_that_cannot_be_read_now_are_no_reason_to_take_another_interface(host: Path) -> None:
    """Unavailable, at once, when no file can be opened, or when what is there would make the run wait."""
    assert route(host, row("eth1", "00000000", 100, "00000000")) == "eth1"
    asking = f"nic.default_interface({str(host / 'sys')!r}, {str(host / 'proc')!r})"
    done = python(f"resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); {asking}")
    assert "Unavailable: cannot read" in done.stderr
    assert "(Too many open files)" in done.stderr
    (host / "proc/net/route").unlink()
    os.mkfifo(host / "proc/net/route")
    assert "Unavailable: cannot read" in python(asking).stderr


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python that uses nic, in a process and a session of its own."""
    whole = f"import resource, sys; from ec2kit.host import nic; from ec2kit.host.deadline import Deadline; {code}"
    command = [sys.executable, "-c", whole]
    return subprocess.run(command, start_new_session=True, capture_output=True, text=True, timeout=20, check=False)


def test_names_and_hardware_addresses(host: Path) -> None:
    """Lower case, as the metadata has them; the loopback is no interface of ours."""
    assert nic.names(str(host / "sys")) == ["eth0", "eth1"]
    assert nic.mac(str(host / "sys"), "eth1") == "02:00:00:00:00:02"
    with pytest.raises(Misconfigured, match="no network interface eth2") as caught:
        nic.mac(str(host / "sys"), "eth2")
    assert "It has: eth0, eth1" in caught.value.cure
    for odd in ("x" * 300, "../net/eth1", "eth1\0", "\ud800", ""):
        with pytest.raises(Misconfigured, match="no network interface"):
            nic.mac(str(host / "sys"), odd)


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
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of programs that write down how they were called, in place of the host's own.

    Those of a test that wait for the file "go" do not wait longer than the test.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    yield folder
    (folder / "go").touch()


def program(folder: Path, name: str, body: str) -> None:
    """Put a program there."""
    (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\n{body}\n')
    (folder / name).chmod(0o755)


def ip(folder: Path, body: str, lists: str = "exit 0") -> None:
    """Put ip there: what it does when it sets a link ($5 is down or up), and when it lists."""
    program(folder, "ip", f'[ "$1" = link ] || {{ {lists}; exit; }}\n{body}')


def calls(folder: Path) -> list[str]:
    """How they were called, but for what only lists."""
    return [each for each in (folder / "log").read_text().splitlines() if " show" not in each]


def test_what_has_nothing_goes_down_and_up(programs: Path) -> None:
    """By ip, and no manager is asked."""
    ip(programs, "exit 0")
    program(programs, "nmcli", "echo '100 (connected)'")
    assert nic.bring_up("eth1", wait=0, deadline=Deadline(9)) == ""
    assert calls(programs) == ["ip link set dev eth1 down", "ip link set dev eth1 up"]


ROUTE = "unicast 172.16.0.0/16 via 10.0.2.1 dev eth1 table main proto boot scope global"


def test_what_it_had_is_put_back_once_it_is_up(programs: Path) -> None:
    """And what is missing after that is told."""
    ip(
        programs,
        f'[ "$5" = up ] || touch {programs}/down',
        f'[ -e {programs}/down ] || [ "$1" != -4 ] || echo "{ROUTE}"',
    )
    said = nic.bring_up("eth1", wait=0, deadline=Deadline(9))
    assert said == f"route {ROUTE}"
    assert calls(programs)[:3] == ["ip link set dev eth1 down", "ip link set dev eth1 up", f"ip -4 route add {ROUTE}"]


@pytest.mark.parametrize(
    ("lists", "why"),
    [
        ("exit 1", "'ip -o address show dev eth1' failed"),
        ("exec sleep 30", "'ip nexthop show' did not end in 0.3 s"),
        (f'echo "{ROUTE} encap mpls 100"', "ip tells of it what this kit does not know"),
        ("echo garbage", "ip tells of it what this kit does not know"),
    ],
)
def test_what_could_not_be_put_back_is_not_taken_down(
    programs: Path, monkeypatch: pytest.MonkeyPatch, lists: str, why: str
) -> None:
    """For good, in words."""
    monkeypatch.setattr(nic, "_ASK_SECONDS", 0.3)
    ip(programs, "exit 0", lists)
    with pytest.raises(Unavailable, match="eth1 is not taken down, for what it has could not be put back") as caught:
        nic.bring_up("eth1", wait=0, deadline=Deadline(9))
    assert why in caught.value.why
    assert caught.value.permanent
    assert calls(programs) == []


def test_more_routes_than_a_repair_can_carry(programs: Path) -> None:
    """They are given to it before the interface goes down; where they are too many, it stays up."""
    (programs / "many").write_text("".join(f"{ROUTE} metric {number}\n" for number in range(3000)))
    ip(programs, "exit 0", f'[ "$1" != -4 ] || cat {programs}/many')
    with pytest.raises(Unavailable, match=r"cannot begin to repair eth1 \(Argument list too long\)"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(9))
    assert calls(programs) == []


def test_what_was_taken_down_is_taken_up_again_even_when_down_failed(programs: Path) -> None:
    """An interface that is left down would be worse than one without link."""
    ip(programs, '[ "$5" = up ]')
    with pytest.raises(Unavailable, match="'ip link set dev eth1 down' failed"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(5))
    assert calls(programs)[-1] == "ip link set dev eth1 up"


def test_a_program_that_hangs_is_ended(programs: Path) -> None:
    """And what it was taking down is taken up."""
    ip(programs, '[ "$5" = up ] || exec sleep 30')
    with pytest.raises(Unavailable, match="did not end"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(4))
    assert calls(programs)[-1] == "ip link set dev eth1 up"


def test_what_cannot_be_taken_up_in_time_is_not_taken_down(programs: Path) -> None:
    """Nothing is called when the wait alone would pass the deadline."""
    with pytest.raises(Unavailable, match="too little time"):
        nic.bring_up("eth1", wait=5, deadline=Deadline(6))
    assert not (programs / "log").exists()


@pytest.mark.parametrize(
    ("down", "up", "said"),
    [
        ("exit 0", "exit 3", "'ip link set dev eth1 up' failed"),
        ("exit 3", "exit 3", "'ip link set dev eth1 up' failed"),
        ("exit 0", "exec sleep 30", "'ip link set dev eth1 up' did not end in 0.3 s"),
    ],
)
def test_an_interface_that_stays_down_is_what_is_told(
    programs: Path, monkeypatch: pytest.MonkeyPatch, down: str, up: str, said: str
) -> None:
    """It is worse than one that did not go down; the message names the command."""
    monkeypatch.setattr(nic, "_COMMAND_SECONDS", 0.3)
    ip(programs, f'[ "$5" = up ] || {down}\n{up}')
    with pytest.raises(Unavailable, match=said) as caught:
        nic.bring_up("eth1", wait=0, deadline=Deadline(9))
    assert caught.value.permanent
    assert calls(programs)[-1] == "ip link set dev eth1 up"


def begun(programs: Path, code: str, until: str) -> subprocess.Popen[str]:
    """A run in a process group of its own, as an engine starts it, once a program was called with that word."""
    heard = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"  # which nohup, over the tests, has the run ignore
    whole = f"import signal; from ec2kit.host import nic; from ec2kit.host.deadline import *; {heard}; {code}"
    run = subprocess.Popen([sys.executable, "-c", whole], start_new_session=True, stderr=subprocess.PIPE, text=True)
    assert soon(lambda: (programs / "log").exists() and until in (programs / "log").read_text())
    return run


def soon(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it is so within some seconds."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@pytest.mark.parametrize(
    ("kill", "name"),
    [
        (os.kill, "SIGKILL"),
        (os.kill, "SIGHUP"),
        (os.killpg, "SIGKILL"),
        (os.killpg, "SIGTERM"),
        (os.killpg, "SIGINT"),
    ],
)
def test_what_a_run_that_is_ended_took_down_is_taken_up(
    programs: Path, kill: Callable[[int, int], None], name: str
) -> None:
    """Engines kill the whole group of processes, and keepalived's script sends a signal when its time is up."""
    ip(programs, "exit 0")
    program(programs, "sleep", f"until [ -e {programs}/go ]; do /bin/sleep 0.05; done")
    with begun(programs, "nic.bring_up('eth1', wait=1, deadline=Deadline(30))", "down") as run:
        kill(run.pid, signal.Signals[name])
        assert run.wait(20) != 0
        assert "ip link set dev eth1 up" not in calls(programs)
        (programs / "go").touch()
        assert soon(lambda: "ip link set dev eth1 up" in calls(programs))
    assert "sleep 1" in calls(programs)


def test_what_a_run_that_is_out_of_time_took_down_is_taken_up(programs: Path) -> None:
    """The run ends on time and names what it waited for; the interface comes up a little later."""
    wait = f"until [ -e {programs}/go ]; do /bin/sleep 0.05; done"
    ip(programs, f'[ "$5" = down ] || {{ {wait}; echo "is up" >> {programs}/log; }}')
    done = python("nic.bring_up('eth1', wait=0, deadline=Deadline(4))")
    assert "DeadlineExceeded: timed out after 4 s, waiting for eth1 to go down and up" in done.stderr
    assert calls(programs)[-1] == "ip link set dev eth1 up"
    (programs / "go").touch()
    assert soon(lambda: calls(programs)[-1] == "is up")


def test_the_repair_is_deaf_to_all_that_ends_a_run(programs: Path) -> None:
    """Also when the signals come to its own session, which is not the run's."""
    session = "$(cut -d ' ' -f 6 /proc/self/stat)"
    ip(programs, f"for each in HUP INT PIPE TERM; do kill -s $each -- -{session} || exit 1; done")
    assert python("nic.bring_up('eth1', wait=0, deadline=Deadline(9))").returncode == 0
    assert calls(programs) == ["ip link set dev eth1 down", "ip link set dev eth1 up"]


def test_a_repair_that_cannot_begin_changes_nothing(programs: Path) -> None:
    """No process can be started: an expected failure, and no interface was touched."""
    ip(programs, "exit 0")
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))"
    done = python(f"{limit}; nic.bring_up('eth1', wait=0, deadline=Deadline(9))")
    assert "cannot run 'ip nexthop show' (Too many open files)" in done.stderr
    assert not (programs / "log").exists()


def test_without_coreutils_timeout_the_link_is_repaired(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only bounds the commands."""
    ip(programs, "exit 0")
    monkeypatch.setattr(host_programs, "search", lambda: str(programs))
    (programs / "sleep").symlink_to("/bin/sleep")
    nic.bring_up("eth1", wait=0.1, deadline=Deadline(9))
    assert calls(programs) == ["ip link set dev eth1 down", "ip link set dev eth1 up"]


def test_an_ip_that_hangs_costs_little_time(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed, and the program is ended."""
    monkeypatch.setattr(nic, "_ASK_SECONDS", 0.3)
    ip(programs, "exit 0", f"echo $$ > {programs}/pid; exec sleep 30")
    with pytest.raises(Unavailable, match="did not end"):
        nic.bring_up("eth1", wait=0, deadline=Deadline(9))
    assert ended(programs)


@pytest.mark.parametrize("name", ["SIGINT", "SIGALRM"])
def test_a_run_that_ends_by_an_exception_leaves_no_ip_behind(programs: Path, name: str) -> None:
    """Ctrl-C, or the deadline, while ip is asked."""
    ip(programs, "exit 0", f"sleep 1; echo $$ > {programs}/pid; exec sleep 30")  # by then the run waits for it
    timer = "signal.signal(signal.SIGALRM, lambda *_: Deadline(0).check())"
    with begun(programs, f"{timer}; nic.bring_up('eth1', wait=0, deadline=Deadline(30))", "ip") as run:
        assert soon(lambda: bool((programs / "pid").exists() and (programs / "pid").read_text()))
        run.send_signal(signal.Signals[name])
        _, said = run.communicate(timeout=20)
    assert ("KeyboardInterrupt" if name == "SIGINT" else "DeadlineExceeded") in said
    assert soon(lambda: ended(programs)), "it was killed; the system may need a moment for it"


def ended(programs: Path) -> bool:
    """Whether the program that wrote down its process id has ended, and is not waited for any more."""
    with suppress(ProcessLookupError):
        os.kill(int((programs / "pid").read_text()), 0)
        return False
    return True
