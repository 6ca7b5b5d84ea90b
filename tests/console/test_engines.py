"""What an engine on this machine has as its resource, a person takes with --force alone; no engine is an obstacle."""

from __future__ import annotations

import json
import time

import pytest

from lab.nodes import Node
from lab.protected import Protected
from tests.support.programs import last, replaced

_CIB = """#!/bin/sh
cat <<'END'
<cib><configuration><resources>
  <group id="g">
    <primitive id="other" class="ocf" provider="heartbeat" type="{kind}"/>
    <primitive id="damaged" class="ocf" provider="ec2kit" type="{kind}"/>
    <primitive id="vip" class="ocf" provider="ec2kit" type="{kind}">
      <instance_attributes id="a"><nvpair id="b" name="{parameter}" value="{address}"/></instance_attributes>
    </primitive>
  </group>
</resources></configuration></cib>
END
"""


def _cibadmin(node: Node, text: str) -> None:
    """Put a program in the place of Pacemaker's."""
    program = node.root / "bin/cibadmin"
    program.write_text(text)
    program.chmod(0o755)


def _without_lifekeeper(node: Node) -> None:
    node.set(LKROOT=node.root / "nowhere")


def test_lifekeeper_has_it(either: Protected) -> None:
    """hold is 5, sends nothing, and names the resource and LifeKeeper's command; plan says so; --force takes it."""
    node = either.lab.node2
    planned = either.verb("plan", node)
    assert (planned.returncode, "hold would ask for --force" in planned.stderr) == (0, True), planned
    either.lab.ec2.forget()
    done = node.ec2kit("hold", *either.words)
    assert (done.returncode, either.holder(), either.lab.ec2.calls) == (5, "node1", []), done
    assert f"LifeKeeper's resource {either.tag} (OSU here) has" in last(done)
    assert f"To bring it here: ec2kit in-service {either.tag}. To take the address all the same: --force." in last(
        done
    )
    told = json.loads(node.ec2kit("hold", *either.words, "--output", "json").stdout)
    assert (told["outcome"], told["exit_code"]) == ("MISCONFIGURED", 5)
    assert node.ec2kit("hold", *either.words, "--force").returncode == 0
    assert either.holder() == "node2"


def test_what_to_do_fits_who_has_it(routes: Protected) -> None:
    """A check that finds a loss names the engine's way; without an engine that of a person, also on a standby."""
    lab = routes.lab
    there = routes.verb("check", lab.node2)
    assert (there.returncode, "ec2kit in-service" in last(there)) == (1, True), there
    routes.verb("hold", lab.node2)
    assert last(routes.run("quickCheck", lab.node1)).endswith("LifeKeeper's recover puts it right.")
    assert last(routes.verb("check", lab.node1)).endswith("finds what is lost, and its recover puts it right.")
    routes.verb("hold", lab.node1)
    _without_lifekeeper(lab.node2)
    assert last(routes.verb("check", lab.node2)).endswith("Where this node is to have it, 'ec2kit hold' takes it.")


def test_pacemaker_has_it(either: Protected) -> None:
    """As LifeKeeper; a resource without its address, and those of other agents, are not it."""
    node, (kind, address, *_) = either.lab.node2, either.words
    _without_lifekeeper(node)
    parameter = {"route": "ip", "eip": "elastic_ip", "private": "ip"}[kind]
    _cibadmin(node, _CIB.format(kind=kind, parameter=parameter, address=address))
    done = node.ec2kit("hold", *either.words)
    assert (done.returncode, either.holder()) == (5, "node1"), done
    assert "Pacemaker's resource vip has" in last(done)
    assert "crm_resource --move --resource vip --node " in last(done)
    _cibadmin(node, _CIB.format(kind=kind, parameter=parameter, address="10.9.9.9"))
    assert node.ec2kit("hold", *either.words).returncode == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exec sleep 30", "'cibadmin --query --local' did not end in 2 s"),
        ("echo '<resources'", "shows something in an unknown form"),
        ("exit 1", "cibadmin ended with 1"),
        ("exit 102", ""),
    ],
)
def test_a_pacemaker_that_does_not_tell(routes: Protected, text: str, told: str) -> None:
    """Is told and is not an obstacle; one that does not run is not even told."""
    node = routes.lab.node2
    _without_lifekeeper(node)
    _cibadmin(node, f"#!/bin/sh\n{text}\n")
    began = time.monotonic()
    done = node.ec2kit("hold", *routes.words)
    assert (done.returncode, routes.holder()) == (0, "node2"), done
    assert time.monotonic() - began < 10
    assert told in done.stderr if told else done.stderr == ""


@pytest.mark.parametrize("text", ["exec sleep 30", "exit 1", "echo x"])
def test_a_lifekeeper_that_does_not_tell(routes: Protected, text: str) -> None:
    """Hangs, fails, or shows what nobody can read: told, and not an obstacle."""
    node = routes.lab.node2
    replaced(node, "ins_list", text)
    done = node.ec2kit("hold", *routes.words)
    assert (done.returncode, routes.holder()) == (0, "node2"), done
    assert "whether LifeKeeper has route 10.1.0.10/32 as its resource is not known" in done.stderr
