"""The wizard's answers as a creation, and what it offers."""

from __future__ import annotations

from dataclasses import replace

from ec2kit.console.wizard import answers
from ec2kit.core.model import AccessKey
from ec2kit.lifekeeper.lcd import Instance

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FIRST = answers.Answers("node1", ("node1", "node2"), server="node1", ip_resource="ip-vip")


def test_ip_resources_that_route_tables_can_move() -> None:
    """In service and IPv4, each with its address; the others are not offered."""
    rows = (("a", "10.1.0.10", "ISP"), ("b", "10.1.0.11", "OSU"), ("c", "fd00::1", "ISP"))
    found = [Instance("node1", "comm", "ip", tag, f"IP-{ip}", "", state, "") for tag, ip, state in rows]
    assert [(each.title, each.value) for each in answers.ip_resources(found)] == [("a  10.1.0.10", "a")]


def test_the_options_and_the_summary_of_the_answers() -> None:
    """What does not apply is left out, a leading dash is no option, and the secret is nowhere."""
    key = AccessKey(KEY, SECRET)
    by_key = replace(
        FIRST, signer=answers.KEY, key_id=KEY, key=key, profile="left", given={"public_ip": "203.0.113.10"}
    )
    words = by_key.creation.arguments()
    assert words[-2:] == ["--access-key-id", KEY]
    assert not {"--profile", "--elastic-ip", "--server"} & set(words)
    assert SECRET not in f"{words} {by_key.summary()} {by_key}"
    other = replace(FIRST, server="node2", signer=answers.PROFILE, profile="-x", url="https://ec2.example.com")
    assert other.creation.arguments()[-5:] == ["--server", "node2", "--ec2-url", other.url, "--profile=-x"]
    assert other.signing is None
