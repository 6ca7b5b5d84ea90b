"""The kinds of address that there are. Pure."""

from __future__ import annotations

from ec2kit.core.kinds.elastic_ip import ElasticIpView
from ec2kit.core.kinds.route import RouteView

View = RouteView | ElasticIpView
