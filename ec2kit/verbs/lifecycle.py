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

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ec2kit.core import backoff, messages
from ec2kit.core.errors import Astray, KitError, Misconfigured, NotHeld, Pending, Stale, Unanswered, Unavailable
from ec2kit.core.evidence import CONFIRM_PAUSE, Evidence
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import Elsewhere, Node
from ec2kit.core.steps import BringLinkUp, Ec2Step, Plan, Step, findings, steps_of
from ec2kit.host import nic
from ec2kit.verbs import claims, whereabouts, witness
from ec2kit.verbs.locate import locate
from ec2kit.verbs.look import look
from ec2kit.verbs.run import Run, Site

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2

MEND = "Where this node is to have it, 'ec2kit hold' takes it"  # what to do about a loss, without an engine
_EVERYTHING = frozenset({"*"})  # of what a look shows that finds no entry at all


def hold(resource: Resource, run: Run, site: Site | None = None, *, planned: str = "") -> None:
    """Make this node hold the address, and return only when looks prove that it does.

    planned: the mark of a plan. Raises Misconfigured, before anything is sent, where a look shows another thing now.
    All rounds are tried, whatever the cause: rights, credentials and new interfaces take their time with EC2, too.
    """
    run.record.resource = resource
    with claims.taking(resource, run):
        _Task(resource, run, site, lambda view: view.drift(), planned=planned).converge()


def release(resource: Resource, run: Run, site: Site | None = None, *, persistent: bool = True) -> None:
    """Let go of the address if this node has it, and return only when looks prove that it does not.

    Of an address that stays, nothing is asked: the node that takes over moves it. One that another resource of an
    engine's has taken on this node since is that one's.
    persistent: go on while there is time, unless EC2_MAX_RETRY is set, for a failure may cost the node its life.
    """
    run.record.resource = resource
    if resource.stays:
        run.log.say(messages.ROUTE_STAYS, destination=resource.target)
    elif holder := claims.anothers(resource, run):
        run.record.left = holder
        run.log.say(messages.ANOTHERS, resource=resource, holder=holder)
    else:
        endless = persistent and not run.settings.ec2_max_retry_given
        _Task(resource, run, site, lambda view: view.release(), let_go=True, endless=endless).converge()
        claims.let_go(resource, run)


def check(resource: Resource, run: Run, site: Site | None = None) -> None:
    """Return when this node holds the address; raise NotHeld only when two looks, apart in time, show the same loss.

    Raises Astray when it is on this node, but on another interface.
    """
    run.record.resource = resource
    site = site or locate(resource.interface, run)
    first = _judge(resource, site, run, frugal=True)
    if first is None:
        claims.keep(resource, run)
        return
    run.log.say(messages.SUSPECT, why=first.error)
    run.deadline.sleep(CONFIRM_PAUSE, "the second look, which is to confirm a loss")
    second = _judge(resource, site, run, frugal=False)
    if second is None:
        claims.keep(resource, run)
        return
    for problem in run.record.view.displacing if run.record.view else ():
        run.log.say(messages.CAUTION, problem=problem)
    raise first.confirmed(second)


def check_once(resource: Resource, site: Site, run: Run) -> None:
    """As check, by one look: for where a loss that is told in error fails nothing."""
    if doubt := _judge(resource, site, run, frugal=True):
        raise doubt.error


def plan(resource: Resource, run: Run) -> None:
    """Put what hold would do now into the run's record; nothing is changed."""
    from ec2kit.core import binding

    site = locate(resource.interface, run)
    view = look(resource, site, run)
    run.record.elsewhere = view.elsewhere
    run.record.todo = view.drift()
    run.record.mark = binding.mark(resource, view, run.record.todo)
    for problem in view.cautions:
        run.log.say(messages.CAUTION, problem=problem)
    run.record.elsewhere = whereabouts.asked(view.elsewhere, site.ec2, run)()


@dataclass(frozen=True)
class Doubt:
    """What one look shows to be lost: each entry, and in words."""

    lost: frozenset[str]
    error: NotHeld

    def confirmed(self, second: Doubt) -> KitError:
        """What it comes to when a second look, a while later, shows a loss again."""
        if self._same_loss(second):
            return second.error
        return Unavailable(f"two looks contradict each other: {self.error}, and then: {second.error}", "Look again")

    def _same_loss(self, other: Doubt) -> bool:
        """Whether both show an entry lost. One that shows none at all has lost each table's, and tells of no ENI."""
        if _EVERYTHING not in (self.lost, other.lost):
            return bool(self.lost & other.lost)
        told = (self.lost | other.lost) - _EVERYTHING
        return not told or any(not entry.startswith("eni-") for entry in told)


