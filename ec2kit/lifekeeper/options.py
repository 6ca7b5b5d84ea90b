"""create's options and its access key: read the same by LifeKeeper's action, the command line and the wizard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from ec2kit.core import profiles
from ec2kit.core.kinds.kind import ADDRESS, PRIVATE_ADDRESS, Kind, Parameter
from ec2kit.core.kinds.kind import Form as Written
from ec2kit.core.kinds.known import OWN, TYPES
from ec2kit.core.model import BY_SETTINGS, AccessKey, Reach
from ec2kit.core.words import meant
from ec2kit.lifekeeper import contract
from ec2kit.lifekeeper.forms import Form

URL_OPTIONS, URL_HELP = ("--endpoint-url", "--ec2-url"), "EC2's URL (default: the Region's)"
SWITCHBACK_HELP = "whether it goes back by itself to the system of the best priority (automatic) or stays"


class Parser(argparse.ArgumentParser):
    """argparse's, but that it takes no abbreviated option, and tells what a wrong word may have been meant to be."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **{"allow_abbrev": False} | more)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's, but it refuses what it does not know: so the usage that is shown is that of the verb."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            options = (each.partition("=")[0] for each in left if each.startswith("-"))
            hints = (meant(each, self._option_string_actions) for each in options)
            self.error(f"not known here: {' '.join(left)}. {next(filter(None, hints), '')}".rstrip())
        return found, left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(each) for each in action.choices if isinstance(each, str)]
        listed = f"Choose from {', '.join(known) or action.metavar}"
        if action.dest == "verb":
            listed = "ec2kit help lists them"
        below = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  nothing public tells it
        what = f"{str(value)!r} is not a valid {action.metavar if below else 'value'}"
        raise argparse.ArgumentError(None if below else action, f"{what}. {meant(str(value), known) or listed}")


@dataclass(frozen=True)
class Creation:
    """What create is asked for. given: the values of the kind's options of create, by field.

    ip_resource: the tag of the IP resource whose address it is, where the kind stands below one. server: the system
    to create it on; None: this one. key_id: an access key whose secret is to be asked for. generic: as a Generic
    Application of LifeKeeper's.
    """

    kind: Kind
    tag: str
    ip_resource: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    interface: str | None = None
    switchback: str = "intelligent"
    server: str | None = None
    reach: Reach = BY_SETTINGS
    key_id: str | None = None
    generic: bool = False

    @property
    def form(self) -> Form:
        """The form that it is to have in LifeKeeper."""
        return Form.GENERIC if self.generic else Form.OWN

    def arguments(self) -> list[str]:
        """The options that ask for the same."""
        return [
            *_words(("--type", self.kind.type_word)),
            *_words(("--ip-resource", self.ip_resource), ("--interface", self.interface)),
            *_words(*((str(each.creation), _text(each, self.given.get(each.field))) for each in self.kind.creation)),
            *_words(("--tag", self.tag), ("--switchback", self.switchback)),
            *_words(("--server", self.server)),
            *(["--generic"] if self.generic else []),
            *reach_options(self.reach, self.key_id),
        ]


def resource_parser(*, required: bool) -> argparse.ArgumentParser:
    """The options that name a resource, and EC2's URL. required: whether --type is."""
    parser = Parser(add_help=False)
    parser.add_argument("--type", choices=list(TYPES), required=required, help="the kind of address")
    parser.add_argument("--ip-resource", metavar="TAG", help="the IP resource whose address is to move")
    parser.add_argument("--interface", help="network interface of this node, such as eth1")
    for each in _creation().values():
        parser.add_argument(
            str(each.creation), type=value_of(each.form), metavar=_metavar(each), help=each.help or each.short
        )
    parser.add_argument("--tag", help="tag of the new resource (default: ec2-<resource>)")
    parser.add_argument(*reversed(URL_OPTIONS), metavar="URL", help=URL_HELP)
    return parser


def create_parser() -> argparse.ArgumentParser:
    """The options of create, for the action and for the admin's command line."""
    parser = Parser("create", add_help=False, parents=[resource_parser(required=True)])
    parser.add_argument(
        "--generic",
        action="store_true",
        help="let LifeKeeper run it as a Generic Application (gen/app), not as a kit of its own (comm/ec2)",
    )
    parser.add_argument(
        "--switchback", choices=list(contract.SWITCHBACK), default="intelligent", help=SWITCHBACK_HELP
    )
    parser.add_argument("--server", metavar="SYSTEM", help="where to create it (default: on this system)")
    signer = parser.add_mutually_exclusive_group()
    signer.add_argument("--profile", help="profile in the AWS configuration files (default: the instance's role)")
    signer.add_argument("--access-key-id", metavar="ID", help="its secret is asked for, or read from standard input")
    return parser


