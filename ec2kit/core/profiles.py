"""Access keys as profiles of a credentials file, in the form that every AWS tool reads. Pure: text in, text out.

docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html. All other
profiles, and every comment, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ec2kit.core.errors import Misconfigured
from ec2kit.core.model import AccessKey

_OWN = "ec2kit-"
_HEADER = re.compile(r"\[(.+)\]")
_KEY = re.compile(r"\s*aws_(access_key_id|secret_access_key|session_token)\s*[=:]", re.IGNORECASE)
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
    return list(dict.fromkeys(section for _, section in _lines(text) if section))


def put(text: str, profile: str, key: AccessKey) -> str:
    """The file with that profile, added or with the new key in the place of an older one.

    Raises Misconfigured for a name that a line of the file cannot have.
    """
    if not profile.isprintable() or "]" in profile:
        raise Misconfigured(f"{profile!r} cannot be the name of a profile", "Use letters, digits and - _ . / =")
    written = f"aws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
    new, done = "", False
    for line, section in _lines(text):
        if section == profile and _KEY.match(line):
            continue
        new += line
        if section == profile and not done:  # the first one is its header
            new, done = new.removesuffix("\n") + "\n" + written, True
    if done:
        return new
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}[{profile}]\n{written}"


def drop(text: str, profile: str) -> str:
    """The file without that profile; each comment and blank line stays."""
    return "".join(line for line, section in _lines(text) if section != profile or not _says(line))


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("#", ";"))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with its end, and the profile that it belongs to: as Python's configparser reads them.

    A line that is indented behind an option goes on with that option's value, whatever it looks like.
    """
    section, option = "", False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        found = _HEADER.match(line.strip())
        if found and not (option and line[:1].isspace()):
            section, option = found[1], False
        else:
            option |= _says(line)
        yield line, section
