"""Files that others could have written, or can read: left out or told, for each file that the kit reads."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.nodes import Lab, Node
from lab.protected import Protected
from tests.support.hierarchy import CREATE, EIP, KEY_ID, SECRET, with_key
from tests.support.programs import good, replaced

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user: needs root")
NOBODY = 65534


def _mode(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(mode)


def _folder(path: Path) -> None:
    path.parent.chmod(0o777)


def _foreign(path: Path) -> None:
    os.chown(path, NOBODY, -1)


def _foreign_folder(path: Path) -> None:
    os.chown(path.parent, NOBODY, -1)


def _foreign_group(path: Path) -> None:
    os.chown(path, -1, NOBODY)
    path.chmod(0o660)


def _link(path: Path) -> None:
    """A link to a file in a folder of others."""
    folder = path.parent.parent / "theirs"
    folder.mkdir()
    shutil.move(path, folder / path.name)
    path.symlink_to(folder / path.name)
    folder.chmod(0o777)


def _hop(path: Path) -> None:
    """A link to a link of another user's, which leads to a file of ours."""
    folder = path.parent.parent / "ours"
    folder.mkdir()
    shutil.move(path, folder / path.name)
    hop = path.parent.parent / "hop"
    hop.symlink_to(folder / path.name)
    os.chown(hop, NOBODY, -1, follow_symlinks=False)
    path.symlink_to(hop)


WAYS = [
    pytest.param(_mode(0o666), id="mode"),
    pytest.param(_folder, id="folder"),
    pytest.param(_link, id="link"),
    pytest.param(_foreign, id="owner", marks=ROOT),
    pytest.param(_foreign_folder, id="owner-of-folder", marks=ROOT),
    pytest.param(_hop, id="hop", marks=ROOT),
    pytest.param(_foreign_group, id="group", marks=ROOT),
]


