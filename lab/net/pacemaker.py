"""Corosync and Pacemaker, Debian's own, on the nodes of the lab: started by hand, for there is no systemd in them.

Without fencing (stonith-enabled=false) to begin with: a cluster in production has it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lab.net.hosts import ENVIRONMENT, Host, until
from lab.net.network import NODES, NetLab

PROGRAMS = ("corosync", "pacemakerd", "crm", "pcs", "crm_mon", "ocf-tester", "xmllint", "ping", "curl", "ps")
_STATE = "/var/lib/pacemaker/cib /var/lib/pacemaker/pengine /var/lib/corosync /var/log/pacemaker /var/log/corosync"
_COROSYNC = """totem {{
  version: 2
  cluster_name: ec2kit
  transport: knet
  token: {token}
}}
nodelist {{
{nodes}}}
quorum {{
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}}
logging {{
  to_syslog: no
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
}}
"""
_NODE = """  node {{
    ring0_addr: {address}
    name: {name}
    nodeid: {number}
  }}
"""
_CIB = """<cib crm_feature_set="3.0.0" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">
      <nvpair id="dc-deadtime" name="dc-deadtime" value="3s"/>
      <nvpair id="stonith-enabled" name="stonith-enabled" value="false"/>
      <nvpair id="no-quorum-policy" name="no-quorum-policy" value="ignore"/>
    </cluster_property_set></crm_config>
    <nodes/><resources/><constraints/>
  </configuration>
  <status/>
</cib>
"""


@dataclass(frozen=True)
class Status:
    """What Pacemaker says: who is online and not standby, what runs where, and what failed.

    running: resource -> nodes, none while a start or a stop is under way. failed: "resource operation on node:
    exit reason". started: (resource, node) -> when its last start ended there.
    """

    online: frozenset[str]
    running: dict[str, frozenset[str]]
    failed: tuple[str, ...]
    started: dict[tuple[str, str], str]


class Cluster:
    """Pacemaker on the two nodes. token: milliseconds without a sign of life until corosync calls a node lost."""

    def __init__(self, lab: NetLab, *, token: int = 3000) -> None:
        self._lab = lab
        self._token = token
        self._started: dict[str, Host] = {}  # as it was then: one that has been booted since has no cluster
        for name in NODES:
            self.start(name)
        self.wait(lambda status: status.online == set(NODES), 60)

    def start(self, name: str) -> None:
        """Start it on one node, which has no state of it yet."""
        host = self._lab.hosts[name]
        self._started.pop(name, None)
        self._started[name] = host
        host.run("sh", "-c", f"for folder in {_STATE}; do find $folder -type f -delete; done", check=True)
        nodes = "".join(
            _NODE.format(address=self._lab.vpc.nodes[each].interfaces[0].private_ip, name=each, number=number)
            for number, each in enumerate(NODES, start=1)
        )
        host.write("/etc/corosync/corosync.conf", _COROSYNC.format(token=self._token, nodes=nodes))
        cib = "/var/lib/pacemaker/cib/cib.xml"
        host.write(cib, _CIB, 0o600)
        host.run("chown", "hacluster:haclient", cib, check=True)
        host.spawn("corosync", "-f")
        until(lambda: host.run("corosync-cfgtool", "-s").returncode == 0, lambda: f"no corosync on {name}", 20)
        self.again(name)

    def again(self, name: str) -> None:
        """Start Pacemaker on one node, whose corosync runs, with the state that it has left."""
        log = {"PCMK_logfile": "/var/log/pacemaker/pacemaker.log"}
        self._lab.hosts[name].spawn("pacemakerd", env=ENVIRONMENT | log)

    def configure(self, text: str) -> None:
        """Load a configuration in crmsh's words."""
        self.crm("configure", "load", "update", "-", stdin=text)

    def crm(self, *words: str, on: str | None = None, stdin: str = "") -> str:
        """Run crm on the node that is up for longest (on: that one). Raises RuntimeError with what it said."""
        return self.run("crm", *words, on=on, stdin=stdin)

    def run(self, *command: str, on: str | None = None, stdin: str = "") -> str:
        """Run a program of Pacemaker's, as `crm` does crm."""
        return self._host(on).run(*command, stdin=stdin, check=True).stdout

    def standby(self, name: str, *, on: bool) -> None:
        """Put a node into standby, or end that.

        By Pacemaker's own program. crm (4.4, ui_node.py) reads the whole CIB twice and writes the difference: what
        the cluster has written in between is undone, such as the result of a start, or on a node that has just
        been booted everything that it has got from its peer.
        """
        value = "on" if on else "off"
        self._host(None).run("crm_standby", "--node", name, "--update", value, check=True)

    def status(self, on: str | None = None) -> Status:
        """What Pacemaker says on one node (None: that is up for longest). One that does not answer says nothing."""
        told = self._host(on).run("crm_mon", "--one-shot", "--inactive", "--output-as=xml", timeout=10).stdout
        return parsed(told)

    def wait(self, until: Callable[[Status], bool], timeout: float, on: str | None = None) -> Status:
        """Wait until Pacemaker says so; raises TimeoutError with what it says instead."""
        limit = time.monotonic() + timeout
        while not until(status := self.status(on)):
            if time.monotonic() > limit:
                raise TimeoutError(f"Pacemaker says after {timeout} s: {status}")
            time.sleep(0.2)
        return status

    def log(self, name: str) -> str:
        """Pacemaker's log on a node; empty where it has not been started since the boot."""
        file = self._lab.hosts[name].root / "var/log/pacemaker/pacemaker.log"
        return file.read_text() if file.exists() else ""

    def _host(self, name: str | None) -> Host:
        up = (each for each, host in self._started.items() if self._lab.hosts.get(each) is host)
        return self._lab.hosts[name or next(up)]


def parsed(xml: str) -> Status:
    """Read what crm_mon --output-as=xml prints; nothing, or no cluster, is a status of nothing."""
    try:
        root = ET.fromstring(xml)  # noqa: S314  the lab's own Pacemaker
    except ET.ParseError:
        return Status(frozenset(), {}, (), {})
    online = frozenset(
        node.get("name", "")
        for node in root.iterfind("./nodes/node")
        if node.get("online") == "true" and node.get("standby") == node.get("pending") == "false"
    )
    running = {
        each.get("id", ""): frozenset(node.get("name", "") for node in each.iterfind("node"))
        if (each.get("role"), each.get("pending")) in {("Started", None), ("Started", "Monitoring")}
        else frozenset[str]()
        for each in root.iterfind("./resources//resource")
    }
    failed = tuple(
        f"{each.get('op_key')} on {each.get('node')}: {each.get('exitstatus')} {each.get('exitreason')}"
        for each in root.iterfind("./failures/failure")
    )
    started = {
        (history.get("id", ""), node.get("name", "")): operation.get("last-rc-change", "")
        for node in root.iterfind("./node_history/node")
        for history in node.iterfind("resource_history")
        for operation in history.iterfind("operation_history")
        if operation.get("task") == "start"
    }
    return Status(online, running, failed, started)


def why_not() -> str | None:
    """What keeps Pacemaker from running here, in one line; None when nothing does."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return None
    packages = "pacemaker pacemaker-cli-utils corosync resource-agents libxml2-utils crmsh pcs iputils-ping curl"
    return f"Missing here: {', '.join(missing)}. On Debian: apt-get install --no-install-recommends {packages} procps"
