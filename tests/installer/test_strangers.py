"""What is not the kit's stays as it is, whatever install and uninstall do, and wherever it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ec2kit.lifekeeper.places import COMMAND, PLACES, RESOURCES
from ec2kit.pacemaker import agents
from lab.lifekeeper import install as install_lifekeeper
from tests.support.machine import BARE, PYTHON, Machine, run, tree
from tests.support.programs import good
from tests.support.staging import LINKS, Stage, copy, empty_stage, inside

NOBODY = 65534
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def facts(root: Path) -> dict[str, tuple[object, ...]]:
    """Each path below: content or link, mode, owner and time."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        each = path.lstat()
        content: object = None
        if stat.S_ISLNK(each.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(each.st_mode):
            content = path.read_bytes()
        found[str(path)] = (content, each.st_mode, each.st_uid, each.st_gid, each.st_mtime_ns)
    return found


def changed(before: dict[str, tuple[object, ...]], root: Path) -> list[str]:
    """The paths that are no longer as they were; short, for a test that fails."""
    after = facts(root)
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def refused(stage: Stage, *options: str, told: str) -> str:
    """Install or uninstall ends with 5, says that, fetches nothing, and changes nothing at all."""
    before = facts(stage.root)
    done = stage.install(*options)
    assert (done.returncode, told in done.stderr) == (5, True), done.stdout + done.stderr
    assert changed(before, stage.root) == []
    assert "fetching" not in done.stdout
    return done.stderr


def stranger(path: Path, kind: str) -> None:
    """Somebody's file, link or folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to("/somewhere/else")
        return
    if kind == "folder":
        path.mkdir(mode=0o750)
        path /= "theirs"
    path.write_text("theirs\n")
    path.chmod(0o604)
    os.utime(path, (1, 1))


KINDS = ("file", "link", "folder")


# --- PREFIX and what is beside it


@pytest.mark.parametrize(("options", "kind"), [*((("--uninstall",), kind) for kind in KINDS), ((), "folder")])
def test_what_is_beside_prefix_is_left(empty: Stage, options: tuple[str, ...], kind: str) -> None:
    """Of any name. Once, an uninstall of nothing removed .app.new, and gave .app.old the name of PREFIX."""
    places = [empty.root / f"opt/.app.{end}" for end in ("new", "old", "install", "install.0123456789abcdef")]
    for place in places if options else places[:2]:
        stranger(place, kind)
    before = facts(empty.root)
    told = good(empty.install("--prefix", "/opt/app", *options))
    assert ("nothing to do" in told) == bool(options)
    after = facts(empty.root)
    assert {path: after[path] for path in before if "/." in path} == {p: before[p] for p in before if "/." in p}
    if options:
        assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_a_run_needs_is_not_taken(empty: Stage, kind: str) -> None:
    """Where a run would say which folder it works in."""
    stranger(empty.root / "opt/.ec2kit.install", kind)
    refused(empty, told="/opt/.ec2kit.install is there, and it is not ec2kit's")


def test_somebodys_environment_with_the_kit_in_it_is_left(empty: Stage) -> None:
    """The kit may be one of many packages there; no record of install says that it is the kit's alone."""
    for name in ("pyvenv.cfg", "bin/ec2kit", "bin/python", "lib/python3.11/site-packages/mine.py"):
        stranger(empty.root / "opt/ec2kit" / name, "file")
    refused(empty, told="it is not what ./install made")
    before = facts(empty.root)
    assert "nothing to do" in good(empty.install("--uninstall"))
    assert changed(before, empty.root) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"links": []}', '{"version": "1", "links": {"/a": "/b"}}'])
def test_a_record_that_is_not_of_an_install_there(empty: Stage, text: str) -> None:
    """It is another program's, then, and so is all beside it."""
    place = empty.root / "opt/ec2kit/installed.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    for options in ((), ("--uninstall",)):
        refused(empty, *options, told="installed.json is not")


