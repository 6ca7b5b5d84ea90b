"""A tiny IP recovery kit for the stand-in: app `comm`, type `ip`, id `IP-<address>`.

An address in service is a line of `<LKROOT>/addresses`.
"""

from __future__ import annotations

import fcntl
import getopt
import os
import sys
from pathlib import Path

from lab.lifekeeper import store, write_program

ACTIONS = ("restore", "remove", "quickCheck")


def install_ip_kit(lkroot: Path, *, python: str = sys.executable) -> None:
    """Write the kit's actions into an installed system and register app and type; again is harmless."""
    root = lkroot.resolve()
    for action in ACTIONS:
        path = root / "subsys" / "comm" / "resources" / "ip" / "actions" / action
        write_program(path, "lab.lifekeeper.ipkit", action, python)
    with store.opened(root) as (db, system), store.writing(db):
        store.register(db, system, "comm", "ip")


def addresses(lkroot: Path) -> list[str]:
    """Give the addresses that are in service, in the order in which they came."""
    path = lkroot / "addresses"
    return path.read_text().split() if path.exists() else []


def _write(lkroot: Path, lines: list[str]) -> None:
    """Replace the addresses file in one step."""
    new = lkroot / "addresses.new"
    new.write_text("".join(f"{line}\n" for line in lines))
    os.replace(new, lkroot / "addresses")  # noqa: PTH105 - the name says what is atomic


def main(action: str) -> int:
    """Run one action on `-t tag -i IP-<address>`: 0, 1 for a bad quickCheck, 2 for a bad command line."""
    lkroot = Path(sys.argv[0]).resolve().parents[5]
    try:
        options = dict(getopt.getopt(sys.argv[1:], "t:i:")[0])
    except getopt.GetoptError:
        options = {}
    address = options.get("-i", "").removeprefix("IP-")
    if not address:
        print("usage: -t tag -i IP-<address>", file=sys.stderr)
        return store.SYNTAX
    with (lkroot / "addresses.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = addresses(lkroot)
        if action == "quickCheck":
            return int(address not in lines)
        others = [line for line in lines if line != address]
        _write(lkroot, [*others, address] if action == "restore" else others)
    return 0
