"""Tables for people; colour only on a terminal. A sentence is one line, on a terminal broken between words alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from ec2kit.core.words import one_line
from ec2kit.host.log import clock
from ec2kit.lifekeeper.contract import IN_SERVICE

if TYPE_CHECKING:  # a verb's outcome needs nothing of LifeKeeper's
    from ec2kit.core.history import Entry
    from ec2kit.core.kinds.kind import View
    from ec2kit.lifekeeper.properties import Properties, Property
    from ec2kit.lifekeeper.status import Part, Status
    from ec2kit.pacemaker.status import Standing

_ENDLESS = 10_000  # columns, of what is not a terminal
_ID = 24  # characters, with room to spare: an id of EC2's has 21
_LEAST = 12  # columns that a sentence needs
_VERDICT = {"held": "bold green", "lost": "bold red", "unknown": "bold yellow", "held, but out of service": "yellow"}
_DEFAULTS = {"ec2-url": "the Region's", "profile": "the instance's role", "region": "the instance's"}


def screen() -> Console:
    """Standard output; what is not a terminal gets each table as wide as it is."""
    return Console(highlight=False, width=None if Console().is_terminal else _ENDLESS)


def show_view(view: View, nodes: Mapping[str, str], out: Console) -> None:
    """Print what EC2 shows. nodes: whose an ENI is."""
    draw(out, view.headings, view.rows(nodes))


def show_status(found: Iterable[Status]) -> None:
    """Print what `ec2kit status` has collected: per resource its systems, what EC2 shows, and the last actions."""
    out = screen()
    for status in found:
        out.print(Text.assemble((one_line(status.tag), "bold"), one_line(f"  {status.resource}, {status.type}")))
        _show_systems(status.parts, out)
        for part in status.parts:
            if part.why and part.verdict != "not here":
                line(out, f"{part.system}: {part.why}")
            for problem in part.view.displacing if part.view else ():
                line(out, f"{part.system}: {problem}")
        for view in _views(status.parts)[:1]:
            nodes = {part.eni: f"{part.system} {part.interface}" for part in status.parts if part.eni}
            show_view(view, nodes, out)
        _show_actions(status.parts, out)
        out.print()


def show_standing(found: Iterable[Standing]) -> None:
    """Print what is known of Pacemaker's resources: where each runs, and what EC2 shows from here."""
    out = screen()
    for each in found:
        out.print(
            Text.assemble(
                (one_line(each.primitive.id), "bold"), one_line(f"  {each.resource}, {each.primitive.agent}")
            )
        )
        line(out, f"started on: {', '.join(each.state.nodes) or 'no node'}")
        if each.answer.view:
            show_view(
                each.answer.view,
                {each.answer.node.eni: each.here} if each.answer.node and each.answer.node.eni else {},
                out,
            )
        out.print()


def _views(parts: Iterable[Part]) -> list[View]:
    """What the systems have seen, first of all the one that has it in service."""
    return [part.view for part in sorted(parts, key=lambda part: part.state != IN_SERVICE) if part.view]


def _show_systems(parts: Iterable[Part], out: Console) -> None:
    rows = [
        (
            part.system,
            part.state,
            part.switchback,
            Text(one_line(part.verdict), _VERDICT.get(part.verdict, "")),
            _when(part.since),
        )
        for part in parts
    ]
    draw(out, ("System", "LifeKeeper", "Switchback", "EC2 says", "Since"), rows)


def _show_actions(parts: Iterable[Part], out: Console) -> None:
    """The last actions on all systems, in the order in which they began; below them why one did not succeed."""
    done = sorted(((part.system, entry) for part in parts for entry in part.actions), key=lambda row: row[1].began)
    if done:
        draw(out, ("Last actions", "System", "Action", "Outcome", "Seconds"), [_action(*row) for row in done])
    for system, entry in done:
        if entry.outcome != "OK":
            line(out, f"{_when(entry.began)} {entry.action} on {system}: {entry.what}")


def _action(system: str, entry: Entry) -> tuple[str, ...]:
    return _when(entry.began), system, entry.action, entry.outcome, f"{entry.seconds:.1f}"


def _when(at: float | None) -> str:
    """A time for people; a dash for none."""
    return clock(at) if at else "-"


def show_properties(found: Properties) -> None:
    """Print a resource's properties: what all systems share, then one column a system."""
    out, here = screen(), found.here
    systems = {system: found.of(system) for system in found.instances}
    names = list(dict.fromkeys(name for each in systems.values() for name in each))
    rows = [(name, *(_cell(name, each.get(name)) for each in systems.values())) for name in names]
    about = one_line(f"  {found.resource}, {here.app}/{here.type}, id {here.id}")
    out.print(Text.assemble((one_line(here.tag), "bold"), about))
    for word, tags in (("parents", found.parents), ("children", found.children)):
        line(out, f"{word}: {', '.join(tags) or '-'}")
    draw(out, ("Property", *systems), rows)


def _cell(name: str, value: Property) -> str:
    if isinstance(value, list):
        return "\n".join(map(one_line, value)) or "-"
    return one_line(value) if value is not None else _DEFAULTS.get(name, "-")


def line(out: Console, text: str, style: str = "") -> None:
    """Print one line, whatever the text has in it; where the terminal breaks it, its rest begins below its words."""
    words = one_line(text)
    indent = len(words) - len(words.lstrip())
    out.print(Padding(Text(words.lstrip(), style), (0, 0, 0, indent), expand=False))


def draw(out: Console, headings: Iterable[str], rows: Iterable[tuple[str | Text, ...]]) -> None:
    """Print a table with nothing in it shortened, and every text as it is: no markup is looked for in it.

    Where the terminal is too narrow for it, sentences and long names take several lines. Where even the ids and words
    have no room beside each other, each row is a block of lines: no id is ever broken.
    """
    table = Table()
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) if isinstance(cell, str) else cell for cell in row))
    kept = {number: width for number, column in enumerate(table.columns) if (width := _whole(column))}
    others = len(table.columns) - len(kept)
    if sum(kept.values()) + _LEAST * others + 3 * len(table.columns) + 1 > out.width:
        headings = [str(column.header) for column in table.columns]
        for cells in zip(*(column.cells for column in table.columns), strict=True):
            for heading, cell in zip(headings, map(str, cells), strict=True):
                if cell:
                    block = f"{heading}: {'; '.join(cell.splitlines())}".removeprefix(": ")
                    line(out, block)
            out.print()
        return
    for number, width in kept.items():
        table.columns[number].width = width
    out.print(table)


def _text(cell: str) -> Text:
    return Text("\n".join(map(one_line, cell.split("\n"))))


def _whole(column: Column) -> int | None:
    """The width of a column of ids and single words; None for one of sentences or long names."""
    cells = [str(cell) for cell in column.cells]
    widest = max(cell_len(line) for each in (str(column.header), *cells) for line in (each.splitlines() or [""]))
    return widest if widest <= _ID and not any(" " in cell for cell in cells) else None