def test_a_copy_of_an_install_takes_nothing_from_the_first(installed: Stage) -> None:
    """Its record tells of the links of the first."""
    shutil.copytree(installed.root / "opt/ec2kit", installed.root / "opt/copy", symlinks=True)
    for options in ((), ("--uninstall",)):
        refused(installed, "--prefix", "/opt/copy", *options, told="is not of an ec2kit in /opt/copy")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("notes", "folder"), ("bin/mine", "link"), ("lib/python3/mine.py", "file"), ("ocf/__pycache__/mine", "file")],
)
def test_what_others_put_into_prefix_is_left(installed: Stage, name: str, kind: str) -> None:
    """An upgrade replaces the folder, and uninstall removes it: neither before that is moved away."""
    stranger(installed.root / "opt/ec2kit" / name, kind)
    record = installed.root / "opt/ec2kit/installed.json"
    record.write_text(record.read_text().replace('"source": "', '"source": "older'))
    for options in ((), ("--uninstall",)):
        assert f"/opt/ec2kit/{name.partition('/')[0]}" in refused(installed, *options, told="is not ec2kit's")


def test_what_python_puts_into_prefix_is_the_kits(installed: Stage) -> None:
    """Its cache of a module, that is."""
    cache = installed.root / "opt/ec2kit/actions/__pycache__"
    cache.mkdir()
    (cache / "restore.cpython-311.pyc").touch()
    good(installed.install("--uninstall"))
    assert not (installed.root / "opt/ec2kit").exists()


def test_what_others_put_into_a_prefix_of_0_1_0(former_staged: Path, unpacked: Path, tmp_path: Path) -> None:
    """It did not write down its files: then all must be as it was made, or this version touches nothing."""
    stage = copy(former_staged, unpacked, tmp_path / "root")
    stranger(stage.root / "opt/ec2kit/notes", "file")
    for options in ((), ("--uninstall",)):
        refused(stage, *options, told="no longer as ec2kit 0.1.0 made it")


@pytest.mark.parametrize(
    "prefix",
    ["/", "/usr", "/usr/local", "/opt", "/etc", "/var/lib", "/etc/ec2kit", "/srv", "/home", "/root", "//opt/"],
)
def test_a_folder_of_the_system_is_not_for_the_kit(empty: Stage, prefix: str) -> None:
    """Also where it is not there yet, or is empty."""
    refused(empty, "--prefix", prefix, told="Name another folder")


def test_somebodys_home_is_not_for_the_kit(empty: Stage) -> None:
    """Though it is empty."""
    (empty.root / "srv/me").mkdir(parents=True)
    options = ("--destdir", empty.root, "--prefix", "/srv/me")
    done = run(
        PYTHON, "./install", *options, folder=empty.bundle, environment={"HOME": "/srv/me", "PATH": "/usr/bin"}
    )
    assert (done.returncode, "is somebody's home" in done.stderr) == (5, True)
    assert list((empty.root / "srv/me").iterdir()) == []


@pytest.mark.parametrize("options", [(), ("--uninstall",)])
def test_a_prefix_that_is_a_link(installed: Stage, options: tuple[str, ...]) -> None:
    """What it leads to is not emptied."""
    (installed.root / "opt/ec2kit").rename(installed.root / "opt/real")
    (installed.root / "opt/ec2kit").symlink_to("real")
    refused(installed, *options, told="/opt/ec2kit is a link")


def test_an_empty_folder_keeps_owner_and_mode(empty: Stage) -> None:
    """Somebody made it for the kit; it is there again after uninstall."""
    place = empty.root / "opt/ec2kit"
    place.mkdir(parents=True)
    place.chmod(0o710)
    before = tree(empty.root)
    good(empty.install())
    assert oct(place.stat().st_mode) == oct(0o40710)
    good(empty.install("--uninstall"))
    assert tree(empty.root) == before


# --- links, agents, settings


@pytest.mark.parametrize("name", [f"opt/LifeKeeper/{COMMAND}", "usr/local/sbin/ec2kit"])
def test_a_link_to_where_nothing_is(empty: Stage, name: str) -> None:
    """The file system of the other install may not be mounted now. Once, its name was enough to replace it."""
    (empty.root / name).parent.mkdir(parents=True)
    (empty.root / name).symlink_to("/mnt/former/bin/ec2kit")
    refused(empty, told="it leads to /mnt/former/bin/ec2kit, where nothing is")


