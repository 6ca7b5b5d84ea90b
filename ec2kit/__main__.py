"""Where the command line comes in: `ec2kit`, and `python -m ec2kit`. The guard's child loads all that it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from ec2kit.host import guard

_VERBS = ("hold", "check", "release", "plan")  # an engine may call them; the others are a person's
_READING = 20.0  # seconds that more than a pipe takes may wait for a person to read it
_TAKING_BACK = 60.0  # seconds that it may take to put right what was begun on other systems


def main() -> NoReturn:
    """Run the command line and leave with the exit code of ec2kit.core.errors.ExitCode, on time."""
    verb = next(iter(sys.argv[1:]), "")

    def load() -> Callable[[], int]:
        from ec2kit.console import cli

        return cli.main

    guard.run(
        guard.Terms(
            f"UNAVAILABLE {verb}: {{why}}" if verb.isalpha() else "UNAVAILABLE: {why}",
            unknown=9,
            unloaded=9,
            patience=5.0 if verb in _VERBS else _READING,
            unwinding=5.0 if verb in _VERBS else _TAKING_BACK,
        ),
        load,
    )


def create() -> NoReturn:
    """Run LifeKeeper's script create, which without any option, on a terminal, asks."""

    def load() -> Callable[[], int]:
        from ec2kit.console import cli

        return cli.create

    guard.run(
        guard.Terms(
            "ERROR:ec2:create::{number}:{why}", unknown=9, unloaded=9, patience=_READING, unwinding=_TAKING_BACK
        ),
        load,
    )


if __name__ == "__main__":
    main()
