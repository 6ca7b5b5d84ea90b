"""A boto3 client for EC2: whose credentials, which URL, which environment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from ec2kit import __version__
from ec2kit.core.errors import KitError, Misconfigured
from ec2kit.core.model import AccessKey, Answer
from ec2kit.core.settings import IN_SMALL_LETTERS, refuse_plain_http
from ec2kit.ec2 import shapes
from ec2kit.ec2.credentials import (
    FAILURES,
    OF_CREDENTIALS,
    Credentials,
    Signature,
    clock_skew,
    plain,
    proxy_of,
)
from ec2kit.ec2.refusals import Call, told
from ec2kit.ec2.unfit import misfit
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
_OF_METADATA = {  # nobody asks by these, but botocore reads them, and a value that is not one is its error
    "ec2_metadata_service_endpoint": "",
    "ec2_metadata_service_endpoint_mode": "ipv4",
    "metadata_service_timeout": 1,
    "metadata_service_num_attempts": 1,
}


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


@dataclass(frozen=True)
class Way:
    """The way to EC2: its client, and what is told of it. url, proxy: without user and password; no proxy: empty.

    signature: with what calls are signed. bundle: the certificate authorities, in words.
    """

    client: EC2Client
    credentials: Credentials
    url: str
    proxy: str
    bundle: str
    signature: Signature
    session: botocore.session.Session = field(repr=False)

    def probe(self) -> Answer:
        """Whether something answers at the URL: one request without signature, on the way that every call goes.

        Any answer by HTTP is one. Raises what it means that there is none.
        """
        url = self.client.meta.endpoint_url
        bundle = self.session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        given: dict[str, Any] = {"verify": bundle or True, "timeout": (_CONNECT, _READ)}  # the stubs know less
        http = URLLib3Session(proxies=get_environ_proxies(url), **given)
        began = time.monotonic()
        try:
            answer = http.send(AWSRequest("GET", url).prepare())
        except FAILURES as error:
            raise self.failed(error, "a first request", "") from error
        return Answer(answer.status_code, time.monotonic() - began, _ahead(answer.headers.get("Date", "")))

    def failed(self, error: Exception, operation: str, subject: str, status: int | None = None) -> KitError:
        """What it means that a call has failed, or that the credentials could not be renewed for it.

        status: of the HTTP answer, where there was one.
        """
        own = getattr(error, "operation_name", operation) == operation
        if not own or isinstance(error, OF_CREDENTIALS):
            return self.credentials.unfit(error)
        signed = self.signature.whose
        call = Call(operation, subject, url=self.url, whose=signed, proxy=self.proxy, bundle=self.bundle)
        return told(error, call, skew=clock_skew(error), status=status)


def _ahead(date: str) -> float | None:
    """How many seconds this node's clock is ahead of an answer's date; None where it has none."""
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None


def way(
    settings: Mapping[str, str],
    signer: Signer,
    *,
    region: str,
    url: str | None,
    action: str,
    retries: int,
    deadline: Deadline,
) -> Way:
    """The way to EC2's API; `Ec2` tells what the arguments are.

    Raises Misconfigured for a URL, Region, profile or file that cannot work, Unavailable without credentials.
    """
    _adopt(settings)
    core = botocore.session.Session(profile=signer.profile)
    metadata = signer.metadata or imds.Metadata(imds.endpoint(settings), retries=retries, deadline=deadline)
    unread = [each for each in doubts(settings, signer) if each.why_not]

    def allow(**given: Any) -> None:
        deadline.check()
        refuse_plain_http(given["request"].url, given["event_name"].split(".")[1].upper())  # also STS
        proxy_of(given["request"].url)

    try:
        core.set_default_client_config(_config(action, retries, deadline))
        core.register("before-send", allow)
        with deadline.waiting("AWS's files, and that of certificate authorities"):
            _prepare(core, signer, region, unread)
            bundle = _bundle(core)
        credentials = Credentials(core, metadata, deadline, bundle)
        signature = credentials.settle()
        made = boto3.session.Session(botocore_session=core).client("ec2", endpoint_url=url)
    except (Misconfigured, botocore.exceptions.BotoCoreError, ValueError) as error:
        problem = (
            error
            if isinstance(error, Misconfigured)
            else misfit(error, core)
            or Misconfigured(
                f"EC2 cannot be set up ({type(error).__name__})",
                "Check Region, EC2 URL, profile and AWS's files",
                permanent=True,
            )
        )
        problem.cure = "; ".join(f"{each.path} is not used: {each.why_not}" for each in unread) or problem.cure
        raise problem from error
    refuse_plain_http(made.meta.endpoint_url)
    _read_once(made)
    url = made.meta.endpoint_url
    return Way(made, credentials, plain(url), proxy_of(url), bundle, signature, core)


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


def _prepare(core: botocore.session.Session, signer: Signer, region: str, unread: Iterable[Doubt]) -> None:
    """botocore's session: the Region, the files that nobody else can write, EC2's description cut down."""
    core.set_config_variable("region", region)
    if signer.credentials_file:
        core.set_config_variable("credentials_file", signer.credentials_file)
    for file in unread:
        if file.name == "ca_bundle":
            os.environ.pop(file.variable, None)
        else:
            core.set_config_variable(file.name, os.devnull)
    if signer.key:
        core.set_credentials(signer.key.id, signer.key.secret)
    for name, value in _OF_METADATA.items():
        core.set_config_variable(name, value)
    if not core.get_config_variable("data_path") and (cut := shapes.loader()):
        core.register_component("data_loader", cut)


def _bundle(core: botocore.session.Session) -> str:
    """The certificate authorities in words. Raises Misconfigured for a file that is not there."""
    named = core.get_config_variable("ca_bundle")
    path, by = (
        (named, "AWS_CA_BUNDLE, ca_bundle") if named else (os.environ.get("REQUESTS_CA_BUNDLE"), "REQUESTS_CA_BUNDLE")
    )
    if not path:
        return "botocore's own list"
    try:
        with Path(path).open("rb"):
            return f"{path} ({by})"
    except OSError as error:
        raise Misconfigured(
            f"the file of certificate authorities {path} ({by}) cannot be read ({error.strerror})",
            "Put it there, or correct the name",
        ) from error


def _config(action: str, retries: int, deadline: Deadline) -> Config:
    legacy: Any = "legacy"  # the stubs have another type
    share = max(1.0, deadline.seconds / (1 + retries))
    return Config(
        connect_timeout=min(_CONNECT, share),
        read_timeout=min(_READ, share),
        retries={"mode": "standard", "total_max_attempts": 1 + retries},
        max_pool_connections=SIDE_BY_SIDE,
        user_agent_extra=f"ec2kit/{__version__} ec2kit-action/{action}",
        defaults_mode=legacy,  # all that the modes set is set here; to choose one, "auto" asks the metadata
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
    """Give the settings to whoever looks for them in the environment: AWS's library, and programs that it calls.

    An empty variable is not given. The metadata are asked by IMDSv2 alone, and never through a proxy.
    """
    for name in [name for name, value in os.environ.items() if not value and name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings, AWS_EC2_METADATA_V1_DISABLED="true")
    metadata = urlsplit(imds.endpoint(settings)).hostname or ""
    given = settings.get("NO_PROXY", "")
    if given.strip() != "*":
        hosts = [metadata, f"[{metadata}]"] if ":" in metadata else [metadata]
        given = ",".join([*filter(None, [given]), *(host for host in hosts if host not in given.split(","))])
    for name, value in {**settings, "NO_PROXY": given}.items():
        if name in IN_SMALL_LETTERS:  # Python goes by those where both are there
            os.environ[name] = os.environ[name.lower()] = value
