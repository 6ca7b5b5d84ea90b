"""The mark of a plan: a short word for what a look has shown and what is to be done about it. Pure.

Two looks have the same mark when they show the same and the same steps are missing. No time is in it.
"""

from __future__ import annotations

import hashlib
import json

from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.steps import Plan

_LENGTH = 16  # hexadecimal digits


def mark(resource: Resource, view: View, todo: Plan) -> str:
    """The mark."""
    steps = [sorted(json.dumps(step.as_json(), sort_keys=True) for step in batch) for batch in todo]
    seen = [resource.kind, resource.as_json(), view.as_json(), steps]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:_LENGTH]
