"""The credentials of the instance's role for botocore, over the run's own metadata connection."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
from botocore.credentials import InstanceMetadataProvider
from botocore.exceptions import CredentialRetrievalError

from ec2kit.core.errors import KitError
from ec2kit.host.imds import Metadata

_PATH = "iam/security-credentials/"
# In their last 15 minutes botocore would fetch them again for each call, and after their end give up.
_TRIED = timedelta(minutes=16)


def ask(core: botocore.session.Session, metadata: Metadata) -> None:
    """Put the run's metadata in the place of botocore's own; what comes before it in the chain stays before it."""
    chain = core.get_component("credential_provider")
    fetcher: Any = _Role(metadata)  # the stubs ask for botocore's own class, of which one method is used
    ours = InstanceMetadataProvider(fetcher)
    chain.providers = [ours if each.METHOD == ours.METHOD else each for each in chain.providers]


class _Role:
    """In the place of botocore's InstanceMetadataFetcher, which would ask for a token and all the rest once more.

    The answers: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
    """

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def retrieve_iam_role_credentials(self) -> dict[str, str]:
        """What botocore's InstanceMetadataProvider reads; empty when there are none."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":  # as with every AWS tool
            return {}
        try:
            role = self._metadata.get(_PATH)
            answer = self._metadata.get(f"{_PATH}{role}") if role else None
        except KitError as error:
            provider = InstanceMetadataProvider.METHOD
            raise CredentialRetrievalError(provider=provider, error_msg=error.why) from error
        try:
            found = json.loads(answer or "")
            expires = datetime.fromisoformat(found["Expiration"])
            return {
                "role_name": role or "",
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["Token"],
                # Those that are about to expire are tried all the same: EC2 judges them.
                "expiry_time": max(expires, datetime.now(UTC) + _TRIED).isoformat(),
            }
        except (ValueError, KeyError, TypeError):  # an error message in their place
            return {}
