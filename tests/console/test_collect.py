"""`ec2kit collect`: one archive, root's alone, with what there is and without a secret; it ends in time."""

from __future__ import annotations

import json
import tarfile
import time
from pathlib import Path

import pytest

from lab.nodes import Node
from lab.protected import Protected
from tests.support.hierarchy import KEY_ID, SECRET

TOKEN = "planted,session/token+of=the~test"
PROXY = "planted-proxy/pass"
CIB = """<cib><configuration><resources><primitive id='p' class='ocf' provider='ec2kit' type='route'>
<instance_attributes id='i'><nvpair id='n' name='password' value='planted in the CIB'/></instance_attributes>
</primitive></resources></configuration></cib>"""


def members(path: Path) -> dict[str, str]:
    """The archive's members by their names, without the folder."""
    with tarfile.open(path) as archive:
        found = {each.name.partition("/")[2]: archive.extractfile(each) for each in archive}
        return {name: file.read().decode() for name, file in found.items() if file}


def program(node: Node, name: str, *lines: str) -> None:
    """Put a program on the node's PATH."""
    path = node.root / "bin" / name
    path.write_text("".join(f"{line}\n" for line in ("#!/bin/sh", *lines)))
    path.chmod(0o755)


def plant(node: Node) -> None:
    """Secrets wherever an administrator may have them, and a log and records that repeat them."""
    (node.root / ".aws").mkdir()
    keys = f"aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
    (node.root / ".aws/credentials").write_text(f"[leak]\n{keys}")
    (node.root / ".aws/config").write_text("[profile leak]\nregion = us-east-1\nexternal_id = planted-external\n")
    node.set(AWS_PROFILE="leak")
    node.set(HTTPS_PROXY=f"http://user:{PROXY}@127.0.0.1:9", NO_PROXY="*", LK_PASSWORD="planted-password")
    past = node.root / "var/lib/ec2kit/old.jsonl"
    past.parent.mkdir(parents=True, exist_ok=True)
    told = [SECRET, TOKEN, PROXY, f"url http://user:{PROXY}@127.0.0.1:9/", SECRET.replace("/", "%2F"), KEY_ID]
    past.write_text("".join(json.dumps({"what": each, "password": "planted in a key"}) + "\n" for each in told))
    said = f"node2 LifeKeeper[1]: ERROR:ec2:restore:x:1:{SECRET} {TOKEN} --password=planted1"
    program(node, "journalctl", f"echo '{said}'")
    program(node, "cibadmin", "cat <<'END'", CIB, "END")


def test_no_secret_is_in_the_archive(routes: Protected) -> None:
    """All that is planted is in no member, in no form, nor in what is printed; what helps is in it."""
    node = routes.lab.node2
    plant(node)
    path = node.root / "support.tar.gz"
    done = node.ec2kit("collect", "--output", str(path), "--timeout", "20")
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [str(path)]), done
    assert path.stat().st_mode & 0o777 == 0o600
    found = members(path)
    for name, text in {**found, "printed": done.stdout + done.stderr, "names": str([*found])}.items():
        for secret in ("planted", SECRET, SECRET.replace("/", "%2F"), TOKEN, PROXY, KEY_ID):
            assert secret not in text, (name, text)
    assert json.loads(found["doctor.json"])["outcome"] == "OK"
    assert json.loads(found["status.json"])["resources"]
    assert routes.lab.ec2.calls[-1].key == KEY_ID, "the planted key was in use"
    assert routes.tag in found["lifekeeper.txt"]
    assert found["aws.txt"].count("[leak]\n") == 1
    assert "[profile leak]\nregion = us-east-1\n" in found["aws.txt"]
    assert ":ec2:restore:" in found["log.txt"]
    assert 'type="route"' in found["pacemaker.txt"]
    assert all(json.loads(line)["what"] for line in found["records/old.jsonl"].splitlines())
    assert "versions.json" in found["collect.txt"]
    assert "left out" in found["collect.txt"]


def test_what_hangs_or_is_missing_is_told(routes: Protected) -> None:
    """It ends in the time that is given; a part that is not there has a line with its reason, the rest is there."""
    node = routes.lab.node2
    routes.lab.ec2.refuse("hang")
    program(node, "journalctl", "exec sleep 60")
    program(node, "cibadmin", "exit 102")
    (node.root / ".aws/credentials").mkdir(parents=True)
    shared = node.root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    began = time.monotonic()
    done = node.run("/bin/sh", "-c", f"cd {shared} && umask 0 && exec ../bin/ec2kit collect --timeout 6")
    assert (done.returncode, time.monotonic() - began < 12) == (0, True), done
    path = Path(done.stdout.splitlines()[-1])
    assert (path.parent, path.stat().st_mode & 0o777) == (shared, 0o600)
    assert path.name.startswith("ec2kit-node2-")
    found = members(path)
    assert "log.txt" not in found
    assert "log.txt: " in found["collect.txt"]
    assert "pacemaker.txt: Pacemaker is installed here, and does not tell" in found["collect.txt"]
    assert f"{node.root}/.aws/credentials cannot be read" in found["collect.txt"]
    assert "versions.json" in found
    assert "lifekeeper.txt" in found
    routes.lab.ec2.mend()


@pytest.mark.parametrize("there", ["file", "link", "folder missing"])
def test_nothing_is_overwritten(routes: Protected, there: str) -> None:
    """A name that is there already, also as a link to nowhere, is refused, and stays as it is."""
    node = routes.lab.node2
    path = node.root / "a.tar.gz"
    if there == "file":
        path.write_text("somebody's")
    elif there == "link":
        path.symlink_to(node.root / "nowhere")
    else:
        path = node.root / "no/such/a.tar.gz"
    done = node.ec2kit("collect", "--output", str(path), "--timeout", "3")
    assert (done.returncode, str(path) in done.stderr, done.stdout) == (5, True, ""), done
    assert not (node.root / "nowhere").exists()
    assert there != "file" or path.read_text() == "somebody's"
