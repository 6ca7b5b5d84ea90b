"""What EC2 and AWS's library do with an instance that a cluster should know of: each with its cure. Pure."""

from __future__ import annotations

from ec2kit.core.errors import Problem
from ec2kit.core.model import Ec2Instance


def instance(found: Ec2Instance | None) -> list[Problem]:
    """Check what EC2 itself would do to this instance, and who gets an answer from its metadata. Cautions only."""
    problems = []
    if found is not None and found.auto_recovery not in {"disabled", ""}:
        problems.append(
            Problem(
                f"EC2 Auto Recovery is on for {found.id}: EC2 and the cluster would recover it at the same time",
                f"aws ec2 modify-instance-maintenance-options --auto-recovery disabled --instance-id {found.id}",
                fatal=False,
                code="AUTO_RECOVERY_ON",
            )
        )
    if found is not None and not found.metadata_enabled:
        problems.append(
            Problem(
                f"the metadata service of {found.id} is being switched off, and the kit cannot work without it",
                f"aws ec2 modify-instance-metadata-options --http-endpoint enabled --instance-id {found.id}",
                fatal=False,
                code="METADATA_SWITCHED_OFF",
            )
        )
    if found is not None and found.hop_limit == 1:
        problems.append(
            Problem(
                f"metadata answers of {found.id} live for one hop (HttpPutResponseHopLimit 1): enough for the kit "
                "on the instance itself, not from a container or behind a bridge",
                "To run it there: aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 "
                f"--instance-id {found.id}",
                fatal=False,
                code="METADATA_HOP_LIMIT",
            )
        )
    return problems


def signature(whose: str, hidden: str) -> list[Problem]:
    """Check that no key comes before the instance's role, where no profile is named. hidden: the role, if any."""
    if not hidden:
        return []
    return [
        Problem(
            f"calls are signed with {whose}, and not with the instance's role {hidden}",
            "If the role is meant, take that key away: it comes first for every AWS tool; otherwise name its profile",
            fatal=False,
            code="KEY_BEFORE_ROLE",
        )
    ]
