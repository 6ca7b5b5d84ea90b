"""The steps as EC2's operations, by botocore's own model."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.validate import ParamValidator

from ec2kit.core.kinds.elastic_ip import AssociateAddress, DisassociateAddress
from ec2kit.core.kinds.route import CreateRoute, DisableSourceDestCheck, ReplaceRoute
from ec2kit.core.model import AllocationId, AssociationId, Destination, EniId, TableId
from ec2kit.core.steps import Ec2Step

TABLE, VIP, ENI = TableId("rtb-1"), Destination("10.1.0.10/32"), EniId("eni-1")
STEPS: list[Ec2Step] = [
    ReplaceRoute(TABLE, VIP, ENI),
    CreateRoute(TABLE, VIP, ENI),
    DisableSourceDestCheck(ENI),
    AssociateAddress("203.0.113.10", AllocationId("eipalloc-1"), ENI, "10.0.1.11"),
    DisassociateAddress("203.0.113.10", AssociationId("eipassoc-1"), ENI),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.operation)
def test_request_shapes_are_ec2s(step: Ec2Step) -> None:
    """Operation and parameters exist, and have the types, that botocore's model of EC2 says; none is unknown."""
    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model(step.operation).input_shape
    assert shape is not None
    assert ParamValidator().validate(step.parameters(), shape).has_errors() is False
    assert set(step.parameters()) <= set(shape.members)