@pytest.mark.parametrize("first", ["#!/opt/ec2kit/bin/python", "#!/usr/bin/python3", "#!/usr/bin/env python3"])
@pytest.mark.parametrize("name", ["usr/local/sbin/ec2kit", f"opt/LifeKeeper/{RESOURCES}/actions/restore"])
def test_somebodys_own_script_that_calls_the_kit(empty: Stage, name: str, first: str) -> None:
    """That it loads the kit does not make it the kit's."""
    (empty.root / name).parent.mkdir(parents=True)
    (empty.root / name).write_text(f"{first}\nimport os\nos.nice(5)\nfrom ec2kit.cli import main\n\nmain()\n")
    refused(empty, told=f"/{name}")


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, loop, lambda path: path.symlink_to("/etc/nothing")])
def test_settings_that_are_not_a_plain_file(empty: Stage, make: Callable[[Path], None]) -> None:
    """Nothing is waited for, and nothing is made where a link leads."""
    empty.defaults.unlink()
    make(empty.defaults)
    refused(empty, told="/etc/default/LifeKeeper")


@pytest.mark.parametrize("name", ["usr/local", "usr/lib/ocf", "opt/LifeKeeper", "opt", "etc/default"])
def test_a_folder_that_leads_out_of_destdir(empty: Stage, tmp_path: Path, name: str) -> None:
    """What is staged for a package must not reach this machine."""
    outside = tmp_path / "outside"
    place = empty.root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(outside)
    else:
        outside.mkdir()
    place.symlink_to(outside)
    before = facts(outside)
    refused(empty, told=f"leads out of {empty.root}")
    assert changed(before, outside) == []


def test_uninstall_leaves_what_others_have_in_the_kits_other_folders(installed: Stage) -> None:
    """Its history goes, by the names that it gives; a link is not followed."""
    history, keys = installed.root / "var/lib/ec2kit", installed.root / "etc/ec2kit/credentials"
    below = ("counters/vip.json.0123456789abcdef", "runs/route-10.1.0.10.jsonl", "runs/counters/route-10.1.0.10.json")
    for name in (
        "vip.jsonl",
        "vip.said",
        "changes/vip.json",
        "doctor/muted.json",
        ".vip.jsonl.0123456789abcdef",
        *below,
    ):
        stranger(history / name, "file")
    stranger(history / "notes", "folder")
    stranger(keys, "link")
    before = facts(history / "notes")
    assert "left /var/lib/ec2kit: others have files in it" in good(installed.install("--uninstall"))
    assert facts(history / "notes") == before
    assert [path.name for path in history.iterdir()] == ["notes"]
    assert keys.is_symlink()


# --- who may write


@pytest.mark.parametrize(
    ("whose", "names"),
    [
        pytest.param("another's", ("opt/ec2kit", "etc/default"), marks=ROOT),
        ("everybody's", ("opt", "usr/local/sbin", f"usr/lib/ocf/{agents.FOLDER}")),
    ],
)
def test_a_folder_that_another_user_can_write_to(installed: Stage, whose: str, names: tuple[str, ...]) -> None:
    """Who can change it could have root run or remove what they like. A folder like /tmp is none of them."""
    for name in names:
        place = installed.root / name
        mine = place.stat()
        if whose == "everybody's":
            place.chmod(0o777)
            told = f"other users can write in {place}"
        else:
            os.chown(place, NOBODY, NOBODY)
            told = f"{place} belongs to another user"
        for options in ((), ("--uninstall",)):
            refused(installed, *options, told=told)
        os.chown(place, mine.st_uid, mine.st_gid)
        place.chmod(mine.st_mode | stat.S_IWOTH | stat.S_ISVTX)
    good(installed.install("--uninstall"))


@pytest.fixture
def readable(unpacked: Path) -> Iterator[Path]:
    """What a checkout has to install from, where any user can read it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(unpacked, Path(folder, "kit"), ignore=shutil.ignore_patterns("wheels"))
        yield Path(folder, "kit")


@pytest.mark.parametrize("options", [(), ("--destdir", "/usr/share"), ("--bundle", "/usr/share")])
def test_without_root_it_refuses_before_it_fetches(readable: Path, options: tuple[str, ...]) -> None:
    """It says who must run it."""
    other = ("setpriv", f"--reuid={NOBODY}", "--clear-groups") if os.geteuid() == 0 else ()
    done = run(*other, PYTHON, "./install", *options, folder=readable)
    assert (done.returncode, done.stdout, "Run it as root" in done.stderr) == (5, "", True), done.stderr


def test_a_file_system_that_is_read_only(unpacked: Path, bare_machine: Machine, tmp_path: Path) -> None:
    """Refused before anything is made elsewhere, on the way in and on the way out."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    there = bare_machine
    for options in ((), ("--uninstall",)):
        good(there.run("mount", "-o", "remount,ro", "/usr/local/sbin", folder=tmp_path))
        before = tree(*there.roots(), times=True)
        done = there.run(PYTHON, "./install", *options, folder=unpacked)
        assert (done.returncode, "/usr/local/sbin cannot be written" in done.stderr) == (5, True)
        assert tree(*there.roots(), times=True) == before
        good(there.run("mount", "-o", "remount,rw", "/usr/local/sbin", folder=tmp_path))
        good(there.run(PYTHON, "./install", *options, folder=unpacked))


