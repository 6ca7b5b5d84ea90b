"""Installing the kit from a bundle, again, anew, and taking it out again."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.lifekeeper.places import ACTIONS, COMMAND, PLACES, RESOURCES
from ec2kit.pacemaker import agents
from installer.environment import source
from installer.pacemaker import refuse_in_use
from installer.target import Target
from lab import PROJECT
from lab.lifekeeper import install as install_lifekeeper
from tests.promises import former
from tests.support.machine import BARE, PYTHON, Machine, run, tree
from tests.support.programs import good
from tests.support.staging import AGENTS, LINKS, SETTINGS, Stage, empty_stage, inside, make_bundle


def test_the_same_versions_give_the_same_bundle(archive: Path, tmp_path: Path) -> None:
    """A second bundle, made under another umask, has the same bytes; each wheel is for any Python from 3.11 on."""
    before = os.umask(0o077)
    try:
        make_bundle(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / archive.name).read_bytes() == archive.read_bytes()
    with tarfile.open(archive) as tar:
        names = [Path(name).name for name in tar.getnames() if name.endswith(".whl")]
    assert all(name.endswith("-none-any.whl") for name in names), names
    assert not {name.split("-")[0] for name in names} & {"awscrt", "moto", "setuptools", "wheel", "pip", "ec2kit"}


def test_every_module_of_the_kit_is_installed_and_can_be_imported(staged: Path) -> None:
    """In whatever folder it is: the environment has those of the checkout, and no other."""
    environment = staged / "opt/ec2kit"
    (kit,) = environment.glob("lib/python3*/site-packages/ec2kit")
    modules = {path.relative_to(PROJECT / "ec2kit") for path in PROJECT.glob("ec2kit/**/*.py")}
    assert {path.relative_to(kit) for path in kit.glob("**/*.py")} == modules
    names = [".".join(["ec2kit", *path.with_suffix("").parts]).removesuffix(".__init__") for path in sorted(modules)]
    good(run(environment / "bin/python", "-IBc", f"import {', '.join(names)}", folder=staged))


def test_a_change_of_any_module_is_a_change_of_what_is_installed(tmp_path: Path) -> None:
    """However deep its folder is: else the next install would find nothing to do."""
    module = tmp_path / "ec2kit/package/below/module.py"
    module.parent.mkdir(parents=True)
    digests = set()
    for text in ("", "1\n", "2\n"):
        module.write_text(text)
        digests.add(source(tmp_path))
    assert len(digests) == len({"", "1", "2"})


def test_the_environment_has_ec2s_description_cut_down(staged: Path) -> None:
    """For the botocore that is in it, beside the kit's own files; whoever can change one can change the other."""
    environment = staged / "opt/ec2kit"
    ask = "from ec2kit.ec2 import shapes; import botocore; print(botocore.__version__); assert shapes.loader()"
    version = good(run(environment / "bin/python", "-IBc", ask, folder=staged)).strip()
    (place,) = environment.glob(f"lib/python3*/site-packages/ec2kit/ec2/shapes.d/{version}")
    assert {path.stat().st_mode & 0o022 for path in [place, *place.rglob("*")]} == {0}


def test_staged_twice_and_taken_out(installed: Stage, staged: Path, tmp_path: Path) -> None:
    """No file knows DESTDIR, the second run touches nothing, and uninstall leaves the tree as it was before."""
    assert [name for name in [*LINKS, *AGENTS] if not (installed.root / name).is_symlink()] == []
    assert installed.defaults.read_bytes().startswith(SETTINGS)
    assert installed.defaults.read_bytes().count(b"EC2_MAX_RETRY") == 1
    destdir = str(staged)
    assert not [path for path in staged.rglob("*") if path.is_symlink() and destdir in str(path.readlink())]
    assert not [path for path in staged.rglob("*") if path.is_file() and destdir.encode() in path.read_bytes()]
    after = tree(installed.root, times=True)
    assert good(installed.install()) == f"nothing to do: ec2kit {__version__} is installed at /opt/ec2kit\n"
    assert tree(installed.root, times=True) == after
    good(installed.install("--uninstall"))
    assert inside(installed) == inside(empty_stage(installed.bundle, tmp_path / "before"))
    assert "nothing to do" in good(installed.install("--uninstall"))


