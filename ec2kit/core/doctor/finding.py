"""A check of the doctor's, what it finds, and what all findings together mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

from ec2kit.core.errors import ExitCode, Internal, KitError, Problem, Unavailable
from ec2kit.core.kinds.facts import Answers, Facts, Open, Query
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.messages import Level, Message
from ec2kit.core.model import BY_SETTINGS, Reach, VpcId
from ec2kit.core.schema import Object
from ec2kit.core.settings import Settings
from ec2kit.core.words import one_line


class Result(StrEnum):
    """What came of a check. BROKEN: the check itself has failed, by a fault of the kit's."""

    OK = "ok"
    SKIPPED = "skipped"
    WARN = "warn"
    UNKNOWN = "unknown"
    BROKEN = "broken"
    FAIL = "fail"


_WORSE = list(Result)  # the last one is the worst
HERE = "it is on this node now"
_NO_ANSWER = frozenset({Result.UNKNOWN, Result.BROKEN, Result.SKIPPED})


@dataclass(frozen=True)
class SetUp:
    """What the engine's own settings show: problems, each with its code. finds: the codes that were looked for."""

    problems: tuple[Problem, ...] = ()
    finds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """What is examined: whether this node could take the address; None: what any address needs.

    interface: of this node, where it is named. active: this node is to have the address now, not only later. vpc: in
    which the resource was made. name: what its engine calls it. unfit: why the engine's resource cannot be
    read; then any address is examined. set_up: of the engine for it.
    """

    resource: Resource | None
    settings: Settings
    reach: Reach = BY_SETTINGS
    interface: str | None = None
    active: bool = False
    vpc: VpcId | None = None
    name: str = ""
    unfit: KitError | None = None
    set_up: SetUp = SetUp()


# The problems that a rule finds, none when all is right; or what is right, in words; None: it does not apply.
Rule = Callable[[Case, Facts], Iterable[Problem] | str | None]


@dataclass(frozen=True)
class Check:
    """One thing that must be so, or had better be so.

    code, number: what people and programs know it by. right: what it means when nothing is found. needs: the codes of
    checks without which this one cannot tell. blocks: this node could not take over without it.
    """

    code: str
    number: int
    group: str
    right: str
    rule: Rule
    needs: tuple[str, ...] = ()
    blocks: bool = True

    @property
    def message(self) -> Message:
        """Its entry of the catalogue."""
        return Message(self.number, Level.ERROR if self.blocks else Level.WARN, f"{self.code}: {{what}}")

    def told(self, problem: Problem) -> Finding:
        """What it found."""
        fails = problem.fatal and self.blocks
        return Finding(self, Result.FAIL if fails else Result.WARN, one_line(problem.what), one_line(problem.cure))

    def answered(self, error: KitError) -> Finding:
        """What it means that a question of the check's was not answered, or was answered so."""
        if isinstance(error, Unavailable) and not error.refused:
            return Finding(self, Result.UNKNOWN, str(error), error.cure)
        return self.told(Problem.of(error))


@dataclass(frozen=True)
class Finding:
    """What one check has found. muted: until when it is not to count, in seconds since 1970; None: it counts."""

    check: Check
    result: Result
    what: str
    cure: str = ""
    muted: float | None = None

    @property
    def hinders(self) -> bool:
        """Whether this node cannot take over because of it."""
        return self.result is Result.FAIL and self.muted is None

    @property
    def unanswered(self) -> bool:
        """Whether nobody knows because of it if this node can take over."""
        blind = self.result in {Result.UNKNOWN, Result.BROKEN} and self.check.blocks
        return blind and self.muted is None

    def as_json(self) -> Object:
        """All of it."""
        return {
            "code": self.check.code,
            "number": self.check.number,
            "group": self.check.group,
            "result": self.result.value,
            "blocks": self.check.blocks,
            "what": self.what,
            "cure": self.cure,
            "needs": list(self.check.needs),
            "muted_until": self.muted,
        }


