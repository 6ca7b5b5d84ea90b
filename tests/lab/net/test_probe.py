"""The probe of a service's gap: its arithmetic, and its three ways of asking on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading

from lab.net import echo
from lab.net.probe import longest, measure


def test_the_longest_gap_reaches_from_the_first_moment_to_the_last() -> None:
    """A service that never came, or that went and did not come back, is a gap too."""
    assert longest([], 2.0, 9.0) == (7.0, 2.0)
    assert longest([5.0, 6.0], 2.0, 6.5) == (3.0, 2.0)
    assert longest([2.1, 6.0], 2.0, 6.5) == (3.9, 2.1)
    assert longest([2.1, 2.2], 2.0, 6.2) == (4.0, 2.2)


def test_a_service_that_answers_is_seen_in_all_three_ways() -> None:
    """Next to nothing is lost on loopback, and the name of who answers is told."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    threading.Thread(target=echo.serve, args=("somebody", port), daemon=True).start()
    report = asyncio.run(measure("127.0.0.1", port, seconds=1.0))
    for kind in (report.udp, report.connect, report.session):
        assert kind.by.keys() == {"somebody"}
        assert kind.asked > 5
        assert kind.gap_ms < 900
    assert report.udp.lost <= 2, "what is on its way at the end has no answer yet"
    assert report.resets == 0
