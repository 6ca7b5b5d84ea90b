"""The lab's own certificate authority: TLS for its EC2, trusted by nobody outside the lab."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from botocore.httpsession import get_cert_path


class Authority:
    """A fresh certificate authority. `bundle` is the PEM file for AWS_CA_BUNDLE; the keys stay in this process."""

    def __init__(self, bundle: Path) -> None:
        self._ca = trustme.CA(organization_name="ec2kit lab")
        self.bundle = bundle
        self._ca.cert_pem.write_to_path(str(bundle))

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server with these host names or addresses shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        return context


def among_others(bundle: Path) -> None:
    """Add the root certificates that boto3 brings: reading them takes what it takes with the real EC2."""
    with bundle.open("a") as file:
        file.write(Path(str(get_cert_path(verify=True))).read_text())
