"""An access key of its own for a resource: proven, kept for root alone, and gone with the resource."""

from __future__ import annotations

import time

from lab.nodes import Lab
from tests.support.hierarchy import CREATE, EIP, KEY_ID, SECRET, states, with_key
from tests.support.locks import locked
from tests.support.programs import good, replaced


def test_an_access_key_of_its_own(figure2: Lab) -> None:
    """It signs every call of the resource, stands in a file of root's alone, and goes with the resource."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    figure2.ec2.only_registered = True
    said = ""
    done = with_key(figure2.node1, *CREATE[EIP])
    said += good(done) + done.stderr
    assert {call.key for call in figure2.ec2.calls} == {KEY_ID}
    refused = figure2.node1.ec2kit("extend", EIP, "--to", "node2")
    assert refused.returncode == 5
    assert f"has no [ec2kit-{EIP}]. Run on this system: ec2kit key {EIP} --access-key-id ID" in refused.stderr
    done = with_key(figure2.node2, "key", EIP)
    said += good(done) + done.stderr
    figure2.ec2.forget()
    for command in (("extend", EIP, "--to", "node2"), ("status",), ("properties", EIP)):
        said += good(figure2.node1.ec2kit(*command))
    done = figure2.node2.ec2kit("in-service", EIP)
    said += good(done) + done.stderr
    assert {call.key for call in figure2.ec2.calls} == {KEY_ID}
    for node in figure2.nodes.values():
        assert node.credentials.read_text().count(SECRET) == 1
        assert node.credentials.stat().st_mode & 0o7777 == 0o600
    files = [each for each in figure2.node1.root.parent.rglob("*") if each.is_file() and each.name != "credentials"]
    for text in (said, *(each.read_text(errors="replace") for each in files)):
        assert SECRET not in text
    good(figure2.node1.ec2kit("delete", EIP))
    assert not any(node.credentials.exists() for node in figure2.nodes.values())


def test_what_the_guis_delete_leaves_goes_by_the_kits_own(figure2: Lab) -> None:
    """The resource is gone already: the kit's delete takes its history and its access key away."""
    node = figure2.node1
    good(with_key(node, *CREATE[EIP], "--generic"))
    good(node.action("restore", "-t", EIP, "-i", "x"))
    history = node.root / f"var/lib/ec2kit/{EIP}.jsonl"
    good(node.lk("ins_remove", "-t", EIP))
    assert (history.exists(), node.credentials.exists()) == (True, True)
    good(node.action("delete", "-t", EIP))
    assert (history.exists(), node.credentials.exists()) == (False, False)


def test_a_key_that_ec2_refuses_is_not_kept(figure2: Lab) -> None:
    """Neither by create nor by key; what it says is about the credentials, and the secret is not in it."""
    figure2.ec2.only_registered = True
    for node, command in ((figure2.node1, CREATE[EIP]), (figure2.node2, ("key", EIP))):
        node.set(EC2_MAX_RETRY=0)
        done = with_key(node, *command)
        assert done.returncode == 9
        assert "EC2 refused the credentials for DescribeRouteTables" in done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert not node.credentials.exists()
        if command == CREATE[EIP]:
            assert states(figure2, EIP) == {}
            figure2.ec2.credentials[KEY_ID] = time.time() + 3600
            good(with_key(node, *command, "--generic"))
            del figure2.ec2.credentials[KEY_ID]
    assert with_key(figure2.node1, *CREATE[EIP], secret="").returncode == 5
    both = figure2.node1.ec2kit(*CREATE[EIP], "--access-key-id", KEY_ID, "--profile", "x")
    assert both.returncode == 2


def test_a_key_that_nothing_would_use_is_not_kept(figure2: Lab) -> None:
    """A tag that no system has, and a resource that signs with the role: each is told, and EC2 is not asked."""
    figure2.ec2.forget()
    refused = with_key(figure2.node2, "key", "typo")
    assert (refused.returncode, 'no system has a resource "typo"' in refused.stderr) == (5, True), refused.stderr
    good(figure2.node1.ec2kit(*CREATE[EIP]))
    figure2.ec2.forget()
    for node in figure2.nodes.values():  # on one of them it is, on the other it will be
        refused = with_key(node, "key", EIP)
        assert refused.returncode == 5
        assert f"{EIP} signs with the credentials of the node, such as its role" in refused.stderr
        assert not node.credentials.exists()
    assert not figure2.ec2.calls


def test_a_creation_that_fails_drops_the_key(figure2: Lab) -> None:
    """All or nothing holds for the credentials file too."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    replaced(figure2.node1, "ins_create", "exit 3")
    done = with_key(figure2.node1, *CREATE[EIP])
    assert done.returncode == 9
    assert "ins_create failed with exit code 3" in done.stderr
    assert not figure2.node1.credentials.exists()


def test_another_run_that_holds_the_credentials_file_is_not_waited_for_long(figure2: Lab) -> None:
    """A few seconds; then nothing was kept, and the words say what to do. Afterwards it works."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    good(with_key(figure2.node1, *CREATE[EIP]))
    with locked(figure2.node2.credentials.parent):
        began = time.monotonic()
        done = with_key(figure2.node2, "key", EIP)
        assert time.monotonic() - began < 20
    assert done.returncode == 9
    assert "another run of the kit holds the lock on" in done.stderr.splitlines()[-1]
    assert "Run it again when that has ended" in done.stderr.splitlines()[-1]
    assert not figure2.node2.credentials.exists()
    good(with_key(figure2.node2, "key", EIP))


def test_a_key_that_cannot_be_dropped_hides_no_cause(figure2: Lab) -> None:
    """A creation fails, and another run holds the file by then: the last line has the cause, one tells of the key."""
    figure2.ec2.credentials[KEY_ID] = time.time() + 3600
    lock = f"flock {figure2.node1.credentials.parent} sleep 8"
    replaced(figure2.node1, "ins_create", f"{lock} >/dev/null 2>&1 &\nsleep 0.5\nexit 3")
    done = with_key(figure2.node1, *CREATE[EIP])
    assert done.returncode == 9
    assert "ins_create failed with exit code 3" in done.stderr.splitlines()[-1]
    assert f"the access key of [ec2kit-{EIP}] is still kept: another run of the kit holds the lock" in done.stderr
    assert SECRET not in done.stdout + done.stderr
