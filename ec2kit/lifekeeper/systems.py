"""doctor on LifeKeeper's other systems: asked side by side through lcdremexec, and none holds up this one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from ec2kit.core.doctor.finding import SetUp
from ec2kit.core.doctor.others import Told
from ec2kit.core.errors import ExitCode, KitError, Problem, Unavailable
from ec2kit.lifekeeper.cluster import Cluster
from ec2kit.verbs.run import Run

_SHARE = 0.8  # of the run's time, for their answers; and of that, for the run there


def told_by_others(tag: str, words: Sequence[str], cluster: Cluster, run: Run) -> list[Told]:
    """What doctor tells on every other system; on those that have a resource, where its tag is given.

    words: what is named without a tag.
    """
    seconds = max(1.0, _SHARE * run.deadline.seconds - run.deadline.spent)
    try:
        named = cluster.systems_with(tag) if tag else dict.fromkeys(cluster.lcd.systems(), "")
    except KitError as error:
        return [Told.silent("another system", error)]
    named.pop(cluster.system, None)
    systems = {system: [its_tag] if its_tag else list(words) for system, its_tag in named.items()}
    calls = [partial(_ask, system, each, cluster, seconds) for system, each in systems.items()]
    return [
        Told.silent(system, told) if isinstance(told, KitError) else told
        for system, told in zip(systems, run.deadline.together(calls) if calls else [], strict=True)
    ]


def _ask(system: str, words: Sequence[str], cluster: Cluster, seconds: float) -> Told:
    options = ("--output", "json", "--timeout", f"{_SHARE * seconds:.1f}")
    code, output = cluster.ask("ec2kit", system, "doctor", *words, *options, most=seconds)
    try:
        return Told.of_json(json.loads(output))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        what = "the kit there gave no answer; is it installed, and is it the same version?"
        if code == ExitCode.UNAVAILABLE and not output.strip():
            what = "LifeKeeper does not reach it"
        raise Unavailable(what, f"Run it on {system}: ec2kit doctor") from None


_FINDS = frozenset({"NOT_EXTENDED", "DEPENDENCY_MISSING"})


def hierarchy(tag: str, cluster: Cluster) -> SetUp:
    """Whether another system has the resource, and the same stands on it here as there."""
    problems = [
        Problem(
            f"on {system} {parent} stands on {child}, and here it does not: it would come into service without it",
            f"Make it so here: {cluster.lcd.path('dep_create')} -p {parent} -c {child}",
            code="DEPENDENCY_MISSING",
        )
        for system, parent, child in cluster.missing_dependencies(tag)
    ]
    if cluster.alone(tag):
        what = f"{tag} is on {cluster.system} alone: no other system can take it over"
        cure = f"Extend it, for another system to take over: ec2kit extend {tag} --to SYSTEM"
        problems.append(Problem(what, cure, fatal=False, code="NOT_EXTENDED"))
    return SetUp(tuple(problems), _FINDS)


def not_here(cluster: Cluster) -> SetUp:
    """What the other systems have, where this one has no resource of the kit; what does not tell is left out."""
    problems = []
    for system in cluster.lcd.systems():
        try:
            tags = [each.tag for each in cluster.lcd.ours(system)] if system != cluster.system else []
        except KitError:
            continue
        if tags:
            what = (
                f"{', '.join(tags)} of {system} {'are' if len(tags) > 1 else 'is'} not extended to {cluster.system}"
            )
            cure = f"On {system}: ec2kit extend {tags[0]} --to {cluster.system}"
            problems.append(Problem(what, cure, fatal=False, code="NOT_EXTENDED"))
    return SetUp(tuple(problems), frozenset({"NOT_EXTENDED"}))
