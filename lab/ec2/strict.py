"""moto's EC2, made as strict as EC2 itself where a recovery kit would notice the difference."""

from __future__ import annotations

import copy
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from lab.ec2.faults import error
from lab.ec2.front import Reply
from lab.ec2.odd import NAMESPACE, Odd
from lab.ec2.private import CHANGES, addresses_of, associated, tell, unassociable, worn

ACCOUNT = "123456789012"  # moto's default
REGION = "us-east-1"  # the lab's
READING = ("Describe", "Get", "List", "Search")  # how the names of actions that change nothing begin
_TOKEN = "page-"
_KEYS = {"routeTableSet": "routeTableId", "networkInterfaceSet": "networkInterfaceId", "addressesSet": "publicIp"}
_ROUTE_INTERFACE = re.compile(rb"<networkInterfaceId>([^<]*)</networkInterfaceId>")
ET.register_namespace("", NAMESPACE)


@dataclass(frozen=True)
class Request:
    """One EC2 query: `params` are its flat parameters without Action, Version and signature.

    `authorization` is the header's text, or empty; it tells `key` (access key id) and `region`.
    """

    action: str
    params: dict[str, str]
    authorization: str

    @classmethod
    def parse(cls, query: str, authorization: str) -> Request:
        """Read a form-encoded query string or body."""
        fields = dict(parse_qsl(query, keep_blank_values=True))
        params = {
            name: value
            for name, value in fields.items()
            if name not in {"Action", "Version", "Signature"} and not name.startswith("X-Amz-")
        }
        return cls(fields.get("Action", ""), params, authorization)

    @property
    def key(self) -> str:
        """Access key id, empty for an unsigned call."""
        return self._scope(0, "")

    @property
    def region(self) -> str:
        """Region the call was signed for, us-east-1 for an unsigned one."""
        return self._scope(2, "us-east-1")

    @property
    def filters(self) -> dict[str, list[str]]:
        """Name -> values of each filter."""
        names = {name.removesuffix(".Name"): value for name, value in self.params.items() if name.endswith(".Name")}
        return {
            each: [value for name, value in self.params.items() if name.startswith(f"{place}.Value")]
            for place, each in names.items()
            if place.startswith("Filter.")
        }

    @property
    def signature(self) -> str:
        """The signature, empty for an unsigned call."""
        return self.authorization.partition("Signature=")[2]

    def _scope(self, part: int, default: str) -> str:
        scope = self.authorization.partition("Credential=")[2].partition(",")[0].split("/")
        return scope[part] if len(scope) == 5 else default


@dataclass(frozen=True)
class Fabric:
    """What of a VPC decides where packets go.

    tables: subnet, or "" for all without a table of their own -> {destination: id of the target}. checked: interfaces
    whose source/dest check is on. private: interface -> its private addresses, the primary one first. addresses:
    Elastic IP -> its interface, and the private address there.
    """

    tables: Mapping[str, Mapping[str, str]]
    checked: frozenset[str]
    private: Mapping[str, tuple[str, ...]]
    addresses: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class _Foreign:
    """An entry of a route table that nobody created by hand, which moto does not know: what it reads of a route.

    id: none that moto makes, so that its ReplaceRoute and DeleteRoute do not find it.
    """

    id: str
    destination_cidr_block: str
    network_interface_id: str | None
    gateway_id: str | None
    origin: str
    state: str
    local: bool = False
    gateway: None = None
    nat_gateway: None = None
    transit_gateway: None = None
    vpc_pcx: None = None


