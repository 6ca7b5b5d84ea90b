"""Pacemaker's configuration, the CIB: the resources of the kit's agents in it, and what is not as it should be. Pure.

The CIB is data from outside: what cannot be read is told, and nothing in it is believed to be there. Where a value
depends on a rule, only rules about the node's name are understood; what others say is left out.
Pacemaker Explained 2.1, "Resources", "Resource Operations", "Rules".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ec2kit.core import scrub
from ec2kit.core.doctor.finding import SetUp
from ec2kit.core.errors import KitError, Misconfigured, Problem, Unavailable
from ec2kit.core.words import one_line
from ec2kit.pacemaker import agents

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

QUERY = ("cibadmin", "--query", "--local")
NOT_RUNNING = 102  # exit code of Pacemaker's programs where there is no Pacemaker to ask
SILENT = Problem(
    "Pacemaker is installed here, and does not tell its configuration",
    "See whether it runs: crm_mon -1; systemctl status pacemaker",
    fatal=False,
    code="PACEMAKER_SILENT",
)
FINDS = frozenset(
    {
        "PACEMAKER_SILENT",
        "OPERATION_TIMEOUT_SHORT",
        "RESOURCE_NOT_MONITORED",
        "RESOURCE_UNMANAGED",
        "RESOURCE_CLONED",
        "FENCING_OFF",
    }
)
_PROVIDER = "ec2kit"
_DEFAULT_TIMEOUT = 20.0  # seconds of an operation for which nothing is said
_ADVISED = {  # seconds, by operation: what the agents' meta-data say
    name: float(found[1])
    for name in ("start", "stop", "monitor")
    if (found := re.search(r'timeout="([0-9]+)s"', agents.ACTIONS[name]))
}
_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6}
_UNITS |= {"m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_TRUE, _FALSE = {"true", "on", "yes", "y", "1"}, {"false", "off", "no", "n", "0"}


@dataclass(frozen=True)
class Primitive:
    """A resource of one of the kit's agents. agent: `ocf:ec2kit:route`. named: what it moves, or why nobody knows."""

    id: str
    agent: str
    named: agents.Parameters | KitError
    set_up: SetUp


@dataclass(frozen=True)
class _Place:
    """Where a primitive stands: itself and its template, with all that they are in, the nearest first."""

    id: str
    own: tuple[Element, ...]
    around: tuple[Element, ...] = ()


@dataclass(frozen=True)
class _Cib:
    """The whole, with what a reference finds. node: this node's name."""

    root: Element
    node: str
    by_id: Mapping[str, Element] = field(default_factory=dict)

    def sets(self, element: Element, tag: str) -> Iterator[Element]:
        """The children of that name, those that are references followed; without those that are not for this node.

        The one of the highest score comes first.
        """
        found = [self.by_id.get(each.get("id-ref", ""), each) for each in element.findall(tag)]
        for each in sorted(found, key=_score, reverse=True):
            if all(map(self._met, each.findall("rule"))):
                yield each

    def unclear(self, elements: Iterable[Element], tag: str) -> bool:
        """Whether one of their sets depends on what is not known here."""
        sets = (self.by_id.get(each.get("id-ref", ""), each) for element in elements for each in element.findall(tag))
        return any(self._met(rule) is None for each in sets for rule in each.findall("rule"))

    def _met(self, rule: Element) -> bool | None:
        """Whether a rule is met here, where it is about the node's name alone; None: that is not known."""
        told = list(rule)
        if len(told) != 1 or told[0].tag != "expression" or told[0].get("attribute") != "#uname" or not self.here:
            return None
        same = told[0].get("value") == self.node
        return {"eq": same, "ne": not same}.get(told[0].get("operation", ""))

    def values(self, elements: Iterable[Element], tag: str) -> dict[str, str]:
        """Names and values of their sets; of several that name the same the first one counts."""
        found: dict[str, str] = {}
        for element in elements:
            for each in self.sets(element, tag):
                for pair in each.findall("nvpair"):
                    real = self.by_id.get(pair.get("id-ref", ""), pair)
                    found.setdefault(real.get("name", ""), real.get("value", ""))
        return found

    def of(self, path: str, tag: str = "meta_attributes") -> dict[str, str]:
        """The values of the whole cluster at a place of the configuration."""
        return self.values(self.root.findall(f"configuration/{path}"), tag)

    @property
    def here(self) -> list[Element]:
        """This node, where the cluster has one of its name."""
        return [each for each in self.root.findall("configuration/nodes/node") if each.get("uname") == self.node]

    @property
    def properties(self) -> dict[str, str]:
        """The cluster's own."""
        return self.of("crm_config", "cluster_property_set")


def read(text: str, node: str) -> list[Primitive]:
    """The resources of the kit's agents, by id. Raises Unavailable when it is not a CIB."""
    cib = _parsed(text, node)
    try:
        found = [_primitive(place, cib) for place in _places(cib)]
    except RecursionError:
        raise Unavailable("Pacemaker's configuration is nested too deeply", "See it: cibadmin --query") from None
    return sorted(found, key=lambda each: each.id)


