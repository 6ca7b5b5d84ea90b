"""EC2's API as botocore describes it, cut down to what the kit calls.

To make a client, botocore reads the description of all of EC2: 0.1 s and 30 MB of each run. `install` has this
module write down the part that the kit uses (`python -m ec2kit.ec2.shapes`), beside this file: whoever can change it
there can change the kit itself. It is for one version of botocore. Without one for the version in use, or when it
is not whole, botocore reads its own, as it always does.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

OPERATIONS = (  # the IAM policy of docs/reference.md says the same, and a test holds the two together
    "DescribeRouteTables",
    "DescribeNetworkInterfaces",
    "DescribeAddresses",
    "DescribeInstances",
    "ReplaceRoute",
    "CreateRoute",
    "ModifyNetworkInterfaceAttribute",
    "AssociateAddress",
    "DisassociateAddress",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
)
BOTOCORE = str(botocore.__version__)
FOLDER = Path(__file__).parent / "shapes.d"
_SERVICE = "ec2"
_ENDPOINTS = (_SERVICE, "sts", "portal.sso", "oidc", "signin")  # and of whoever gives credentials for it
_SUMS = "sums.json"


class _Ec2Loader(Loader):
    """botocore's loader, but it finds EC2 without looking through the folders of the 400 other services."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        if service_name != _SERVICE:
            return super().load_service_model(service_name, type_name, api_version)
        version = api_version or self.determine_latest_version(service_name, type_name)
        return self.load_data(f"{service_name}/{version}/{type_name}")


def loader(folder: Path = FOLDER) -> Loader | None:
    """What gives botocore the cut-down description first; None when there is none for this botocore and this kit."""
    place = folder / botocore.__version__
    try:
        sums = json.loads((place / _SUMS).read_bytes())
        whole = sums["operations"] == list(OPERATIONS) and all(
            _sum((place / name).read_bytes()) == expected for name, expected in sums["files"].items()
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # missing, or anything but what we wrote
        return None
    return _Ec2Loader([str(place)]) if whole else None


def write(folder: Path = FOLDER) -> None:
    """Write what `loader` reads, for the botocore in use. Raises OSError, and botocore's errors."""
    full = Loader()
    version = full.determine_latest_version(_SERVICE, "service-2")
    pages = full.load_service_model(_SERVICE, "paginators-1", version)["pagination"]
    endpoints = full.load_data("endpoints")
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: partition["services"][name] for name in _ENDPOINTS if name in partition["services"]
        }
    parts = {
        f"{_SERVICE}/{version}/service-2.json": cut(full.load_service_model(_SERVICE, "service-2", version)),
        f"{_SERVICE}/{version}/paginators-1.json": {
            "pagination": {name: pages[name] for name in OPERATIONS if name in pages}
        },
        f"{_SERVICE}/{version}/endpoint-rule-set-1.json": full.load_service_model(
            _SERVICE, "endpoint-rule-set-1", version
        ),
        "endpoints.json": endpoints,
    }
    contents = {name: json.dumps(part).encode() for name, part in parts.items()}
    sums = {"operations": OPERATIONS, "files": {name: _sum(content) for name, content in contents.items()}}
    for name, content in [*contents.items(), (_SUMS, json.dumps(sums).encode())]:  # the sums last: then it is whole
        path = folder / botocore.__version__ / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def cut(model: dict[str, Any]) -> dict[str, Any]:
    """A service's description with nothing but OPERATIONS and the shapes that they reach, without documentation."""
    operations = {name: model["operations"][name] for name in OPERATIONS}
    reached: dict[str, Any] = {}
    waiting = _references(operations)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = model["shapes"][name]
            waiting += _references(reached[name])
    return {**model, "operations": _bare(operations), "shapes": _bare(reached)}


def _references(part: Any) -> list[str]:
    """The names of the shapes that a part of a description refers to."""
    if not isinstance(part, dict):
        return [name for each in part for name in _references(each)] if isinstance(part, list) else []
    named = [part["shape"]] if isinstance(part.get("shape"), str) else []
    return named + [name for each in part.values() for name in _references(each)]


def _bare(part: Any) -> Any:
    """The same without its documentation."""
    if isinstance(part, list):
        return [_bare(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _bare(each) for name, each in part.items() if not (name == "documentation" and isinstance(each, str))
    }


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    write()
