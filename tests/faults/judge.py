"""The judge of the fault matrix: what must be so after every run, whatever went wrong in it."""

from __future__ import annotations

import re
import shlex
from typing import Any

from lab.ec2.vpc import AddressLab
from lab.protected import SLACK, eni_of
from tests.faults.kinds import Kind
from tests.faults.rows import KEY_SECRET, Row
from tests.faults.stage import PATIENCE, Bench, Done, World

HOLDING = {"restore", "recover", "hold"}
RELEASING = {"remove", "release"}
ASKING = {"quickCheck", "check"}
_LOGGED = re.compile(r"[A-Z]+:ec2:\w+:[^:]*:96\d{4}:.")
_TOLD = re.compile(r"(OK|NOT_HELD|UNAVAILABLE|MISCONFIGURED) \w+ .")
_CLEAR = re.compile(r"if it has died: (flg_remove -d \S+ -f '[^']+')")
LONG = 30  # seconds that a run of `ec2kit extend` may take, whose scripts have a budget each


def judge(row: Row, kind: Kind, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """Every promise that this run has broken, in words."""
    return [
        *_truth(row, bench, before, done, after),
        *_only_yours(row, bench, before, after),
        *_on_time(row, kind, done),
        *_no_secret(bench, done, after),
        *_all_or_nothing(row, kind, bench, before, done, after),
    ]


def _truth(row: Row, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """Invariants 1 and 2: no false failure and no false success."""
    held = bench.holds(row.node, after)
    broken = []
    if row.action in ASKING:
        if done.code == 1 and (held or bench.holds(row.node, before)):
            broken.append("says lost, and it is held")
        if row.action == "check" and done.code == 0 and not held:
            broken.append("says held, and it is lost")
        sent = bench.events(row.node, after)
        if sent and held:
            broken.append(f"a recovery event for a resource that is held: {sent}")
    if row.action in HOLDING and done.code == 0 and not held:
        broken.append("says that it holds the address, and does not")
    if row.action in RELEASING and done.code == 0 and row.scenario == "eip" and bench.has(row.node, after):
        broken.append("says that it let go, and has it still")
    allowed = {0, 1} if row.action == "quickCheck" else {0, 1, 5, 9}
    if kind_killed(done) is False and done.code not in allowed:
        broken.append(f"exit code {done.code}")
    return broken


def kind_killed(done: Done) -> bool:
    """Whether the run was killed, as two faults want it."""
    return done.code == -9


def _only_yours(row: Row, bench: Bench, before: World, after: World) -> list[str]:
    """Invariant 3: nothing that the resource does not name has changed, and what it names only as the action may."""
    vpc, node = bench.lab.vpc, row.node
    ours = eni_of(bench.lab, node)
    allowed: set[tuple[Any, ...]] = set()
    if row.action in HOLDING:
        allowed = {("checks", ours, False)}
        if isinstance(vpc, AddressLab):
            private = next(each.private_ip for each in vpc.nodes[node].interfaces if each.eni == ours)
            allowed.add(("addresses", vpc.public_ip, (ours, private)))
        else:
            destination = f"{vpc.vip}/32"
            allowed |= {
                ("routes", vpc.tables[name], destination, (ours, "active"))
                for name in vpc.tables
                if name in {"A", "B"}
            }
    if row.action in RELEASING and isinstance(vpc, AddressLab) and bench.has(node, before):
        allowed.add(("addresses", vpc.public_ip, (None, None)))
    return [f"changed in AWS: {change}" for change in _changes(before.aws, after.aws) if change not in allowed]


def _changes(old: Any, new: Any) -> list[tuple[Any, ...]]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(new,)]
    return [(key, *rest) for key in sorted(old.keys() | new.keys()) for rest in _changes(old.get(key), new.get(key))]


def _on_time(row: Row, kind: Kind, done: Done) -> list[str]:
    """Invariant 4: on time, with a last line that names the cause, and without a traceback."""
    broken = []
    limit = (LONG if row.action.startswith("ec2kit") else row.budget) + 1 + SLACK
    if done.code is None or done.seconds > limit:
        broken.append(f"not over after {limit:g} s")
    if "Traceback" in done.err or ":960006:" in done.err:
        broken.append(f"a traceback: {done.err[-1500:]}")
    if kind_killed(done) or done.code is None:
        return broken
    failed = done.code != 0 or re.search(r":96000[45]:", done.last)
    if not failed:
        return broken
    if not (_LOGGED.match(done.last) or _TOLD.match(done.last)):
        broken.append(f"the last line is none: {done.last!r}")
    elif (row.action not in ASKING or done.code != 1) and not re.search(
        f"{kind.words}|timed out", _log_of(row, done)
    ):
        broken.append(f"the last line does not name the cause ({kind.words}): {done.last}")
    return broken


def _log_of(row: Row, done: Done) -> str:
    """Where the cause must stand: in the last line; create and its like list every problem before that."""
    listing = row.action in {"create", "canextend", "extend"} or row.action.startswith("ec2kit")
    return done.err if listing else done.last


def _no_secret(bench: Bench, done: Done, after: World) -> list[str]:
    """Invariant 6: no secret, token or signature in arguments, output, log, LifeKeeper's tables or files."""
    keys = {str(node.credentials) for node in bench.lab.nodes.values()}
    places = {
        "argv": repr(done.argv) + repr([called.arguments for called in done.called]),
        "output": done.out,
        "log": done.err,
        "LifeKeeper": repr(after.lcd),
        **{path: text for path, text in after.files.items() if path not in keys},
    }
    secrets = {KEY_SECRET, *bench.secrets()}
    return [f"a secret in {place}" for place, text in places.items() if any(secret in text for secret in secrets)]


def lied_to(row: Row, kind: Kind) -> bool:
    """Whether LifeKeeper says that something is not there which is: its word is the truth of its own hierarchy."""
    return row.action == "ec2kit extend" and kind.name == "program exit 7"


def _all_or_nothing(row: Row, kind: Kind, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """create, extend and delete say 0 when all is made or gone; what fails leaves LifeKeeper as it was."""
    broken = []
    if row.action not in {"create", "extend", "ec2kit extend", "ec2kit delete"} and after.lcd != before.lcd:
        broken.append("LifeKeeper's tables have changed")
    if done.code == 0 and not lied_to(row, kind):
        broken += _made(row, bench, after)
    elif done.code in {5, 9} and row.action in {"create", "extend"} and after.lcd != before.lcd:
        broken.append("failed, and LifeKeeper's tables have changed")
    if done.code in {5, 9} and row.action == "create" and bench.keys(after) != bench.keys(before):
        broken.append("failed, and the access key was kept")
    return broken


def _made(row: Row, bench: Bench, after: World) -> list[str]:
    """What is not as a successful create, extend or delete promises it."""
    tag, tables = bench.made.tag, after.lcd
    where = {each[0]: each for each in tables["instances"] if each[3] == tag}
    parents = {each[0] for each in tables["dependencies"] if each[2] == tag}
    states = {system: each[6] for system, each in where.items()}
    below = row.scenario == "eip" or parents
    new_key = any("--access-key-id" in word for word in row.arguments)
    promised: dict[str, list[tuple[str, object]]] = {
        "create": [
            ("an instance in service", states.get("node1") == "ISP"),
            ("a place below the IP resource", below),
            ("the access key that was given", not new_key or KEY_SECRET in bench.keys(after)),
        ],
        "extend": [
            ("an instance out of service", states.get("node2") == "OSU"),
            ("one info field for all", len({each[5] for each in where.values()}) == 1),
        ],
        "ec2kit extend": [
            ("an instance out of service", states.get("node2") == "OSU"),
            ("one info field for all", len({each[5] for each in where.values()}) == 1),
            ("a place below the IP resource", row.scenario == "eip" or parents == {"node1", "node2"}),
            ("an equivalency", [each for each in tables["equivalencies"] if each[1] == tag]),
        ],
        "delete": [("the access key gone", tag not in bench.keys_of(row.node, after))],
        "ec2kit delete": [
            ("the access key gone", tag not in bench.keys(after)),
            ("no instance anywhere", not where and not parents),
        ],
    }
    return [f"it is to have {what}, and has not" for what, so in promised.get(row.action, []) if not so]


def _next(row: Row, bench: Bench) -> Done:
    """Run it again, in no hurry, and clear away the locks of dead processes as the messages say."""
    limit = (120 if row.action.startswith("ec2kit") else PATIENCE) + 1 + SLACK
    for _ in range(4):
        done = bench.run(row, budget=PATIENCE, limit=limit)
        cleared = _CLEAR.search(done.err)
        if done.code == 0 or not cleared:
            break
        program, *arguments = shlex.split(cleared[1])
        bench.lab.nodes[row.node].lk(program, *arguments).check_returncode()
    return done


def _locks_can_go(row: Row, bench: Bench, locks: list[tuple[Any, ...]]) -> list[str]:
    """A lock of a dead process that nobody met yet: whoever meets it is told how to remove it, and that helps."""
    bench.reset(row)
    bench.raise_flags(locks)
    done = _next(row, bench)
    left = [flag for flag in bench.world().lcd["flags"] if flag[1].startswith("!action!")]
    return [f"locks stay: {left}, exit code {done.code}: {done.err[-500:]}"] if left or done.code else []


def converges(row: Row, bench: Bench) -> list[str]:
    """Invariant 5: with the fault gone, the next run comes to what the action promises."""
    done = _next(row, bench)
    after = bench.world()
    held = bench.holds(row.node, after)
    there = re.search(r"is already extended to node2|is taken on node1|there is no resource", done.err)
    wanted: int = int(not held) if row.action in ASKING else 0
    broken = []
    if done.code != wanted and not (row.action in {"create", "ec2kit extend", "ec2kit delete"} and there):
        broken.append(f"exit code {done.code}: {done.err[-700:]}")
    if row.action in HOLDING and not held:
        broken.append("it is not held")
    if row.action in RELEASING and row.scenario == "eip" and bench.has(row.node, after):
        broken.append("it is not let go")
    broken += _made(row, bench, after)
    if locks := [flag for flag in after.lcd["flags"] if flag[1].startswith("!action!")]:
        broken += _locks_can_go(row, bench, locks)
    return [f"the next run: {each}" for each in broken]
