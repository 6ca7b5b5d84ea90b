"""A resource changes its form and stays what it is: the address, the hierarchy, the key, the history."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from lab.ec2.vpc import AddressLab, snapshot
from lab.nodes import Lab, Node
from lab.protected import eni_of
from tests.support.hierarchy import CREATE, EIP, FORMS, KEY_ID, ROUTE, made, protected, states, with_key
from tests.support.programs import command, good, replaced

CREAPPHIER = "lkadm/subsys/gen/app/bin/creapphier"
MANAGER = "lkadm/bin/extmgrDoExtend.pl"


def changed(node: Node, tag: str, form: str) -> subprocess.CompletedProcess[str]:
    """Change the form of a resource."""
    return node.ec2kit("properties", tag, "--set", f"type={form}")


def told(node: Node, tag: str) -> dict[str, object]:
    """All that properties tells of a resource, but its form and LifeKeeper's id."""
    shown: dict[str, object] = json.loads(good(node.ec2kit("properties", tag, "--output", "json")))
    return {key: value for key, value in shown.items() if key not in {"type", "id"}}


def forms(lab: Lab, tag: str) -> set[str]:
    """The forms that it has on the systems that have it."""
    return {"/".join(row[1:3]) for node in lab.nodes.values() if len(row := made(node, tag)) > 6}


def clean(lab: Lab) -> bool:
    """Whether nothing of a change is left: no flag, no file."""
    flags = "".join(node.lk("flg_list").stdout for node in lab.nodes.values())
    return not flags and not [
        file for node in lab.nodes.values() for file in node.root.glob("var/lib/ec2kit/changes/*")
    ]


def test_there_and_back(managed1: Lab) -> None:
    """On both systems, with everything that LifeKeeper knows of it; AWS is asked, and not changed."""
    lab = managed1
    protected(lab, ROUTE, "--interface", "eth0", "--template-priority", "3", "--target-priority", "7")
    before, properties = snapshot(lab.ec2.truth()), told(lab.node1, ROUTE)
    files = [node.root / f"var/lib/ec2kit/{ROUTE}.jsonl" for node in lab.nodes.values()]
    history = [file.read_text() if file.exists() else "" for file in files]
    for form in reversed(FORMS):
        assert f"{ROUTE} is of type {form} now" in good(changed(lab.node1, ROUTE, form))
        assert forms(lab, ROUTE) == {form}
        assert told(lab.node1, ROUTE) == properties
        assert told(lab.node2, ROUTE) == properties
        assert snapshot(lab.ec2.truth()) == before
        assert clean(lab)
        now = [file.read_text() if file.exists() else "" for file in files]
        assert all(new.startswith(old) for new, old in zip(now, history, strict=True)), "its history is kept"
        assert f"{ROUTE} is of type {form} already" in good(changed(lab.node1, ROUTE, form))
    good(lab.node2.ec2kit("in-service", "ip-vip"))
    assert states(lab, ROUTE) == {"node1": "OSU", "node2": "ISP"}


def test_an_access_key_is_kept(managed2: Lab) -> None:
    """LifeKeeper removes the instances; the key that the new ones sign with stays where it is."""
    managed2.ec2.credentials[KEY_ID] = time.time() + 3600
    managed2.ec2.only_registered = True
    good(with_key(managed2.node1, "create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", EIP[4:]))
    good(with_key(managed2.node2, "key", EIP))
    good(managed2.node1.ec2kit("extend", EIP, "--to", "node2"))
    kept = [node.credentials.read_text() for node in managed2.nodes.values()]
    for form in reversed(FORMS):
        good(changed(managed2.node1, EIP, form))
        assert [node.credentials.read_text() for node in managed2.nodes.values()] == kept
        assert states(managed2, EIP) == {"node1": "ISP", "node2": "OSU"}
    good(managed2.node1.ec2kit("delete", EIP))
    assert not any(node.credentials.exists() for node in managed2.nodes.values())


def test_a_step_that_fails_is_taken_back(managed1: Lab) -> None:
    """The new form cannot be made here: it is of the old one again, on both systems."""
    lab = managed1
    protected(lab, ROUTE)
    before, properties = snapshot(lab.ec2.truth()), told(lab.node1, ROUTE)
    replaced(lab.node1, f"../{CREAPPHIER}", "exit 3")
    done = changed(lab.node1, ROUTE, "gen/app")
    assert done.returncode == 9
    assert "creapphier failed with exit code 3" in done.stderr.splitlines()[-1]
    assert f"Making {ROUTE} again as it was, of type comm/ec2" in done.stdout
    assert forms(lab, ROUTE) == {"comm/ec2"}
    assert told(lab.node1, ROUTE) == properties
    assert states(lab, ROUTE) == {"node1": "ISP", "node2": "OSU"}
    assert snapshot(lab.ec2.truth()) == before
    assert clean(lab)