def test_scripts_begin_with_the_environment_alone(installed: Stage) -> None:
    """Each script and the command start with PREFIX's Python, apart from the caller's PYTHONPATH; no pip is left."""
    kit = installed.root / "opt/ec2kit"
    scripts = [*(kit / "actions").iterdir(), kit / "bin/ec2kit"]
    assert {script.read_text().partition("\n")[0] for script in scripts} == {"#!/opt/ec2kit/bin/python -I"}
    assert {script.name for script in scripts} >= {*ACTIONS, "create", "canextend", "extend"}
    (packages,) = (installed.root / "opt/ec2kit/lib").glob("python*/site-packages")
    assert {"boto3", "rich", "questionary", "ec2kit"} <= {path.name for path in packages.iterdir()}
    assert not [path.name for path in packages.iterdir() if path.name.startswith(("pip", "awscrt", "moto"))]


@pytest.mark.parametrize("host", ["another Python", "no Python"])
def test_an_agent_whose_python_is_gone_answers(installed: Stage, tmp_path: Path, host: str) -> None:
    """By the host's own Python, or by sh: what watches is 0, a route is stopped, and nothing else is done."""
    memory = tmp_path / "run/ec2kit"
    memory.mkdir(parents=True)
    (memory / "eip-vip").write_text("stopped")
    (memory / "private-vip").write_text("held")
    tried = installed.root / "opt/ec2kit/ocf/tried"
    given = {"OCF_RESOURCE_INSTANCE": "vip", "HA_RSCTMP": str(tmp_path / "run")}

    def code(kind: str, action: str, interval: str = "") -> int:
        text = tried.with_name(kind).read_text().replace("/opt/ec2kit/bin/python", "/nowhere/bin/python")
        tried.write_text(text if host == "another Python" else text.replace("/usr/bin/python3", "/nowhere/python3"))
        tried.chmod(0o755)
        environment = given | {"OCF_RESKEY_CRM_meta_interval": interval}
        done = subprocess.run([tried, action], env=environment, capture_output=True, text=True, check=False)
        assert "the kit cannot be loaded" in done.stderr
        return done.returncode

    for kind in agents.AGENTS:
        assert [code(kind, "monitor", "10000"), code(kind, "reload-agent")] == [0, 0]
        assert [code(kind, "monitor", "0"), code(kind, "monitor"), code(kind, "start")] == [5, 5, 5]
    stopped = {kind: code(kind, "stop") for kind in agents.AGENTS}
    tried.unlink()
    assert stopped == {"route": 0, "private": 5, "eip": 0 if host == "another Python" else 5}


def test_an_older_version_is_replaced_from_a_checkout(installed: Stage) -> None:
    """Then all is as after a fresh install; a link that is no longer made is gone. Again needs no network."""
    wanted = inside(installed)
    record = installed.root / "opt/ec2kit/installed.json"
    fresh = json.loads(record.read_text())
    older = fresh | {"version": "0.0.9", "links": fresh["links"] | {"/usr/local/sbin/old": "/opt/ec2kit/bin/old"}}
    record.write_text(json.dumps(older))
    (installed.root / "usr/local/sbin/old").symlink_to("/opt/ec2kit/bin/old")
    (installed.root / "opt/ec2kit/bin/old").touch()
    (installed.root / "opt/ec2kit/actions/restore").write_text("#!/bin/sh\nexit 1\n")
    options = ("./install", "--destdir", installed.root)
    assert "in place of 0.0.9" in good(run(sys.executable, *options, folder=PROJECT, environment=os.environ))
    assert "nothing to do" in good(run(PYTHON, *options, folder=PROJECT))
    assert json.loads(record.read_text()) | {"source": ""} == fresh | {"source": ""}
    assert inside(installed) | {"/opt/ec2kit/installed.json": None} == wanted | {"/opt/ec2kit/installed.json": None}


def test_a_damaged_environment_is_noticed(installed: Stage, tmp_path: Path) -> None:
    """A file that is gone is; and a run that cannot make the environment anew leaves the one that is there."""
    next(installed.root.glob("opt/ec2kit/lib/python*/site-packages/boto3/session.py")).unlink()
    before = tree(installed.root, times=True)
    done = Stage(tampered(installed.bundle, tmp_path), installed.root).install()
    assert (done.returncode, "is not the file that the bundle was made with" in done.stderr) == (5, True)
    assert tree(installed.root, times=True) == before


