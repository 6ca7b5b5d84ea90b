"""What it means that credentials, or AWS's files and variables, are not fit for use, in words that hold no secret."""

from __future__ import annotations

import codecs
import configparser
import os
import re
from pathlib import Path

import botocore.session
from botocore import exceptions

from ec2kit.core.errors import KitError, Misconfigured, Unavailable

NONE = "no credentials for EC2"
_DISABLED = "AWS_EC2_METADATA_DISABLED"
_OF_THE_WAY = (exceptions.ConnectionError, exceptions.HTTPClientError)
METHODS = {  # of botocore's providers, and its words for credential_source
    "env": "the key in the environment (AWS_ACCESS_KEY_ID)",
    "container-role": "the container's role",
    "custom-process": "the credential_process",
    "explicit": "the access key that was given",
    "ec2-credentials-file": "the file that AWS_CREDENTIAL_FILE names",
    "boto-config": "boto's configuration file",
    "Environment": "the key in the environment (AWS_ACCESS_KEY_ID)",
    "EcsContainer": "the container's role",
    "Ec2InstanceMetadata": "the instance's role {}",
}
_CURES = {  # to codes that mean another thing here than at EC2
    "AccessDenied": "Allow sts:AssumeRole on it in the policy of {whose}, and {whose} in its trust policy",
    "InvalidIdentityToken": "Look at the token file of {profile}, and at the identity provider that the role trusts",
    "ExpiredTokenException": "Have the login, or the token file, of {profile} renewed",
    "ForbiddenException": "Assign the account and the role of {profile} to that person in IAM Identity Center",
    "RegionDisabledException": "Activate STS for this Region in IAM's account settings",
    "ValidationError": "Correct role_arn, role_session_name or duration_seconds of {profile}",
    "IDPRejectedClaim": "Look at the token file of {profile}: the identity provider does not know what it says",
    "IDPCommunicationError": "The identity provider of the token did not answer AWS; this may pass by itself",
}
_FOR_WEB_IDENTITY = (
    "Let the role's trust policy name the identity provider, and the audience and subject of the token"
)
_PARAMETERS = {  # of AssumeRole, and what gives them
    "RoleArn": "role_arn",
    "RoleSessionName": "role_session_name",
    "DurationSeconds": "duration_seconds",
    "ExternalId": "external_id",
    "WebIdentityToken": "what is in web_identity_token_file",
}


def cure_of(operation: str, code: str) -> str:
    """What to do about a refusal of STS's or SSO's, a template; empty: as with EC2."""
    return (
        _FOR_WEB_IDENTITY
        if (operation, code) == ("AssumeRoleWithWebIdentity", "AccessDenied")
        else _CURES.get(code, "")
    )


def lacking(error: Exception, profile: str) -> KitError | None:
    """Credentials that cannot be had now; None when it is not that. profile: in words."""
    match error:
        case exceptions.NoCredentialsError() if os.environ.get(_DISABLED, "").lower() == "true":
            what = f"{_DISABLED} is true, so the instance's role is not asked"
            cure = f"Take {_DISABLED} away, or name a profile (--profile, AWS_PROFILE)"
        case exceptions.NoCredentialsError():
            what = f"{profile} has none, and the instance has no role"
            cure = "Attach a role to this instance, or name a profile (--profile, AWS_PROFILE)"
        case exceptions.CredentialRetrievalError(kwargs={"provider": "container-role"}):
            what = "the service that AWS_CONTAINER_CREDENTIALS_FULL_URI (or ..._RELATIVE_URI) names gave none"
            cure = "Check that service, its URL and its token (AWS_CONTAINER_AUTHORIZATION_TOKEN), or take them away"
        case exceptions.CredentialRetrievalError(kwargs={"provider": provider}):
            source = METHODS.get(provider, provider).format("")
            what = f"{source.strip()}, which {profile} names, gave none"
            cure = f"Call what gives {profile} its credentials by hand, as the same user"
        case RuntimeError() if not isinstance(error, RecursionError):
            what = f"what {profile} gives has expired already"
            cure = f"Look at what gives {profile} its credentials: it may keep old ones; and at this node's clock"
        case exceptions.SSOError() | exceptions.LoginError() | exceptions.TokenRetrievalError():
            what = f"{profile} has no login that is valid now"
            cure = (
                f"Log in as the same user: aws sso login --{profile}. A login ends by itself: a cluster needs a role"
            )
        case _:
            return None
    return Unavailable(f"{NONE}: {what}", cure)


