"""doctor: could this node take over now? Rules ask, edges answer side by side, until each rule has its finding.

Nothing is changed: EC2 is read, and asked by DryRun what it would carry out.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ec2kit.core import messages, profiles
from ec2kit.core.doctor.asked import (
    Addresses,
    File,
    Here,
    Library,
    Options,
    Output,
    Probe,
    Rehearsal,
    Sight,
    TheWay,
    Way,
    Writers,
)
from ec2kit.core.doctor.finding import Case, Check, Finding, findings
from ec2kit.core.errors import DeadlineExceeded, Internal, KitError, Unavailable
from ec2kit.core.kinds.facts import Answers, Listing, Query
from ec2kit.host import files, survey
from ec2kit.verbs.locate import here, locate
from ec2kit.verbs.look import look
from ec2kit.verbs.run import Record, Run, Site

_PATIENCE = 20.0  # seconds for one answer
_REHEARSALS = threading.Semaphore(4)  # at once: they spend the calls that a takeover needs
_SHARE = 0.8  # of the run's time, for answers: what was found is told in the rest


def examine(case: Case, checks: Sequence[Check], run: Run) -> tuple[Finding, ...]:
    """What each check finds, in their order. What does not answer in time is unknown, and holds up nothing else."""
    asked = _Asked(case, replace(run, reach=case.reach, record=Record()))
    while True:
        found, missing = findings(case, checks, asked.answers, partial(_broken, run=run))
        if not missing:
            return tuple(found)
        asked.ask(missing)


def _broken(error: Exception, run: Run) -> None:
    trace = "".join(traceback.format_exception(error))
    run.log.say(messages.INTERNAL, trace=trace)


@dataclass
class _Asked:
    """Who answers, and what has been answered."""

    case: Case
    run: Run
    answers: Answers = field(default_factory=dict)
    _site: Site | KitError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, queries: Iterable[Query[Any]]) -> None:
        """Answer these, side by side; what takes too long is answered by that."""
        waiting = {each: Future[object]() for each in queries}
        for query, future in waiting.items():
            try:
                threading.Thread(target=self._tell, args=(query, future), daemon=True).start()
            except RuntimeError:
                future.set_result(Unavailable("this process gets no more threads", "Run it again"))
        deadline = self.run.deadline
        wait(waiting.values(), timeout=max(0.0, min(_PATIENCE, _SHARE * deadline.seconds - deadline.spent)))
        for query, future in waiting.items():
            if future.done():
                self.answers[query] = future.result()
            else:
                what = f"no answer in time to the question for {type(query).__name__}"
                self.answers[query] = Unavailable(what, "Run it again; look for what hangs there")

    def _tell(self, query: Query[Any], future: Future[object]) -> None:
        try:
            future.set_result(self._answer(query))
        except KitError as error:
            future.set_result(error)
        except DeadlineExceeded as error:
            future.set_result(Unavailable(str(error), "Run it again; look for what hangs there"))
        except BaseException as error:  # noqa: BLE001  the rule that has asked is told
            what = f"the question for {type(query).__name__} has failed ({type(error).__name__})"
            future.set_result(Internal(what, "Please report it"))

    def _answer(self, query: Query[Any]) -> object:
        """What the edge for that sort of question tells. Raises KitError."""
        match query:
            case Here():
                return here(self.case.interface, self.run)
            case Addresses() | File() | Output() | Writers() | Library():
                return self._of_host(query)
        return self._of_ec2(query, self._ec2_site())

    def _of_host(self, query: Query[Any]) -> object:
        match query:
            case Addresses(host):
                return survey.addresses(host)
            case File(path):
                return survey.text(Path(self.run.settings.ec2kit_procfs, path))
            case Output(command):
                return survey.output(command)
            case Writers(path):
                return files.others_can_write(Path(path))
        return library()

    def _of_ec2(self, query: Query[Any], site: Site) -> object:
        match query:
            case TheWay():
                return _way(site, self.run)
            case Probe():
                return site.ec2.way.probe()
            case Sight(resource):
                return look(resource, site, replace(self.run, record=Record()), whole=True)
            case Options(instance):
                return site.ec2.instances([instance]).get(instance)
            case Rehearsal(step):
                with _REHEARSALS:
                    site.ec2.rehearse(step)
                return None
            case Listing():
                return site.ec2.ask(query)
        raise Internal(f"nobody knows how to ask for {type(query).__name__}", "Please report it")

    def _ec2_site(self) -> Site:
        """The way to EC2, made once. Raises what keeps it from being made."""
        with self._lock:
            if self._site is None:
                try:
                    self._site = locate(self.case.interface, self.run, let_go=True)
                except KitError as error:
                    self._site = error
        if isinstance(self._site, KitError):
            raise self._site
        return self._site


def _way(site: Site, run: Run) -> Way:
    from ec2kit.ec2.session import Signer, doubts
    from ec2kit.verbs.proof import hidden_role

    way = site.ec2.way
    own_file = run.settings.ec2kit_credentials if profiles.is_own(run.reach.profile) else None
    found = doubts(run.settings.aws, Signer(run.reach.profile, own_file, run.key))
    files = tuple((str(each.path), each.why_not or each.exposed) for each in found)
    return Way(
        way.url,
        way.proxy,
        way.signature.whose,
        hidden_role(site, run),
        way.bundle,
        files,
    )


def library() -> tuple[str, bool]:
    """The version of AWS's library, and whether the kit's own description of EC2 is there for it."""
    from ec2kit.ec2 import shapes

    return shapes.BOTOCORE, shapes.loader() is not None
