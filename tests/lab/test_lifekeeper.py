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
from typing import TYPE_CHECKING

import pytest

from lab.lifekeeper import install
from lab.lifekeeper.ipkit import install_ip_kit

if TYPE_CHECKING:
    from pathlib import Path

    Result = subprocess.CompletedProcess[str]

ACTION = """#!/bin/sh
# Writes down how it was called, then does what plan/<system>.<script>.<tag> says.
echo "{system} {name} $*" >> {base}/journal
plan={base}/plan/{system}.{name}.$2
[ ! -f "$plan" ] || . "$plan"
exit 0
"""
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
        return subprocess.Popen(
            [self.base / system / "bin" / program, *words],
            env={},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, command: str) -> Result:
        """Run a command to its end."""
        process = self.start(command)
        output, errors = process.communicate(timeout=30)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

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


def make_system(base: Path, system: str) -> None:
    """Install a system with the dummy kit."""
    lkroot = base / system
    environment = {"KIT": "dummy", "EC2KIT_DEFAULTS": str(base / "defaults")}
    install(lkroot, system=system, store=base / "lcd.db", environment=environment)
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
    """Lcdremexec gives output and status of the remote command, with LKROOT paths turned into the other's."""
    (cluster.base / "b" / "show").write_text('#!/bin/sh\necho "$0 $KIT $*"\nexit 6\n')
    (cluster.base / "b" / "show").chmod(0o755)
    result = cluster.run(f"a:lcdremexec -e -d b -- {cluster.base}/a/show -x 1")
    assert (result.returncode, result.stdout) == (6, f"{cluster.base}/b/show dummy -x 1\n")
    assert cluster.status("a:lcdremexec -d b -t 1 -- sleep 9") == 9
    assert cluster.status("a:lcdremexec -d b -- no-such-program") == 1
    assert cluster.status("a:lcdremexec -- true") == 2


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
