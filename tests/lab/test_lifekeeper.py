"""The LifeKeeper stand-in, seen only through its executables, with a dummy kit of shell scripts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.lifekeeper import install
from lab.lifekeeper.ipkit import install_ip_kit

if TYPE_CHECKING:
    Result = subprocess.CompletedProcess[str]

ACTION = """#!/bin/sh
# Writes down how it was called, then does what plan/<system>.<script>.<tag> says.
echo "{system} {name} $*" >> {base}/journal
plan={base}/plan/{system}.{name}.$2
[ ! -f "$plan" ] || . "$plan"
exit 0
"""
GENERIC = """#!/bin/sh
# The same for a Generic Application; the system is the one whose copy runs.
here=${{0#{base}/}}
system=${{here%%/*}}
echo "$system {name} $*" >> {base}/journal
plan={base}/plan/$system.{name}.$2
[ ! -f "$plan" ] || . "$plan"
exit 0
"""
SCRIPTS = ("restore", "remove", "quickCheck", "recover")
EXTEND = """#!/bin/sh
# extend of the dummy kit: writes its words down, and makes the instance.
for word; do told="$told<$word>"; done
echo "{system} {name} $told" >> {base}/journal
[ ! -f {base}/plan/{system}.{name}.$2 ] || . {base}/plan/{system}.{name}.$2
[ {name} = canextend ] || {base}/{system}/bin/ins_create -a app -r toy -t $2 -i id-$2
"""
HARNESS = "subsys/gen/resources/app"
SENT = "-C net -E lost -m test -n top"
REFUSALS = [
    ("ins_create -a app -r toy -t top -i other", 4),
    ("ins_create -a app -r toy -t other -i id-top", 4),
    ("ins_create -a app -r none -t new -i new", 7),
    ("ins_create -a app -r toy -t new -i new -s NEVER", 5),
    ("ins_create -a app -r toy -t new", 2),
    ("ins_list -x", 2),
    ("ins_list words", 2),
    ("ins_list -d nowhere", 9),
    ("ins_gettag -i none", 7),
    ("ins_setstate -t top -S UP", 5),
    ("ins_setstate -t none -S ISP", 7),
    ("ins_setinfo -t none -v x", 7),
    ("ins_setas -t top -s NEVER", 5),
    ("dep_create -p top -c mid", 4),
    ("dep_create -p low -c top", 5),
    ("dep_create -p top -c top", 5),
    ("dep_create -p top -c none", 7),
    ("dep_remove -p top -c low", 7),
    ("eqv_create -t top -S b -o top -e SHARED", 4),
    ("eqv_create -t top -S b -o mid -r 1 -e SHARED", 5),
    ("eqv_create -t top -S b -o mid -r 1000 -e SHARED", 5),
    ("eqv_create -t top -S b -o none -e SHARED", 7),
    ("eqv_create -t top -S none -o top -e SHARED", 9),
    ("eqv_remove -t top -S b -o low -e SHARED", 7),
    ("app_create -a app", 4),
    ("typ_create -a none -r toy", 7),
    ("typ_remove -a app -r none", 7),
    ("typ_remove -a app -r toy", 8),
    ("app_remove -a none", 7),
    ("app_remove -a app", 8),
    ("flg_test -f none", 7),
    ("flg_remove -f none", 7),
    ("lcdsync", 0),
    ("perform_action -t none -a restore", 7),
    ("perform_action -t top -a unknown", 7),
    (f"sendevent {SENT}x", 7),
    ("sendevent -C net -E lost -n top", 2),
    ("lksystem failover b", 5),
    ("lksystem down none", 7),
]


@dataclass(frozen=True)
class Cluster:
    """Systems a, b and c with the dummy kit (app `app`, type `toy`), called through their executables."""

    base: Path

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start `a:ins_list -t x`, the program ins_list of system a, without any environment."""
        system, line = command.split(":", 1)
        program, *words = line.split()
        return self.started(self.base / system / "bin" / program, *words)

    def started(self, program: Path, *words: str) -> subprocess.Popen[str]:
        """Start a program by its path, without any environment."""
        return subprocess.Popen(
            [program, *words],
            env={},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, command: str) -> Result:
        """Run a command to its end."""
        return self.ended(self.start(command))

    def ended(self, process: subprocess.Popen[str]) -> Result:
        """Wait for what was started."""
        output, errors = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def call(self, program: str, *words: str) -> Result:
        """Run a program with words as they are: `call("a/bin/ins_list", "-t", "x")`."""
        return self.ended(self.started(self.base / program, *words))

    def status(self, command: str) -> int:
        """Run a command for its exit code."""
        return self.run(command).returncode

    def ok(self, *commands: str) -> None:
        """Run commands that must succeed."""
        for command in commands:
            result = self.run(command)
            assert result.returncode == 0, (command, result.stderr)

    def plan(self, script: str, what: str) -> None:
        """Say what a script does after it has written itself down, e.g. `a.remove.top` -> `exit 1`."""
        (self.base / "plan" / script).write_text(what + "\n")

    def journal(self) -> list[str]:
        """Give `system script tag` of each script that ran, in order."""
        return [" ".join((*line.split()[:2], line.split()[3])) for line in self.lines()]

    def lines(self) -> list[str]:
        """Give the journal as it is."""
        path = self.base / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def states(self, system: str) -> str:
        """Give the states of top, mid and low on a system, as `lksystem status` shows them."""
        found, here = {}, ""
        for line in self.run("a:lksystem status").stdout.splitlines():
            first, *rest = line.split()
            here = here if line.startswith(" ") else first
            found[here, first] = rest[1:2]
        return " ".join(found[system, tag][0] for tag in ("top", "mid", "low") if (system, tag) in found)

    def extend(self, system: str, priority: int, first: str = "INIT_OSU") -> None:
        """Make top -> mid -> low on a system, equivalent to those of the systems before it."""
        for tag in ("top", "mid", "low"):
            self.ok(f"{system}:ins_create -a app -r toy -t {tag} -i id-{tag} -I {first}")
            for other in "abc"[: "abc".index(system)]:
                self.ok(f"{system}:eqv_create -t {tag} -p {priority} -S {other} -o {tag} -e SHARED")
        self.ok(f"{system}:dep_create -p top -c mid", f"{system}:dep_create -p mid -c low")


def make_system(base: Path, system: str, *, manager: bool = False) -> None:
    """Install a system with the dummy kit, and with the extend manager or without."""
    lkroot = base / system
    environment = {"KIT": "dummy", "EC2KIT_DEFAULTS": str(base / "defaults")}
    install(lkroot, system=system, store=base / "lcd.db", environment=environment, manager=manager)
    toy = lkroot / "subsys" / "app" / "resources" / "toy"
    for path in ("actions/restore", "actions/remove", "recovery/net/lost"):
        (toy / path).parent.mkdir(parents=True, exist_ok=True)
        (toy / path).write_text(ACTION.format(system=system, name=path.split("/")[-1], base=base))
        (toy / path).chmod(0o755)


def add_action(base: Path, system: str, action: str) -> None:
    """Give the dummy kit of a system one more action."""
    path = base / system / "subsys" / "app" / "actions" / action
    path.parent.mkdir(exist_ok=True)
    path.write_text(ACTION.format(system=system, name=action, base=base))
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path) -> Cluster:
    """Systems a and b with a registered type and no instance."""
    cluster = Cluster(tmp_path)
    (tmp_path / "plan").mkdir()
    for system in "ab":
        make_system(tmp_path, system)
        cluster.ok(f"{system}:app_create -a app", f"{system}:typ_create -a app -r toy")
    return cluster


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with what `cluster` promises, made by the programs once."""
    cluster = Cluster(tmp_path_factory.mktemp("made"))
    for system in "ab":
        make_system(cluster.base, system)
        cluster.ok(f"{system}:app_create -a app", f"{system}:typ_create -a app -r toy")
    cluster.extend("a", 1, "INIT_ISP")
    cluster.extend("b", 10)
    return cluster.base / "lcd.db"


@pytest.fixture
def cluster(made: Path, tmp_path: Path) -> Cluster:
    """Systems a (in service, priority 1) and b (priority 10) with the hierarchy top -> mid -> low."""
    (tmp_path / "plan").mkdir()
    shutil.copy(made, tmp_path)
    for system in "ab":
        make_system(tmp_path, system)
    return Cluster(tmp_path)


@dataclass(frozen=True)
class Generic(Cluster):
    """Systems a and b, and in `scripts` what a Generic Application is made from."""

    def create(self, tag: str = "vip", bring: str = "Yes", *, without: str = "", **other: str) -> Result:
        """Make a Generic Application on a; other: words in the place of the usual ones, by name."""
        paths = {name: "" if name in without.split() else str(self.base / "scripts" / name) for name in SCRIPTS}
        given = (
            {"system": "a", "info": "kind=x 10.0.0.1", "switchback": "intelligent", "bring": bring} | paths | other
        )
        order = ("system", "restore", "remove", tag, "info", "switchback", "quickCheck", "recover", "bring")
        return self.call("a/lkadm/subsys/gen/app/bin/creapphier", *(given.get(name, name) for name in order))

    def on(self, system: str) -> str:
        """Give app, type, tag, id, info, state and switchback type of all instances of a system."""
        return self.run(f"{system}:ins_list -f,").stdout.replace(f"{system},", "", 1).strip()

    def copies(self, system: str) -> list[str]:
        """Give the harness's copies on a system, below its folder."""
        folder = self.base / system / HARNESS
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("!*/*"))


@pytest.fixture
def generic(bare: Cluster) -> Generic:
    """Systems a and b, and scripts that are links to files which nobody may execute."""
    (bare.base / "scripts").mkdir()
    (bare.base / "texts").mkdir()
    for name in SCRIPTS:
        text = bare.base / "texts" / name
        text.write_text(GENERIC.format(name=name, base=bare.base))
        (bare.base / "scripts" / name).symlink_to(text)
    return Generic(bare.base)


def third(cluster: Cluster, priority: int) -> None:
    """Add system c with the hierarchy at a priority."""
    make_system(cluster.base, "c")
    cluster.ok("c:app_create -a app", "c:typ_create -a app -r toy")
    cluster.extend("c", priority)


def test_ins_list_gives_fields_in_order(cluster: Cluster) -> None:
    """ins_list separates sys, app, type, tag, id, info and state by byte 1 or by the character after -f."""
    first = cluster.run("b:ins_list -d a").stdout.splitlines()
    assert [line.split("\x01")[3] for line in first] == ["low", "mid", "top"]
    assert first[0].split("\x01")[:7] == ["a", "app", "toy", "low", "id-low", "", "ISP"]
    assert cluster.run("b:ins_list -f, -t mid").stdout.startswith("b,app,toy,mid,id-mid,,OSU")


@pytest.mark.parametrize(
    ("options", "tags"),
    [("-R mid", "low mid"), ("-i id-top", "top"), ("-a app -r toy", "low mid top"), ("-t mid -i id-top", "")],
)
def test_ins_list_selects(cluster: Cluster, options: str, tags: str) -> None:
    """ins_list prints what matches all options and ends with 7 when nothing does."""
    result = cluster.run(f"a:ins_list -f: {options}")
    assert " ".join(line.split(":")[3] for line in result.stdout.splitlines()) == tags
    assert result.returncode == (0 if tags else 7)


def test_exit_codes(cluster: Cluster) -> None:
    """Each program ends with LifeKeeper's number for what is wrong, and changes nothing."""
    before = cluster.run("b:lksystem status").stdout
    assert [(line, cluster.status(f"a:{line}")) for line, _ in REFUSALS] == REFUSALS
    assert cluster.run("b:lksystem status").stdout == before


def test_what_is_removed_can_be_registered_again(cluster: Cluster) -> None:
    """A type goes before its application, and then neither is known."""
    cluster.ok("a:app_create -a other", "a:typ_create -a other -r toy", "a:typ_remove -a other -r toy")
    cluster.ok("a:app_remove -a other")
    assert cluster.status("a:typ_create -a other -r toy") == 7
    cluster.ok("a:app_create -a other", "a:typ_create -a other -r toy")


@pytest.mark.parametrize(("info", "status"), [("eni-1/10.0.0.1_A.b=c", 0), ("a:b", 5), ("ü", 5), ("a\x01b", 5)])
def test_info_charset(cluster: Cluster, info: str, status: int) -> None:
    """An info with characters the LCD does not keep is refused by ins_create and ins_setinfo."""
    assert cluster.status(f"a:ins_create -a app -r toy -t new -i new -v {info}") == status
    assert cluster.status(f"a:ins_setinfo -t top -v {info}") == status
    stored = cluster.run("a:ins_list -f, -t top").stdout.split(",")[5]
    assert stored == ("" if status else info)


def test_info_comes_from_stdin(cluster: Cluster) -> None:
    """ins_setinfo without -v takes the info, blanks included, from stdin, and its line end off."""
    program = cluster.base / "a" / "bin" / "ins_setinfo"
    subprocess.run([program, "-d", "b", "-t", "top"], input="two words\n", text=True, check=True)
    assert cluster.run("b:ins_list -f, -t top").stdout.split(",")[5] == "two words"


def test_small_programs(cluster: Cluster) -> None:
    """ins_gettag, ins_setas, ins_setstate, flg_* and sys_list do what their names say."""
    assert cluster.run("a:ins_gettag -d b -i id-mid").stdout == "mid\n"
    cluster.ok("a:ins_setas -t top -s AUTOMATIC", "a:ins_setstate -t top -S ISU -R test -A")
    assert cluster.run("a:ins_list -f, -t top").stdout.strip().endswith(",ISU,AUTOMATIC")
    cluster.ok("a:flg_create -d b -f here", "b:flg_test -f here")
    assert cluster.status("b:flg_create -f here") == 4
    assert (cluster.run("b:flg_list").stdout, cluster.run("a:flg_list").stdout) == ("here\n", "")
    cluster.ok("b:flg_remove -f here")
    assert cluster.run("a:sys_list").stdout == "a\nb\n"


def test_dep_list_looks_both_ways(cluster: Cluster) -> None:
    """dep_list prints parent and child: all, those with a child (-c), those with a parent (-p)."""
    assert cluster.run("a:dep_list").stdout == "mid\x01low\ntop\x01mid\n"
    assert cluster.run("a:dep_list -f, -c mid").stdout == "top,mid\n"
    assert cluster.run("a:dep_list -d b -f, -p mid").stdout == "mid,low\n"
    cluster.ok("a:dep_remove -p top -c mid")
    assert cluster.run("a:dep_list -f, -C").stdout == "mid,low\n"


def test_equivalencies_go_both_ways(cluster: Cluster) -> None:
    """eqv_create made one row on each system with mirrored priorities, and eqv_remove takes both."""
    assert cluster.run("a:eqv_list -f, -t top").stdout == "a,top,b,top,SHARED,1,10\n"
    assert cluster.run("a:eqv_list -d b -f, -t top").stdout == "b,top,a,top,SHARED,10,1\n"
    cluster.ok("b:eqv_remove -t top -S a -o top -e SHARED")
    assert cluster.run("a:eqv_list -f, -t top").stdout == ""
    assert len(cluster.run("a:eqv_list").stdout.splitlines()) == 2
    assert cluster.status("a:eqv_create -t top -p 5 -S b -r 5 -o top -e SHARED") == 5
    cluster.ok("a:eqv_create -t top -S b -o top -e SHARED")
    assert cluster.run("a:eqv_list -f, -t top").stdout == "a,top,b,top,SHARED,1,2\n"


def test_ins_remove_runs_delete_and_forgets_relations(cluster: Cluster) -> None:
    """ins_remove refuses a child with 8, runs delete with -U, and drops dependencies and equivalencies."""
    add_action(cluster.base, "b", "delete")
    assert cluster.status("a:ins_remove -d b -t low") == 8
    cluster.plan("b.delete.mid", "exit 1")
    assert cluster.status("a:ins_remove -d b -R top") == 1
    assert cluster.lines() == ["b delete -t top -i id-top -U", "b delete -t mid -i id-mid -U"]
    assert cluster.states("b") == "OSU OSU"
    cluster.plan("b.delete.mid", "exit 0")
    cluster.ok("a:ins_remove -d b -R mid")
    assert cluster.status("b:ins_list") == 7
    assert cluster.run("a:eqv_list").stdout == ""
    assert cluster.status("a:ins_remove -t none") == 7
    assert cluster.status("a:ins_remove") == 2


def test_restore_in_service_does_nothing(cluster: Cluster) -> None:
    """Restoring an ISP resource runs no script."""
    cluster.ok("a:perform_action -t top -a restore")
    assert cluster.journal() == []


def test_switchover_removes_top_down_and_restores_bottom_up(cluster: Cluster) -> None:
    """A restore on b takes the hierarchy off a, parents first, then brings it up on b, children first."""
    result = cluster.run("b:perform_action -G -s -b -n -t top -a restore")
    assert result.returncode == 0
    down = ["a remove top", "a remove mid", "a remove low"]
    assert cluster.journal() == [*down, "b restore low", "b restore mid", "b restore top"]
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSU OSU", "ISP ISP ISP")
    assert 'END successful restore of "top"' in result.stderr
    assert 'BEGIN remove of "mid"' in (cluster.base / "a" / "log" / "lifekeeper.log").read_text()


def test_switchover_of_a_child_takes_its_parents_out(cluster: Cluster) -> None:
    """Restoring mid on b takes top out on a too, and leaves it out on b."""
    cluster.ok("b:perform_action -t mid -a restore")
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSU OSU", "OSU ISP ISP")


def test_failing_restore_leaves_osf(cluster: Cluster) -> None:
    """A restore that fails in the middle leaves that resource OSF, its parent out, its child in."""
    cluster.plan("b.restore.mid", "echo no luck; exit 3")
    result = cluster.run("b:perform_action -t top -a restore")
    assert (result.returncode, cluster.states("b")) == (1, "OSU OSF ISP")
    assert "no luck" in result.stderr
    assert "no luck" in (cluster.base / "b" / "log" / "lifekeeper.log").read_text()


def test_failing_remove_keeps_the_other_side_out(cluster: Cluster) -> None:
    """A switchover whose remove fails ends with OSF there, and b restores nothing."""
    cluster.plan("a.remove.mid", "exit 1")
    assert cluster.status("b:perform_action -t top -a restore") == 1
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSF ISP", "OSU OSU OSU")
    assert cluster.journal() == ["a remove top", "a remove mid"]


def test_remove_takes_parents_first(cluster: Cluster) -> None:
    """Removing mid removes top before it and leaves low in service."""
    cluster.ok("a:perform_action -t mid -a remove")
    assert (cluster.journal(), cluster.states("a")) == (["a remove top", "a remove mid"], "OSU OSU ISP")


def test_missing_mandatory_script_is_a_failure(cluster: Cluster) -> None:
    """A type without a remove script cannot be taken out of service."""
    (cluster.base / "a/subsys/app/resources/toy/actions/remove").unlink()
    assert cluster.status("a:perform_action -t top -a remove") == 1
    assert cluster.states("a") == "OSF ISP ISP"


def test_other_actions_are_plain_scripts(cluster: Cluster) -> None:
    """Any other action runs with -t, -i and what stands after --, in a bare environment, and gives its status."""
    add_action(cluster.base, "a", "special")
    cluster.plan("a.special.top", "env; exit 42")
    result = cluster.run("a:perform_action -t top -a special -- one two")
    assert (result.returncode, cluster.lines()) == (42, ["a special -t top -i id-top one two"])
    names = set(re.findall(r":(\w+)=", result.stderr))
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "LANG", "KIT", "EC2KIT_DEFAULTS"}


def test_caller_that_has_gone_does_not_stop_the_core(cluster: Cluster) -> None:
    """A switchover goes on to its end when nobody reads its stderr any more."""
    process = cluster.start("b:perform_action -t top -a restore")
    for pipe in (process.stdout, process.stderr):
        assert pipe
        pipe.close()
    process.wait(20)
    assert cluster.states("b") == "ISP ISP ISP"


def test_left_behind_process_holds_nothing_up(cluster: Cluster) -> None:
    """A script that leaves a process behind, its output still open, ends when the script ends."""
    cluster.plan("a.remove.top", f"sleep 20 & echo $! > {cluster.base}/pid")
    start = time.monotonic()
    cluster.ok("a:perform_action -t top -a remove")
    assert time.monotonic() - start < 8
    os.kill(int((cluster.base / "pid").read_text()), signal.SIGKILL)


def test_sendevent_hands_all_options_on(cluster: Cluster) -> None:
    """The recovery program runs once with sendevent's options and a time; its success keeps ISP."""
    cluster.plan("a.lost.net", "exit 0")
    cluster.ok(f"a:sendevent {SENT} -i 7 -d data")
    (line,) = cluster.lines()
    head, stamp = line.rsplit(" ", 1)
    assert head == f"a lost {SENT} -i 7 -d data -t"
    assert len(stamp) == 12
    assert stamp.isdecimal()
    assert cluster.states("a") == "ISP ISP ISP"


def test_sendevent_leaves_what_is_not_in_service(cluster: Cluster) -> None:
    """An event for a resource that is not ISP starts no recovery."""
    cluster.ok(f"b:sendevent {SENT}")
    assert cluster.lines() == []


def test_failed_recovery_fails_over_to_the_best_priority(cluster: Cluster) -> None:
    """After a failed recovery of a child the whole hierarchy moves to the living system of lowest number."""
    third(cluster, 5)
    cluster.plan("a.lost.net", "exit 1")
    cluster.ok("a:sendevent -C net -E lost -m test -n low")
    down = ["a lost net", "a remove top", "a remove mid", "a remove low"]
    assert cluster.journal() == [*down, "c restore low", "c restore mid", "c restore top"]
    assert [cluster.states(each) for each in "abc"] == ["OSU OSU OSU", "OSU OSU OSU", "ISP ISP ISP"]


def test_failover_passes_dead_systems_by(cluster: Cluster) -> None:
    """The next best system takes over when the best one is down."""
    third(cluster, 5)
    cluster.plan("a.lost.net", "exit 1")
    cluster.ok("b:lksystem down c", f"a:sendevent {SENT}")
    assert cluster.states("b") == "ISP ISP ISP"


def test_failing_restore_ends_the_failover(cluster: Cluster) -> None:
    """A restore that fails on the standby leaves OSF there and nothing further is tried."""
    third(cluster, 20)
    cluster.plan("a.lost.net", "exit 1")
    cluster.plan("b.restore.mid", "exit 1")
    assert cluster.status(f"a:sendevent {SENT}") == 1
    assert [cluster.states(each) for each in "abc"] == ["OSU OSU OSU", "OSU OSF ISP", "OSU OSU OSU"]


def test_nobody_to_take_over_leaves_osf(cluster: Cluster) -> None:
    """Without a living standby the failed resource ends OSF on its own system."""
    cluster.plan("a.lost.net", "exit 1")
    cluster.ok("a:lksystem down b")
    assert cluster.status(f"a:sendevent {SENT}") == 1
    assert cluster.states("a") == "OSF OSU OSU"


def test_failing_remove_halts_the_system_and_the_peer_takes_over(cluster: Cluster) -> None:
    """A remove that fails during failover halts the system, and b restores the whole hierarchy."""
    cluster.plan("a.lost.net", "exit 1")
    cluster.plan("a.remove.mid", "exit 1")
    result = cluster.run(f"a:sendevent {SENT}")
    assert result.returncode == 1
    assert "004788:SYSTEM HALTED" in result.stderr
    assert "a                halted" in cluster.run("b:lksystem status").stdout
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSU OSU", "ISP ISP ISP")
    assert "a remove low" not in cluster.journal()


def test_second_event_during_a_recovery_is_ignored(cluster: Cluster) -> None:
    """While a recovery runs another event for the tag does nothing; the flag of a killed one does not count."""
    cluster.plan("a.lost.net", f"touch {cluster.base}/running; sleep 1.5")
    first = cluster.start(f"a:sendevent {SENT}")
    while not (cluster.base / "running").exists():
        time.sleep(0.02)
    assert cluster.status(f"a:sendevent {SENT}") == 0
    assert len(cluster.lines()) == 1
    first.kill()
    first.communicate()
    cluster.plan("a.lost.net", "exit 0")
    cluster.ok(f"a:sendevent {SENT}")
    assert len(cluster.lines()) == 2


def test_two_events_move_a_hierarchy_once(cluster: Cluster) -> None:
    """An event for another tag of a hierarchy that is being moved already moves nothing."""
    cluster.plan("a.lost.net", "exit 1")
    cluster.plan("a.remove.top", f"touch {cluster.base}/running; sleep 1")
    first = cluster.start("a:sendevent -C net -E lost -m test -n low")
    while not (cluster.base / "running").exists():
        time.sleep(0.02)
    cluster.ok("a:sendevent -C net -E lost -m test -n mid")
    first.communicate()
    assert first.returncode == 0
    assert len([line for line in cluster.journal() if "a remove" in line]) == 3
    assert cluster.states("b") == "ISP ISP ISP"


def test_failover_after_death(cluster: Cluster) -> None:
    """A dead system runs nothing, and failover restores on the survivor without a remove on the dead one."""
    cluster.ok("b:lksystem down a")
    assert cluster.states("a") == "ISP ISP ISP"
    assert [cluster.status(f"a:{line}") for line in ("ins_list", "lkcheck --once", "lcdsync")] == [1, 1, 1]
    assert [cluster.status(f"b:{line}") for line in ("ins_list -d a", "lcdremexec -d a -- true")] == [9, 9]
    cluster.ok("b:lksystem failover a")
    assert cluster.journal() == ["b restore low", "b restore mid", "b restore top"]
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSU OSU", "ISP ISP ISP")
    cluster.ok("b:lksystem failover a")
    assert len(cluster.journal()) == 3


def test_death_during_an_action_keeps_the_state(cluster: Cluster) -> None:
    """A system that dies while its remove runs fails the program, and its state stays what it was."""
    cluster.plan("a.remove.top", f"{cluster.base}/b/bin/lksystem down a")
    assert cluster.status("a:perform_action -t top -a remove") == 1
    assert cluster.states("a") == "ISP ISP ISP"


@pytest.mark.parametrize(("switchback", "place"), [("INTELLIGENT", "b"), ("AUTOMATIC", "a")])
def test_switchback(cluster: Cluster, switchback: str, place: str) -> None:
    """A returning system of better priority gets AUTOMATIC hierarchies back, INTELLIGENT ones stay."""
    cluster.ok(*(f"a:ins_setas -t {tag} -s {switchback}" for tag in ("top", "mid", "low")))
    cluster.ok("b:lksystem down a", "b:lksystem failover a", "b:lksystem up a")
    states = {each: cluster.states(each) for each in "ab"}
    assert states.pop(place) == "ISP ISP ISP"
    assert set(states.values()) == {"OSU OSU OSU"}
    assert len(cluster.journal()) == (9 if place == "a" else 3)


def test_no_switchback_to_a_worse_priority(cluster: Cluster) -> None:
    """An AUTOMATIC hierarchy stays where its priority is better when the worse system returns."""
    cluster.ok("b:ins_setas -t top -s AUTOMATIC", "a:lksystem down b", "a:lksystem up b")
    assert (cluster.states("a"), cluster.journal()) == ("ISP ISP ISP", [])


def test_boot_restores_what_nobody_took_over(cluster: Cluster) -> None:
    """A system that returns before anyone took its resources over restores them, children first."""
    cluster.ok("b:lksystem down a", "b:lksystem up a")
    assert cluster.journal() == ["a restore low", "a restore mid", "a restore top"]
    assert cluster.states("a") == "ISP ISP ISP"


@pytest.mark.parametrize(
    ("quick", "events"),
    [("exit 0", 0), ("exit 1", 1), ("{sendevent}; exit 1", 1), ("kill -ALRM $$; sleep 1", 0), ("exit 3", 0)],
)
def test_lkcheck_raises_exactly_one_event(cluster: Cluster, quick: str, events: int) -> None:
    """Lkcheck sends the kit's event for a bad quickCheck unless the script has; a timeout is no failure."""
    add_action(cluster.base, "a", "quickCheck")
    sendevent = f"{cluster.base}/a/bin/sendevent {SENT}"
    cluster.plan("a.quickCheck.top", quick.format(sendevent=sendevent))
    cluster.ok("a:lkcheck --once")
    assert sum(line.startswith("a quickCheck -t ") for line in cluster.lines()) == 3
    assert sum(line.startswith("a lost -C net -E lost ") for line in cluster.lines()) == events
    log = (cluster.base / "a" / "log" / "lifekeeper.log").read_text()
    assert log.count('local recovery of "top" done') == events
    assert ("001047" in log) == ("ALRM" in quick)


def test_lkcheck_skips_what_has_left(cluster: Cluster) -> None:
    """What a failover during the check has taken away is not checked any more."""
    add_action(cluster.base, "a", "quickCheck")
    cluster.plan("a.quickCheck.low", "exit 1")
    cluster.plan("a.lost.net", "exit 1")
    cluster.ok("a:lkcheck --once")
    assert [line for line in cluster.journal() if "quickCheck" in line] == ["a quickCheck low"]
    assert cluster.states("b") == "ISP ISP ISP"


def test_one_check_waits_for_what_it_has_caused(cluster: Cluster) -> None:
    """A quickCheck does not wait for its event's recovery; who reads the states after `--once` need not either."""
    add_action(cluster.base, "a", "quickCheck")
    sendevent = f"{cluster.base}/a/bin/sendevent {SENT} >/dev/null 2>&1"
    cluster.plan("a.quickCheck.top", f"{sendevent} & sleep 1; exit 1")
    cluster.plan("a.lost.net", "sleep 2; exit 1")
    cluster.ok("a:lkcheck --once")
    assert cluster.states("b") == "ISP ISP ISP"


def test_lkcheck_loops_until_its_system_dies(cluster: Cluster) -> None:
    """Without --once lkcheck runs every LKCHECKINTERVAL seconds and ends with its system."""
    add_action(cluster.base, "a", "quickCheck")
    (cluster.base / "defaults").write_text('LKCHECKINTERVAL="0.2"\n')
    process = cluster.start("a:lkcheck")
    deadline = time.monotonic() + 10
    while len(cluster.lines()) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(cluster.lines()) >= 6
    cluster.ok("b:lksystem down a")
    assert process.wait(10) == 1
    process.communicate()


def test_lcdremexec_runs_there(cluster: Cluster) -> None:
    """A shell there runs the command: its output and status, with LKROOT paths turned into the other's."""
    (cluster.base / "b" / "show").write_text('#!/bin/sh\necho "$0 $KIT $*"\nexit 6\n')
    (cluster.base / "b" / "show").chmod(0o755)
    result = cluster.run(f"a:lcdremexec -e -d b -- {cluster.base}/a/show -x 1")
    assert (result.returncode, result.stdout) == (6, f"{cluster.base}/b/show dummy -x 1\n")
    assert cluster.status("a:lcdremexec -d b -t 1 -- sleep 9") == 9
    assert cluster.status("a:lcdremexec -d b -- no-such-program") == 127
    assert cluster.status("a:lcdremexec -- true") == 2
    for file, said, status in ((f"{cluster.base}/a/show", "it is", 0), (f"{cluster.base}/a/none", "", 1)):
        asked = cluster.call("a/bin/lcdremexec", "-d", "b", "--", f'[ -f "{file}" ] && echo "it is"; [ -f {file} ]')
        assert (asked.returncode, asked.stdout.strip()) == (status, said)
    own = cluster.base / "a"
    kept = f"{own}2 {own}.d/x /old{own}/y"
    turned = cluster.call("a/bin/lcdremexec", "-d", "b", "--", f"echo '{own}/x' X={own}: {own} {kept} $KIT")
    other = cluster.base / "b"
    assert turned.stdout == f"{other}/x X={other}: {other} {kept} dummy\n"


def test_a_generic_application_is_made(generic: Generic) -> None:
    """Each step is said, it is brought in service, and the copies run, whatever becomes of what was given."""
    done = generic.create()
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        'BEGIN create of "vip"',
        'creating resource "vip"',
        'resource "vip" successfully created',
        'restoring resource "vip"',
        'resource "vip" restored',
        'END successful create of "vip"',
    ]
    assert re.findall(r"(BEGIN|END) .*restore", done.stderr) == ["BEGIN", "END"]
    assert generic.on("a") == "gen,app,vip,vip,kind=x 10.0.0.1,ISP,INTELLIGENT"
    assert generic.lines() == ["a restore -t vip -i vip"]
    kept = ["actions/!quickCheck/vip", "actions/!remove/vip", "actions/!restore/vip", "recovery/!recover/vip"]
    assert generic.copies("a") == kept
    shutil.rmtree(generic.base / "scripts")
    shutil.rmtree(generic.base / "texts")
    generic.ok("a:perform_action -t vip -a remove")
    assert generic.lines()[1:] == ["a remove -t vip -i vip"]
    assert generic.on("a").endswith(",OSU,INTELLIGENT")


def test_a_generic_application_that_is_not_brought_in_service(generic: Generic) -> None:
    """With No the resource is out of service, and no script has run."""
    done = generic.create(bring="No", switchback="automatic")
    assert done.returncode == 0
    assert "restor" not in done.stdout
    assert generic.on("a").endswith(",OSU,AUTOMATIC")
    assert generic.lines() == []


def test_a_generic_application_whose_restore_fails(generic: Generic) -> None:
    """The program fails, and the resource stays, out of service and failed."""
    generic.plan("a.restore.vip", "echo no luck; exit 2")
    done = generic.create()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, 'END failed create of "vip"')
    assert "no luck" in done.stderr
    assert generic.on("a").endswith(",OSF,INTELLIGENT")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"system": "b"}, 5),
        ({"restore": ""}, 5),
        ({"recover": "/none"}, 5),
        ({"tag": "a/b"}, 5),
        ({"tag": "vip"}, 4),
        ({"info": "a,b"}, 5),
        ({"switchback": "INTELLIGENT"}, 2),
        ({"bring": "yes"}, 2),
    ],
)
def test_what_creapphier_refuses(generic: Generic, wrong: dict[str, str], status: int) -> None:
    """It ends with the number for what is wrong, and the resource that is there keeps its scripts."""
    generic.create()
    (generic.base / "texts" / "restore").write_text("#!/bin/sh\nexit 1\n")
    before = generic.on("a"), generic.copies("a")
    assert generic.create(**{"tag": "new"} | wrong).returncode == status
    assert (generic.on("a"), generic.copies("a")) == before
    generic.ok("a:perform_action -t vip -a remove", "a:perform_action -t vip -a restore")


