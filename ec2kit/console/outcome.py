"""A verb's outcome, for people (tables, colour only on a terminal) and for programs (one JSON object)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ec2kit.core import schema
from ec2kit.core.errors import ExitCode, KitError
from ec2kit.core.kinds.kind import Resource
from ec2kit.core.messages import Level
from ec2kit.core.schema import Object
from ec2kit.core.steps import changes_of, steps_of
from ec2kit.core.words import one_line
from ec2kit.verbs.run import Record

if TYPE_CHECKING:
    from rich.console import Console

_SIGNS = {"~": "change", "+": "add", "-": "remove"}


@dataclass(frozen=True)
class Outcome:
    """All there is to tell about one run of a verb. error: why it did not succeed; ended: the exit code.

    The two differ where plan could look, and has found nothing that hold could do.
    """

    verb: str
    resource: Resource
    record: Record
    error: KitError | None
    seconds: float
    ended: int

    @property
    def code(self) -> ExitCode:
        """The exit code of what it came to."""
        return self.error.code if self.error else ExitCode.OK

    @property
    def held(self) -> bool | None:
        """Whether this node holds the address; None when nobody knows."""
        if self.code is ExitCode.NOT_HELD:
            return self.verb == "release"
        if self.error or self.record.view is None:
            return None
        return not self.record.todo if self.verb == "plan" else self.verb != "release"

    @property
    def summary(self) -> str:
        """The one sentence that tells it."""
        if self.error:
            return self.error.why
        here = f" by {self.record.site.node}" if self.record.site else ""
        if self.record.todo:
            has = f", but by {', '.join(map(str, self.record.elsewhere))}" if self.record.elsewhere else ""
            return f"{self.resource} is not held{here}{has}; hold would:"
        if self.record.site is None:
            return f"{self.resource} stays as it is; the node that takes over moves it."
        had = f"; {', '.join(map(str, self.record.elsewhere))} had it before" if self.record.elsewhere else ""
        return f"{self.resource} is {'not ' if self.verb == 'release' else ''}held{here}{had}."

    @property
    def level(self) -> Level:
        """How severe the one line is: what is not known is a warning, as for a monitor."""
        return {ExitCode.OK: Level.NOTIFY, ExitCode.UNAVAILABLE: Level.WARN}.get(self.code, Level.ERROR)

    @property
    def line(self) -> str:
        """All of it as one line of a log."""
        record = self.record
        about = f" {self.resource}" if self.error else ""
        done = f" Done: {'; '.join(map(str, record.done))}." if record.done else ""
        todo = "".join(f" {step};" for step in steps_of(record.todo)).rstrip(";")
        calls = f", {record.site.ec2.attempts} API calls" if record.site else ""
        name = "PLAN" if record.todo else self.code.name
        return f"{name} {self.verb}{about}: {self.summary}{todo}{done} ({self.seconds:.2f} s{calls})"

    def as_json(self) -> Object:
        """All of it as one JSON object."""
        record, site = self.record, self.record.site
        return schema.VERSION | {
            "verb": self.verb,
            "resource": {"kind": self.resource.kind, "interface": self.resource.interface, **self.resource.as_json()},
            "outcome": self.code.name,
            "exit_code": int(self.ended),
            "held": self.held,
            "summary": self.summary,
            "cure": self.error.cure if self.error else "",
            "node": schema.node(site.node) if site else None,
            "view": record.view.as_json() if record.view else None,
            "steps": [step.as_json() for step in record.done],
            "todo": [[step.as_json() for step in batch] for batch in record.todo],
            "elsewhere": [each.as_json() for each in record.elsewhere],
            "changes": [change.as_json() for change in changes_of(record.done or steps_of(record.todo))],
            "mark": record.mark or None,
            "api_calls": site.ec2.attempts if site else None,
            "seconds": round(self.seconds, 3),
        }

    def show(self, *, brief: bool = False) -> None:
        """Print it to standard output; a failure's sentence to standard error, as the last line.

        brief: only that sentence, for when the time is up: loading what draws tables may take longer than is left.
        Where tables cannot be drawn at all, the sentence is all there is, too.
        """
        if not brief:
            try:
                self._show_tables()
            except Exception as fault:  # noqa: BLE001  a damaged package, or want of memory: the code stands already
                brief = True
                sys.stderr.write(f"the tables cannot be shown ({type(fault).__name__}: {fault})\n")
                if self.error is None:
                    print(f"OK {one_line(self.summary)}")
        if self.error is not None:
            sys.stdout.flush()
            self._show_failure(self.error, plain=brief or not sys.stderr.isatty())

    def _show_tables(self) -> None:
        from rich.text import Text

        from ec2kit.console import tables

        record = self.record
        out = tables.screen()
        if self.error is None:
            name, style = ("PLAN", "bold yellow") if record.todo else ("OK", "bold green")
            calls = f", {record.site.ec2.attempts} API calls" if record.site else ""
            summary = one_line(f" {self.summary}")
            out.print(Text.assemble((name, style), summary, (f"  ({self.seconds:.2f} s{calls})", "dim")))
        for step in record.done or steps_of(record.todo):
            tables.line(out, f"  * {step}")
        if record.mark:
            self._show_plan(out)
        if record.view:
            tables.show_view(record.view, {str(record.view.seat): "this node"}, out)

    def _show_plan(self, out: Console) -> None:
        """Print what would become another, how much that is, and the mark of what was seen."""
        from ec2kit.console import tables

        changes = changes_of(steps_of(self.record.todo))
        for change in changes:
            tables.line(out, f"  {change}")
        counts = [f"{sum(each.sign == sign for each in changes)} to {verb} ({sign})" for sign, verb in _SIGNS.items()]
        mark = self.record.mark
        tables.line(out, f"Plan: {', '.join(counts)}. Mark: {mark}")
        tables.line(out, f"To do this and nothing else: hold with the same options and --if-plan {mark}")

    def _show_failure(self, error: KitError, *, plain: bool) -> None:
        why = one_line(f" {self.verb} {self.resource}: {error.why}")
        if plain:
            sys.stderr.write(f"{self.code.name}{why}\n")
            return
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True, soft_wrap=True).print(Text.assemble((self.code.name, "bold red"), why))
