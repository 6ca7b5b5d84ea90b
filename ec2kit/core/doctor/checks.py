"""What is checked: each rule reads what it needs, and says what is wrong. Pure.

A check that several addresses share comes first. `needs` names what hides it: one cause is told once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address
from urllib.parse import urlsplit

from ec2kit.core import preflight
from ec2kit.core.doctor import host
from ec2kit.core.doctor.asked import Addresses, Here, Options, Probe, Rehearsal, Sight, TheWay
from ec2kit.core.doctor.finding import HERE, Case, Check
from ec2kit.core.errors import KitError, Misconfigured, NotHeld, Problem, Unavailable
from ec2kit.core.kinds.facts import Facts, Interfaces, RouteTables
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.model import BY_HAND
from ec2kit.core.steps import refuse_linkless

_METADATA, _CREDENTIALS, _ENDPOINT = "METADATA_SILENT", "CREDENTIALS_UNFIT", "ENDPOINT_SILENT"
_REFUSED, _UNSEEN = "EC2_REFUSES", "ADDRESS_NOT_SEEN"
_ROUTES, _NEAR = 50, 0.9  # entries of a route table that AWS allows, and the part of them that is worth a word
_SLOW = 2.0  # seconds for one answer: a takeover sends a handful of calls
_SKEW, _REFUSED_SKEW = 60.0, 300.0  # seconds: worth a word, and more than EC2 takes
_RESERVED = [  # what no route of a VPC can carry
    IPv4Network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
]


def _info(case: Case, _facts: Facts) -> list[Problem]:
    if isinstance(case.unfit, Unavailable):
        raise case.unfit
    return [Problem.of(case.unfit)] if case.unfit else []


def _metadata(_case: Case, facts: Facts) -> str:
    node = facts.of(Here())
    return f"this node is {node} in {node.vpc}, {node.region}"


def _interface(_case: Case, facts: Facts) -> list[Problem]:
    lack = facts.of(Here()).lack
    return [Problem.of(lack)] if lack else []


def _one_vpc(case: Case, facts: Facts) -> list[Problem] | None:
    node = facts.of(Here())
    if case.vpc is None:
        return None
    what = f"this node is in {node.vpc}, the resource was created in {case.vpc}"
    return [] if case.vpc == node.vpc else [Problem(what, "Both nodes must be in one VPC")]


def _credentials(_case: Case, facts: Facts) -> str:
    return f"calls are signed with {facts.of(TheWay()).whose}"


def _before_role(_case: Case, facts: Facts) -> list[Problem]:
    way = facts.of(TheWay())
    return preflight.signature(way.whose, way.hidden)


def _files(_case: Case, facts: Facts) -> list[Problem]:
    cure = "chown root FILE and chmod 600 FILE, and the folders above it for root alone"
    return [Problem(f"{path}: {why}", cure.replace("FILE", path)) for path, why in facts.of(TheWay()).files]


def _endpoint(_case: Case, facts: Facts) -> str:
    way, answer = facts.of(TheWay()), facts.of(Probe())
    by = f" through the proxy {way.proxy}" if way.proxy else ""
    return f"{way.url}{by} answers in {answer.seconds:.2f} s; certificate authorities: {way.bundle}"


def _names(_case: Case, facts: Facts) -> str | None:
    way = facts.of(TheWay())
    if way.proxy:  # the proxy looks the name up
        return None
    host = urlsplit(way.url).hostname or ""
    return f"{host} is {' '.join(facts.of(Addresses(host)))}"


def _quick(_case: Case, facts: Facts) -> list[Problem]:
    answer = facts.of(Probe())
    what = f"an answer of EC2's takes {answer.seconds:.1f} s from here, and a takeover waits for several"
    cure = "Look at the way there: proxy, DNS, packet loss; a VPC endpoint for EC2 is the quickest"
    return [Problem(what, cure)] if answer.seconds > _SLOW else []


def _clock(_case: Case, facts: Facts) -> list[Problem] | None:
    ahead = facts.of(Probe()).ahead
    if ahead is None:
        return None
    what = f"this node's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} EC2's, which takes 300 s"
    cure = "Set it (chronyc makestep), and keep it right"
    return [Problem(what, cure, fatal=abs(ahead) > _REFUSED_SKEW)] if abs(ahead) > _SKEW else []


def _lists(case: Case, facts: Facts) -> list[Problem]:
    """The calls that each look needs: of route tables only where routes move."""
    node = facts.of(Here())
    of_routes = case.resource is None or case.resource.stays
    queries = (*([RouteTables(node.vpc)] if of_routes else []), Interfaces(node.instance))
    facts.want(*queries)
    problems = []
    for query in queries:
        try:
            facts.of(query)
        except KitError as error:
            if not error.refused:
                raise
            problems.append(Problem.of(error))
    return problems


def _option(code: str) -> Callable[[Case, Facts], Iterable[Problem]]:
    def rule(_case: Case, facts: Facts) -> Iterable[Problem]:
        return [
            each for each in preflight.instance(facts.of(Options(facts.of(Here()).instance))) if each.code == code
        ]

    return rule


# ---- of one address


def _view(case: Case, facts: Facts) -> View | None:
    return facts.of(Sight(case.resource)) if case.resource else None


def _seen(case: Case, facts: Facts) -> str | None:
    """A look at the address works, and shows something that this node could take."""
    if (view := _view(case, facts)) is None:
        return None
    try:
        todo = sum(len(batch) for batch in view.drift())
    except (Misconfigured, NotHeld):  # told by the next check
        return "EC2 shows it"
    if todo:
        return f"EC2 shows it; {todo} step{'' if todo == 1 else 's'} would take it"
    return HERE if case.active or not case.name else "EC2 shows it here, where it is not in service"


def _takable(case: Case, facts: Facts) -> list[Problem] | None:
    if (view := _view(case, facts)) is None:
        return None
    found = [each for each in view.problems(active=False) if each.fatal and not each.code]
    if not found:
        refuse_linkless(view.drift())
    return found


def _lost(case: Case, facts: Facts) -> list[Problem] | None:
    """Where it is to be now, EC2 shows it to be."""
    if (view := _view(case, facts)) is None or not case.active:
        return None
    if not view.lost:
        return []
    what = f"{case.resource} is in service on this node, and EC2 does not show it here"
    return [Problem(what, "See ec2kit status; the engine's next check finds it, and takes it back")]


def _problem(code: str) -> Callable[[Case, Facts], list[Problem] | None]:
    """What a kind's view finds, by the code that it gives it."""

    def rule(case: Case, facts: Facts) -> list[Problem] | None:
        if (view := _view(case, facts)) is None:
            return None
        found = [*view.problems(active=case.active), *view.findings()]
        own = [replace(each, cure=re.sub(r"\bTAG\b", case.name or "TAG", each.cure)) for each in found]
        return [each for each in own if each.code == code] or (None if code not in view.finds else [])

    return rule


