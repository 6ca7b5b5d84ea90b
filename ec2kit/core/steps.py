"""The steps that can change anything: each is one call, idempotent, and says in words what it does and why. Pure.

Each kind of address has its own, in its module of ec2kit.core.kinds. Names of steps and of their parameters are those
of the EC2 API: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ec2kit.core.errors import Unavailable
from ec2kit.core.messages import Message

Told = tuple[Message, dict[str, object]]  # a line for the log: the message, and what fills its text


@dataclass(frozen=True)
class Change:
    """What becomes another by a step: something that is changed (~), new (+) or gone (-); before and after it."""

    sign: str
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}: {self.before or 'nothing'} -> {self.after or 'nothing'}"

    def as_json(self) -> dict[str, str]:
        """All of it."""
        return {"sign": self.sign, "what": self.what, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Step(ABC):
    """One change. about: the field that names what it changes. What its repr hides is not told to programs either."""

    about: ClassVar[str]

    @property
    def subject(self) -> str:
        """What the step is about; a view says by the same word what it has seen right."""
        return str(getattr(self, self.about))

    @property
    @abstractmethod
    def finding(self) -> str:
        """What makes the step necessary."""

    @property
    @abstractmethod
    def changes(self) -> tuple[Change, ...]:
        """What becomes another by it, its subject first, then what others lose."""

    def as_json(self) -> dict[str, Any]:
        """The step's name, and what it names."""
        told = {each.name: getattr(self, each.name) for each in fields(self) if each.repr}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
        return {"step": type(self).__name__, **listed}


@dataclass(frozen=True)
class Ec2Step(Step):
    """One call of EC2's. method: its name as boto3 writes it.

    aimed: at what was read and at nothing that came after it, so it may be sent however old the look is.
    """

    method: ClassVar[str]
    aimed: ClassVar[bool] = False

    @abstractmethod
    def parameters(self) -> dict[str, object]:
        """The call's parameters."""

    @property
    def cautions(self) -> tuple[Told, ...]:
        """What somebody else loses by it."""
        return ()

    @property
    def denied(self) -> str:
        """What to do where EC2 denies it; empty: what is done about any call that it denies."""
        return ""

    @property
    def place(self) -> str:
        """What only one address can have, and this one gets by it."""
        return ""

    @property
    def displaced(self) -> tuple[str, ...]:
        """The addresses that lose their place by it, and are not given back."""
        return ()

    @property
    def operation(self) -> str:
        """EC2's name of the call, as IAM policies and error messages use it: `ReplaceRoute`."""
        return called(self.method)


@dataclass(frozen=True)
class Grant:
    """What credentials must be allowed: to send calls of those classes, about those resources of EC2's.

    resources: as their ARNs end, `route-table/rtb-1`. account: whose they are; empty: that of this node's ENI.
    """

    steps: tuple[type[Ec2Step], ...]
    resources: tuple[str, ...]
    account: str = ""

    @property
    def operations(self) -> tuple[str, ...]:
        """EC2's names of the calls."""
        return tuple(called(each.method) for each in self.steps)


@dataclass(frozen=True)
class BringLinkUp(Step):
    """Take the interface down and up again because it has no link. The only step that is not an EC2 call."""

    about: ClassVar = "interface"
    interface: str

    @property
    def finding(self) -> str:
        """It has no link."""
        return f"{self.interface} has no link"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The link."""
        return (Change("~", f"link of {self.interface}", "down", "up"),)

    def __str__(self) -> str:
        return f"take {self.interface} down and up again"


def called(method: str) -> str:
    """EC2's name of a call that boto3 writes so: `DescribeRouteTables` for `describe_route_tables`."""
    return "".join(word.capitalize() for word in method.split("_"))


Batch = tuple[Step, ...]  # independent of each other: they go out together
Plan = tuple[Batch, ...]  # one batch after the other; the next only when the one before was accepted


def refuse_linkless(todo: Plan) -> None:
    """Raise Unavailable where an interface has no link: nobody knows whether it comes up again."""
    for step in steps_of(todo):
        if isinstance(step, BringLinkUp):
            what = f"{step.interface} has no link, and whether its repair helps is not known"
            raise Unavailable(what, f"See what it needs: ip link show {step.interface}")


def steps_of(plan: Plan) -> list[Step]:
    """All of them, in their order."""
    return [step for batch in plan for step in batch]


def changes_of(steps: Iterable[Step]) -> list[Change]:
    """All that becomes another by them, in their order."""
    return [change for step in steps for change in step.changes]


def findings(plan: Plan, *, most: int = 3) -> str:
    """Why a plan is not empty, in words; the first `most` findings are told, the others counted."""
    found = [step.finding for step in steps_of(plan)]
    return "; ".join(found[:most]) + (f"; and {len(found) - most} more" if len(found) > most else "")
