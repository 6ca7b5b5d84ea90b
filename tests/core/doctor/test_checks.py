"""Each check of the doctor fires in a state that calls for it, and is silent in a healthy one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from ec2kit.core.doctor import host
from ec2kit.core.doctor.asked import (
    Addresses,
    File,
    Here,
    Library,
    Options,
    Output,
    Probe,
    Rehearsal,
    Sight,
    TheWay,
    Way,
    Writers,
)
from ec2kit.core.doctor.checks import BY_CODE, CHECKS
from ec2kit.core.doctor.finding import HERE, Case, Finding, Report, Result, SetUp, findings, muted, quiet
from ec2kit.core.errors import ExitCode, KitError, Misconfigured, Problem, Unavailable
from ec2kit.core.kinds.elastic_ip import ElasticIpResource, ElasticIpView
from ec2kit.core.kinds.facts import Answers, Interfaces, RouteTables
from ec2kit.core.kinds.known import KINDS
from ec2kit.core.kinds.private import PrivateResource, PrivateView
from ec2kit.core.kinds.route import RouteEntry, RouteResource, RouteView
from ec2kit.core.model import (
    AllocationId,
    Answer,
    Destination,
    Ec2Instance,
    EniId,
    Node,
    Route,
    RouteTable,
    TableId,
    VpcId,
)
from ec2kit.core.settings import Settings
from ec2kit.lifekeeper import preflight
from ec2kit.pacemaker import cib
from lab import PROJECT

CIB = """<cib have-quorum="1"><configuration>
<crm_config><cluster_property_set id="p"><nvpair id="p1" name="stonith-enabled" value="true"/></cluster_property_set>
</crm_config><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
<resources><primitive id="fence" class="stonith" type="fence_aws"/>
<group id="vip"><meta_attributes id="g"><nvpair id="g1" name="is-managed" value="true"/></meta_attributes>
<primitive id="vip-route" class="ocf" provider="ec2kit" type="route">
<instance_attributes id="i"><nvpair id="i1" name="ip" value="10.1.0.10"/></instance_attributes>
<operations><op id="o1" name="start" interval="0s" timeout="120s"/>
<op id="o2" name="stop" interval="0s" timeout="60"/>
<op id="o3" name="monitor" interval="30s" timeout="PT1M"/></operations></primitive></group></resources>
</configuration></cib>"""
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
OF_SYSTEMD = """Id=ec2kit@vip.service
TimeoutStartUSec=2min 30s
TimeoutStopUSec=1min
ExecStart={ path=/x ; argv[]=/opt/ec2kit/bin/ec2kit hold $EC2KIT_ADDRESS --quiet --timeout 120 ; }
ExecStop={ path=/x ; argv[]=/opt/ec2kit/bin/ec2kit release $EC2KIT_ADDRESS --quiet --timeout 50 ; }
"""
SCRIPT = "/etc/keepalived/ec2kit-notify"
OF_KEEPALIVED = (PROJECT / "etc/keepalived/keepalived.conf").read_text()
ON_ETH1 = "1: lo inet 127.0.0.1/8 scope host lo\n2: eth1 inet 10.0.2.11/24 scope global eth1\n"
BACK = Output(("ip", "-4", "-o", "route", "get", "192.0.2.1", "from", "10.1.0.10"))
DENIED = Unavailable("EC2 denied it (UnauthorizedOperation)", "Allow it")
DENIED.refused = True
NO_ANSWER = Unavailable("no answer", "Look at the way")
LACK = replace(NODE, eni=None, lack=Misconfigured("eth1 has no ENI", "Name another"))


def facts(case: Case, **changed: Any) -> Answers:
    """What is answered on a healthy standby, but for what is changed: by question, or by the name of its class."""
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
        File("/sys/class/net/eth1/operstate"): "up\n",
        Library(): ("1.40.0", True),
        host.ADDRESSES: ON_ETH1,
        BACK: "192.0.2.1 from 10.1.0.10 via 10.0.2.1 dev eth1 uid 0\n",
        host.UNITS: OF_SYSTEMD,
        host.KEEPALIVED: OF_KEEPALIVED,
        File(SCRIPT): "#!/bin/sh\n",
        Writers(SCRIPT): "",
    }
    if case.resource:
        answers[Sight(case.resource)] = view
    if not isinstance(view, KitError):
        answers |= {Rehearsal(each): None for each in view.rehearsal()}
    answers = {query: changed.get(type(query).__name__, answer) for query, answer in answers.items()}
    more: Answers = changed.get("of", {})
    return answers | more


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


def pacemaker(changes: dict[str, str], tag: str = "primitive") -> dict[str, Any]:
    """A case of Pacemaker's, as the healthy CIB shows it but for some of its texts."""
    text = CIB
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (found,) = cib.read(text, "node2")
    assert not isinstance(found.named, KitError), tag
    return {"case": replace(HEALTHY, resource=found.named.resource, set_up=found.set_up)}


