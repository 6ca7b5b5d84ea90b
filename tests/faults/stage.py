"""The bench of the fault matrix: one lab in this process, put back to a row's start state before each run."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moto.moto_api._internal import mock_random

from ec2kit.host.deadline import Deadline
from ec2kit.host.imds import Metadata
from ec2kit.lifekeeper.places import COMMAND
from lab import PROJECT, forks
from lab.ec2.vpc import AddressLab, PrivateLab, snapshot
from lab.lifekeeper import generic as harness
from lab.nodes import Lab, Node, address_lab, install_kit, private_lab, route_lab
from lab.protected import SLACK, Protected, eni_of, protect
from lab.taps import Called, Taps
from tests.faults import rows
from tests.faults.rows import Edge, Row, Scenario, command, moved, own_modules

PATIENCE = 60  # seconds: every EC2_*_TIMEOUT of a run without a fault; with one it is the row's budget
_TAPPED = re.compile("ins_|dep_|eqv_|flg_|sys_list|lcdremexec|sendevent|perform_action")
_SCRIPTS = (
    "canextend",
    "extend",
    "restore",
    "remove",
    "delete",
)  # which programs of LifeKeeper's call below a row's program
_KIT = ("ec2kit", "actions", "bin", "ocf")
_STATIC = ("bin", "opt/LifeKeeper/bin", *(f"opt/LifeKeeper/{place}" for place in ("subsys/comm", "lkadm/subsys")))
_STATIC += ("etc/default",)
_BUDGETS = ("RESTORE", "REMOVE", "RECOVER", "QUICKCHECK")


@dataclass(frozen=True)
class Point:
    """One outside call of a row's healthy run; also its process (edge "process"), or one of the modules it loads.

    name: the operation, path or program; `params` and `nth` (from 0, among those alike) find it again. A point
    without `params` and with `nth` -1 stands for all calls of its edge, from the first on. `node`: whose metadata
    service or program.
    """

    edge: Edge
    node: str
    name: str
    params: tuple[tuple[str, str], ...]
    nth: int
    label: str

    @property
    def whole(self) -> bool:
        """Whether it stands for all calls of its edge."""
        return self.nth < 0


@dataclass(frozen=True)
class Done:
    """How one run went. code: negative for a signal, None when it was not over in time and had to be killed."""

    code: int | None
    out: str
    err: str
    seconds: float
    argv: tuple[str, ...]
    called: tuple[Called, ...]

    @property
    def last(self) -> str:
        """The last line of the log."""
        lines = self.err.strip().splitlines()
        return lines[-1] if lines else ""


@dataclass(frozen=True)
class World:
    """Everything that a run can leave changed: AWS in truth, LifeKeeper's tables, the nodes' files by path."""

    aws: dict[str, Any]
    lcd: dict[str, list[tuple[Any, ...]]]
    files: dict[str, str]

    @property
    def print(self) -> str:
        """The same for worlds in which the next run does the same: no action goes by the history or a log."""
        read = {path: text for path, text in self.files.items() if not re.search(r"/var/lib/ec2kit/|\.log$", path)}
        nodes = re.sub(r"/\S*?(?=/node\d)", "", repr(sorted(read.items())))  # each process has a folder of its own
        locks = re.sub(r"!action!\d+!\d+", "!action!", repr(self.lcd))
        return repr((self.aws, locks, re.sub(r"127\.0\.0\.1:\d+", "", nodes)))


@dataclass(frozen=True, eq=False)
class _Saved:
    aws: object
    lcd: bytes
    files: dict[str, tuple[int, bytes]]
    page_size: int | None
    world: World


@dataclass
class Bench:
    """One scenario's lab and resource, with a tap in front of every program that the kit calls.

    gate: what an executed run, which needs a processor, waits for. `kit`: the source tree of executed runs, which a
    fault may damage.

    A fault of the process is put in force by `launcher` (what the program is executed by; None: it is forked),
    `streams` (file descriptors in place of its standard streams) and `undo` (what ends the fault).
    """

    made: Protected
    taps: Taps
    server: Path
    folder: Path
    gate: AbstractContextManager[object] = field(default_factory=nullcontext)
    launcher: tuple[str, ...] | None = None
    streams: dict[int, int] = field(default_factory=dict)
    undo: ExitStack = field(default_factory=ExitStack)
    _readers: dict[int, int] = field(default_factory=dict)
    _saved: dict[Any, _Saved] = field(default_factory=dict)
    _changes: int = -1
    _aws: dict[str, Any] = field(default_factory=dict)
    _back: tuple[_Saved | None, int] = None, -1
    _hidden: bool = False
    _pid: Future[int] = field(default_factory=Future)

    @property
    def lab(self) -> Lab:
        """The lab."""
        return self.made.lab

    @property
    def kit(self) -> Path:
        """The source tree that executed runs have the kit from."""
        return self.folder / "kit"

    # -- the state ---------------------------------------------------------------------------------------------

    def reset(self, row: Row) -> World:
        """Put the row's start state back; what the world looks like then."""
        self.mend()
        if row.start not in self._saved:
            if None in self._saved:
                self._put_back(self._saved[None])
            else:
                self._saved[None] = self._save()
            mock_random.seed(1)
            self.lab.ec2.page_size = None
            row.start(self.made)
            self._saved[row.start] = self._save()
        saved = self._saved[row.start]
        self._put_back(saved)
        return saved.world

    def before(self, row: Row) -> object:
        """The state of AWS in which the peer had the address: what a stale look still shows."""
        if moved not in self._saved:
            self.reset(replace(row, start=moved))
            self.reset(row)
        return self._saved[moved].aws

    def mend(self) -> None:
        """End all faults and forget all calls."""
        self.lab.ec2.mend()
        self.lab.ec2.forget()
        self.taps.mend()
        self.undo.close()
        self._hidden = False
        self.launcher = None
        self.streams.clear()
        self._readers.clear()
        for node in self.lab.nodes.values():
            node.imds.mend()
            node.imds.calls.clear()

    def raise_flags(self, flags: list[tuple[Any, ...]]) -> None:
        """Put these rows among LifeKeeper's flags."""
        with closing(sqlite3.connect(self._store)) as db, db:
            db.executemany("INSERT INTO flags VALUES (?, ?, ?)", flags)

    def settle(self) -> None:
        """Let EC2 and programs answer again, and wait for the calls and the repair that a killed run has left."""
        self.lab.ec2.mend()
        self.taps.release()
        end = time.monotonic() + 20
        while self.taps.busy or any(call.ended == math.inf for call in self.lab.ec2.calls) or self._repairing():
            if time.monotonic() > end:
                raise TimeoutError("a killed run has left something that does not end")
            time.sleep(0.005)

    def _repairing(self) -> bool:
        """Whether a link is being repaired, which goes on when the run is killed."""
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended
                if "ec2kit-link-repair" in (words := each.read_text(errors="replace")) and str(self.folder) in words:
                    return True
        return False

    def hide(self, node: str, program: str) -> None:
        """Take a program away until `mend`."""
        place = self.taps.place(node, program)
        away = place.rename(place.with_suffix(".missing"))
        self.undo.callback(away.rename, place)
        self._hidden = True

    def hook(self, name: str, text: str) -> dict[str, str]:
        """Let Python run a text when it starts: what the environment needs for it. name: of the text."""
        file = self.folder / "hooks" / name / "sitecustomize.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return {"PYTHONPATH": str(file.parent)}

    def pipe(self) -> None:
        """Let what the run prints, 64 KiB at most, come to its files through pipes."""
        for number in (1, 2):
            self._readers[number], self.streams[number] = ends = os.pipe()
            for end in ends:
                self.undo.callback(os.close, end)

    def damage(self, module: str, content: bytes) -> None:
        """Give a module of the kit another content, until `mend`, and execute what runs."""
        file = self.kit / module
        self.undo.callback(file.write_bytes, file.read_bytes())
        file.write_bytes(content)
        self.launcher = ()

    def world(self) -> World:
        """The world now, read past every fault."""
        if self.lab.ec2.changes != self._changes:
            self._aws, self._changes = snapshot(self.lab.ec2.truth()), self.lab.ec2.changes
        files = {path: text.decode(errors="replace") for path, (_, text) in self._files().items()}
        return World(self._aws, self._tables(), files)

    def _save(self) -> _Saved:
        world = self.world()
        ec2 = self.lab.ec2
        return _Saved(ec2.save(), self._store.read_bytes(), self._files(), ec2.page_size, world)

    def _put_back(self, saved: _Saved) -> None:
        ec2 = self.lab.ec2
        ec2.page_size = saved.page_size
        if (saved, ec2.changes) != self._back:  # by more than what `world` tells: an association has an id, too
            ec2.restore(saved.aws)
            self._aws, self._changes = saved.world.aws, ec2.changes
            self._back = saved, ec2.changes
        for rest in self._store.parent.glob("lifekeeper.db-*"):
            rest.unlink()
        if self._store.read_bytes() != saved.lcd:
            self._store.write_bytes(saved.lcd)
        files = self._files()
        for path in files.keys() - saved.files.keys():
            Path(path).unlink()
        for path, (mode, text) in saved.files.items():
            if files.get(path) != (mode, text):
                Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                Path(path).write_bytes(text)
                Path(path).chmod(mode)

    @property
    def _store(self) -> Path:
        return self.folder / "lifekeeper.db"

    def _tables(self) -> dict[str, list[tuple[Any, ...]]]:
        with closing(sqlite3.connect(self._store)) as db:
            names = ("instances", "dependencies", "equivalencies", "flags")
            return {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall()) for name in names}  # noqa: S608

    def _files(self) -> dict[str, tuple[int, bytes]]:
        """Every file of the nodes that is not part of an installation, with its mode."""
        found = {}
        for node in self.lab.nodes.values():
            static = {str(node.root / place) for place in _STATIC}
            for folder, folders, names in os.walk(node.root):
                folders[:] = [name for name in folders if f"{folder}/{name}" not in static]
                for name in names:
                    path = Path(folder, name)
                    found[str(path)] = path.stat().st_mode & 0o777, path.read_bytes()
        return found

    # -- the runs ----------------------------------------------------------------------------------------------

    def run(
        self,
        row: Row,
        *,
        budget: int,
        limit: float,
        executed: bool = False,
        environment: dict[str, str] | None = None,
    ) -> Done:
        """Run the row's action. limit: seconds after which it is killed. executed: for real, not forked."""
        node = self.lab.nodes[row.node]
        for each in self.lab.nodes.values():
            self._hurry(each, budget)
        argv = command(row, self.made)
        executed = executed or self.launcher is not None
        streams = [self.folder / name for name in ("stdin", "stdout", "stderr")]
        for path, text in zip(streams, (row.stdin, "", ""), strict=True):
            path.write_text(text)
        self._pid = Future()
        self.taps.calls.clear()
        with ExitStack() as stack:
            own = [stack.enter_context(path.open(mode)) for path, mode in zip(streams, "raa", strict=True)]
            handles = [self.streams.get(number, file.fileno()) for number, file in enumerate(own)]
            given = node.environment | rows.environment(row, self.made) | (environment or {})
            if executed:
                stack.enter_context(self.gate)
            start = self._execute if executed else self._fork
            began = time.monotonic()
            code = start(argv, given, str(node.root), handles, limit)
            seconds = time.monotonic() - began
        for number, reader in self._readers.items():
            os.set_blocking(reader, False)
            with suppress(BlockingIOError):
                streams[number].write_bytes(os.read(reader, 65_536))
        said = [path.read_text(errors="replace") for path in streams[1:]]
        return Done(code, said[0], said[1], seconds, argv, tuple(self.taps.calls))

    def kill(self) -> None:
        """Kill the run that is under way, and return when it is dead."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int, send: Callable[[int, int], None] = os.kill) -> None:
        """Send the run that is under way a signal; send: os.kill, or os.killpg for its whole process group."""
        with suppress(ProcessLookupError):
            send(self._pid.result(10), number)

    def _fork(
        self, argv: tuple[str, ...], environment: dict[str, str], folder: str, streams: Sequence[int], limit: float
    ) -> int | None:
        text = self.taps.behind(argv[0])
        process = forks.start(self.server, forks.Program(str(text), argv, environment, folder), streams)
        self._pid.set_result(process.pid)
        try:
            return process.wait(limit)
        except TimeoutError:
            os.kill(process.pid, signal.SIGKILL)
            return None

    def _execute(
        self, argv: tuple[str, ...], environment: dict[str, str], folder: str, streams: Sequence[int], limit: float
    ) -> int | None:
        stdin, stdout, stderr = streams
        with subprocess.Popen(
            (*(self.launcher or ()), str(self.taps.behind(argv[0])), *argv[1:]),
            env=environment,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        ) as child:
            self._pid.set_result(child.pid)
            try:
                return child.wait(limit)
            except subprocess.TimeoutExpired:
                child.kill()
                return None

    def _hurry(self, node: Node, budget: int) -> None:
        mark = "# the matrix's own\n"
        text = node.defaults.read_text().partition(mark)[0]
        lines = [f"EC2_{name}_TIMEOUT={budget}\n" for name in _BUDGETS]
        lines += ["EC2_MAX_RETRY=1\n", "IP_WAIT_LINKDOWN=0\n", "IP_MAX_LINKCHK=1\n"]
        node.defaults.write_text(text + mark + "".join(lines))

    def record(self, row: Row) -> tuple[Done, World, list[Point]]:
        """A healthy run of the row, how it ended, and every outside call that it made."""
        self.reset(row)
        done = self.run(row, budget=PATIENCE, limit=PATIENCE + 1 + SLACK)
        return done, self.world(), self._points(row, done)

    def struck(self, row: Row, point: Point, done: Done) -> bool:
        """Whether the run that has just ended came to that call; of a program that was taken away nobody can tell."""
        return point.whole or self._hidden or point in self._points(row, done)

    def _points(self, row: Row, done: Done) -> list[Point]:
        seen: Counter[Any] = Counter()
        points: list[Point] = []

        def add(edge: Edge, node: str, name: str, words: str) -> None:
            nth = seen[edge, node, name]
            seen[edge, node, name] += 1
            points.append(Point(edge, node, name, (), nth, self._named(f"{words} #{nth + 1}")))

        calls = self.lab.ec2.calls
        for number, call in enumerate(calls):
            # A fault hits all calls that have these parameters, whatever they have besides: see lab.faults.Fault.
            alike = [each for each in calls[:number] if each.action == call.action]
            nth = sum(call.params.items() <= each.params.items() for each in alike)
            words = self._named(f"{_words(call.action, call.params)} #{nth + 1}")
            points.append(Point("EC2", "", call.action, tuple(sorted(call.params.items())), nth, words))
        for name, node in self.lab.nodes.items():
            for method, path, _ in node.imds.calls:
                request = f"{method} {path}"
                add("metadata", name, request, f"{name} {request}")
        for called in done.called:
            add("program", called.node, called.program, f"{called.node} {called.program}")
        for edge, where in {(point.edge, point.node) for point in points if point.edge != "program"}:
            points.append(Point(edge, where, "", (), -1, f"{where} {edge} from the first on".strip()))
        points.append(Point("process", row.node, "", (), -1, "from its start on"))
        script = self.taps.behind(done.argv[0]).read_text()
        own = [path for path in own_modules(row, script) if (self.kit / path).exists()]
        points += [Point("module", row.node, path, (), 0, path) for path in own]
        return sorted(points, key=lambda point: (point.edge, point.label))

    def _named(self, label: str) -> str:
        """The label with names in the place of EC2's ids."""
        vpc = self.lab.vpc
        names = {table: name for name, table in vpc.tables.items()} | {vpc.vpc: "VPC"}
        for name, node in vpc.nodes.items():
            names |= {each.eni: f"{name}-{each.name}" for each in node.interfaces}
            names |= {each.mac: each.name for each in node.interfaces} | {node.instance_id: name}
        for identifier, name in names.items():
            label = label.replace(identifier, name)
        return re.sub(r"(eipassoc|eipalloc)-\w+", r"\1", label)

    # -- the truth ---------------------------------------------------------------------------------------------

    def holds(self, row: Row, world: World) -> bool:
        """Whether the row's node has the address in truth, and can take its traffic: the README's promise.

        What the metadata tell of a private address: `told`.
        """
        eni, vpc = eni_of(self.lab, row.node), self.lab.vpc
        if isinstance(vpc, PrivateLab):
            return vpc.address in world.aws["private"][eni][1:]
        if isinstance(vpc, AddressLab):
            carrier = world.files[str(self.lab.nodes[row.node].sysfs / "class/net/eth1/carrier")]
            return bool(world.aws["addresses"][vpc.public_ip] == self._place(row)) and carrier.strip() == "1"
        tables = [world.aws["routes"][table] for name, table in vpc.tables.items() if name in {"A", "B"}]
        entries = [table.get(f"{vpc.vip}/32") for table in tables]
        return all(entry == (eni, "active") for entry in entries) and not world.aws["checks"][eni]

    def _place(self, row: Row) -> tuple[str, str]:
        """The ENI, and its private address, that the row gives an Elastic IP to."""
        eni = eni_of(self.lab, row.node)
        interfaces = self.lab.vpc.nodes[row.node].interfaces
        primary = next(each.private_ip for each in interfaces if each.eni == eni)
        return eni, rows.CHOSEN if rows.CHOSEN in row.arguments else primary

    def has(self, name: str, world: World) -> bool:
        """Whether the address is on an ENI of the node in truth."""
        return self._holder(world) in {each.eni for each in self.lab.vpc.nodes[name].interfaces}

    def _holder(self, world: World) -> str | None:
        """The ENI that a private address or an Elastic IP is on."""
        vpc = self.lab.vpc
        if isinstance(vpc, PrivateLab):
            return next((eni for eni, having in world.aws["private"].items() if vpc.address in having), None)
        assert isinstance(vpc, AddressLab)
        found: str | None = world.aws["addresses"][vpc.public_ip][0]
        return found

    def told(self, name: str) -> bool:
        """Whether the metadata tell a node that its eth1 has the private address."""
        vpc, node = self.lab.vpc, self.lab.nodes[name]
        assert isinstance(vpc, PrivateLab)
        mac = next(each.mac for each in node.identity.interfaces if each.name == "eth1")
        metadata = Metadata(node.imds.url, retries=0, deadline=Deadline(5))
        return vpc.address in metadata.need(f"network/interfaces/macs/{mac}/local-ipv4s").split()

    def taken(self, row: Row, before: World) -> list[tuple[Any, ...]]:
        """What may be otherwise in AWS when the row's node has taken the address: where, and what is there then.

        A private address may be taken from nobody but the nodes; with it goes the Elastic IP that is on it.
        """
        ours, vpc = eni_of(self.lab, row.node), self.lab.vpc
        if isinstance(vpc, PrivateLab):
            here = [*before.aws["private"][ours], vpc.address]
            holder = self._holder(before)
            may = holder is None or holder in {eni_of(self.lab, name) for name in self.lab.nodes}
            return [("private", ours, here), *self._left(before, (ours, vpc.address))] if may else []
        if isinstance(vpc, AddressLab):
            return [("addresses", vpc.public_ip, self._place(row))]
        destination = f"{vpc.vip}/32"
        entries = [("routes", vpc.tables[name], destination, (ours, "active")) for name in ("A", "B")]
        return [("checks", ours, False), *entries]

    def let_go(self, before: World) -> list[tuple[Any, ...]]:
        """The same when the node that has the address has let go of it; an Elastic IP on it is then on nothing."""
        vpc = self.lab.vpc
        if isinstance(vpc, PrivateLab):
            return self._left(before, (None, None))
        assert isinstance(vpc, AddressLab)
        return [("addresses", vpc.public_ip, (None, None))]

    def _left(self, before: World, elastic_ips: tuple[str | None, str | None]) -> list[tuple[Any, ...]]:
        """That the private address is not where it was, and where the Elastic IPs on it are then."""
        assert isinstance(self.lab.vpc, PrivateLab)
        holder, address = self._holder(before), self.lab.vpc.address
        if holder is None:
            return []
        rest = [each for each in before.aws["private"][holder] if each != address]
        on = [public_ip for public_ip, place in before.aws["addresses"].items() if place == (holder, address)]
        return [("private", holder, rest), *(("addresses", each, elastic_ips) for each in on)]

    def events(self, name: str, world: World) -> str:
        """The recovery events that were sent on a node."""
        return world.files.get(str(self.lab.nodes[name].root / "events"), "")

    def keys_of(self, name: str, world: World) -> str:
        """The credentials file of a node."""
        return world.files.get(str(self.lab.nodes[name].credentials), "")

    def keys(self, world: World) -> str:
        """The credentials files of all nodes."""
        return "".join(self.keys_of(name, world) for name in self.lab.nodes)

    def secrets(self) -> set[str]:
        """Everything that must appear nowhere: tokens, secrets, and the signatures of the calls so far."""
        told = {secret for node in self.lab.nodes.values() for secret in node.imds.secrets}
        return told | {call.signature for call in self.lab.ec2.calls if call.signature}


