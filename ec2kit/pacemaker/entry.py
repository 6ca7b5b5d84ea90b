"""Where the OCF agents' scripts come in. It loads nothing but the guard; the guard's child loads the agent."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ec2kit.host import guard


def main(kind: str) -> NoReturn:
    """Run one action of an agent, by the process' arguments, and leave with OCF's exit code for it, on time."""
    recurring = sys.argv[1:2] == ["monitor"] and os.environ.get("OCF_RESKEY_CRM_meta_interval", "0") not in {  # noqa: SIM112  OCF's name
        "",
        "0",
    }

    def load() -> Callable[[], int]:
        from ec2kit.pacemaker import actions

        return lambda: actions.main(kind)

    guard.run(
        guard.Terms(
            (os.environ.get("OCF_EXIT_REASON_PREFIX") or "ocf-exit-reason:") + "{why}",
            unknown=0 if recurring else 1,  # OCF_ERR_GENERIC
            unloaded=0 if recurring else 5,  # OCF_ERR_INSTALLED
            signalled=0 if recurring else None,
        ),
        load,
    )
