"""keepalived's notify script on the lab: events through its FIFO, in order; the last state wins, whatever happens."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import termios
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab import PROJECT
from lab.ec2.vpc import AddressLab
from lab.nodes import Node
from lab.protected import Protected, eni_of, through_the_front

SCRIPT = PROJECT / "etc/keepalived/ec2kit-notify"
SOON = 120.0  # seconds that a very busy machine may take


class Keepalived:
    """The script on a node as keepalived runs it: below a process that stands for it, with a FIFO."""

    def __init__(self, protected: Protected, node: Node, **settings: str) -> None:
        self.fifo = node.root / "notify.fifo"
        self.log = node.root / "notify.log"
        command = [str(SCRIPT), "VI_1", *protected.words, str(self.fifo)]
        quick = {"EC2KIT_NOTIFY_RETRY": "1", "EC2KIT_NOTIFY_AGAIN": "12", "EC2KIT_NOTIFY_TIMEOUT": "60"}
        starts = 'set -m; while read -r; do "$@" >/dev/null & echo $!; done; wait'
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["/bin/bash", "-c", starts, "keepalived", *command],
                env={**node.environment, **quick, **settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._start()

    def _start(self) -> None:
        """As at a start, and at a reload, of keepalived 2.2.7."""
        os.mkfifo(self.fifo)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.script = int(self.process.stdout.readline())
        self._write = os.open(self.fifo, os.O_RDWR)

    def reload(self) -> None:
        """It tells the script and what that has started to end, unlinks the FIFO, and starts the script again."""
        self.signal(signal.SIGTERM)
        self.fifo.unlink()
        os.close(self._write)
        former = self.script
        self._start()
        time.sleep(0.3)
        with suppress(ProcessLookupError):  # it has ended, unless it was stopped
            os.killpg(former, signal.SIGCONT)

    def signal(self, number: int) -> None:
        """To the script, and to what it has started."""
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(self.script, number)

    def say(self, *states: str, instance: str = "VI_1") -> None:
        """Write changes of state, all at once."""
        self.write("".join(f'INSTANCE "{instance}" {state} 150\n' for state in states))

    def write(self, text: str) -> None:
        """Write into the FIFO."""
        os.write(self._write, text.encode())

    def runs(self) -> int:
        """How many runs of the kit have got as far as EC2."""
        return self.log.read_text().count(":960020:")

    def unread(self) -> int:
        """How many bytes of what was written has not been read yet."""
        count = array("i", [0])
        fcntl.ioctl(self._write, termios.FIONREAD, count)
        return count[0]

    def at_work(self) -> bool:
        """Whether a run of the kit is under way."""
        return bool(Path(f"/proc/{self.script}/task/{self.script}/children").read_text())

    def close(self) -> None:
        """As keepalived ends it."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        self.process.communicate(timeout=10)
        os.close(self._write)


@contextmanager
def keepalived(protected: Protected, node: Node, **settings: str) -> Iterator[Keepalived]:
    """The script, running on a node."""
    made = Keepalived(protected, node, **settings)
    try:
        yield made
    finally:
        made.close()


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + SOON
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def verbs(protected: Protected) -> list[str]:
    """Which verbs have called EC2, in their order, each once in a row."""
    called = [call.agent.rpartition("ec2kit-action/")[2] for call in protected.lab.ec2.calls]
    return [verb for number, verb in enumerate(called) if number == 0 or called[number - 1] != verb]


def test_master_holds_and_backup_releases(both: Protected) -> None:
    """A route stays with who had it last. That no node has taken it then is told."""
    with keepalived(both, both.lab.node2, EC2KIT_NOTIFY_AGAIN="1") as events:
        events.say("BACKUP")
        events.say("MASTER")
        assert eventually(lambda: both.holder() == "node2")
        events.say("BACKUP")
        assert eventually(lambda: both.holder() == (None if both.words[0] == "eip" else "node2"))
        told = "is on no node" if both.words[0] == "eip" else "is still on this node"
        assert eventually(lambda: told in events.log.read_text())


