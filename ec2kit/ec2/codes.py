"""EC2's error codes: what each says, and what to do about it. Data only.

Codes: docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html. A code chooses words and pauses, and never
a verdict: what holds is told by a look. In the texts: service, policy (its prefix in IAM), operation, tried (the call
in words), whose (with what it was signed), url.
"""

from __future__ import annotations

_PLAN = "'ec2kit plan' tells what EC2 shows now"
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
_MEANINGS = (  # codes, what happened, what to do about it
    (
        _THROTTLED,
        "{service} throttled {tried}",
        "The account has used up its API calls in this Region for the moment; this passes by itself",
    ),
    (
        {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"},
        "{service} denied {tried}",
        "Allow {policy}:{operation} in the IAM policy behind {whose}",
    ),
    (
        {"RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignatureException"},
        "{service} refused the signature of {tried}",
        "Check this node's clock (chronyc tracking), then the secret of {whose}",
    ),
    (
        {
            "AuthFailure",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "MissingAuthenticationToken",
            "IncompleteSignature",
        },
        "{service} refused the credentials for {tried}",
        "Check this node's clock (chronyc tracking), that {whose} is still valid, and of the same account",
    ),
    (
        {"ExpiredToken", "ExpiredTokenException"},
        "{service} refused the credentials for {tried}, because their session is over",
        "A role's are renewed by themselves; those that somebody has put into a file must be put there again",
    ),
    (
        {"OptInRequired", "Blocked", "PendingVerification"},
        "{service} does not serve this account for {tried}",
        "Whoever manages the AWS account must enable it, or the Region, or have AWS take the block off",
    ),
    (
        {"RouteLimitExceeded"},
        "{service} refused {tried}: the route table has as many routes as it may have",
        "Delete a route that is not needed, or have the quota 'Routes per route table' raised (Service Quotas)",
    ),
    (
        {"PrivateIpAddressLimitExceeded"},
        "{service} refused {tried}: that interface has as many private addresses as its instance type allows",
        "Take one off that is not in use, or use another interface or a larger instance type",
    ),
    (
        {
            "RouteAlreadyExists",
            "Resource.AlreadyAssociated",
            "InvalidIPAddress.InUse",
            "InvalidNetworkInterface.InUse",
        },
        "{service} refused {tried}: somebody else has set it meanwhile",
        f"Look for another cluster or script that does the same; {_PLAN}",
    ),
    (
        {"InvalidAddress.Locked", "OperationNotPermitted", "InvalidTransfer"},
        "{service} does not permit {tried}",
        "What it names is locked, being transferred, or managed by a service; the EC2 console shows who has it",
    ),
    (
        {"IncorrectState", "IncorrectInstanceState", "InvalidState", "InvalidInstanceState", "DependencyViolation"},
        "{service} refused {tried} in its present state",
        "An instance or interface it names is being changed, or is not attached; the EC2 console shows its state",
    ),
    (
        {"InvalidParameterValue", "InvalidParameterCombination", "InvalidParameter", "ValidationError"},
        "{service} does not accept what {tried} names",
        f"It has changed since the look, or was never so; {_PLAN}",
    ),
    (
        {"UnknownParameter", "MissingParameter", "InvalidAction", "UnsupportedOperation", "UnsupportedProtocol"},
        "{service} does not know such a call as {tried}",
        "Check that {url} is the endpoint of {service} in this Region; if it is, please report it, with the log",
    ),
    (
        {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "ServerInternal"},
        "{service} could not serve {tried}",
        "The fault is AWS's own and passes by itself as a rule; the AWS Health Dashboard tells of this Region",
    ),
)
_GONE = (".NotFound", "NotFoundException")  # the ends of codes
_NOT_FOUND = (
    "{service} does not know what {tried} names",
    f"It was deleted after the look, or is of another Region or account than {{whose}}; {_PLAN}",
)
_OTHER = ("{service} refused {tried}", "The state is unknown; look again with 'ec2kit check'")


_REFUSED = 1, 2, 3, 4, 5  # of the meanings: rights, signature, credentials, session, account


def refused(code: str) -> bool:
    """Whether an error code says no, for want of rights or because of the credentials."""
    return any(code in _MEANINGS[number][0] for number in _REFUSED)


def throttled(code: str) -> bool:
    """Whether an error code says that the account asks too often."""
    return code in _THROTTLED


def meaning(code: str) -> tuple[str, str]:
    """What happened, and what to do about it: two templates."""
    if code.endswith(_GONE):
        return _NOT_FOUND
    return next(((what, cure) for codes, what, cure in _MEANINGS if code in codes), _OTHER)