def test_a_killed_run_is_completed(installed: Stage) -> None:
    """Between two renames, and before links and tunables: the next run makes what is missing, and no more."""
    wanted = inside(installed)
    workshop = installed.root / "opt/.ec2kit.install.0123456789abcdef"
    (workshop / "new/lib").mkdir(parents=True)
    (installed.root / "opt/.ec2kit.install").symlink_to(workshop.name)
    (installed.root / "opt/ec2kit").rename(workshop / "old")
    for name in LINKS[:5]:
        (installed.root / name).unlink()
    installed.defaults.write_bytes(SETTINGS)
    told = good(installed.install())
    assert (told.count("linked"), told.count("added 7 tunables"), "environment" in told) == (5, 1, False)
    assert inside(installed) == wanted


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
@pytest.mark.parametrize("name", [f"opt/LifeKeeper/{RESOURCES}/actions/restore", AGENTS[0]])
def test_what_is_not_ours_is_refused(empty: Stage, kind: str, name: str) -> None:
    """Another kit's action or agent stays, nothing at all is made, and the message names the file."""
    place = empty.root / name
    place.parent.mkdir(parents=True)
    {"file": place.touch, "link": lambda: place.symlink_to("/bin/true"), "folder": place.mkdir}[kind]()
    before = tree(empty.root, times=True)
    done = empty.install()
    assert done.returncode == 5
    assert f"{place} is there, and it is not ec2kit's" in done.stderr
    assert "install again" in done.stderr
    assert tree(empty.root, times=True) == before


def test_a_prefix_that_is_not_ours_is_refused(empty: Stage) -> None:
    """A folder with somebody's files is no place for the environment."""
    (empty.root / "opt/ec2kit").mkdir(parents=True)
    (empty.root / "opt/ec2kit/theirs").touch()
    before = tree(empty.root, times=True)
    done = empty.install()
    assert (done.returncode, "Name another folder" in done.stderr) == (5, True)
    assert tree(empty.root, times=True) == before


@pytest.mark.parametrize("version", ["this", former.VERSION])
def test_scripts_that_were_copied_by_hand_become_links(installed: Stage, former_unpacked: Path, version: str) -> None:
    """The README once said to copy them; their first line names PREFIX, and all else is as the kit has it."""
    wanted = inside(installed)
    for place, action in PLACES:
        path = installed.root / "opt/LifeKeeper" / place
        path.unlink()
        script = (PROJECT if version == "this" else former_unpacked) / "actions" / action
        path.write_text("#!/opt/ec2kit/bin/python\n" + script.read_text().partition("\n")[2])
    assert good(installed.install()).count("linked") == len(PLACES)
    assert inside(installed) == wanted


def tampered(bundle: Path, folder: Path) -> Path:
    """A copy of the bundle with one byte more in a wheel."""
    shutil.copytree(bundle, folder / "bundle")
    (wheel,) = (folder / "bundle/wheels").glob("rich-*.whl")
    with wheel.open("ab") as file:
        file.write(b"\0")
    return folder / "bundle"


def test_a_wheel_that_was_tampered_with_is_refused(empty: Stage, tmp_path: Path) -> None:
    """By the bundle's sums; where these were mended too, by the hashes of requirements.lock. Nothing is made."""
    bundle = tampered(empty.bundle, tmp_path)
    before = tree(empty.root)
    done = Stage(bundle, empty.root).install()
    assert (done.returncode, "is not the file" in done.stderr) == (5, True)
    sums = bundle / "wheels/SHA256SUMS"
    (wheel,) = (bundle / "wheels").glob("rich-*.whl")
    mended = hashlib.sha256(wheel.read_bytes()).hexdigest()
    rows = [f"{mended}  {wheel.name}" if "rich-" in row else row for row in sums.read_text().splitlines()]
    sums.write_text("\n".join(rows) + "\n")
    done = Stage(bundle, empty.root).install()
    assert (done.returncode, "is not the file that requirements.lock names" in done.stderr) == (5, True)
    assert tree(empty.root) == before


def test_a_wheel_too_many_is_refused(empty: Stage, tmp_path: Path) -> None:
    """Above all a second pip, which would be run."""
    shutil.copytree(empty.bundle, tmp_path / "bundle")
    (tmp_path / "bundle/wheels/pip-99-py3-none-any.whl").touch()
    done = Stage(tmp_path / "bundle", empty.root).install()
    assert (done.returncode, "pip-99-py3-none-any.whl does not belong to the bundle" in done.stderr) == (5, True)


