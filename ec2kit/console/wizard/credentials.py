"""The create wizard's questions about credentials, and the proof that EC2 takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from ec2kit.console.wizard.answers import KEY, PROFILE, Answers
from ec2kit.console.wizard.prompts import Back, Question, choose, text
from ec2kit.core import profiles
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.choices import Choices
from ec2kit.core.messages import Level
from ec2kit.core.settings import Budget
from ec2kit.host import guard
from ec2kit.host.log import Journal
from ec2kit.lifekeeper.choices import choices
from ec2kit.lifekeeper.cluster import cluster_now
from ec2kit.lifekeeper.options import reach_options
from ec2kit.verbs.process import attempt, begin, conclude

_FIRST = "credentials"


def choices_of(answers: Answers) -> Choices:
    """What EC2 showed for the credentials that were proven; back to them when there are none."""
    if answers.choices is None:
        raise Back(_FIRST)
    return answers.choices


def _signer(answers: Answers, back: bool) -> Answers:
    chosen = choose("Credentials for EC2", answers.signers(), default=answers.signer, back=back)
    return replace(answers, signer=chosen)


def _profile(answers: Answers, back: bool) -> Answers:
    def check(name: str) -> None:
        if not name:
            raise Misconfigured("the profile needs a name", "It is in brackets in the AWS configuration files")

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
    found = attempt(lambda: _offered(answers), Journal("create", ""))
    if isinstance(found, KitError):
        print(found.why)
        raise Back(_FIRST)
    print(f"EC2 has answered: {answers.server} is in {found.vpc}.")
    return replace(answers, choices=found)


def _offered(answers: Answers) -> Choices:
    if answers.local:
        end = guard.apart(guard.Terms("{why}", unknown=9, unloaded=9), lambda: partial(_ask_here, answers))
        code, output = end.code, end.result.decode()
    else:
        code, output = cluster_now().ask("ec2kit", answers.server, "choices", *reach_options(answers.reach))
    if code:
        raise Unavailable(
            f"EC2 could not be asked on {answers.server}", "The lines above tell why, if it was reached"
        )
    try:
        return Choices.of_json(json.loads(output))
    except (ValueError, TypeError, KeyError) as error:
        raise Unavailable(
            f"the answer of {answers.server} is in an unknown form", "Both systems need the same version of ec2kit"
        ) from error


def _ask_here(answers: Answers) -> int:
    """Ask as `ec2kit choices` does, with an access key that is not in any file yet; the exit code."""
    log = Journal("create", "", least=Level.WARN)
    run = begin(log, lambda settings: settings.seconds(Budget.QUICKCHECK), answers.reach)

    def tell(found: Choices | KitError, _code: int) -> None:
        if isinstance(found, KitError):
            print(found.why)
        else:
            guard.result(json.dumps(found.as_json()))

    work = partial(choices, replace(run, key=answers.signing))
    return conclude(run, work, lambda found: found.code if isinstance(found, KitError) else ExitCode.OK, tell)


QUESTIONS = (
    Question(_FIRST, _signer),
    Question("profile", _profile, lambda answers: answers.signer == PROFILE),
    Question("key", _key_id, lambda answers: answers.signer == KEY),
    Question("secret", _secret, lambda answers: answers.signer == KEY),
    Question("proof", _proof, silent=True),
)