def _others(case: Case, facts: Facts) -> list[Problem] | None:
    if (view := _view(case, facts)) is None:
        return None
    return [each for each in view.problems(active=False) if not each.fatal and not each.code]


def _way_out(case: Case, facts: Facts) -> list[Problem] | None:
    """Where EC2's endpoint has private addresses alone, the node's own way to it is another one."""
    if not (found := _problem("ONLY_WAY_OUT")(case, facts)) or (way := facts.of(TheWay())).proxy:
        return found
    try:
        addresses = facts.of(Addresses(urlsplit(way.url).hostname or ""))
    except KitError:  # told by another check
        return found
    return [] if all(ip_address(each).is_private for each in addresses) else found


def _quota(case: Case, facts: Facts) -> list[Problem] | None:
    """A route table that is full takes no entry that has to be made again."""
    if case.resource is None or not case.resource.stays:
        return None
    counts = {
        table.id: sum(each.origin == BY_HAND for each in table.routes)
        for table in facts.of(RouteTables(facts.of(Here()).vpc))
    }
    cure = (
        "aws service-quotas get-service-quota --service-code vpc --quota-code L-93826ACB tells yours; "
        "have it raised, or take entries out"
    )
    return [
        Problem(f"{table} has {count} entries, and AWS allows {_ROUTES} unless it was raised", cure)
        for table, count in counts.items()
        if count >= _NEAR * _ROUTES
    ]


def _set_up(code: str) -> Callable[[Case, Facts], list[Problem] | None]:
    """What the engine's own settings show."""

    def rule(case: Case, _facts: Facts) -> list[Problem] | None:
        found = [each for each in case.set_up.problems if each.code == code]
        return found or (None if code not in case.set_up.finds else [])

    return rule


def _elsewhere(_case: Case, _facts: Facts) -> None:
    """Found by who has the other nodes' answers (ec2kit.core.doctor.others)."""


def _forgotten(case: Case, facts: Facts) -> list[Problem] | None:
    if case.resource is None or not case.resource.gathers or (view := _view(case, facts)) is None:
        return None
    problem = case.resource.forgotten(view)
    return [problem] if problem else []