def test_a_harness_runs_its_copy(generic: Generic) -> None:
    """With tag and id alone, whatever else it got; its status is the copy's, and the settings are variables there."""
    generic.create()
    (generic.base / "defaults").write_text("EC2_X=1\nexport LKROOT='/opt/x y'\nPATH=/none\nBAD=$(date)\nKIT=other\n")
    generic.plan("a.remove.vip", 'echo "$EC2_X,$LKROOT,$PATH,$BAD,$KIT"; exit 3')
    harness = generic.base / "a" / HARNESS / "actions" / "remove"
    given = {"EC2KIT_DEFAULTS": str(generic.base / "defaults"), "KIT": "own", "PATH": "/usr/bin:/bin"}
    words = [str(harness), "-i", "vip", "-t", "vip", "-U"]
    done = subprocess.run(words, env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "1,/opt/x y,/usr/bin:/bin,,own\n")
    assert generic.lines()[-1] == "a remove -t vip -i vip"
    assert subprocess.run([harness], env=given, capture_output=True, check=False).returncode == 2
    generic.plan("a.quickCheck.vip", "kill -ALRM $$")
    words[0] = str(harness.with_name("quickCheck"))
    assert subprocess.run(words, env=given, check=False).returncode == -signal.SIGALRM


@pytest.mark.parametrize(("recovery", "place"), [("exit 0", "a"), ("exit 1", "b"), ("", "b")])
def test_a_bad_check_of_a_generic_application(generic: Generic, recovery: str, place: str) -> None:
    """The recover script runs once, called as its others; when it fails or is missing the hierarchy fails over."""
    generic.create(without="" if recovery else "recover")
    generic.ok("b:ins_create -a gen -r app -t vip -i vip", "a:eqv_create -t vip -S b -o vip -e SHARED")
    for name in ("restore", "remove"):
        copy = generic.base / "b" / HARNESS / "actions" / f"!{name}" / "vip"
        copy.parent.mkdir(parents=True)
        shutil.copy(generic.base / "a" / HARNESS / "actions" / f"!{name}" / "vip", copy)
    generic.ok("a:lkcheck --once")
    generic.plan("a.quickCheck.vip", "exit 1")
    generic.plan("a.recover.vip", recovery)
    generic.ok("a:lkcheck --once")
    recovered = ["a recover vip"] if recovery else []
    moved = ["a remove vip", "b restore vip"] if place == "b" else []
    quick = ["a quickCheck vip"] * 2
    assert generic.journal() == ["a restore vip", *quick, *recovered, *moved]
    assert {system: generic.on(system).split(",")[5] for system in "ab"} == {
        "a": "ISP" if place == "a" else "OSU",
        "b": "ISP" if place == "b" else "OSU",
    }


