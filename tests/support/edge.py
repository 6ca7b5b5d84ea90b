"""The kit's access to EC2, in this process."""

from __future__ import annotations

from ec2kit.ec2.client import Ec2
from ec2kit.host.deadline import Deadline

INSTANCE = "i-1"


def ec2(url: str | None, *, retries: int = 1, seconds: float = 20, **settings: str) -> Ec2:
    """For one action, in a Region; the settings are those of the settings file."""
    return Ec2(settings, region="us-east-1", url=url, action="test", retries=retries, deadline=Deadline(seconds))
