"""What `ec2kit status` prints: the verdict first, then one line an address, the worst first. Plain text."""

from __future__ import annotations

import argparse
import json
import math
import os
import select
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ec2kit.console.remembered import Remembered
from ec2kit.console.remembered import collect as remembered
from ec2kit.core import schema
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.messages import Level
from ec2kit.core.schema import Object
from ec2kit.core.serving import Serving, Word, code, headline, sorted_, total
from ec2kit.core.settings import Budget
from ec2kit.core.words import one_line
from ec2kit.host import guard
from ec2kit.host.log import Journal, clock
from ec2kit.lifekeeper.cluster import Cluster, cluster_of
from ec2kit.lifekeeper.status import Status
from ec2kit.lifekeeper.status import collect as of_lifekeeper
from ec2kit.pacemaker.status import Standing
from ec2kit.pacemaker.status import collect as of_pacemaker
from ec2kit.verbs.process import attempt, begin
from ec2kit.verbs.run import Run

T = TypeVar("T")
_NONE = (
    "{system} has no EC2 resource. One of another system is extended from there: ec2kit extend TAG --to {system}. To "
    "make a new one: ec2kit create"
)

_MOST = 30  # addresses of which those that are well have a line each beside others that are not
_ENDLESS = 10_000  # columns, of what is not a terminal: a sentence is one line there
_STYLES = {Word.OUTAGE: "1;31", Word.UNKNOWN: "1;33", Word.STOPPED: "33", Word.SERVED: "32"}
_INDENT = "    "
_CLEAR = "\033[H\033[2J"
_PAUSE = 5.0  # seconds


@dataclass(frozen=True)
class Found:
    """What is known of each address of this machine. system: this one's name; silent: engines that do not tell."""

    system: str
    lifekeeper: Sequence[Status]
    pacemaker: Sequence[Standing]
    remembered: Sequence[Remembered] = ()
    silent: Sequence[Serving] = ()

    @property
    def serving(self) -> list[Serving]:
        """Whether each is served."""
        return [*(each.serving for each in self._all), *self.silent]

    @property
    def _all(self) -> list[Status | Standing | Remembered]:
        return [*self.lifekeeper, *self.pacemaker, *self.remembered]

    @property
    def code(self) -> ExitCode:
        """1 for an outage, 9 where it is not known, else 0."""
        return code(self.serving)

    def as_json(self) -> Object:
        """All of it."""
        resources = [each.as_json() for each in self._all]
        return schema.VERSION | {"system": self.system, "resources": resources}

    def show(self, *, long: bool) -> None:
        """Print it. long: all that is known of each, below."""
        if not self.serving:
            print(_NONE.format(system=self.system))
            return
        ordered = sorted_(self.serving)
        worst, alone = ordered[0].word, len(ordered) == 1
        loud = f"{worst.upper()}: " if worst in {Word.OUTAGE, Word.UNKNOWN} else ""
        _say(loud + (_sentence(ordered[0]) if alone else f"{headline(ordered)}."), worst if loud else None)
        if alone:
            _cure(ordered[0], "")
        elif worst is not Word.SERVED:
            _show_each(ordered)
            _say(f"{total(ordered)}.")
        if long:
            from ec2kit.console import tables

            print()
            tables.show_status(self.lifekeeper)
            tables.show_standing(self.pacemaker)


def collect(tag: str | None, cluster: Cluster, run: Run, *, here: bool) -> Found:
    """The resource of that tag, or of that name in Pacemaker, or every one. here: LifeKeeper's part here alone."""
    system, lifekeeper = cluster.system, cluster.lcd.has("ins_list")
    if here:
        return Found(system, of_lifekeeper(tag, cluster, run, here=True), ())
    silent: dict[str, KitError] = {}
    standings = _told("Pacemaker", partial(of_pacemaker, tag, run), silent)
    statuses: list[Status] | None = None
    if lifekeeper and not (tag and standings):
        statuses = _told("LifeKeeper", partial(of_lifekeeper, tag, cluster, run), silent)
    for error in silent.values():
        if tag or not (statuses or standings):  # nothing else is to be told
            raise error
    known = {str(each.resource) for each in (*(statuses or ()), *(standings or ()))}
    others = [] if tag else remembered(known, system, run)
    if not (lifekeeper or standings or others):
        if standings is None:
            what = f"there is neither LifeKeeper in {cluster.lkroot} nor a Pacemaker that runs; nothing was taken"
            cure = "To look at one address: ec2kit plan KIND ADDRESS, or ec2kit doctor KIND ADDRESS"
            raise Misconfigured(what, cure)
        if tag:
            what = f'Pacemaker has no resource "{tag}" of the kit\'s'
            raise Misconfigured(what, "See the names with ec2kit status")
    unknown = [
        Serving(Word.UNKNOWN, name, "", "", f"{name} does not tell", f": {why.why}") for name, why in silent.items()
    ]
    return Found(system, statuses or (), standings or (), others, unknown)


