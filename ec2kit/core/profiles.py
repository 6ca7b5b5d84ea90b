"""Access keys as profiles of a credentials file, in the form that every AWS tool reads. Pure: text in, text out.

docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html. All other
profiles, and every comment, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
    return list(dict.fromkeys(each.section for each in _lines(text) if each.section))


def values(text: str) -> Iterator[tuple[str, str, str]]:
    """What each line gives: profile, key, value. One that goes on with a value has the same key."""
    key = ""
    for each in _lines(text):
        if not each.option:
            continue
        value = said = each.text.strip()
        if said == each.option:
            key, _, value = (part.strip() for part in re.sub(r"[=:]", "=", said, count=1).partition("="))
        yield each.section, key, value


def put(text: str, profile: str, key: AccessKey) -> str:
    """The file with that profile, added or with the new key in the place of an older one.

    Raises Misconfigured for a name that a line of the file cannot have.
    """
    if not profile.isprintable() or "]" in profile:
        raise Misconfigured(f"{profile!r} cannot be the name of a profile", "Use letters, digits and - _ . / =")
    written = (f"aws_access_key_id = {key.id}\n", f"aws_secret_access_key = {key.secret}\n")
    there = list(_lines(text))
    at = next((number for number, each in enumerate(there) if each.section == profile), None)
    if at is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}[{profile}]\n{''.join(written)}"
    before, head, behind = there[:at], there[at], there[at + 1 :]
    rest = [each for each in behind if each.section != profile or not _KEY.match(each.option)]
    # A line behind them that is deeper would go on with the secret.
    margin = max(head.margin, next((each.margin for each in rest if each.says), ""), key=len)
    put = [head.text.rstrip("\r\n") + "\n", *(margin + line for line in written)]
    return "".join([*(each.text for each in before), *put, *(each.text for each in rest)])


def drop(text: str, profile: str) -> str:
    """The file without that profile; each comment and blank line stays.

    Its empty header stays where the next line would go on with the option before it.
    """
    there = list(_lines(text))
    for header in (False, True):
        kept = [each for each in there if each.section != profile or not each.says or (header and not each.option)]
        left = "".join(each.text for each in kept)
        if [each.section for each in _lines(left) if each.says] == [each.section for each in kept if each.says]:
            break
    return left


@dataclass(frozen=True)
class _Line:
    """A line with its end, the profile that it belongs to, and the option that it gives or goes on with.

    says: it is neither blank nor a comment.
    """

    text: str
    section: str
    option: str
    says: bool

    @property
    def margin(self) -> str:
        """The blanks that it begins with."""
        return self.text[: len(self.text) - len(self.text.lstrip())]


def _lines(text: str) -> Iterator[_Line]:
    """The lines as Python's configparser reads them: one that is deeper than an option goes on with its value."""
    section, option, depth = "", "", 0
    for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text):
        said = line.strip()
        if not said or said.startswith(("#", ";")):
            yield _Line(line, section, "", says=False)
            continue
        indent = len(line) - len(line.lstrip())
        if not (option and indent > depth):
            depth = indent
            if found := _HEADER.match(said):
                section, option = found[1], ""
            else:
                option = said
        yield _Line(line, section, option, says=True)
