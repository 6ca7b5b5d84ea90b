"""EC2's refusals in words, by kind and error code alone: its own messages can hold account and request details."""

from __future__ import annotations

import re

import botocore.exceptions

from ec2kit.core.errors import KitError, Unavailable

NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.MetadataRetrievalError,
)

# Error codes: docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "EC2ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
    }
)
_CODE = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_CLOCK = frozenset({"RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignatureException"})
_OUTDATED = frozenset({"InvalidParameterValue"})
_FULL = frozenset({"PrivateIpAddressLimitExceeded"})
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "Blocked",
        "PendingVerification",
    }
)


def throttled(code: str) -> bool:
    """Whether an error code says that the account asks too often."""
    return code in _THROTTLED


_MEANINGS = (  # codes, what happened, what to do about it
    (
        _THROTTLED,
        "EC2 throttled {tried} ({code})",
        "The account has used up its API calls in this Region for the moment; this passes by itself",
    ),
    (
        _DENIED,
        "EC2 denied {tried} ({code})",
        "Allow ec2:{operation} in the IAM policy of this node's role or profile",
    ),
    (
        _CLOCK,
        "EC2 refused the signature of {tried} ({code})",
        "Check this node's clock (chronyc tracking), then its credentials",
    ),
    (
        _CREDENTIALS,
        "EC2 refused the credentials for {tried} ({code})",
        "Check the instance's role, or the profile that the resource names",
    ),
    (
        _OUTDATED,
        "EC2 does not accept what {tried} names ({code})",
        "It has changed since the look, or was never so; 'ec2kit plan' tells what EC2 shows now",
    ),
    (
        _FULL,
        "EC2 refused {tried}: that interface has as many private addresses as its instance type allows ({code})",
        "Take one off it that is not in use, or use another interface or a larger instance type",
    ),
)


def refusal(operation: str, subject: str, code: str) -> Unavailable:
    """What EC2's refusal of one call means, by its error code alone.

    EC2's own message is left out: it can hold an encoded authorization message, account and
    request details. operation: `ReplaceRoute`; subject: what it was about, `rtb-1`; may be empty.
    """
    if not _CODE.fullmatch(code):  # whoever answers in EC2's place
        code = "an error code in an unknown form"
    facts = {"operation": operation, "tried": f"{operation} on {subject}" if subject else operation, "code": code}
    for codes, what, cure in _MEANINGS:
        if code in codes:
            return Unavailable(what.format(**facts), cure.format(**facts))
    return Unavailable(
        f"EC2 answered {facts['tried']} with {code}", "The state is unknown; look again with 'ec2kit check'"
    )


def no_credentials(called: str, error: Exception) -> Unavailable:
    """What it means that botocore found no credentials for a call."""
    if isinstance(why := error.__cause__, KitError):  # the metadata service did not tell the role
        return Unavailable(f"no credentials for {called}: {why}", why.cure)
    return Unavailable(
        f"no credentials for {called} ({type(error).__name__})",
        "Attach a role to this instance, or name a profile (--profile, AWS_PROFILE)",
    )
