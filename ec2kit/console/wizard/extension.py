"""The create wizard's last part: extend what was created to other systems, as the administration guide goes on.

Cancelling here keeps the resource, and every extension that is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ec2kit.console.wizard.answers import command
from ec2kit.console.wizard.prompts import Cancelled, Option, Question, choose, text, walk
from ec2kit.core.errors import ExitCode, Misconfigured, Unavailable
from ec2kit.core.kinds.kind import INTERFACE
from ec2kit.core.kinds.known import OWN, own_texts
from ec2kit.host.deadline import INTERRUPTED
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import info, managers, preflight
from ec2kit.lifekeeper.cluster import cluster_now
from ec2kit.lifekeeper.managers import Extension
from ec2kit.lifekeeper.options import own_arguments
from ec2kit.verbs.process import attempt

_LAST = 999  # the lowest priority


@dataclass(frozen=True)
class Answers:
    """One extension from `server`. others: the systems that lack it. known: the priorities before it.

    named: what the resource has of its own there, the interface apart, by field; own: what the other is to have. to:
    empty for none. template, target: priorities; template empty when the server has one already.
    """

    tag: str
    server: str
    others: tuple[str, ...]
    known: dict[str, int] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    to: str = ""
    template: str = ""
    target: str = ""


def run(tag: str, server: str) -> int:
    """Offer to extend the resource from that server until there is no system left or nobody wants more; the code."""
    done = [server]
    try:
        while answers := _next(tag, server, done):
            answers = walk(_QUESTIONS, answers)
            if not answers.to:
                for_later = command(["extend", tag, "--to"])
                print(f"To extend it later, on {server}: {for_later} {'|'.join(answers.others)}")
                return ExitCode.OK
            done.append(answers.to)
    except (Cancelled, KeyboardInterrupt):
        print(f"\nCancelled; {tag} exists on {', '.join(done)}. Nothing of that was taken back.")
        return INTERRUPTED
    print(f"{tag} exists on every system: {', '.join(done)}.")
    return ExitCode.OK


def _next(tag: str, server: str, done: list[str]) -> Answers | None:
    cluster = replace(cluster_now(), system=server)
    others = tuple(system for system in cluster.lcd.systems() if system not in done)
    if not others:
        return None
    there = cluster.lcd.instance(tag, system=server)
    named = own_texts(info.decode(there.info).resource) if there else {}
    named.pop(INTERFACE.field, None)
    return Answers(tag, server, others, cluster.priorities(tag), named)


def _to(answers: Answers, back: bool) -> Answers:
    if answers.known:
        question, word, leave = f"Extend {answers.tag} to another server, too", "Next server", "Finish"
    else:
        question, word, leave = f"{answers.tag} is created; extend it to another server now", "Extend to", "Not now"
    options = [*(Option(f"{word}: {system}", system) for system in answers.others), Option(leave, "")]
    return replace(answers, to=choose(question, options, default=answers.to or answers.others[0], back=back))


def _own(name: str) -> Question[Answers]:
    """The question for what the other system has of its own, where the resource names such a thing."""

    def ask(answers: Answers, back: bool) -> Answers:
        form = OWN[name].form

        def check(given: str) -> None:
            try:
                form.read(given)
            except ValueError:
                raise Misconfigured(f"not {form.what}", f"Give one such as {form.like}") from None

        default = answers.own.get(name, answers.named[name])
        question = f"{OWN[name].short.capitalize()} on {answers.to}"
        return replace(answers, own={**answers.own, name: text(question, default=default, back=back, check=check)})

    return Question(name.replace("_", "-"), ask, lambda answers: bool(answers.to) and name in answers.named)


def _template(answers: Answers, back: bool) -> Answers:
    question = f"Template priority, of {answers.server} (1 is the highest)"
    return replace(answers, template=text(question, default=answers.template or "1", back=back, check=_priority))


def _target(answers: Answers, back: bool) -> Answers:
    _, free = _numbers(answers, "")

    def check(given: str) -> None:
        _priority(given)
        _numbers(answers, given)

    question = f"Target priority, of {answers.to}"
    return replace(answers, target=text(question, default=answers.target or str(free), back=back, check=check))


def _priority(given: str) -> None:
    if not (given.isascii() and given.isdecimal() and 1 <= int(given) <= _LAST):
        raise Misconfigured("not a valid priority", f"It is a number from 1 to {_LAST}; 1 is the highest")


def _numbers(answers: Answers, target: str) -> tuple[int, int]:
    """Both priorities. Raises Misconfigured when the target's is in use."""
    template = int(answers.template) if answers.template else None
    wanted = int(target) if target else None
    return preflight.priorities(answers.known, answers.server, template_wanted=template, target_wanted=wanted)


def _extend(answers: Answers, _back: bool) -> Answers:
    print(f"Extending to {answers.to}, with the same tag there: {answers.tag}")
    outcome = attempt(lambda: _extended(answers), Journal("extend", answers.tag))
    if outcome is None:
        return answers
    print(outcome.why)
    choose(f"It was not extended to {answers.to}; it exists on {answers.server}", [Option("Finish", "")], back=True)
    return replace(answers, to="")


def _extended(answers: Answers) -> None:
    """Extend as `ec2kit extend` does, on the system that has the resource. Raises KitError."""
    cluster = cluster_now()
    template, target = _numbers(answers, answers.target)
    initial = None if answers.known else template
    if answers.server == cluster.system:
        managers.extend(
            Extension(answers.tag, answers.to, answers.own, template_priority=initial, target_priority=target),
            cluster,
        )
        return
    numbers = ["--target-priority", str(target), *(["--template-priority", str(initial)] if initial else [])]
    words = [answers.tag, "--to", answers.to, *own_arguments(answers.own), *numbers]
    code, output = cluster.ask("ec2kit", answers.server, "extend", *words)
    print(output, end="")
    if code:
        raise Unavailable(f"extend on {answers.server} ended with exit code {code}", "The lines above tell why")


_QUESTIONS = (
    Question("to", _to),
    *(_own(name) for name in OWN if name != INTERFACE.field),
    Question("template", _template, lambda answers: bool(answers.to and not answers.known)),
    Question("target", _target, lambda answers: bool(answers.to)),
    Question("extend", _extend, lambda answers: bool(answers.to)),
)
