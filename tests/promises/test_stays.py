"""Whatever strings and names come in: what no resource names stays byte for byte, on the host and in EC2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.ec2.vpc import AddressLab, snapshot
from lab.nodes import Lab, Node, address_lab
from tests.support.hierarchy import CREATE, EIP
from tests.support.programs import hurry

TAGS = st.from_regex(r"[A-Za-z0-9_./=][A-Za-z0-9_./=-]{0,255}", fullmatch=True)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "../../../etc/passwd",
        "$(touch mark)",
        "`touch mark`",
        "; touch mark",
        "\x1b[2J",
        "\n[default]\n",
        "-rf",
        "=2F",
        "*",
    ]
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, fork_server: Path) -> Iterator[Lab]:
    """Figure 2, with files of others beside the kit's own."""
    with address_lab(tmp_path_factory.mktemp("stays"), forks=fork_server) as made:
        hurry(*made.nodes.values(), act=5, look=5)
        for node in made.nodes.values():
            history, memory = Path(node.environment["EC2KIT_HISTORY"]), Path(node.environment["HA_RSCTMP"], "ec2kit")
            for folder in (node.credentials.parent, history, memory, memory.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / "theirs").write_bytes(b"\xff theirs \0")
        yield made


def others(node: Node) -> dict[str, tuple[int, bytes]]:
    """All files of the node that are neither the kit's own nor LifeKeeper's tables: mode and content."""
    history, memory = Path(node.environment["EC2KIT_HISTORY"]), Path(node.environment["HA_RSCTMP"], "ec2kit")
    found = {}
    for path in node.root.rglob("*"):
        own = any(path.is_relative_to(each) for each in (history, memory)) and path.name != "theirs"
        if path.is_file() and not own and not {"config", "log"} & {*path.relative_to(node.root).parts}:
            found[str(path)] = path.stat().st_mode, path.read_bytes()
    return found


@given(TAGS, WORDS, WORDS)
@settings(max_examples=int(os.environ.get("EC2KIT_TEST_EXAMPLES", "4")), deadline=None)
def test_what_no_resource_names_stays_as_it_is(lab: Lab, tag: str, word: str, other: str) -> None:
    """create to delete by a tag of any form, agents of any name, actions and commands with any words."""
    node = lab.node1
    assert isinstance(lab.vpc, AddressLab)
    before, world = others(node), snapshot(lab.ec2.truth())
    ended = [
        node.ec2kit(*CREATE[EIP], "--tag", tag),
        node.ec2kit(*CREATE[EIP], "--tag", word, f"--profile={other}"),
        *(
            node.action(action, "-t", each, "-i", word)
            for action in ("quickCheck", "restore")
            for each in (tag, other)
        ),
        node.ocf("eip", "start", OCF_RESOURCE_INSTANCE=word, OCF_RESKEY_elastic_ip=lab.vpc.public_ip),
        node.ocf("eip", "monitor", OCF_RESOURCE_INSTANCE=other, OCF_RESKEY_elastic_ip=word),
        node.ec2kit("check", "eip", word, f"--interface={other}"),
        node.ec2kit("status", f"--output={word}", "--", other),
        node.ec2kit("delete", "--yes", "--", tag),
        node.ec2kit("delete", "--yes", "--", word),
    ]
    assert 3 not in {done.returncode for done in ended}, [done.stderr for done in ended if done.returncode == 3]
    assert ended[0].returncode == ended[-2].returncode == 0, ended[0].stderr + ended[-2].stderr
    assert others(node) == before
    assert snapshot(lab.ec2.truth()) == world
    assert not [*node.root.rglob("mark")]
