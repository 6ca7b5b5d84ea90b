"""systemd for real, with the units as `./install` places them, under all that they forbid themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from ec2kit.core.errors import ExitCode
from installer.target import Target
from lab import PROJECT
from lab.ec2.vpc import addresses
from lab.net.network import NetLab, net_lab
from lab.net.systemd import UNITS, System, why_not
from lab.protected import judge

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
EXPOSURE = 22  # of 100, by systemd-analyze: what must not be exceeded
HOLD, CHECK, TIMER = "ec2kit@{}.service", "ec2kit-check@{}.service", "ec2kit-check@{}.timer"
NETWORK = """
[Unit]
Wants=network.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/ip link set dev eth0 down
[Install]
WantedBy=multi-user.target
"""
TELLS = "[Service]\nExecStart=/bin/sh -c 'echo $MONITOR_EXIT_STATUS >> /run/told'\n"


@pytest.fixture(scope="module")
def lab(kit: bytes) -> Iterator[NetLab]:
    """The network; node1 has the addresses."""
    with net_lab(kit) as made:
        yield made
        judge(made.ec2)


@pytest.fixture(scope="module")
def running(lab: NetLab) -> Iterator[System]:
    """systemd on node2, with a unit for each address, one that is told of failures, and one that is the network."""
    host = lab.hosts["node2"]
    for name, words in {"vip": f"route {lab.vpc.vip}", "public": f"eip {lab.vpc.public_ip}"}.items():
        host.write(f"/etc/ec2kit/{name}.conf", f'EC2KIT_ADDRESS="{words} --interface eth0"\n')
    host.write("/etc/default/LifeKeeper", "EC2_MAX_RETRY=0\n")  # a refusal is told at once
    host.write("/etc/systemd/system/tell.service", TELLS)
    host.write("/etc/systemd/system/lab-network.service", NETWORK)
    host.write("/etc/systemd/system/ec2kit-check@.service.d/tell.conf", "[Unit]\nOnFailure=tell.service\n")
    with System(host) as made:
        assert made.run("systemctl", "enable", "--now", "lab-network.service").returncode == 0
        yield made


@pytest.fixture
def node(running: System, request: pytest.FixtureRequest) -> Iterator[System]:
    """It; shows the journal of a story that failed."""
    failures = request.session.testsfailed
    yield running
    if request.session.testsfailed > failures:
        sys.stdout.write("\n".join(running.journal("--lines=80")))


def ends(node: System, unit: str) -> int:
    """Start a unit that runs a program once; the exit code of the program."""
    node.run("systemctl", "start", unit)
    return int(node.show(unit, "ExecMainStatus"))


def lines(node: System, unit: str) -> list[str]:
    """All that the journal has of a unit, systemd's own words among it, or of the kit alone; and forget it."""
    node.run("journalctl", "--sync")
    told = node.journal("--identifier=ec2kit") if unit == "ec2kit" else node.journal(f"--unit={unit}")
    node.run("sh", "-c", "journalctl --rotate && journalctl --vacuum-time=1ms")
    return told


def holder(lab: NetLab) -> str | None:
    """The node that has the Elastic IP in truth."""
    eni = addresses(lab.ec2.truth())[lab.vpc.public_ip][0]
    return next((name for name, each in lab.vpc.nodes.items() if each.interfaces[0].eni == eni), None)


def take_away(lab: NetLab) -> None:
    """Give node1 the Elastic IP behind the kit's back."""
    lab.hosts["node1"].run("ec2kit", "hold", "eip", lab.vpc.public_ip, "--interface", "eth0", check=True)


def repair() -> str:
    """The drop-in of docs/systemd.md that makes the check a hold."""
    page = (PROJECT / "docs/systemd.md").read_text()
    (told,) = re.findall(r"^    (\[Service\]\n(?:    .*\n)*    ExecStart=\S+ hold .*)$", page, re.MULTILINE)
    return re.sub("^    ", "", f"{told}\n", flags=re.MULTILINE).replace("vip", "public")


def test_systemd_itself_finds_nothing_wrong(node: System) -> None:
    """Neither a word that it does not know, nor a program that is not there; and the units may do little."""
    done = node.run("sh", "-c", f"systemd-analyze verify --man=no {UNITS}/*")
    assert (done.returncode, done.stderr) == (0, "")
    for unit in (HOLD, CHECK):
        done = node.run("systemd-analyze", "security", f"--threshold={EXPOSURE}", "--no-pager", unit.format("vip"))
        assert done.returncode == 0, done.stdout