def ask_key(identifier: str | None) -> AccessKey | None:
    """The access key of that id with its secret, typed unseen or read from standard input; None without an id."""
    if identifier is None:
        return None
    if sys.stdin and sys.stdin.isatty():
        import getpass

        try:
            secret = getpass.getpass("Secret access key (not shown): ")
        except EOFError:  # Ctrl-D
            secret = ""
    else:
        secret = sys.stdin.readline() if sys.stdin else ""
    return profiles.access_key(identifier, secret.strip())


def creation(options: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> Creation:
    """What the parser's options ask for, the default tag filled in; `refuse` is told when they do not fit."""
    kind = TYPES[options.type]
    below = kind.resource.below
    needed = [str(each.creation) for each in kind.creation if each.required]
    needed = [*(["--ip-resource"] if below else []), *(["--interface"] if kind.place else []), *needed]
    others = [option for option, each in _creation().items() if each not in kind.creation]
    others += [] if below else ["--ip-resource"]
    if not all(given_of(options, each) for each in needed) or any(given_of(options, each) for each in others):
        refuse(f"--type {kind.type_word} needs {' and '.join(needed)}, and no {' or '.join(others)}")
    given = {each.field: given_of(options, str(each.creation)) for each in kind.creation}
    return Creation(
        kind,
        tag=options.tag or f"ec2-{options.ip_resource or given[kind.address.field]}",
        ip_resource=options.ip_resource,
        given={name: value for name, value in given.items() if value is not None},
        interface=options.interface,
        switchback=options.switchback,
        server=options.server,
        reach=Reach(profile=options.profile, url=options.ec2_url),
        key_id=options.access_key_id,
        generic=options.generic,
    )


def creation_of(arguments: Sequence[str]) -> Creation:
    """What an action's arguments ask for; leaves with exit code 2 when that cannot be understood."""
    parser = create_parser()
    if not arguments:
        parser.error("without any option it asks, but only on a terminal; give --type and what that needs")
    return creation(parser.parse_args(arguments), parser.error)


def reach_options(reach: Reach, key_id: str | None = None) -> list[str]:
    """The options that tell how EC2 is reached. A secret is never among them."""
    return _words(("--ec2-url", reach.url), ("--profile", reach.profile), ("--access-key-id", key_id))


def _words(*pairs: tuple[str, object]) -> list[str]:
    """Options with the values that are given; one that is empty or begins with a dash is tied to its name."""
    given = [(name, str(value)) for name, value in pairs if value is not None]
    return [
        word
        for name, value in given
        for word in ([f"{name}={value}"] if not value or value.startswith("-") else [name, value])
    ]


def _metavar(parameter: Parameter) -> str | None:
    return "A.B.C.D" if parameter.form in {ADDRESS, PRIVATE_ADDRESS} else parameter.metavar


def _text(parameter: Parameter, value: Any) -> str | None:
    return None if value in {None, parameter.default} else parameter.form.write(value)


def _creation() -> dict[str, Parameter]:
    """The parameters that create takes as options, by option."""
    return {str(each.creation): each for kind in TYPES.values() for each in kind.creation}


def own_options(parser: argparse.ArgumentParser, **told: str) -> None:
    """The options for what each node has of its own; told: their texts, by field."""
    for name, each in OWN.items():
        parser.add_argument(str(each.option), metavar=each.metavar, help=told.get(name, each.help))


def own_of(options: argparse.Namespace) -> dict[str, str]:
    """What was given for these, by field."""
    given = {name: given_of(options, str(each.option)) for name, each in OWN.items()}
    return {name: str(value) for name, value in given.items() if value is not None}


def own_arguments(own: Mapping[str, str]) -> list[str]:
    """The options that say the same."""
    return _words(*((str(OWN[name].option), text) for name, text in own.items()))


def given_of(options: argparse.Namespace, option: str) -> Any:
    """What was given for an option."""
    return getattr(options, option.removeprefix("--").replace("-", "_"))


def value_of(form: Written) -> Callable[[str], Any]:
    """What reads a value, for argparse."""
    return partial(_read, form)


def values_of(parameter: Parameter) -> Callable[[str], list[Any]]:
    """What reads the values of a parameter that may have several, for argparse."""
    return lambda text: [_read(parameter.form, each) for each in parameter.split(text)]


def _read(form: Written, text: str) -> Any:
    try:
        return form.read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {form.what} such as {form.like}") from None