def test_a_full_disk_leaves_nothing_behind(unpacked: Path, bare_machine: Machine, tmp_path: Path) -> None:
    """Once there is room, install again completes it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    there = bare_machine
    before = tree(*there.roots())
    good(there.run("mount", "-o", "remount,size=5m", "/opt", folder=tmp_path))
    done = there.run(PYTHON, "./install", folder=unpacked)
    assert (done.returncode, "No space left on device" in done.stderr, "as root" in done.stderr) == (5, True, False)
    assert tree(*there.roots()) == before
    good(there.run("mount", "-o", "remount,size=200m", "/opt", folder=tmp_path))
    good(there.run(PYTHON, "./install", folder=unpacked))
    assert "ec2kit" in good(there.run("/usr/local/sbin/ec2kit", "--version", folder=tmp_path))


# --- paths of any form


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("--prefix", ""),
        ("--lkroot", "-x"),
        ("--sbin", "opt/x"),
        ("--defaults", "/opt/a b"),
        ("--ocf-root", "/opt/a\nb"),
        ("--prefix", "/opt/\x1b[2J"),
        ("--sbin", "/opt/\udcff"),
    ],
)
def test_a_path_that_cannot_be(empty: Stage, option: str, path: str) -> None:
    """It is told as one line that cannot steer a terminal."""
    told = refused(empty, f"{option}={path}", told="is not an absolute path")
    assert told.count("\n") == 1
    assert told[:-1].isprintable()


def test_destdir_by_make(unpacked: Path, tmp_path: Path) -> None:
    """Every path that a file system allows and a person can read reaches ./install as it is."""
    stage = empty_stage(unpacked, tmp_path / '-x it\'s "$HOME"')
    before = inside(stage)
    given_ = [f"DESTDIR={str(stage.root).replace('$', '$$')}", f"PYTHON={PYTHON}"]
    good(run("make", "install", *given_, folder=unpacked))
    assert (stage.root / LINKS[0]).is_symlink()
    good(run("make", "uninstall", *given_, folder=unpacked))
    assert inside(stage) == before


def test_what_a_file_is_called_cannot_steer_a_terminal(installed: Stage) -> None:
    """A name that install tells of may be anybody's."""
    stranger(installed.root / "opt/ec2kit/a\x1b[2J\nb", "file")
    told = refused(installed, "--uninstall", told="a?[2J?b is not ec2kit's")
    assert told.count("\n") == 1


# --- two installs


def test_another_installs_links_are_not_taken_over(installed: Stage) -> None:
    """It is named, with who uses it, and how to change over; that way works."""
    users = "LifeKeeper, Pacemaker and the command line use the ec2kit in /opt/ec2kit: "
    told = refused(installed, "--prefix", "/srv/second", told=users)
    assert "./install --uninstall --prefix /opt/ec2kit" in told
    for name in LINKS:
        (installed.root / name).unlink()
    refused(installed, "--prefix", "/srv/second", told="Pacemaker uses the ec2kit in /opt/ec2kit: ")
    good(installed.install())
    good(installed.install("--uninstall"))
    good(installed.install("--prefix", "/srv/second"))
    assert {str((installed.root / name).readlink()).partition("/second/")[0] for name in LINKS} == {"/srv"}
    text = "".join(each.read_text() for each in (installed.root / "srv/second/etc").glob("*/*"))
    assert "ExecStart=/srv/second/bin/ec2kit hold " in text
    assert "/opt/ec2kit" not in text