def _words(action: str, params: dict[str, str]) -> str:
    """What a call is about, shortly."""
    about = ("RouteTableId", "NetworkInterfaceId", "AssociationId", "AllocationId", "NextToken")
    found = [value for name, value in params.items() if name in about or ".Value." in name]
    return " ".join([action, *found])


@contextmanager
def bench(
    scenario: Scenario, folder: Path, server: Path, gate: AbstractContextManager[object] | None = None
) -> Iterator[Bench]:
    """Build the bench; server: the fork server's socket; gate: as of Bench."""
    mock_random.seed(1)
    with ExitStack() as stack:
        figure = {"route": route_lab, "eip": address_lab, "private": private_lab}[scenario]
        lab = stack.enter_context(figure(folder, manager=True))
        made = protect(lab)
        taps = stack.enter_context(Taps(server))
        kit = folder / "kit"
        for part in _KIT:
            shutil.copytree(PROJECT / part, kit / part)
        shutil.copy(PROJECT / "pyproject.toml", kit)
        for name, node in lab.nodes.items():
            install_kit(node, kit)
            harness.keep(node.lkroot, made.tag, {name: node.script(name) for name in harness.SCRIPTS})
            for kept in ("run/resource-agents/ec2kit", "var/lib/ec2kit", "etc/ec2kit"):
                (node.root / kept).mkdir(mode=0o700, parents=True, exist_ok=True)
            for place in sorted((node.lkroot / "bin").iterdir()):
                if _TAPPED.match(place.name):
                    taps.put(name, place, small=True)
            taps.put(name, node.root / "bin/ip", small=True)
            for place in (node.harness("creapphier"), node.lkroot / rows.MANAGER):
                taps.put(name, place, small=True)
            (node.lkroot / rows.MANAGER).rename((node.lkroot / rows.MANAGER).with_suffix(".away"))
            for script in (*map(node.script, _SCRIPTS), node.lkroot / COMMAND):
                taps.put(name, script)
        assert made.words[0] == scenario
        lab.ec2.remembers = True
        made_bench = Bench(made, taps, server, folder, gate or nullcontext())
        yield made_bench
        made_bench.mend()
