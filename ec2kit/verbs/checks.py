"""Checks of several addresses by one look: what they ask of EC2 is joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ec2kit.core.errors import ExitCode, KitError, NotHeld
from ec2kit.core.evidence import CONFIRM_PAUSE
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import Elsewhere, Node, Reach
from ec2kit.core.schema import Object
from ec2kit.host.deadline import Deadline
from ec2kit.verbs.lifecycle import Doubt, doubt, lost_wholly
from ec2kit.verbs.locate import here, locate
from ec2kit.verbs.look import looks
from ec2kit.verbs.process import attempt
from ec2kit.verbs.run import Record, Run, Site
from ec2kit.verbs.whereabouts import asked

_SHARE = 0.8  # of the time that is left


@dataclass(frozen=True)
class Case:
    """An address to be looked at. serving: it is to be on this node, so a loss counts only when two looks show it.

    mend: what puts a loss right, in words. whose: who has it instead is to be told by name, wherever it is to be.
    """

    resource: Resource
    reach: Reach
    serving: bool
    mend: str = ""
    whose: bool = False


@dataclass(frozen=True)
class Answer:
    """What a look has shown. error: why this node does not hold the address, or why that is not known; None: it does.

    node: at the interface that has it, or would have it. elsewhere: who has it instead.
    """

    error: KitError | None
    view: View | None = None
    node: Node | None = None
    elsewhere: tuple[Elsewhere, ...] = ()

    def as_json(self) -> Object:
        """What every system tells of its look."""
        return {
            "why": self.error.why if self.error else "",
            "outcome": (self.error.code if self.error else ExitCode.OK).name,
            "interface": self.node.interface if self.node else None,
            "eni": self.node.eni if self.node else None,
            "view": self.view.as_json() if self.view else None,
            "elsewhere": [each.as_json() for each in self.elsewhere],
        }


def checks(cases: Sequence[Case], run: Run) -> list[Answer]:
    """Look at all of them; one answer each. Those with one way to EC2 (Reach) are one look."""
    groups: defaultdict[Reach, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.reach].append(case)
    brief = replace(run, deadline=Deadline(_SHARE * run.deadline.left))  # what hangs must not hide the others

    def look(reach: Reach, group: Sequence[Case]) -> list[Answer] | KitError:
        return attempt(partial(_checked, group, replace(brief, reach=reach, record=Record())), run.log)

    found = run.deadline.together([partial(look, reach, group) for reach, group in groups.items()])
    answers: dict[int, Answer] = {}
    for group, told in zip(groups.values(), found, strict=True):
        each = [Answer(told)] * len(group) if isinstance(told, KitError) else told
        answers |= {id(case): answer for case, answer in zip(group, each, strict=True)}
    return [answers[id(case)] for case in cases]


def _checked(cases: Sequence[Case], run: Run) -> list[Answer]:
    sites: dict[str | None, Site | KitError] = {}
    for interface in dict.fromkeys(case.resource.interface for case in cases):
        sites[interface] = _site(interface, next((s for s in sites.values() if isinstance(s, Site)), None), run)
    answers = _looked(cases, sites, run)
    suspects = [number for number, (each, _) in enumerate(answers) if each and cases[number].serving]
    if suspects:
        run.deadline.sleep(CONFIRM_PAUSE, "the second look, which is to confirm a loss")
        again = _looked([cases[number] for number in suspects], sites, run)
        for number, (second, answer) in zip(suspects, again, strict=True):
            first, _ = answers[number]
            confirmed = first.confirmed(second) if first and second else answer.error
            answers[number] = (None, replace(answer, error=confirmed))
    for message, values in [told for _, answer in answers if answer.view for told in answer.view.notices]:
        run.log.say(message, **values)
    named = _named(cases, [answer for _, answer in answers], sites, run)
    return [
        replace(answer, elsewhere=tuple(named.get(each, each) for each in answer.view.elsewhere))
        if answer.error and answer.view
        else answer
        for _, answer in answers
    ]


def _named(
    cases: Sequence[Case], answers: Sequence[Answer], sites: Mapping[str | None, Site | KitError], run: Run
) -> dict[Elsewhere, Elsewhere]:
    """Who has the addresses that are not here, with name and state, as far as that is to be told."""
    there = {
        each: None
        for case, answer in zip(cases, answers, strict=True)
        if answer.error and answer.view and (case.serving or case.whose)
        for each in answer.view.elsewhere
    }
    ec2 = next((site.ec2 for site in sites.values() if isinstance(site, Site)), None)
    return dict(zip(there, asked(list(there), ec2, run)(), strict=True)) if there and ec2 else {}


def _site(interface: str | None, known: Site | None, run: Run) -> Site | KitError:
    """This node at that interface. known: at another one, with the way to EC2."""
    if known is None:
        return attempt(partial(locate, interface, run, told=False), run.log)
    node = attempt(partial(here, interface, run, lenient=False), run.log)
    return node if isinstance(node, KitError) else replace(known, node=node)


def _looked(
    cases: Sequence[Case], sites: dict[str | None, Site | KitError], run: Run
) -> list[tuple[Doubt | None, Answer]]:
    """One look: what it shows to be lost, and the answer if it is to be the only look."""
    located = [sites[case.resource.interface] for case in cases]
    ec2 = next((site.ec2 for site in located if isinstance(site, Site)), None)
    seen: list[tuple[View, Node] | KitError] = []
    if ec2:
        wanted = [
            (case.resource, site.node) for case, site in zip(cases, located, strict=True) if isinstance(site, Site)
        ]
        seen = looks(wanted, ec2, run)
    shown = iter(seen)
    return [
        (None, Answer(site)) if isinstance(site, KitError) else _judged(case, next(shown), site)
        for case, site in zip(cases, located, strict=True)
    ]


def _judged(case: Case, seen: tuple[View, Node] | KitError, site: Site) -> tuple[Doubt | None, Answer]:
    if isinstance(seen, NotHeld):
        return lost_wholly(seen), Answer(seen, None, site.node)
    if isinstance(seen, KitError):
        return None, Answer(seen, None, site.node)
    view, node = seen
    try:
        lost = doubt(case.resource, view, node, case.mend)
    except KitError as error:
        return None, Answer(error, view, node)
    return lost, Answer(lost.error if lost else None, view, node)