def test_any_event_runs_the_recover_script_of_a_generic_application(generic: Generic) -> None:
    """By sendevent too it gets tag and id, and none of the event's options."""
    generic.create()
    generic.plan("a.recover.vip", "echo mended")
    generic.ok("a:sendevent -C any -E thing -m somebody -n vip -d data")
    assert generic.lines()[1:] == ["a recover -t vip -i vip"]
    log = (generic.base / "a" / "log" / "lifekeeper.log").read_text()
    assert re.findall(r":recover:vip:000000:(.*)", log) == ["mended", 'local recovery of "vip" done']


def test_a_generic_application_without_a_quick_check_is_always_good(generic: Generic) -> None:
    """Lkcheck finds nothing to report."""
    generic.create(without="quickCheck recover")
    generic.ok("a:lkcheck --once", "a:perform_action -t vip -a quickCheck")
    assert generic.on("a").endswith(",ISP,INTELLIGENT")
    assert generic.journal() == ["a restore vip"]


def test_a_deleted_generic_application_takes_its_copies_along(generic: Generic) -> None:
    """Those of its tag, and no other's."""
    generic.create()
    generic.create("other")
    generic.ok("a:ins_remove -t vip")
    assert {path.rpartition("/")[2] for path in generic.copies("a")} == {"other"}


