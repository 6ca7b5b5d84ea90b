"""Fixtures of the tests on real packets. They need root: `make test-cluster`."""

from __future__ import annotations

import pytest

from lab.net.network import staged


@pytest.fixture(scope="session")
def kit() -> bytes:
    """The kit as it is installed on the nodes."""
    return staged()
