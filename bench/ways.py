"""What each way to a quicker start gives, one at a time: `python -m bench.ways`.

A process imports, makes a client of EC2 as the kit does, and tells its CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from bench.processes import RESULTS, kits
from bench.tables import spread, table

_ROUNDS = 15
_START = """
import os, resource, sys
way = set(sys.argv[1].split())
if "no gc" in sys.argv[1]:
    import gc; gc.disable()
if "urllib3" in way:
    import urllib3
if "boto3" in way:
    import boto3
import botocore.session
from botocore.config import Config
from ec2kit.ec2 import shapes
session = botocore.session.Session()
session.set_credentials("x", "x")
if "data_path" in way:
    session.set_config_variable("data_path", str(shapes.FOLDER / botocore.__version__))
if "cut" in way:
    session.register_component("data_loader", shapes.loader())
if "boto3" in way:
    session = boto3.session.Session(botocore_session=session)
    make = session.client
else:
    make = session.create_client
config = Config(retries={"mode": "legacy" if "legacy" in way else "standard", "total_max_attempts": 4})
make("ec2", region_name="us-east-1", config=config, endpoint_url="https://127.0.0.1:1" if "url" in way else None)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, flush=True)
os._exit(0)
"""
WAYS = {  # the words of _START; what it is; kept or not, and why
    "boto3": ("all of EC2's description", "botocore's own way"),
    "boto3 data_path": ("the cut-down description, by botocore's `data_path`", "quicker; the next is better"),
    "boto3 cut": ("the same, without a look through 400 folders", "kept"),
    "cut": (
        "and botocore's session without boto3",
        "not kept: 5 % of a check, and the documented way is boto3",
    ),
    "boto3 cut no gc": (
        "and no garbage collection",
        "not kept: 5 % of a check, and a long hold needs it",
    ),
    "boto3 cut legacy": ("and the retry mode `legacy`", "not kept: no gain"),
    "boto3 cut url": ("and an endpoint that is given", "not ours to choose"),
}


def section(result: dict[str, Any]) -> str:
    """The page's section."""
    rows = [[WAYS[way][0], spread(samples["cpu"]), WAYS[way][1]] for way, samples in result["ways"].items()]
    return (
        "## What each way gives\n\nA process that imports botocore and makes a client, nothing else "
        f"(n={result['rounds']}).\n\n" + table(["way", "CPU s", ""], rows)
    )


def main() -> None:
    """Measure, and write down."""
    parser = argparse.ArgumentParser("python -m bench.ways", description=__doc__.partition("\n")[0])
    parser.add_argument("--kit", action="append", default=[], metavar="NAME=PREFIX")
    samples: dict[str, dict[str, list[float]]] = {way: {"cpu": [], "rss": []} for way in WAYS}
    with kits(parser.parse_args().kit) as found:
        for _ in range(_ROUNDS):
            for way, told in samples.items():
                cpu, rss = _run(next(iter(found.values())), way)
                told["cpu"].append(cpu)
                told["rss"].append(rss)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ways.json").write_text(json.dumps({"rounds": _ROUNDS, "ways": samples}, indent=1) + "\n")


def _run(prefix: Path, way: str) -> tuple[float, float]:
    command = [f"{prefix}/bin/python", "-I", "-c", _START, way]
    cpu, rss = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(cpu), float(rss)


if __name__ == "__main__":
    main()