def test_the_programs_that_extend_a_generic_application(generic: Generic) -> None:
    """One says 1 for what is in service nowhere and for a tag that is taken; the other makes instance and copies."""
    generic.create(bring="No", without="recover")
    can, extend = (f"b/lkadm/subsys/gen/app/bin/{name}" for name in ("canextend", "extend"))
    assert generic.call(can, "a", "vip").returncode == 1
    generic.ok("a:perform_action -t vip -a restore")
    assert generic.call(can, "a", "vip").returncode == 0
    done = generic.call(extend, "a", "vip", "other", "eni-2 there")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ['BEGIN extend of "vip"', 'END successful extend of "vip"'],
    )
    assert generic.on("b") == "gen,app,other,other,eni-2 there,OSU,INTELLIGENT"
    generic.ok("b:perform_action -t other -a restore")
    assert generic.lines()[-1] == "b restore -t other -i other"
    assert generic.call(extend, "a", "vip").returncode == 0
    assert "gen,app,vip,vip,kind=x 10.0.0.1,OSU,INTELLIGENT" in generic.on("b")
    assert [path for path in generic.copies("b") if "vip" in path] == generic.copies("a")
    assert generic.call(can, "a", "vip").returncode == 1


class Managed(Generic):
    """The same with an extend manager."""

    def manage(self, tag: str, bundle: str, *, priority: str = "10", switchback: str = "automatic") -> Result:
        """Extend a tag from a to b."""
        return self.ended(self.started(*self.extension(tag, bundle, priority, switchback)))

    def extension(self, tag: str, bundle: str, priority: str, switchback: str) -> tuple[Path, *tuple[str, ...]]:
        """Give the manager's command line."""
        manager = self.base / "a" / "lkadm/bin/extmgrDoExtend.pl"
        return (manager, "-p1", "-f,", tag, "b", priority, switchback, bundle)

    def flags(self) -> str:
        """Give the flags of both systems."""
        return "".join(self.run(f"{system}:flg_list").stdout for system in "ab")


