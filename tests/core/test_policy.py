"""The IAM policy for one address: whose resources it names, and what it says that it cannot know."""

from __future__ import annotations

import pytest

from ec2kit.core.kinds.route import RouteEntry, RouteView
from ec2kit.core.model import Destination, EniId, TableId
from ec2kit.core.policy import policy, unknown


def seen(owner: str = "") -> RouteView:
    """One table with the entry, which is that account's, and one that has lost it."""
    entry = RouteEntry(TableId("rtb-1"), "eni-2", "active")
    destination = Destination("10.1.0.10/32")
    return RouteView(destination, EniId("eni-1"), False, (entry,), (TableId("rtb-0"),), owner=owner, account="1")


@pytest.mark.parametrize(("owner", "account"), [("", "1"), ("2", "1"), ("", "")])
def test_whose_resources_it_names(owner: str, account: str) -> None:
    """The tables are their owner's, the interface is this account's; of an account that is not told, any."""
    _, tables, interface = policy(seen(owner), partition="aws-cn", region="cn-north-1", account=account)["Statement"]
    where = "arn:aws-cn:ec2:cn-north-1"
    assert tables["Resource"] == [f"{where}:{owner or account or '*'}:route-table/rtb-{each}" for each in (0, 1)]
    assert interface["Resource"] == [f"{where}:{account or '*'}:network-interface/eni-1"]
    told = " ".join(unknown(seen(owner), account))
    assert ("Account 2 has the route tables" in told) is bool(owner)
    assert ("in the place of the *" in told) is (account == "")