def _reserved(case: Case, _facts: Facts) -> list[Problem] | None:
    if case.resource is None or not case.resource.stays:
        return None
    block = next((each for each in _RESERVED if IPv4Address(case.resource.address) in each), None)
    what = f"{case.resource.address} is in {block}, which no route of a VPC can carry"
    return (
        [Problem(what, "Choose a virtual IP of a private range, outside every CIDR block of the VPC")]
        if block
        else []
    )


def _rights(case: Case, facts: Facts) -> list[Problem] | None:
    """Have EC2 say of each call that a takeover may send whether these credentials may send it."""
    if case.resource is None or (view := _view(case, facts)) is None or not (steps := view.rehearsal()):
        return None
    facts.want(*map(Rehearsal, steps))
    problems, doubt = [], None
    for step in steps:
        try:
            facts.of(Rehearsal(step))
        except KitError as error:
            if error.refused:
                problems.append(Problem.of(error) if step.denied else _with_policy(error, case.resource, case))
            else:
                doubt = doubt or error
    if doubt and not problems:
        raise doubt
    return problems


def _with_policy(error: KitError, resource: Resource, case: Case) -> Problem:
    """The problem, with the command that prints what is to be allowed."""
    at = ["--interface", case.interface] if case.interface else []
    words = [case.name] if case.name else [resource.kind, resource.address, *at]
    command = shlex.join(["ec2kit", "doctor", *words, "--policy"])
    return Problem(str(error), f"{error.cure}. The policy for it: {command}")


def _unprovable(case: Case, facts: Facts) -> str | None:
    if (view := _view(case, facts)) is None or not view.unprovable:
        return None
    return f"not provable, for EC2 has no DryRun of them: {' '.join(view.unprovable)}"


_LOOKED = (_METADATA, _CREDENTIALS, _REFUSED)
_AT = (*_LOOKED, _UNSEEN)