def shown(text: str) -> str:
    """The primitives of the kit's agents, and the templates that they go by, as others may see them.

    Raises Unavailable when it is not a CIB.
    """
    from xml.etree import ElementTree as ET

    told: list[str] = []
    for place in _places(_parsed(text, "")):
        told += [f"in {each.tag} {one_line(each.get('id', ''))}:" for each in reversed(place.around)]
        for element in place.own:
            for each in element.iter("nvpair"):
                if scrub.is_secret(each.get("name", "")):
                    each.set("value", scrub.OUT)
            told.append(ET.tostring(element, encoding="unicode").strip())
    return "".join(f"{each}\n" for each in told)


def _parsed(text: str, node: str) -> _Cib:
    from xml.etree import ElementTree as ET

    unknown = Unavailable("Pacemaker's cibadmin shows something in an unknown form", "See it: cibadmin --query")
    if "<!" in text:  # neither entities nor a DTD: Pacemaker writes none
        raise unknown
    try:
        root = ET.fromstring(text)  # noqa: S314  the cluster's own, and without entities
    except (ET.ParseError, ValueError):
        raise unknown from None
    if root.tag != "cib" or root.find("configuration") is None:
        raise unknown
    return _Cib(root, node, {each.get("id", ""): each for each in root.iter() if each.get("id")})


def _places(cib: _Cib) -> Iterator[_Place]:
    """Where each primitive of the kit's agents stands."""

    def inside(element: Element, around: tuple[Element, ...]) -> Iterator[_Place]:
        for each in element:
            if each.tag in {"group", "clone", "master"}:
                yield from inside(each, (each, *around))
            template = cib.by_id.get(each.get("template", ""))
            own = (each, *([] if template is None else [template]))
            kind, provider = (next(filter(None, (e.get(name) for e in own)), "") for name in ("type", "provider"))
            if each.tag == "primitive" and provider == _PROVIDER and kind in agents.AGENTS:
                yield _Place(each.get("id", ""), own, around)

    for resources in cib.root.findall("configuration/resources"):
        yield from inside(resources, ())


def _primitive(place: _Place, cib: _Cib) -> Primitive:
    kind = next(filter(None, (each.get("type") for each in place.own)))
    given = cib.values(place.own, "instance_attributes")
    named: agents.Parameters | KitError
    try:
        named = agents.parameters(agents.AGENTS[kind], {f"OCF_RESKEY_{name}": text for name, text in given.items()})
    except Misconfigured as error:
        named = error
        if cib.unclear(place.own, "instance_attributes"):
            named = Unavailable(
                f"some parameters of {place.id} depend on a rule that the kit does not read", error.cure
            )
    meta = cib.values((*place.own, *place.around), "meta_attributes")
    meta = cib.of("rsc_defaults") | meta
    problems = (
        *_time_outs(place, cib),
        *_not_monitored(place, cib),
        *_unmanaged(place, meta, cib),
        *_cloned(place, cib),
        *_unfenced(cib),
    )
    return Primitive(place.id, f"ocf:{_PROVIDER}:{kind}", named, SetUp(problems, FINDS))


def _operations(place: _Place, cib: _Cib) -> list[dict[str, str]]:
    """The operations that are set up, each with its attributes."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for element in place.own:
        for operations in cib.sets(element, "operations"):
            for each in operations.findall("op"):
                real = cib.by_id.get(each.get("id-ref", ""), each)
                told = {**cib.values([real], "meta_attributes"), **real.attrib}
                found.setdefault((told.get("name", ""), told.get("interval", "0")), told)
    return [each for each in found.values() if each.get("enabled", "true").lower() not in _FALSE]


def _recurring(operation: Mapping[str, str]) -> bool:
    """Whether it watches the resource again and again where it runs."""
    often = operation.get("name") == "monitor" and (_seconds(operation.get("interval", "")) or 0.0) > 0
    return often and operation.get("role", "Started") != "Stopped"


def _time_outs(place: _Place, cib: _Cib) -> list[Problem]:
    """Operations with less time than the agents advise. One that is not set up has the cluster's default."""
    operations = _operations(place, cib)
    default = cib.of("op_defaults").get("timeout", f"{_DEFAULT_TIMEOUT:g}s")
    short = []
    for name, advised in _ADVISED.items():
        mine = [each for each in operations if each.get("name") == name and (name != "monitor" or _recurring(each))]
        if name == "monitor" and not mine:  # told by another check
            continue
        told = [each.get("timeout", default) for each in mine] or [default]
        short += [(name, text, advised) for text in told if (_seconds(text) or advised) < advised]
    if not short:
        return []
    what = ", ".join(f"{name} has {text}" for name, text, _ in short)
    wanted = " ".join(f"op {name} timeout={advised:g}s" for name, _, advised in dict.fromkeys(short))
    cure = f"crm configure edit {place.id}, or pcs resource update {place.id}: {wanted}"
    return [
        _problem("OPERATION_TIMEOUT_SHORT", f"{place.id} is given less time than the agent advises: {what}", cure)
    ]