class Moto:
    """moto's one EC2 of this process, reset on creation; calls run one at a time.

    `page_size` pages DescribeRouteTables; `blackholes` are interfaces whose routes it shows as blackholes;
    `auto_recovery` is DescribeInstances's setting by instance id, "default" where none is given. `most_addresses` is
    how many private addresses an interface can have, the primary included. `amazons` are the public addresses of
    Amazon's own on the primary ones, by interface: an Elastic IP there sends that back to Amazon's pool (user guide,
    "Elastic IP addresses"). `odd` is what is told besides. With `remembers` moto is asked the same about the same
    state only once.
    """

    def __init__(self) -> None:
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # half a second, and nobody asks
        self.page_size: int | None = None
        self.blackholes: set[str] = set()
        self.auto_recovery: dict[str, str] = {}
        self.most_addresses = 10  # of c5.large: "IP addresses per network interface per instance type"
        self.amazons: dict[str, str] = {}
        self.odd = Odd()
        self._lock = threading.RLock()
        self._armed = self._left = 0
        self._before: Any = None
        self._entries: frozenset[str] | None = None
        self.changes = 0
        self.remembers = False
        self._state = object()  # another one for each state
        self._said: dict[Any, Reply] = {}
        get_backend("ec2").clear()
        self._app = create_backend_app("ec2")

    def stale(self, reads: int, entries: Iterable[str] | None = None) -> None:
        """Hide the next successful change from the `reads` Describe calls after it; see `server.Ec2.stale`."""
        with self._lock:
            self._armed, self._entries = reads, None if entries is None else frozenset(entries)
            if not reads:
                self._left, self._before = 0, None

    def save(self) -> Any:
        """A copy of the whole state, for `restore`."""
        with self._lock:
            return self._state, copy.deepcopy(get_backend("ec2")[ACCOUNT][REGION])

    def restore(self, saved: Any) -> None:
        """Put a saved state back."""
        with self._lock:
            self._state, kept = saved
            get_backend("ec2")[ACCOUNT][REGION] = copy.deepcopy(kept)

    def advertise(self, table: str, destination: str, target: str, origin: str, state: str) -> None:
        """Put a foreign entry into a route table, in the place of one of the same origin."""
        with self._lock:
            where: Any = get_backend("ec2")[ACCOUNT][REGION].route_tables[table]
            eni, gateway = (target, None) if target.startswith("eni-") else (None, target)
            entry = _Foreign(f"{table}~{destination}+{origin}", destination, eni, gateway, origin, state)
            where._routes[entry.id] = entry  # noqa: SLF001 - moto has no other way
            self._changed()

    def withdraw(self, table: str, destination: str) -> None:
        """Take the foreign entries for a destination out of a route table."""
        with self._lock:
            where: Any = get_backend("ec2")[ACCOUNT][REGION].route_tables[table]
            for each in where.routes:
                if isinstance(each, _Foreign) and each.destination_cidr_block == destination:
                    del where._routes[each.id]  # noqa: SLF001 - as above
            self._changed()

    def _changed(self) -> None:
        self.changes += 1
        self._state = object()

    def fabric(self, vpc: str) -> Fabric:
        """Where packets go now. No call of EC2's: it takes a hundredth of one's time."""
        with self._lock:
            backend: Any = get_backend("ec2")[ACCOUNT][REGION]
            tables = {
                association.get("SubnetId", ""): {
                    route.destination_cidr_block: route.network_interface_id or route.gateway_id or ""
                    for route in sorted(table.routes, key=lambda each: not isinstance(each, _Foreign))
                    if route.destination_cidr_block and route.state == "active"  # the last one counts: by hand
                }
                for table in backend.route_tables.values()
                if table.vpc_id == vpc
                for association in table.associations
            }
            checked = (eni.id for eni in backend.enis.values() if eni.source_dest_check)
            private = {eni.id: tuple(addresses_of(eni)) for eni in backend.enis.values()}
            addresses = {each.public_ip: where for where, each in worn(backend).items()}
            return Fabric(tables, frozenset(checked), private, addresses)

    def worn(self, eni: str) -> dict[str, str | None]:
        """The private addresses of an interface, the primary one first, each with the Elastic IP on it; no call."""
        with self._lock:
            backend: Any = get_backend("ec2")[ACCOUNT][REGION]
            on = worn(backend)
            listed = addresses_of(backend.enis[eni]) if eni in backend.enis else []
            return {each: on[eni, each].public_ip if (eni, each) in on else None for each in listed}

    def truth(self, request: Request) -> Reply:
        """What moto answers, with nothing added."""
        with self._lock:
            if not request.action.startswith(READING):
                self._changed()
            elif self.remembers:
                key = self._state, request.region, request.action, *sorted(request.params.items())
                if key not in self._said:
                    self._said[key] = self._asked(request)
                return self._said[key]
            return self._asked(request)

    def _asked(self, request: Request) -> Reply:
        backend: Any = get_backend("ec2")[ACCOUNT][request.region]
        if request.action in CHANGES:
            return CHANGES[request.action](backend, request.params, self.most_addresses)
        if request.action == "AssociateAddress" and (refusal := unassociable(backend, request.params)):
            return refusal
        if request.action in {"DescribeNetworkInterfaces", "DescribeInstances"}:
            tell(backend)
        form = {"Action": request.action, "Version": "2016-11-15", **request.params}
        environ = EnvironBuilder(
            method="POST",
            base_url=f"http://ec2.{request.region}.amazonaws.com",
            data=urlencode(form),
            content_type="application/x-www-form-urlencoded",
            headers=[("Authorization", request.authorization)],
        ).get_environ()
        parts, status, _headers = run_wsgi_app(self._app, environ, buffered=True)
        reply = Reply(int(status.split()[0]), b"".join(parts))
        if request.action == "TerminateInstances":
            _detach(backend)
        if request.action == "AssociateAddress" and reply.status == 200:
            associated(backend, request.params)
            for eni in [eni for eni in self.amazons if (eni, backend.enis[eni].private_ip_address) in worn(backend)]:
                del self.amazons[eni]
        return reply

    def answer(self, request: Request, old: Any = None, entries: frozenset[str] | None = None) -> Reply:
        """What EC2 would answer: moto's reply after this module's checks and repairs.

        old: the saved state from which a Describe call is answered instead; entries: what of the answer, None = all.
        """
        if request.params.get("DryRun", "").lower() == "true":
            return error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        with self._lock:
            if request.action.startswith(READING):
                return self._read_from(old, request, entries) if old else self._read(request)
            return self._change(request)

    def _read(self, request: Request) -> Reply:
        if self._left == 0 or not request.action.startswith("Describe"):
            return self._shown(request, self._told(request))
        self._left -= 1
        return self._read_from(self._before, request, self._entries)

    def _read_from(self, saved: Any, request: Request, entries: frozenset[str] | None) -> Reply:
        regions = get_backend("ec2")[ACCOUNT]
        real = self._state, regions[request.region]
        self._state, regions[request.region] = saved
        try:
            old = self._told(request)
        finally:
            self._state, regions[request.region] = real
        return self._shown(request, old if entries is None else _mixed(old, self._told(request), entries))

    def _told(self, request: Request) -> Reply:
        """All that the call asks for."""
        return self.odd.shown(request.action, request.filters, self._whole(request))

    def _whole(self, request: Request) -> Reply:
        reply = self.truth(request)
        if request.action == "DescribeInstances" and reply.status == 200:
            return _maintained(reply, self.auto_recovery)
        if request.action == "DescribeNetworkInterfaces" and reply.status == 200 and self.amazons:
            return _with_amazons(reply, self.amazons)
        if request.action != "DescribeRouteTables" or reply.status != 200:
            return reply
        reply = _with_instances(reply, get_backend("ec2")[ACCOUNT][request.region])
        return _blackholed(reply, self.blackholes)

    def _shown(self, request: Request, reply: Reply) -> Reply:
        """The page of it that the call asks for."""
        if request.action != "DescribeRouteTables" or reply.status != 200:
            return reply
        return _paged(reply, request.params, self.page_size)

    def _change(self, request: Request) -> Reply:
        backend: Any = get_backend("ec2")[ACCOUNT][request.region]
        moved = {request.params.get("AllocationId"), request.params.get("AssociationId")} - {None}
        on = [
            (a.public_ip, a.eni.id if a.eni else "")
            for a in backend.addresses
            if moved & {a.allocation_id, a.association_id}
        ]
        refusal = _refusal(backend, request) or self.odd.refusal(request.action, request.params, on)
        if refusal is not None:
            return refusal
        if request.action == "AssociateAddress":  # in a VPC EC2 reassociates unless it is told not to
            request = replace(request, params={"AllowReassociation": "true", **request.params})
        before = self.save() if self._armed and not self._left else None
        reply = self.truth(request)
        if reply.status == 200 and before is not None:
            self._before, self._left, self._armed = before, self._armed, 0
        return reply