def test_another_instance_s_events_are_nothing_to_it(eip: Protected) -> None:
    """Nothing is begun when they have been read; its own event after them is followed as ever."""
    with keepalived(eip, eip.lab.node2) as events:
        events.say("MASTER", instance="VI_2")
        assert eventually(lambda: not events.unread())
        for _ in range(40):
            assert not events.at_work()
            time.sleep(0.1)
        events.say("MASTER")
        assert eventually(lambda: eip.holder() == "node2")


def test_a_state_that_comes_in_two_pieces_is_not_lost(eip: Protected) -> None:
    """The script waits for events a second at a time, and a second may end in the middle of a line."""
    with keepalived(eip, eip.lab.node2) as events:
        events.write('INSTANCE "VI_1" MAS')
        time.sleep(2.5)
        events.write("TER 150\n")
        assert eventually(lambda: eip.holder() == "node2")


def test_the_last_of_many_states_wins(eip: Protected) -> None:
    """They were written at once; those that are overtaken are not even begun."""
    with keepalived(eip, eip.lab.node2) as events:
        events.say(*["MASTER", "BACKUP"] * 20, "MASTER")
        assert eventually(lambda: eip.holder() == "node2")
        assert verbs(eip) == ["hold"]


@pytest.mark.executed  # what is ended is the kit itself
def test_a_run_that_is_overtaken_is_ended(eip: Protected) -> None:
    """hold hangs in EC2; the node is backup now: what hangs is ended at once, and the peer keeps the address."""
    eip.lab.ec2.refuse("hang", "AssociateAddress")
    with keepalived(eip, eip.lab.node2) as events:
        events.say("MASTER")
        assert eventually(lambda: any(call.action == "AssociateAddress" for call in eip.lab.ec2.calls))
        began = time.monotonic()
        events.say("BACKUP")
        assert eventually(lambda: "release" in verbs(eip))
        assert time.monotonic() - began < 10
        eip.lab.ec2.mend()
        time.sleep(4)
        assert eip.holder() == "node1"


def test_a_hold_that_fails_is_repeated(eip: Protected) -> None:
    """The API is away when the node becomes master, and comes back: nobody has to do anything."""
    eip.lab.ec2.refuse("denied")
    eip.lab.node2.set(EC2_MAX_RETRY=0)
    with keepalived(eip, eip.lab.node2) as events:
        events.say("MASTER")
        assert eventually(lambda: len(eip.lab.ec2.calls) > 6)
        assert eip.holder() == "node1"
        eip.lab.ec2.mend()
        assert eventually(lambda: eip.holder() == "node2")


def test_what_is_beside_the_point_holds_nothing_up(eip: Protected) -> None:
    """syslog hangs, a setting is not a number, the memory cannot be made: it holds all the same."""
    node = eip.lab.node2
    (node.root / "notify.fifo.d").write_text("")
    logger = node.root / "bin/logger"
    logger.write_text(f"#!/bin/sh\necho >>{node.root}/logged\nexec sleep 20\n")
    logger.chmod(0o755)
    with keepalived(eip, node, EC2KIT_NOTIFY_AGAIN="0.5", EC2KIT_NOTIFY_RETRY="08") as events:
        assert eventually((node.root / "logged").exists)
        began = time.monotonic()
        events.say("MASTER")
        assert eventually(lambda: eip.holder() == "node2")
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(("both", "state"), [("eip", "MASTER_RX_LOWER_PRI")], indirect=["both"])
def test_the_master_takes_it_back_after_a_split(both: Protected, state: str) -> None:
    """Another master took it meanwhile; a late call of that one's, after the event, is undone as well."""
    lab = both.lab
    with keepalived(both, lab.node1) as events:
        events.say("MASTER")
        assert eventually(lambda: events.runs() == 1)
        time.sleep(2)  # it has nothing to do, and ends
        assert both.verb("hold", lab.node2).returncode == 0
        events.say(state)
        assert eventually(lambda: both.holder() == "node1" and events.runs() == 2)
        assert both.verb("hold", lab.node2).returncode == 0
        assert eventually(lambda: both.holder() == "node1")


def test_a_success_is_not_repeated_for_ever(eip: Protected) -> None:
    """While two masters do not hear each other, they must not take the address from each other again and again."""
    with keepalived(eip, eip.lab.node2, EC2KIT_NOTIFY_AGAIN="5") as events:
        events.say("MASTER")
        assert eventually(lambda: eip.holder() == "node2" and events.runs() == 2)
        time.sleep(5)
        assert isinstance(eip.lab.vpc, AddressLab)
        through_the_front(eip.lab).associate_address(
            AllocationId=eip.lab.vpc.allocation, NetworkInterfaceId=eni_of(eip.lab, "node1"), AllowReassociation=True
        )
        time.sleep(8)
        assert (eip.holder(), events.runs()) == ("node1", 2)


