"""The kit staged in a folder, from a bundle: each is made once for all of pytest's workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ec2kit import __version__
from ec2kit.lifekeeper.places import COMMAND, PLACES
from ec2kit.pacemaker import agents
from lab import PROJECT
from tests.promises import former
from tests.support.machine import PYTHON, Machine, Tree, machine, run, tree
from tests.support.programs import good

LINKS = ["usr/local/sbin/ec2kit", f"opt/LifeKeeper/{COMMAND}", *(f"opt/LifeKeeper/{place}" for place, _ in PLACES)]
AGENTS = [f"usr/lib/ocf/{agents.FOLDER}/{kind}" for kind in agents.AGENTS]
SETTINGS = b"LKROOT=/opt/LifeKeeper\r\n# Gr\xfc\xdfe\nEC2_MAX_RETRY=2\nLKCHECKINTERVAL=120"  # no text of one kind


@dataclass(frozen=True)
class Stage:
    """A folder that files are staged in with DESTDIR, from an unpacked bundle."""

    bundle: Path
    root: Path

    def install(self, *options: str) -> CompletedProcess[str]:
        """Run the bundle's install."""
        return run(PYTHON, "./install", "--destdir", self.root, *options, folder=self.bundle)

    @property
    def defaults(self) -> Path:
        """LifeKeeper's settings file."""
        return self.root / "etc/default/LifeKeeper"


def shared(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """A folder that is filled once for all of pytest's workers."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle."""
    folder = shared("archive", tmp_path_factory, make_bundle)
    return folder / f"ec2kit-{__version__}-bundle.tar.gz"


def make_bundle(folder: Path) -> None:
    """As `make bundle` does, with this Python, whose pip knows an index."""
    good(run(sys.executable, "./install", "--bundle", folder, folder=PROJECT, environment=os.environ))


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked bundle, to be left as it is."""

    def unpack(folder: Path) -> None:
        good(run("tar", "-xzf", archive, folder=folder))

    return shared("unpacked", tmp_path_factory, unpack) / f"ec2kit-{__version__}"


@pytest.fixture(scope="session")
def staged(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the kit was staged in, to be left as it is."""

    def fill(folder: Path) -> None:
        good(empty_stage(unpacked, folder / "root").install())

    return shared("staged", tmp_path_factory, fill) / "root"


@pytest.fixture(scope="session")
def former_unpacked(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked bundle of version 0.1.0, to be left as it is."""

    def fill(folder: Path) -> None:
        former.bundle(folder / "bundle", unpacked / "wheels")

    return shared("former", tmp_path_factory, fill) / "bundle"


@pytest.fixture(scope="session")
def former_staged(former_unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that version 0.1.0 was staged in by its own install, to be left as it is."""

    def fill(folder: Path) -> None:
        good(empty_stage(former_unpacked, folder / "root").install())

    return shared("former-staged", tmp_path_factory, fill) / "root"


def empty_stage(bundle: Path, root: Path) -> Stage:
    """A folder with nothing but LifeKeeper's settings."""
    stage = Stage(bundle, root)
    stage.defaults.parent.mkdir(parents=True)
    stage.defaults.write_bytes(SETTINGS)
    stage.defaults.chmod(0o640)
    return stage


@pytest.fixture
def empty(unpacked: Path, tmp_path: Path) -> Stage:
    """Nothing is installed there yet."""
    return empty_stage(unpacked, tmp_path / "root")


@pytest.fixture
def installed(unpacked: Path, staged: Path, tmp_path: Path) -> Stage:
    """All is installed there."""
    return copy(staged, unpacked, tmp_path / "root")


def copy(staged: Path, bundle: Path, root: Path) -> Stage:
    """A copy of what was staged, for that bundle's install to work on."""
    shutil.copytree(staged, root, symlinks=True, copy_function=_copied)
    return Stage(bundle, root)


def _copied(source: str, to: str) -> None:
    """A file of the environment's packages is linked, which is quick; nobody writes into one."""
    (os.link if "/site-packages/" in source else shutil.copy2)(source, to)


def inside(stage: Stage) -> Tree:
    """The tree of a stage, its own name and what Python caches left out."""
    found = tree(stage.root).items()
    return {path.removeprefix(str(stage.root)): facts for path, facts in found if "__pycache__" not in path}


@pytest.fixture
def bare_machine() -> Iterator[Machine]:
    """A machine without network and with empty folders where the kit goes."""
    with machine() as made:
        yield made
