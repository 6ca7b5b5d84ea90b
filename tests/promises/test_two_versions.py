"""A cluster in the middle of an upgrade: one node has version 0.1.0, the other one this version."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import pytest

from lab import PROJECT
from lab.ec2.vpc import AddressLab
from lab.nodes import Lab, Node, address_lab, install_kit, route_lab
from lab.protected import Protected
from tests.promises.former import ARCHIVE, ARCHIVED, COMMIT, unpack
from tests.support.programs import good

Version = Literal["former", "this"]
CREATE = {
    "route": ("create", "--type", "route-table", "--ip-resource", "ip-vip"),
    "eip": ("create", "--type", "elastic-ip", "--interface", "eth1", "--elastic-ip", "203.0.113.10"),
}
VERDICTS = {True: "held", False: "not here"}


@dataclass(frozen=True)
class Mixed:
    """A lab on which node1 is of one version, and node2 of the other. sources: each node's source tree."""

    lab: Lab
    sources: dict[str, Path]
    tag: str
    top: str

    def holder(self) -> str | None:
        """The node that has the address in truth."""
        return Protected(self.lab, self.tag, "", ()).holder()


@contextmanager
def mixed(kind: str, node1: Version, folder: Path, forks: Path, *, manager: bool = False) -> Iterator[Mixed]:
    """The guide's figure for that kind of resource; nothing is protected yet. manager: as route_lab's."""
    former = unpack(folder / "former")
    sources = {"node1": former, "node2": PROJECT} if node1 == "former" else {"node1": PROJECT, "node2": former}
    with (route_lab if kind == "route" else address_lab)(folder / "lab", forks=forks, manager=manager) as lab:
        for name, source in sources.items():
            install_kit(lab.nodes[name], source)  # LifeKeeper's own programs are forked; the kit's are all executed
        eip = isinstance(lab.vpc, AddressLab)
        tag = "ec2-203.0.113.10" if eip else "ec2-ip-vip"
        yield Mixed(lab, sources, tag, tag if eip else "ip-vip")


def loaded(node: Node, *command: str) -> set[Path]:
    """The source trees from which a program of the kit takes the modules of ec2kit, as Python tells it."""
    done = node.run(*command, environment={"PYTHONVERBOSE": "1"})
    files = re.findall(r"^# (?:code object from|.* matches) '?(.+)/ec2kit/[\w/]+\.py'?$", done.stderr, re.MULTILINE)
    assert len(files) > 2, done.stderr
    return {Path(file) for file in files}


def members(archive: IO[bytes]) -> dict[str, tuple[bytes, int, bytes]]:
    """What a tar archive holds: type, mode and content of each member by its name."""
    with tarfile.open(fileobj=archive) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            found[member.name] = (member.type, member.mode, file.read() if file else b"")
        return found


