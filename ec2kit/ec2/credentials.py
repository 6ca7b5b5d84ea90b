"""Whose credentials sign the calls: found by botocore's own chain, made sure of before the first call of EC2.

Where they come from an AWS service, its calls go as EC2's do: with the run's time-outs and tries. Nothing is asked
on a terminal, and the metadata service only over the run's own connection.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NoReturn
from urllib.parse import urlsplit

import botocore.session
from botocore import exceptions
from botocore.credentials import AssumeRoleProvider, ProcessProvider
from botocore.utils import get_environ_proxies

from ec2kit.core.errors import KitError, Misconfigured, Unavailable
from ec2kit.ec2 import role
from ec2kit.ec2.refusals import Call, refusal, told
from ec2kit.ec2.unfit import METHODS, NONE, cure_of, lacking, misfit
from ec2kit.host.deadline import Deadline
from ec2kit.host.imds import Metadata

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SENDABLE = re.compile(r"[\x21-\x7e]+")  # what an HTTP header can have
# As botocore reads it; without a scheme it is http.
_PROXY = re.compile(
    r"(?:(?P<scheme>https?:)?//)?(?:[^/?#@\x80-\U0010ffff]*@)?(?P<at>(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)/?",
    re.ASCII,
)
_MOST_PORT = 65_535
# What an AWS library may raise while it looks for credentials; its readers of files and answers raise the last five.
FAILURES = (
    KitError,
    exceptions.BotoCoreError,
    exceptions.ClientError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
)
OF_CREDENTIALS = (  # botocore's errors that are never about the call itself
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.LoginError,
    exceptions.TokenRetrievalError,
    RuntimeError,  # what was renewed has expired already
)


@dataclass(frozen=True)
class Signature:
    """With what calls are signed, in words that hold no secret; role: it is the instance's own."""

    whose: str
    role: bool


class Credentials:
    """The credentials of a session of botocore's. bundle: the certificate authorities, in words."""

    def __init__(self, core: botocore.session.Session, metadata: Metadata, deadline: Deadline, bundle: str) -> None:
        self._core, self._deadline, self._bundle = core, deadline, bundle
        self._role = role.Role(metadata)
        self._asked_for, self._asked_at = "", ""  # the ARN and the URL of the last call for credentials
        for service in ("sts", "sso", "sso-oidc", "signin"):
            core.register(f"before-parameter-build.{service}", self._note)
            core.register(f"before-send.{service}", self._note)

    def _note(self, **given: Any) -> None:
        """Keep what botocore's errors do not tell."""
        if request := given.get("request"):
            self._asked_at = request.url
        else:
            self._asked_for = given["params"].get("RoleArn", "")

    def settle(self) -> Signature:
        """Find them, and have them fetched where they are not in a file.

        Raises Misconfigured for what a person must put right, Unavailable.
        """
        with self._deadline.waiting(f"the credentials of {self._profile}"):
            try:
                self._prepare()
                found: Any = self._core.get_credentials()  # the stubs do not know what all of them have
                if found is None:
                    raise exceptions.NoCredentialsError
                whose = self._whose(found.method)
                key = found.get_frozen_credentials()
            except FAILURES as error:
                raise self.unfit(error) from error
            except OSError as error:
                if error.filename is None:  # it is this process that lacks something
                    raise
                raise self.unfit(error) from error
        for half, name in ((key.access_key, "id"), (key.secret_key, "secret"), (key.token or "-", "session token")):
            if not (isinstance(half, str) and _SENDABLE.fullmatch(half)):
                what = f"the {name} of {whose} is empty, or has a character that it cannot have"
                raise Misconfigured(what, "Write it again, without blanks, quotes and line breaks", permanent=True)
        return Signature(whose, found.method == role.METHOD)

    def _prepare(self) -> None:
        """The run's metadata instead of botocore's own, whichever provider asks; and nobody asks a person."""
        chain = self._core.get_component("credential_provider")
        chain.providers = role.instead(chain.providers, self._role)
        for each in chain.providers:
            inner: Any = each  # nothing of it is public
            if isinstance(each, ProcessProvider):
                _tie(inner)
            elif isinstance(each, AssumeRoleProvider):
                inner._prompter = _refuse_mfa  # noqa: SLF001
                sourcer, builder = inner._credential_sourcer, inner._profile_provider_builder  # noqa: SLF001
                sourcer._providers = role.instead(sourcer._providers, self._role)  # noqa: SLF001
                builder._create_process_provider = _tied(builder._create_process_provider)  # noqa: SLF001

    @property
    def _profile(self) -> str:
        return f"profile {self._core.profile or 'default'}"

    def _section(self, profile: str | None = None) -> Mapping[str, Any]:
        """What AWS's files say of a profile; None: the one that is used."""
        named = profile or self._core.profile or "default"
        found: Mapping[str, Any] = self._core.full_config.get("profiles", {}).get(named, {})
        return found

    @property
    def _first(self) -> str:
        """The profile at the beginning of the chain that leads to the one that is used."""
        chain = [self._core.profile or "default"]
        with suppress(exceptions.BotoCoreError):  # a file that cannot be read is told as such
            while (source := self._section(chain[-1]).get("source_profile")) and source not in chain:
                chain.append(source)
        return chain[-1]

    def _whose(self, method: str) -> str:
        """The credentials in words."""
        match method:
            case role.METHOD:
                return f"the instance's role {self._role.name}"
            case "shared-credentials-file":
                return f"{self._profile} of {self._core.get_config_variable('credentials_file')}"
            case "assume-role" | "assume-role-with-web-identity":
                arn = self._section().get("role_arn") or os.environ.get("AWS_ROLE_ARN", "")
                return f"{_named(arn)} of {self._profile}"
            case "custom-process" | "config-file" | "sso" | "login":
                return f"{self._profile} of {self._core.get_config_variable('config_file')}"
        return METHODS.get(method, f"the credentials that AWS's library calls {method}")

    def unfit(self, error: Exception) -> KitError:
        """What it means that they, or what AWS's files and variables say, are not fit for use."""
        match error:
            case KitError():
                return error
            case exceptions.CredentialRetrievalError(__cause__=KitError() as why):  # it is about the metadata
                return Unavailable(f"{NONE}: {why}", why.cure)
            case exceptions.ClientError():
                return self._refused(error)
        if found := lacking(error, f"profile {self._first}") or misfit(error, self._core):
            return found
        if isinstance(error, exceptions.BotoCoreError):
            url = str(getattr(error, "kwargs", {}).get("endpoint_url", "")).partition("?")[0]
            operation = f"the call for the credentials of {self._profile}"
            at = plain(url) or "the service that gives credentials"
            return told(error, Call(operation, service="STS", url=at, proxy=proxy_of(url), bundle=self._bundle))
        return self._unknown()

    def _unknown(self) -> KitError:
        """What was found has a form that nobody knows."""
        section = self._section(self._first)
        if {"sso_start_url", "sso_session"} & {*section}:  # what a login has left cannot be read
            return lacking(exceptions.UnauthorizedSSOTokenError(), f"profile {self._first}") or Unavailable(NONE)
        container = next((name for name in os.environ if name.startswith("AWS_CONTAINER_")), None)
        token = section.get("web_identity_token_file") or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        source = token or (container if not section else None) or self._profile
        what = f"{NONE}: what {source} gives for some is in an unknown form"
        return Unavailable(what, f"Look at {source}: its program, its files, AWS's variables")

    def _refused(self, error: exceptions.ClientError) -> KitError:
        """STS, or the portal of SSO, has refused to give credentials."""
        operation = error.operation_name
        code = str(error.response.get("Error", {}).get("Code", "no error code"))
        service, subject, whose = "SSO", "", self._profile
        if operation.startswith("AssumeRole"):
            service, subject, whose = "STS", _named(self._asked_for), self._who_asks()
        at, proxy = plain(self._asked_at), proxy_of(self._asked_at)
        call = Call(operation, subject, service=service, url=at, whose=whose, proxy=proxy)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        refused = refusal(call, code, clock_skew(error), status)
        cure = cure_of(operation, code)
        return type(refused)(f"{NONE}: {refused}", cure.format(whose=whose, profile=self._profile) or refused.cure)

    def _who_asks(self) -> str:
        """Who has asked for the role: the link of the chain before it."""
        for section in self._core.full_config.get("profiles", {}).values():
            if section.get("role_arn") == self._asked_for:
                if source := section.get("source_profile"):
                    return f"profile {source}"
                if source := section.get("credential_source"):
                    return str(METHODS.get(source, source)).format(self._role.name)
        return self._profile


