"""`ec2kit doctor`: the verdict first, one cause once, by exit code and JSON; it changes nothing."""

from __future__ import annotations

import json
import re
import time

import pytest

from lab.nodes import Lab
from lab.protected import Protected
from tests.support.hierarchy import ROUTE, protected
from tests.support.programs import replaced


def test_a_healthy_pair(either: Protected) -> None:
    """Both nodes say so in the first line: one has the address, the other could take it."""
    holder, standby = (node.ec2kit("doctor") for node in (either.lab.node1, either.lab.node2))
    assert (holder.returncode, standby.returncode) == (0, 0), standby
    named = " ".join(either.words[:2]).replace("route 10.1.0.10", "route 10.1.0.10/32")
    kind, _, address = named.partition(" ")
    assert holder.stdout.startswith("node1 can keep ")
    assert f"{address} ({either.tag}), which it has now" in holder.stdout.splitlines()[0]
    assert standby.stdout.startswith("node2 can take over ")
    assert kind


def test_a_standby_without_rights(either: Protected) -> None:
    """What EC2 would refuse is proven by DryRun, told with its cure, and is 1; it is 0 when mended."""
    for operation in ("ReplaceRoute", "AssociateAddress", "DescribeNetworkInterfaces"):
        either.lab.ec2.refuse("denied", operation)
    refused = either.lab.node2.ec2kit("doctor", either.tag, "--output", "json")
    told = json.loads(refused.stdout)
    assert (refused.returncode, told["outcome"], told["error"], told["schema"]) == (1, "NOT_HELD", None, 1)
    (report,) = told["reports"]
    failed = [each for each in report["findings"] if each["result"] == "fail"]
    assert {each["code"] for each in failed} == {"EC2_REFUSES"}
    either.lab.ec2.mend()
    if either.words[0] != "private":  # EC2 has no DryRun for its calls
        for operation in ("ReplaceRoute", "AssociateAddress"):
            either.lab.ec2.refuse("denied", operation)
        denied = either.lab.node2.ec2kit("doctor", *either.words)
        assert (denied.returncode, denied.stdout.count("PERMISSION_MISSING (961031)") > 0) == (1, True), denied
        assert "Allow ec2:" in denied.stdout
        assert re.search(rf"ec2kit doctor {either.words[0]} .* --policy", denied.stdout)
        either.lab.ec2.mend()
    assert either.lab.node2.ec2kit("doctor", *either.words).returncode == 0


def test_what_hangs_is_not_known_and_holds_up_nothing(routes: Protected) -> None:
    """EC2 does not answer: 9, within the time that is given, and what this host tells is told all the same."""
    routes.lab.ec2.refuse("hang")
    began = time.monotonic()
    done = routes.lab.node2.ec2kit("doctor", *routes.words, "--timeout", "4")
    assert (done.returncode, time.monotonic() - began < 12) == (9, True), done
    assert "ENDPOINT_SILENT" in done.stdout.splitlines()[0]
    routes.lab.ec2.mend()


def test_without_metadata_one_line(routes: Protected) -> None:
    """The cause alone, not all that depends on it; whether the node could take over is not known."""
    routes.lab.node2.imds.fault = "refused"
    done = routes.lab.node2.ec2kit("doctor", *routes.words)
    heads = [line for line in done.stdout.splitlines() if line.startswith(("fail", "unknown", "warn", "broken"))]
    assert (done.returncode, len(heads)) == (9, 1), done
    assert "METADATA_SILENT (961001)" in heads[0]


def test_a_mute_is_kept_and_told(routes: Protected) -> None:
    """What is muted does not count from then on; a code that is not one, or half of the options, is a usage error."""
    node = routes.lab.node2
    routes.lab.ec2.refuse("denied", "ReplaceRoute")
    muted = node.ec2kit("doctor", routes.tag, "--mute", "permission_missing", "--for", "10m")
    assert (muted.returncode, "(muted: PERMISSION_MISSING)" in muted.stdout) == (0, True), muted
    assert "muted until" in node.ec2kit("doctor", routes.tag).stdout
    assert node.ec2kit("doctor", "--mute", "NOTHING", "--for", "10m").returncode == 2
    assert node.ec2kit("doctor", "--mute", "TABLE_GONE").returncode == 2
    routes.lab.ec2.mend()


def test_one_info_field_that_cannot_be_read(routes: Protected) -> None:
    """It hinders its own resource, and is said; this node is examined all the same."""
    routes.lab.node2.lcd("ins_setinfo", "-t", routes.tag, "-v", "damaged")
    done = routes.lab.node2.ec2kit("doctor", "--long")
    assert (done.returncode, "INFO_UNREADABLE (961007)" in done.stdout) == (1, True), done
    assert "METADATA_SILENT" in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody",), 5),
        (("route", "10.1.0.300"), 2),
        (("route", "10.1.0.10", "more"), 2),
        (("eip", "192.0.2.77"), 1),
        (("ec2-ip-vip", "--profile", "x"), 2),
    ],
    ids=["no such tag", "not an address", "a word too much", "not the account's", "options beside a tag"],
)
def test_what_cannot_be_examined(routes: Protected, words: tuple[str, ...], code: int) -> None:
    """In words, and with the code that every command has for it."""
    done = routes.lab.node2.ec2kit("doctor", *words)
    assert done.returncode == code, done
    assert (done.stdout + done.stderr).strip()


