"""Questions on a terminal, one after the other: lists with Back and Cancel, texts in which `<` goes back.

The only module that imports questionary. What is asked, and what is made of the answers, is the wizard's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import questionary

from ec2kit.core.errors import KitError, Misconfigured

T = TypeVar("T")

_BACK, _CANCEL = object(), object()
_BACK_WORD = "<"


class Back(Exception):
    """The person wants the question before this one, or the step of that name."""

    def __init__(self, to: str = "") -> None:
        super().__init__(to)
        self.to = to


class Cancelled(Exception):
    """The person wants no more of it: Cancel, Ctrl-C or Ctrl-D."""


@dataclass(frozen=True)
class Option:
    """One entry of a list. unavailable: why it cannot be chosen, when it cannot."""

    title: str
    value: str
    unavailable: str = ""


@dataclass(frozen=True)
class Question(Generic[T]):
    """One question: `ask` makes new answers of those so far. It is told whether there is a step to go back to.

    Raises Back, Cancelled or KitError. silent: it asks nobody, so that Back passes it by.
    """

    name: str
    ask: Callable[[T, bool], T]
    applies: Callable[[T], bool] = lambda _: True
    silent: bool = False


def walk(steps: Sequence[Question[T]], answers: T) -> T:
    """Take the steps that apply, in their order; the answers at the end.

    Back goes to the step that was asked before, with the answers kept. So does a KitError, once it has been
    told; in the first step it is raised.
    """
    trail: list[int] = []
    at = 0
    while at < len(steps):
        step = steps[at]
        try:
            if step.applies(answers):
                answers = step.ask(answers, bool(trail))
                trail += [] if step.silent else [at]
            at += 1
        except Back as back:
            at = trail.pop()
            while back.to not in {"", steps[at].name}:
                at = trail.pop()
        except KitError as error:
            if not trail:
                raise
            print(error.why)
            at = trail.pop()
    return answers


def choose(question: str, options: Sequence[Option], *, default: str = "", back: bool) -> str:
    """Ask for one option and return its value. When the default is not one of them, the first is marked."""
    rows = [questionary.Choice(each.title, each.value, disabled=each.unavailable or None) for each in options]
    first = next((row for row in rows if row.value == default and not row.disabled), None)
    ways = [questionary.Choice("Back", _BACK)] if back else []
    ways.append(questionary.Choice("Cancel", _CANCEL))
    choices = [*rows, questionary.Separator(), *ways]
    answer = _answer(questionary.select(f"{question}:", choices, default=first, pointer=">", instruction=" "))
    if answer is _BACK:
        raise Back
    if answer is _CANCEL:
        raise Cancelled
    return str(answer)


def text(
    question: str,
    *,
    default: str = "",
    back: bool,
    check: Callable[[str], None] = lambda _: None,
    unseen: bool = False,
) -> str:
    """Ask for a line of text until `check` raises no Misconfigured; `<` goes back. unseen: only stars are shown."""
    whole = f"{question} ({_BACK_WORD} goes back):" if back else f"{question}:"
    while True:
        asked = questionary.password(whole) if unseen else questionary.text(whole, default=default)
        answer = str(_answer(asked)).strip()
        if back and answer == _BACK_WORD:
            raise Back
        try:
            check(answer)
        except Misconfigured as error:
            print(error.why)
            default = answer
        else:
            return answer


def _answer(asked: questionary.Question) -> Any:
    try:
        return asked.unsafe_ask()
    except (KeyboardInterrupt, EOFError):
        raise Cancelled from None