def _named(arn: str) -> str:
    return f"the role {arn.rpartition('/')[2]}"


def _tie(provider: Any) -> Any:
    """Have the program of a credential_process end with this run, however that ends: it may hang."""
    popen = provider._popen  # noqa: SLF001

    def begin(command: list[str], **options: Any) -> Any:
        import ctypes

        end_with_us = partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)
        return popen(command, preexec_fn=end_with_us, **options)

    provider._popen = begin  # noqa: SLF001
    return provider


def _tied(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same for providers that are yet to be made: those at the beginning of a chain."""
    return lambda profile: _tie(make(profile))


def _refuse_mfa(_prompt: str) -> NoReturn:
    """In the place of getpass, by which botocore asks for the code of an MFA device."""
    raise Misconfigured(
        "the profile wants the code of an MFA device (mfa_serial), which nobody types for a cluster",
        "Name a profile without mfa_serial, and a role that does not ask for MFA",
        permanent=True,
    )


def clock_skew(error: Exception) -> float | None:
    """By how many seconds this node's clock is ahead of that of the one who refused; None: not known."""
    if not isinstance(error, exceptions.ClientError):
        return None
    headers: Any = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def proxy_of(url: str) -> str:
    """The proxy by which botocore reaches a URL, without user and password; empty: none.

    Raises Misconfigured for what is not the URL of a proxy, and repeats nothing of it.
    """
    given = get_environ_proxies(url).get(urlsplit(url).scheme, "") if url else ""
    if not given:
        return ""
    found = _PROXY.fullmatch(given)
    if not found or int(found["port"] or 0) > _MOST_PORT:
        raise Misconfigured(
            "HTTPS_PROXY is not the URL of a proxy",
            "Write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, in user and password with %40 for @, %2F "
            "for /, %23 for #, %3F for ?",
            permanent=True,
        )
    return f"{found['scheme'] or 'http:'}//{found['at']}"


def plain(url: str) -> str:
    """Scheme, host and port of a URL; without what can be secret in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    except ValueError:
        return ""
