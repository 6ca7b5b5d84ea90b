"""A boto3 client for EC2: whose credentials, which URL, which environment."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import botocore.session
from botocore.config import Config

from ec2kit import __version__
from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AccessKey
from ec2kit.core.settings import refuse_plain_http
from ec2kit.ec2 import role, shapes
from ec2kit.ec2.refusals import NO_CREDENTIALS, no_credentials
from ec2kit.host import files, imds
from ec2kit.host.deadline import SIDE_BY_SIDE, Deadline

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

_CONNECT, _READ = 3.0, 10.0  # seconds at most; less where the budget is small
_FILES = (  # botocore's name, the variable that names another place, and the usual one
    ("config_file", "AWS_CONFIG_FILE", "~/.aws/config"),
    ("credentials_file", "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("ca_bundle", "AWS_CA_BUNDLE", ""),
    ("ca_bundle", "REQUESTS_CA_BUNDLE", ""),
)
_METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


@dataclass(frozen=True)
class Signer:
    """Whose credentials are used: by default the instance's role.

    credentials_file: the file that has the profile's key, when it is not where every AWS tool looks. key: one that
    is not in any file yet. metadata: the run's, which tells the role; None: it gets a connection of its own.
    """

    profile: str | None = None
    credentials_file: str | None = None
    key: AccessKey | None = None
    metadata: imds.Metadata | None = None


def client(
    settings: Mapping[str, str],
    signer: Signer,
    *,
    region: str,
    url: str | None,
    action: str,
    retries: int,
    deadline: Deadline,
) -> EC2Client:
    """A client of EC2's API; `Ec2` tells what the arguments are.

    Raises Misconfigured for a URL, Region or profile that cannot work, Unavailable without credentials.
    """
    _adopt(settings)
    unread = [f"{each.path} is not used: {each.why_not}" for each in doubts(settings, signer) if each.why_not]
    try:
        core = _core(settings, signer, retries, deadline)
        session = boto3.session.Session(region_name=region, botocore_session=core)
        made = session.client("ec2", endpoint_url=url, config=_config(action, retries, deadline))
    except NO_CREDENTIALS as error:
        raise no_credentials("EC2", error) from error
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise Misconfigured(
            f"EC2 cannot be set up ({type(error).__name__})",
            "; ".join(unread) or "Check Region, EC2 URL, profile and the AWS configuration files",
            permanent=True,
        ) from error
    refuse_plain_http(made.meta.endpoint_url)
    _read_once(made)
    return made


@dataclass(frozen=True)
class Doubt:
    """A file that AWS's library reads, by its name there and the variable that names it, and what is wrong with it.

    why_not: why it is left out, because others could have written it; exposed: why others know what is in it.
    """

    name: str
    variable: str
    path: Path
    why_not: str
    exposed: str


def doubts(settings: Mapping[str, str], signer: Signer) -> list[Doubt]:
    """The files of credentials and settings that are there and not as they should be."""
    found = []
    for name, variable, default in _FILES:
        own = signer.credentials_file if name == "credentials_file" else None
        place = own or settings.get(variable) or os.environ.get(variable) or default
        path = Path(os.path.expanduser(place))  # noqa: PTH111  as botocore: without a home it raises nothing
        why_not = files.others_can_write(path) if place else ""
        exposed = files.others_can_read(path) if name == "credentials_file" and not why_not else ""
        if why_not or exposed:
            found.append(Doubt(name, variable, path, why_not, exposed))
    return found


def _core(settings: Mapping[str, str], signer: Signer, retries: int, deadline: Deadline) -> botocore.session.Session:
    """botocore's session: the signer's credentials, the run's metadata, EC2's description cut down."""
    core = botocore.session.Session(profile=signer.profile or settings.get("AWS_PROFILE"))
    if signer.credentials_file:
        core.set_config_variable("credentials_file", signer.credentials_file)
    for file in doubts(settings, signer):
        if file.why_not and file.name == "ca_bundle":
            os.environ.pop(file.variable, None)
        elif file.why_not:
            core.set_config_variable(file.name, os.devnull)
    if signer.key:
        core.set_credentials(signer.key.id, signer.key.secret)
    core.set_config_variable("metadata_service_timeout", 2)
    core.set_config_variable("metadata_service_num_attempts", 1 + retries)
    role.ask(core, signer.metadata or imds.Metadata(settings.get(_METADATA), retries=retries, deadline=deadline))
    if not core.get_config_variable("data_path") and (cut := shapes.loader()):
        core.register_component("data_loader", cut)
    return core


def _config(action: str, retries: int, deadline: Deadline) -> Config:
    share = max(1.0, deadline.seconds / (1 + retries))
    return Config(
        connect_timeout=min(_CONNECT, share),
        read_timeout=min(_READ, share),
        retries={"mode": "standard", "total_max_attempts": 1 + retries},
        max_pool_connections=SIDE_BY_SIDE,
        user_agent_extra=f"ec2kit/{__version__} ec2kit-action/{action}",
    )


def _read_once(client: Any) -> None:
    """Have the file of root certificates read once, not again for each connection: 20 ms of CPU each time.

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
    given = settings.get("NO_PROXY") or os.environ.get("no_proxy", "")
    if given.strip() != "*" and metadata not in given.split(","):
        given = ",".join(part for part in (given, metadata) if part)
    os.environ.update(NO_PROXY=given, no_proxy=given)  # Python goes by the second where both are there