def test_a_reload_loses_no_state(eip: Protected) -> None:
    """Read and not done, or still in the FIFO: the last state stays, also by two reloads."""
    eip.lab.ec2.refuse("denied")
    eip.lab.node2.set(EC2_MAX_RETRY=0)
    with keepalived(eip, eip.lab.node2) as events:
        events.say("BACKUP")
        assert eventually(lambda: "release" in verbs(eip))
        events.signal(signal.SIGSTOP)  # a moment before it reads it
        events.say("MASTER")
        events.reload()
        assert eventually(lambda: verbs(eip)[-1] == "hold")
        events.reload()
        events.reload()
        eip.lab.ec2.mend()
        assert eventually(lambda: eip.holder() == "node2")


def test_only_what_this_keepalived_s_script_handed_over_is_believed(eip: Protected) -> None:
    """A moment ago, to the last line. Scripts that find such a state: one begins to hold, the others do nothing."""
    node, boot = eip.lab.node2, Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    me, other = f"{os.getpid()} {born(os.getpid())} {boot}", f"{os.getpid()} 1 {boot}"
    words = " ".join(eip.words)
    states = {
        "good": [me, "VI_1", words, "hold 2", "ended NOW"],
        "another address": [me, "VI_1", "route 10.1.0.99", "hold 0", "ended NOW"],
        "done": [me, "VI_1", words, "hold 0", "ended NOW"],
        "another keepalived": [other, "VI_1", words, "hold 2", "ended NOW"],
        "another boot": [me.replace(boot, "0"), "VI_1", words, "hold 2", "ended NOW"],
        "another instance": [me, "VI_2", words, "hold 2", "ended NOW"],
        "killed": [],
        "long ago": [me, "VI_1", words, "hold 2", "ended THEN"],
        "half": [me, "VI_1", words, "hold 2"],
        "no state": [me, "VI_1", words, "$(touch evil) 2", "ended NOW"],
        "arithmetic": [me, "VI_1", words, "hold 2", "ended a[$(touch evil)]"],
        "a link": [me, "VI_1", words, "hold 2", "ended NOW"],
    }
    running = {}
    for name, lines in states.items():
        fifo = node.root / name.replace(" ", "-")
        os.mkfifo(fifo)
        folder = Path(f"{fifo}.d")
        if name == "a link":
            folder.symlink_to(f"{fifo}.there")
            folder = Path(f"{fifo}.there")
        folder.mkdir()
        end = os.open(fifo, os.O_RDWR)
        now = int(float(Path("/proc/uptime").read_text().split()[0]) * 100)  # hundredths of a second
        text = "\n".join(lines).replace("NOW", str(now)).replace("THEN", str(now - 1100))
        (folder / "state").write_text(text + "\n" * (name != "half"))
        with Path(f"{fifo}.log").open("w") as log:
            command = [str(SCRIPT), "VI_1", *eip.words, str(fifo)]
            running[name] = subprocess.Popen(command, env=node.environment, stderr=log, cwd=node.root), end
    try:
        children = {name: f"/proc/{script.pid}/task/{script.pid}/children" for name, (script, _) in running.items()}
        acted = set[str]()

        def look() -> bool:
            acted.update(name for name, path in children.items() if "\0hold\0" in started(path))
            return {"good", "another address"} <= acted

        assert eventually(look)
        for _ in range(20):  # the others have as long again
            time.sleep(0.1)
            look()
    finally:
        for script, end in running.values():
            script.terminate()
            script.wait(SOON)
            os.close(end)
    assert acted == {"good", "another address"}
    assert not (node.root / "evil").exists()
    assert "forgets the state" in (node.root / "a-link.log").read_text()


def born(process: int) -> str:
    """When a process began, as the kernel counts."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[19]


def started(children: str) -> str:
    """The command lines of a process's children."""
    lines = []
    for process in Path(children).read_text().split():
        with suppress(OSError):  # it has ended meanwhile
            lines.append(Path(f"/proc/{process}/cmdline").read_text())
    return " ".join(lines)