def cut_off(node: Node, tag: str, form: str, program: str) -> None:
    """Change the form, and kill that when it has come to a program of LifeKeeper's; its lock is taken away."""
    once = node.root / "once"
    text = f'[ -e {once} ] || {{ touch {once}; sleep 60; }}\nexec "$0.kept" "$@"'
    kept = replaced(node, program, text)
    line = [str(node.root / "bin/ec2kit"), "properties", tag, "--set", f"type={form}"]
    with subprocess.Popen(line, env=node.environment, stdout=subprocess.DEVNULL) as run:
        limit = time.monotonic() + 60
        while not once.exists() and time.monotonic() < limit:
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
    kept.rename(kept.with_suffix(""))
    for system in ("node1", "node2"):
        for flag in node.lk("flg_list", "-d", system).stdout.splitlines():
            if flag.startswith("!action!"):  # as the refusal tells its reader
                good(node.lk("flg_remove", "-d", system, "-f", flag))


@pytest.mark.parametrize(
    ("program", "form"),
    [
        ("ins_remove", "gen/app"),
        (f"../{CREAPPHIER}", "gen/app"),
        (f"../{MANAGER}", "gen/app"),
        ("eqv_create", "comm/ec2"),
    ],
)
def test_what_was_cut_off_is_completed(managed1: Lab, program: str, form: str) -> None:
    """Killed where LifeKeeper has it on one system, on none here, or not yet whole: the same command completes it."""
    lab = managed1
    protected(lab, ROUTE, form=next(each for each in FORMS if each != form))
    if form == "comm/ec2":  # which is extended without the manager, too
        (lab.node1.lkroot / MANAGER).unlink()
    before, properties = snapshot(lab.ec2.truth()), told(lab.node1, ROUTE)
    cut_off(lab.node1, ROUTE, form, program)
    shown = lab.node1.ec2kit("status")
    assert f"was cut off, and LifeKeeper may not watch it. Complete it: ec2kit properties {ROUTE}" in shown.stderr
    assert "An earlier change of" in good(changed(lab.node1, ROUTE, form))
    assert forms(lab, ROUTE) == {form}
    assert told(lab.node1, ROUTE) == properties
    assert states(lab, ROUTE) == {"node1": "ISP", "node2": "OSU"}
    assert snapshot(lab.ec2.truth()) == before
    assert clean(lab)


def test_a_change_that_is_cancelled_can_be_made_sure_of(managed2: Lab) -> None:
    """Ctrl-C where LifeKeeper's program does its work all the same: it is as it was, or the line told makes it so."""
    lab = managed2
    protected(lab, EIP)
    properties = told(lab.node1, EIP)
    begun = lab.node1.root / "begun"
    late = f'[ -e {begun} ] && exec "$0.kept" "$@"\ntouch {begun}; setsid sh -c "sleep 4; exec $0.kept $*" & sleep 60'
    replaced(lab.node1, "eqv_remove", late)
    line = [command(lab.node1), "properties", EIP, "--set", "type=gen/app"]
    with subprocess.Popen(line, env=lab.node1.environment, stdout=subprocess.PIPE, text=True) as run:
        while not begun.exists():
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT
    assert f"To be sure that all is as it was: ec2kit properties {EIP} --set type=comm/ec2" in output
    limit = time.monotonic() + 20
    while lab.node1.lk("eqv_list", "-t", EIP).stdout and time.monotonic() < limit:
        time.sleep(0.1)
    assert told(lab.node1, EIP) != properties, "it has done its work behind the kit's back"
    good(changed(lab.node1, EIP, "comm/ec2"))
    assert told(lab.node1, EIP) == properties
    assert clean(lab)


def test_what_was_cut_off_is_deleted_with_its_key(managed2: Lab) -> None:
    """Also on a system that has no instance any more."""
    managed2.ec2.credentials[KEY_ID] = time.time() + 3600
    good(with_key(managed2.node1, *CREATE[EIP]))
    good(with_key(managed2.node2, "key", EIP))
    good(managed2.node1.ec2kit("extend", EIP, "--to", "node2"))
    cut_off(managed2.node1, EIP, "gen/app", f"../{MANAGER}")
    assert states(managed2, EIP) == {"node1": "ISP"}
    good(managed2.node1.ec2kit("delete", EIP))
    assert states(managed2, EIP) == {}
    assert not any(node.credentials.exists() for node in managed2.nodes.values())
    assert clean(managed2)


