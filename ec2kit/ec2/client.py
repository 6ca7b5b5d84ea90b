"""The EC2 API through boto3: facts out, steps in, and every failure as a KitError.

A reply to a change is no evidence: `apply` only says whether the call was refused. What became of
it, the next look tells.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import botocore.session
from botocore.config import Config
from botocore.parsers import ResponseParserError

from ec2kit import __version__
from ec2kit.core import backoff
from ec2kit.core.errors import KitError, Misconfigured, Unavailable, ec2_error, throttled
from ec2kit.core.model import (
    AccessKey,
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
    VpcId,
)
from ec2kit.core.settings import refuse_plain_http
from ec2kit.core.steps import Ec2Step, operation
from ec2kit.ec2 import role, shapes
from ec2kit.host import imds
from ec2kit.host.deadline import SIDE_BY_SIDE, Deadline

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import AddressTypeDef, FilterTypeDef, NetworkInterfaceTypeDef, RouteTypeDef

_CONNECT, _READ = 3.0, 10.0  # seconds at most; less where the budget is small
_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.MetadataRetrievalError,
)
_METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_PAGE = 100  # DescribeRouteTables: MaxResults 5..100
_MOST_PAGES = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Signer:
    """Whose credentials are used: by default the instance's role.

    credentials_file: where the profile's key stands, when not where every AWS tool looks. key: one that does
    not stand in any file yet. metadata: the run's, which tells the role; None: it gets a connection of its own.
    """

    profile: str | None = None
    credentials_file: str | None = None
    key: AccessKey | None = None
    metadata: imds.Metadata | None = None


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
        """
        _adopt(settings)
        signer = signer or Signer()
        self._deadline = deadline
        self._patience = patience if retries else None
        self._waited = False
        self.attempts = 0  # HTTP requests sent, botocore's own retries included
        share = deadline.seconds / (1 + retries)
        config = Config(
            connect_timeout=min(_CONNECT, max(1.0, share)),
            read_timeout=min(_READ, max(1.0, share)),
            retries={"mode": "standard", "total_max_attempts": 1 + retries},
            max_pool_connections=SIDE_BY_SIDE,
            user_agent_extra=f"ec2kit/{__version__} ec2kit-action/{action}",
        )
        try:
            core = botocore.session.Session(profile=signer.profile or settings.get("AWS_PROFILE"))
            if signer.credentials_file:
                core.set_config_variable("credentials_file", signer.credentials_file)
            if signer.key:
                core.set_credentials(signer.key.id, signer.key.secret)
            core.set_config_variable("metadata_service_timeout", 2)
            core.set_config_variable("metadata_service_num_attempts", 1 + retries)
            metadata = signer.metadata or imds.Metadata(settings.get(_METADATA), retries=retries, deadline=deadline)
            role.ask(core, metadata)
            if not core.get_config_variable("data_path") and (cut := shapes.loader()):
                core.register_component("data_loader", cut)
            session = boto3.session.Session(region_name=region, botocore_session=core)
            self._client: EC2Client = session.client("ec2", endpoint_url=url, config=config)
        except _NO_CREDENTIALS as error:
            raise _no_credentials("EC2", error) from error
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise Misconfigured(
                f"EC2 cannot be set up ({type(error).__name__})",
                "Check Region, EC2 URL, profile and the AWS configuration files",
            ) from error
        refuse_plain_http(self.url)
        _read_once(self._client)
        self._client.meta.events.register("before-send.ec2", self._count)
        decide: Any = self._wait_out  # the stubs do not know that this hook answers
        self._client.meta.events.register_first("needs-retry.ec2", decide)

    @property
    def url(self) -> str:
        """The EC2 URL in use, wherever it came from."""
        return self._client.meta.endpoint_url

    def _count(self, **_: object) -> None:
        self.attempts += 1

    def _wait_out(self, *, response: Any, operation: Any, attempts: int, **_: object) -> int | None:
        """Answer botocore's question whether a call is sent again: of a throttled one our own time decides.

        botocore would send it again after pauses of its own, by the number of tries, and spend the account's calls
        on questions whose answer can wait. None: botocore decides. Raises ClientError to give up.
        """
        parsed: Any = response[1] if response else {}
        if not throttled(parsed.get("Error", {}).get("Code", "")):
            return None
        pause = None
        if self._patience:
            pause = backoff.throttled_call(attempts, self._deadline.left, random.random())  # noqa: S311  no secret
        if pause is None or self._patience is None:
            raise botocore.exceptions.ClientError(parsed, operation.name)
        if not self._waited:
            self._waited = True
            self._patience(operation.name)
        self._deadline.sleep(pause)
        return 0  # seconds that botocore waits

    def route_tables(self, vpc: VpcId, destination: Destination | None = None) -> list[RouteTable]:
        """All route tables of the VPC, or those with an entry for the destination; all pages."""
        filters: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc]}]
        if destination:
            filters.append({"Name": "route.destination-cidr-block", "Values": [destination]})
        pages = self._client.get_paginator("describe_route_tables").paginate(
            Filters=filters, PaginationConfig={"PageSize": _PAGE}
        )
        with self._asking("DescribeRouteTables", vpc):
            return [
                RouteTable(TableId(table["RouteTableId"]), tuple(_routes(table["Routes"])))
                for number, page in enumerate(pages, 1)
                for table in _bounded(page, number)["RouteTables"]
            ]

    def interfaces(self, eni: EniId) -> list[NetworkInterface]:
        """The ENI of that id, or nothing."""
        with self._asking("DescribeNetworkInterfaces", eni):
            answer = self._client.describe_network_interfaces(
                Filters=[{"Name": "network-interface-id", "Values": [eni]}]
            )
            return [_interface(each) for each in answer["NetworkInterfaces"]]

    def instance(self, instance: str) -> Ec2Instance | None:
        """The options of an EC2 instance; None when it is not shown."""
        with self._asking("DescribeInstances", instance):
            answer = self._client.describe_instances(Filters=[{"Name": "instance-id", "Values": [instance]}])
            for each in (each for reservation in answer["Reservations"] for each in reservation["Instances"]):
                metadata = each.get("MetadataOptions", {})
                return Ec2Instance(
                    each["InstanceId"],
                    each.get("MaintenanceOptions", {}).get("AutoRecovery", ""),
                    metadata.get("HttpPutResponseHopLimit"),
                    metadata.get("HttpEndpoint") != "disabled",
                )
            return None

    def addresses_owned(self) -> list[Address]:
        """All Elastic IPs of the account in this Region."""
        return self._addresses("this Region", [])

    def addresses_named(self, public_ip: str) -> list[Address]:
        """The account's Elastic IP of that name, or nothing."""
        return self._addresses(public_ip, [{"Name": "public-ip", "Values": [public_ip]}])

    def _addresses(self, subject: str, filters: list[FilterTypeDef]) -> list[Address]:
        with self._asking("DescribeAddresses", subject):
            answer = self._client.describe_addresses(Filters=filters)
            return [_address(each) for each in answer["Addresses"]]

    def apply(self, step: Ec2Step) -> None:
        """Send the step's call. Raises Unavailable when it is refused or not answered."""
        parameters = step.parameters()
        subject = str(parameters.get("RouteTableId") or parameters.get("NetworkInterfaceId") or "")
        with self._asking(operation(step), subject):
            getattr(self._client, step.method)(**parameters)

    @contextmanager
    def _asking(self, called: str, subject: str) -> Iterator[None]:
        """Turn whatever botocore raises inside into Unavailable, by kind and error code, never by its text."""
        where = urlsplit(self.url).hostname
        try:
            with self._deadline.waiting(f"{called} on {subject}"):
                yield
        except botocore.exceptions.ClientError as error:
            raise ec2_error(called, subject, error.response.get("Error", {}).get("Code", "no error code")) from error
        except _NO_CREDENTIALS as error:
            raise _no_credentials(called, error) from error
        except (botocore.exceptions.BotoCoreError, ResponseParserError) as error:
            raise Unavailable(
                f"no usable answer from {where} to {called} on {subject} ({type(error).__name__})",
                f"Check the way from this node to https://{where} (route, proxy, DNS, security group)",
            ) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # botocore's parser, too, raises these
            raise Unavailable(f"{where} answered {called} on {subject} with something incomplete") from error


