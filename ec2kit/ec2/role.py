"""The credentials of the instance's role for botocore, over the run's own metadata connection."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.credentials import CredentialProvider, InstanceMetadataProvider
from botocore.exceptions import CredentialRetrievalError

from ec2kit.core.errors import KitError, Unavailable
from ec2kit.host.imds import ROLE, Metadata

# In their last 15 minutes botocore would fetch them again for each call, and after their end give up.
_TRIED = timedelta(minutes=16)
METHOD = InstanceMetadataProvider.METHOD


class Role:
    """In the place of botocore's InstanceMetadataFetcher, which would ask for a token and all the rest once more.

    Nor does it fall back to IMDSv1, or go through a proxy, as that one does. `name` is the role's, once it is known.
    The answers: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
    """

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.name = ""

    def retrieve_iam_role_credentials(self) -> dict[str, str]:
        """What botocore's InstanceMetadataProvider reads; empty when there are none."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":  # as with every AWS tool
            return {}
        try:
            self.name = self._metadata.get(ROLE) or ""
            if not self.name:
                return {}
            return self._read(self._metadata.get(f"{ROLE}{self.name}"))
        except KitError as error:
            raise CredentialRetrievalError(provider=METHOD, error_msg=error.why) from error

    def _read(self, answer: str | None) -> dict[str, str]:
        """What botocore reads. Raises Unavailable for what is not a credential."""
        found = None
        try:
            found = json.loads(answer or "")
            expires = datetime.fromisoformat(found["Expiration"])
            return {
                "role_name": self.name,
                "access_key": "".join(found["AccessKeyId"]),  # of anything but a text it raises TypeError
                "secret_key": "".join(found["SecretAccessKey"]),
                "token": "".join(found["Token"]),
                # Those that are about to expire are tried all the same: EC2 judges them.
                "expiry_time": max(expires, datetime.now(UTC) + _TRIED).isoformat(),
            }
        except (ValueError, KeyError, TypeError, RecursionError) as error:  # an error message in their place
            code = found.get("Code") if isinstance(found, dict) else None
            why = code if code not in {None, "Success"} else "unknown form"
            what = f"the metadata service has no usable credentials of the role {self.name} ({why})"
            cure = "Check that the role exists, and that its trust policy allows ec2.amazonaws.com to assume it"
            raise Unavailable(what, cure) from error


def instead(providers: Iterable[CredentialProvider], role: Role) -> list[CredentialProvider]:
    """The providers, with the role in the place of botocore's own access to the metadata."""
    fetcher: Any = role  # the stubs ask for botocore's own class, of which one method is used
    ours = InstanceMetadataProvider(fetcher)
    return [ours if each.METHOD == METHOD else each for each in providers]
