"""What the tests of the EC2 edge have: an environment of their own, and the lab's EC2."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.ec2.server import Ec2


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ec2 writes its settings into the environment; each test gets its own, with somebody's keys."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    for name in ("NO_PROXY", "no_proxy"):  # what an Ec2 of another test, without this fixture, has left
        os.environ.pop(name, None)


@pytest.fixture
def lab() -> Iterator[Ec2]:
    """The lab's EC2."""
    with Ec2() as server:
        yield server
