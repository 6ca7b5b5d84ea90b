"""All kinds of address: the only place that knows each of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.elastic_ip import ELASTIC_IP
from ec2kit.core.kinds.kind import Resource, View
from ec2kit.core.kinds.private import PRIVATE
from ec2kit.core.kinds.route import ROUTE

KINDS = {kind.name: kind for kind in (ROUTE, ELASTIC_IP, PRIVATE)}
TYPES = {kind.type_word: kind for kind in KINDS.values()}  # by the word of create

OWN = {each.field: each for kind in KINDS.values() for each in kind.described if each.own}  # each node's own values


def own_texts(resource: Resource) -> dict[str, str]:
    """What a resource has of these, as texts by field."""
    known = {each.field: each.texts(resource) for each in KINDS[resource.kind].described if each.own}
    return {name: texts[0] for name, texts in known.items() if texts}


def placed(resource: Resource, own: Mapping[str, str]) -> Resource:
    """The resource with these in place of its own. Raises Misconfigured for one that its kind does not have."""
    known = {each.field for each in KINDS[resource.kind].described if each.own}
    for name, text in own.items():
        if name not in known:
            raise Misconfigured(f"{resource} does not have a {OWN[name].short}", f"Leave out {OWN[name].option}")
        try:
            resource = resource.having(**{name: OWN[name].value([text])})
        except ValueError:
            form = OWN[name].form
            raise Misconfigured(f"{text!r} is not {form.what}", f"Give one such as {form.like}") from None
    return resource


def read_view(told: Any) -> View | None:
    """The view that `View.as_json` gave; None for anything else, such as a kind that a newer version knows."""
    for kind in KINDS.values():
        try:
            return kind.read_view(told)
        except (KeyError, TypeError, ValueError):
            continue
    return None
