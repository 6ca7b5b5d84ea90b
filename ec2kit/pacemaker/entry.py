"""Where the OCF agents' scripts come in. It loads nothing that can fail; the guard's child loads the agent."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ec2kit.host import guard
from ec2kit.pacemaker import bare


def main(kind: str) -> NoReturn:
    """Run one action of an agent, by the process' arguments, and leave with OCF's exit code for it, on time."""
    action = "".join(sys.argv[1:2])
    watches = bare.watches(action)

    def load() -> Callable[[], int]:
        try:
            from ec2kit.pacemaker import actions
        except Exception as broken:
            guard.verdict(bare.answer(kind, action, str(broken)))
            raise
        return lambda: actions.main(kind)

    guard.run(
        guard.Terms(
            (os.environ.get("OCF_EXIT_REASON_PREFIX") or "ocf-exit-reason:") + "{why}",
            unknown=0 if watches else 1,  # OCF_ERR_GENERIC
            unloaded=0 if watches else 5,  # OCF_ERR_INSTALLED
            signalled=0 if watches else None,
        ),
        load,
    )
