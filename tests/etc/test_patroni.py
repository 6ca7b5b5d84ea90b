"""Patroni's callback on the lab, called as Patroni calls it; and with Debian's Patroni and PostgreSQL."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from lab import PROJECT
from lab.nodes import Node, route_lab
from lab.protected import Protected, protect

SCRIPT = PROJECT / "etc/patroni/ec2kit-callback"
QUICK = {"EC2KIT_CALLBACK_RETRY": "1", "EC2KIT_CALLBACK_TIMEOUT": "30"}


def started(
    protected: Protected, node: Node, *event: str, environment: Mapping[str, str] = QUICK
) -> subprocess.Popen[str]:
    """The callback for an event, as Patroni starts it: the event's words come last."""
    command = [str(SCRIPT), *protected.words, *event]
    everything = {**node.environment, **environment}
    return subprocess.Popen(command, env=everything, cwd=node.root, stderr=subprocess.PIPE, text=True)


def called(protected: Protected, node: Node, *event: str) -> tuple[int, str]:
    """The callback for an event, to its end: exit code and standard error."""
    process = started(protected, node, *event)
    _, told = process.communicate(timeout=60)
    return process.returncode, told


def test_the_address_follows_the_leader(eip: Protected) -> None:
    """At a promotion it comes, at a stop it goes; what does not change the role does nothing; one line a run."""
    for action, role, holder in (
        ("on_reload", "primary", "node1"),
        ("on_role_change", "primary", "node2"),
        ("on_stop", "master", None),
    ):
        code, told = called(eip, eip.lab.node2, action, role, "main")
        assert (code, eip.holder()) == (0, holder), (action, role, told)
        assert told.count("\n") == (action != "on_reload"), told


def test_a_word_that_it_does_not_know_does_nothing(eip: Protected, tmp_path: Path) -> None:
    """It is told, and no shell reads it."""
    for event in (
        ("on_role_change", "chief", "main"),
        ("on_party", "primary", "main"),
        ("on_start", f"$(touch {tmp_path}/shell)", f"; touch {tmp_path}/shell"),
    ):
        code, told = called(eip, eip.lab.node2, *event)
        assert (code, "nothing is done at" in told) == (2, True), told
    assert (list(tmp_path.glob("shell")), eip.lab.ec2.calls) == ([], [])


def test_a_run_that_fails_is_repeated_while_patroni_lives(eip: Protected) -> None:
    """EC2 is away at the promotion and comes back; after Patroni's end nobody goes on."""
    eip.lab.node2.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("denied")
    process = started(eip, eip.lab.node2, "on_role_change", "primary", "main")
    assert process.stderr
    assert process.stderr.readline().startswith("UNAVAILABLE hold ")
    eip.lab.ec2.mend()
    assert process.wait(60) == 0
    assert eip.holder() == "node2"
    process.communicate()
    eip.lab.ec2.refuse("denied")
    log = eip.lab.node2.root / "callback.log"
    patroni = f'"$@" >/dev/null 2>{log} & echo $!; until [ -s {log} ]; do sleep 0.1; done'
    command = ["/bin/sh", "-c", patroni, "sh", str(SCRIPT), *eip.words, "on_role_change", "primary", "main"]
    environment = {**eip.lab.node2.environment, **QUICK}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    end = time.monotonic() + 60
    while Path("/proc", done.stdout.strip()).exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert log.read_text().count("\n") == 1


PROGRAMS = Path("/usr/lib/postgresql/15/bin")
MISSING = [name for name in ("patroni", "patroni_raft_controller") if not shutil.which(name)]
MISSING += [] if PROGRAMS.is_dir() else [str(PROGRAMS)]
CONFIGURATION = """
scope: main
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
raft: {{data_dir: {folder}/raft, self_addr: "127.0.0.1:{raft}", partner_addrs: {partners}}}
bootstrap:
  dcs: {{ttl: 20, loop_wait: 1, retry_timeout: 5, postgresql: {{use_pg_rewind: false}}}}
  initdb: [{{encoding: UTF8}}]
  pg_hba: [local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/data
  bin_dir: {programs}
  pgpass: {folder}/pgpass
  authentication: {{superuser: {{username: postgres}}, replication: {{username: replicator}}}}
  parameters: {{unix_socket_directories: "{folder}", shared_buffers: 16MB, fsync: "off"}}
  callbacks: {{on_start: &follow "{callback}", on_stop: *follow, on_restart: *follow, on_role_change: *follow}}
"""


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody has."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(each.getsockname()[1]) for each in sockets]


@dataclass
class Member:
    """A member of a Patroni cluster, in a folder of its own: its program, and its REST interface's port."""

    folder: Path
    rest: int
    process: subprocess.Popen[bytes]

    def answers(self, role: str) -> bool:
        """Whether it says of itself that it has the role, and runs."""
        asking = HTTPConnection("127.0.0.1", self.rest, timeout=5)
        try:
            asking.request("GET", f"/{role}")
            return asking.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            asking.close()

    def die(self) -> None:
        """Nothing of it says a last word: Patroni, the callback, PostgreSQL."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def eventually(true: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until it becomes true, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, told()
        time.sleep(0.5)


@pytest.mark.skipif(bool(MISSING), reason=f"needs Debian's patroni, postgresql-15, python3-pysyncobj: {MISSING}")
def test_a_leader_that_dies_loses_the_address() -> None:
    """Debian's Patroni on two nodes: the first leader takes it, and when that dies without a word, the other one."""
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        top.chmod(0o755)
        made = protect(stack.enter_context(route_lab(top / "lab")))
        ports = free_ports(9)
        members: dict[str, Member] = {}

        def start(number: int, name: str) -> Member:
            folder = top / name
            folder.mkdir(mode=0o700)
            raft, rest, port = ports[number::3]
            partners = [f"127.0.0.1:{each}" for each in ports[:3] if each != raft]
            callback = shlex.join([str(SCRIPT), *made.words])
            places = {"name": name, "folder": folder, "programs": PROGRAMS, "callback": callback}
            text = CONFIGURATION.format(**places, raft=raft, rest=rest, port=port, partners=json.dumps(partners))
            (folder / "patroni.yml").write_text(text)
            node = made.lab.nodes.get(name)
            environment = node.environment if node else {"PATH": "/usr/bin:/bin"}
            if user:
                shutil.chown(folder, "postgres")
            log = stack.enter_context((folder / "log").open("w"))
            program = "patroni" if node else "patroni_raft_controller"
            command = [*user, program, str(folder / "patroni.yml")]
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
            members[name] = Member(folder, rest, process)
            stack.callback(members[name].die)
            return members[name]

        def told() -> str:
            return "\n".join((each.folder / "log").read_text()[-3000:] for each in members.values())

        start(2, "third")
        first = start(1, "node2")
        eventually(lambda: made.holder() == "node2", told)
        other = start(0, "node1")
        eventually(lambda: other.answers("replica"), told)
        assert made.holder() == "node2", "a replica leaves the address alone"
        first.die()
        eventually(lambda: made.holder() == "node1", told)
