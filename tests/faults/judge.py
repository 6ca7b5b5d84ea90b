"""The judge of the fault matrix: what must be so after every run, whatever went wrong in it."""

from __future__ import annotations

import re
import shlex
import signal
from typing import Any

from lab.protected import SLACK
from tests.faults.kinds import BEHIND, Kind
from tests.faults.rows import ASKING, HOLDING, KEY_SECRET, LONG, OCF, RELEASING, Row
from tests.faults.stage import PATIENCE, Bench, Done, World

_SILENT = {"quickCheck", "monitor"}  # they are 0 also where nothing is known
_LOGGED = re.compile(r"[A-Z]+:ec2:[\w-]+:[^:]*:96\d{4}:.")
_TOLD = re.compile(r"(OK|NOT_HELD|UNAVAILABLE|MISCONFIGURED) \w+ .|ocf-exit-reason:.")
_STEP = re.compile("INFO:|NOTIFY:")
_NOISE = re.compile(r"Traceback|Exception ignored|Fatal Python error")
_CHANGING = {  # LifeKeeper's tables
    "create",
    "extend",
    *(f"ec2kit {verb}" for verb in ("extend", "delete", "changeover", "in-service", "out-of-service")),
}
_CLEAR = re.compile(r"if it has died: (flg_remove -d \S+ -f '[^']+')")


