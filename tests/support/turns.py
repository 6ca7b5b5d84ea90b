"""Runs of the kit in greenlets that stop at each call and each pause, so that a test is their clock and their wire.

The kit's verbs, boto3's serializer, signer, retries and parser are the real ones: botocore's hook `before-send` hands
each request over to the greenlet's parent, which says what the answer is, and when it comes.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from greenlet import getcurrent

from ec2kit.ec2.client import Ec2
from ec2kit.host import deadline
from lab import wire


def ask(wanted: object) -> Any:
    """Stop here until the parent lets this run go on; what it is told then."""
    parent = getcurrent().parent
    assert parent is not None
    return parent.switch(wanted)


class Clock:
    """The parent's time. A pause is the moment, a float, until which it lasts."""

    now = 1000.0
    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def clock_gettime(self, _clock: int) -> float:
        """The same: this machine never sleeps."""
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the others go on meanwhile."""
        if seconds > 0:
            ask(self.now + seconds)

    def rule(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of the machine's clock in the kit's deadlines and in botocore's pauses between retries."""
        patch.setattr(deadline, "time", self)
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=self.sleep, time=self.monotonic))


def hand_over(ec2: Ec2, *, signed: bool = True) -> Ec2:
    """Let every request of it, a Call, be answered with an AWSResponse by whoever runs the greenlet it comes from.

    signed: a signature is a third of a request's time, and lab.wire does not look at it.
    """

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        answered: AWSResponse = ask(wire.call_of(request))
        return answered

    hook: Any = send  # the stubs do not know that this hook may answer
    ec2._client.meta.events.register("before-send.ec2", hook)
    if not signed:
        ec2._client.meta.events.register("choose-signer.ec2", lambda **_: UNSIGNED)
    return ec2
