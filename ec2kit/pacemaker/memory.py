"""What this node remembers of a resource since it booted, from its own last look or action.

It is advice: what cannot be read is not known, and what cannot be written is a line of the log. A word is that of one
boot, whose id is in a file beside it: a folder that outlives the boot, as in an image, tells nothing of the next.
Another file tells what the word is about: the parameters, without which Pacemaker stops a resource that was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from ec2kit.core import messages
from ec2kit.core.errors import KitError, Misconfigured
from ec2kit.core.kinds.kind import Resource
from ec2kit.host import files
from ec2kit.host.log import Journal
from ec2kit.pacemaker import agents, bare
from ec2kit.verbs import lifecycle
from ec2kit.verbs.claims import boot_id
from ec2kit.verbs.process import settings_now
from ec2kit.verbs.run import Run


class Word(StrEnum):
    """What is remembered."""

    HELD = "held"  # a look showed that it is here
    ELSEWHERE = "elsewhere"  # a look showed that it is not, and no change was sent since
    STOPPED = "stopped"  # stop let go of it, and no change was sent since
    UNTOUCHED = "untouched"  # no change was sent since the boot, and nothing else is known
    STARTING = "starting"  # a start may have sent a change; nothing is known of what came of it
    NONE = ""  # nothing was written since the boot


LET_GO = frozenset(map(Word, bare.LET_GO))  # no change was sent that is not undone


@dataclass(frozen=True)
class Remembered:
    """A word, and what it is about.

    parameters: the agent's, as they were given, by name; empty: not known. eni: this node's that had the address, or
    was to have it; empty: not known.
    """

    word: Word
    parameters: Mapping[str, str] = field(default_factory=dict)
    eni: str = ""


@dataclass(frozen=True)
class Memory:
    """The memory of one resource: the agent, and the resource's name."""

    kind: str
    instance: str

    @property
    def file(self) -> Path:
        """Where the word is kept: a folder that is empty after each boot."""
        return Path(bare.place(self.kind, self.instance))

    @property
    def said(self) -> Path:
        """The file of what its monitors have told already; no resource's memory ends so."""
        return self._beside("+said")

    @property
    def shown(self) -> Path:
        """The file that is there while the cluster shows a text about it."""
        return self._beside(bare.SHOWN)

    def _beside(self, ending: str) -> Path:
        """A file that a former version of the kit does not look at."""
        return self.file.with_name(f"{self.file.name}{ending}")

    def read(self) -> Remembered:
        """What was written last since the boot; STARTING, which claims least, when it cannot be read."""
        try:
            word, boot = Word(files.read(self.file)), files.read(self._beside("+boot"))
        except (ValueError, KitError):
            return Remembered(Word.STARTING)
        if boot and not self._boot:
            return Remembered(Word.STARTING)  # nothing tells whose boot's word it is
        return self._about(word) if boot in {"", self._boot} else Remembered(Word.NONE)

    @cached_property
    def _boot(self) -> str:
        """The id of this boot."""
        return boot_id(settings_now())

    def _about(self, word: Word) -> Remembered:
        """The word with what it is about; without, where another version has written the word, or it is garbage."""
        try:
            told = json.loads(files.read(self._beside(bare.ABOUT)))
            given = {str(name): str(value) for name, value in told["parameters"].items()}
            return (
                Remembered(word, given, str(told["eni"])) if told["of"] == bare.mark(self.file) else Remembered(word)
            )
        except (OSError, KitError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Remembered(word)

    def named(self, known: Remembered | None = None) -> agents.Parameters | None:
        """What the word is about; None where that is not known. known: what was read."""
        try:
            return agents.parameters(agents.AGENTS[self.kind], (known or self.read()).parameters)
        except Misconfigured:
            return None

    def recall(self, resource: Resource | None = None) -> Word:
        """The word; NONE where it is about another address than the resource's."""
        known = self.read()
        named = self.named(known) if resource else None
        another = resource and named and named.resource.address != resource.address
        return Word.NONE if another else known.word

    def write(self, word: Word, log: Journal, parameters: Mapping[str, str] | None = None, eni: str = "") -> None:
        """Write it down. When that fails, a probe without an answer takes the resource for not running here."""
        self._tell_what_is_left(parameters, log)
        self._put(Remembered(word, parameters or {}, eni), log)

    def _put(self, known: Remembered, log: Journal) -> None:
        word, about = known.word, self._beside(bare.ABOUT)
        told = {"instance": self.instance, "parameters": dict(known.parameters), "eni": known.eni}
        try:
            try:
                files.replace(self._beside("+boot"), self._boot if word else "")
                files.replace(self.file, word)
                mark = {"of": bare.mark(self.file)} if word else {}
                files.replace(about, json.dumps(told | mark) if word and known.parameters else "")
            except (KitError, OSError):
                files.remove(self.file)  # better nothing than an old word; on a full disk there is a way
                raise
        except OSError as error:
            log.say(messages.NOT_REMEMBERED, why=error.strerror or "unknown")
        except KitError as error:
            log.say(messages.NOT_REMEMBERED, why=error.why)

    def _tell_what_is_left(self, parameters: Mapping[str, str] | None, log: Journal) -> None:
        """Say it where the word to be written is about another address than the one that is, or may be, here."""
        known = self.read()
        was = self.named(known) if parameters and known.word in {Word.HELD, Word.STARTING} else None
        if (
            was
            and was.resource.address != agents.parameters(agents.AGENTS[self.kind], parameters or {}).resource.address
        ):
            log.say(messages.LEFT_BEHIND, resource=was.resource, kind=self.kind, address=was.resource.address)

    @contextmanager
    def taking(self, run: Run, parameters: Mapping[str, str], resource: Resource) -> Iterator[None]:
        """Remember that the address is being taken, then that it is here; where nothing was sent, what was known.

        Until a look or a change has shown that the parameters work, those that have worked are kept.
        """
        before = self.read()
        same = self.recall(resource) is before.word
        known = before if same and before.parameters else Remembered(before.word, parameters)
        if not (same and before.word is Word.HELD):  # it stays here, whatever becomes of this
            self.write(Word.STARTING, run.log, known.parameters, known.eni)
        try:
            yield
        except BaseException:  # also when the time is up
            if run.record.acted or run.record.view is not None:  # or a look has shown it here
                self.write(Word.STARTING, run.log, parameters, known.eni)
            elif before.word is Word.NONE:
                taken = _by_hand(resource).read().word not in {*LET_GO, Word.NONE}
                self.write(Word.STARTING if taken else Word.UNTOUCHED, run.log, parameters)
            elif same or before.word not in LET_GO:  # nothing is known of this one, but what is here counts
                self._put(before, run.log)
            raise
        self.write(Word.HELD, run.log, parameters, seat(run))
        if self != (person := _by_hand(resource)) and person.file.exists():  # from now on it is the resource's
            person.write(Word.NONE, run.log)


def seat(run: Run) -> str:
    """The ENI of this node that a run has seen the address on; empty where it has not looked."""
    view = run.record.view
    return (view.seat if view else None) or ""


def hold(resource: Resource, run: Run, *, planned: str = "") -> None:
    """As lifecycle.hold, by a person: who remembers the address knows of it, and on a cluster's node who comes to."""
    mine = [_by_hand(resource)] if Path(bare.folder()).parent.is_dir() else []
    with ExitStack() as known:
        for each in about(resource) or mine:
            parameters = each.read().parameters or agents.written(resource, run.reach)
            known.enter_context(each.taking(run, parameters, resource))
        lifecycle.hold(resource, run, planned=planned)


def release(resource: Resource, run: Run) -> None:
    """As lifecycle.release, by a person: who remembers the address knows of it."""
    lifecycle.release(resource, run)
    for each in about(resource) if not (resource.stays or run.record.left) else ():
        each.write(Word.STOPPED, run.log, each.read().parameters, each.read().eni)


def _by_hand(resource: Resource) -> Memory:
    """What a person has taken that no resource was about; no resource of Pacemaker's has a blank in its name."""
    return Memory(resource.kind, f"by hand {resource.address}")


def about(resource: Resource) -> Iterable[Memory]:
    """The memories on this node of resources with that address: of what a person does with it they must know."""
    found = []
    for path in Path(bare.folder()).glob(f"{resource.kind}-*{bare.ABOUT}"):
        try:
            memory = Memory(resource.kind, str(json.loads(files.read(path))["instance"]))
        except (KitError, ValueError, KeyError, TypeError, RecursionError):
            continue
        known = memory.read()
        named = memory.named(known)
        if known.word and named and named.resource.address == resource.address:
            found.append(memory)
    return found