def _not_monitored(place: _Place, cib: _Cib) -> list[Problem]:
    if any(map(_recurring, _operations(place, cib))):
        return []
    what = f"{place.id} has no recurring monitor: a loss is not noticed while the node lives"
    times = "op monitor interval=30s timeout=60s"
    cure = f"crm configure monitor {place.id} 30s:60s, or pcs resource update {place.id} {times}"
    return [_problem("RESOURCE_NOT_MONITORED", what, cure)]


def _unmanaged(place: _Place, meta: Mapping[str, str], cib: _Cib) -> list[Problem]:
    """What keeps Pacemaker from starting it here."""
    found = []
    if meta.get("is-managed", "").lower() in _FALSE or meta.get("maintenance", "").lower() in _TRUE:
        cure = f"crm resource manage {place.id}, or pcs resource manage {place.id}"
        found.append((f"{place.id} is not managed (is-managed, maintenance): Pacemaker does not move it", cure))
    if cib.properties.get("maintenance-mode", "").lower() in _TRUE:
        cure = "crm configure property maintenance-mode=false, or pcs property set maintenance-mode=false"
        found.append(("the cluster is in maintenance mode: Pacemaker moves nothing", cure))
    if meta.get("target-role", "").lower() == "stopped":
        cure = f"crm resource start {place.id}, or pcs resource enable {place.id}"
        found.append((f"{place.id} is disabled (target-role=Stopped): Pacemaker starts it nowhere", cure))
    state = cib.values(cib.here, "instance_attributes")
    if state.get("standby", "").lower() in _TRUE:
        cure = f"crm node online {cib.node}, or pcs node unstandby {cib.node}"
        found.append((f"{cib.node} is in standby: Pacemaker starts nothing here", cure))
    if state.get("maintenance", "").lower() in _TRUE:
        cure = f"crm node ready {cib.node}, or pcs node unmaintenance {cib.node}"
        found.append((f"{cib.node} is in maintenance mode: Pacemaker moves nothing here", cure))
    return [_problem("RESOURCE_UNMANAGED", what, cure) for what, cure in found]


def _cloned(place: _Place, cib: _Cib) -> list[Problem]:
    """The agents refuse to start as one of several copies, on every node."""
    clone = next((each for each in place.around if each.tag in {"clone", "master"}), None)
    if clone is None:
        return []
    nodes = len(cib.root.findall("configuration/nodes/node"))
    told = cib.values([clone], "meta_attributes").get("clone-max", str(nodes))
    if not re.fullmatch("[0-9]{1,6}", told) or int(told) <= 1:
        return []
    what = (
        f"{place.id} is a clone on up to {int(told)} nodes, so the agent does not start: its address is on one alone"
    )
    cure = f"pcs resource unclone {place.id}, or crm configure delete {clone.get('id', '')}"
    return [Problem(what, cure, code="RESOURCE_CLONED")]


def _unfenced(cib: _Cib) -> list[Problem]:
    told = cib.properties
    devices = any(each.get("class") == "stonith" for each in cib.root.iter("primitive"))
    watchdog = (_seconds(told.get("stonith-watchdog-timeout", "")) or 0.0) > 0
    if told.get("stonith-enabled", "true").lower() in _FALSE:
        what = (
            "fencing is off (stonith-enabled=false): when a stop fails, the address is not moved until a person acts"
        )
    elif not devices and not watchdog:
        what = "fencing is on, and there is no fencing device: Pacemaker starts nothing so"
    else:
        return []
    return [_problem("FENCING_OFF", what, "Set up fence_aws: docs/pacemaker.md, Fencing")]


def _problem(code: str, what: str, cure: str) -> Problem:
    return Problem(what, cure, fatal=False, code=code)


def _score(each: Element) -> float:
    """Which of several sets comes first."""
    text = each.get("score", "0")
    if text.lstrip("+-") == "INFINITY":
        return -math.inf if text.startswith("-") else math.inf
    return float(text) if re.fullmatch("[+-]?[0-9]{1,9}", text) else 0.0


def _seconds(text: str) -> float | None:
    """A time as Pacemaker writes it, in seconds; None for one of another form."""
    if iso := re.fullmatch(r"PT(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})S)?", text.strip()):
        hours, minutes, seconds = (int(each or 0) for each in iso.groups())
        return 3600.0 * hours + 60.0 * minutes + seconds
    found = re.fullmatch(r"([0-9]{1,9})\s*([a-z]*)", text.strip().lower())
    return int(found[1]) * _UNITS[found[2]] if found and found[2] in _UNITS else None
