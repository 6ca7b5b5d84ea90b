"""What it means that a call of AWS's failed, in words: by kind, HTTP status and error code alone.

EC2's own messages can hold account and request details, and so are not shown. A code chooses words and pauses, and
never a verdict.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore import exceptions
from botocore.parsers import ResponseParserError

from ec2kit.core.errors import KitError, Unanswered, Unavailable
from ec2kit.ec2.codes import meaning, refused

_CODE = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_STATUS = re.compile(r"[1-5][0-9]{2}")  # botocore's code where the answer is not one of AWS's
_UNREAD = "Unknown"  # its code for XML of another kind
_TUNNEL = re.compile(r"Tunnel connection failed: ([1-5][0-9]{2})")  # http.client's words for a proxy's answer
_SKEW = 60  # seconds that a clock may be wrong before it is told; EC2 takes 300
_MINUTE = 60

_FOR_ANOTHER_NAME = 62
_UNTRUSTED = (  # OpenSSL's codes (x509_vfy.h), what it means, what to do
    (
        {9, 10, 13, 14},
        "the certificate of {host} is not valid at this time",
        "Check this node's clock (chronyc tracking); if it is right, the certificate has run out there",
    ),
    (
        {_FOR_ANOTHER_NAME, 64},
        "{host} has shown a certificate for another name",
        "Check the URL: a VPC endpoint and a proxy have names of their own, and the certificate is for those",
    ),
)
_BY_ANOTHER = (
    "the certificate of {host} is not signed by an authority of {bundle}",
    "If a proxy or a firewall opens TLS on the way, name its authority by AWS_CA_BUNDLE; else look who answers",
)


@dataclass(frozen=True)
class Call:
    """One call that failed, or the way to its credentials.

    operation: `ReplaceRoute`; subject: what it was about, `rtb-1`, may be empty. service: EC2, STS. url: without user
    and password. whose: the credentials, in words. proxy: the URL of the proxy on the way, without user and password;
    empty: none. bundle: the certificate authorities, in words.
    """

    operation: str
    subject: str = ""
    service: str = "EC2"
    url: str = ""
    whose: str = "the credentials in use"
    proxy: str = ""
    bundle: str = "the list in use"

    @property
    def tried(self) -> str:
        """The call in words."""
        return f"{self.operation} on {self.subject}" if self.subject else self.operation

    @property
    def way(self) -> str:
        """Where it went."""
        return f"{self.url} through the proxy {self.proxy}" if self.proxy else self.url


def told(error: Exception, call: Call, *, skew: float | None = None, status: int | None = None) -> KitError:
    """What it means that a call raised this.

    skew: seconds that this node's clock is ahead of the answer's; status: of the HTTP answer. None: not known.
    """
    match error:
        case exceptions.ClientError():
            return refusal(call, error.response.get("Error", {}).get("Code", _UNREAD), skew, status)
        case exceptions.SSLError():
            return _untrusted(error, call)
        case exceptions.ProxyConnectionError():
            return _by_proxy(error, call)
        case ResponseParserError():
            return _not_aws(status, call)
        case exceptions.BotoCoreError():
            return Unanswered(
                f"no usable answer from {call.way} to {call.tried} ({_cause(error)})",
                _who_answers(call)
                if call.proxy
                else f"Check the way from this node to {call.url}: route, DNS, proxy, security group, VPC endpoint",
            )
    return Unavailable(f"{call.way} gave an incomplete answer to {call.tried}", _who_answers(call))


def refusal(call: Call, code: str, skew: float | None = None, status: int | None = None) -> KitError:
    """What the refusal of one call means, by its error code alone; `told` tells what the others are."""
    if code == _UNREAD or _STATUS.fullmatch(code):
        return _not_aws(status, call)
    if not _CODE.fullmatch(code):  # whoever answers in EC2's place
        code = "an error code in an unknown form"
    facts = {
        "service": call.service,
        "policy": call.service.lower(),
        "operation": call.operation,
        "tried": call.tried,
        "whose": call.whose,
        "url": call.url,
    }
    what, cure = meaning(code)
    if "clock" in cure and skew is not None and abs(skew) > _SKEW:
        cure = _clock(skew)
    signed = "" if "{whose}" in cure else f"; signed with {call.whose}"
    error = Unavailable(f"{what.format(**facts)} ({code}{signed})", cure.format(**facts))
    error.refused = refused(code)
    return error


def _clock(skew: float) -> str:
    """The cure for a clock that is wrong."""
    apart = f"{abs(skew) / _MINUTE:.0f} minutes {'ahead of' if skew > 0 else 'behind'} AWS's"
    return f"This node's clock is {apart}: set it (chronyc makestep), and keep it right"


def _not_aws(status: int | None, call: Call) -> Unanswered:
    """Somebody else has answered, a proxy as a rule; whether AWS has got the call is not known."""
    answer = f"HTTP {status} and a page" if status else "something"
    return Unanswered(f"{call.way} answered {call.tried} with {answer} that is not AWS's", _who_answers(call))


def _who_answers(call: Call) -> str:
    if call.proxy:
        return (
            f"Check the proxy {call.proxy} (HTTPS_PROXY), or name the host in NO_PROXY if it can be reached without"
        )
    return f"Check who answers at {call.url}: a proxy on the way, a captive portal, another service"


def _by_proxy(error: Exception, call: Call) -> KitError:
    """The proxy was not reached, or has refused."""
    said = next((found[1] for each in _chain(error) if (found := _TUNNEL.search(str(each)))), None)
    if said is None:
        what = f"the proxy {call.proxy} cannot be reached for {call.tried} to {call.url} ({_cause(error)})"
        cure = "Check HTTPS_PROXY and the way to the proxy; name the host in NO_PROXY if it can be reached without"
    elif said == "407":
        what = f"the proxy {call.proxy} wants a user and a password for {call.tried} to {call.url} (HTTP 407)"
        cure = "Give them in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with %40 for an @ in them"
    else:
        what = f"the proxy {call.proxy} did not connect {call.tried} to {call.url} (HTTP {said})"
        cure = f"Have {call.url} allowed there, or name the host in NO_PROXY if it can be reached without"
    return Unanswered(what, cure)


def _untrusted(error: Exception, call: Call) -> KitError:
    """TLS has failed: by the certificate, or before there was one."""
    facts = {"host": call.way, "bundle": call.bundle}
    for each in _chain(error):
        named = _FOR_ANOTHER_NAME if type(each).__name__ == "CertificateError" else None  # urllib3's own
        code = getattr(each, "verify_code", named)  # OpenSSL's
        if code is not None:
            what, cure = next((words for codes, *words in _UNTRUSTED if code in codes), _BY_ANOTHER)
            return Unanswered(
                f"no answer to {call.tried} (SSLError): {what.format(**facts)}",
                cure.format(**facts),
            )
    why = next((each.reason for each in _chain(error) if isinstance(each, ssl.SSLError) and each.reason), "SSLError")
    return Unanswered(
        f"no answer to {call.tried}: TLS with {call.way} failed ({why}, certificate authorities: {call.bundle})",
        "Check that what answers there speaks TLS, and that the file of certificate authorities is whole",
    )


def _cause(error: Exception) -> str:
    """Why there was no connection, by the operating system's own words where there are some."""
    name = type(error).__name__
    said = [each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror]
    return f"{name}: {said[-1]}" if said else name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what is behind it: botocore and urllib3 carry it along in different places."""
    seen: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        each = todo.pop(0)
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            yield each
            todo += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
            todo += getattr(each, "kwargs", {}).values()
            todo += [getattr(each, "original_error", None)]