def judge(row: Row, kind: Kind, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """Every promise that this run has broken, in words."""
    return [
        *_truth(row, kind, bench, before, done, after),
        *_only_yours(row, bench, before, after),
        *_verdict(row, kind, done),
        *_on_time(row, kind, done),
        *_no_secret(bench, done, after),
        *_all_or_nothing(row, kind, bench, before, done, after),
    ]


def _truth(row: Row, kind: Kind, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """Invariants 1 and 2: no false failure and no false success."""
    held = bench.holds(row, after)
    broken = []
    if row.action in ASKING:
        if done.code == ASKING[row.action] and (held or bench.holds(row, before)):
            broken.append("says lost, and it is held")
        if row.action == "check" and done.code == 0 and not held:
            broken.append("says held, and it is lost")
        sent = bench.events(row.node, after)
        if sent and held:
            broken.append(f"a recovery event for a resource that is held: {sent}")
        if sent and row.generic:
            broken.append(f"a recovery event beside the harness's own: {sent}")
    if row.action in HOLDING and done.code == 0 and not held:
        broken.append("says that it holds the address, and does not")
    if row.action in HOLDING and done.code == 0 and kind.family == BEHIND and not bench.told(row.node):
        broken.append("says that it holds the address, and the metadata do not")
    if row.action in RELEASING and done.code == 0 and not row.resource.stays and bench.has(row.node, after):
        broken.append("says that it let go, and has it still")
    return broken


def _verdict(row: Row, kind: Kind, done: Done) -> list[str]:
    """The exit code is one of the engine's; what is wrong inside is never a verdict, but the end or unknown."""
    if done.code is None or kind_killed(done):
        return []
    if not kind.inside:
        allowed = {"quickCheck": {0, 1}, "monitor": {0, 7}, "probe": {0, 7}, "start": {0, 1, 6}, "stop": {0, 1, 6}}
        right = allowed.get(row.action, {0, 1, 5, 9})
    elif kind.harmless:
        right = {row.code}
    elif kind.signal in {0, signal.SIGPIPE}:
        right = {row.code, row.unknown, *kind.codes(row)}
    else:
        right = {row.code, 0 if row.action in _SILENT else -kind.signal}
    return [] if done.code in right else [f"exit code {done.code}, not one of {sorted(right)}"]


def kind_killed(done: Done) -> bool:
    """Whether the run was killed, as two faults want it."""
    return done.code == -9


def _only_yours(row: Row, bench: Bench, before: World, after: World) -> list[str]:
    """Invariant 3: nothing that the resource does not name has changed, and what it names only as the action may."""
    allowed = bench.taken(row, before) if row.action in HOLDING else []
    if row.action in RELEASING and not row.resource.stays and bench.has(row.node, before):
        allowed = bench.let_go(before)
    return [f"changed in AWS: {change}" for change in _changes(before.aws, after.aws) if change not in allowed]


def _changes(old: Any, new: Any) -> list[tuple[Any, ...]]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(new,)]
    return [(key, *rest) for key in sorted(old.keys() | new.keys()) for rest in _changes(old.get(key), new.get(key))]


def _on_time(row: Row, kind: Kind, done: Done) -> list[str]:
    """Invariant 4: on time, with a last line that names the cause, and without a traceback."""
    broken = []
    limit = row.limit + 1 + SLACK
    if done.code is None or done.seconds > limit:
        broken.append(f"not over after {limit:g} s")
    said = done.out + done.err
    if (_NOISE.search(said) and kind.family != "little memory") or (":960006:" in said and not kind.inside):
        broken.append(f"a traceback: {said[-1500:]}")
    if done.code is None or done.code < 0 or not kind.words:
        return broken
    looked = row.action == "probe" and done.code == row.code
    looked = looked or (row.refused and done.code == row.code)
    failed = (done.code != 0 and not looked) or re.search(r":96000[45]:", done.last)
    if kind.inside:
        never = kind.signal and "no answer" in kind.name and row.action in _SILENT
        lines = (said if row.action == "ec2kit status" else done.err).splitlines()
        why = any(line.strip() and not _STEP.match(line) for line in lines)
        return broken + ["no word of a cause"] * bool((failed or never) and not why)
    if not failed:
        return broken
    if not (_LOGGED.match(done.last) or _TOLD.match(done.last)):
        broken.append(f"the last line is none: {done.last!r}")
    elif done.code != ASKING.get(row.action) and not re.search(f"{kind.words}|timed out", _log_of(row, done)):
        broken.append(f"the last line does not name the cause ({kind.words}): {done.last}")
    return broken


def _log_of(row: Row, done: Done) -> str:
    """Where the cause must stand: in the last line; create and its like list every problem before that.

    The last line of an agent is its reason, which Pacemaker's room for it shortens: the log has all of it.
    """
    listing = row.action in {"create", "canextend", "extend", *OCF} or row.action.startswith("ec2kit")
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
    return row.action in {"ec2kit extend", "ec2kit changeover"} and kind.name == "program exit 7"


def _settled(kind: Kind, world: World) -> dict[str, Any]:
    """LifeKeeper's tables; where no program can be started, a lock stays, and whoever meets it is told what to do."""
    return {name: rows for name, rows in world.lcd.items() if name != "flags" or not kind.inside}


def _all_or_nothing(row: Row, kind: Kind, bench: Bench, before: World, done: Done, after: World) -> list[str]:
    """create, extend and delete say 0 when all is made or gone; what fails leaves LifeKeeper as it was."""
    broken = []
    if row.action not in _CHANGING and _settled(kind, after) != _settled(kind, before):
        broken.append("LifeKeeper's tables have changed")
    if done.code == 0 and not lied_to(row, kind):
        broken += _made(row, bench, after)
    elif done.code in {5, 9} and row.action in {"create", "extend"} and after.lcd != before.lcd:
        broken.append("failed, and LifeKeeper's tables have changed")
    told = "Complete it: ec2kit properties" in done.err or " now; nothing was changed in AWS" in done.out
    if done.code in {5, 9} and row.action == "ec2kit changeover" and not told:
        instances = [world.lcd[table] for world in (before, after) for table in ("instances", "dependencies")]
        if instances[:2] != instances[2:]:
            broken.append("failed, and is not as it was, without a word how to complete it")
    if done.code in {5, 9} and row.action == "create" and bench.keys(after) != bench.keys(before):
        broken.append("failed, and the access key was kept")
    return broken


def _made(row: Row, bench: Bench, after: World) -> list[str]:
    """What is not as a successful create, extend or delete promises it."""
    tag, tables = bench.made.tag, after.lcd
    where = {each[0]: each for each in tables["instances"] if each[3] == tag}
    parents = {each[0] for each in tables["dependencies"] if each[2] == tag}
    states = {system: each[6] for system, each in where.items()}
    below = not row.resource.below or parents
    new_key = any("--access-key-id" in word for word in row.arguments)
    form = next((word.removeprefix("type=") for word in row.arguments if word.startswith("type=")), "")
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
            ("a place below the IP resource", not row.resource.below or parents == {"node1", "node2"}),
            ("an equivalency", [each for each in tables["equivalencies"] if each[1] == tag]),
        ],
        "ec2kit changeover": [
            ("one form, the new one", {"/".join(each[1:3]) for each in where.values()} == {form}),
            ("its states", states == {"node1": "ISP", "node2": "OSU"}),
            ("one info field for all", len({each[5] for each in where.values()}) == 1),
            ("a place below the IP resource", not row.resource.below or parents == {"node1", "node2"}),
            ("an equivalency", [each for each in tables["equivalencies"] if each[1] == tag]),
            ("nothing left of the change", not [each for each in after.files if each.endswith(".change")]),
            ("no flag left", not [each for each in tables["flags"] if "volatile" in each[1]]),
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
    limit = (120 if row.limit == LONG else PATIENCE) + 1 + SLACK
    for _ in range(4):
        done = bench.run(row, budget=PATIENCE, limit=limit)
        cleared = _CLEAR.search(done.err)
        if done.code == 0 or not cleared:
            break
        program, *arguments = shlex.split(cleared[1])
        gone = bench.lab.nodes[row.node].lk(program, *arguments).returncode
        assert gone in {0, 7}, program  # 7: a manager that a killed run has left has come to its end meanwhile
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
    held = bench.holds(row, after)
    there = re.search(r"is taken on node1|there is no resource", done.err)
    wanted = row.code if row.refused else 0 if held else ASKING.get(row.action, 0)
    broken = []
    if done.code != wanted and not (row.action in {"create", "ec2kit extend", "ec2kit delete"} and there):
        broken.append(f"exit code {done.code}: {done.err[-700:]}")
    if row.action in HOLDING and not held and not row.refused:
        broken.append("it is not held")
    if row.action in RELEASING and not row.resource.stays and bench.has(row.node, after):
        broken.append("it is not let go")
    broken += _made(row, bench, after)
    if locks := [flag for flag in after.lcd["flags"] if flag[1].startswith("!action!")]:
        broken += _locks_can_go(row, bench, locks)
    return [f"the next run: {each}" for each in broken]
