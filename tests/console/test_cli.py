"""How the admin's command line is read."""

from __future__ import annotations

import pytest

from ec2kit.console.cli import _resource, parser
from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.known import KINDS
from ec2kit.pacemaker.agents import parameters

SEVERAL = [
    ("route", "10.1.0.10", "--table", "routing_table", "rtb"),
    ("private", "10.0.1.50", "--peer", "peers", "eni"),
]


@pytest.mark.parametrize(("kind", "address", "option", "ocf", "prefix"), SEVERAL)
def test_several_values_are_written_as_for_ocf(kind: str, address: str, option: str, ocf: str, prefix: str) -> None:
    """Between commas or blanks, or the option again; what OCF's parameter cannot be is refused, with an example."""
    for text in (
        "X-1",
        "X-1,X-2",
        "X-1 X-2",
        "X-1, X-2",
        "X-0a1b,X-2,X-2",
        "",
        "X",
        "X-",
        "X-1,",
        ",X-1",
        "X-1;X-2",
        "x-1",
    ):
        value = text.replace("X", prefix)
        words = ["hold", kind, address, f"{option}={value}"]
        environ = {"OCF_RESKEY_ip": address, f"OCF_RESKEY_{ocf}": value}
        try:
            wanted = parameters(KINDS[kind], environ).resource if value else None
        except Misconfigured:
            wanted = None
        if wanted is None:
            with pytest.raises(SystemExit) as left:
                parser().parse_args(words)
            assert left.value.code == 2, text
        else:
            assert _resource(parser().parse_args(words)) == wanted, text
    again = ["hold", kind, address, option, f"{prefix}-1,{prefix}-2", option, f"{prefix}-3"]
    assert {f"{prefix}-{number}" for number in "123"} == set(
        vars(_resource(parser().parse_args(again)))["tables" if kind == "route" else "peers"]
    )
