"""The create wizard's questions about credentials, and the proof that EC2 takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from ec2kit.console.wizard import answers as questions
from ec2kit.console.wizard.answers import KEY, PROFILE, Answers
from ec2kit.console.wizard.prompts import Back, Step, choose, text
from ec2kit.core import profiles
from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.core.messages import Level
from ec2kit.host.deadline import Deadline
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import choices
from ec2kit.lifekeeper.choices import Offer
from ec2kit.lifekeeper.managers import cluster_now
from ec2kit.verbs.look import Run
from ec2kit.verbs.process import attempt, read_settings

_FIRST = "credentials"


def offered(answers: Answers) -> Offer:
    """What EC2 showed for the credentials that were proven; back to them when there are none."""
    if answers.offer is None:
        raise Back(_FIRST)
    return answers.offer


def _signer(answers: Answers, back: bool) -> Answers:
    chosen = choose("Credentials for EC2", questions.signers(answers), default=answers.signer, back=back)
    return replace(answers, signer=chosen)


def _profile(answers: Answers, back: bool) -> Answers:
    def check(name: str) -> None:
        if not name:
            raise Misconfigured("a profile has a name", "It stands in brackets in the AWS configuration files")

    return replace(answers, profile=text("Profile", default=answers.profile, back=back, check=check))


def _key_id(answers: Answers, back: bool) -> Answers:
    def check(identifier: str) -> None:
        profiles.access_key(identifier, "secret")  # of which the secret is asked next

    return replace(answers, key_id=text("Access key id", default=answers.key_id, back=back, check=check))


def _secret(answers: Answers, back: bool) -> Answers:
    make = partial(profiles.access_key, answers.key_id)

    def check(secret: str) -> None:
        make(secret)

    return replace(answers, key=make(text("Secret access key", back=back, check=check, unseen=True)))


def _proof(answers: Answers, _back: bool) -> Answers:
    """Ask EC2 with these credentials, on the server; when that fails, the credentials are asked for again."""
    print(f"Asking EC2 with these credentials on {answers.server} ...")
    found = attempt(lambda: (_offered_here if answers.local else _offered_there)(answers), Journal("create", ""))
    if isinstance(found, KitError):
        print(found.why)
        raise Back(_FIRST)
    print(f"EC2 has answered: {answers.server} is in {found.vpc}.")
    return replace(answers, offer=found)


def _offered_here(answers: Answers) -> Offer:
    settings, _ = read_settings()
    log = Journal("create", "", least=Level.WARN)
    profile = answers.profile if answers.signer == PROFILE else None
    deadline = Deadline(settings.ec2_quickcheck_timeout)
    return choices.offer(Run(settings, deadline, log, profile=profile, url=answers.url or None, key=answers.signing))


def _offered_there(answers: Answers) -> Offer:
    code, output = cluster_now().ask("ec2kit", answers.server, "choices", *questions.way(answers))
    if code:
        raise Unavailable(
            f"EC2 could not be asked on {answers.server}", "The lines above tell why, if it was reached"
        )
    try:
        return choices.of_json(json.loads(output))
    except (ValueError, TypeError, KeyError) as error:
        raise Unavailable(
            f"{answers.server} answers in a form that is not known", "Both systems need the same version of ec2kit"
        ) from error


STEPS = (
    Step(_FIRST, _signer),
    Step("profile", _profile, lambda answers: answers.signer == PROFILE),
    Step("key", _key_id, lambda answers: answers.signer == KEY),
    Step("secret", _secret, lambda answers: answers.signer == KEY),
    Step("proof", _proof, silent=True),
)
