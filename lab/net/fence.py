"""A fence agent for the nodes of the lab, with fence_aws's name and parameters: it stops and starts instances.

Pacemaker's fencer runs it as any fence agent: a line for each parameter on standard input, the verdict as exit code.
A host follows its instance where the lab says so (`NetLab.power_by_ec2`).
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import boto3

from lab import PROJECT

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from lab.net.hosts import Host

_PARAMETERS = {"action": "reboot", "plug": "", "region": "", "power_timeout": "60"}  # with fence_aws's defaults
_ACTIONS = ("on", "off", "reboot", "status", "monitor", "metadata")
_METADATA = (
    '<?xml version="1.0" ?>\n'
    '<resource-agent name="fence_aws" shortdesc="the lab\'s">\n<longdesc>the lab\'s</longdesc>\n<parameters>\n'
    + "".join(
        f'<parameter name="{name}" required="0"><content type="string" default="{default}"/></parameter>\n'
        for name, default in _PARAMETERS.items()
    )
    + "</parameters>\n<actions>\n"
    + "".join(f'<action name="{name}"/>\n' for name in _ACTIONS)
    + "</actions>\n</resource-agent>\n"
)


def place(host: Host) -> None:
    """Put it where a node's fencer looks, in the place of the distribution's own, if there is one."""
    host.write("/usr/sbin/fence_aws", f'#!/bin/sh\ncd {PROJECT} && exec {sys.executable} -m {__name__} "$@"\n', 0o755)


def main() -> int:
    """Do what standard input says. 0: done, or on; 2: off; 1: not done."""
    given = _PARAMETERS | dict(line.strip().partition("=")[::2] for line in sys.stdin)
    action, plug = given["action"], given["plug"] or given.get("port", "")
    if action == "metadata":
        sys.stdout.write(_METADATA)
        return 0
    ec2: EC2Client = boto3.client("ec2", region_name=given["region"])
    limit = time.monotonic() + float(given["power_timeout"])
    if action == "monitor":
        ec2.describe_instances()
    if action == "status":
        return 0 if _state(ec2, plug) == "running" else 2
    if action in {"off", "reboot"}:
        ec2.stop_instances(InstanceIds=[plug], Force=True)
        _become(ec2, plug, "stopped", limit)
    if action in {"on", "reboot"}:
        ec2.start_instances(InstanceIds=[plug])
        _become(ec2, plug, "running", limit)
    return 0


def _state(ec2: EC2Client, instance: str) -> str:
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]


def _become(ec2: EC2Client, instance: str, state: str, limit: float) -> None:
    while _state(ec2, instance) != state:
        if time.monotonic() > limit:
            raise TimeoutError(f"{instance} is not {state}")
        time.sleep(1)


if __name__ == "__main__":
    raise SystemExit(main())
