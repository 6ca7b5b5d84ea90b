"""The hierarchy from the command line: create, extend, in service, out of service, through LifeKeeper's programs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from ec2kit import contract, lifekeeper, messages
from ec2kit.deadline import Deadline
from ec2kit.entry import attempt, read_settings, system_name
from ec2kit.errors import ExitCode, KitError, Misconfigured, NotHeld, Unavailable
from ec2kit.hierarchy import SWITCHBACK
from ec2kit.lcd import ALREADY_EXISTS, NOT_THERE, Lcd
from ec2kit.log import Journal
from ec2kit.settings import Settings

# An action's own budget, twice (remove on one system, restore on the other), and LifeKeeper's own work.
_PATIENCE = 900
_SCRIPTS = f"lkadm/subsys/{contract.APP}/{contract.TYPE}/bin"


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Carry out one command of the hierarchy; the exit code."""
    if options.verb == "create":
        _create(arguments)
    settings, notes = read_settings()
    log = Journal(options.verb, options.tag)
    for message, facts in notes:
        log.say(message, **facts)
    lcd = Lcd(settings.lkroot, Deadline(_PATIENCE))

    def work() -> None:
        if options.verb == "extend":
            _extend(options, settings, lcd)
        else:
            _perform(options.verb, options.tag, system_name(settings), lcd)

    outcome = attempt(work, log)
    if isinstance(outcome, KitError):
        log.say(messages.FAILED, why=outcome.why)
        return outcome.code
    return ExitCode.OK


def _perform(verb: str, tag: str, system: str, lcd: Lcd) -> None:
    """In service or out of service, as LifeKeeper's core does it; its own lines are shown as they come."""
    words = verb.replace("-", " ")
    if lcd.instance(tag) is None:
        raise Misconfigured(f'there is no resource "{tag}" on {system}', "See the tags with ins_list")
    action = "restore" if verb == "in-service" else "remove"
    code, _ = lcd.run("perform_action", "-t", tag, "-a", action, accept=range(1, 256))
    if code:
        raise NotHeld(f"{tag} could not be brought {words} on {system}", "The lines above tell why")
    print(f"{tag} is {words} on {system}.")


def _create(arguments: Sequence[str]) -> NoReturn:
    lifekeeper.main("create", arguments)


def _extend(options: argparse.Namespace, settings: Settings, lcd: Lcd) -> None:
    """What LifeKeeper's extend manager does, in its steps and words, where there is none."""
    tag, to, system = options.tag, options.to, system_name(settings)
    if lcd.instance(tag) is None:
        raise Misconfigured(f'there is no resource "{tag}" on {system}', "Extend it on a system that has it")
    if lcd.instance(tag, system=to) is not None:
        raise Misconfigured(f"{tag} is extended to {to} already", "Nothing is left to do")
    print("Building independent resource list")
    print("Checking existence of extend and canextend scripts")
    print(f"Checking extendability for {tag}")
    interface = [options.interface] if options.interface else []
    _remote(lcd, settings, to, "canextend", system, tag, *interface)
    print("Pre Extend checks were successful")
    print(f"Extending resource instances for {tag}")
    _remote(lcd, settings, to, "extend", system, tag, *interface)
    try:
        _complete(options, system, lcd)
    except KitError:
        print(f"Taking {tag} on {to} back")
        for parent in _parents(tag, lcd, "-d", to):
            lcd.run("dep_remove", "-d", to, "-p", parent, "-c", tag)
        lcd.run("ins_remove", "-d", to, "-t", tag)
        raise
    print("Hierarchy successfully extended")


def _complete(options: argparse.Namespace, system: str, lcd: Lcd) -> None:
    """Make the new instance part of the hierarchy: dependencies, switchback, equivalency."""
    tag, to = options.tag, options.to
    print("Creating equivalencies")
    priorities = ("-p", str(options.template_priority), "-r", str(options.target_priority))
    lcd.run("eqv_create", "-t", tag, *priorities, "-S", to, "-o", tag, "-e", "SHARED")
    print("Creating dependencies")
    for parent in _parents(tag, lcd):
        if lcd.instance(parent, system=to) is not None:
            lcd.run("dep_create", "-d", to, "-p", parent, "-c", tag, accept=[ALREADY_EXISTS])
    print("Setting switchback type for hierarchy")
    for where in (system, to):
        lcd.run("ins_setas", "-d", where, "-t", tag, "-s", SWITCHBACK[options.switchback])


def _parents(tag: str, lcd: Lcd, *where: str) -> list[str]:
    """The tags that depend on a resource, on this system or `-d` another."""
    _, rows = lcd.run("dep_list", *where, "-c", tag, accept=[NOT_THERE])
    return [row.split(contract.SEPARATOR)[contract.DEPENDENCY_PARENT] for row in rows.splitlines()]


def _remote(lcd: Lcd, settings: Settings, system: str, script: str, *arguments: str) -> None:
    """Run one of the kit's scripts on another system, which has LifeKeeper in the same folder."""
    code, output = lcd.run(
        "lcdremexec",
        *("-e", "-d", system, "--", f"{settings.lkroot}/{_SCRIPTS}/{script}", *arguments),
        accept=range(1, 256),
    )
    if output.strip():
        print(output.strip())
    if code:
        meaning = Unavailable if code == ExitCode.UNAVAILABLE else Misconfigured
        raise meaning(f"{script} on {system} failed with exit code {code}", "Its own log tells why, line by line")