@pytest.fixture
def managed(generic: Generic) -> Managed:
    """Systems a and b with the manager; on a a Generic Application, and a dummy that depends on it, in service."""
    for system in "ab":
        make_system(generic.base, system, manager=True)
        folder = generic.base / system / "lkadm/subsys/app/toy/bin"
        folder.mkdir(parents=True)
        for name in ("canextend", "extend"):
            (folder / name).write_text(EXTEND.format(system=system, name=name, base=generic.base))
            (folder / name).chmod(0o755)
    assert generic.create().returncode == 0
    generic.ok("a:ins_create -a app -r toy -t top -i id-top -I INIT_ISP", "a:dep_create -p top -c vip")
    (generic.base / "journal").unlink()
    return Managed(generic.base)


def test_without_being_asked_for_there_is_no_extend_manager(bare: Cluster) -> None:
    """As in the other stories of the lab."""
    assert not (bare.base / "a/lkadm/bin").exists()


def test_the_extend_manager_extends_a_generic_application(managed: Managed) -> None:
    """It says each step; the tag and the info for the target come from the bundle."""
    done = managed.manage("vip", '"vip,vip-b,eni-2 10.0.0.2"')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Building independent resource list",
        "Checking existence of extend and canextend scripts",
        "Checking extendability for vip",
        "Pre Extend checks were successful",
        "Extending resource instances for vip",
        'BEGIN extend of "vip"',
        'END successful extend of "vip"',
        "Creating dependencies",
        "Setting switchback type for hierarchy",
        "Creating equivalencies",
        "LifeKeeper Admin Lock (vip) Released",
        "Hierarchy successfully extended",
        "Examining hierarchy on b",
        "Hierarchy Verification Finished",
    ]
    assert managed.on("b") == "gen,app,vip-b,vip-b,eni-2 10.0.0.2,OSU,AUTOMATIC"
    assert "vip,kind=x 10.0.0.1,ISP,AUTOMATIC" in managed.on("a")
    assert managed.run("a:eqv_list -f, -t vip").stdout == "a,vip,b,vip-b,SHARED,1,10\n"
    assert managed.run("b:dep_list").stdout == managed.flags() == ""
    managed.ok("b:perform_action -t vip-b -a restore")
    assert managed.journal() == ["a remove top", "a remove vip", "b restore vip-b"]