def _refusal(backend: Any, request: Request) -> Reply | None:
    params = request.params
    if request.action == "CreateRoute":
        table = backend.route_tables.get(params.get("RouteTableId"))
        destination = params.get("DestinationCidrBlock")
        # A foreign entry is not an obstacle: of a gateway's AWS says so, of a route server's nothing.
        by_hand = [route for route in table.routes if not isinstance(route, _Foreign)] if table else []
        if any(route.destination_cidr_block == destination for route in by_hand):
            message = f"The route identified by {destination} already exists."
            return error(400, "RouteAlreadyExists", message)
    return None


def _detach(backend: Any) -> None:
    """Take the interfaces off terminated instances, to which moto leaves them attached."""
    for eni in backend.enis.values():
        if eni.instance and eni.instance.state == "terminated":
            eni.instance.detach_eni(eni)


def _with_instances(reply: Reply, backend: Any) -> Reply:
    """Tell the instance beside each route's interface, as EC2 does for an attached one; moto leaves it out."""

    def tell(found: re.Match[bytes]) -> bytes:
        interface = backend.enis.get(found[1].decode())
        told = f"<instanceId>{interface.instance.id}</instanceId>" if interface and interface.instance else ""
        return told.encode() + found[0]

    return replace(reply, body=_ROUTE_INTERFACE.sub(tell, reply.body))