def _bounded(page: T, number: int) -> T:
    """The page; raises Unavailable when there is no end of them."""
    if number > _MOST_PAGES:
        raise Unavailable(f"EC2 gives more pages of route tables than {_MOST_PAGES}, and names always another one")
    return page


def _no_credentials(called: str, error: Exception) -> Unavailable:
    if isinstance(why := error.__cause__, KitError):  # the metadata service did not tell the role
        return Unavailable(
            f"no credentials for {called}: {why}", why.cure, permanent=not isinstance(why, Unavailable)
        )
    return Unavailable(
        f"no credentials for {called} ({type(error).__name__})",
        "Attach a role to this instance, or name a profile (--profile, AWS_PROFILE)",
        permanent=True,
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
                each.get("State", "active"),
                each.get("Origin") == "EnableVgwRoutePropagation",
            )


def _interface(answer: NetworkInterfaceTypeDef) -> NetworkInterface:
    """An ENI. Its association is its primary private address's; a public IP of Amazon's has no allocation id."""
    there = answer.get("Association", {})
    return NetworkInterface(
        EniId(answer["NetworkInterfaceId"]),
        answer["PrivateIpAddress"],
        answer["SourceDestCheck"],
        there["PublicIp"] if there.get("AllocationId") else None,
    )


def _address(answer: AddressTypeDef) -> Address:
    association = None
    if identifier := answer.get("AssociationId"):
        association = Association(
            AssociationId(identifier),
            EniId(answer["NetworkInterfaceId"]) if answer.get("NetworkInterfaceId") else None,
            answer.get("PrivateIpAddress"),
        )
    return Address(answer["PublicIp"], AllocationId(answer["AllocationId"]), association)


def _read_once(client: Any) -> None:
    """Have the file of root certificates read once, not anew for each connection: 20 ms of CPU each time.

    urllib3 reads it for each one, into the same TLS context (ssl_wrap_socket). Where a botocore keeps that context
    elsewhere, this does nothing.
    """
    try:
        context = client._endpoint.http_session._manager.connection_pool_kw["ssl_context"]  # noqa: SLF001  nothing public
        read = context.load_verify_locations
    except (AttributeError, LookupError, TypeError):
        return
    lock, done = threading.Lock(), set[object]()

    def once(*given: object) -> None:
        with lock:
            if given not in done:
                read(*given)
                done.add(given)

    context.load_verify_locations = once


def _adopt(settings: Mapping[str, str]) -> None:
    """Give boto3 the settings where it looks for them, and keep the metadata service off every proxy."""
    os.environ.update(settings)
    metadata = urlsplit(settings.get(_METADATA) or imds.ENDPOINT).hostname or ""
    for name in ("NO_PROXY", "no_proxy"):
        given = os.environ.get(name, "")
        if metadata not in given.split(","):
            os.environ[name] = ",".join(part for part in (given, metadata) if part)
