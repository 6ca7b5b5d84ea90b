"""The create wizard's last part: extend what was created to other systems, as the administration guide goes on.

Cancelling here keeps the resource, and every extension that is done.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ec2kit.console.wizard import answers
from ec2kit.console.wizard.prompts import Cancelled, Option, Step, choose, text, walk
from ec2kit.core.errors import ExitCode, Misconfigured, Unavailable
from ec2kit.host.deadline import INTERRUPTED
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import managers, preflight
from ec2kit.lifekeeper.managers import Extension, cluster_now
from ec2kit.verbs.process import attempt

_LAST = 999  # the lowest priority


@dataclass(frozen=True)
class Wish:
    """One extension from `server`. others: the systems that lack it. known: the priorities before it.

    to: empty for none. template, target: priorities; template empty when the server has one already.
    """

    tag: str
    server: str
    others: tuple[str, ...]
    known: dict[str, int] = field(default_factory=dict)
    to: str = ""
    template: str = ""
    target: str = ""


def run(tag: str, server: str) -> int:
    """Offer to extend the resource from that server until there is no system left or nobody wants more; the code."""
    done = [server]
    try:
        while wish := _next(tag, server, done):
            wish = walk(_STEPS, wish)
            if not wish.to:
                for_later = answers.command(["extend", tag, "--to"])
                print(f"To extend it later, on {server}: {for_later} {'|'.join(wish.others)}")
                return ExitCode.OK
            done.append(wish.to)
    except (Cancelled, KeyboardInterrupt):
        print(f"\nCancelled; {tag} exists on {', '.join(done)}. Nothing of that was taken back.")
        return INTERRUPTED
    print(f"{tag} exists on every system: {', '.join(done)}.")
    return ExitCode.OK


def _next(tag: str, server: str, done: list[str]) -> Wish | None:
    cluster = replace(cluster_now(), system=server)
    others = tuple(system for system in cluster.lcd.systems() if system not in done)
    return Wish(tag, server, others, managers.known_priorities(tag, cluster)) if others else None


def _to(wish: Wish, back: bool) -> Wish:
    if wish.known:
        question, word, leave = f"Extend {wish.tag} to another server, too", "Next server", "Finish"
    else:
        question, word, leave = f"{wish.tag} is created; extend it to another server now", "Extend to", "Not now"
    options = [*(Option(f"{word}: {system}", system) for system in wish.others), Option(leave, "")]
    return replace(wish, to=choose(question, options, default=wish.to or wish.others[0], back=back))


def _template(wish: Wish, back: bool) -> Wish:
    question = f"Template priority, of {wish.server} (1 is the highest)"
    return replace(wish, template=text(question, default=wish.template or "1", back=back, check=_priority))


def _target(wish: Wish, back: bool) -> Wish:
    _, free = _numbers(wish, "")

    def check(given: str) -> None:
        _priority(given)
        _numbers(wish, given)

    question = f"Target priority, of {wish.to}"
    return replace(wish, target=text(question, default=wish.target or str(free), back=back, check=check))


def _priority(given: str) -> None:
    if not (given.isascii() and given.isdecimal() and 1 <= int(given) <= _LAST):
        raise Misconfigured("this is no priority", f"It is a number from 1 to {_LAST}; 1 is the highest")


def _numbers(wish: Wish, target: str) -> tuple[int, int]:
    """Both priorities. Raises Misconfigured when the target's is in use."""
    template = int(wish.template) if wish.template else None
    wanted = int(target) if target else None
    return preflight.priorities(wish.known, wish.server, template_wanted=template, target_wanted=wanted)


def _extend(wish: Wish, _back: bool) -> Wish:
    print(f"Extending to {wish.to}, with the same tag there: {wish.tag}")
    outcome = attempt(lambda: _extended(wish), Journal("extend", wish.tag))
    if outcome is None:
        return wish
    print(outcome.why)
    choose(f"It was not extended to {wish.to}; it exists on {wish.server}", [Option("Finish", "")], back=True)
    return replace(wish, to="")


def _extended(wish: Wish) -> None:
    """Extend as `ec2kit extend` does, on the system that has the resource. Raises KitError."""
    cluster = cluster_now()
    template, target = _numbers(wish, wish.target)
    initial = None if wish.known else template
    if wish.server == cluster.system:
        managers.extend(Extension(wish.tag, wish.to, template_priority=initial, target_priority=target), cluster)
        return
    numbers = ["--target-priority", str(target), *(["--template-priority", str(initial)] if initial else [])]
    code, output = cluster.ask("ec2kit", wish.server, "extend", wish.tag, "--to", wish.to, *numbers)
    print(output, end="")
    if code:
        raise Unavailable(f"extend on {wish.server} ended with exit code {code}", "The lines above tell why")


_STEPS = (
    Step("to", _to),
    Step("template", _template, lambda wish: bool(wish.to and not wish.known)),
    Step("target", _target, lambda wish: bool(wish.to)),
    Step("extend", _extend, lambda wish: bool(wish.to)),
)
