"""The EC2 API through boto3: facts out, steps in, and every failure as a KitError.

A reply to a change is not evidence: `apply` only says whether the call was refused. The next look
tells what became of it.
"""

from __future__ import annotations

import math
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import botocore.exceptions
from botocore.parsers import ResponseParserError

from ec2kit.core import backoff
from ec2kit.core.errors import KitError, Stale, Unavailable
from ec2kit.core.history import Calls
from ec2kit.core.kinds.facts import Answers, Listing
from ec2kit.core.model import (
    UNTOLD,
    Address,
    AllocationId,
    Association,
    AssociationId,
    Destination,
    Ec2Instance,
    EniId,
    NetworkInterface,
    Route,
    RouteTable,
    TableId,
)
from ec2kit.core.pace import Pace
from ec2kit.core.steps import Ec2Step, called
from ec2kit.ec2.codes import throttled
from ec2kit.ec2.credentials import FAILURES
from ec2kit.ec2.session import Signer, way
from ec2kit.host.deadline import Deadline

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import (
        AddressTypeDef,
        FilterTypeDef,
        InstanceTypeDef,
        NetworkInterfaceTypeDef,
        RouteTableTypeDef,
        RouteTypeDef,
    )

_PAGE = 100  # DescribeRouteTables: MaxResults 5..100
_VALUES = 200  # of a filter, at most: docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
_MOST_PAGES = 100
_FAILED = 500  # the status of an answer of EC2 that does not tell whether it would have served the call
_NUMBER = "ec2kit_number"  # in botocore's context of a call: its number in the pace
_fresh: ContextVar[float] = ContextVar("_fresh", default=math.inf)  # until when what is now being sent may be sent
_sent: ContextVar[float | None] = ContextVar("_sent", default=None)  # the second at which what now waits was sent
_status: ContextVar[int | None] = ContextVar("_status", default=None)  # of the HTTP answer that is being read
T = TypeVar("T")


