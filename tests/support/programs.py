"""Programs on the lab's nodes: what they said and imported, another one in the place of LifeKeeper's, and haste."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from subprocess import CompletedProcess

from lab.nodes import Node


def good(done: CompletedProcess[str]) -> str:
    """What a program printed that must have ended with 0."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(node: Node) -> str:
    """ec2kit on a node, without a tap: for what is given to its process, as a terminal, input or a signal."""
    program, behind = node.root / "bin/ec2kit", node.root / "bin/.behind/ec2kit"
    return str(behind if behind.exists() else program)


def imported(node: Node, *program: str) -> set[str]:
    """The modules that Python has imported, as `python -v` tells them; what it looked for in vain is not there."""
    done = node.run(sys.executable, "-v", *program)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(re.findall(r"^import '([\w.]+)' #", done.stderr, re.MULTILINE))


def replaced(node: Node, program: str, text: str) -> Path:
    """Put a shell script in the place of one of LifeKeeper's programs; where the program is kept meanwhile.

    program: its name in $LKROOT/bin, or its path from there.
    """
    place = (node.lkroot / "bin" / program).resolve()
    kept = place.rename(place.with_name(f"{place.name}.kept"))
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return kept


def hurry(*nodes: Node, act: int = 6, look: int = 5) -> None:
    """One retry and small budgets, in seconds, so that waiting for nothing is short."""
    acting = {f"EC2_{action}_TIMEOUT": act for action in ("RESTORE", "REMOVE", "RECOVER")}
    for node in nodes:
        node.set(EC2_MAX_RETRY=1, **acting, EC2_QUICKCHECK_TIMEOUT=look)


def seconds(done: CompletedProcess[str]) -> float:
    """How long an action took by its own clock, as its last line says."""
    return float(re.findall(r" after ([0-9.]+) s", done.stderr.splitlines()[-1])[0])


def last(done: CompletedProcess[str]) -> str:
    """The last line that the admin sees; never part of a traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    return (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
