"""create's options and its access key: read the same by LifeKeeper's action, the command line and the wizard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address

from ec2kit.core import profiles
from ec2kit.core.model import AccessKey
from ec2kit.lifekeeper import contract


def create_parser() -> argparse.ArgumentParser:
    """The options of create, for the action and for the admin's command line."""
    parser = argparse.ArgumentParser("create", add_help=False)
    parser.add_argument("--type", choices=["route-table", "elastic-ip"], required=True)
    parser.add_argument("--ip-resource", metavar="TAG", help="the IP resource whose address the route tables move")
    parser.add_argument("--interface", help="network interface of this node, such as eth1")
    parser.add_argument("--elastic-ip", type=ipv4, metavar="A.B.C.D")
    parser.add_argument("--tag", help="tag of the new resource (default: ec2-<resource>)")
    parser.add_argument("--switchback", choices=list(contract.SWITCHBACK), default="intelligent")
    parser.add_argument("--server", metavar="SYSTEM", help="where to create it (default: on this system)")
    parser.add_argument("--ec2-url", metavar="URL")
    signer = parser.add_mutually_exclusive_group()
    signer.add_argument("--profile", help="profile in the AWS configuration files (default: the instance's role)")
    signer.add_argument("--access-key-id", metavar="ID", help="its secret is asked for, or read from standard input")
    return parser


def ask_key(identifier: str | None) -> AccessKey | None:
    """The access key of that id with its secret, typed unseen or read from standard input; None without an id."""
    if identifier is None:
        return None
    if sys.stdin.isatty():
        import getpass

        secret = getpass.getpass("Secret access key (not shown): ")
    else:
        secret = sys.stdin.readline()
    return profiles.access_key(identifier, secret.strip())


def create_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read create's options, the default tag filled in; leaves with exit code 2 when they do not fit together."""
    parser = create_parser()
    if not arguments:
        parser.error("without any option it asks, but only on a terminal; else give --type and what it needs")
    options = parser.parse_args(arguments)
    if options.type == "route-table" and (not options.ip_resource or options.elastic_ip):
        parser.error("--type route-table needs --ip-resource TAG, and no --elastic-ip")
    if options.type == "elastic-ip" and (not options.elastic_ip or not options.interface or options.ip_resource):
        parser.error("--type elastic-ip needs --interface and --elastic-ip, and no --ip-resource")
    options.tag = options.tag or f"ec2-{options.ip_resource or options.elastic_ip}"
    return options


def ipv4(text: str) -> IPv4Address:
    """An IPv4 address, for argparse; `/32` behind it is allowed."""
    try:
        return IPv4Address(text.removesuffix("/32"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 address such as 10.1.0.10") from None