def _judge(resource: Resource, site: Site, run: Run, *, frugal: bool) -> Doubt | None:
    """One look: None when this node holds the address. Raises Astray."""
    try:
        view = look(resource, site, run, frugal=frugal)
    except NotHeld as error:
        return lost_wholly(error)
    return doubt(resource, view, run.record.site.node if run.record.site else site.node, run.mend)


def lost_wholly(error: NotHeld) -> Doubt:
    """What a look shows that finds no entry at all."""
    return Doubt(_EVERYTHING, error)


def doubt(resource: Resource, view: View, node: Node, mend: str = "") -> Doubt | None:
    """What a look shows to be lost; None when this node holds the address. mend: as a run's. Raises Misconfigured."""
    lost, cure = view.lost, mend or MEND
    try:
        found = findings(view.drift())
    except Misconfigured as error:  # it could not be taken now either
        if not lost:
            raise
        found, cure = str(error), error.cure
    if lost:
        what = f"{resource} is not held by {node}: {found}"
        return Doubt(lost, NotHeld(what, cure))
    if found:
        raise Astray(
            f"{resource} is on this node, but not where it is to be, on {node}: {found}",
            f"'ec2kit hold{' --force' if mend else ''}' moves it there; or have the resource name the place "
            "that it is at",
        )
    return None


@dataclass
class _Task:
    """Rounds of looking and acting, until looks prove that nothing is wanted, or the rounds or the time are used up.

    wanted: the steps that a view shows to be missing. let_go: they release the address. endless: rounds go on while
    there is time. planned: the mark of the plan that the first change must be by; empty: there was none, or a change
    was sent.
    """

    resource: Resource
    run: Run
    site: Site | None  # where this node is, when the caller has found that; else it is found anew in each round
    wanted: Callable[[View], Plan]
    let_go: bool = False
    endless: bool = False
    planned: str = ""
    before: Callable[[], tuple[Elsewhere, ...]] | None = None  # who had the address
    seen: Evidence = field(default_factory=Evidence)
    shown: bool = False  # whether the second witness has shown the address here

    def converge(self) -> None:
        """Return when it is proven. Raises the last round's problem."""
        run, number = self.run, 1
        most = 1 + run.settings.ec2_max_retry
        while problem := self._round():
            longest = backoff.PERSISTENT_MOST if self.endless else backoff.ROUND_MOST
            pause = backoff.next_round(number, run.deadline.left, random.random(), longest)  # noqa: S311  no secret
            endless = self.endless or isinstance(problem, Pending)
            if pause is None or problem.permanent or (number >= most and not endless):
                raise problem
            number += 1
            within = f"within {run.deadline.seconds:g} s" if endless else f"of {most}"
            run.log.say(messages.LOOK_AGAIN, why=problem.why, number=number, most=within)
            run.deadline.sleep(pause, f"round {number}, because {problem}")
        if self.before and (had := self.before()):
            run.record.elsewhere = had
            run.log.say(messages.TAKEN_FROM, resource=self.resource, elsewhere=", ".join(map(str, had)))

    def _round(self) -> KitError | None:
        """Look, act, and look until it is proven; what is in the way of that."""
        refused: dict[Step, KitError] = {}
        looked = acted = False
        try:
            site = self.site or self._locate()
            while True:
                todo = self._look(site, refused, frugal=looked and not self.let_go)
                looked = True
                if todo:
                    if acted and not any(isinstance(error, Stale) for error in refused.values()):
                        return _unfinished(self.resource, todo, refused)
                    refused, acted = self._act(todo, site.ec2), True
                elif (pause := self.seen.pause(self.run.deadline.spent)) is not None:
                    what = f"{self.resource} {'is not here' if self.let_go else 'is held'}"
                    self.run.log.say(messages.CONFIRM, what=what)
                    self.run.deadline.sleep(pause, "the second look, which is to confirm the first")
                else:
                    return None
        except (NotHeld, Unavailable, Misconfigured) as error:
            return error

    def _locate(self) -> Site:
        """This node as it is now; where that cannot be told, as this run has found it before."""
        try:
            return locate(self.resource.interface, self.run, patient=True, let_go=self.let_go)
        except Unavailable:
            if self.run.record.site is None:
                raise
            return self.run.record.site

    def _look(self, site: Site, refused: dict[Step, KitError], *, frugal: bool) -> Plan:
        """What a look still shows to be missing."""
        at = self.run.deadline.spent
        silent = next((error for error in refused.values() if isinstance(error, Unanswered)), None)
        if silent and self._gone(silent, at):
            return ()
        try:
            view = look(self.resource, site, self.run, frugal=frugal, releasing=self.let_go)
        except Unavailable as error:
            if self._gone(error, at):
                return ()
            raise
        todo = self.wanted(view)
        if todo and view.partial:
            view = look(self.resource, site, self.run)
            todo = self.wanted(view)
        if self.planned and (todo or not self.run.record.acted):
            self._refuse_other(view, todo)
        right = view.subjects - {step.subject for step in steps_of(todo)}
        self.seen.saw(right, at, self.run.deadline.spent)
        return todo

    def _refuse_other(self, view: View, todo: Plan) -> None:
        """Raise Misconfigured where this look is not what the plan was made from."""
        from ec2kit.core import binding

        if (now := binding.mark(self.resource, view, todo)) != self.planned:
            raise Misconfigured(
                f"EC2 has changed since the plan, or the options are others: its mark is {self.planned}, and now it "
                f"would be {now}. Nothing was done",
                f"Run plan again: ec2kit plan {self.resource.kind} {self.resource.address}, with the same options",
                permanent=True,
            )

    def _gone(self, error: KitError, at: float) -> bool:
        """Whether the second witness shows that what was sent has let go of the address.

        Where EC2 has not said that it took the call, it must have shown the address here before.
        """
        if not (self.let_go and self.run.record.acted and (self.run.record.done or self.shown)):
            return False
        if witness.here(self.resource, self.run) is not False:
            return False
        self.run.log.say(messages.WITNESS, why=error, public_ip=self.resource.address)
        self.seen.saw({self.resource.address}, at, self.run.deadline.spent)
        return True

    def _act(self, todo: Plan, ec2: Ec2) -> dict[Step, KitError]:
        """Apply the batches in their order, up to the first in which a step is refused; the refused steps."""
        run = self.run
        if self.let_go and not run.record.acted:
            self.shown = witness.here(self.resource, run) is True
        if not (self.let_go or self.before) and run.record.view:
            self.before = whereabouts.asked(run.record.view.elsewhere, ec2, run)
        run.record.acted = run.record.outdated = True
        done = len(run.record.done)
        refused: dict[Step, KitError] = {}
        for batch in todo:
            for message, values in [told for step in batch if isinstance(step, Ec2Step) for told in step.cautions]:
                run.log.say(message, **values)
            outcomes = run.deadline.together([partial(_apply, step, ec2, run) for step in batch])
            refused = {step: each for step, each in zip(batch, outcomes, strict=True) if isinstance(each, KitError)}
            for step, error in refused.items():
                if not isinstance(error, Stale):  # it is looked at again at once
                    run.log.say(messages.STEP_REFUSED, step=step, why=error.why)
            if refused:
                break
        if any(not isinstance(each, Stale) for each in outcomes):
            self.planned = ""  # something was sent: from now on it is this run's own
        self.seen.changed(step.subject for step in run.record.done[done:])
        return refused


