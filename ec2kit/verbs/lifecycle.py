"""The verbs: look, decide, act, look again. Here the pure core and the edges meet.

hold     restore and recover, OCF start     empties the drift
check    quickCheck, OCF monitor            is the drift empty?
release  remove, OCF stop                   empties the release
plan     what hold would do                 shows the drift

Only hold and release change anything, and they believe no reply, only the look that follows.
site: where this node is, when the caller has found that already. What a verb saw and did is in
`run.record`. It raises NotHeld, Unavailable, Misconfigured or DeadlineExceeded when it does not succeed.
"""

from __future__ import annotations

import random
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from ec2kit.core import backoff, messages
from ec2kit.core.errors import KitError, NotHeld, Unavailable
from ec2kit.core.model import Resource, RouteResource
from ec2kit.core.steps import AssociateAddress, BringLinkUp, Plan, Step, findings
from ec2kit.host import nic
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import look
from ec2kit.verbs.run import Run, Site

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2

CONFIRM_PAUSE = 1.0  # seconds before a loss is looked at a second time: one look of EC2 can be stale


def hold(resource: Resource, run: Run, site: Site | None = None) -> None:
    """Make this node hold the address, and return only when a look shows that it does."""
    _converge(resource, site, run)


def release(resource: Resource, run: Run, site: Site | None = None, *, persistent: bool = False) -> None:
    """Let go of the address if it is ours, and return only when a look shows that it is not.

    A route is left as it is and nothing is asked: the node that takes over moves it.
    persistent: go on while there is time, whatever the cause; for a caller to whom a failure costs more than time.
    """
    if isinstance(resource, RouteResource):
        run.log.say(messages.ROUTE_STAYS, destination=resource.destination)
    else:
        _converge(resource, site, run, let_go=True, persistent=persistent)


def check(resource: Resource, run: Run, site: Site | None = None) -> None:
    """Return when this node holds the address; raise NotHeld only when two looks, apart in time, show the loss."""
    site = site or locate(resource.interface, run)
    try:
        _check_once(resource, site, run)
    except NotHeld as suspicion:
        run.log.say(messages.SUSPECT, why=suspicion)
        run.deadline.sleep(CONFIRM_PAUSE, "the second look, which is to confirm a loss")
        _check_once(resource, site, run)


def plan(resource: Resource, run: Run) -> None:
    """Put what hold would do now into the run's record; nothing is changed."""
    run.record.todo = look(resource, locate(resource.interface, run), run).drift()


def _check_once(resource: Resource, site: Site, run: Run) -> None:
    if todo := look(resource, site, run, expect_here=True).drift():
        raise NotHeld(
            f"{resource} is not held by {site.node}: {findings(todo)}",
            "'ec2kit hold' on the node that should hold it puts it right",
        )


def _converge(
    resource: Resource, site: Site | None, run: Run, *, let_go: bool = False, persistent: bool = False
) -> None:
    """Rounds of look, act and look, until nothing is wanted, or the rounds or the time are used up."""
    rounds = 1 + run.settings.ec2_max_retry
    endless = persistent and rounds > 1
    for number in count(1):
        problem: KitError
        try:
            site = site or locate(resource.interface, run, patient=True)
            refused: dict[Step, KitError] = {}
            view = look(resource, site, run)
            if todo := view.release() if let_go else view.drift():
                refused = _act(todo, site.ec2, run)
                view = look(resource, site, run, expect_here=not let_go)
                todo = view.release() if let_go else view.drift()
            if not todo:
                return
            problem, final = _unfinished(resource, todo, refused)
        except Unavailable as error:
            problem, final = error, error.permanent
        longest = backoff.PERSISTENT_MOST if endless else backoff.ROUND_MOST
        pause = backoff.next_round(number, run.deadline.left, random.random(), longest)  # noqa: S311  no secret
        if pause is None or ((final or number == rounds) and not endless):
            raise problem
        most = f"within {run.deadline.seconds:g} s" if endless else f"of {rounds}"
        run.log.say(messages.LOOK_AGAIN, why=problem.why, number=number + 1, most=most)
        run.deadline.sleep(pause, f"round {number + 1}, because {problem}")


def _unfinished(resource: Resource, todo: Plan, refused: dict[Step, KitError]) -> tuple[NotHeld, bool]:
    """What a look after acting still misses, and whether it is useless to go on."""
    causes = [error for step, error in refused.items() if step in todo[0]]
    what = f"{resource}: after acting, a look still shows that {findings(todo)}"
    if not causes:
        return NotHeld(
            what, "EC2 may need longer to show the change, or somebody changes it back; run it again"
        ), False
    final = all(isinstance(error := refused.get(step), Unavailable) and error.permanent for step in todo[0])
    return NotHeld(f"{what}, because {causes[0]}", causes[0].cure), final


def _act(todo: Plan, ec2: Ec2, run: Run) -> dict[Step, KitError]:
    """Apply the batches in their order, up to the first in which a step is refused; the refused steps."""
    run.record.acted = True
    for batch in todo:
        for step in batch:
            _warn_displaced(step, run)
        outcomes = run.deadline.together([partial(_apply, step, ec2, run) for step in batch])
        refused = {
            step: outcome for step, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, KitError)
        }
        for step, error in refused.items():
            run.log.say(messages.STEP_REFUSED, step=step, why=error.why)
        if refused:
            return refused
    return {}


def _apply(step: Step, ec2: Ec2, run: Run) -> None:
    if isinstance(step, BringLinkUp):
        _bring_link_up(step.interface, run)
    else:
        ec2.apply(step)
    run.record.done.append(step)
    run.log.say(messages.STEP, step=step)


def _warn_displaced(step: Step, run: Run) -> None:
    if isinstance(step, AssociateAddress):
        for other in step.displaces:
            run.log.say(
                messages.DISPLACED,
                other=other,
                private_ip=step.private_ip,
                eni=step.eni,
                public_ip=step.public_ip,
            )


def _bring_link_up(interface: str, run: Run) -> None:
    """Repair the link once: down, IP_WAIT_LINKDOWN seconds, up, then a look each second, IP_MAX_LINKCHK times."""
    wait, most = run.settings.ip_wait_linkdown, run.settings.ip_max_linkchk
    run.log.say(messages.LINK_REPAIR, interface=interface, seconds=wait)
    nic.bring_up(interface, wait=wait, deadline=run.deadline)
    for second in range(most + 1):
        if nic.has_link(run.settings.ec2kit_sysfs, interface):
            run.log.say(messages.LINK_UP, interface=interface, seconds=second)
            return
        if second < most:
            run.deadline.sleep(1.0, f"the link of {interface}")
    raise Unavailable(
        f"{interface} still has no link {most} s after it was taken up",
        f"Check the ENI behind it (aws ec2 describe-network-interfaces) and 'ip link show {interface}'",
        permanent=True,
    )
