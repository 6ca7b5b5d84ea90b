"""From 0.1.0 to this version in place, and back; both by their own ./install, on what the other one has made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ec2kit import __version__
from ec2kit.lifekeeper.places import ACTIONS
from tests.promises import former
from tests.support.machine import PYTHON, Machine, Tree, put_lifekeeper, tree, usable
from tests.support.programs import good
from tests.support.staging import Stage, copy, empty_stage, inside


@pytest.fixture
def before(former_unpacked: Path, tmp_path: Path) -> Stage:
    """What was there before any version of the kit."""
    return empty_stage(former_unpacked, tmp_path / "before")


def apart(stage: Stage) -> tuple[Tree, dict[str, object]]:
    """The tree and the record, without the settings: a version leaves what another one has said of a tunable."""
    found = inside(stage)
    record = json.loads((stage.root / "opt/ec2kit/installed.json").read_text())
    del found["/etc/default/LifeKeeper"], found["/opt/ec2kit/installed.json"], record["tunables"]
    return found, record


def test_an_upgrade_in_place(
    former_staged: Path, staged: Path, before: Stage, unpacked: Path, tmp_path: Path
) -> None:
    """All is as after a fresh install; the settings stay; again is nothing to do; uninstall leaves no trace."""
    stage = copy(former_staged, unpacked, tmp_path / "root")
    (kit,) = stage.root.glob("opt/ec2kit/lib/python3*/site-packages/ec2kit")
    flat = {"aws.py", "shapes.d"}  # of 0.1.0 alone
    assert flat <= {path.name for path in kit.iterdir()}
    settings = stage.defaults.read_bytes()
    assert f"ec2kit {__version__}, in place of {former.VERSION}, " in good(stage.install())
    assert apart(stage) == apart(Stage(unpacked, staged))
    assert stage.defaults.read_bytes() == settings
    assert not flat & {path.name for path in kit.iterdir()}
    after = tree(stage.root, times=True)
    assert good(stage.install()) == f"nothing to do: ec2kit {__version__} is installed at /opt/ec2kit\n"
    assert tree(stage.root, times=True) == after
    good(stage.install("--uninstall"))
    assert inside(stage) == inside(before)


def test_the_way_back(
    former_staged: Path, staged: Path, before: Stage, former_unpacked: Path, tmp_path: Path
) -> None:
    """All is as 0.1.0 makes it alone; the settings stay; its uninstall leaves no trace."""
    stage = copy(staged, former_unpacked, tmp_path / "root")
    settings = stage.defaults.read_bytes()
    assert f"ec2kit {former.VERSION}, in place of {__version__}, " in good(stage.install())
    assert apart(stage) == apart(Stage(former_unpacked, former_staged))
    assert stage.defaults.read_bytes() == settings
    assert "nothing to do" in good(stage.install())
    good(stage.install("--uninstall"))
    assert inside(stage) == inside(before)


def test_an_upgrade_on_a_machine_of_its_own(
    former_staged: Path, former_unpacked: Path, unpacked: Path, bare_machine: Machine, tmp_path: Path
) -> None:
    """From a bundle, without network, by the system's Python: a resource of 0.1.0 goes on; then all is gone."""
    there = bare_machine
    python = "/usr/bin/python3" if usable("/usr/bin/python3") else PYTHON
    put_lifekeeper(there, python, tmp_path / "lcd.db")
    opt, _, sbin, *_ = there.roots()
    lk = "/opt/LifeKeeper/bin/"
    before = tree(*there.roots())
    good(there.run("cp", "-a", f"{former_staged}/opt/ec2kit", "/opt/ec2kit", folder=tmp_path))
    told = good(
        there.run(PYTHON, "./install", folder=former_unpacked)
    )  # its environment stands: it is not made again
    assert ("made the environment" in told, told.count("registered")) == (False, 2)
    kind = ("-a", "comm", "-r", "ec2", "-t", "ec2-vip", "-i", "EC2-10.1.0.10")
    info = "ec2kit=1 kind=route vip=10.1.0.10 interface=eth9"
    good(there.run(f"{lk}ins_create", *kind, "-v", info, folder=tmp_path))
    links = {path: path.readlink() for path in opt.glob("LifeKeeper/**/*") if path.is_symlink()}
    assert len(links) > len(ACTIONS)

    told = good(there.run(python, "./install", folder=unpacked))
    assert (f"in place of {former.VERSION}" in told, "registered" in told, "linked" in told) == (True, False, False)
    assert {path: path.readlink() for path in opt.glob("LifeKeeper/**/*") if path.is_symlink()} == links
    assert json.loads((opt / "ec2kit/installed.json").read_text())["registered"] == ["app", "type"]
    after = tree(*there.roots(), times=True)
    assert "nothing to do" in good(there.run(python, "./install", folder=unpacked))
    assert tree(*there.roots(), times=True) == after
    assert good(there.run("/usr/local/sbin/ec2kit", "--version", folder=tmp_path)) == f"ec2kit {__version__}\n"
    checked = there.run(f"{lk}perform_action", "-t", "ec2-vip", "-a", "quickCheck", folder=tmp_path)
    assert (checked.returncode, "ERROR" in checked.stderr) == (0, False)
    good(there.run(f"{lk}ins_setstate", "-t", "ec2-vip", "-S", "ISP", folder=tmp_path))
    checked = there.run(f"{lk}perform_action", "-t", "ec2-vip", "-a", "quickCheck", folder=tmp_path)
    assert (checked.returncode, "this node has no network interface eth9" in checked.stderr) == (0, True)

    scripts = [f"/opt/ec2kit/actions/{name}" for name in ("restore", "remove", "quickCheck", "recover")]
    restore, remove, *others = scripts
    creapphier = "/opt/LifeKeeper/lkadm/subsys/gen/app/bin/creapphier"
    given = ("node1", restore, remove, "a-vip", info, "intelligent", *others, "No")
    good(there.run(creapphier, *given, folder=tmp_path))
    good(there.run(f"{lk}ins_setstate", "-t", "a-vip", "-S", "ISP", folder=tmp_path))
    checked = there.run(f"{lk}perform_action", "-t", "a-vip", "-a", "quickCheck", folder=tmp_path)
    assert (checked.returncode, "this node has no network interface eth9" in checked.stderr) == (0, True)

    refused = there.run(python, "./install", "--uninstall", folder=unpacked)
    assert refused.returncode == 5
    assert "ec2kit delete a-vip; ec2kit delete ec2-vip" in refused.stderr
    good(there.run(f"{lk}ins_remove", "-t", "a-vip", folder=tmp_path))
    assert tree(*there.roots())[f"{sbin}/ec2kit"][1] == "/opt/ec2kit/bin/ec2kit"
    good(there.run(f"{lk}ins_remove", "-t", "ec2-vip", folder=tmp_path))
    assert good(there.run(python, "./install", "--uninstall", folder=unpacked)).count("unregistered") == 2
    good(there.run("rm", "/opt/LifeKeeper/log/lifekeeper.log", folder=tmp_path))
    kept = [f"/opt/LifeKeeper/subsys/gen/resources/app/{folder}" for folder in ("actions", "recovery")]
    good(there.run("sh", "-c", f"rmdir {kept[0]}/!* {kept[1]}/!* {kept[1]}", folder=tmp_path))  # LifeKeeper's, empty
    assert tree(*there.roots()) == before