def test_what_was_cut_off_is_not_completed_on_old_facts(managed2: Lab) -> None:
    """Switched over meanwhile, made anew as another one, a stranger's: nothing is removed, no address moves."""
    lab = managed2
    assert isinstance(lab.vpc, AddressLab)
    protected(lab, EIP)
    cut_off(lab.node1, EIP, "gen/app", "flg_create")
    good(lab.node2.ec2kit("in-service", EIP))
    before, listed = snapshot(lab.ec2.truth()), [node.lk("ins_list").stdout for node in lab.nodes.values()]
    done = changed(lab.node1, EIP, "gen/app")
    assert done.returncode == 5
    assert f"{EIP} is in service on node2" in done.stdout
    assert f"{EIP} is OSU here" in done.stderr.splitlines()[-1]
    assert clean(lab)
    assert (snapshot(lab.ec2.truth()), [node.lk("ins_list").stdout for node in lab.nodes.values()]) == (
        before,
        listed,
    )
    good(lab.node1.ec2kit("in-service", EIP))
    good(lab.node1.ec2kit("delete", EIP))

    good(lab.node1.ec2kit(*CREATE[EIP]))
    (lab.node1.root / "once").unlink()
    cut_off(lab.node1, EIP, "gen/app", f"../{CREAPPHIER}")
    for node in lab.nodes.values():
        good(node.lk("ins_create", "-a", "comm", "-r", "ip", "-t", EIP, "-i", "IP-10.2.0.1", "-I", "INIT_ISP"))
    listed = [node.lk("ins_list").stdout for node in lab.nodes.values()]
    done = changed(lab.node1, EIP, "gen/app")
    assert done.returncode == 5
    assert f"{EIP} is another resource on node1 (comm/ip)" in done.stdout
    assert [node.lk("ins_list").stdout for node in lab.nodes.values()] == listed
    for node in lab.nodes.values():
        good(node.lk("ins_remove", "-t", EIP))
    other = ("--type", "elastic-ip", "--interface", "eth0", "--elastic-ip", lab.vpc.free_ip, "--tag", EIP)
    good(lab.node1.ec2kit("create", *other))
    good(lab.node1.ec2kit("in-service", EIP))
    info, before = made(lab.node1, EIP)[5], snapshot(lab.ec2.truth())
    good(changed(lab.node1, EIP, "gen/app"))
    assert made(lab.node1, EIP)[5] == info
    assert snapshot(lab.ec2.truth()) == before


def test_a_damaged_note_is_as_none(managed2: Lab) -> None:
    """What another version has written, or a crash has left, stops nothing."""
    good(managed2.node1.ec2kit(*CREATE[EIP]))
    file = managed2.node1.root / f"var/lib/ec2kit/changes/{EIP}.json"
    file.parent.mkdir(mode=0o700)
    for text in ("\0", "[1]", '{"tag": "x", "form": "gen/app", "newer": 1}'):
        file.write_text(text)
        good(managed2.node1.ec2kit("status"))
    good(changed(managed2.node1, EIP, "gen/app"))
    assert clean(managed2)


def test_two_at_once(managed2: Lab) -> None:
    """The second one is refused while the first is at work, which comes to its end."""
    good(managed2.node1.ec2kit(*CREATE[EIP]))
    replaced(managed2.node1, f"../{CREAPPHIER}", f'touch {managed2.node1.root}/begun; sleep 3\nexec "$0.kept" "$@"')
    line = [str(managed2.node1.root / "bin/ec2kit"), "properties", EIP, "--set", "type=gen/app"]
    with subprocess.Popen(line, env=managed2.node1.environment, stdout=subprocess.PIPE) as first:
        while not (managed2.node1.root / "begun").exists():
            time.sleep(0.02)
        second = changed(managed2.node1, EIP, "gen/app")
        assert second.returncode == 9
        assert "another run of the kit holds the lock" in second.stderr
        assert "cut off" not in managed2.node1.ec2kit("status").stderr
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert forms(managed2, EIP) == {"gen/app"}


