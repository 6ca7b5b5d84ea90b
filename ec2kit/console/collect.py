"""`ec2kit collect`: one archive for who is to help: what this node, its engines and EC2 tell, without secrets.

Each part has its own time, and one that cannot be had is a line of collect.txt. Nothing is changed but the archive.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from ec2kit import __version__
from ec2kit.core import scrub
from ec2kit.core.errors import ExitCode, KitError, Unavailable
from ec2kit.core.messages import Level
from ec2kit.core.scrub import Scrubber
from ec2kit.core.settings import DEFAULTS_FILE, Settings
from ec2kit.core.words import one_line
from ec2kit.host import files, programs, survey
from ec2kit.host.log import Journal
from ec2kit.lifekeeper.cluster import cluster_of
from ec2kit.lifekeeper.lcd import system_name
from ec2kit.pacemaker import cib
from ec2kit.verbs.process import begin, conclude
from ec2kit.verbs.run import Run

_SECONDS = 60.0  # for all of it
_SHARE = 0.8  # of that, for the parts: then what there is becomes the archive
_MOST = 2_000_000  # characters of one member
_RECORDS, _OF_RECORDS, _OF_ONE = 300, 4_000_000, 200_000  # files, bytes of all, bytes of one
_LINES = "20000"  # of the journal, of which the kit's are kept
_PACKAGES = ("steeleye-lk", "pacemaker", "corosync", "keepalived", "crmsh", "pcs", "resource-agents")
_LIBRARIES = ("boto3", "botocore", "urllib3", "rich", "questionary")
_LOG = Path("/var/log/lifekeeper.log")
_OURS = re.compile(r":ec2:|ec2kit")
_SAYS = (
    "What is secret on this node is left out: keys, tokens, passwords, and what looks like one.",
    "Names, addresses and ids of this node and its account are in it.",
)
Texts = Mapping[str, str]  # of the archive's members, by their names


@dataclass(frozen=True)
class Archive:
    """What was written, and where. missing: what could not be had, each with why."""

    path: Path
    names: tuple[str, ...]
    missing: tuple[str, ...]


def run(options: argparse.Namespace) -> int:
    """Write the archive, and tell where it is; the exit code."""
    run = begin(Journal("collect", "", least=Level.ERROR), lambda _: options.timeout or _SECONDS)
    return conclude(run, partial(_collect, options.output, run), _code, _tell)


def _collect(output: str | None, run: Run) -> Archive:
    stem = f"ec2kit-{re.sub('[^A-Za-z0-9.-]', '_', system_name(run.settings))}-{time.strftime('%Y%m%dT%H%M%S')}"
    path = Path(output or f"{stem}.tar.gz").absolute()
    (known,) = run.deadline.together([partial(_secrets, run.settings)])
    if isinstance(known, KitError):
        raise known
    scrubber = Scrubber(known.values)
    found, missing = _parts(run)
    told = {scrubber.clean(name).strip(): scrubber.clean(text) for name, text in sorted(found.items())}
    lacking = tuple(scrubber.clean(each).strip() for each in (*known.doubts, *missing))
    about = [f"ec2kit {__version__} collect on {system_name(run.settings)}", *_SAYS, "", *told, "", *lacking]
    told["collect.txt"] = scrubber.clean("".join(f"{one_line(each)}\n" for each in about))
    run.deadline.check()
    files.create(path, _packed({f"{stem}/{name}": text for name, text in told.items()}))
    return Archive(path, tuple(told), lacking)


def _parts(run: Run) -> tuple[dict[str, str], list[str]]:
    """What could be had in time, and why the rest could not."""
    parts = _all(run)
    running: dict[str, Future[Texts]] = {name: run.deadline.aside(make) for name, make in parts.items()}
    wait(running.values(), timeout=max(0.0, _SHARE * run.deadline.seconds - run.deadline.spent))
    found: dict[str, str] = {}
    missing: list[str] = []
    for name, future in running.items():
        error = future.exception() if future.done() else Unavailable("no answer in time")
        if error is None:
            cut = {each: scrub.whole_lines(text, _MOST) for each, text in future.result().items()}
            found |= cut
            missing += [f"{each}: too long" for each, text in future.result().items() if text and not cut[each]]
        else:
            why = error.why if isinstance(error, KitError) else f"it has failed ({type(error).__name__})"
            missing.append(f"{name}: {why}")
    return found, missing


def _all(run: Run) -> dict[str, Callable[[], Texts]]:
    """Each part, by the member that it gives."""
    settings = run.settings
    return {
        "versions.json": _versions,
        "settings.txt": partial(_settings, settings),
        "aws.txt": partial(_aws, settings),
        "lifekeeper.txt": partial(_lifekeeper, run),
        "pacemaker.txt": _pacemaker,
        "records": partial(_records, settings),
        "doctor.json": partial(
            _own, "doctor.json", run, "doctor", "--timeout", f"{_SHARE * _SHARE * run.deadline.seconds:.1f}"
        ),
        "status.json": partial(_own, "status.json", run, "status"),
        "log.txt": partial(_log, run),
        "addresses.txt": partial(_ip, "addresses.txt", ("ip", "-j", "addr")),
        "rules.txt": partial(_ip, "rules.txt", ("ip", "-j", "rule")),
        "routes.txt": partial(_ip, "routes.txt", ("ip", "-j", "route", "show", "table", "all")),
    }


# ---- what is secret here


@dataclass(frozen=True)
class Known:
    """What this node knows to be secret. doubts: the files that could not be read for it, in words."""

    values: frozenset[str]
    doubts: tuple[str, ...]


def _secrets(settings: Settings) -> Known:
    values = scrub.of_settings([*os.environ.items(), *settings.aws.items()])
    doubts: list[str] = []
    for path in (_defaults(), *_keys(settings)):
        try:
            text = files.read_anyones(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            doubts.append(
                f"{path} cannot be read ({error.strerror}): of its secrets, only what looks like one is left out"
            )
            continue
        values |= scrub.of_settings(scrub.lines(text)) if path == _defaults() else scrub.of_profiles(text)
    return Known(frozenset(values), tuple(doubts))


def _keys(settings: Settings) -> list[Path]:
    """AWS's files with credentials, and the kit's own."""
    named = (
        (settings.aws.get("AWS_CONFIG_FILE"), "~/.aws/config"),
        (settings.aws.get("AWS_SHARED_CREDENTIALS_FILE"), "~/.aws/credentials"),
        (settings.ec2kit_credentials, ""),
    )
    return [Path(os.path.expanduser(given or usual)) for given, usual in named]  # noqa: PTH111  without a home as it is


def _defaults() -> Path:
    return Path(os.environ.get("EC2KIT_DEFAULTS") or DEFAULTS_FILE)


def _text(path: Path) -> str:
    try:
        return files.read_anyones(path)
    except OSError:
        return ""


# ---- the parts


def _versions() -> Texts:
    told: dict[str, object] = {"ec2kit": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            told[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            told[name] = None
    told |= {"kernel": platform.release(), "machine": platform.machine(), "os": _text(Path("/etc/os-release"))}
    for command in (("rpm", "-q", *_PACKAGES), ("dpkg-query", "-W", *_PACKAGES)):
        told[command[0]] = (survey.output(command) or "").splitlines()
    return {"versions.json": json.dumps(told)}


def _settings(settings: Settings) -> Texts:
    known = {name: value for name, value in asdict(settings).items() if name != "aws"}
    there = json.dumps({**known, "aws": dict(settings.aws)}, indent=1)
    lines = scrub.shown_settings(_text(_defaults()))
    return {"settings.txt": f"In force:\n{there}\n\nIn {_defaults()}:\n{lines}"}


def _aws(settings: Settings) -> Texts:
    told = [f"{path}:\n{scrub.shown_profiles(_text(path))}" for path in _keys(settings)]
    names = sorted(name for name in os.environ if re.match(r"AWS_|BOTO|.*_PROXY", name, re.IGNORECASE))
    return {"aws.txt": "\n".join([*told, f"Variables: {' '.join(names)}\n"])}


def _lifekeeper(run: Run) -> Texts:
    if not Path(run.settings.lkroot, "bin").is_dir():
        raise Unavailable("LifeKeeper is not here")
    found = cluster_of(run.settings, run.deadline).lcd.all()
    ours = (each for each in found if each.form)
    rows = [
        f"{each.tag} {each.app}/{each.type} {each.id} {each.state} {each.switchback}\n    {each.info}"
        for each in ours
    ]
    return {"lifekeeper.txt": "".join(f"{row}\n" for row in rows)}


def _pacemaker() -> Texts:
    if (told := survey.output(cib.QUERY)) is None:
        raise Unavailable("Pacemaker is not here")
    if not told.strip():
        raise Unavailable(cib.SILENT.what, cib.SILENT.cure)
    return {"pacemaker.txt": cib.shown(told)}


def _records(settings: Settings) -> Texts:
    root = Path(settings.ec2kit_history)
    found: dict[str, str] = {}
    left = _OF_RECORDS
    for path in files.below(root, _RECORDS):
        if path == Path(settings.ec2kit_credentials) or left <= 0:
            continue
        try:
            text = scrub.whole_lines(files.end(path, _OF_ONE + 1), _OF_ONE)
        except OSError as error:
            text = f"cannot be read ({error.strerror})"
        found[f"records/{one_line(path.relative_to(root))}"] = text
        left -= len(text)
    return found


def _own(name: str, run: Run, *words: str) -> Texts:
    """What another run of the kit tells, in its own process: what is wrong there ends nothing here."""
    seconds = max(1.0, _SHARE * run.deadline.seconds - run.deadline.spent)
    program = Path(sys.argv[0]).absolute()
    kit = [str(program)] if os.access(program, os.X_OK) else [sys.executable, "-m", "ec2kit"]
    done = programs.tell([*kit, *words, "--output", "json"], seconds)
    if not done.stdout.strip():
        raise Unavailable(
            f"'ec2kit {words[0]}' told nothing (exit code {done.returncode}): {done.stderr.strip()[:_OF_ONE]}"
        )
    return {name: done.stdout}


def _log(run: Run) -> Texts:
    """The kit's lines, of the journal and of LifeKeeper's own file."""
    told: list[str] = []
    if shutil.which("journalctl", path=programs.search()):
        seconds = max(1.0, _SHARE * run.deadline.seconds - run.deadline.spent)
        command = ("journalctl", "--no-pager", "--quiet", "-o", "short-iso", "-n", _LINES)
        told += programs.tell(command, seconds).stdout.splitlines()
    try:
        told += scrub.whole_lines(files.end(_LOG, _MOST + 1), _MOST).splitlines()
    except OSError as error:
        told.append(f"ec2kit: {_LOG} cannot be read ({error.strerror})")
    ours = "".join(f"{one_line(line)}\n" for line in told if _OURS.search(line))
    return {"log.txt": ours}


def _ip(name: str, command: tuple[str, ...]) -> Texts:
    if (told := survey.output(command)) is None:
        raise Unavailable("the program ip is missing")
    return {name: told}


# ---- the archive


def _packed(members: Texts) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, text in members.items():
            content = text.encode(errors="replace")
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def _code(outcome: Archive | KitError) -> int:
    return outcome.code if isinstance(outcome, KitError) else ExitCode.OK


def _tell(outcome: Archive | KitError, _code: int) -> None:
    if isinstance(outcome, KitError):
        print(outcome.why, file=sys.stderr)
        return
    told = [*outcome.names, *(f"not in it: {each}" for each in outcome.missing), *_SAYS, str(outcome.path)]
    print("\n".join(map(one_line, told)), flush=True)
