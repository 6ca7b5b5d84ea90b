"""What must be so before a resource is created or extended: every problem at once, with its cure. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ec2kit.core.doctor.finding import SetUp
from ec2kit.core.errors import Misconfigured, Problem
from ec2kit.core.kinds.kind import Kind
from ec2kit.core.model import Node, VpcId
from ec2kit.core.settings import Settings

_ADVISED_RESRVRECTIMEOUT = 300  # the guide, "User System Setup", notes
_FINDS = frozenset({"BROADCAST_PING_ON", "RECOVERY_TIME_SHORT", "CHECKS_OVERLAP"})


def set_up(settings: Settings, kind: Kind, more: SetUp) -> SetUp:
    """The same check, for the doctor."""
    return SetUp((*host(settings, kind), *more.problems), _FINDS | more.finds)


def host(settings: Settings, kind: Kind) -> list[Problem]:
    """Check this system's LifeKeeper settings: each problem with the doctor's name of it."""
    problems = kind.settings(settings)
    if settings.resrvrectimeout < _ADVISED_RESRVRECTIMEOUT:
        problems.append(
            Problem(
                f"RESRVRECTIMEOUT is {settings.resrvrectimeout}, less than the advised {_ADVISED_RESRVRECTIMEOUT} s",
                f"Put RESRVRECTIMEOUT={_ADVISED_RESRVRECTIMEOUT} into /etc/default/LifeKeeper",
                fatal=False,
                code="RECOVERY_TIME_SHORT",
            )
        )
    if settings.ec2_quickcheck_timeout >= settings.lkcheckinterval:
        problems.append(
            Problem(
                f"EC2_QUICKCHECK_TIMEOUT ({settings.ec2_quickcheck_timeout}) is not below LKCHECKINTERVAL "
                f"({settings.lkcheckinterval}): one check could still wait when the next is due",
                "Lower EC2_QUICKCHECK_TIMEOUT in /etc/default/LifeKeeper",
                fatal=False,
                code="CHECKS_OVERLAP",
            )
        )
    return problems


def one_vpc(template: VpcId | None, here: Node) -> list[Problem]:
    """Check that the target is in the VPC in which the resource was created."""
    if template in {None, here.vpc}:
        return []
    return [
        Problem(
            f"this node is in {here.vpc}, the resource was created in {template}", "Both nodes must be in one VPC"
        )
    ]


def priorities(
    known: Mapping[str, int], template: str, *, template_wanted: int | None, target_wanted: int | None
) -> tuple[int, int]:
    """The priorities of the template and of a new target system: 1 to 999, lower is better, none twice.

    known: the priorities of the systems that have the resource, by system; empty before the first
    extension. Not wanted: what the template has, else 1; for the target 10, else the first that is free.
    Raises Misconfigured for one that is in use, or when the template has another one already.
    """
    first = known.get(template, template_wanted or 1)
    if template_wanted not in {None, first}:
        raise Misconfigured(
            f"the priority of {template} is already {first}, not {template_wanted}",
            "Leave out --template-priority, or change it: ec2kit properties TAG --set priority=N",
        )
    others = {system: priority for system, priority in known.items() if system != template}
    _refuse_used(first, others, "--template-priority")
    used = {**others, template: first}
    second = target_wanted or next((each for each in (10, *range(1, 1000)) if each not in used.values()), 10)
    _refuse_used(second, used, "--target-priority")
    return first, second


def _refuse_used(number: int, used: Mapping[str, int], option: str) -> None:
    if owner := next((system for system, priority in used.items() if priority == number), None):
        raise Misconfigured(
            f"priority {number} is in use by {owner}", f"Choose another number from 1 to 999 with {option}"
        )
