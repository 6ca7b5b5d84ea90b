"""Where LifeKeeper's scripts come in. It loads nothing but the guard; the guard's child loads the action.

LifeKeeper's Generic Application kit keeps copies of the scripts, which outlive the version that they are of: `main`
stays here, under this name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ec2kit.host import guard

WATCHES = "quickCheck"  # what it cannot tell changes nothing


def main(action: str) -> NoReturn:
    """Run one action, with the arguments of the process, and leave with LifeKeeper's exit code for it, on time."""

    def load() -> Callable[[], int]:
        from ec2kit.lifekeeper import actions

        return lambda: actions.main(action)

    guard.run(terms(action), load)


def terms(action: str) -> guard.Terms:
    """How an action ends that cannot say so itself: with 9, and quickCheck with 0."""
    code = 0 if action == WATCHES else 9
    return guard.Terms(
        f"ERROR:ec2:{action}::{{number}}:{{why}}",
        unknown=code,
        unloaded=code,
        signalled=0 if action == WATCHES else None,
    )
