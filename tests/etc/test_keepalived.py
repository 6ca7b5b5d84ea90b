"""keepalived's notify script on the lab: events through its FIFO, in order; the last state wins, whatever happens."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import termios
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import PROJECT
from lab.ec2.vpc import AddressLab
from lab.nodes import Node
from lab.protected import Protected, eni_of, through_the_front

SCRIPT = PROJECT / "etc/keepalived/ec2kit-notify"
SOON = 120.0  # seconds that a very busy machine may take


class Keepalived:
    """The script on a node as keepalived runs it: its FIFO, and the events that are written into it."""

    def __init__(self, protected: Protected, node: Node) -> None:
        self.fifo = node.root / "notify.fifo"
        os.mkfifo(self.fifo)
        command = [str(SCRIPT), "VI_1", *protected.words, str(self.fifo)]
        quick = {"EC2KIT_NOTIFY_RETRY": "1", "EC2KIT_NOTIFY_AGAIN": "12", "EC2KIT_NOTIFY_TIMEOUT": "60"}
        self.log = node.root / "notify.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env={**node.environment, **quick}, stderr=log)
        self._write = os.open(self.fifo, os.O_RDWR)

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
        return bool(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())

    def close(self) -> None:
        """As keepalived ends it."""
        self.process.terminate()
        self.process.wait(10)
        os.close(self._write)


@contextmanager
def keepalived(protected: Protected, node: Node) -> Iterator[Keepalived]:
    """The script, running on a node."""
    made = Keepalived(protected, node)
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
    """A route stays with who had it last."""
    with keepalived(both, both.lab.node2) as events:
        events.say("BACKUP")
        events.say("MASTER")
        assert eventually(lambda: both.holder() == "node2")
        events.say("BACKUP")
        assert eventually(lambda: both.holder() == (None if both.words[0] == "eip" else "node2"))


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


@pytest.mark.parametrize(("both", "state"), [("routes", "MASTER_RX_LOWER_PRI"), ("eip", "MASTER")], indirect=["both"])
def test_the_master_takes_it_back_after_a_split(both: Protected, state: str) -> None:
    """Another master took it meanwhile; a late call of that one's, after the event, is undone as well."""
    lab = both.lab
    with keepalived(both, lab.node1) as events:
        events.say("MASTER")
        assert eventually(lambda: events.runs() == 1)
        time.sleep(2)  # it has nothing to do, and ends
        assert lab.node2.ec2kit("hold", *both.words).returncode == 0
        events.say(state)
        assert eventually(lambda: both.holder() == "node1" and events.runs() == 2)
        assert lab.node2.ec2kit("hold", *both.words).returncode == 0
        assert eventually(lambda: both.holder() == "node1")


def test_a_success_is_not_repeated_for_ever(eip: Protected) -> None:
    """While two masters do not hear each other, they must not take the address from each other again and again."""
    with keepalived(eip, eip.lab.node2) as events:
        events.say("MASTER")
        assert eventually(lambda: eip.holder() == "node2" and events.runs() == 2)
        time.sleep(5)
        assert isinstance(eip.lab.vpc, AddressLab)
        through_the_front(eip.lab).associate_address(
            AllocationId=eip.lab.vpc.allocation, NetworkInterfaceId=eni_of(eip.lab, "node1"), AllowReassociation=True
        )
        time.sleep(15)
        assert (eip.holder(), events.runs()) == ("node1", 2)


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