def test_a_second_install_beside_the_first(unpacked: Path, tmp_path: Path) -> None:
    """It says that the other is there. The one that no engine goes by is taken out while the other is in use."""
    lkroot, ocf = tmp_path / "lk", tmp_path / "ocf"
    common = (f"--defaults={tmp_path}/default", f"--ocf-root={ocf}", f"--lkroot={lkroot}")
    there = BARE | {"LKROOT": str(lkroot)}
    environment = BARE | {"PATH": f"{tmp_path}/one/sbin:{BARE['PATH']}"}

    def install(which: str, *options: str) -> CompletedProcess[str]:
        folders = (f"--prefix={tmp_path}/{which}/kit", f"--sbin={tmp_path}/{which}/sbin")
        return run(PYTHON, "./install", *common, *folders, *options, folder=unpacked, environment=environment)

    good(install("one"))
    told = good(install("two"))
    assert f"the command line uses the ec2kit in {tmp_path}/one/kit: {tmp_path}/one/sbin/ec2kit leads there" in told
    assert f"./install --uninstall --prefix {tmp_path}/one/kit" in told
    (ocf / "resource.d").mkdir(parents=True)
    install_lifekeeper(lkroot, system="node1", store=tmp_path / "lcd.db", environment=there, python=PYTHON)
    assert "linked" in good(install("one"))
    resource = (
        "-a",
        "comm",
        "-r",
        "ec2",
        "-t",
        "ec2-vip",
        "-i",
        "EC2-10.1.0.10",
        "-v",
        "ec2kit=1 kind=route vip=10.1.0.10",
    )
    good(run(lkroot / "bin/ins_create", *resource, folder=tmp_path))
    done = install("two")
    users = f"LifeKeeper, Pacemaker and the command line use the ec2kit in {tmp_path}/one/kit: "
    assert (done.returncode, users in done.stderr) == (5, True)
    before = facts(tmp_path / "one"), facts(ocf), facts(lkroot / "subsys"), facts(lkroot / "lkadm")
    assert f"the ec2kit in {tmp_path}/one/kit may use them" in good(install("two", "--uninstall"))
    assert (facts(tmp_path / "one"), facts(ocf), facts(lkroot / "subsys"), facts(lkroot / "lkadm")) == before
    assert not (tmp_path / "two").exists()
    done = install("one", "--uninstall")
    assert (done.returncode, "LifeKeeper still has resources of the kit: ec2-vip" in done.stderr) == (5, True)
    good(run(lkroot / "bin/ins_remove", "-t", "ec2-vip", folder=tmp_path))
    assert good(install("one", "--uninstall")).count("unregistered") == 2


# --- a kill at any moment

KILLED = """
import os, sys
left = int(sys.argv.pop(1))
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "subprocess.Popen"}
def watch(event, arguments):
    global left
    if event in CHANGES or event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(watch)
sys.path.insert(0, "")
sys.dont_write_bytecode = True
from installer.cli import main
main()
"""


def killed(stage: Stage, at: int, *options: str) -> bool:
    """Run install, and kill it before its change of that number; whether it came so far."""
    done = run(PYTHON, "-c", KILLED, str(at), "--destdir", stage.root, *options, folder=stage.bundle)
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode != 0


def test_install_that_was_killed(empty: Stage, staged: Path) -> None:
    """Install again leaves all as if nothing had happened; what is beside is not touched."""
    stranger(empty.root / "opt/.ec2kit.new", "folder")
    before = facts(empty.root / "opt/.ec2kit.new")
    for at in (1, 4, 20, 2400):  # each finds what the one before it has left
        assert killed(empty, at)
    good(empty.install())
    assert facts(empty.root / "opt/.ec2kit.new") == before
    shutil.rmtree(empty.root / "opt/.ec2kit.new")
    assert names(empty) == names(Stage(empty.bundle, staged))


def test_install_that_was_killed_after_the_environment(installed: Stage, tmp_path: Path) -> None:
    """At each of its changes: links, a link that is replaced, one that is not made any more, settings, record."""
    stage = installed
    record = stage.root / "opt/ec2kit/installed.json"
    wanted = inside(stage)
    fresh = record.read_text()
    for at in range(1, 100, 12):
        older = json.loads(fresh)
        older["links"] |= {"/usr/local/sbin/old": "/opt/ec2kit/bin/old"}
        older["links"][f"/{LINKS[2]}"] = "/opt/ec2kit/bin/old"
        record.write_text(json.dumps(older))
        for name, to in ((LINKS[2], "/opt/ec2kit/bin/old"), ("usr/local/sbin/old", "/opt/ec2kit/bin/old")):
            (stage.root / name).unlink(missing_ok=True)
            (stage.root / name).symlink_to(to)
        (stage.root / LINKS[3]).unlink()
        stage.defaults.write_bytes(empty_stage(stage.bundle, tmp_path / f"fresh{at}").defaults.read_bytes())
        come = killed(stage, at)
        good(stage.install())
        assert inside(stage) == wanted, at
        if not come:
            break
    else:
        pytest.fail("it never came to its end")