def test_settings_behind_a_link_are_written_through(installed: Stage) -> None:
    """The link stays a link, the file behind it keeps its mode; a link that leads out of DESTDIR is refused."""
    real = installed.defaults.with_name("real")
    real.write_bytes(SETTINGS)
    real.chmod(0o640)
    installed.defaults.unlink()
    installed.defaults.symlink_to("real")
    good(installed.install())
    assert installed.defaults.is_symlink()
    assert real.read_bytes().startswith(SETTINGS + b"\n# --- ec2kit begin")
    assert oct(real.stat().st_mode) == oct(0o100640)
    good(installed.install("--uninstall"))
    assert real.read_bytes() == SETTINGS
    installed.defaults.unlink()
    installed.defaults.symlink_to("/nonexistent/LifeKeeper")
    assert installed.install().returncode == 5


def test_uninstall_leaves_what_people_wrote(installed: Stage) -> None:
    """An edited tunable and access keys stay, and that is said; history and an empty credentials file go."""
    installed.defaults.write_text(
        installed.defaults.read_text("latin1").replace("#IP_NOLINKCHECK=0", "IP_NOLINKCHECK=1")
    )
    (installed.root / "var/lib/ec2kit").mkdir(parents=True)
    (installed.root / "var/lib/ec2kit/vip.jsonl").touch()
    credentials = installed.root / "etc/ec2kit/credentials"
    credentials.parent.mkdir()
    credentials.write_text("[cluster]\naws_access_key_id = x\n")
    told = good(installed.install("--uninstall"))
    assert "IP_NOLINKCHECK=1\n" in installed.defaults.read_text()
    assert "ec2kit" not in installed.defaults.read_text()
    assert "  IP_NOLINKCHECK=1\n" in told
    assert "left /etc/ec2kit/credentials" in told
    assert credentials.exists()
    assert not (installed.root / "var/lib/ec2kit").exists()


def test_uninstall_after_the_environment_was_deleted(installed: Stage) -> None:
    """Links without their record are no clean machine; it says what to do."""
    shutil.rmtree(installed.root / "opt/ec2kit")
    done = installed.install("--uninstall")
    assert (done.returncode, "Install again, then uninstall" in done.stderr) == (5, True)


def test_uninstall_removes_credentials_without_a_profile(installed: Stage) -> None:
    """Nobody's keys are in it."""
    credentials = installed.root / "etc/ec2kit/credentials"
    credentials.parent.mkdir()
    credentials.write_text("# written by ec2kit\n")
    good(installed.install("--uninstall"))
    assert not credentials.parent.exists()


@pytest.mark.parametrize("options", [("--prefix", "opt/x"), ("--prefix", "/opt/my kit"), ("--lkroot", "LK")])
def test_a_folder_that_cannot_be_is_refused(empty: Stage, options: tuple[str, str]) -> None:
    """Relative, or with a blank, which no script's first line can hold."""
    done = empty.install(*options)
    assert (done.returncode, "absolute" in done.stderr) == (5, True)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--lkroot", "Give LKROOT=/opt/LifeKeeper DEFAULTS=/etc/default/LifeKeeper again"),
        ("--defaults", "Give LKROOT=/opt/LifeKeeper DEFAULTS=/etc/default/LifeKeeper again"),
        ("--ocf-root", "Give OCF_ROOT=/usr/lib/ocf again"),
    ],
)
def test_another_engine_is_not_moved_to(installed: Stage, option: str, told: str) -> None:
    """A run that forgets LKROOT or OCF_ROOT must not take the links from the engine that uses them."""
    before = tree(installed.root, times=True)
    done = installed.install(option, "/srv/other")
    assert (done.returncode, told in done.stderr) == (5, True)
    assert tree(installed.root, times=True) == before


