"""A look: what the kinds of address ask is asked side by side, until a view comes out of the answers.

Several resources can be looked at at once: what they ask of EC2 is joined. They must have one way to EC2 (Reach,
credentials, Region).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ec2kit.core.backoff import FRESH
from ec2kit.core.errors import KitError, Unavailable
from ec2kit.core.kinds.facts import (
    Answers,
    DefaultInterface,
    Facts,
    Holder,
    Interfaces,
    Link,
    Listing,
    Metadata,
    Open,
    Query,
)
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import Node
from ec2kit.host import nic
from ec2kit.verbs import claims
from ec2kit.verbs.locate import metadata_of
from ec2kit.verbs.run import Run, Site

if TYPE_CHECKING:
    from ec2kit.ec2.client import Ec2


def look(
    resource: Resource, site: Site, run: Run, *, frugal: bool = False, releasing: bool = False, whole: bool = False
) -> View:
    """One complete look. Raises the KitError of what was not answered, or of what the answers show.

    frugal: only what is needed in any case is asked, one thing after the other. releasing: it is for a release.
    whole: with all that a person may want to know. What comes of it is in the run's record: the view, when it was
    seen, and where this node has the address.
    """
    asked = _Conversation(site.ec2, run, frugal=frugal, releasing=releasing, whole=whole)
    (view,) = asked.views([(resource, site.node)])
    run.record.seen = asked.seen
    if isinstance(view, KitError):
        raise view
    if run.record.view is None:  # told once a run
        run.record.first = view
        for message, values in view.notices:
            run.log.say(message, **values)
    run.record.view, run.record.outdated = view, False
    run.record.site = replace(site, node=asked.placed(site.node, view))
    return view


def looks(
    wanted: Sequence[tuple[Resource, Node]], ec2: Ec2, run: Run, *, frugal: bool = False
) -> list[tuple[View, Node] | KitError]:
    """One complete look at several resources: the view and the node where it has the address, or the KitError."""
    asked = _Conversation(ec2, run, frugal=frugal)
    return [
        view if isinstance(view, KitError) else (view, asked.placed(node, view))
        for (_, node), view in zip(wanted, asked.views(wanted), strict=True)
    ]


@dataclass
class _Conversation:
    """What has been answered, what of it was used, and when EC2 gave it: seconds of the run."""

    ec2: Ec2
    run: Run
    frugal: bool
    releasing: bool = False
    whole: bool = False
    answers: Answers = field(default_factory=dict)
    read: set[Query[Any]] = field(default_factory=set)
    at: dict[Query[Any], float] = field(default_factory=dict)

    @property
    def seen(self) -> float:
        """When EC2 told who has the addresses: the oldest answer of those."""
        used = [each for each in self.read if isinstance(each, Listing)]
        return min((self.at[each] for each in used if not each.steady), default=min(self.at.values(), default=0.0))

    def placed(self, node: Node, view: View) -> Node:
        """The node, at the interface that a view shows to have the address, or to be going to have it."""
        ours = self.answers.get(Interfaces(node.instance), ())
        for seat in () if isinstance(ours, KitError) else ours:  # asked along, and not needed in the end
            if seat.id == view.seat:
                return node.at(seat)
        return node

    def views(self, wanted: Sequence[tuple[Resource, Node]]) -> list[View | KitError]:
        """Ask until each has its view.

        Where an answer comes long after another, the old one is asked for again; who has the addresses last.
        """
        views = self._until_complete(wanted)
        for steady in (True, False):
            used = [each for each in self.read if isinstance(each, Listing) and each.steady is steady]
            old = [each for each in used if self.run.deadline.spent - self.at[each] > FRESH / 2]
            for each in old:
                del self.answers[each]
            if old:
                views = self._until_complete(wanted)
        return views

    def _until_complete(self, wanted: Sequence[tuple[Resource, Node]]) -> list[View | KitError]:
        views: dict[int, View | KitError] = {}
        self.read.clear()
        while len(views) < len(wanted):
            missing: dict[Query[Any], None] = {}  # in the order of the resources
            for number, (resource, node) in enumerate(wanted):
                if number in views:
                    continue
                facts = Facts(self.answers, frugal=self.frugal, releasing=self.releasing, whole=self.whole)
                try:
                    views[number] = resource.view(node, facts)
                except Open as open_:
                    missing |= dict.fromkeys(open_.queries)
                    continue
                except KitError as error:
                    views[number] = error
                self.read |= facts.read
            self._ask(missing)
        return [views[number] for number in range(len(wanted))]

    def _ask(self, queries: Iterable[Query[Any]]) -> None:
        """Host and metadata in line, for they are near and the metadata one connection; EC2's calls side by side."""
        calls = self.ec2.calls([each for each in queries if isinstance(each, Listing)])
        for each in queries:
            if not isinstance(each, Listing):
                self.answers[each] = _answer(each, self.run)
        for told in self.run.deadline.together([self._timed(call) for call in calls]) if calls else ():
            if isinstance(told, KitError):
                raise told
            self.answers.update(told)

    def _timed(self, call: Callable[[], Answers]) -> Callable[[], Answers]:
        def ask() -> Answers:
            told = call()
            self.at |= dict.fromkeys(told, self.run.deadline.spent)
            return told

        return ask


def _answer(query: Query[Any], run: Run) -> object:
    """What this machine or its metadata tell; the KitError when they do not."""
    settings = run.settings
    try:
        match query:
            case Link(interface):
                return None if settings.ip_nolinkcheck else nic.has_link(settings.ec2kit_sysfs, interface)
            case DefaultInterface():
                return nic.default_interface(settings.ec2kit_sysfs, settings.ec2kit_procfs)
            case Holder(public_ip):
                return claims.holder_of(public_ip, run)
            case Metadata(path):
                return (run.record.metadata or metadata_of(run)).get(path)
    except KitError as error:
        return error
    return Unavailable(f"nobody knows how to ask for {query}")
