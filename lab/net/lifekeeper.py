"""LifeKeeper's stand-in on the lab with real packets: its core outside, actions and programs on the nodes.

The stand-in serves one machine: its store, and an LKROOT for each node, are in a folder of this machine. There each
script of the kit is a line that runs the node's own, in the node's namespaces. On the node, the programs in
/opt/LifeKeeper/bin hand their arguments out through a port of the node's loopback, and the stand-in's program of
that name is run for them. Those ports are the only way out of a node: to cut it off the network does not touch them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import cast

from ec2kit.lifekeeper.places import COMMAND, PLACES
from lab.lifekeeper import install
from lab.lifekeeper.programs import PROGRAMS
from lab.lifekeeper.remote import there
from lab.net.network import CA, NODES, NetLab

LKROOT, _PORT = "/opt/LifeKeeper", 4008
_IP = "subsys/comm/resources/ip/actions"
_PROGRAM = f"""#!{sys.executable} -IS
import json, os, socket, sys

with socket.create_connection(("127.0.0.1", {_PORT})) as line:
    line.sendall(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]).encode() + b"\\n")
    status, out, err = json.load(line.makefile())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""
# A tiny IP recovery kit: -t TAG -i IP-<address>
_IP_KIT = """#!/bin/sh
case ${0##*/} in
  restore) exec ip address replace "${4#IP-}/32" dev eth0 ;;
  remove) exec ip address flush dev eth0 to "${4#IP-}/32" ;;
  quickCheck) ip -o address show dev eth0 to "${4#IP-}/32" | grep -q . ;;
esac
"""


class LifeKeeper:
    """The stand-in over both nodes, with the kit and an IP kit; its folders are in `folder`."""

    def __init__(self, lab: NetLab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._doors: dict[str, _Door] = {}
        for name in NODES:
            install(self.lkroot(name), system=name, store=folder / "lifekeeper.db", environment={})
            self.start(name)
            for kind in ("ip", "ec2"):
                self.run(name, "app_create", "-a", "comm", accept=(0, 4))
                self.run(name, "typ_create", "-a", "comm", "-r", kind)

    def close(self) -> None:
        """End what answers the nodes' programs."""
        for name in list(self._doors):
            self._doors.pop(name).end()

    def lkroot(self, name: str) -> Path:
        """A node's LifeKeeper folder out here."""
        return self._folder / name

    def start(self, name: str) -> None:
        """Give a node that has just been booted what LifeKeeper has there."""
        host = self._lab.hosts[name]
        if name in self._doors:
            self._doors.pop(name).end()
        for program in PROGRAMS:
            host.write(f"{LKROOT}/bin/{program}", _PROGRAM, 0o755)
        for action in ("restore", "remove", "quickCheck"):
            host.write(f"{LKROOT}/{_IP}/{action}", _IP_KIT, 0o755)
        host.write("/etc/default/LifeKeeper", f"NOBCASTPING=1\nRESRVRECTIMEOUT=300\nAWS_CA_BUNDLE={CA}\n")
        ours = (COMMAND, *(place for place, _ in PLACES))
        for place in (*ours, *(f"{_IP}/{action}" for action in ("restore", "remove", "quickCheck"))):
            script = self.lkroot(name) / place
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(f'#!/bin/sh\nexec {" ".join(host.command(f"{LKROOT}/{place}"))} "$@"\n')
            script.chmod(0o755)
        with host.network():
            self._doors[name] = _Door(self.lkroot(name))

    def run(self, name: str, program: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
        """Run one of LifeKeeper's programs for a node; its output. RuntimeError for an exit code not in accept."""
        command = [str(self.lkroot(name) / "bin" / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in accept:
            raise RuntimeError(f"{name}: {program} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def log(self, name: str) -> str:
        """LifeKeeper's log on a node."""
        file = self.lkroot(name) / "log/lifekeeper.log"
        return file.read_text() if file.exists() else ""


class _Door(ThreadingTCPServer):
    """Where one node's programs are answered, from creation to `end`: in the network of whoever makes it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, lkroot: Path) -> None:
        super().__init__(("127.0.0.1", _PORT), _Asked)
        self.lkroot = lkroot
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class _Asked(StreamRequestHandler):
    """One run of a program. A node's own paths in its words become those of its folder out here."""

    def handle(self) -> None:
        lkroot = cast("_Door", self.server).lkroot
        name, *arguments = json.loads(self.rfile.readline())
        words = [there(word, LKROOT, str(lkroot)) for word in arguments]
        command = [str(lkroot / "bin" / name), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.wfile.write(json.dumps([done.returncode, done.stdout, done.stderr]).encode())
