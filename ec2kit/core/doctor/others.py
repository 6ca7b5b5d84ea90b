"""What the doctor of other nodes tells, and how their versions compare with this node's. Pure.

It comes from outside, perhaps from another version of the kit: what cannot be read makes it no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ec2kit.core.doctor.checks import BY_CODE
from ec2kit.core.doctor.finding import Finding, Result, judged
from ec2kit.core.errors import ExitCode, KitError, Problem
from ec2kit.core.schema import Object
from ec2kit.core.words import one_line

_VERSIONS = {
    "version": "the kit",
    "python": "Python",
    "botocore": "botocore",
    "shapes": "the kit's description of EC2",
}
_SHOWN = {"True": "there", "False": "missing"}


@dataclass(frozen=True)
class Told:
    """What one node's doctor tells. versions: by JSON key, as far as they are told. error: why it tells nothing."""

    system: str
    outcome: ExitCode
    versions: Mapping[str, str | bool]
    reports: tuple[Object, ...] = ()
    error: Object | None = None

    @classmethod
    def silent(cls, system: str, error: KitError) -> Told:
        """That a node has not answered."""
        return cls(system, ExitCode.UNAVAILABLE, {}, error={"message": str(error), "cure": error.cure})

    @classmethod
    def of_json(cls, told: Object) -> Told:
        """Read what as_json gave, or doctor printed.

        Raises KeyError, TypeError, ValueError, OverflowError or AttributeError.
        """
        system, reports, error = told["system"], told["reports"], told["error"]
        if not isinstance(system, str) or not isinstance(reports, list):
            raise TypeError("a system is a text, and reports are a list")
        for report in reports:
            if not isinstance(report["verdict"], str) or not isinstance(report["findings"], list):
                raise TypeError("a verdict is a text, and findings are a list")
            for each in report["findings"]:
                Result(each["result"])
                one_line(each["code"]), one_line(each["what"]), one_line(each["cure"]), int(each["number"])
            _code(report["outcome"])
        if error is None and not reports:
            raise ValueError("a node that tells neither reports nor an error has not answered")
        if error is not None:
            error = {"message": str(error["message"]), "cure": str(error["cure"])}
        versions = {name: told[name] for name in _VERSIONS if isinstance(told.get(name), str | bool)}
        own = _code(told["outcome"])
        outcomes = {own, *(_code(report["outcome"]) for report in reports)}
        worst = next((each for each in (ExitCode.NOT_HELD, ExitCode.UNAVAILABLE) if each in outcomes), own)
        return cls(one_line(system), worst, versions, tuple(reports), error)

    def as_json(self) -> Object:
        """All of it, with the keys that doctor prints."""
        return {
            "system": self.system,
            "outcome": self.outcome.name,
            "error": self.error,
            **{name: self.versions.get(name) for name in _VERSIONS},
            "reports": list(self.reports),
        }

    @property
    def verdicts(self) -> list[tuple[ExitCode, str]]:
        """Its verdicts; why there is none."""
        if self.error is not None:
            why = one_line(f"{self.error['message']}. {self.error['cure']}").rstrip(". ")
            return [(ExitCode.UNAVAILABLE, f"{self.system} tells nothing: {why}")]
        return [(_code(each["outcome"]), one_line(each["verdict"])) for each in self.reports]


def _code(name: object) -> ExitCode:
    """An exit code by its name. Raises ValueError for another word."""
    try:
        return ExitCode[str(name)]
    except KeyError:
        raise ValueError("an outcome is the name of an exit code") from None


def compared(own: Told, others: Sequence[Told]) -> list[Finding]:
    """Whether all nodes that tell their versions have the same; nothing where there is none to compare with."""
    nodes = [own, *(each for each in others if each.versions)]
    if len(nodes) == 1:
        return []
    return judged(BY_CODE["VERSIONS_DIFFER"], _different(nodes))


def _different(nodes: Iterable[Told]) -> list[Problem]:
    found = []
    for name, what in _VERSIONS.items():
        told = {each.system: each.versions[name] for each in nodes if name in each.versions}
        if len(set(told.values())) > 1:
            each = ", ".join(f"{_SHOWN.get(str(value), value)} on {system}" for system, value in told.items())
            found.append(Problem(f"{what} is {each}", "Install the same version on each node", fatal=False))
    return found