def lifekeeper(**settings: int) -> dict[str, Any]:
    """A case of LifeKeeper's, with such settings."""
    named = Settings(**{"nobcastping": 1, "resrvrectimeout": 300, **settings})  # type: ignore[arg-type]  # numbers
    return {"case": replace(HEALTHY, set_up=preflight.set_up(named, KINDS["route"], SetUp()))}


def engine(problem: Problem) -> dict[str, Any]:
    """A case with what its engine shows."""
    return {"case": replace(HEALTHY, set_up=SetUp((problem,), frozenset({problem.code})))}


def without(word: str) -> dict[str, Any]:
    """keepalived's file without the line that begins with a word."""
    lines = [line for line in OF_KEEPALIVED.splitlines() if not line.strip().startswith(word)]
    return {"of": {host.KEEPALIVED: "\n".join(lines)}}


HELD = replace(VIEW, entries=(RouteEntry(TableId("rtb-1"), ENI, "active"),))
WITH_VIP = f"{ON_ETH1}2: eth1 inet 10.1.0.10/32 scope global eth1\n"
FULL = RouteTable(TableId("rtb-1"), tuple(Route(Destination(f"10.9.{n}.0/24"), "igw-1") for n in range(46)))
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
    "ADDRESS_LOST": (Result.WARN, {"case": replace(HEALTHY, active=True)}),
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
    "REVERSE_PATH_STRICT": (
        Result.WARN,
        {"of": {File("sys/net/ipv4/conf/all/rp_filter"): "1\n", File("sys/net/ipv4/conf/eth1/rp_filter"): "1\n"}},
    ),
    "ROUTES_NEAR_QUOTA": (Result.WARN, {"RouteTables": (FULL,)}),
    "ONLY_WAY_OUT": (
        Result.WARN,
        {**eip(default_route=True), "Addresses": ("52.94.0.1",)},
    ),
    "VIP_NOT_ON_INTERFACE": (Result.WARN, {"Sight": HELD}),
    "VIP_ON_INTERFACE": (Result.WARN, {"of": {host.ADDRESSES: WITH_VIP}}),
    "WAY_BACK_ELSEWHERE": (
        Result.WARN,
        {
            "Sight": HELD,
            "of": {host.ADDRESSES: WITH_VIP, BACK: "192.0.2.1 from 10.1.0.10 via 10.0.0.1 dev eth0 uid 0"},
        },
    ),
    "LINK_DOWN": (Result.WARN, {"of": {File("/sys/class/net/eth1/operstate"): "down\n"}}),
    "SHAPES_MISSING": (Result.WARN, {"Library": ("1.40.0", False)}),
    "BROADCAST_PING_ON": (Result.WARN, lifekeeper(nobcastping=0)),
    "RECOVERY_TIME_SHORT": (Result.WARN, lifekeeper(resrvrectimeout=60)),
    "CHECKS_OVERLAP": (Result.WARN, lifekeeper(lkcheckinterval=90)),
    "NOT_EXTENDED": (Result.WARN, engine(Problem("on node1 alone", "Extend it", fatal=False, code="NOT_EXTENDED"))),
    "DEPENDENCY_MISSING": (Result.FAIL, engine(Problem("not here", "dep_create", code="DEPENDENCY_MISSING"))),
    "PACEMAKER_SILENT": (Result.WARN, {"case": replace(HEALTHY, set_up=SetUp((cib.SILENT,), cib.FINDS))}),
    "OPERATION_TIMEOUT_SHORT": (Result.WARN, pacemaker({'timeout="120s"': 'timeout="1min"'})),
    "RESOURCE_NOT_MONITORED": (Result.WARN, pacemaker({'interval="30s"': 'interval="0"'})),
    "RESOURCE_UNMANAGED": (Result.WARN, pacemaker({'"is-managed" value="true"': '"is-managed" value="false"'})),
    "RESOURCE_CLONED": (Result.FAIL, pacemaker({"<group": "<clone id='c'><group", "</group>": "</group></clone>"})),
    "FENCING_OFF": (Result.WARN, pacemaker({'"stonith-enabled" value="true"': '"stonith-enabled" value="false"'})),
    "KEEPALIVED_SCRIPT": (Result.WARN, without("enable_script_security")),
    "UNIT_TIMEOUT_SHORT": (Result.WARN, {"of": {host.UNITS: OF_SYSTEMD.replace("2min 30s", "1min 30s")}}),
}
OF_OTHERS = {"VERSIONS_DIFFER"}
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
    assert set(FIRES) | OF_A_PRIVATE_ADDRESS | OF_OTHERS == set(BY_CODE)
    assert (
        Report("route 10.1.0.10/32", "", tuple(found)).verdict("node2")
        == "node2 can take over route 10.1.0.10/32 now"
    )


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("KEEPALIVED_SCRIPT", without("script_user")),
        ("KEEPALIVED_SCRIPT", {"of": {host.KEEPALIVED: f"vrrp_notify_fifo /x\n{OF_KEEPALIVED}"}}),
        ("KEEPALIVED_SCRIPT", {"of": {File(SCRIPT): None}}),
        ("KEEPALIVED_SCRIPT", {"of": {Writers(SCRIPT): "other users can write in it"}}),
        ("UNIT_TIMEOUT_SHORT", {"of": {host.UNITS: OF_SYSTEMD.replace("USec=1min", "USec=40s")}}),
        (
            "WAY_BACK_ELSEWHERE",
            {
                "Sight": HELD,
                "of": {host.ADDRESSES: WITH_VIP.replace("2: eth1 inet 10.1", "1: lo inet 10.1"), BACK: "- dev eth0"},
            },
        ),
    ],
)
def test_what_else_makes_it_fire(code: str, state: dict[str, Any]) -> None:
    """The other causes of the same finding."""
    found = examined(HEALTHY, facts(HEALTHY, **state))
    assert {each.check.code for each in found if each.result is not Result.OK} == {code}


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("ONLY_WAY_OUT", {**eip(default_route=True), "Addresses": ("10.0.0.5",)}),
        ("ONLY_WAY_OUT", {**eip(default_route=True, primary="10.0.2.99"), "Addresses": ("52.94.0.1",)}),
        ("VIP_ON_INTERFACE", {"of": {host.ADDRESSES: WITH_VIP.replace("2: eth1 inet 10.1", "1: lo inet 10.1")}}),
        ("VIP_NOT_ON_INTERFACE", {"Sight": HELD, "of": {host.ADDRESSES: ""}}),
        ("KEEPALIVED_SCRIPT", {"of": {host.KEEPALIVED: "vrrp_instance VI_1 { }"}}),
        ("KEEPALIVED_SCRIPT", {"of": {host.KEEPALIVED: "# vrrp_notify_fifo_script /x/ec2kit-notify"}}),
        ("UNIT_TIMEOUT_SHORT", {"of": {host.UNITS: OF_SYSTEMD.replace("2min 30s", "infinity")}}),
        ("UNIT_TIMEOUT_SHORT", {"of": {host.UNITS: None}}),
        (
            "RESOURCE_CLONED",
            pacemaker(
                {
                    "<group": "<clone id='c'><meta_attributes id='m'><nvpair id='n' name='clone-max' "
                    "value='1'/></meta_attributes><group",
                    "</group>": "</group></clone>",
                }
            ),
        ),
    ],
)
def test_what_does_not_make_it_fire(code: str, state: dict[str, Any]) -> None:
    """What is as it may be, and what is not told."""
    case = state.get("case", HEALTHY)
    found = examined(case, facts(case, **{name: each for name, each in state.items() if name != "case"}))
    assert code not in {each.check.code for each in found if each.result is not Result.OK}


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
    assert {type(each) for each in missing} <= {Output, File, Library}


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