def test_the_extend_manager_extends_a_hierarchy(managed: Managed) -> None:
    """The child's script comes first, values come by position, empty ones too; what depends on it does so there."""
    assert managed.manage("top", '"vip" "top,,eth 1,x"', switchback="intelligent").returncode == 0
    assert managed.lines() == ["b canextend <a><top>", "b extend <a><top><><eth 1><x>"]
    assert managed.on("b").splitlines()[0] == "app,toy,top,id-top,,OSU,INTELLIGENT"
    assert "gen,app,vip,vip,kind=x 10.0.0.1,OSU,INTELLIGENT" in managed.on("b")
    assert managed.run("b:dep_list -f,").stdout == "top,vip\n"
    rows = [f"a,{tag},b,{tag},SHARED,1,10" for tag in ("top", "vip")]
    assert managed.run("a:eqv_list -f,").stdout.splitlines() == rows
    done = managed.manage("top", "")
    assert (done.returncode, managed.flags()) == (1, "")
    assert "extended to b already" in done.stderr


def test_the_extend_manager_puts_a_child_below_what_is_there(managed: Managed) -> None:
    """What depends on it is extended already; a third system's instance becomes equivalent too."""
    make_system(managed.base, "c")
    managed.ok("c:app_create -a app", "c:typ_create -a app -r toy")
    managed.ok("b:ins_create -a app -r toy -t top-b -i id-top", "a:eqv_create -t top -S b -o top-b -e SHARED")
    managed.ok("c:ins_create -a gen -r app -t vip -i vip", "a:eqv_create -t vip -p 4 -S c -o vip -r 3 -e SHARED")
    assert managed.manage("vip", "").returncode == 0
    assert managed.run("b:dep_list -f,").stdout == "top-b,vip\n"
    assert managed.run("b:eqv_list -f, -t vip").stdout.splitlines() == [
        "b,vip,c,vip,SHARED,10,3",
        "b,vip,a,vip,SHARED,10,4",
    ]


