"""Cases that need not be tried with each kind of resource: each is tried with one, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import pytest


def spread(name: str, cases: Sequence[object]) -> pytest.MarkDecorator:
    """Run a test once for each case, given by that name, with routes, an Elastic IP and a private address in turn.

    For what does not differ by kind; the test, or a fixture of it, takes the resource from `either`.
    """
    pairs = [*zip(cycle(("routes", "eip", "private")), cases)]
    return pytest.mark.parametrize(("either", name), pairs, indirect=["either"])


def only(kind: str) -> pytest.MarkDecorator:
    """Run a test that takes its resource from `either` with one kind alone."""
    return pytest.mark.parametrize("either", [kind], indirect=True)
