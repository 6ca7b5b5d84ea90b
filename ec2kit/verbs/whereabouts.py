"""Who has, or had, an address: the instance behind an ENI, with its name and state. For people alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ec2kit.core import messages
from ec2kit.core.errors import DeadlineExceeded, KitError
from ec2kit.core.model import Ec2Instance, Elsewhere
from ec2kit.verbs.run import Run

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2

_MOST = 200  # values of a filter
_PATIENCE = 0.5  # seconds, when all else is done
_SPARED = 0.5  # of the time, for what comes after


def asked(there: Sequence[Elsewhere], ec2: Ec2, run: Run) -> Callable[[], tuple[Elsewhere, ...]]:
    """Ask EC2 by one call, beside all else, whose instances these are; what gives the answer, with what is known."""
    ids = sorted({each.instance for each in there} - {""})[:_MOST]
    answer = run.deadline.aside(partial(ec2.instances, ids)) if ids else None

    def told() -> tuple[Elsewhere, ...]:
        known: dict[str, Ec2Instance] = {}
        try:
            left = run.deadline.seconds - run.deadline.spent - _SPARED
            known = answer.result(max(0.0, min(_PATIENCE, left))) if answer else {}
        except (KitError, DeadlineExceeded, NotYet):
            pass  # denied, or silent: the ids are known
        except Exception:  # noqa: BLE001  a bug, and not one of what was done
            run.log.say(messages.INTERNAL, trace=traceback.format_exc())
        return tuple(
            replace(each, name=known[each.instance].name, state=known[each.instance].state)
            if each.instance in known
            else each
            for each in there
        )

    return told