def test_the_former_kit_is_that_of_its_commit() -> None:
    """The archive holds the files of the commit before the move, byte for byte, wherever git has that commit."""
    git = ("git", "-C", str(PROJECT))
    try:
        known = subprocess.run([*git, "cat-file", "-e", f"{COMMIT}^{{commit}}"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no git")
    if known.returncode:
        pytest.skip("git does not have the commit: no clone, or a shallow one")
    made = subprocess.run([*git, "archive", "--format=tar", COMMIT, "--", *ARCHIVED], capture_output=True, check=True)
    with ARCHIVE.open("rb") as archive:
        assert members(archive) == members(io.BytesIO(made.stdout))


@pytest.mark.parametrize(("kind", "node1"), [("route", "former"), ("eip", "this")])
def test_two_versions(kind: str, node1: Version, tmp_path: Path, fork_server: Path) -> None:
    """Created on node1 and extended from there, the resource goes to and fro, and each node tells the same of it."""
    with mixed(kind, node1, tmp_path, fork_server) as two:
        one, other = two.lab.node1, two.lab.node2
        for name, node in two.lab.nodes.items():
            programs = [str(node.root / "bin/ec2kit"), str(node.script("restore"))]
            assert {tree for program in programs for tree in loaded(node, program)} == {two.sources[name]}

        good(one.ec2kit(*CREATE[kind]))
        good(one.ec2kit("extend", two.tag, "--to", "node2"))
        for holder in (other, one):
            good(holder.ec2kit("in-service", two.top))
            agree(two, holder.name)
        good(other.ec2kit("properties", two.tag, "--set", "switchback=automatic", "--set", "ec2-url="))

        for here, there in (
            (one, other),
            (other, one),
        ):  # each takes the resource away from the other, and gives it back
            good(here.ec2kit("unextend", two.tag, "--from", there.name))
            assert there.lk("ins_list", "-t", two.tag).returncode == 7
            good(here.ec2kit("extend", two.tag, "--to", there.name))
            if here is one:
                good(other.ec2kit("in-service", two.top))
        assert two.holder() == "node2"


def agree(two: Mixed, holder: str) -> None:
    """That node has the address, and both tell it so, by status and by properties."""
    assert two.holder() == holder
    told = []
    for node in two.lab.nodes.values():
        (resource,) = json.loads(good(node.ec2kit("status", "--output", "json")))["resources"]
        verdicts = {part["system"]: (part["verdict"], part["state"]) for part in resource["systems"]}
        assert verdicts == {
            name: (VERDICTS[name == holder], "ISP" if name == holder else "OSU") for name in two.lab.nodes
        }
        shown = json.loads(good(node.ec2kit("properties", two.tag, "--output", "json")))
        told.append({key: shown[key] for key in ("tag", "id", "type", "resource", "parents", "children", "systems")})
    assert told[0] == told[1]


@pytest.mark.parametrize("place", ["named at create", "named at extend"])
def test_the_former_version_is_not_given_a_private_address(place: str, tmp_path: Path, fork_server: Path) -> None:
    """It has no word for it: the former refuses to read one; and none is written beside one that lacks it."""
    with mixed("eip", "this" if place == "named at create" else "former", tmp_path, fork_server) as two:
        one, other = two.lab.node1, two.lab.node2
        private_ip = next(each.private_ip for each in one.identity.interfaces if each.name == "eth1")
        named = ("--private-ip", private_ip)
        good(one.ec2kit(*CREATE["eip"], *(named if place == "named at create" else ())))
        if place == "named at create":
            refused = one.ec2kit("extend", two.tag, "--to", "node2")
            assert "a word that is not ec2kit's" in refused.stdout + refused.stderr
        else:
            refused = other.ec2kit("info", two.tag, "--template", "node1", *named)
            assert "does not name a private address on node1" in refused.stderr
        assert refused.returncode != 0
        assert other.lk("ins_list", "-t", two.tag).returncode == 7


def test_the_former_version_is_not_given_what_it_cannot_read(tmp_path: Path, fork_server: Path) -> None:
    """A Generic Application is not extended to it, and a resource does not change its form: refused in words."""
    with mixed("route", "this", tmp_path, fork_server, manager=True) as two:
        one, other = two.lab.node1, two.lab.node2
        good(one.ec2kit(*CREATE["route"], "--generic"))
        refused = one.ec2kit("extend", two.tag, "--to", "node2")
        assert refused.returncode == 5
        assert "ec2kit on node2 failed with exit code 2. Install this version of the kit there, too" in refused.stderr
        assert other.lk("ins_list", "-t", two.tag).returncode == 7
        good(one.ec2kit("properties", two.tag, "--set", "type=comm/ec2"))
        good(one.ec2kit("extend", two.tag, "--to", "node2"))
        before = [node.lk("ins_list").stdout for node in two.lab.nodes.values()]
        refused = one.ec2kit("properties", two.tag, "--set", "type=gen/app")
        assert refused.returncode == 5
        assert "Install this version of the kit there, too" in refused.stderr
        assert [node.lk("ins_list").stdout for node in two.lab.nodes.values()] == before
