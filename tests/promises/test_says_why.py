"""Whatever is wrong with the input: one clear last line with what to do, the right exit code, nothing changed."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from lab import PROJECT
from lab.ec2.vpc import snapshot
from lab.protected import Protected
from tests.support.programs import last


def unchanged(either: Protected) -> bool:
    """Whether no changing call was sent at all."""
    return all(call.action.startswith("Describe") for call in either.lab.ec2.calls)


def test_an_unknown_tag(routes: Protected) -> None:
    """restore, remove and recover: 5. quickCheck: 0 and an ERROR. delete: nothing is left to undo."""
    node = routes.lab.node1
    for action, options, code in (
        ("restore", ("-t", "nobody", "-i", "x"), 5),
        ("remove", ("-t", "nobody", "-i", "x"), 5),
        ("recover", ("-n", "nobody"), 5),
        ("quickCheck", ("-t", "nobody", "-i", "x"), 0),
    ):
        done = node.action(action, *options)
        assert done.returncode == code, action
        assert 'there is no resource "nobody" on node1. See the tags with' in last(done)
    assert node.action("delete", "-t", "nobody", "-i", "x", "-U").returncode == 0
    assert node.action("canextend", "node2", "nobody").returncode == 5
    assert unchanged(routes)


def test_no_tag_at_all(routes: Protected) -> None:
    """The usage, and exit code 2."""
    for action in ("restore", "remove", "quickCheck", "recover", "delete", "canextend", "extend"):
        done = routes.lab.node1.action(action)
        assert done.returncode == 2
        assert f"usage: {action} " in last(done)


def test_garbage_in_info(routes: Protected) -> None:
    """A person must act; quickCheck says so without failing."""
    node = routes.lab.node1
    node.lk("ins_setinfo", "-t", routes.tag, "-v", "10.1.0.10 eth1").check_returncode()
    for action, code in (("restore", 5), ("remove", 5), ("recover", 5), ("quickCheck", 0)):
        done = routes.run(action, node)
        assert done.returncode == code
        assert "info field has a word that is not ec2kit's. Create the resource again" in last(done)
    assert unchanged(routes)


def test_a_settings_file_with_shell_in_it(routes: Protected) -> None:
    """Nothing of it is executed; the defaults are used, with a warning each, and the failover goes on."""
    node = routes.lab.node1
    loot = node.root / "owned"
    node.set(EC2_MAX_RETRY=f"$(touch {loot})", EC2_RESTORE_TIMEOUT=f"`touch {loot}`", AWS_PROFILE=f"x;touch {loot}")
    done = routes.run("restore", node)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not a plain value") == 3
    assert not loot.exists()


def test_ec2_max_retry_three(routes: Protected) -> None:
    """A typo is a warning and the default."""
    routes.lab.node1.set(EC2_MAX_RETRY="three")
    done = routes.run("restore", routes.lab.node1)
    assert done.returncode == 0
    assert "EC2_MAX_RETRY is not a number from 0 to 100; using 3" in done.stderr


@pytest.mark.parametrize("vip", ["fd00::10", "10.1.0", "10.1.0.10/24", "10.1.0.300", "vip", ""])
def test_an_ipv6_or_malformed_virtual_ip(routes: Protected, vip: str) -> None:
    """Usage, with an example of what is right."""
    done = routes.lab.node1.ec2kit("hold", "route", vip, "--force")
    assert done.returncode == 2
    assert "is not an IPv4 address such as 10.1.0.10" in last(done)
    assert unchanged(routes)


def test_an_interface_that_does_not_exist(either: Protected) -> None:
    """The ones that there are, are named; only a release asks EC2, for it may have nothing to let go of."""
    either.lab.node1.set(EC2_MAX_RETRY=0)
    for verb in ("hold", "check", "plan", *(["release"] if either.words[0] == "eip" else [])):
        force = ("--force",) if verb == "hold" else ()
        done = either.lab.node1.ec2kit(verb, *either.words[:2], "--interface", "eth7", *force)
        assert done.returncode == 5
        assert "no network interface eth7. It has: eth0, eth1. Name one of them." in last(done)
    assert either.lab.node1.ec2kit("hold", *either.words[:2], "--interface", "../eth1", "--force").returncode == 5
    assert {call.action for call in either.lab.ec2.calls} <= {"DescribeAddresses", "DescribeNetworkInterfaces"}
    assert all("ec2kit-action/release" in call.agent for call in either.lab.ec2.calls)


def test_an_interface_without_an_eni(routes: Protected) -> None:
    """A bridge, say: the metadata does not know its hardware address."""
    bridge = routes.lab.node1.sysfs / "class/net/br0"
    bridge.mkdir()
    (bridge / "address").write_text("02:ff:ff:ff:ff:ff\n")
    done = routes.lab.node1.ec2kit("hold", *routes.words[:2], "--interface", "br0", "--force")
    assert done.returncode == 5
    assert "br0 (02:ff:ff:ff:ff:ff) is not a network interface of this EC2 instance" in last(done)


def test_a_virtual_ip_inside_the_vpc(routes: Protected) -> None:
    """EC2 routes those itself."""
    done = routes.lab.node1.ec2kit("hold", "route", "10.0.2.99", "--table", "rtb-1", "--force")
    assert done.returncode == 5
    assert "10.0.2.99 lies inside 10.0.0.0/16, a CIDR block of" in last(done)
    assert unchanged(routes)


def test_a_virtual_ip_without_an_entry(routes: Protected) -> None:
    """Looked, and it is not so: 1, with the command that makes the entry."""
    done = routes.lab.node1.ec2kit("hold", "route", "10.9.9.9", "--force")
    assert done.returncode == 1
    assert "has an entry for 10.9.9.9/32. Create it, on the node that is to have it: aws ec2 create-route" in last(
        done
    )


def test_an_elastic_ip_of_another_account(eip: Protected) -> None:
    """Nothing to hold, nothing to release."""
    node = eip.lab.node1
    for verb, code in (("hold", 5), ("check", 5), ("plan", 5), ("release", 0)):
        done = node.ec2kit(verb, "eip", "198.51.100.7", "--interface", "eth1")
        assert done.returncode == code, verb
    assert "198.51.100.7 is not an Elastic IP of the account" in last(
        node.ec2kit("hold", "eip", "198.51.100.7", "--force")
    )
    assert unchanged(eip)


def test_a_plain_http_endpoint(routes: Protected) -> None:
    """Signed requests never leave this host in the clear, wherever the URL comes from."""
    node = routes.lab.node1
    done = routes.verb("hold", node, "--endpoint-url", "http://ec2.example.com")
    assert done.returncode == 5
    assert "the EC2 URL http://ec2.example.com is not https. Give an https:// URL" in last(done)
    node.set(AWS_ENDPOINT_URL_EC2="http://192.0.2.1:80")
    assert routes.run("restore", node).returncode == 5
    assert routes.run("quickCheck", node).returncode == 0
    config = node.root / ".aws/config"
    config.parent.mkdir()
    config.write_text("[default]\nendpoint_url = http://192.0.2.1:80\n")
    node.defaults.write_text(node.defaults.read_text().replace("AWS_ENDPOINT_URL_EC2", "#"))
    assert routes.run("restore", node).returncode == 5
    assert routes.lab.ec2.calls == []


def test_lifekeeper_is_not_there(routes: Protected) -> None:
    """The action says which program it missed."""
    shutil.rmtree(routes.lab.node1.lkroot / "bin")
    done = routes.run("restore", routes.lab.node1)
    assert done.returncode == 5
    assert "ins_list cannot be run (No such file or directory). Is LifeKeeper installed" in last(done)


def test_a_profile_that_does_not_exist(routes: Protected) -> None:
    """A setting that a person must mend."""
    done = routes.verb("hold", routes.lab.node1, "--profile", "nobody")
    assert done.returncode == 5
    assert "there is no profile nobody" in last(done)


def test_the_settings_file_is_missing(routes: Protected) -> None:
    """Then every setting has its default; here that means no LifeKeeper in /opt."""
    before = snapshot(routes.lab.ec2.truth())
    routes.lab.node1.defaults.unlink()
    assert routes.run("restore", routes.lab.node1).returncode == 5
    assert snapshot(routes.lab.ec2.truth()) == before


def test_quick_check_with_every_stream_closed(routes: Protected) -> None:
    """Whoever calls it so still gets the truth, and no exit code of Python's own."""
    node = routes.lab.node1
    script = node.lkroot / "subsys/comm/resources/ec2/actions/quickCheck"
    command = ("sh", "-c", f"exec {script} -t {routes.tag} -i {routes.id} <&- >&- 2>&-")
    assert node.run(*command).returncode == 0
    routes.lab.ec2.refuse("denied")
    assert node.run(*command).returncode == 0
    routes.lab.ec2.mend()
    assert routes.run("restore", routes.lab.node2).returncode == 0
    assert node.run(*command).returncode == 1


def test_a_broken_installation_proves_no_loss() -> None:
    """The kit cannot be imported: quickCheck says so with 0; restore fails."""
    for action, codes in (("quickCheck", {0}), ("restore", {1, 3, 5, 9})):
        command = [sys.executable, "-S", str(PROJECT / "actions" / action), "-t", "x", "-i", "x"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
        assert done.returncode in codes
        assert "ec2kit" in done.stderr


def test_a_tag_with_line_breaks_stays_one_line(routes: Protected) -> None:
    """Nothing can write a line of its own into the log."""
    done = routes.lab.node1.action("restore", "-t", "x\nINFO:ec2:restore:y:960002:END successful", "-i", "x")
    assert all(line.count(":ec2:restore:") == 1 or "?INFO" in line for line in done.stderr.splitlines())
    assert not any(line.startswith("INFO:ec2:restore:y:") for line in done.stderr.splitlines())