def _told(engine: str, ask: Callable[[], T | None], silent: dict[str, KitError]) -> T | None:
    """What an engine tells; nothing, with why in `silent`, when it does not."""
    try:
        return ask()
    except KitError as error:
        if not isinstance(error, Unavailable):  # it has answered
            raise
        silent[engine] = error
        return None


def watch(options: argparse.Namespace) -> int:
    """Tell it again and again, each time afresh; ended by a signal, as Ctrl-C is."""
    while True:
        log = Journal("status", options.tag or "", least=Level.WARN)
        run = begin(log, lambda settings: settings.seconds(Budget.QUICKCHECK))
        cluster = cluster_of(run.settings, run.deadline)
        found = attempt(partial(collect, options.tag, cluster, run, here=options.here), log)
        if options.output == "json":
            told = (
                found.as_json()
                if isinstance(found, Found)
                else {"error": {"message": str(found), "cure": found.cure}}
            )
            print(json.dumps(schema.VERSION | told))
        else:
            print(
                f"{_CLEAR if sys.stdout.isatty() else ''}{clock(time.time())}  (every {_PAUSE:g} s; Ctrl-C ends it)"
            )
            if isinstance(found, KitError):
                print(found.why)
            else:
                found.show(long=options.long)
        sys.stdout.flush()
        guard.allow(math.inf)  # the pause is not of a run's time
        if _unread():
            return ExitCode.OK
        time.sleep(_PAUSE)


def _unread() -> bool:
    """Whether nobody reads standard output any more."""
    poll = select.poll()
    poll.register(1, 0)
    return bool(poll.poll(0))


def _show_each(ordered: Sequence[Serving]) -> None:
    """One line an address, with the reason below those that are not well."""
    shown = ordered if len(ordered) <= _MOST else [each for each in ordered if each.word is not Word.SERVED]
    rows = [(each.word.value, each.name, each.resource, each.where + _since(each)) for each in shown]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for each, (*cells, last) in zip(shown, rows, strict=True):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        line = "  ".join([*padded, last])
        _say(line if len(line) <= _width() else "  ".join([*cells, last]), each.word, hanging=_INDENT)
        if each.word is not Word.SERVED:
            _say(f"{_INDENT}{_sentence(each)}", hanging=_INDENT)
            _cure(each, _INDENT)


def _sentence(each: Serving) -> str:
    return f"{each.what}{_since(each)}{each.why.rstrip('.')}."


def _cure(each: Serving, indent: str) -> None:
    """What brings it back; the command in a line of its own where it would be broken, to be copied."""
    text = f"{indent}{each.cure}."
    about, colon, command = each.cure.rpartition(": ")
    if len(text) > _width() and colon:
        _say(f"{indent}{about}:", hanging=indent)
        print(f"{indent}{one_line(command)}")
    elif each.cure:
        _say(text, hanging=indent)


def _since(each: Serving) -> str:
    return f" since {clock(each.since)}" if each.since else ""


def _say(text: str, word: Word | None = None, *, hanging: str = "") -> None:
    """Print a text in lines of the terminal's width, broken between words alone; its first word in the colour."""
    text = one_line(text)
    lines = textwrap.wrap(text, _width(), subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    first = "\n".join(lines)
    if word and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        length = len(word.value)
        first = f"\033[{_STYLES[word]}m{first[:length]}\033[0m{first[length:]}"
    print(first)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _ENDLESS
