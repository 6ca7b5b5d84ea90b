"""The create wizard: `ec2kit create` without an option, on a terminal. It asks in the administration guide's order.

It decides nothing that create does not check again. Until Create is chosen, EC2 and LifeKeeper are only read.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from ec2kit.console.wizard import credentials, extension
from ec2kit.console.wizard.answers import (
    KINDS,
    RECOVERY_KITS,
    SWITCHBACKS,
    Answers,
    command,
    interfaces,
    ip_resources,
    offered,
)
from ec2kit.console.wizard.credentials import choices_of
from ec2kit.console.wizard.prompts import Back, Cancelled, Option, Question, choose, text, walk
from ec2kit.core.errors import ExitCode, KitError, Misconfigured
from ec2kit.core.kinds.kind import Asked, Parameter
from ec2kit.core.kinds.known import TYPES
from ec2kit.core.settings import refuse_plain_http
from ec2kit.host import guard
from ec2kit.host.deadline import INTERRUPTED
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import actions, contract, info
from ec2kit.lifekeeper.cluster import cluster_now
from ec2kit.lifekeeper.entry import terms
from ec2kit.lifekeeper.forms import Form
from ec2kit.verbs.process import attempt, forget_strangers, settings_now


def main(*, generic: bool = False) -> int:
    """Ask, create, and extend if that is wanted; the exit code, 130 when it was cancelled.

    generic: the first choice is a Generic Application.
    """
    forget_strangers()
    guard.allow(math.inf)  # a person may take all day over the answers
    guard.unknown(ExitCode.UNAVAILABLE, INTERRUPTED)
    try:
        outcome = attempt(partial(_wizard, generic=generic), Journal("create", ""))
    except KeyboardInterrupt:
        outcome = _cancelled()
    if isinstance(outcome, KitError):
        guard.verdict(outcome.code)
        print(outcome.why)
        return outcome.code
    return outcome


def _wizard(*, generic: bool) -> int:
    cluster = cluster_now()
    extended = cluster.lcd.has(contract.EXTEND_MANAGER)  # from here
    form = Form.GENERIC if generic or extended else Form.OWN
    first = Answers(cluster.system, tuple(cluster.lcd.systems()), server=cluster.system, form=str(form))
    print("Create an EC2 resource. Nothing is made before the end; Ctrl-C cancels.\n")
    try:
        made = walk(_QUESTIONS, first)
    except Cancelled:
        return _cancelled()
    return extension.run(made.name, made.server)


def _cancelled() -> int:
    print("Cancelled; nothing was created.")
    return INTERRUPTED


def _recovery_kit(answers: Answers, back: bool) -> Answers:
    return replace(answers, form=choose("Recovery kit", RECOVERY_KITS, default=answers.form, back=back))


def _switchback(answers: Answers, back: bool) -> Answers:
    chosen = choose("Switchback type", SWITCHBACKS, default=answers.switchback, back=back)
    return replace(answers, switchback=chosen)


def _server(answers: Answers, back: bool) -> Answers:
    return replace(answers, server=choose("Server", answers.servers(), default=answers.server, back=back))


def _url(answers: Answers, back: bool) -> Answers:
    settings = settings_now()
    known = settings.aws.get("AWS_ENDPOINT_URL_EC2") or settings.aws.get("AWS_ENDPOINT_URL") or "the Region's own"
    default = known if answers.local else f"as {answers.server} is set"

    def check(url: str) -> None:
        if url:
            refuse_plain_http(url)

    url = text(f"EC2 URL, empty for the default, {default}", default=answers.url, back=back, check=check)
    return replace(answers, url=url)


def _type(answers: Answers, back: bool) -> Answers:
    return replace(answers, type=choose("EC2 resource type", KINDS, default=answers.type, back=back))


def _ip_resource(answers: Answers, back: bool) -> Answers:
    found = cluster_now().lcd.instances(contract.IP_APP, contract.IP_TYPE, system=answers.server)
    options = ip_resources(found)
    if not options:
        print(
            f"No IPv4 IP resource is in service on {answers.server}. Create one with the IP kit, or bring it into "
            "service there."
        )
        raise Back
    return replace(answers, ip_resource=choose("IP resource", options, default=answers.ip_resource, back=back))


def _interface(answers: Answers, back: bool) -> Answers:
    options = interfaces(choices_of(answers))
    if not options:
        print(f"{answers.server} has no network interface with an ENI. Attach one to the instance.")
        raise Back
    return replace(answers, interface=choose("Network interface", options, default=answers.interface, back=back))


def _question(parameter: Parameter, asked: Asked) -> Question[Answers]:
    """The question for a parameter of a kind's own; one that need not be given is asked where there is a choice."""

    def ask(answers: Answers, back: bool) -> Answers:
        options = offered(asked, choices_of(answers), answers.interface)
        if not options:
            print(asked.none.format(interface=answers.interface))
            raise Back
        default = answers.given.get(parameter.field, "")
        chosen = choose(asked.question, options, default=default, back=back)
        return replace(answers, given={**answers.given, parameter.field: chosen})

    def applies(answers: Answers) -> bool:
        return parameter in answers.kind.creation and (
            parameter.required or bool(offered(asked, answers.choices, answers.interface))
        )

    return Question(str(parameter.creation).removeprefix("--"), ask, applies)


