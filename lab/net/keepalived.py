"""keepalived, Debian's own, on the nodes of the lab, as docs/keepalived.md has it: the sample and the notify script.

The sample's addresses become the lab's. A second FIFO serves the Elastic IP beside the virtual IP.
"""

from __future__ import annotations

import re
import shutil

from lab import PROJECT
from lab.net.hosts import ENVIRONMENT, until
from lab.net.network import NODES, NetLab

SAMPLE = PROJECT / "etc/keepalived"
AGAIN = 3  # seconds after which a hold that succeeded is done once more; docs/keepalived.md says 30
_LOG, _PID = "/run/keepalived.out", "/run/keepalived.pid"
_ENTERED = re.compile(r"\(VI_1\) Entering (\w+) STATE")


class Keepalived:
    """keepalived on the two nodes; node1 has the higher priority. It is running on `start`ed nodes alone."""

    def __init__(self, lab: NetLab) -> None:
        self._lab = lab

    def start(self, name: str) -> None:
        """Start it on a node, on which it does not run."""
        host = self._lab.hosts[name]
        for file, mode in {"ec2kit-notify": 0o755, "keepalived.conf": 0o644}.items():
            text = (SAMPLE / file).read_text()
            host.write(f"/etc/keepalived/{file}", text if mode == 0o755 else self._configuration(name, text), mode)
        quick = {"EC2KIT_NOTIFY_AGAIN": str(AGAIN)}
        host.spawn("keepalived", "--dont-fork", "--log-console", "--log-detail", env=ENVIRONMENT | quick)

    def stop(self, name: str) -> None:
        """End it on a node as a system's shutdown does, and wait until it has ended."""
        host = self._lab.hosts[name]
        host.run("sh", "-c", f"kill $(cat {_PID})", check=True)
        until(lambda: not self.running(name), lambda: f"keepalived still runs on {name}: {self.log(name)}", 30)

    def reload(self, name: str) -> None:
        """Let it load its configuration again, and wait until it has."""
        loaded = self.log(name).count("Reload complete")
        self._lab.hosts[name].run("sh", "-c", f"kill -HUP $(cat {_PID})", check=True)
        until(lambda: self.log(name).count("Reload complete") > loaded, lambda: f"no reload: {self.log(name)}", 30)

    def running(self, name: str) -> bool:
        """Whether it runs on a node."""
        return self._lab.hosts[name].run("sh", "-c", f"kill -0 $(cat {_PID})").returncode == 0

    def state(self, name: str) -> str:
        """The state that VRRP's instance entered last on a node: MASTER, BACKUP, ...; "" before the first."""
        entered = _ENTERED.findall(self.log(name))
        return entered[-1] if entered else ""

    def log(self, name: str) -> str:
        """keepalived's log on a node, since it was started last."""
        file = self._lab.hosts[name].root / _LOG.lstrip("/")
        return file.read_text(errors="replace") if file.exists() else ""

    def _configuration(self, name: str, sample: str) -> str:
        """The sample, for this node of the lab, with a second FIFO for the Elastic IP."""
        nodes = self._lab.vpc.nodes
        own, peer = (nodes[each].interfaces[0].private_ip for each in (name, next(n for n in NODES if n != name)))
        public = self._lab.vpc.public_ip
        there = {"eth1": "eth0", "10.0.2.11": own, "10.0.4.11": peer, "10.1.0.10": self._lab.vpc.vip}
        if name == "node2":
            there |= {"router_id node1": "router_id node2", "priority 150": "priority 100"}
        text = re.sub("|".join(map(re.escape, there)), lambda found: there[found[0]], re.sub(" *#.*", "", sample))
        second = (
            "    enable_script_security\n    notify_fifo /run/ec2kit-notify-eip.fifo\n    notify_fifo_script "
            f'"/etc/keepalived/ec2kit-notify VI_1 eip {public} --interface eth0"\n'
        )
        return text.replace("    enable_script_security\n", second)


def why_not() -> str | None:
    """What keeps keepalived from running here, in one line; None when nothing does."""
    if shutil.which("keepalived"):
        return None
    return "Missing here: keepalived. On Debian: apt-get install --no-install-recommends keepalived"
