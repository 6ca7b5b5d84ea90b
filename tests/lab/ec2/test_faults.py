"""The lab's faults by the number of a call, kills at a call, taps in front of programs, and the fork server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError

from lab.ec2 import vpc
from lab.ec2.server import Ec2
from lab.forks import Program, start
from lab.imds import Imds, NodeIdentity
from lab.taps import Called, Taps

NODE = NodeIdentity("i-1", "eu-west-3", "eu-west-3b", "123456789012", (), "role")


@pytest.fixture
def ec2() -> Iterator[Ec2]:
    """An EC2 of the test's own."""
    with Ec2() as found:
        yield found


def vpcs(ec2: Ec2) -> int:
    """Ask how many VPCs there are, once."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("ec2", region_name="us-east-1", endpoint_url=ec2.url, config=once, **keys)  # type: ignore[call-overload]
    try:
        return len(client.describe_vpcs()["Vpcs"])
    finally:
        client.close()


def test_a_fault_hits_the_call_of_its_number(ec2: Ec2) -> None:
    """Two go unharmed, the third is hit, and what is to be done then is done; the fourth is well again."""
    hit: list[str] = []
    ec2.refuse("denied", "DescribeVpcs", times=1, skip=2, then=lambda: hit.append("now"))
    assert (vpcs(ec2), vpcs(ec2), hit) == (1, 1, [])
    with pytest.raises(ClientError):
        vpcs(ec2)
    assert (vpcs(ec2), hit) == (1, ["now"])
    assert all(len(call.signature) == 64 for call in ec2.calls)


def test_nobody_listens_until_mend(ec2: Ec2) -> None:
    """The call that is hit is reset, those after it are refused."""
    ec2.refuse("refused", times=1)
    with pytest.raises(BotoCoreError):
        vpcs(ec2)
    with pytest.raises(EndpointConnectionError):
        vpcs(ec2)
    ec2.mend()
    assert vpcs(ec2) == 1


def test_an_elastic_ip_is_the_node_s_own_way_to_ec2() -> None:
    """From its dis-association on EC2 is silent for node1 alone, whatever new keys it has; node2 is answered.

    "refused" would do it to all nodes. "lost" in place of "late" takes the answer to the change itself away, too.
    """
    with Ec2() as ec2:
        lab = vpc.figure2(ec2.truth())
        once = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)

        def addresses(name: str, imds: Imds, *, release: bool = False) -> set[str]:
            """Ask as that node does, with the keys that its metadata have now; which Elastic IPs are on something."""
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            token = requests.put(f"{imds.url}/latest/api/token", headers=ttl, timeout=2).text
            path = f"{imds.url}/latest/meta-data/iam/security-credentials/{lab.nodes[name].role}"
            role = requests.get(path, headers={"X-aws-ec2-metadata-token": token}, timeout=2).json()
            session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["Token"], "us-east-1")
            with closing(session.client("ec2", endpoint_url=ec2.url, config=once)) as client:
                if release:
                    (found,) = client.describe_addresses(PublicIps=[lab.public_ip])["Addresses"]
                    client.disassociate_address(AssociationId=found["AssociationId"])
                shown = client.describe_addresses()["Addresses"]
                return {each["PublicIp"] for each in shown if each.get("AssociationId")}

        with (
            Imds(lab.nodes["node1"], ec2, name="node1") as one,
            Imds(lab.nodes["node2"], ec2, name="node2") as two,
        ):
            ec2.refuse("late", "DisassociateAddress", times=1, then=lambda: ec2.refuse("hang", key="ASIANODE1"))
            assert addresses("node1", one) == {lab.public_ip}
            with pytest.raises(ReadTimeoutError):
                addresses("node1", one, release=True)
            assert [call.status for call in ec2.calls if call.action == "DisassociateAddress"] == [200]
            one.expire()
            with pytest.raises(ReadTimeoutError):
                addresses("node1", one)
            assert addresses("node2", two) == set()


def test_a_reply_that_is_cut_has_been_applied(ec2: Ec2) -> None:
    """Half of it comes, then TCP reset."""
    ec2.refuse("cut", times=1)
    with pytest.raises(requests.RequestException):
        requests.post(ec2.url, data={"Action": "CreateVpc", "CidrBlock": "10.7.0.0/16"}, timeout=5)
    assert vpcs(ec2) == 2


def test_a_state_is_kept_shown_and_put_back(ec2: Ec2) -> None:
    """`stale` answers one call from it, `restore` makes it so; `changes` tells changing calls from others."""
    ec2.old = ec2.save()
    before = ec2.changes
    ec2.truth().create_vpc(CidrBlock="10.7.0.0/16")
    assert ec2.changes == before + 1
    ec2.refuse("stale", times=1)
    assert (vpcs(ec2), vpcs(ec2), ec2.changes) == (1, 2, before + 1)
    ec2.restore(ec2.old)
    assert vpcs(ec2) == 1


def test_metadata_goes_wrong_at_one_request() -> None:
    """The second token is hit, and then what was armed for the rest; `secrets` has what was handed out."""
    with Imds(NODE) as imds:

        def ask() -> requests.Response:
            given = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            return requests.put(f"{imds.url}/latest/api/token", headers=given, timeout=2)

        imds.refuse(
            "unauthorized", "PUT /latest/api/token", 1, skip=1, then=lambda: setattr(imds, "fault", "missing")
        )
        first = ask()
        assert [first.status_code, ask().status_code, ask().status_code] == [200, 401, 404]
        assert first.text in imds.secrets
        imds.mend()
        assert ask().status_code == 200


def test_a_forked_program_is_a_process_of_its_own(fork_server: Path, tmp_path: Path) -> None:
    """Its arguments, environment, folder, streams and exit code; a kill is a kill, and a bug ends with 1."""
    text = tmp_path / "program"
    text.write_text(
        "#!python\nimport os, sys\nprint(sys.argv[1:], os.environ, os.getcwd())\nsys.exit(int(sys.argv[1]))"
    )
    assert run(fork_server, text, "7") == (7, f"['7'] environ({{'A': 'B'}}) {tmp_path}\n")
    code, said = run(fork_server, text, "no number")
    assert code == 1
    assert "ValueError" in said
    text.write_text("#!python\nimport os\nos.kill(os.getpid(), 9)")
    assert run(fork_server, text) == (-9, "")
    text.write_text("#!/bin/sh\necho $A; exit 3")
    text.chmod(0o755)
    assert run(fork_server, text) == (3, "B\n")


def run(server: Path, text: Path, *arguments: str) -> tuple[int, str]:
    """Run a program in the fork server; its exit code and what it said."""
    with tempfile.TemporaryFile() as out, Path(os.devnull).open() as nothing:
        program = Program(str(text), (str(text), *arguments), {"A": "B"}, str(text.parent))
        code = start(server, program, [nothing.fileno(), out.fileno(), out.fileno()]).wait(10)
        out.seek(0)
        return code, out.read().decode()


def test_a_tap_tells_of_calls_and_breaks_one(fork_server: Path, tmp_path: Path) -> None:
    """The program runs as before; the call that is meant hangs until mend, prints nonsense, or ends with a code."""
    program = tmp_path / "say"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"; echo oops >&2; exit 4\n")
    program.chmod(0o755)
    with Taps(fork_server) as taps:
        taps.put("node1", program)
        done = subprocess.run([program, "a b", "é"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (4, "a b\né\n", "oops\n")
        assert taps.calls == [Called("node1", "say", ("a b", "é"))]
        taps.wrong = lambda _called: "exit7"
        assert subprocess.run([program], capture_output=True, check=False).returncode == 7
        taps.wrong = lambda _called: "garbage"
        assert b"\xff" in subprocess.run([program], capture_output=True, check=False).stdout
        taps.wrong = lambda _called: "hang"
        with subprocess.Popen([program]) as child:
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.5)
            taps.mend()
            assert child.wait(5) == 1


def test_a_name_whose_look_up_hangs() -> None:
    """Other names are looked up as ever."""
    resolver = Path(__file__).parents[3] / "lab/resolver"
    look = "import socket, sys; print(socket.getaddrinfo(sys.argv[1], 80)[0][4][0])"
    environment = {"PYTHONPATH": str(resolver), "LAB_HANGING_HOST": "hangs.example"}
    done = subprocess.run(
        [sys.executable, "-c", look, "127.0.0.1"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "127.0.0.1\n"
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", look, "hangs.example"], env=environment, timeout=1.5, check=False)
    assert time.monotonic() - began > 1.4