CHECKS = (
    Check("INFO_UNREADABLE", 961007, "node", "what the resource is can be read", _info),
    Check(_METADATA, 961001, "metadata", "the instance metadata answer", _metadata),
    Check("INTERFACE_UNFIT", 961002, "node", "the interface has an ENI", _interface, (_METADATA,)),
    Check("ANOTHER_VPC", 961003, "node", "this node is in the resource's VPC", _one_vpc, (_METADATA,)),
    Check(_CREDENTIALS, 961010, "credentials", "there are credentials", _credentials, (_METADATA,)),
    Check("KEY_BEFORE_ROLE", 961011, "credentials", "no key comes before the instance's role", _before_role,
          (_METADATA, _CREDENTIALS), blocks=False),
    Check("FILES_EXPOSED", 961012, "credentials", "AWS's files are root's alone", _files, (_METADATA, _CREDENTIALS),
          blocks=False),
    Check(_ENDPOINT, 961020, "endpoint", "EC2's endpoint answers", _endpoint, (_METADATA, _CREDENTIALS)),
    Check("NAME_NOT_FOUND", 961021, "endpoint", "the endpoint's name has an address", _names,
          (_METADATA, _CREDENTIALS), blocks=False),
    Check("ENDPOINT_SLOW", 961022, "endpoint", "it answers quickly", _quick, (_METADATA, _CREDENTIALS, _ENDPOINT),
          blocks=False),
    Check("CLOCK_WRONG", 961023, "endpoint", "this node's clock and EC2's agree", _clock,
          (_METADATA, _CREDENTIALS, _ENDPOINT)),
    Check(_REFUSED, 961030, "permissions", "EC2 answers DescribeRouteTables and DescribeNetworkInterfaces", _lists,
          (_METADATA, _CREDENTIALS, "CLOCK_WRONG")),
    *(
        Check(code, number, "node", right, _option(code), (*_LOOKED,), blocks=False)
        for code, number, right in (
            ("AUTO_RECOVERY_ON", 961004, "EC2 does not recover this instance on its own"),
            ("METADATA_SWITCHED_OFF", 961005, "the metadata service stays on"),
            ("METADATA_HOP_LIMIT", 961006, "metadata answers live for more than one hop"),
        )
    ),
    Check("ADDRESS_RESERVED", 961040, "VPC", "the address is not one that AWS keeps for itself", _reserved),
    Check(_UNSEEN, 961041, "VPC", "EC2 shows the address", _seen, _LOOKED),
    Check("ADDRESS_NOT_TAKABLE", 961042, "VPC", "this node could take it", _takable, _AT),
    Check("ADDRESS_LOST", 961089, "VPC", "it is where it is in service", _lost, _AT, blocks=False),
    *(
        Check(code, number, "VPC", right, _problem(code), _AT, blocks=blocks)
        for code, number, right, blocks in (
            ("SOURCE_DEST_CHECK_ON", 961043, "the source/dest check of this node's ENI is off", True),
            ("ANOTHER_ACCOUNT", 961044, "the route tables are this account's", False),
            ("ROUTES_DISAGREE", 961045, "all route tables send the address to one place", False),
            ("ROUTE_BLACKHOLE", 961046, "every entry's target is there", False),
            ("TABLE_WITHOUT_ENTRY", 961047, "every route table has an entry", False),
            ("ROUTE_BY_OTHERS", 961048, "no gateway or route server makes entries for the address", False),
            ("TABLE_GONE", 961049, "the recorded route tables are there", False),
            ("PLACE_TAKEN", 961050, "nothing else loses its place on this node", False),
        )
    ),
    Check("ROUTES_NEAR_QUOTA", 961087, "VPC", "the route tables have room", _quota, _LOOKED, blocks=False),
    Check("ONLY_WAY_OUT", 961088, "VPC", "this node has another way to EC2 than by the address", _way_out, _AT,
          blocks=False),
    Check("ADDRESS_CAUTION", 961051, "VPC", "nothing more is to be known of it", _others, _AT, blocks=False),
    Check("PEERS_FORGOTTEN", 961052, "VPC", "the other nodes know this one", _forgotten, _AT, blocks=False),
    Check("PERMISSION_MISSING", 961031, "permissions", "EC2 would carry out what a takeover sends (DryRun)", _rights,
          _AT),
    Check("PERMISSION_UNPROVABLE", 961032, "permissions", "", _unprovable, _AT, blocks=False),
    Check("ADDRESS_REMOVER_ON", 961060, "host", "nothing on this host removes addresses that EC2 does not know",
          host.takers, (_METADATA,), blocks=False),
    Check("REVERSE_PATH_STRICT", 961061, "host", "the kernel takes packets for the address", host.reverse_path,
          (_METADATA,), blocks=False),
    Check("VIP_NOT_ON_INTERFACE", 961082, "host", "what EC2 sends here is on an interface", host.not_on_interface,
          _AT, blocks=False),
    Check("VIP_ON_INTERFACE", 961083, "host", "the address is not on an interface here", host.on_interface, _AT,
          blocks=False),
    Check("WAY_BACK_ELSEWHERE", 961084, "host", "answers leave by the same interface", host.way_back, _AT,
          blocks=False),
    Check("LINK_DOWN", 961085, "host", "the interface has link", host.link_down, (_METADATA,), blocks=False),
    Check("SHAPES_MISSING", 961086, "host", "the kit's description of EC2 is there for this botocore", host.shapes,
          blocks=False),
    *(
        Check(code, number, "engine", right, _set_up(code), blocks=blocks)
        for code, number, right, blocks in (
            ("BROADCAST_PING_ON", 961070, "NOBCASTPING is as the address needs it", False),
            ("RECOVERY_TIME_SHORT", 961071, "RESRVRECTIMEOUT is long enough", False),
            ("NOT_EXTENDED", 961090, "another system has it, too", False),
            ("DEPENDENCY_MISSING", 961091, "the same stands on it as on the other systems", True),
            ("CHECKS_OVERLAP", 961072, "a quickCheck ends before the next one is due", False),
            ("PACEMAKER_SILENT", 961073, "Pacemaker tells its configuration", False),
            ("OPERATION_TIMEOUT_SHORT", 961074, "Pacemaker gives the operations time enough", False),
            ("RESOURCE_NOT_MONITORED", 961075, "there is a recurring monitor", False),
            ("RESOURCE_UNMANAGED", 961076, "Pacemaker may start it here", False),
            ("RESOURCE_CLONED", 961077, "it is not a clone", True),
            ("FENCING_OFF", 961078, "there is fencing", False),
        )
    ),
    Check("KEEPALIVED_SCRIPT", 961079, "engine", "keepalived runs the kit's script", host.keepalived, blocks=False),
    Check("UNIT_TIMEOUT_SHORT", 961080, "engine", "systemd gives the kit's units time enough", host.units,
          blocks=False),
    Check("VERSIONS_DIFFER", 961081, "systems", "all nodes have the same versions", _elsewhere, blocks=False),
)  # fmt: skip

BY_CODE = {each.code: each for each in CHECKS}
