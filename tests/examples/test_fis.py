"""The templates of examples/fis/: what FIS takes, and nothing of EC2 but what the kit calls."""

from __future__ import annotations

import json
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from ec2kit.ec2.shapes import OPERATIONS
from lab import PROJECT

TEMPLATES = sorted((PROJECT / "examples/fis").glob("*.json"))
ACTIONS = {  # FIS's user guide, "AWS FIS actions reference": what an action must be given, and what it hits
    "aws:fis:inject-api-internal-error": ({"duration", "service", "operations", "percentage"}, {"Roles"}),
    "aws:fis:inject-api-throttle-error": ({"duration", "service", "operations", "percentage"}, {"Roles"}),
    "aws:fis:inject-api-unavailable-error": ({"duration", "service", "operations", "percentage"}, {"Roles"}),
    "aws:fis:wait": ({"duration"}, set()),
    "aws:ec2:stop-instances": ({"startInstancesAfterDuration"}, {"Instances"}),
    "aws:network:disrupt-connectivity": ({"duration", "scope"}, {"Subnets"}),
}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.stem)
def test_fis_takes_the_template(template: Path) -> None:
    """It has the form of CreateExperimentTemplate; each action has its parameters, and targets that there are."""
    given = json.loads(template.read_text())
    service = botocore.session.get_session().get_service_model("fis")
    shape = service.operation_model("CreateExperimentTemplate").input_shape
    assert shape
    report = ParamValidator().validate({"clientToken": "x", **given}, shape)
    assert not report.has_errors(), report.generate_report()
    for action in given["actions"].values():
        parameters, targets = ACTIONS[action["actionId"]]
        assert (action["parameters"].keys(), action.get("targets", {}).keys()) == (parameters, targets)
        assert set(action.get("targets", {}).values()) <= given["targets"].keys()
        assert set(action.get("startAfter", [])) <= given["actions"].keys()
        operations = action["parameters"].get("operations")
        assert not operations or set(operations.split(",")) <= set(OPERATIONS)
    assert {name for each in given["actions"].values() for name in each.get("targets", {}).values()} == {
        *given["targets"]
    }


def test_each_change_of_the_kits_is_broken_by_one() -> None:
    """A new operation of the kit's gets its place in the templates."""
    broken = {
        operation
        for template in TEMPLATES
        for action in json.loads(template.read_text())["actions"].values()
        for operation in action["parameters"].get("operations", "").split(",")
    }
    assert broken - {""} == set(OPERATIONS) - {"DescribeInstances"}  # which create asks, no action
