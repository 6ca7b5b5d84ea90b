"""Keys that the lab's services hand out."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.ec2.server import Ec2


@dataclass(frozen=True)
class Key:
    """Temporary credentials; `expires` in time.time() seconds. Its repr hides the secrets."""

    id: str
    expires: float
    secret: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def expiration(self) -> str:
        """The end, as AWS writes it."""
        return datetime.fromtimestamp(int(self.expires), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(name: str) -> str:
    """How each access key id of a role begins; name: the role's, its path included or not."""
    return f"ASIA{re.sub(r'[^A-Z0-9]', '', name.rpartition('/')[2].upper()):X<8}"


def new(name: str, seconds: float, ec2: Ec2 | None) -> Key:
    """A key of a role, which EC2 is told of."""
    key = Key(
        f"{key_of(name)}{secrets.token_hex(4).upper()}",
        time.time() + seconds,
        secrets.token_urlsafe(30),
        secrets.token_urlsafe(96),
    )
    if ec2 is not None:
        ec2.credentials[key.id] = key.expires
    return key
