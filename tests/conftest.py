"""Fixtures: the lab's two figures, with one protected resource."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.ec2.server import Ec2
from lab.forks import Forks
from lab.nodes import Lab, address_lab, private_lab, route_lab
from lab.protected import Protected, judge, protect

# A shell starts what runs in its background deaf to Ctrl-C, and so would be every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def every_call_is_judged() -> Iterator[None]:
    """Over the whole suite: only the acting verbs change anything, and nothing outside the policy is called."""
    Ec2.started.clear()
    yield
    for ec2 in Ec2.started:
        judge(ec2)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[Path]:
    """The fork server's socket."""
    with tempfile.TemporaryDirectory(prefix="ec2kit-forks-") as folder, Forks(Path(folder, "forks")) as made:
        yield made.path


@pytest.fixture
def forks(request: pytest.FixtureRequest) -> Path | None:
    """In which fork server the programs of a test's lab run; in none where the test is about executed programs."""
    if request.node.get_closest_marker("executed"):
        return None
    server: Path = request.getfixturevalue("fork_server")
    return server


@pytest.fixture
def figure1(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 1: an IP resource, no EC2 resource yet."""
    with route_lab(tmp_path, forks=forks) as lab:
        yield lab


@pytest.fixture
def figure2(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 2: Elastic IPs, no EC2 resource yet."""
    with address_lab(tmp_path, forks=forks) as lab:
        yield lab


@pytest.fixture
def managed1(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 1, where LifeKeeper has its extend manager."""
    with route_lab(tmp_path, forks=forks, manager=True) as lab:
        yield lab


@pytest.fixture
def managed2(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 2, where LifeKeeper has its extend manager."""
    with address_lab(tmp_path, forks=forks, manager=True) as lab:
        yield lab


@pytest.fixture
def routes(tmp_path: Path, forks: Path | None) -> Iterator[Protected]:
    """Figure 1 with its virtual IP protected, on node1."""
    with route_lab(tmp_path, forks=forks) as lab:
        yield protect(lab)


@pytest.fixture
def eip(tmp_path: Path, forks: Path | None) -> Iterator[Protected]:
    """Figure 2 with its Elastic IP protected, on node1."""
    with address_lab(tmp_path, forks=forks) as lab:
        yield protect(lab)


@pytest.fixture
def private(tmp_path: Path, forks: Path | None) -> Iterator[Protected]:
    """Figure 3 with its private address protected, on node1."""
    with private_lab(tmp_path, forks=forks) as lab:
        yield protect(lab)


@pytest.fixture
def figure3(tmp_path: Path, forks: Path | None) -> Iterator[Lab]:
    """Figure 3: an IP resource for the private address, no EC2 resource yet."""
    with private_lab(tmp_path, forks=forks) as lab:
        yield lab


@pytest.fixture(params=["routes", "eip"])
def both(request: pytest.FixtureRequest) -> Protected:
    """The guide's two scenarios, for what does not differ by kind."""
    made: Protected = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["routes", "eip", "private"])
def either(request: pytest.FixtureRequest) -> Protected:
    """All scenarios, one after the other."""
    made: Protected = request.getfixturevalue(request.param)
    return made
