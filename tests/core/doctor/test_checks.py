"""Each check of the doctor fires in a state that calls for it, and is silent in a healthy one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from ec2kit.core.doctor.asked import Addresses, File, Here, Options, Output, Probe, Rehearsal, Sight, TheWay, Way
from ec2kit.core.doctor.checks import BY_CODE, CHECKS
from ec2kit.core.doctor.finding import HERE, Case, Finding, Report, Result, findings, muted, quiet
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Unavailable
from ec2kit.core.kinds.elastic_ip import ElasticIpResource, ElasticIpView
from ec2kit.core.kinds.facts import Answers, Interfaces, RouteTables
from ec2kit.core.kinds.private import PrivateResource, PrivateView
from ec2kit.core.kinds.route import RouteEntry, RouteResource, RouteView
from ec2kit.core.model import AllocationId, Answer, Destination, Ec2Instance, EniId, Node, TableId, VpcId
from ec2kit.core.settings import Settings

ENI, PEER, VPC = EniId("eni-1"), EniId("eni-2"), VpcId("vpc-1")
NODE = Node("us-east-1", "i-1", VPC, (IPv4Network("10.0.0.0/16"),), "eth1", ENI, names={"a": "eth0", "b": "eth1"})
ROUTE = RouteResource(IPv4Address("10.1.0.10"))
VIEW = RouteView(
    Destination("10.1.0.10/32"), ENI, source_dest_check=False, entries=(RouteEntry(TableId("rtb-1"), PEER, "active"),)
)
WAY = Way("https://ec2.us-east-1.amazonaws.com", "", "the instance's role kit", "", "botocore's own list", ())
HEALTHY = Case(ROUTE, Settings(), vpc=VPC)
UNITS = Output(
    (
        "systemctl",
        "show",
        "--property=Id,ActiveState,UnitFileState",
        "nm-cloud-setup.timer",
        "nm-cloud-setup.service",
        "cloud-netconfig.timer",
        "refresh-policy-routes@eth1.timer",
    )
)
DENIED = Unavailable("EC2 denied it (UnauthorizedOperation)", "Allow it")
DENIED.refused = True
NO_ANSWER = Unavailable("no answer", "Look at the way")
LACK = replace(NODE, eni=None, lack=Misconfigured("eth1 has no ENI", "Name another"))


def facts(case: Case, **changed: Any) -> Answers:
    """What is answered on a healthy standby, but for what is changed, by the name of the question's class."""
    view = changed.get("Sight", VIEW)
    answers: Answers = {
        Here(): NODE,
        TheWay(): WAY,
        Probe(): Answer(404, 0.1, 0.5),
        Addresses("ec2.us-east-1.amazonaws.com"): ("10.0.0.5",),
        RouteTables(VPC): (),
        Interfaces("i-1"): (),
        Options("i-1"): Ec2Instance("i-1", "disabled", 2),
        UNITS: "Id=nm-cloud-setup.timer\nActiveState=inactive\nUnitFileState=disabled\n",
        File("sys/net/ipv4/conf/all/rp_filter"): "0\n",
        File("sys/net/ipv4/conf/eth1/rp_filter"): "2\n",
    }
    if case.resource:
        answers[Sight(case.resource)] = view
    if not isinstance(view, KitError):
        answers |= {Rehearsal(each): None for each in view.rehearsal()}
    return {query: changed.get(type(query).__name__, answer) for query, answer in answers.items()}


def examined(case: Case, answers: Answers) -> list[Finding]:
    """All findings; fails when a check asks for what was not answered."""
    found, missing = findings(case, CHECKS, answers, lambda error: pytest.fail(str(error)))
    assert not missing
    return found


def sees(**changed: Any) -> dict[str, Any]:
    """A view of the route's with something else."""
    return {"Sight": replace(VIEW, **changed)}


def eip(**changed: Any) -> dict[str, Any]:
    """A case and a view of an Elastic IP."""
    resource = ElasticIpResource(IPv4Address("203.0.113.10"), interface="eth1")
    allocation = AllocationId("eipalloc-1")
    view = ElasticIpView("203.0.113.10", allocation, None, "eth1", ENI, "10.0.2.11", **changed)
    return {"case": replace(HEALTHY, resource=resource), "Sight": view}