def _unfinished(resource: Resource, todo: Plan, refused: dict[Step, KitError]) -> NotHeld:
    """What a look after acting still misses."""
    causes = [error for step, error in refused.items() if step in todo[0]]
    what = f"{resource}: after acting, a look still shows that {findings(todo)}"
    if not causes:
        return NotHeld(what, "EC2 may need longer to show the change, or somebody changes it back; run it again")
    permanent = all(step in refused and refused[step].permanent for step in todo[0])
    problem = NotHeld(f"{what}, because {causes[0]}", causes[0].cure, permanent=permanent)
    problem.__cause__ = causes[0]
    return problem


def _apply(step: Step, ec2: Ec2, run: Run) -> None:
    began = run.deadline.spent
    if isinstance(step, Ec2Step):
        with claims.placing(step, run):
            ec2.apply(step, math.inf if step.aimed else run.record.seen + backoff.FRESH)
    elif isinstance(step, BringLinkUp):
        _bring_link_up(step.interface, run)
    run.record.timed.append((step, run.deadline.spent - began))
    run.log.say(messages.STEP, step=step)


def _bring_link_up(interface: str, run: Run) -> None:
    """Repair the link once: down, IP_WAIT_LINKDOWN seconds, up, then a look each second, IP_MAX_LINKCHK times."""
    wait, most = run.settings.ip_wait_linkdown, run.settings.ip_max_linkchk
    run.log.say(messages.LINK_REPAIR, interface=interface, seconds=wait)
    if lost := nic.bring_up(interface, wait=wait, deadline=run.deadline):
        step = f"put back all that {interface} had before it went down"
        run.log.say(messages.STEP_REFUSED, step=step, why=lost)
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