@pytest.mark.parametrize("way", WAYS)
def test_what_others_could_have_written_is_left_out_and_named(
    eip: Protected, tmp_path: Path, way: Callable[[Path], None]
) -> None:
    """No program of theirs runs, and none of their keys signs; with the instance's role the action goes on."""
    node = eip.lab.node1
    file = "credentials" if way is _folder else "config"
    place = tmp_path / "conf" / file
    place.parent.mkdir(mode=0o755)
    proof = tmp_path / "ran"
    text = {
        "config": f"[default]\ncredential_process = touch {proof}\n",
        "credentials": "[default]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = x\n",
    }[file]
    place.write_text(text)
    place.chmod(0o600)
    given = {{"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[file]: str(place)}
    words = [str(node.root / "bin/ec2kit"), "check", *eip.words]
    node.run(*words, environment=given)
    assert proof.exists() or "AKIATHEIRS" in {call.key for call in eip.lab.ec2.calls}, "the file counts, as it is"
    way(place)
    done = node.run(*words, environment=given)
    assert f"960049:{place} is not used, because others can change it" in done.stderr
    assert done.returncode == 0, done.stderr
    proof.unlink(missing_ok=True)
    eip.lab.ec2.forget()
    good(node.run(*words, environment=given))
    assert not proof.exists()
    assert {call.key for call in eip.lab.ec2.calls}.isdisjoint({"AKIATHEIRS"})
    missing = node.run(*words, "--profile", "theirs", environment=given)
    assert missing.returncode == 5
    assert f"{place} is not used: " in missing.stderr.splitlines()[-1]


@pytest.mark.parametrize("way", WAYS[::3])
def test_settings_that_others_could_have_written_are_not_read(eip: Protected, way: Callable[[Path], None]) -> None:
    """Every setting has its default then, and the line says why."""
    node = eip.lab.node1
    node.set(EC2_MAX_RETRY="nonsense")
    place = node.defaults
    assert "EC2_MAX_RETRY is not a number" in node.ec2kit("check", *eip.words).stderr
    way(place)
    done = node.ec2kit("check", *eip.words)
    assert f"960011:{node.environment['EC2KIT_DEFAULTS']} cannot be read (" in done.stderr
    assert "EC2_MAX_RETRY" not in done.stderr


def test_a_key_that_others_can_read_is_told_and_used(figure2: Lab) -> None:
    """By create, canextend and each action: it could go on, so it goes on."""
    node = figure2.node1
    good(with_key(node, *CREATE[EIP]))
    node.credentials.chmod(0o644)
    for done in (
        node.action("restore", "-t", EIP, "-i", "x"),
        node.action("quickCheck", "-t", EIP, "-i", "x"),
        node.ec2kit("plan", "eip", "203.0.113.10", "--interface", "eth1", "--profile", f"ec2kit-{EIP}"),
    ):
        assert f"960050:{node.credentials} has credentials: its mode is 0644" in done.stderr
    assert node.action("restore", "-t", EIP, "-i", "x").returncode == 0


def leftovers(node: Node) -> list[Path]:
    """What there is in the folder of the credentials that has the secret."""
    return [each for each in node.credentials.parent.glob("*") if SECRET in each.read_text()]


def test_delete_takes_away_what_a_killed_run_has_left(figure2: Lab) -> None:
    """Also beside the file, and where no other resource has a key."""
    node = figure2.node1
    good(with_key(node, *CREATE[EIP]))
    left = node.credentials.with_name(f".{node.credentials.name}.0123456789abcdef")
    left.write_text(node.credentials.read_text())
    assert len([*node.credentials.parent.glob(".*")]) == 1
    good(node.ec2kit("delete", EIP, "--yes"))
    assert not left.exists()
    assert leftovers(node) == []


@pytest.mark.executed
def test_delete_takes_away_the_key_of_a_create_that_was_killed(figure2: Lab) -> None:
    """There is no resource of that tag, and still its secret goes."""
    node = figure2.node1
    kept = replaced(node, "ins_create", 'kill -9 "-$(ps -o pgid= -p "$PPID" | tr -d " ")"')
    command = [str(node.root / "bin/ec2kit"), *CREATE[EIP], "--access-key-id", KEY_ID]
    with subprocess.Popen(
        command, env=node.environment, stdin=subprocess.PIPE, text=True, start_new_session=True
    ) as create:
        create.communicate(f"{SECRET}\n", timeout=60)
    assert create.returncode == -signal.SIGKILL
    kept.replace(kept.with_name("ins_create"))
    assert leftovers(node)
    done = node.ec2kit("delete", EIP, "--yes")
    good(done)
    assert "960045" in done.stderr
    assert leftovers(node) == []
    assert node.ec2kit("delete", EIP, "--yes").returncode == 5


@pytest.mark.executed
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_no_umask_makes_a_folder_writable_for_others(figure2: Lab, umask: int) -> None:
    """Folders above those of the kit's own, too."""
    node = figure2.node1
    history = Path(node.environment["EC2KIT_HISTORY"])
    for place in (history.parent.parent, node.credentials.parent):
        shutil.rmtree(place, ignore_errors=True)
    before = os.umask(umask)
    try:
        good(with_key(node, *CREATE[EIP]))
    finally:
        os.umask(before)
    folders = (history, history.parent, history.parent.parent, node.credentials.parent)
    modes = [each.stat().st_mode for each in folders]
    assert [mode for mode in modes if mode & 0o022] == []


def test_dev_null_is_no_file_of_others(eip: Protected) -> None:
    """As one says that there is none."""
    none = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    done = eip.lab.node1.run(str(eip.lab.node1.root / "bin/ec2kit"), "check", *eip.words, environment=none)
    good(done)
    assert "/dev/null" not in done.stderr


def test_delete_goes_on_where_a_file_is_odd_that_the_resource_does_not_use(eip: Protected) -> None:
    """The credentials file is a link; the resource signs with the instance's role."""
    node = eip.lab.node1
    node.credentials.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    node.credentials.symlink_to("elsewhere")
    (node.credentials.parent / "elsewhere").write_text("[x]\n")
    done = node.ec2kit("delete", eip.tag, "--yes")
    good(done)
    assert f"{node.credentials} cannot be read" in done.stderr