CIB = """<cib><configuration><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<clone id="c"><primitive id="vip-route" class="ocf" provider="ec2kit" type="route"><instance_attributes id="i">
<nvpair id="i1" name="ip" value="10.1.0.10"/></instance_attributes></primitive></clone>
</resources></configuration></cib>"""


def test_pacemakers_resources(routes: Protected) -> None:
    """Without LifeKeeper those of Pacemaker are examined, by name, by address or all; what is proven hinders."""
    node = routes.lab.node2
    node.set(LKROOT=node.root / "nothing")
    cibadmin = node.root / "bin/cibadmin"
    cibadmin.write_text(f"#!/bin/sh\ncat <<'END'\n{CIB}\nEND\n")
    cibadmin.chmod(0o755)
    for words in ((), ("vip-route",), ("route", "10.1.0.10")):
        done = node.ec2kit("doctor", *words)
        assert (done.returncode, done.stdout.splitlines()[0].count("RESOURCE_CLONED")) == (1, 1), done
        assert ("(vip-route)" in done.stdout) is (words[:1] != ("route",))
        assert "OPERATION_TIMEOUT_SHORT (961074)" in done.stdout
    assert node.ec2kit("doctor", "vip-nobody").returncode == 5
    cibadmin.write_text("#!/bin/sh\nexit 102\n")
    silent = node.ec2kit("doctor")
    assert (silent.returncode, silent.stdout.count("PACEMAKER_SILENT (961073)")) == (0, 1), silent


def test_lifekeepers_settings(routes: Protected) -> None:
    """What create finds of them, doctor finds on each node."""
    routes.lab.node2.set(NOBCASTPING=0, RESRVRECTIMEOUT=60, LKCHECKINTERVAL=90)
    done = routes.lab.node2.ec2kit("doctor")
    assert done.returncode == 0
    assert all(code in done.stdout for code in ("BROADCAST_PING_ON", "RECOVERY_TIME_SHORT", "CHECKS_OVERLAP")), done


def test_all_systems(figure1: Lab) -> None:
    """Each system's verdict comes first; what is wrong on another one is told with its name, and counts."""
    protected(figure1, ROUTE)
    node1, node2 = figure1.node1, figure1.node2
    for words in (("--all-systems",), ("route", "10.1.0.10", "--all-systems")):
        done = node1.ec2kit("doctor", *words)
        assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["node1", "node2"], done
        assert done.returncode == 0
    node2.imds.fault = "refused"
    done = node1.ec2kit("doctor", ROUTE, "--all-systems")
    assert (done.returncode, "METADATA_SILENT (961001) on node2" in done.stdout) == (9, True), done
    told = json.loads(node1.ec2kit("doctor", "--all-systems", "--output", "json").stdout)
    assert [(each["system"], each["outcome"]) for each in told["others"]] == [("node2", "UNAVAILABLE")]
    assert (told["elsewhere"], told["shapes"], told["reports"][0]["outcome"]) == (None, True, "OK")
    replaced(node1, "lcdremexec", "exec sleep 30")
    done = node1.ec2kit("doctor", "--all-systems", "--timeout", "5")
    assert done.stdout.splitlines()[0].startswith("node1 can keep"), done
    assert (done.returncode, "node2 tells nothing" in done.stdout.splitlines()[1]) == (9, True), done


def test_what_other_nodes_have_told(routes: Protected) -> None:
    """Files of other nodes, where nobody can ask them: verdicts, versions, exit code; other files are refused."""
    node1, node2 = routes.lab.node1, routes.lab.node2
    node1.set(LKROOT=node1.root / "nothing")
    file = node1.root / "node2.json"
    told = json.loads(node2.ec2kit("doctor", *routes.words, "--output", "json").stdout)
    file.write_text(json.dumps(told | {"version": "0.1.9"}))
    done = node1.ec2kit("doctor", *routes.words, "--all-systems", "--with", str(file))
    assert (done.returncode, done.stdout.count("VERSIONS_DIFFER (961081)")) == (0, 1), done
    assert "0.1.9 on node2" in done.stdout
    assert f"ec2kit doctor {' '.join(routes.words[:2])} --output json > FILE" in done.stdout
    file.write_text(json.dumps(told | {"outcome": "NOT_HELD"}))
    assert node1.ec2kit("doctor", *routes.words, "--with", str(file)).returncode == 1
    file.write_text(json.dumps({**told, "reports": [{}]}))
    for name in (file, node1.root / "nothing.json"):
        refused = node1.ec2kit("doctor", *routes.words, "--with", str(name))
        assert (refused.returncode, str(name) in refused.stderr) == (2, True), refused
