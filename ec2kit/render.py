"""A verb's outcome for people (tables, colour only on a terminal) and for programs (one JSON object)."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any

from ec2kit.errors import ExitCode, KitError
from ec2kit.look import Report, View
from ec2kit.model import Resource, RouteResource
from ec2kit.routes import RouteView
from ec2kit.steps import Plan, Step

_ENDLESS = 10_000  # columns, of what is not a terminal
_ID = 24  # characters, with room to spare: an id of EC2's has 21


@dataclass(frozen=True)
class Told:
    """All there is to tell about one run of a verb. error: why it did not succeed."""

    verb: str
    resource: Resource
    report: Report
    error: KitError | None
    seconds: float

    @property
    def code(self) -> ExitCode:
        """The exit code."""
        return self.error.code if self.error else ExitCode.OK

    @property
    def held(self) -> bool | None:
        """Whether this node holds the address; None when nobody knows."""
        if self.code is ExitCode.NOT_HELD:
            return self.verb == "release"
        if self.error or self.report.view is None:
            return None
        return not self.report.todo if self.verb == "plan" else self.verb != "release"

    @property
    def summary(self) -> str:
        """The one sentence that tells it."""
        if self.error:
            return self.error.why
        here = f" by {self.report.site.node}" if self.report.site else ""
        if self.report.todo:
            return f"{self.resource} is not held{here}; hold would:"
        if self.report.site is None:
            return f"{self.resource} stays as it is; the node that takes over moves it."
        return f"{self.resource} is {'not ' if self.verb == 'release' else ''}held{here}."


def as_json(told: Told) -> dict[str, Any]:
    """One object: verb, resource, outcome, exit_code, held (null: unknown), summary, cure, node, view, steps, ..."""
    report, site = told.report, told.report.site
    return {
        "verb": told.verb,
        "resource": _resource_json(told.resource),
        "outcome": told.code.name,
        "exit_code": int(told.code),
        "held": told.held,
        "summary": told.summary,
        "cure": told.error.cure if told.error else "",
        "node": {**asdict(site.node), "cidrs": [str(cidr) for cidr in site.node.cidrs]} if site else None,
        "view": asdict(report.view) if report.view else None,
        "steps": [_step_json(step) for step in report.done],
        "todo": [[_step_json(step) for step in batch] for batch in report.todo],
        "api_calls": site.ec2.attempts if site else None,
        "seconds": round(told.seconds, 3),
    }


def _resource_json(resource: Resource) -> dict[str, Any]:
    if isinstance(resource, RouteResource):
        named = {"destination": resource.destination, "tables": sorted(resource.tables)}
        return {"kind": resource.kind, "interface": resource.interface, **named}
    return {"kind": resource.kind, "interface": resource.interface, "public_ip": str(resource.public_ip)}


def _step_json(step: Step) -> dict[str, Any]:
    return {"step": type(step).__name__, **asdict(step)}


def as_text(told: Told, *, brief: bool = False) -> None:
    """Print it to standard output; a failure's sentence to standard error, as the last line.

    brief: only that sentence, for when the time is up: loading what draws tables may take longer than is left.
    """
    if not brief:
        _print_tables(told)
    if told.error is not None:
        sys.stdout.flush()
        _print_failure(told, plain=brief or not sys.stderr.isatty())


def _print_tables(told: Told) -> None:
    from rich.text import Text

    report = told.report
    out = screen()
    if told.error is None:
        name, style = ("PLAN", "bold yellow") if report.todo else ("OK", "bold green")
        calls = f", {report.site.ec2.attempts} API calls" if report.site else ""
        out.print(Text.assemble((name, style), f" {told.summary}", (f"  ({told.seconds:.2f} s{calls})", "dim")))
    for line in [str(step) for step in report.done] or _plan_lines(report.todo):
        out.print(Text(f"  - {line}"))
    if report.view:
        out.print(whole(view_table(report.view)))


def _print_failure(told: Told, *, plain: bool) -> None:
    why = f" {told.verb} {told.resource}: {told.summary}"
    if plain:
        sys.stderr.write(f"{told.code.name}{why}\n")
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text.assemble((told.code.name, "bold red"), why))


def _plan_lines(todo: Plan) -> list[str]:
    return [str(step) for batch in todo for step in batch]


def screen() -> Any:
    """Standard output as a rich console: a terminal's lines break between words, those of a pipe or a file never."""
    from rich.console import Console

    out = Console()
    return out if out.is_terminal else Console(soft_wrap=True, width=_ENDLESS)


def whole(table: Any) -> Any:
    """The same rich table, with nothing in it shortened.

    Where the terminal is too narrow for it, sentences and long names take several lines; ids and words stay in one.
    """
    from rich.cells import cell_len

    for column in table.columns:
        column.overflow = "fold"
        cells = [line for each in (column.header, *column.cells) for line in str(each).splitlines()]
        widest = max(map(cell_len, cells), default=0)
        if widest <= _ID and not any(" " in str(cell) for cell in column.cells):
            column.width = widest
    return table


def view_table(view: View) -> Any:
    """The view as a rich table: each route table's target, or the address's association."""
    from rich.table import Table

    if isinstance(view, RouteView):
        table = Table("Route table", "Target", "State", "")
        for entry in view.entries:
            table.add_row(entry.table, entry.target, entry.state, "this node" if entry.target == view.eni else "")
        for name in view.missing:
            table.add_row(name, "-", "missing", "")
        return table
    table = Table("Elastic IP", "Associated with", "Private IP", "Link", "")
    association = view.association
    where = (association.eni or "another kind of target") if association else "nothing"
    link = {True: "up", False: "down", None: "not checked"}[view.link]
    here = "this node" if view.associated_here else ""
    table.add_row(view.public_ip, where, (association.private_ip or "-") if association else "-", link, here)
    return table