def test_after_a_pause_it_hears_keepalived_before_it_holds_again(routes: Protected) -> None:
    """Of the script, or of keepalived: a peer may be master by now, and keepalived needs some seconds to find out."""
    lab, settle = routes.lab, {"EC2KIT_NOTIFY_SETTLE": "5"}
    lab.ec2.refuse("denied")
    lab.node1.set(EC2_MAX_RETRY=0)
    lab.node2.set(EC2_MAX_RETRY=0)
    with keepalived(routes, lab.node1, **settle) as one, keepalived(routes, lab.node2, **settle) as two:
        one.say("MASTER")
        two.say("MASTER")
        assert eventually(lambda: one.runs() > 0 and two.runs() > 0)
        one.signal(signal.SIGSTOP)
        two.process.send_signal(signal.SIGSTOP)
        time.sleep(4)
        lab.ec2.mend()
        lab.ec2.forget()
        one.signal(signal.SIGCONT)
        two.process.send_signal(signal.SIGCONT)
        time.sleep(2.5)
        assert not lab.ec2.calls
        one.say("BACKUP")
        two.say("BACKUP")
        assert eventually(lambda: "960030" in one.log.read_text() and "960030" in two.log.read_text())  # it stays
        assert "hold" not in verbs(routes)


def test_a_script_without_its_keepalived_ends(eip: Protected) -> None:
    """Killed, keepalived may leave its script; the next one starts another, which reads the same FIFO."""
    with keepalived(eip, eip.lab.node2) as events:
        events.say("MASTER")
        assert eventually(events.at_work)
        events.process.kill()
        assert eventually(lambda: not Path(f"/proc/{events.script}").exists())


def test_an_address_that_stays_at_a_backup_is_told(routes: Protected) -> None:
    """Once, in words, with the cure; not where another node has it."""
    at_once = {"EC2KIT_NOTIFY_AGAIN": "1"}
    with (
        keepalived(routes, routes.lab.node1, **at_once) as one,
        keepalived(routes, routes.lab.node2, **at_once) as two,
    ):
        one.say("BACKUP")
        two.say("FAULT")
        assert eventually(lambda: "is still on this node" in one.log.read_text())
        assert "'ec2kit hold route 10.1.0.10' there" in one.log.read_text()
        plans = re.compile("NODE2.* .*/plan$")
        assert eventually(lambda: any(plans.search(f"{each.key} {each.agent}") for each in routes.lab.ec2.calls))
        assert eventually(lambda: not two.at_work())
        assert "is still on this node" not in two.log.read_text()


def test_a_state_that_is_not_told_is_missed(eip: Protected) -> None:
    """After a reload that renames the instance keepalived tells nothing: the log does."""
    with keepalived(eip, eip.lab.node2, EC2KIT_NOTIFY_AGAIN="1") as events:
        events.say("MASTER", instance="VI_2")
        assert eventually(lambda: 'told no state of "VI_1"' in events.log.read_text())


def test_without_a_fifo_it_makes_none(tmp_path: Path) -> None:
    """keepalived could not make it any more."""
    assert subprocess.run([SCRIPT, "VI_1", "route", "10.1.0.10", tmp_path / "fifo"], check=False).returncode == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("keepalived"), reason="needs root and keepalived")
def test_the_sample_is_what_keepalived_takes(tmp_path: Path) -> None:
    """Its own parser, in a network with such an interface; it refuses the same file with a word that is none."""
    script = """
        ip link add eth1 type veth peer name peer && ip link set eth1 up && ip addr add 10.0.2.11/24 dev eth1
        mkdir -p /etc/keepalived && mount -t tmpfs tmpfs /etc/keepalived && cp "$0"/* /etc/keepalived || exit 9
        keepalived -t -f /etc/keepalived/keepalived.conf || exit 1
        sed -i s/higher_prio_send_advert/highest_prio/ /etc/keepalived/keepalived.conf
        keepalived -t -f /etc/keepalived/keepalived.conf && exit 2
        exit 0
    """
    command = ["/usr/bin/unshare", "--mount", "--net", "/bin/sh", "-c", script, str(PROJECT / "etc/keepalived")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