class Ec2:
    """One run's access to EC2. Raises Misconfigured for a URL, Region or profile that cannot work."""

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        region: str,
        signer: Signer | None = None,
        url: str | None = None,
        action: str,
        retries: int,
        deadline: Deadline,
        patience: Callable[[str], None] | None = None,
    ) -> None:
        """settings: the AWS names of ec2kit.core.settings.AWS_NAMES; they become this process's environment.

        action: who calls; CloudTrail shows it in the user agent of each event. retries: how often botocore sends
        a call again that failed, unless by throttling. patience: None, and a throttled call fails at once; else it
        is sent again while there is time, unless retries is 0, and patience hears of it once, with its name.
        `paces` is what has been learnt about EC2's limits, `sent` are the HTTP requests sent, botocore's own retries
        included: both by operation.
        """
        self._deadline = deadline
        self._patience = patience if retries else None
        self._waited = False
        self.sent: defaultdict[str, Calls] = defaultdict(Calls)
        self.way = way(
            settings, signer or Signer(), region=region, url=url, action=action, retries=retries, deadline=deadline
        )
        self._client: EC2Client = self.way.client
        self._client.meta.events.register("before-send.ec2", self._count)
        self._client.meta.events.register("before-parse.ec2", _keep_status)
        self.paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._lock = threading.Lock()  # of the paces and the calls; never held while anything is waited for
        decide: Any = self._wait_out  # the stubs do not know that this hook answers
        self._client.meta.events.register_first("needs-retry.ec2", decide)
        self._client.meta.events.register("before-call.ec2", self._wait_for_turn)

    @property
    def url(self) -> str:
        """The EC2 URL in use, wherever it came from."""
        return self._client.meta.endpoint_url

    @property
    def attempts(self) -> int:
        """How many HTTP requests were sent, botocore's own retries included."""
        with self._lock:
            return sum(each.count for each in self.sent.values())

    def _count(self, *, event_name: str, **_: object) -> None:
        self._check_fresh()
        _sent.set(self._deadline.spent)
        self._tally(event_name.rpartition(".")[2], Calls(1))

    def _tally(self, called: str, calls: Calls) -> None:
        with self._lock:
            self.sent[called] += calls

    def _wait_for_turn(self, *, model: Any, context: dict[str, Any], **_: object) -> None:
        """Before a call is sent first: wait as long as what was refused before makes it wise."""
        context[_NUMBER] = self._turn(model.name)

    def _wait_out(
        self,
        *,
        response: Any,
        caught_exception: Exception | None,
        operation: Any,
        request_dict: Mapping[str, dict[str, Any]],
        **_: object,
    ) -> int | None:
        """Answer botocore's question whether a call is sent again: of a throttled one our own pace decides.

        botocore would send it again after pauses of its own, by the number of tries, and spend the account's calls
        on questions whose answer can wait. None: botocore decides. Raises the failure to give up, and Stale.
        """
        parsed: Any = response[1] if response else {}
        failure = caught_exception or botocore.exceptions.ClientError(parsed, operation.name)
        context = request_dict["context"]
        slowed = throttled(parsed.get("Error", {}).get("Code", ""))
        if (sent := _sent.get()) is not None:
            _sent.set(None)
            self._tally(operation.name, Calls(0, self._deadline.spent - sent, int(slowed)))
        if not slowed:
            if response and response[0].status_code < _FAILED:
                with self._lock:
                    self.paces[operation.name].served(context[_NUMBER])
            elif self._late > 0:
                raise failure
            return None
        if self._patience is None or not self._refused(operation.name, context[_NUMBER]):
            raise failure
        if not self._waited:
            self._waited = True
            self._patience(operation.name)
        context[_NUMBER] = self._turn(operation.name)
        return 0  # seconds that botocore waits

    def _refused(self, called: str, number: int) -> bool:
        """Slow down, because EC2 has throttled that call; whether there is time to send it again."""
        now, left = self._deadline.spent, self._deadline.left
        with self._lock:
            pace = self.paces[called]
            pace.refused(number, now, left, random.random())  # noqa: S311  no secret
            return pace.pause(now) + backoff.LAST_WORDS < left

    def _turn(self, called: str) -> int:
        """Wait until such a call may be sent, and take that turn; its number. Raises Stale."""
        while True:
            self._check_fresh()
            now = self._deadline.spent
            with self._lock:
                pace = self.paces[called]
                pause = pace.pause(now)
                if not pause or self._patience is None:
                    return pace.send(now)
            self._deadline.sleep(pause, f"the next try of {called}, which EC2 throttles")

    @property
    def _late(self) -> float:
        """For how many seconds the change that is being sent has not been allowed to be sent; 0 and less: it is."""
        return self._deadline.spent - _fresh.get()

    def _check_fresh(self) -> None:
        """Raise Stale when the change may not be sent any more."""
        if (late := self._late) > 0:
            raise Stale(f"not sent: what the look showed is {backoff.FRESH + late:.0f} s old by now")

    def ask(self, query: Listing[T]) -> tuple[T, ...]:
        """What EC2 answers. Raises KitError."""
        (call,) = self.calls([query])
        answer = call()[query]
        if isinstance(answer, KitError):
            raise answer
        return cast("tuple[T, ...]", answer)

    def calls(self, queries: Iterable[Listing[Any]]) -> list[Callable[[], Answers]]:
        """The calls that answer these, to be sent side by side. What has failed has a KitError as its answer."""
        joined: defaultdict[object, list[Listing[Any]]] = defaultdict(list)
        for each in queries:
            joined[type(each), each.scope].append(each)
        calls: list[Callable[[], Answers]] = []
        for group in joined.values():
            if len(group) > 1 and (whole := group[0].whole):
                calls.append(partial(self._answers, [whole], group))
            else:
                calls += [partial(self._answers, group[at : at + _VALUES]) for at in range(0, len(group), _VALUES)]
        return calls

    def _answers(self, asked: Sequence[Listing[Any]], answered: Sequence[Listing[Any]] = ()) -> Answers:
        """One call with all its pages, for those that are asked; what it answers of them, and of others."""
        first, values = asked[0], [each.value for each in asked if each.value is not None]
        filters: list[FilterTypeDef] = [{"Name": name, "Values": [value]} for name, value in first.scope]
        if values:
            filters.append({"Name": first.filtered, "Values": values})
        subjects = [value for _, value in first.scope] or values or ["this Region"]
        subject = subjects[0] + (f" and {len(subjects) - 1} more" if len(subjects) > 1 else "")
        try:
            with self._asking(called(first.operation), subject):
                found = tuple(self._items(first.operation, filters))
        except KitError as error:
            return dict.fromkeys([*asked, *answered], error)
        if len(asked) == 1:
            return {first: found} | {each: tuple(filter(each.includes, found)) for each in answered}
        return {each: tuple(filter(each.includes, found)) for each in asked}

    def _items(self, operation: str, filters: list[FilterTypeDef]) -> Iterator[Any]:
        """What a call shows, page by page."""
        name, read, size = _SHOWN[operation]
        if self._client.can_paginate(operation):
            paginator: Any = self._client.get_paginator(cast("Any", operation))
            pages = paginator.paginate(Filters=filters, PaginationConfig={"PageSize": size})
        else:
            pages = [getattr(self._client, operation)(Filters=filters)]
        for number, page in enumerate(pages, 1):
            yield from map(read, _bounded(page, number)[name])

    def instances(self, ids: Sequence[str]) -> dict[str, Ec2Instance]:
        """The EC2 instances of these ids, at most 200; those that are not shown are left out."""
        with self._asking("DescribeInstances", ids[0] + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")):
            answer = self._client.describe_instances(Filters=[{"Name": "instance-id", "Values": list(ids)}])
        reservations = answer.get("Reservations", [])
        found = (_instance(each) for reservation in reservations for each in reservation.get("Instances", []))
        return {each.id: each for each in found}

    def apply(self, step: Ec2Step, fresh: float = math.inf) -> None:
        """Send the step's call. fresh: the second of the run's time until which it may be sent, and sent again.

        Raises Stale after that, Unavailable when it is refused, Unanswered when nobody knows.
        """
        parameters = step.parameters()
        named = ("RouteTableId", "NetworkInterfaceId", "AssociationId")
        subject = next((str(parameters[name]) for name in named if name in parameters), "")
        token = _fresh.set(fresh)
        try:
            self._check_fresh()  # before botocore does its work: hundreds of steps may be late at once
            with self._asking(step.operation, subject):
                getattr(self._client, step.method)(**parameters)
        except Unavailable as error:
            if step.denied and _denied(error.__cause__):
                raise type(error)(str(error), step.denied) from error.__cause__
            raise
        finally:
            _fresh.reset(token)

    def rehearse(self, step: Ec2Step) -> None:
        """Have EC2 say whether it would carry the step out (DryRun). Raises why it would not, or that it cannot tell.

        It is a proof for just these parameters: docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html
        """
        subject = " and ".join(str(value) for name, value in step.parameters().items() if name.endswith("Id"))
        try:
            with self._asking(step.operation, subject):
                getattr(self._client, step.method)(**step.parameters(), DryRun=True)
        except Unavailable as error:
            if _code(error.__cause__) == "DryRunOperation":
                return
            if error.refused and step.denied:
                error.cure = step.denied
            raise
        raise Unavailable(f"EC2 has answered the DryRun of {step.operation} with neither yes nor no")

    @contextmanager
    def _asking(self, operation: str, subject: str) -> Iterator[None]:
        """Turn whatever botocore raises inside into a KitError, by kind and error code, never by its text."""
        _status.set(None)
        try:
            with self._deadline.waiting(f"{operation} on {subject}"):
                yield
        except (*FAILURES, ResponseParserError) as error:
            if isinstance(error, KitError):
                raise
            raise self.way.failed(error, operation, subject, _status.get()) from error
        except OSError as error:
            if error.filename is None:  # it is this process that lacks something
                raise
            raise self.way.failed(error, operation, subject) from error


def _keep_status(*, response_dict: Mapping[str, Any], **_: object) -> None:
    """botocore's error for an answer that it cannot read does not tell it."""
    _status.set(response_dict["status_code"])


def _bounded(page: T, number: int) -> T:
    """The page; raises Unavailable when there is no end of them."""
    if number > _MOST_PAGES:
        raise Unavailable(f"EC2 keeps returning more pages (over {_MOST_PAGES})")
    return page


def _code(error: BaseException | None) -> str:
    """EC2's error code; empty for what is not a refusal of EC2's."""
    if not isinstance(error, botocore.exceptions.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def _denied(error: BaseException | None) -> bool:
    """Whether it is EC2's word that the account may not do it, or that the account has no such thing to change."""
    code = _code(error)
    return code in _DENIED or code.endswith(".NotFound")


def _route_table(answer: RouteTableTypeDef) -> RouteTable:
    nowhere = [each for each in answer.get("Routes", []) if not any(each.get(name) for name in _WHERE)]
    return RouteTable(
        TableId(answer.get("RouteTableId", "")),
        tuple(_routes(answer.get("Routes", []))),
        owner=answer.get("OwnerId", ""),
        silent="Routes" not in answer or bool(nowhere),
        subnets=tuple(each["SubnetId"] for each in answer.get("Associations", []) if each.get("SubnetId")),
        main=any(each.get("Main") for each in answer.get("Associations", [])),
    )


def _routes(routes: list[RouteTypeDef]) -> Iterator[Route]:
    """The IPv4 entries. A target is the one of the id fields that is filled."""
    for each in routes:
        if destination := each.get("DestinationCidrBlock"):
            yield Route(
                Destination(destination),
                each.get("NetworkInterfaceId")
                or each.get("GatewayId")
                or each.get("NatGatewayId")
                or each.get("TransitGatewayId")
                or each.get("VpcPeeringConnectionId")
                or each.get("InstanceId")
                or "another kind of target",
                each.get("State") or UNTOLD,
                each.get("Origin") or UNTOLD,
                each.get("InstanceId", ""),
            )


def _instance(answer: InstanceTypeDef) -> Ec2Instance:
    metadata = answer.get("MetadataOptions", {})
    return Ec2Instance(
        answer.get("InstanceId", ""),
        answer.get("MaintenanceOptions", {}).get("AutoRecovery", ""),
        metadata.get("HttpPutResponseHopLimit"),
        metadata.get("HttpEndpoint") != "disabled",
        next((each.get("Value", "") for each in answer.get("Tags", []) if each.get("Key") == "Name"), ""),
        answer.get("State", {}).get("Name", ""),
    )


def _interface(answer: NetworkInterfaceTypeDef) -> NetworkInterface:
    """An ENI. Its association is its primary private address's. An instance may have one without any IPv4 address."""
    listed = answer.get("PrivateIpAddresses", [])
    first = answer.get("PrivateIpAddress") or next(
        (each.get("PrivateIpAddress", "") for each in listed if each.get("Primary")), ""
    )
    others = [each for each in listed if not each.get("Primary") and each.get("PrivateIpAddress") != first]
    kind, requester = answer.get("InterfaceType") or "interface", answer.get("RequesterId")
    return NetworkInterface(
        EniId(answer.get("NetworkInterfaceId", "")),
        first,
        answer.get("SourceDestCheck"),
        _elastic_ip(answer.get("Association", {})),
        answer.get("MacAddress", "").lower(),
        answer.get("Attachment", {}).get("InstanceId", ""),
        answer.get("SubnetId", ""),
        tuple(
            (each["PrivateIpAddress"], _elastic_ip(each.get("Association", {})))
            for each in others
            if each.get("PrivateIpAddress")
        ),
        answer.get("VpcId", ""),
        _public_ip(answer.get("Association", {}), elastic=False),
        unlisted=bool(first and not listed) or any(not each.get("PrivateIpAddress") for each in listed),
        owner=answer.get("OwnerId", ""),
        service=kind if kind not in _ANYBODYS else (requester or kind) if answer.get("RequesterManaged") else "",
    )


def _elastic_ip(association: Mapping[str, Any]) -> str | None:
    return _public_ip(association, elastic=True)


def _public_ip(association: Mapping[str, Any], *, elastic: bool) -> str | None:
    """The Elastic IP of an association, or the public IP of Amazon's own, which has no allocation id."""
    found = next((association[name] for name in ("PublicIp", *_SORTS) if association.get(name)), None)
    return found if bool(association.get("AllocationId")) is elastic else None


def _address(answer: AddressTypeDef) -> Address:
    identifier, eni = answer.get("AssociationId", ""), answer.get("NetworkInterfaceId")
    instance = answer.get("InstanceId") or None
    association = None
    if identifier or eni or instance:
        association = Association(
            AssociationId(identifier),
            EniId(eni) if eni else None,
            answer.get("PrivateIpAddress") or None,
            instance,
        )
    public_ip, allocation = answer.get("PublicIp", ""), answer.get("AllocationId")
    other, sort = next(((str(answer.get(name)), sort) for name, sort in _SORTS.items() if answer.get(name)), ("", ""))
    return Address(
        public_ip,
        AllocationId(allocation) if allocation else None,
        association,
        other,
        "" if public_ip and allocation else sort or ("of EC2-Classic" if answer.get("Domain") == "standard" else ""),
        answer.get("ServiceManaged", ""),
    )


_WHERE = "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"
_DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "OperationNotPermitted"})
_SORTS = {  # of addresses that have no PublicIp, by the name of the field that they are in
    "CustomerOwnedIp": "of a customer-owned pool (CoIP)",
    "CarrierIp": "of a carrier (Wavelength)",
}
_ANYBODYS = frozenset({"interface", "efa", "efa-only", "trunk", "branch"})  # InterfaceType of what people make
_SHOWN: dict[
    str, tuple[str, Callable[[Any], Any], int | None]
] = {  # where a call's items are, a page's size if not all
    "describe_route_tables": ("RouteTables", _route_table, _PAGE),
    "describe_network_interfaces": ("NetworkInterfaces", _interface, None),
    "describe_addresses": ("Addresses", _address, None),
}
