"""Access keys as profiles of a credentials file, in the form that every AWS tool reads. Pure: text in, text out.

docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html. All other
profiles, and every comment, stay as they are.
"""

from __future__ import annotations

import re

from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AccessKey

_OWN = "ec2kit-"
_HEADER = re.compile(r"\s*\[([^\]]*)\]")
_ID = re.compile(r"[A-Z0-9]{16,128}")  # IAM's AccessKey shape: docs.aws.amazon.com/IAM/latest/APIReference
_SECRET = re.compile(r"[\x21-\x7e]{1,512}")


def own(tag: str) -> str:
    """The name of the profile that holds the access key of the resource of that tag."""
    return _OWN + tag


def is_own(profile: str | None) -> bool:
    """Whether the profile is in the kit's own file, not in the AWS configuration files."""
    return profile is not None and profile.startswith(_OWN)


def access_key(identifier: str, secret: str) -> AccessKey:
    """The key, when both halves look like one. Raises Misconfigured, which repeats neither."""
    if not _ID.fullmatch(identifier):
        raise Misconfigured(
            "not an access key ID", "It has 16 to 128 capital letters and digits, such as AKIAIOSFODNN7EXAMPLE"
        )
    if not _SECRET.fullmatch(secret):
        raise Misconfigured(
            "the secret access key is empty or has characters that a key cannot have", "Type it again, without blanks"
        )
    return AccessKey(identifier, secret)


def names(text: str) -> list[str]:
    """The profiles of the file, in their order."""
    return [found[1].strip() for line in text.splitlines() if (found := _HEADER.match(line))]


def put(text: str, profile: str, key: AccessKey) -> str:
    """The file with that profile, added or in the place of an older one."""
    rest = drop(text, profile)
    gap = "" if not rest or rest.endswith("\n") else "\n"
    return f"{rest}{gap}[{profile}]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"


def drop(text: str, profile: str) -> str:
    """The file without that profile."""
    kept, keep = [], True
    for line in text.splitlines(keepends=True):
        if found := _HEADER.match(line):
            keep = found[1].strip() != profile
        if keep:
            kept.append(line)
    return "".join(kept)
