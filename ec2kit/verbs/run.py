"""One run of one verb: what it may use, and what it has seen and done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import BY_SETTINGS, AccessKey, Elsewhere, Node, Reach
from ec2kit.core.settings import Settings
from ec2kit.core.steps import Plan, Step
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2
    from ec2kit.host.imds import Metadata


@dataclass(frozen=True)
class Site:
    """This node, and the EC2 API of its Region."""

    node: Node
    ec2: Ec2


@dataclass
class Record:
    """What a run has seen and done so far, also when it fails in the end.

    metadata: the way to them by which the site was found. first, view: the first and the last complete look. seen:
    the second of the run at which EC2 told who has the address. acted: whether a change was sent at all, whatever
    came of it; outdated: whether one was sent since the view. timed: the steps that were accepted, in their order,
    and how many seconds each took. todo: what plan would do; mark: of what it has seen. elsewhere: who has the
    address, or had it before it was taken. left: whose address it is that a release has left. resource: what the verb
    is about, once that is known.
    """

    site: Site | None = None
    metadata: Metadata | None = None
    first: View | None = None
    view: View | None = None
    seen: float = 0.0
    acted: bool = False
    outdated: bool = False
    timed: list[tuple[Step, float]] = field(default_factory=list)
    todo: Plan = ()
    mark: str = ""
    elsewhere: tuple[Elsewhere, ...] = ()
    left: str = ""
    resource: Resource | None = None

    @property
    def done(self) -> list[Step]:
        """The steps that were accepted, in their order."""
        return [step for step, _ in self.timed]


@dataclass(frozen=True)
class Run:
    """One run of one verb: its settings, its time, its log, how EC2 is reached, and with which access key.

    holder: whose address it is that is taken, in words; empty: nobody's. mend: what puts a loss right under the
    engine that has the address, in words; empty: no engine.
    """

    settings: Settings
    deadline: Deadline
    log: Journal
    reach: Reach = BY_SETTINGS
    key: AccessKey | None = None
    holder: str = ""
    mend: str = ""
    record: Record = field(default_factory=Record)
