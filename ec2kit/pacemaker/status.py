"""What Pacemaker says of the kit's resources, and what EC2 shows of them from this node.

Two programs of Pacemaker's are asked, both bounded in time: cibadmin for the parameters, crm_mon for the states.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ec2kit.core.errors import KitError, NotHeld, Unavailable
from ec2kit.core.schema import Object
from ec2kit.core.serving import Serving, Word
from ec2kit.host import programs
from ec2kit.pacemaker import cib, monitor
from ec2kit.pacemaker.cib import Primitive
from ec2kit.pacemaker.monitor import State
from ec2kit.verbs.checks import Answer, Case, checks
from ec2kit.verbs.run import Run

_SECONDS = 10.0  # for one of Pacemaker's programs
_SHARE = 0.8  # of the time that is left, likewise


@dataclass(frozen=True)
class Standing:
    """One resource of Pacemaker's: where it runs, and what EC2 shows. here: this node's name."""

    primitive: Primitive
    state: State
    here: str
    answer: Answer

    @property
    def resource(self) -> str:
        """The address, in words."""
        named = self.primitive.named
        return self.primitive.agent if isinstance(named, KitError) else str(named.resource)

    def as_json(self) -> Object:
        """All of it."""
        state = "Started" if self.here in self.state.nodes else "Stopped"
        part = {"system": self.here, "state": state} | self.answer.as_json()
        about = {"tag": self.primitive.id, "resource": self.resource, "type": self.primitive.agent}
        return (
            about
            | {"engine": "Pacemaker"}
            | self.serving.as_json()
            | {"nodes": list(self.state.nodes), "systems": [part]}
        )

    @property
    def serving(self) -> Serving:
        """Whether it is served."""
        if not self.state.managed:
            return self._told(Word.STOPPED, f"is not managed by Pacemaker now: {self._seen}")
        if self.state.nodes:
            return self._running(", ".join(self.state.nodes))
        name = self.primitive.id
        if self.state.stopped:
            cure = f"To bring it back: crm_resource -r {name} --meta -p target-role -v Started"
            return self._told(Word.STOPPED, "is out of service (its target-role is Stopped)", cure=cure)
        cure = f"When the cause is mended: crm_resource --cleanup --resource {name}"
        return self._told(Word.OUTAGE, "runs on no node", f": {self._seen}", cure)

    def _running(self, nodes: str) -> Serving:
        error, view = self.answer.error, self.answer.view
        so = f"is started on {nodes}"
        if error and not isinstance(error, NotHeld):
            return self._told(Word.UNKNOWN, f"{so}; whether it is held is not known", f": {error.why}")
        if self.here in self.state.nodes:
            if error is None:
                return self._told(Word.SERVED, f"is served: {self.resource} is held by {self.here}")
            return self._told(Word.OUTAGE, f"{so}, but lost", f": {error.why}")
        if view and view.served_elsewhere and self.answer.elsewhere[0].runs:
            has = f" ({self.answer.elsewhere[0]})"
            return self._told(Word.SERVED, f"is served: {self.resource} is held by {nodes}", has)
        return self._told(Word.OUTAGE, f"{so}, but {self._seen}")

    @property
    def _seen(self) -> str:
        """What EC2 shows, from here."""
        error = self.answer.error
        if error is None:
            return f"EC2 shows {self.resource} on this node"
        if self.answer.elsewhere:
            return f"EC2 shows {self.resource} on {', '.join(map(str, self.answer.elsewhere))}"
        return str(error) if isinstance(error, NotHeld) else f"what EC2 shows is not known: {error}"

    def _told(self, word: Word, so: str, why: str = "", cure: str = "") -> Serving:
        nodes = ", ".join(self.state.nodes)
        name = self.primitive.id
        return Serving(word, name, self.resource, nodes or "no node", f"{name} {so}", why, cure, system=nodes)


def collect(name: str | None, run: Run) -> list[Standing] | None:
    """The resource of that name, or each of the kit's; None where Pacemaker does not run on this node.

    Raises Unavailable when it does not tell.
    """
    if not programs.installed(cib.QUERY[0]):
        return None
    configured, shown = run.deadline.both(partial(_asked, cib.QUERY, run), partial(_asked, monitor.QUERY, run))
    if configured is None or shown is None:
        return None
    here = node_name(run)
    found = [each for each in cib.read(configured, here) if name in {None, each.id}]
    states = monitor.states(shown)
    cases: dict[str, Case] = {}
    answers: dict[str, Answer] = {}
    for each in found:
        if isinstance(each.named, KitError):
            answers[each.id] = Answer(each.named)
        else:
            mend = f"Pacemaker restarts {each.id}, which takes it back"
            serving = here in states.get(each.id, State()).nodes
            cases[each.id] = Case(each.named.resource, each.named.reach, serving, mend, whose=True)
    answers |= zip(cases, checks(list(cases.values()), run), strict=True)
    return [Standing(each, states.get(each.id, State()), here, answers[each.id]) for each in found]


def node_name(run: Run) -> str:
    """What the cluster calls this node; where it does not tell, the host's name."""
    if programs.installed(monitor.NAME[0]):
        with suppress(Unavailable):
            done = programs.tell(monitor.NAME, _seconds(run))
            if done.returncode == 0 and (name := done.stdout.strip()):
                return name
    return platform.node()


def _asked(command: Sequence[str], run: Run) -> str | None:
    """What a program of Pacemaker's prints; None where Pacemaker does not run. Raises Unavailable."""
    done = programs.tell(command, _seconds(run))
    if done.returncode == cib.NOT_RUNNING:
        return None
    if done.returncode:
        raise Unavailable(
            f"Pacemaker's {command[0]} ended with {done.returncode}", "Run it by hand, and see what it says"
        )
    return done.stdout


def _seconds(run: Run) -> float:
    return min(_SECONDS, _SHARE * run.deadline.left)
