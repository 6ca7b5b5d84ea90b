"""Says why, whatever comes: in a file, from the metadata service, from EC2, or as an argument.

None of it is executed, none ends in a traceback or an internal error, and none costs more time or memory than what is
right would. Each defect that these tests found has a test of its own below them.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ec2kit.core.errors import Internal, KitError, Misconfigured
from ec2kit.core.messages import Level
from ec2kit.core.model import AccessKey, EniId, Node, VpcId
from ec2kit.core.settings import Settings
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.session import Signer
from ec2kit.host.deadline import Deadline
from ec2kit.host.imds import Metadata
from ec2kit.host.log import Journal
from ec2kit.lifekeeper import actions, info, past
from ec2kit.verbs import lifecycle, locate
from ec2kit.verbs.process import attempt, settings_now
from ec2kit.verbs.run import Run, Site
from lab import wire
from lab.ec2.front import Exchange, Reply, Web
from lab.protected import Protected
from lab.wire import Call
from tests.support.pair import BEGINNINGS, RESOURCES

FUZZ = hypothesis_settings(
    max_examples=int(os.environ.get("EC2KIT_TEST_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["", "\x00", "../../etc/passwd", "$(id)", "\ud800", "9" * 99]
)


def quiet(budget: float = 30) -> Run:
    """A run that says nothing, and whose metadata service is not there."""
    aws = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}
    return Run(
        Settings(ec2_max_retry=0, ec2_max_retry_given=True, ip_nolinkcheck=1, aws=aws),
        Deadline(budget),
        Journal("x", "x", least=Level.ERROR),
    )


def no_bug(outcome: object) -> None:
    """It is an answer or an expected failure, whose words are one line of text."""
    assert not isinstance(outcome, Internal)
    if isinstance(outcome, KitError):
        assert outcome.why.encode(errors="backslashreplace")


@given(st.binary(max_size=300) | st.binary(max_size=40).map(b"EC2_MAX_RETRY=".__add__))
@FUZZ
def test_any_bytes_as_defaults_file(tmp_path: Path, content: bytes) -> None:
    """Settings come of it, each in its range."""
    file = tmp_path / "defaults"
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EC2KIT_DEFAULTS", str(file))
        found = settings_now()
    assert 0 <= found.ec2_max_retry <= 100


@given(ODD, ODD, ODD, ODD)
@FUZZ
def test_any_value_in_an_info_field(tmp_path: Path, interface: str, url: str, profile: str, region: str) -> None:
    """What decode takes, the run that follows survives: the interface is looked for, and the words are for people."""
    values = {"interface": interface, "url": url, "profile": profile, "region": region}
    hexed = {
        name: "".join(f"={byte:02X}" for byte in value.encode(errors="surrogatepass"))
        for name, value in values.items()
    }
    text = " ".join(
        ["ec2kit=1 kind=eip eip=203.0.113.10", *(f"{name}={value}" for name, value in hexed.items() if value)]
    )
    try:
        known = info.decode(text)
    except Misconfigured:
        return
    run = Run(Settings(ec2kit_sysfs=str(tmp_path)), Deadline(5), quiet().log, known.reach)
    no_bug(attempt(partial(lifecycle.check, known.resource, run), run.log))


@pytest.fixture(scope="module")
def api() -> tuple[Ec2, list[Any]]:
    """The kit's access to EC2; what the list's function makes of a call is the answer."""
    answers: list[Any] = []
    signer = Signer(key=AccessKey("AKIAIOSFODNN7EXAMPLE", "secret"))
    ec2 = Ec2({}, region="us-east-1", signer=signer, action="test", retries=0, deadline=Deadline(1e9))

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        answer: AWSResponse = answers[-1](wire.call_of(request))
        return answer

    hook: Any = send
    ec2._client.meta.events.register("before-send.ec2", hook)
    return ec2, answers


def site(ec2: Ec2) -> Site:
    """Node 1 of the two nodes' wire."""
    cidrs = (IPv4Network("10.0.0.0/16"),)
    return Site(Node("us-east-1", "node1", VpcId("vpc-1"), cidrs, "eth1", EniId("eni-1")), ec2)


EXTRA = (  # what the model of EC2 gives other types than text
    "<attachment><attachTime>never</attachTime></attachment>",
    "<attachment><deviceIndex>first</deviceIndex></attachment>",
    "<sourceDestCheck><true/></sourceDestCheck>",
    "<nextToken>again</nextToken>",
    "<tagSet>none</tagSet>",
)
VERBS = st.sampled_from([lifecycle.check, lifecycle.hold, lifecycle.release])
WHICH = st.sampled_from(sorted(RESOURCES))


@given(VERBS, WHICH, st.binary(max_size=200), st.sampled_from([200, 204, 301, 400, 403, 500, 503]))
@FUZZ
def test_any_bytes_as_ec2s_reply(api: tuple[Ec2, list[Any]], verb: Any, which: str, body: bytes, status: int) -> None:
    """No XML, half of it, or XML of nobody: no answer, and never a bug."""
    ec2, answers = api
    answers.append(lambda _call: wire.response(status, body.decode("latin-1")))
    run = quiet()
    no_bug(attempt(partial(verb, RESOURCES[which], run, site(ec2)), run.log))


@given(VERBS, WHICH, st.data())
@FUZZ
def test_any_value_in_ec2s_reply(api: tuple[Ec2, list[Any]], verb: Any, which: str, data: st.DataObject) -> None:
    """The right shape, with a value, an element or a name that is not what it should be."""
    ec2, answers = api

    def twisted(call: Call) -> AWSResponse:
        text = wire.done(call) if call.changing else wire.answer(BEGINNINGS[which], call)
        parts = text.replace("<", "\x00<").replace(">", ">\x00").split("\x00")
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(parts) - 1))
            parts[place] = data.draw(
                st.sampled_from(
                    ["", "x", "true", "-1", "<item>", "</item>", "<item/>", "\x01", "&lt;", parts[-place], *EXTRA]
                )
                | st.text("<>/abc0é", max_size=5)
            )
        return wire.response(200, "".join(parts))

    answers.append(twisted)
    run = quiet()
    no_bug(attempt(partial(verb, RESOURCES[which], run, site(ec2)), run.log))