def test_uninstall_that_was_killed(unpacked: Path, staged: Path, tmp_path: Path) -> None:
    """Uninstall again leaves the machine as it was before the kit; no less than that is ever gone."""
    wanted = inside(empty_stage(unpacked, tmp_path / "before"))
    for at in (1, 7, 22, 43, 100, 2000):
        stage = copy(staged, unpacked, tmp_path / "root")
        come = killed(stage, at, "--uninstall")
        good(stage.install("--uninstall"))
        assert inside(stage) == wanted, at
        assert come
        shutil.rmtree(stage.root)


def names(stage: Stage) -> list[str]:
    """What is there, without what Python caches."""
    return sorted(inside(stage))


# --- whatever there is

PLACED = [
    *(
        "opt/ec2kit",
        "opt/ec2kit/theirs",
        "opt/.ec2kit.new",
        "opt/.ec2kit.old",
        "opt/.ec2kit.install",
        "opt/ec2kit.new",
    ),
    *("opt/.ec2kit.install.0123456789abcdef", "opt/theirs", "usr/local/sbin/.ec2kit.new", "usr/local/sbin/theirs"),
    *("usr/local/sbin/ec2kit", "usr/bin/ec2kit", "etc/default/.LifeKeeper.new", "etc/default/.LifeKeeper.abcdefgh"),
    *("etc/default/theirs", "etc/ec2kit/theirs", "var/lib/ec2kit/theirs", "var/lib/theirs"),
    *(f"opt/LifeKeeper/{PLACES[0][0]}", f"opt/LifeKeeper/{RESOURCES}/actions/.restore.new"),
    *(f"opt/LifeKeeper/{RESOURCES}/actions/theirs", f"usr/lib/ocf/{agents.FOLDER}/route"),
    *(f"usr/lib/ocf/{agents.FOLDER}/theirs", f"usr/lib/ocf/{agents.FOLDER}/.route.new"),
]


@settings(
    max_examples=2,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # each example installs: it would take minutes to find a smaller one
)
@given(
    there=st.dictionaries(st.sampled_from(PLACED), st.sampled_from(KINDS), min_size=1, max_size=4),
    first=st.booleans(),
    before=st.booleans(),
)
def test_whatever_strangers_have_there(
    unpacked: Path, staged: Path, there: dict[str, str], first: bool, before: bool
) -> None:
    """After install or its refusal, and after uninstall or its refusal, each is byte for byte the same."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        stage = empty_stage(unpacked, root) if before else copy(staged, unpacked, root)
        for name, kind in there.items():
            if not os.path.lexists(root / name) and not any(each in there for each in parents(name)):
                stranger(root / name, kind)
        theirs = {path: each for path, each in facts(root).items() if each[0] in {b"theirs\n", "/somewhere/else"}}
        for options in ((), ("--uninstall",)) if first else (("--uninstall",), ()):
            assert stage.install(*options).returncode in {0, 5}
            assert [path for path in changed(theirs, root) if path in theirs] == []


def parents(name: str) -> list[str]:
    """The folders above a path, without DESTDIR."""
    return [str(each) for each in Path(name).parents]


def test_a_dependency_that_is_not_the_locked_one_is_not_fetched(tmp_path: Path, unpacked: Path) -> None:
    """What pip's index gives under the right name is not enough."""
    shutil.copytree(unpacked, tmp_path / "kit", ignore=shutil.ignore_patterns("wheels"))
    lock = tmp_path / "kit/requirements.lock"
    lock.write_text(re.sub(r"(?<=sha256:)\w+", "0" * 64, lock.read_text()))
    options = ("./install", "--destdir", str(tmp_path / "root"))
    done = run(sys.executable, *options, folder=tmp_path / "kit", environment=os.environ)
    assert (done.returncode, "DO NOT MATCH THE HASHES" in done.stderr) == (9, True), done.stderr
    assert not (tmp_path / "root/opt").exists()