def misfit(error: Exception, core: botocore.session.Session) -> KitError | None:
    """What a person must correct in AWS's files and variables; None when it is not that."""
    profile = f"profile {core.profile or 'default'}"
    config, keys = (str(core.get_config_variable(name)) for name in ("config_file", "credentials_file"))
    files, cure = f"{config}{_state(config)} or {keys}{_state(keys)}", "Correct it"
    match error:
        case exceptions.ConfigParseError(kwargs={"path": path, "error": why}):
            what = f"{path} cannot be read: {_wrong_in(path, why)}"
        case exceptions.ProfileNotFound():
            what, cure = f"there is no {profile} in {files}", "Name one that is there (--profile, AWS_PROFILE)"
        case exceptions.PartialCredentialsError(kwargs={"provider": provider, "cred_var": half}):
            what = f"{METHODS['env'] if provider == 'env' else f'{profile} in {files}'} has no {half}"
            cure = "Give it, or take away what belongs to it"
        case OSError(filename=str() as file):
            what = f"{file}, from which {profile} gets its credentials, cannot be used ({error.strerror})"
            cure = f"Put it there, let this user use it, or correct {profile} in {config}"
        case exceptions.EndpointVariantError():
            what = "AWS's library knows no such endpoint (FIPS, dual-stack) of EC2 in this Region"
            switches = "AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT"
            cure = f"Give its URL (AWS_ENDPOINT_URL_EC2), or take {switches} away"
        case _ if not isinstance(error, _OF_THE_WAY) and (named := _variables_in(error)):
            what = f"the value of {' and '.join(named)} is not one that AWS's library knows ({type(error).__name__})"
            cure = "Correct it, or take it away"
        case exceptions.InvalidConfigError() | exceptions.UnknownCredentialError() | exceptions.ConfigNotFound():
            what = f"{profile} in {files} does not fit: {str(error).rstrip('.')}"
        case exceptions.MissingDependencyException():
            what = f"{profile} in {files} needs awscrt (for aws login), which the kit does without"
            cure = "Name a profile with another kind of credentials; a cluster needs a role"
        case exceptions.ParamValidationError():
            names = dict.fromkeys(re.findall(r"for parameter (\w+)", str(error)))  # what they are is not shown
            values = " and ".join(_PARAMETERS.get(name, name) for name in names)
            what = f"{values or 'a value'} of {profile} in {files} is not one that AWS can take"
        case _:
            return None
    return Misconfigured(what, cure, permanent=not isinstance(error, OSError))


def _state(path: str) -> str:
    """What keeps a file from being read, in words."""
    place = Path(os.path.expanduser(path))  # noqa: PTH111  without a home it raises nothing
    if not place.is_file():
        return " (not a file)" if place.exists() else " (not there)"
    return "" if os.access(place, os.R_OK) else " (not readable)"


def _wrong_in(path: str, why: object) -> str:
    """What is wrong in an INI file: never its lines, which can hold secrets."""
    try:
        if Path(path).read_bytes().startswith(codecs.BOM_UTF8):
            return "it begins with a byte-order mark, which an editor has put there"
    except OSError:
        pass  # then it has changed meanwhile
    match why:
        case configparser.DuplicateSectionError(section=section, lineno=line):
            return f"it has [{section}] twice (line {line})"
        case configparser.DuplicateOptionError(section=section, option=option, lineno=line):
            return f"[{section}] has {option} twice (line {line})"
        case configparser.MissingSectionHeaderError(lineno=line):
            return f"line {line} is not below the name of a profile in brackets"
        case configparser.ParsingError(errors=[(line, _), *_]):
            return f"line {line} is not of the form NAME = VALUE"
    return f"it is not a configuration file of AWS's ({type(why).__name__})"


def _variables_in(error: Exception) -> list[str]:
    """The variables of AWS's whose value the error is about; of a profile, errors tell more than that."""
    about = " ".join([str(error), *map(str, getattr(error, "kwargs", {}).values())])
    there = {name: value.strip() for name, value in os.environ.items() if re.fullmatch("AWS_(?!.*PROFILE).*", name)}
    return [name for name, value in there.items() if value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", about)]