FIRES: dict[str, tuple[Result, dict[str, Any]]] = {
    "INFO_UNREADABLE": (
        Result.FAIL,
        {"case": replace(HEALTHY, resource=None, unfit=Misconfigured("the info field is damaged", "Mend it"))},
    ),
    "METADATA_SILENT": (Result.UNKNOWN, {"Here": NO_ANSWER}),
    "INTERFACE_UNFIT": (Result.FAIL, {"Here": LACK}),
    "ANOTHER_VPC": (Result.FAIL, {"case": replace(HEALTHY, vpc=VpcId("vpc-2"))}),
    "AUTO_RECOVERY_ON": (Result.WARN, {"Options": Ec2Instance("i-1", "default", 2)}),
    "METADATA_SWITCHED_OFF": (Result.WARN, {"Options": Ec2Instance("i-1", "", 2, metadata_enabled=False)}),
    "METADATA_HOP_LIMIT": (Result.WARN, {"Options": Ec2Instance("i-1", "", 1)}),
    "CREDENTIALS_UNFIT": (Result.FAIL, {"TheWay": Misconfigured("there are none", "Give it a role")}),
    "KEY_BEFORE_ROLE": (Result.WARN, {"TheWay": replace(WAY, hidden="kit")}),
    "FILES_EXPOSED": (Result.WARN, {"TheWay": replace(WAY, files=(("/root/.aws/credentials", "all read it"),))}),
    "ENDPOINT_SILENT": (Result.UNKNOWN, {"Probe": NO_ANSWER}),
    "NAME_NOT_FOUND": (Result.UNKNOWN, {"Addresses": NO_ANSWER}),
    "ENDPOINT_SLOW": (Result.WARN, {"Probe": Answer(404, 2.5, 0.0)}),
    "CLOCK_WRONG": (Result.FAIL, {"Probe": Answer(404, 0.1, -400.0)}),
    "EC2_REFUSES": (Result.FAIL, {"RouteTables": DENIED}),
    "ADDRESS_RESERVED": (
        Result.FAIL,
        {"case": replace(HEALTHY, resource=RouteResource(IPv4Address("169.254.169.9")))},
    ),
    "ADDRESS_NOT_SEEN": (Result.FAIL, {"Sight": Misconfigured("another account", "Name a profile")}),
    "ADDRESS_NOT_TAKABLE": (Result.FAIL, eip(others=("203.0.113.9",), displace=False)),
    "SOURCE_DEST_CHECK_ON": (Result.WARN, sees(source_dest_check=True)),
    "ANOTHER_ACCOUNT": (Result.WARN, sees(owner="111111111111", account="222222222222")),
    "ROUTES_DISAGREE": (
        Result.WARN,
        sees(entries=(*VIEW.entries, RouteEntry(TableId("rtb-2"), "eni-3", "active"))),
    ),
    "ROUTE_BLACKHOLE": (Result.WARN, sees(entries=(RouteEntry(TableId("rtb-1"), PEER, "blackhole"),))),
    "TABLE_WITHOUT_ENTRY": (Result.WARN, sees(without=((TableId("rtb-9"), "subnet-9"),))),
    "ROUTE_BY_OTHERS": (
        Result.WARN,
        sees(foreign=(RouteEntry(TableId("rtb-3"), "vgw-1", "active", "EnableVgwRoutePropagation"),)),
    ),
    "TABLE_GONE": (Result.WARN, sees(gone=(TableId("rtb-4"),))),
    "PLACE_TAKEN": (Result.WARN, eip(others=("203.0.113.9",))),
    "PERMISSION_MISSING": (Result.FAIL, {"Rehearsal": DENIED}),
    "ADDRESS_REMOVER_ON": (
        Result.WARN,
        {"Output": "Id=cloud-netconfig.timer\nActiveState=active\nUnitFileState=enabled\n"},
    ),
    "REVERSE_PATH_STRICT": (Result.WARN, {"File": "1\n"}),
}
OF_A_PRIVATE_ADDRESS = {"PERMISSION_UNPROVABLE", "ADDRESS_CAUTION", "PEERS_FORGOTTEN"}


@pytest.mark.parametrize("code", FIRES)
def test_a_check_fires_where_it_must(code: str) -> None:
    """It has the result that is meant, says what and what to do, and nothing else speaks of the same cause."""
    result, state = FIRES[code]
    case = state.get("case", HEALTHY)
    found = examined(case, facts(case, **{name: each for name, each in state.items() if name != "case"}))
    mine, *_ = [each for each in found if each.check.code == code]
    assert (mine.result, bool(mine.what), bool(mine.cure)) == (result, True, True)
    assert {each.check.code for each in found if each.result not in {Result.OK, Result.SKIPPED}} == {code}
    blind = result is Result.UNKNOWN and mine.check.blocks
    expected = ExitCode.NOT_HELD if result is Result.FAIL else ExitCode.UNAVAILABLE if blind else ExitCode.OK
    assert Report("", "", tuple(found)).code is expected