def test_the_standby_of_worse_priority_can_change_it(managed1: Lab) -> None:
    """The system that has it in service is not the first one; each has parents that the other has not."""
    lab = managed1
    protected(lab, ROUTE)
    for node in lab.nodes.values():
        tag = f"report-{node.name}"
        good(node.lk("ins_create", "-a", "comm", "-r", "ip", "-t", tag, "-i", tag, "-I", "INIT_OSU"))
        good(node.lk("dep_create", "-p", tag, "-c", ROUTE))
    good(lab.node2.ec2kit("in-service", "ip-vip"))
    properties, parents = told(lab.node2, ROUTE), [node.lk("dep_list").stdout for node in lab.nodes.values()]
    for form in reversed(FORMS):
        good(changed(lab.node2, ROUTE, form))
        assert told(lab.node2, ROUTE) == properties
        assert [node.lk("dep_list").stdout for node in lab.nodes.values()] == parents


def test_a_system_that_dies_meanwhile(managed1: Lab) -> None:
    """It is of the new form here, and watched; what is missing is told, and completed when the system is back."""
    lab = managed1
    protected(lab, ROUTE)
    text = f'{lab.node1.lkroot}/bin/lksystem down node2\nexec "$0.kept" "$@"'
    kept = replaced(lab.node1, f"../{CREAPPHIER}", text)
    done = changed(lab.node1, ROUTE, "gen/app")
    assert done.returncode == 9
    assert f"{ROUTE} is of type gen/app here, but " in done.stderr.splitlines()[-1]
    assert done.stderr.rstrip().endswith(f"Complete it: ec2kit properties {ROUTE} --set type=gen/app.")
    assert (made(lab.node1, ROUTE)[1:3], made(lab.node1, ROUTE)[6]) == (["gen", "app"], "ISP")
    assert lab.node1.lk("dep_list", "-fC").stdout == f"ip-vipC{ROUTE}\n"
    assert changed(lab.node1, ROUTE, "gen/app").returncode == 9
    assert made(lab.node1, ROUTE)[6] == "ISP"
    good(lab.node1.lk("lksystem", "up", "node2"))
    kept.rename(kept.with_suffix(""))
    good(changed(lab.node1, ROUTE, "gen/app"))
    assert forms(lab, ROUTE) == {"gen/app"}
    assert states(lab, ROUTE) == {"node1": "ISP", "node2": "OSU"}
    assert clean(lab)


def test_what_cannot_be_made_anew_is_not_begun(managed2: Lab) -> None:
    """Not out of service, not lost, not without an answer, not without LifeKeeper's programs."""
    lab = managed2
    assert isinstance(lab.vpc, AddressLab)
    protected(lab, EIP)
    rows = [made(node, EIP) for node in lab.nodes.values()]

    def refused(code: int, words: str, node: Node = lab.node1) -> None:
        done = changed(node, EIP, "gen/app")
        assert done.returncode == code, done.stderr
        assert words in done.stderr.splitlines()[-1]

    def untouched() -> None:
        assert [made(each, EIP) for each in lab.nodes.values()] == rows
        assert clean(lab)

    refused(5, f"{EIP} is OSU here. Do this where it is in service", lab.node2)
    good(lab.node1.lk("lksystem", "down", "node2"))
    refused(9, "ins_list failed with exit code 9")
    good(lab.node1.lk("lksystem", "up", "node2"))
    untouched()
    lab.node2.imds.fault = "off"
    refused(5, "ec2kit on node2 failed with exit code 5")
    lab.node2.imds.fault = None
    truth = lab.ec2.truth()
    truth.associate_address(
        AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni_of(lab, "node2"), AllowReassociation=True
    )
    refused(1, "is not held by eth1")
    truth.associate_address(
        AllocationId=lab.vpc.allocation, NetworkInterfaceId=eni_of(lab, "node1"), AllowReassociation=True
    )
    for program in (CREAPPHIER, MANAGER):
        away = (lab.node1.lkroot / program).rename(lab.node1.root / "away")
        refused(5, f"{lab.node1.lkroot / program} is not here. {EIP} stays of type comm/ec2")
        away.rename(lab.node1.lkroot / program)
    untouched()
    good(changed(lab.node1, EIP, "gen/app"))


def test_a_type_that_there_is_not(figure2: Lab) -> None:
    """Refused by its own words, before anything is asked."""
    done = changed(figure2.node1, EIP, "gen/filesys")
    assert done.returncode == 2
    assert "type must be gen/app (a Generic Application) or comm/ec2 (a kit of its own)" in done.stderr
