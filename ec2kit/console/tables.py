"""Tables for people; colour only on a terminal. What is not a terminal gets each sentence and each table whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ec2kit.core.kinds.route import RouteView
from ec2kit.lifekeeper.contract import IN_SERVICE

if TYPE_CHECKING:  # a verb's outcome needs nothing of LifeKeeper's
    from ec2kit.core.kinds.elastic_ip import ElasticIpView
    from ec2kit.core.kinds.known import View
    from ec2kit.lifekeeper.history import Entry
    from ec2kit.lifekeeper.properties import Properties, Property
    from ec2kit.lifekeeper.status import Part, Status

_ENDLESS = 10_000  # columns, of what is not a terminal
_ID = 24  # characters, with room to spare: an id of EC2's has 21
_VERDICT = {"held": "bold green", "lost": "bold red", "unknown": "bold yellow", "held, but out of service": "yellow"}
_LINK = {True: "up", False: "down", None: "not checked"}
_DEFAULTS = {"ec2-url": "the Region's", "profile": "the instance's role", "region": "the instance's"}


def screen() -> Console:
    """Standard output: a terminal's lines break between words, those of a pipe or a file never."""
    out = Console()
    return out if out.is_terminal else Console(soft_wrap=True, width=_ENDLESS)


def view_table(view: View, nodes: Mapping[str, str]) -> Table:
    """What EC2 shows: each route table's target, or the Elastic IP's association. nodes: ENIs and whose they are."""
    return _route_table(view, nodes) if isinstance(view, RouteView) else _elastic_ip_table(view, nodes)


def _route_table(view: RouteView, nodes: Mapping[str, str]) -> Table:
    rows = [(entry.table, entry.target, entry.state, nodes.get(entry.target, "")) for entry in view.entries]
    rows += [(name, "-", "missing", "") for name in view.missing]
    return table(("Route table", "Target", "State", ""), rows)


def _elastic_ip_table(view: ElasticIpView, nodes: Mapping[str, str]) -> Table:
    there = view.association
    where = (there.eni or "another kind of target") if there else "nothing"
    row = (view.public_ip, where, (there.private_ip or "-") if there else "-", _LINK[view.link], nodes.get(where, ""))
    return table(("Elastic IP", "Associated with", "Private IP", "Link", ""), [row])


def show_status(found: Iterable[Status]) -> None:
    """Print what `ec2kit status` has collected: per resource its systems, what EC2 shows, and the last actions."""
    out = screen()
    for status in found:
        out.print(Text.assemble((status.tag, "bold"), f"  {status.resource}"))
        out.print(_systems_table(status.parts))
        for part in status.parts:
            if part.why and part.verdict != "not here":
                out.print(Text(f"{part.system}: {part.why}"))
        for view in _views(status.parts)[:1]:
            nodes = {part.eni: f"{part.system} {part.interface}" for part in status.parts if part.eni}
            out.print(view_table(view, nodes))
        _show_actions(status.parts, out)
        out.print()


def _views(parts: Iterable[Part]) -> list[View]:
    """What the systems have seen, first of all the one that has it in service."""
    return [part.view for part in sorted(parts, key=lambda part: part.state != IN_SERVICE) if part.view]


def _systems_table(parts: Iterable[Part]) -> Table:
    rows = [
        (
            part.system,
            part.state,
            part.switchback,
            Text(part.verdict, _VERDICT.get(part.verdict, "")),
            _when(part.since),
        )
        for part in parts
    ]
    return table(("System", "LifeKeeper", "Switchback", "EC2 says", "Since"), rows)


def _show_actions(parts: Iterable[Part], out: Console) -> None:
    """The last actions on all systems, in order; below them why one did not succeed."""
    done = sorted(((part.system, entry) for part in parts for entry in part.actions), key=lambda row: row[1].at)
    if done:
        out.print(table(("Last actions", "System", "Action", "Outcome", "Seconds"), [_action(*row) for row in done]))
    for system, entry in done:
        if entry.outcome != "OK":
            out.print(Text(f"{_when(entry.at)} {entry.action} on {system}: {entry.what}"))


def _action(system: str, entry: Entry) -> tuple[str, ...]:
    return _when(entry.at), system, entry.action, entry.outcome, f"{entry.seconds:.1f}"


def _when(at: float | None) -> str:
    """A time for people; a dash for none, and for one outside of every calendar, as a damaged file may have it."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "-"
    except (OverflowError, ValueError, OSError):
        return "-"


def show_properties(found: Properties) -> None:
    """Print a resource's properties: what all systems share, then one column a system."""
    out, here = screen(), found.here
    out.print(Text.assemble((here.tag, "bold"), f"  {found.resource}, {here.app}/{here.type}, id {here.id}"))
    for word, tags in (("parents", found.parents), ("children", found.children)):
        out.print(Text(f"{word}: {', '.join(tags) or '-'}"))
    systems = {system: found.of(system) for system in found.instances}
    names = list(dict.fromkeys(name for each in systems.values() for name in each))
    rows = [(name, *(_cell(name, each.get(name)) for each in systems.values())) for name in names]
    out.print(table(("Property", *systems), rows))


def _cell(name: str, value: Property) -> str:
    if isinstance(value, list):
        return "\n".join(value) or "-"
    return str(value) if value is not None else _DEFAULTS.get(name, "-")


def table(headings: Iterable[str], rows: Iterable[tuple[str | Text, ...]]) -> Table:
    """A table with nothing in it shortened, and every text as it is: no markup is looked for in it.

    Where the terminal is too narrow for it, sentences and long names take several lines; ids and words stay in one.
    """
    made = Table()
    for heading in headings:
        made.add_column(Text(heading))
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    for column in made.columns:
        column.overflow = "fold"
        cells = [line for each in (column.header, *column.cells) for line in str(each).splitlines()]
        widest = max(map(cell_len, cells), default=0)
        if widest <= _ID and not any(" " in str(cell) for cell in column.cells):
            column.width = widest
    return made
