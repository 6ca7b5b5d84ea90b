"""What Pacemaker's programs print of one resource of the kit's."""

from __future__ import annotations

CIB = """<cib><configuration><resources>
<primitive id="other" class="ocf" provider="heartbeat" type="IPaddr2"/>
<primitive id="vip" class="ocf" provider="ec2kit" type="{kind}"><instance_attributes id="a">
<nvpair id="b" name="{name}" value="{address}"/><nvpair id="c" name="interface" value="eth1"/>{more}
</instance_attributes></primitive></resources></configuration></cib>"""
MONITOR = """<pacemaker-result api-version="2.25"><resources><group id="g">
<resource id="vip" resource_agent="ocf:ec2kit:{kind}" role="Started" {more}>{nodes}</resource>
</group></resources><status code="0" message="OK"/></pacemaker-result>"""
