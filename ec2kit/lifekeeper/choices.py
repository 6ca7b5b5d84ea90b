"""What create can choose from on this node: its interfaces, and the account's Elastic IPs. EC2 is only read."""

from __future__ import annotations

from ec2kit.core.errors import Unavailable
from ec2kit.core.kinds.choices import Choices, Interface
from ec2kit.core.kinds.facts import ElasticIps, Interfaces, RouteTables
from ec2kit.verbs.locate import locate, own_interfaces
from ec2kit.verbs.run import Run, Site


def _secondary(site: Site) -> dict[str, tuple[str, ...]]:
    """The secondary private addresses of this node's ENIs; where EC2 does not tell, none is offered."""
    try:
        return {each.id: tuple(dict(each.secondary)) for each in site.ec2.ask(Interfaces(site.node.instance))}
    except Unavailable:
        return {}


def choices(run: Run) -> Choices:
    """Look what there is. DescribeRouteTables is asked too, for it proves the credentials. Raises KitError."""
    site = locate(None, run)
    site.ec2.ask(RouteTables(site.node.vpc))
    movable = [each for each in site.ec2.ask(ElasticIps()) if each.movable]
    on = {each.public_ip: each.association.eni for each in movable if each.association}
    secondary = _secondary(site)
    interfaces = tuple(
        Interface(name, eni, tuple(sorted(ip for ip, at in on.items() if at == eni)), secondary.get(eni, ()))
        for name, eni in sorted(own_interfaces(run).items())
    )
    free = tuple(sorted(each.public_ip for each in movable if not each.association))
    return Choices(interfaces, free, site.node.vpc)