def test_a_healthy_standby_is_right_in_all() -> None:
    """Nothing fires; and each check there is has a state in this file in which it does."""
    found = examined(HEALTHY, facts(HEALTHY))
    assert {each.result for each in found} == {Result.OK}
    assert set(FIRES) | OF_A_PRIVATE_ADDRESS == set(BY_CODE)
    assert (
        Report("route 10.1.0.10/32", "", tuple(found)).verdict("node2")
        == "node2 can take over route 10.1.0.10/32 now"
    )


def test_a_refusal_is_an_answer_and_silence_is_not() -> None:
    """A look that EC2 denies hinders a takeover; one without an answer leaves it unknown."""
    for error, result in ((DENIED, Result.FAIL), (NO_ANSWER, Result.UNKNOWN)):
        found = examined(HEALTHY, facts(HEALTHY, Sight=error))
        assert [each.result for each in found if each.check.code == "ADDRESS_NOT_SEEN"] == [result]


def test_a_private_address() -> None:
    """What EC2 has no DryRun for is said, and not asked."""
    resource = PrivateResource(IPv4Address("10.0.1.50"), interface="eth1", peers=frozenset({PEER}))
    view = PrivateView("10.0.1.50", "eth1", ENI, at=ENI, elastic_ip="203.0.113.10", peers=frozenset({PEER}))
    case = replace(HEALTHY, resource=resource)
    found = {each.check.code: each for each in examined(case, facts(case, Sight=view))}
    assert found["ADDRESS_NOT_SEEN"].what == HERE
    assert {each: found[each].result for each in OF_A_PRIVATE_ADDRESS} == {
        "PERMISSION_UNPROVABLE": Result.OK,
        "ADDRESS_CAUTION": Result.WARN,
        "PEERS_FORGOTTEN": Result.WARN,
    }


def test_one_cause_is_told_once() -> None:
    """Without metadata nothing else can be told, and nothing else is asked or blamed."""
    found, missing = findings(HEALTHY, CHECKS, {Here(): NO_ANSWER}, lambda error: pytest.fail(str(error)))
    loud = [each.check.code for each in found if each.result not in {Result.OK, Result.SKIPPED}]
    assert loud == ["METADATA_SILENT"]
    assert all(type(each) is Output or type(each) is File for each in missing)


def test_a_check_that_breaks_is_not_a_verdict() -> None:
    """A bug in one rule is told as such; the others go on, and whether the node could take over is not known."""

    def rule(*_: object) -> str:
        raise ZeroDivisionError

    heard: list[Exception] = []
    broken = replace(BY_CODE["CLOCK_WRONG"], rule=rule)
    checks = [broken if each.code == broken.code else each for each in CHECKS]
    found, _ = findings(HEALTHY, checks, facts(HEALTHY), heard.append)
    assert [each.result for each in found if each.check is broken] == [Result.BROKEN]
    assert isinstance(heard[0], ZeroDivisionError)
    assert Report("", "", tuple(found)).code is ExitCode.UNAVAILABLE


def test_a_muted_cause_does_not_make_what_it_hides_right() -> None:
    """Nothing was looked at behind it: then nobody knows."""
    found = examined(HEALTHY, facts(HEALTHY, RouteTables=DENIED))
    mute = muted("", "EC2_REFUSES", 1600.0, found)
    assert Report("", "", quiet(found, {"EC2_REFUSES": mute}, 1000.0)).code is ExitCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("later", "gone", "counts"),
    [(60, ("rtb-4",), False), (601, ("rtb-4",), True), (60, ("rtb-4", "rtb-5"), True)],
    ids=["the same", "over", "worse"],
)
def test_a_mute_is_void_when_it_is_over_or_it_gets_worse(
    later: float, gone: tuple[str, ...], *, counts: bool
) -> None:
    """What is muted is told in the verdict, and does not count until then."""
    before = examined(HEALTHY, facts(HEALTHY, **sees(gone=("rtb-4",))))
    mute = muted("", "TABLE_GONE", 1600.0, before)
    found = quiet(examined(HEALTHY, facts(HEALTHY, **sees(gone=gone))), {"TABLE_GONE": mute}, 1000.0 + later)
    (mine,) = [each for each in found if each.check.code == "TABLE_GONE"]
    assert (mine.muted is None) is counts
    assert ("(muted: TABLE_GONE)" in Report("", "", found).verdict("node2")) is not counts