@dataclass(frozen=True)
class Report:
    """What was found for one address, or for any (an empty subject). name: what its engine calls it."""

    subject: str
    name: str
    findings: tuple[Finding, ...]

    @property
    def code(self) -> ExitCode:
        """1 when something hinders a takeover, else 9 when that is not known, else 0."""
        if any(each.hinders for each in self.findings):
            return ExitCode.NOT_HELD
        return ExitCode.UNAVAILABLE if self._blind else ExitCode.OK

    @property
    def _blind(self) -> list[str]:
        """The codes because of which it is not known: a cause that is muted hides what depends on it."""
        hidden = any(each.muted is not None for each in self.findings)
        return [
            each.check.code
            for each in self.findings
            if each.unanswered or (hidden and each.result is Result.SKIPPED and each.check.blocks)
        ]

    def verdict(self, node: str) -> str:
        """The answer, in one sentence. node: what this node is called."""
        named = f"{self.subject or 'an address'}" + (f" ({self.name})" if self.name else "")
        here = any(each.what == HERE for each in self.findings)
        what = f"keep {named}, which it has now" if here else f"take over {named} now"
        hindrances = [each.check.code for each in self.findings if each.hinders]
        blind = self._blind
        muted = dict.fromkeys(each.check.code for each in self.findings if each.muted is not None)
        if hindrances:
            answer = f"{node} cannot {what}: {', '.join(dict.fromkeys(hindrances))}"
        elif blind:
            answer = f"Whether {node} can {what} is not known: {', '.join(dict.fromkeys(blind))}"
        else:
            answer = f"{node} can {what}"
            if warned := sum(each.result is Result.WARN and each.muted is None for each in self.findings):
                answer += f"; {warned} warning{'' if warned == 1 else 's'}"
        return answer + (f" (muted: {', '.join(muted)})" if muted else "")

    def as_json(self, node: str) -> Object:
        """All of it."""
        return {
            "resource": self.subject or None,
            "name": self.name or None,
            "verdict": self.verdict(node),
            "outcome": self.code.name,
            "findings": [each.as_json() for each in self.findings],
        }


# ---- what is muted


@dataclass(frozen=True)
class Mute:
    """A check whose findings are not to count for a while, for one address (subject; empty: for any).

    until: in seconds since 1970. result, what: what it had found.
    """

    subject: str
    code: str
    until: float
    result: Result
    what: tuple[str, ...] = field(default=())

    def as_json(self) -> Object:
        """All of it."""
        return {
            "subject": self.subject,
            "code": self.code,
            "until": self.until,
            "result": self.result.value,
            "what": list(self.what),
        }

    @classmethod
    def of_json(cls, told: Object) -> Mute:
        """Read what as_json gave. Raises KeyError, TypeError, ValueError or OverflowError for anything else."""
        until = float(told["until"])
        if not isfinite(until):
            raise ValueError("a mute has an end")
        what = tuple(str(each) for each in told["what"])
        return cls(str(told["subject"]), str(told["code"]), until, Result(told["result"]), what)


def muted(subject: str, code: str, until: float, findings: Iterable[Finding]) -> Mute:
    """What it means to mute a check now: what it finds now is known, what gets worse is not."""
    found = [each for each in findings if each.check.code == code]
    worst = max((each.result for each in found), key=_WORSE.index, default=Result.OK)
    return Mute(subject, code, until, worst, tuple(sorted({_timeless(each.what) for each in found})))


def _timeless(text: str) -> str:
    """The text without the seconds in it, which differ from one look to the next."""
    return re.sub(r"[0-9.]+ s\b", "some s", text)


def quiet(findings: Sequence[Finding], mutes: Mapping[str, Mute], now: float) -> tuple[Finding, ...]:
    """The findings, those marked that are muted: not any more when the time is over, or another thing is found.

    mutes: of this address, by code.
    """
    return tuple(
        Finding(each.check, each.result, each.what, each.cure, mute.until)
        if (mute := mutes.get(each.check.code))
        and now < mute.until
        and each.result not in {Result.OK, Result.SKIPPED}
        and _WORSE.index(each.result) <= _WORSE.index(mute.result)
        and _timeless(each.what) in mute.what
        else each
        for each in findings
    )


# ---- from answers to findings


def findings(
    case: Case, checks: Iterable[Check], answers: Answers, broken: Callable[[Exception], None]
) -> tuple[list[Finding], dict[Query[Any], None]]:
    """Every rule once, by what has been answered so far; and what is still to be asked. broken: hears of bugs."""
    found: list[Finding] = []
    missing: dict[Query[Any], None] = {}
    for check in checks:
        if hidden := _hidden_by(check, found):
            found.append(hidden)
            continue
        try:
            found += judged(check, check.rule(case, Facts(answers)))
        except Open as open_:
            missing |= dict.fromkeys(open_.queries)
        except Internal as error:
            found.append(Finding(check, Result.BROKEN, str(error), error.cure))
        except KitError as error:
            found.append(check.answered(error))
        except Exception as error:  # noqa: BLE001  a check that fails is a finding, and not the end of the others
            broken(error)
            found.append(
                Finding(check, Result.BROKEN, "the check itself has failed", "Please report it, with the log")
            )
    return found, missing


def judged(check: Check, found: Iterable[Problem] | str | None) -> list[Finding]:
    """What a rule's answer means: a finding for each problem, one when there is none, none when it does not apply."""
    if found is None:
        return []
    if isinstance(found, str):
        return [Finding(check, Result.OK, found)]
    return [check.told(each) for each in found] or [Finding(check, Result.OK, check.right)]


def _hidden_by(check: Check, found: Iterable[Finding]) -> Finding | None:
    """That a check cannot tell, because one that it needs has failed or has no answer."""
    bad = _NO_ANSWER | {Result.FAIL}
    root = next((each for each in found if each.check.code in check.needs and each.result in bad), None)
    return Finding(check, Result.SKIPPED, f"not looked at, because of {root.check.code}") if root else None
