"""What status and properties tell, as tables for people; colour only on a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ec2kit.render import screen, whole


def status_text(found: list[dict[str, Any]]) -> None:
    """Print what `ec2kit status` has collected: per resource its systems, what EC2 shows, and the last actions."""
    from rich.text import Text

    out = screen()
    for told in found:
        out.print(Text.assemble((told["tag"], "bold"), f"  {told['resource']}"))
        out.print(whole(_systems_table(told["systems"])))
        for part in told["systems"]:
            if part["why"] and part["verdict"] != "not here":
                out.print(Text(f"{part['system']}: {part['why']}"))
        if shown := _shown(told["systems"]):
            out.print(whole(shown))
        if done := _done(told["systems"]):
            out.print(whole(_actions_table(done)))
        for at, system, entry in done:
            if entry["outcome"] != "OK":
                out.print(Text(f"{_when(at)} {entry['action']} on {system}: {entry['what']}"))
        out.print()


_VERDICT = {"held": "bold green", "lost": "bold red", "unknown": "bold yellow", "held, but out of service": "yellow"}


def _systems_table(parts: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("System", "LifeKeeper", "Switchback", "EC2 says", "Since")
    for part in parts:
        verdict = Text(part["verdict"], _VERDICT.get(part["verdict"], ""))
        table.add_row(part["system"], part["state"], part["switchback"], verdict, _when(part["since"]))
    return table


def _shown(parts: list[dict[str, Any]]) -> Any:
    """What EC2 shows right now, as seen from the system that has it in service; ENIs by their systems' names."""
    from rich.table import Table

    views = [part["view"] for part in sorted(parts, key=lambda part: part["state"] != "ISP") if part["view"]]
    if not views:
        return None
    names = {part["eni"]: f"{part['system']} {part['interface']}" for part in parts if part["eni"]}
    if "entries" in views[0]:
        table = Table("Route table", "Target", "State", "is")
        for entry in views[0]["entries"]:
            table.add_row(entry["table"], entry["target"], entry["state"], names.get(entry["target"], ""))
        for missing in views[0]["missing"]:
            table.add_row(missing, "-", "missing", "")
        return table
    table = Table("Elastic IP", "Associated with", "Private IP", "is")
    association = views[0]["association"] or {}
    eni = association.get("eni") or "nothing"
    table.add_row(views[0]["public_ip"], eni, association.get("private_ip") or "-", names.get(eni, ""))
    return table


def _done(parts: list[dict[str, Any]]) -> list[tuple[float, str, dict[str, Any]]]:
    """The last actions on all systems, in order: when, where, what its history has."""
    done = [(entry["at"], part["system"], entry) for part in parts for entry in part["actions"]]
    return sorted(done, key=lambda row: row[0])


def _actions_table(done: list[tuple[float, str, dict[str, Any]]]) -> Any:
    from rich.table import Table

    table = Table("Last actions", "System", "Action", "Outcome", "Seconds")
    for at, system, entry in done:
        table.add_row(_when(at), system, entry["action"], entry["outcome"], f"{entry['seconds']:.1f}")
    return table


def _when(at: float | None) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "-"


def properties_text(found: dict[str, Any]) -> None:
    """Print a resource's properties: what all systems share, then one column a system."""
    from rich.table import Table
    from rich.text import Text

    out = screen()
    out.print(Text.assemble((found["tag"], "bold"), f"  {found['resource']}, {found['type']}, id {found['id']}"))
    for word in ("parents", "children"):
        out.print(Text(f"{word}: {', '.join(found[word]) or '-'}"))
    systems = found["systems"]
    table = Table("Property", *systems)
    for key in next(iter(systems.values())):
        table.add_row(key, *(_cell(key, each.get(key)) for each in systems.values()))
    out.print(whole(table))


def _cell(key: str, value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value) or "-"
    default = {"ec2-url": "the Region's", "profile": "the instance's role", "region": "the instance's"}
    return str(value) if value is not None else default.get(key, "-")