def _tag(answers: Answers, back: bool) -> Answers:
    lcd = cluster_now().lcd

    def check(tag: str) -> None:
        if not info.good_tag(tag):
            raise Misconfigured("not a valid tag", info.TAG_CURE)
        if lcd.instance(tag, system=answers.server) is not None:
            raise Misconfigured(f"the tag {tag} is taken on {answers.server}", "Choose another")

    tag = text("Tag of the new resource", default=answers.name, back=back, check=check)
    return replace(answers, tag="" if tag == answers.suggested else tag)


def _confirm(answers: Answers, back: bool) -> Answers:
    """Show all answers, and create. When create refuses, it has said why: Back leads to the questions."""
    print()
    for name, value in answers.summary():
        print(f"  {name + ':':19}{value}")
    print(f"\nThe same without questions:\n  {command(['create', *answers.creation.arguments()])}\n")
    question, option, unsure = "Create it", Option("Create", "create"), False
    while True:
        try:
            choose(question, [option], back=back)
        except Cancelled:
            if not unsure:
                raise
            print(f"Cancelled. To see whether it was created: ec2kit status {answers.name}")
            guard.leave(INTERRUPTED)
        code = _created(answers)
        if code == ExitCode.OK:
            return answers
        unsure = code not in {ExitCode.MISCONFIGURED, ExitCode.USAGE}
        question, option = "It was not created, as told above", Option("Try again", "create")


def _created(answers: Answers) -> int:
    """Create as by options; the exit code."""
    try:
        if answers.local:
            create = partial(actions.create, answers.creation, answers.signing)
            return guard.apart(terms("create"), lambda: create).code
        code, output = cluster_now().ask("create", answers.server, *answers.creation.arguments())
    except KeyboardInterrupt:
        print(f"Interrupted. To see whether it was created: ec2kit status {answers.name}")
        guard.leave(INTERRUPTED)
    print(output, end="")
    return code


_QUESTIONS = (
    Question("recovery-kit", _recovery_kit),
    Question("switchback", _switchback),
    Question("server", _server),
    Question("url", _url),
    *credentials.QUESTIONS,
    Question("type", _type),
    Question("ip-resource", _ip_resource, lambda answers: answers.below),
    Question("interface", _interface, lambda answers: answers.kind.place),
    *(_question(each, each.asked) for kind in TYPES.values() for each in kind.creation if each.asked),
    Question("tag", _tag),
    Question("create", _confirm),
)
