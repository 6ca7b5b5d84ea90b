"""What the CIB tells of the kit's resources: nothing is believed of what cannot be read."""

from __future__ import annotations

import pytest

from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.pacemaker import cib
from ec2kit.pacemaker.agents import Parameters

RESOURCE = (
    "<primitive id='vip' class='ocf' provider='ec2kit' type='eip'>"
    "<instance_attributes id='i'><nvpair id='i1' name='elastic_ip' value='203.0.113.10'/></instance_attributes>"
    "<operations>{operations}</operations></primitive>"
)
RIGHT = (
    "<op id='a' name='start' interval='0' timeout='2min'/><op id='b' name='stop' interval='0' timeout='60s'/>"
    "<op id='c' name='monitor' interval='30s' timeout='60000ms'/>"
)
FENCE = "<primitive id='fence' class='stonith' type='fence_aws'/>"


def whole(resources: str = RESOURCE + FENCE, more: str = "", node: str = "", operations: str = RIGHT) -> str:
    """A CIB with two nodes."""
    nodes = f"<nodes><node id='1' uname='node1'/><node id='2' uname='node2'>{node}</node></nodes>"
    body = resources.format(operations=operations)
    return f"<cib><configuration>{more}{nodes}<resources>{body}</resources></configuration></cib>"


def pairs(tag: str, **values: str) -> str:
    """A set of values."""
    inside = "".join(
        f"<nvpair id='{name}' name='{name.replace('_', '-')}' value='{v}'/>" for name, v in values.items()
    )
    return f"<{tag} id='set-{tag}'>{inside}</{tag}>"


def config(**values: str) -> str:
    """The cluster's properties."""
    return f"<crm_config>{pairs('cluster_property_set', **values)}</crm_config>"


UNWATCHED, UNMANAGED = ["RESOURCE_NOT_MONITORED"], ["RESOURCE_UNMANAGED"]
STOPPED = pairs("meta_attributes", target_role="Stopped")


def codes(text: str) -> list[str]:
    """What is wrong with the one resource there."""
    (found,) = cib.read(text, "node2")
    return [each.code for each in found.set_up.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (whole(), []),
        (whole(operations=""), ["OPERATION_TIMEOUT_SHORT", "RESOURCE_NOT_MONITORED"]),
        (whole(operations=RIGHT[RIGHT.index("<op id='c'") :]), ["OPERATION_TIMEOUT_SHORT"]),
        (
            whole(
                operations=RIGHT[RIGHT.index("<op id='c'") :],
                more=f"<op_defaults>{pairs('meta_attributes', timeout='300s')}</op_defaults>",
            ),
            [],
        ),
        (whole(operations=RIGHT.replace("interval='30s'", "interval='30s' enabled='false'")), UNWATCHED),
        (whole(operations=RIGHT.replace("interval='30s'", "interval='30s' role='Stopped'")), UNWATCHED),
        (whole(operations=RIGHT.replace("2min", "?")), []),
        (whole(more=config(maintenance_mode="true")), UNMANAGED),
        (whole(node=pairs("instance_attributes", standby="on")), UNMANAGED),
        (whole(more=f"<rsc_defaults>{pairs('meta_attributes', is_managed='false')}</rsc_defaults>"), UNMANAGED),
        (whole(f"<group id='g'>{STOPPED}{RESOURCE}</group>{FENCE}"), UNMANAGED),
        (whole(f"<clone id='c'>{RESOURCE}</clone>{FENCE}"), ["RESOURCE_CLONED"]),
        (whole(RESOURCE), ["FENCING_OFF"]),
        (whole(RESOURCE, more=config(stonith_watchdog_timeout="10s")), []),
        (whole(more=config(stonith_enabled="false")), ["FENCING_OFF"]),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, expected: list[str]) -> None:
    """Each fault is told, and nothing else."""
    assert codes(text) == expected


def of_rule(attribute: str, node: str = "node2") -> str:
    """A resource whose interface depends on a rule."""
    about = f"<expression id='e' attribute='{attribute}' operation='eq' value='{node}'/>"
    rule = f"<rule id='r' score='INFINITY'>{about}</rule>"
    named = f"<instance_attributes id='x'>{rule}<nvpair id='x1' name='interface' value='ens6'/></instance_attributes>"
    return whole(RESOURCE.replace("<operations>", f"{named}<operations>"))


TWICE = of_rule("#uname").replace("</rule>", "<date_expression operation='in_range'/></rule>")


@pytest.mark.parametrize(
    ("text", "interface"),
    [
        (whole(), None),
        (of_rule("#uname"), "ens6"),
        (of_rule("#uname", "node1"), None),
        (of_rule("hour"), None),
        (TWICE, None),
    ],
)
def test_what_it_is(text: str, interface: str | None) -> None:
    """Its parameters, with those that a rule has for this node."""
    (found,) = cib.read(text, "node2")
    assert isinstance(found.named, Parameters)
    assert (str(found.named.resource), found.named.resource.interface) == ("Elastic IP 203.0.113.10", interface)


def test_a_template_and_references() -> None:
    """What a resource has by its template, and operations that are another one's."""
    template = RESOURCE.replace("<primitive id='vip'", "<template id='t'").replace("</primitive>", "</template>")
    template = template.replace("<operations>{operations}</operations>", "")
    another = "<primitive id='other'><operations>{operations}</operations></primitive>"
    text = whole(f"{template}{another}<primitive id='vip' template='t'><operations id-ref='o'/></primitive>{FENCE}")
    (found,) = cib.read(text.replace("<operations>", "<operations id='o'>"), "node2")
    assert (found.id, found.set_up.problems) == ("vip", ())
    assert isinstance(found.named, Parameters)


@pytest.mark.parametrize(
    ("rule", "error"), [("", Misconfigured), ("<rule id='r'><date_expression/></rule>", Unavailable)]
)
def test_what_has_no_address(rule: str, error: type[KitError]) -> None:
    """It is wrong where nothing else can be meant; where a rule may name it, nobody knows."""
    (found,) = cib.read(
        whole().replace("<nvpair id='i1' name='elastic_ip'", f"{rule}<nvpair id='i1' name='other'"), "node2"
    )
    assert type(found.named) is error


@pytest.mark.parametrize(
    "text", ["", "<cib/>", "<other/>", "<cib", "<!DOCTYPE cib []><cib><configuration/></cib>", "\0"]
)
def test_what_is_not_a_cib(text: str) -> None:
    """It is an unknown, and no bug."""
    with pytest.raises(Unavailable):
        cib.read(text, "node2")