def test_start_holds_and_stop_lets_go(node: System, lab: NetLab) -> None:
    """One line each in the journal, as ec2kit's; the timer comes and goes with it; the state is where it belongs."""
    assert node.run("systemctl", "enable", "--now", HOLD.format("vip")).returncode == 0
    assert node.run("systemctl", "enable", TIMER.format("public")).returncode == 0
    lines(node, "ec2kit")
    assert ends(node, HOLD.format("public")) == ExitCode.OK
    assert holder(lab) == "node2"
    assert node.show(TIMER.format("public"), "ActiveState") == "active"
    (told,) = lines(node, "ec2kit")
    assert told.startswith(f"OK hold: Elastic IP {lab.vpc.public_ip} is held by eth0 ")
    assert node.run("find", "/var/lib/ec2kit", "-type", "f").stdout.count("\n") > 0
    node.run("systemctl", "stop", HOLD.format("public"))
    assert holder(lab) is None
    assert node.show(TIMER.format("public"), "ActiveState") == "inactive"
    (told,) = lines(node, "ec2kit")
    assert told.startswith(f"OK release: Elastic IP {lab.vpc.public_ip} is not held by eth0 ")


def test_a_check_fails_on_evidence_and_on_what_a_person_must_do(node: System, lab: NetLab) -> None:
    """Whoever is told of failures learns the code. That nothing is known does not fail it, and is the one line."""
    unit = CHECK.format("public")
    config = lab.hosts["node2"].root / "etc/ec2kit/public.conf"
    right = config.read_text()
    assert ends(node, HOLD.format("public")) == ExitCode.OK
    seen = []
    for what in ("held", "denied", "lost", "wrong"):
        lines(node, unit)
        if what == "denied":
            lab.ec2.refuse("denied")
        elif what == "lost":
            lab.ec2.mend()
            take_away(lab)
        elif what == "wrong":
            config.write_text(right.replace("eth0", "$(touch /run/shell)"))
        code = ends(node, unit)
        told = lines(node, unit)
        seen.append((what, code, node.show(unit, "Result"), told[0].split()[0]))
        assert len(told) == 1 or code not in {ExitCode.OK, ExitCode.UNAVAILABLE}, told
    config.write_text(right)
    assert seen[:3] == [
        ("held", 0, "success", "OK"),
        ("denied", 9, "success", "UNAVAILABLE"),
        ("lost", 1, "exit-code", "NOT_HELD"),
    ]
    assert seen[3][:3] == ("wrong", 2, "exit-code")
    assert node.run("cat", "/run/told").stdout.split() == ["1", "2"]
    assert node.run("test", "-e", "/run/shell").returncode != 0


def test_a_kit_that_cannot_be_loaded_says_so_in_the_journal(node: System) -> None:
    """Also in the check's unit, which shows no line of less than notice, and which it does not fail."""
    lines(node, CHECK.format("public"))
    for there, gone in (("core", "gone"), ("gone", "core")):
        hidden = (
            f"for each in {Target.prefix}/lib/python3*/site-packages/ec2kit; do mv $each/{there} $each/{gone}; done"
        )
        assert node.run("sh", "-c", hidden).returncode == 0
        if gone == "gone":
            node.run("systemctl", "start", CHECK.format("public"))
    assert any("the kit cannot be loaded" in line for line in lines(node, CHECK.format("public")))


def test_repair_on_the_one_node(node: System, lab: NetLab) -> None:
    """The drop-in of the page: the timer takes the address back, and a start that failed is one then."""
    take_away(lab)
    node.run("systemctl", "stop", HOLD.format("public"))
    lab.ec2.refuse("denied")
    assert ends(node, HOLD.format("public")) == ExitCode.UNAVAILABLE
    lab.ec2.mend()
    lab.hosts["node2"].write(f"/etc/systemd/system/{CHECK.format('public')}.d/repair.conf", repair())
    node.run("systemctl", "daemon-reload")
    assert ends(node, CHECK.format("public")) == ExitCode.OK
    assert holder(lab) == "node2"
    assert node.show(HOLD.format("public"), "ActiveState") == "active"


def test_the_link_may_be_set_up(node: System, lab: NetLab) -> None:
    """What an Elastic IP's interface without link needs is allowed; nothing else of the machine can be written."""
    drop_in = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'ip link set dev eth0 up && ! touch /etc/own /root/own'\n"
    lab.hosts["node2"].write(f"/etc/systemd/system/{CHECK.format('vip')}.d/link.conf", drop_in)
    node.run("systemctl", "daemon-reload")
    assert ends(node, CHECK.format("vip")) == ExitCode.OK


def test_a_shutdown_lets_go_while_the_network_is_there(node: System, lab: NetLab) -> None:
    """In order: the release reaches EC2, and then the network's unit takes the link. It is this node's last story."""
    assert ends(node, HOLD.format("public")) == ExitCode.OK
    assert holder(lab) == "node2"
    node.power_off()
    assert holder(lab) is None
