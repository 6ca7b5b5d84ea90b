"""repmgr's event notification on the lab, called as repmgr calls it: by a shell that reads all of its output."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab import PROJECT
from lab.nodes import Node, route_lab
from lab.protected import Protected, protect

SCRIPT = PROJECT / "etc/repmgr/ec2kit-event"
SOON = 120.0  # seconds that a very busy machine may take


def notify(protected: Protected, node: Node, event: str, success: str = "1") -> None:
    """As repmgr does: one line for a shell, and its output is read to the end. It must come back soon."""
    line = f"{shlex.join([str(SCRIPT), *protected.words])} 2 {event} {success}"
    environment = {**node.environment, "EC2KIT_EVENT_RETRY": "1", "EC2KIT_EVENT_GIVE_UP": "60"}
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environment,
        cwd=node.root,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def eventually(true: Callable[[], bool]) -> None:
    """Wait until it becomes true."""
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_address_follows_the_primary(eip: Protected) -> None:
    """EC2 is away at the promotion and comes back; then a rejoin. What failed, or changes no role, begins nothing."""
    node = eip.lab.node2
    notify(eip, node, "standby_promote", "0")
    notify(eip, node, "repmgrd_upstream_disconnect")
    assert not list(node.root.glob(".ec2kit-event*"))
    node.set(EC2_MAX_RETRY=0)
    eip.lab.ec2.refuse("denied")
    notify(eip, node, "repmgrd_failover_promote")
    eventually(lambda: bool(eip.lab.ec2.calls))
    eip.lab.ec2.mend()
    eventually(lambda: eip.holder() == "node2")
    notify(eip, node, "node_rejoin")
    eventually(lambda: eip.holder() is None)


def test_the_promotion_waits_for_nothing_and_the_last_event_wins(eip: Protected) -> None:
    """A hold hangs in EC2; the node becomes a standby: the hold is ended, and its peer keeps the address."""
    node = eip.lab.node2
    eip.lab.ec2.refuse("hang", "AssociateAddress")
    notify(eip, node, "standby_promote")
    notify(eip, node, "repmgrd_failover_promote")  # the same again: one run is enough
    eventually(lambda: any(call.action == "AssociateAddress" for call in eip.lab.ec2.calls))
    notify(eip, node, "standby_follow")
    eventually(lambda: eip.lab.ec2.calls[-1].agent.endswith("ec2kit-action/release"))
    eip.lab.ec2.mend()
    time.sleep(2)
    assert eip.holder() == "node1"
    assert [call.action for call in eip.lab.ec2.calls].count("AssociateAddress") == 1


PROGRAMS = Path("/usr/lib/postgresql/15/bin")
CONFIGURATION = """
node_id={number}
node_name='{name}'
conninfo='host=127.0.0.1 port={port} user=postgres dbname=postgres'
data_directory='{folder}/data'
pg_bindir='{programs}'
event_notification_command='{script} %n %e %s'
"""
SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = 16MB\nfsync = off\n"


@pytest.mark.skipif(not (PROGRAMS / "repmgr").exists(), reason="needs Debian's postgresql-15-repmgr")
def test_with_repmgr_itself() -> None:
    """Debian's repmgr and PostgreSQL: the primary dies, the standby is promoted, and takes the address."""
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        top.chmod(0o755)
        made = protect(stack.enter_context(route_lab(top / "lab")))
        ports: dict[str, int] = {}

        def run(name: str, program: str, *words: str) -> None:
            folder = top / name
            environment = {**made.lab.nodes[name].environment, "EC2KIT_EVENT_STATE": str(folder / "state")}
            with (folder / "log").open("a") as log:
                command = [*user, str(PROGRAMS / program), *words]
                done = subprocess.run(command, env=environment, cwd=folder, stdout=log, stderr=log, check=False)
            assert done.returncode == 0, (folder / "log").read_text()[-3000:]

        def kill(name: str) -> None:
            pid = top / name / "data/postmaster.pid"
            if pid.exists():
                os.kill(int(pid.read_text().split()[0]), signal.SIGKILL)
                pid.unlink()

        def start(name: str) -> None:
            run(name, "pg_ctl", "start", "-w", "-D", f"{top}/{name}/data", "-o", f"-p {ports[name]}")
            stack.callback(kill, name)

        for number, name in enumerate(("node1", "node2"), 1):
            folder = top / name
            folder.mkdir()
            with socket.create_server(("127.0.0.1", 0)) as free:
                ports[name] = free.getsockname()[1]
            places = {"folder": folder, "programs": PROGRAMS, "script": shlex.join([str(SCRIPT), *made.words])}
            (folder / "conf").write_text(CONFIGURATION.format(number=number, name=name, port=ports[name], **places))
            if user:
                shutil.chown(folder, "postgres")
        run("node1", "initdb", "-A", "trust", "-U", "postgres", "-D", f"{top}/node1/data")
        with (top / "node1/data/postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        start("node1")
        run("node1", "repmgr", "-f", "conf", "primary", "register")
        eventually(lambda: bool(made.lab.ec2.calls))
        there = ("-h", "127.0.0.1", "-p", str(ports["node1"]), "-U", "postgres", "-d", "postgres")
        run("node2", "repmgr", "-f", "conf", *there, "standby", "clone", "--fast-checkpoint")
        start("node2")
        run("node2", "repmgr", "-f", "conf", "standby", "register")
        assert made.holder() == "node1"
        kill("node1")
        run("node2", "repmgr", "-f", "conf", "standby", "promote")
        eventually(lambda: made.holder() == "node2")