@pytest.mark.parametrize(
    ("what", "last"),
    [("b.canextend.top", "Checking extendability for top"), ("b.extend.top", 'END successful extend of "vip"')],
)
def test_the_extend_manager_takes_back_what_it_has_made(managed: Managed, what: str, last: str) -> None:
    """When a script fails: no new instance, no copy, no lock, and its exit code is 1; what was there stays."""
    managed.ok("b:ins_create -a gen -r app -t other -i other")
    managed.plan(what, "exit 7")
    done = managed.manage("top", "")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, last)
    assert f"{what.split('.')[1]} of top on b failed with exit code 7" in done.stderr
    assert (managed.on("b"), managed.copies("b")) == ("gen,app,other,other,,OSU,INTELLIGENT", [])
    assert managed.flags() == ""


def test_the_extend_manager_takes_back_after_its_last_step(managed: Managed) -> None:
    """A priority that is in use: also what depended on the new instance, which stays itself, lets go of it."""
    managed.ok("b:ins_create -a app -r toy -t top -i id-top", "a:eqv_create -t top -S b -o top -e SHARED")
    done = managed.manage("vip", "", priority="1000")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "Creating equivalencies")
    assert managed.on("b").startswith("app,toy,top,")
    assert len(managed.on("b").splitlines()) == 1
    assert managed.run("b:dep_list").stdout == managed.flags() == ""


def test_the_extend_manager_tells_what_it_cannot_take_back(managed: Managed) -> None:
    """An instance whose delete action fails; the rest goes."""
    add_action(managed.base, "b", "delete")
    managed.plan("b.delete.top", "exit 3")
    done = managed.manage("top", "", priority="1000")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "top stays on b: exit code 1")
    assert managed.on("b").startswith("app,toy,top,")
    assert managed.copies("b") == []


def test_the_extend_manager_takes_back_when_it_is_ended(managed: Managed) -> None:
    """By SIGTERM, while a script runs on the target: that is ended too."""
    managed.plan("b.extend.top", f"echo $$ > {managed.base}/running; sleep 60")
    process = managed.started(*managed.extension("top", "", "10", "automatic"))
    while process.poll() is None and not (managed.base / "running").exists():
        time.sleep(0.02)
    process.terminate()
    assert managed.ended(process).returncode == 1
    assert (managed.on("b"), managed.flags()) == ("", "")
    script = Path("/proc", (managed.base / "running").read_text().strip())
    assert not script.exists() or not (script / "cmdline").read_text(), "it is dead, though perhaps nobody has asked"


@pytest.mark.parametrize("system", ["a", "b"])
def test_the_extend_manager_waits_for_no_lock(managed: Managed, system: str) -> None:
    """While somebody else has an admin lock on either system it fails, and that lock stays."""
    managed.ok(f"{system}:flg_create -f !action!1!2!x:y")
    done = managed.manage("vip", "")
    assert (done.returncode, done.stdout, managed.on("b")) == (1, "", "")
    assert managed.flags() == "!action!1!2!x:y\n"