@given(
    st.lists(st.binary(max_size=300).filter(lambda each: 0 not in each), max_size=6),
    st.sampled_from(["restore", "recover", "extend"]),
)
@FUZZ
def test_any_arguments(tmp_path: Path, arguments: list[bytes], action: str) -> None:
    """The tag names a line of the log and a file in the history's folder, and no other place."""
    as_given = [os.fsdecode(each) for each in arguments]
    tag = actions.tag_of(action, as_given)
    assert "\n" not in Journal(action, tag).tag
    assert past.file_of(tag, Settings(ec2kit_history=str(tmp_path))).parent == tmp_path


@pytest.fixture(scope="module")
def metadata() -> Iterator[tuple[str, list[Reply]]]:
    """A metadata service that hands out a token, and for anything else the list's last answer."""
    answers: list[Reply] = []

    def answer(exchange: Exchange) -> None:
        exchange.send(Reply(200, b"token") if exchange.command == "PUT" else answers[-1])

    web = Web(answer)
    web.listen()
    yield web.url, answers
    web.stop()


@given(st.binary(max_size=300), st.sampled_from([200, 204, 301, 400, 404, 418]))
@FUZZ
def test_any_answer_of_the_metadata_service(
    tmp_path: Path, metadata: tuple[str, list[Reply]], body: bytes, status: int
) -> None:
    """Where this node is, or that it is not known."""
    url, answers = metadata
    (tmp_path / "class/net/eth1").mkdir(parents=True, exist_ok=True)
    (tmp_path / "class/net/eth1/address").write_text("02:00:00:00:00:01\n")
    answers.append(Reply(status, body))
    run = Run(
        Settings(ec2_max_retry=0, ec2_max_retry_given=True, ec2kit_sysfs=str(tmp_path)), Deadline(30), quiet().log
    )
    service = Metadata(url, retries=0, deadline=run.deadline)
    no_bug(attempt(lambda: locate._node("eth1", run, service), run.log))


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("which", sorted(RESOURCES))
def test_a_value_of_another_type_is_no_answer(api: tuple[Ec2, list[Any]], which: str, extra: str) -> None:
    """A date that is none, a number that is none, pages without an end: unknown, not a bug."""
    ec2, answers = api

    def twisted(call: Call) -> AWSResponse:
        text = wire.answer(BEGINNINGS[which], call)
        return wire.response(200, text.replace("<item>", f"<item>{extra}", 1).replace("Set></", f"Set>{extra}</"))

    answers.append(twisted)
    run = quiet()
    began = time.monotonic()
    no_bug(attempt(partial(lifecycle.check, RESOURCES[which], run, site(ec2)), run.log))
    assert time.monotonic() - began < 5


def test_pages_without_an_end_end(api: tuple[Ec2, list[Any]]) -> None:
    """Each page names another next one: more route tables than any VPC has are no answer."""
    ec2, answers = api
    pages = iter(range(10**9))

    def next_page(call: Call) -> AWSResponse:
        text = wire.answer(BEGINNINGS["routes"], call)
        return wire.response(200, text.replace("Set></Desc", f"Set><nextToken>{next(pages)}</nextToken></Desc"))

    answers.append(next_page)
    run = quiet()
    outcome = attempt(partial(lifecycle.check, RESOURCES["routes"], run, site(ec2)), run.log)
    assert isinstance(outcome, KitError)
    assert "more pages" in outcome.why
    assert next(pages) < 210, "a hundred of each of its two calls"


@pytest.mark.parametrize("kind", ["fifo", "folder", "endless", "huge"])
def test_a_defaults_file_that_is_no_plain_file(routes: Protected, kind: str, tmp_path: Path) -> None:
    """A pipe that nobody writes to, a device without an end, a gigabyte: a warning, the defaults, and no waiting."""
    node = routes.lab.node1
    odd = tmp_path / "defaults"
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    elif kind == "endless":
        odd.symlink_to("/dev/zero")
    else:
        with odd.open("wb") as file:
            file.truncate(1 << 30)
    environment = {**node.environment, "EC2KIT_DEFAULTS": str(odd), "LKROOT": str(node.lkroot)}
    command = [str(node.script("quickCheck")), "-t", "nobody", "-i", "x"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0
    assert f"960011:{odd} cannot be read" in done.stderr
    assert 'there is no resource "nobody"' in done.stderr


def test_a_tag_that_is_no_text(routes: Protected) -> None:
    """Bytes that are no UTF-8, and a tag longer than a file's name: a line that says so, and no traceback."""
    node = routes.lab.node1
    for tag in (b"\xff\xfe", b"x" * 5000):
        for action, options in (("restore", [b"-t", tag, b"-i", b"x"]), ("recover", [b"-n", tag])):
            command = [os.fsencode(node.script(action)), *options]
            done = subprocess.run(command, env=node.environment, capture_output=True, timeout=60, check=False)
            assert done.returncode == 5, done.stderr
            assert b"Traceback" not in done.stderr
        for verb in (b"status", b"properties", b"in-service"):
            command = [os.fsencode(node.root / "bin/ec2kit"), verb, tag]
            done = subprocess.run(command, env=node.environment, capture_output=True, timeout=60, check=False)
            assert b"Traceback" not in done.stderr, done.stderr
            assert done.returncode in {5, 9}, done.stderr
