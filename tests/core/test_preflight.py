"""What create and an agent's validate-all say about an instance."""

from __future__ import annotations

import pytest

from ec2kit.core import preflight
from ec2kit.core.model import Ec2Instance


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, []),
        (Ec2Instance("i-1"), []),
        (Ec2Instance("i-1", "disabled", 2), []),
        (Ec2Instance("i-1", "disabled", 64), []),
        (Ec2Instance("i-1", "default", 2), ["Auto Recovery"]),
        (Ec2Instance("i-1", "disabled", 1), ["one hop"]),
        (Ec2Instance("i-1", "default", 1, metadata_enabled=False), ["Auto Recovery", "switched off", "one hop"]),
    ],
)
def test_the_instance_itself(found: Ec2Instance | None, words: list[str]) -> None:
    """Cautions alone, each with the command that mends it; what EC2 does not tell is not guessed."""
    problems = preflight.instance(found)
    assert len(problems) == len(words)
    for problem, word in zip(problems, words, strict=True):
        assert word in problem.what
        assert not problem.fatal
        assert "aws ec2 modify-instance-" in problem.cure
