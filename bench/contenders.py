"""The ways to have an address in Pacemaker that `bench.failover` compares: the kit's agents and ClusterLabs'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Asked = Literal["virtual IP", "Elastic IP"]
START = "op start timeout=300s op stop timeout=300s"


@dataclass(frozen=True)
class Contender:
    """One way to have an address in Pacemaker. resources: crm's lines, where "{vip}" and such are filled in.

    leads: the resources that all run on one node when it is there. on_both: the virtual IP is on both nodes for good.
    """

    name: str
    asked: Asked
    resources: str
    leads: tuple[str, ...]
    on_both: bool = False
    peer: bool = False


ROUTE = (
    'ocf:ec2kit:route params ip={vip} interface=eth0 routing_table="{tables}" '
    f"{START} op monitor interval=30s timeout=60s"
)
VIP = "ocf:heartbeat:IPaddr2 params ip={vip} cidr_netmask=32 nic=eth0 op monitor interval=10s timeout=20s"
CONTENDERS = (
    Contender(
        "ec2kit:route and IPaddr2, a group",
        "virtual IP",
        f"primitive a-vip {VIP}\nprimitive a-route {ROUTE}\ngroup a a-vip a-route\n",
        ("a-vip", "a-route"),
    ),
    Contender(
        "ec2kit:route and IPaddr2, side by side",
        "virtual IP",
        f"primitive b-vip {VIP}\nprimitive b {ROUTE}\ncolocation b-with inf: b-vip b\n"
        "order b-off Mandatory: b:stop b-vip:stop symmetrical=false\n",
        ("b-vip", "b"),
    ),
    Contender(
        "ec2kit:route, the address on both nodes",
        "virtual IP",
        f"primitive c {ROUTE}\n",
        ("c",),
        on_both=True,
    ),
    Contender(
        "aws-vpc-move-ip",
        "virtual IP",
        "primitive d ocf:heartbeat:aws-vpc-move-ip "
        "params ip={vip} interface=eth0 routing_table={tables} region={region} "
        f"{START} op monitor interval=60s timeout=120s\n",
        ("d",),
        peer=True,
    ),
    Contender(
        "ec2kit:eip",
        "Elastic IP",
        "primitive e ocf:ec2kit:eip params elastic_ip={eip} interface=eth0 "
        f"{START} op monitor interval=30s timeout=60s\n",
        ("e",),
    ),
    Contender(
        "awseip",
        "Elastic IP",
        "primitive f ocf:heartbeat:awseip params elastic_ip={eip} allocation_id={allocation} "
        f"{START} op monitor interval=30s timeout=60s\n",
        ("f",),
        peer=True,
    ),
)