def _blackholed(reply: Reply, interfaces: set[str]) -> Reply:
    if not interfaces:
        return reply
    root = ET.fromstring(reply.body)  # noqa: S314 - moto's own reply
    for route in root.iterfind(f".//{{{NAMESPACE}}}routeSet/{{{NAMESPACE}}}item"):
        state = route.find(f"{{{NAMESPACE}}}state")
        if state is not None and route.findtext(f"{{{NAMESPACE}}}networkInterfaceId") in interfaces:
            state.text = "blackhole"
    return Reply(200, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _mixed(old: Reply, new: Reply, entries: frozenset[str]) -> Reply:
    """The new answer, but with these route tables, ENIs and public IPs as the old one has them, or has them not."""
    if old.status != 200 or new.status != 200:
        return new
    was, root = (ET.fromstring(reply.body) for reply in (old, new))  # noqa: S314 - moto's own replies
    for name, key in _KEYS.items():
        if (now := root.find(f"{{{NAMESPACE}}}{name}")) is None:
            continue
        kept = [item for item in now if item.findtext(f"{{{NAMESPACE}}}{key}") not in entries]
        past = was.iterfind(f"{{{NAMESPACE}}}{name}/{{{NAMESPACE}}}item")
        now[:] = [*kept, *(item for item in past if item.findtext(f"{{{NAMESPACE}}}{key}") in entries)]
    return Reply(200, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _maintained(reply: Reply, auto_recovery: dict[str, str]) -> Reply:
    """Tell each instance's MaintenanceOptions, which moto does not know."""
    root = ET.fromstring(reply.body)  # noqa: S314 - moto's own reply
    for instance in root.iterfind(f".//{{{NAMESPACE}}}instancesSet/{{{NAMESPACE}}}item"):
        state = auto_recovery.get(instance.findtext(f"{{{NAMESPACE}}}instanceId") or "", "default")
        options = ET.SubElement(instance, f"{{{NAMESPACE}}}maintenanceOptions")
        ET.SubElement(options, f"{{{NAMESPACE}}}autoRecovery").text = state
    return Reply(200, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _with_amazons(reply: Reply, amazons: dict[str, str]) -> Reply:
    """Tell the public addresses of Amazon's own, which moto does not know of an interface."""
    root = ET.fromstring(reply.body)  # noqa: S314 - moto's own reply
    for interface in root.iterfind(f".//{{{NAMESPACE}}}networkInterfaceSet/{{{NAMESPACE}}}item"):
        if address := amazons.get(interface.findtext(f"{{{NAMESPACE}}}networkInterfaceId") or ""):
            association = ET.SubElement(interface, f"{{{NAMESPACE}}}association")
            ET.SubElement(association, f"{{{NAMESPACE}}}publicIp").text = address
            ET.SubElement(association, f"{{{NAMESPACE}}}ipOwnerId").text = "amazon"
    return Reply(200, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _paged(reply: Reply, params: dict[str, str], page_size: int | None) -> Reply:
    sizes = [size for size in (page_size, int(params.get("MaxResults", 0))) if size]
    token = params.get("NextToken", "")
    if not sizes and not token:
        return reply
    offset = token.removeprefix(_TOKEN)
    if token and not (token.startswith(_TOKEN) and offset.isdecimal()):
        return error(400, "InvalidNextToken", "The token is not valid.")
    root = ET.fromstring(reply.body)  # noqa: S314 - moto's own reply
    tables = root.find(f"{{{NAMESPACE}}}routeTableSet")
    items = [] if tables is None else list(tables)
    begin = int(offset or 0)
    end = begin + min(sizes, default=len(items))
    for item in [*items[:begin], *items[end:]]:
        tables.remove(item)  # type: ignore[union-attr]  # items came out of it
    if end < len(items):
        ET.SubElement(root, f"{{{NAMESPACE}}}nextToken").text = f"{_TOKEN}{end}"
    return Reply(200, ET.tostring(root, encoding="utf-8", xml_declaration=True))