def test_two_installs_at_once_are_refused(empty: Stage) -> None:
    """The second says so and changes nothing."""
    descriptor = os.open(empty.root, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    done = empty.install()
    os.close(descriptor)
    assert (done.returncode, "another run" in done.stderr) == (9, True)
    assert not (empty.root / "opt").exists()


def test_an_old_python_can_read_the_script_that_asks_for_a_newer_one() -> None:
    """./install says that it needs 3.11, where python3 is older, instead of a syntax error."""
    ast.parse((PROJECT / "install").read_text(), feature_version=(3, 4))


def test_without_lifekeeper_and_then_with_it(unpacked: Path, tmp_path: Path) -> None:
    """First the environment and the command alone; once an engine is there, its part; then it all goes."""
    lkroot, home = tmp_path / "opt/LifeKeeper", tmp_path / "opt/ec2kit"
    defaults, sbin = tmp_path / "default/LifeKeeper", tmp_path / "sbin"
    folders = [f"{key}={value}" for key, value in {"PREFIX": home, "LKROOT": lkroot, "SBIN": sbin}.items()]
    variables = [*folders, f"DEFAULTS={defaults}", f"OCF_ROOT={tmp_path / 'ocf'}", f"PYTHON={PYTHON}"]
    before = tree(tmp_path)
    told = good(run("make", "install", *variables, folder=unpacked))
    assert f"LifeKeeper is not at {lkroot}: only the command" in told
    assert {path.name for path in tmp_path.iterdir()} == {"opt", "sbin"}
    (tmp_path / "ec2kit.py").write_text("raise SystemExit('the wrong ec2kit')\n")
    version = run(sbin / "ec2kit", "--version", folder=tmp_path, environment=BARE | {"PYTHONPATH": str(tmp_path)})
    assert good(version) == f"ec2kit {__version__}\n"
    (tmp_path / "ec2kit.py").unlink()

    (tmp_path / "ocf/resource.d").mkdir(parents=True)
    told = good(run("make", "install", *variables, folder=unpacked))
    assert "only the command and Pacemaker's agents" in told
    agent = tmp_path / "ocf" / agents.FOLDER / "route"
    assert agent.resolve() == home / "ocf/route"
    assert '<resource-agent name="route"' in good(run(agent, "meta-data", folder=tmp_path))

    install_lifekeeper(lkroot, system="node1", store=tmp_path / "lcd.db", environment=BARE, python=PYTHON)
    told = good(run("make", "install", *variables, folder=unpacked))
    assert "registered app comm with LifeKeeper\nregistered type ec2 with LifeKeeper\n" in told
    assert f"write LKROOT={lkroot} into {defaults}" in told
    assert (lkroot / COMMAND).resolve() == home / "bin/ec2kit"
    assert "#EC2_MAX_RETRY=3\n" in defaults.read_text()
    assert "nothing to do" in good(run("make", "install", *variables, folder=unpacked))

    good(run("make", "uninstall", *variables, folder=unpacked))
    (tmp_path / "ocf/resource.d").rmdir()
    (tmp_path / "ocf").rmdir()
    shutil.rmtree(lkroot)
    for left in tmp_path.glob("lcd.db*"):
        left.unlink()
    (tmp_path / "opt").rmdir()
    assert tree(tmp_path) == before


@pytest.mark.skipif(shutil.which("cibadmin") is None, reason="needs Pacemaker's cibadmin")
def test_uninstall_is_refused_while_pacemaker_uses_the_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for LifeKeeper; asked of Pacemaker's own program, on a configuration in a file."""
    cib = tmp_path / "cib.xml"
    resource = '<primitive id="vip-route" class="ocf" provider="ec2kit" type="route"/>'
    whole = (
        '<cib validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>'
        "<nodes/><resources>{}</resources><constraints/></configuration><status/></cib>"
    )
    monkeypatch.setenv("CIB_file", str(cib))
    cib.write_text(whole.format(resource + resource.replace("vip-route", "second")))
    with pytest.raises(Misconfigured, match="resources of the kit: vip-route, second"):
        refuse_in_use(Target())
    cib.write_text(whole.format(resource.replace("ec2kit", "heartbeat")))
    refuse_in_use(Target())


def test_staged_files_that_were_brought_to_a_machine(unpacked: Path, staged: Path, bare_machine: Machine) -> None:
    """As a package does: there they work, and uninstall leaves the folders that every machine has."""
    opt, _, sbin, *_ = bare_machine.roots()
    good(run("cp", "-a", f"{staged}/opt/.", opt, folder=unpacked))
    good(run("cp", "-a", f"{staged}/usr/local/sbin/.", sbin, folder=unpacked))
    assert "create" in good(bare_machine.run("/usr/local/sbin/ec2kit", "--help", folder=unpacked))
    good(bare_machine.run(PYTHON, "./install", "--uninstall", folder=unpacked))
    assert [path.name for path in (*opt.rglob("*"), *sbin.rglob("*"))] == ["LifeKeeper"]