def test_the_extend_manager_holds_the_lock_on_both_systems(managed: Managed) -> None:
    """While a script runs."""
    managed.plan(
        "b.canextend.top", "/bin/sleep 0.1; " + "; ".join(f"{managed.base}/{each}/bin/flg_list" for each in "ab")
    )
    said = managed.manage("top", "").stdout
    assert len(re.findall(r"^!action!\d+!\d+!a:top$", said, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tag": "none"}, "no resource none"),
        ({"bundle": "vip,x"}, "not groups in double quotes"),
        ({"bundle": '"top"'}, "not below vip: top"),
        ({"switchback": "AUTOMATIC"}, "intelligent|automatic"),
    ],
)
def test_what_the_extend_manager_refuses(managed: Managed, wrong: dict[str, str], words: str) -> None:
    """It ends with 1, and nothing is made."""
    done = managed.manage(**{"tag": "vip", "bundle": ""} | wrong)
    assert (done.returncode, managed.on("b"), managed.flags()) == (1, "", "")
    assert words in done.stderr


def test_the_extend_manager_needs_the_scripts_of_a_kit(managed: Managed) -> None:
    """A type without them cannot be extended."""
    (managed.base / "a/lkadm/subsys/app/toy/bin/canextend").unlink()
    done = managed.manage("top", "")
    assert (done.returncode, managed.on("b")) == (1, "")
    assert "no canextend script for app/toy" in done.stderr


def test_settings_are_variables_of_actions_and_remote_commands(cluster: Cluster) -> None:
    """Each plain line is, without its quotes; of what the environment has too, that is taken."""
    lines = [
        "A=1",
        "A=2",
        " export B = 3",
        "C='x \"y'",
        'D="$A"',
        "E=e # why",
        "#F=1",
        "G=",
        "KIT=no",
        "H=a;b",
        "word",
    ]
    (cluster.base / "defaults").write_text("\n".join(lines))
    show = 'echo "<$A,$B,$C,$D,$E,$F,$G,$KIT,$H>"'
    cluster.plan("a.remove.top", show)
    said = cluster.run("a:perform_action -t top -a remove").stderr
    assert '<2,,x "y,,e,,,dummy,>' in said
    assert cluster.call("a/bin/lcdremexec", "-d", "b", "--", show).stdout == '<2,,x "y,,e,,,dummy,>\n'


def test_what_scripts_ask_for(bare: Cluster) -> None:
    """The info field of a tag by getinfo, and the system's own name by lcduname."""
    bare.ok("a:ins_create -a app -r toy -t x -i x -v eni-1")
    assert bare.run("a:getinfo x").stdout == "eni-1\n"
    assert [bare.status(f"a:getinfo {words}") for words in ("none", "", "x x")] == [7, 2, 2]
    assert bare.run("b:lcduname").stdout == "b\n"


def test_a_volatile_flag_is_gone_after_a_boot(bare: Cluster) -> None:
    """Another flag stays, and so do the other system's."""
    bare.ok("a:flg_create -f !volatile!x", "a:flg_create -f kept", "b:flg_create -f !volatile!x")
    bare.ok("b:lksystem down a", "b:lksystem up a")
    assert [bare.run(f"{system}:flg_list").stdout for system in "ab"] == ["kept\n", "!volatile!x\n"]


def test_lcdrcp_copies_there(cluster: Cluster) -> None:
    """Lcdrcp puts a file below the other system's LKROOT, and ends with 9 when that is down."""
    (cluster.base / "file").write_text("text")
    cluster.ok(f"a:lcdrcp {cluster.base}/file b:{cluster.base}/a/config/copy")
    assert (cluster.base / "b" / "config" / "copy").read_text() == "text"
    assert cluster.status(f"a:lcdrcp {cluster.base}/none b:{cluster.base}/a/x") == 1
    assert cluster.status(f"a:lcdrcp {cluster.base}/file") == 2
    cluster.ok("a:lksystem down b")
    assert cluster.status(f"a:lcdrcp {cluster.base}/file b:{cluster.base}/a/x") == 9


def test_parallel_programs(cluster: Cluster) -> None:
    """Ten writers and ten readers at once all succeed, and every reader sees whole lines."""
    lines = [f"{'ab'[n % 2]}:ins_setstate -t top -S {('ISP', 'OSF')[n % 2]}" for n in range(10)]
    lines += ["a:ins_list -f,"] * 10
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(cluster.run, lines))
    assert [result.returncode for result in results] == [0] * 20, [result.stderr for result in results]
    assert {len(line.split(",")) for result in results for line in result.stdout.splitlines()} == {8}


def test_parallel_creates_have_one_winner(bare: Cluster) -> None:
    """Of ten programs that create the same tag at once one succeeds and nine end with 4."""
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(bare.status, ["a:ins_create -a app -r toy -t x -i x"] * 10))
    assert sorted(results) == [0] + [4] * 9


def test_kill_leaves_a_readable_store(cluster: Cluster) -> None:
    """A program killed in the middle of a switchover leaves a store from which the work can be ended."""
    cluster.plan("b.restore.mid", f"touch {cluster.base}/running; sleep 1")
    process = cluster.start("b:perform_action -t top -a restore")
    while not (cluster.base / "running").exists():
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert (cluster.states("a"), cluster.states("b")) == ("OSU OSU OSU", "OSU OSU ISP")
    cluster.plan("b.restore.mid", "exit 0")
    cluster.ok("b:perform_action -t top -a restore")
    assert cluster.states("b") == "ISP ISP ISP"


def test_install_again_changes_nothing(cluster: Cluster) -> None:
    """Installing a system again keeps its instances and its death."""
    cluster.ok("b:lksystem down a")
    before = cluster.run("b:lksystem status").stdout
    make_system(cluster.base, "a")
    assert cluster.run("b:lksystem status").stdout == before


def test_ip_kit(bare: Cluster) -> None:
    """The IP kit keeps its addresses in a file: restore twice is once, quickCheck misses a lost one."""
    for system in "ab":
        install_ip_kit(bare.base / system)
        bare.ok(f"{system}:ins_create -a comm -r ip -t ip-10.1.0.9 -i IP-10.1.0.9")
    bare.ok("a:eqv_create -t ip-10.1.0.9 -S b -o ip-10.1.0.9 -e SHARED")
    file = bare.base / "a" / "addresses"
    bare.ok("a:perform_action -t ip-10.1.0.9 -a restore", "a:ins_setstate -t ip-10.1.0.9 -S OSU")
    bare.ok("a:perform_action -t ip-10.1.0.9 -a restore")
    assert file.read_text() == "10.1.0.9\n"
    assert bare.status("a:perform_action -t ip-10.1.0.9 -a quickCheck") == 0
    file.write_text("10.1.0.99\n")
    assert bare.status("a:perform_action -t ip-10.1.0.9 -a quickCheck") == 1
    bare.ok("a:lkcheck --once")
    assert (file.read_text(), (bare.base / "b" / "addresses").read_text()) == ("10.1.0.99\n", "10.1.0.9\n")
    bare.ok("a:lksystem down b", "a:lksystem failover b", "a:lksystem up b")
    assert not (bare.base / "b" / "addresses").exists()
    assert file.read_text() == "10.1.0.99\n10.1.0.9\n"
