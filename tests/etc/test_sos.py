"""The plugin for sos, loaded as sos loads it: what it takes, and that no secret is left in it.

What stands in for sos does what sos 4.0 does with a regular expression. With Debian's own sos it was tried by hand.
"""

from __future__ import annotations

import re
import runpy
import sys
from types import ModuleType
from typing import Any

import pytest

from lab import PROJECT

PLANTED = """LK_PASSWORD='planted 1'
HTTPS_PROXY=http://user:planted/2@127.0.0.1:3128
{"token": "planted 3", "aws_secret_access_key": "planted4", "what": "password: \\"planted 5\\", AKIAPLANTED00000001"}
GET https://ec2/?X-Amz-Credential=planted&X-Amz-Signature=planted&Action=DescribeRouteTables
EC2_MAX_RETRY=1 and 10.1.0.10 in rtb-1 to eni-1
"""


class Sos:
    """A plugin's base class, which writes down what is asked for. texts: of all that it has, by path or command."""

    def __init__(self) -> None:
        self.asked: dict[str, list[Any]] = {}
        self.texts = {"/etc/default/LifeKeeper": PLANTED, "/var/lib/ec2kit/runs/a.jsonl": PLANTED}
        self.texts |= {
            "/opt/ec2kit/bin/ec2kit status --output json": PLANTED,
            "journalctl --identifier ec2kit": PLANTED,
        }

    def __getattr__(self, name: str) -> Any:
        return lambda what=None, **more: self.asked.setdefault(name, []).append(what or more)

    def do_path_regex_sub(self, paths: str, regexp: str, instead: str) -> None:
        """In the files."""
        self._sub([each for each in self.texts if re.match(paths, each)], regexp, instead)

    def do_cmd_output_sub(self, command: str, regexp: str, instead: str) -> None:
        """In what commands have printed."""
        self._sub([each for each in self.texts if command in each and " " in each], regexp, instead)

    def _sub(self, names: list[str], regexp: str, instead: str) -> None:
        self.texts |= {name: re.sub(regexp, instead, self.texts[name]) for name in names}


def test_the_plugin_of_sos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with access keys are never copied, secrets go from all else, and what helps stays."""
    module = ModuleType("sos.report.plugins")
    tags = {name: type(name, (), {}) for name in ("IndependentPlugin", "DebianPlugin", "UbuntuPlugin")}
    module.__dict__.update(Plugin=Sos, **tags)
    for name in ("sos", "sos.report"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    plugin = runpy.run_path(str(PROJECT / "etc/sos/ec2kit.py"))["Ec2kit"]()
    plugin.setup()
    plugin.postproc()
    assert "/etc/ec2kit/credentials" in plugin.asked["add_forbidden_path"][0]
    assert plugin.files == ("/opt/ec2kit/bin/ec2kit",)
    for text in plugin.texts.values():
        assert "planted" not in text.lower()
        assert "EC2_MAX_RETRY=1 and 10.1.0.10 in rtb-1 to eni-1" in text
        assert "Action=DescribeRouteTables" in text
