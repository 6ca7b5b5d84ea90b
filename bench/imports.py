"""What is imported until EC2 can be asked, and how long each package takes: `python -m bench.imports`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import RESULTS, kits
from bench.tables import bars, table

_ROUNDS = 9
_LARGE = 5  # packages that have a colour of their own
_ALL = "import ec2kit.console.cli, ec2kit.host.imds, ec2kit.ec2.client"
_STANDARD = "standard library"


def measure(prefix: Path) -> dict[str, float]:
    """Import once; the milliseconds of each package's own code, as `python -X importtime` tells them."""
    command = [f"{prefix}/bin/python", "-I", "-X", "importtime", "-c", _ALL]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found: dict[str, float] = defaultdict(float)
    for line in told.splitlines():
        own, _, name = line.removeprefix("import time:").partition("|")
        package = name.rpartition("|")[2].strip().partition(".")[0]
        if own.strip().isdecimal():
            found[_STANDARD if package in sys.stdlib_module_names else package] += int(own) / 1000
    return found


def section(result: dict[str, Any]) -> str:
    """The page's section."""
    kits_, packages = result["kits"], {name for each in result["kits"].values() for name in each}
    order = sorted(packages, key=lambda name: -max(each.get(name, 0) for each in kits_.values()))
    shown = [name for name in order if max(each.get(name, 0) for each in kits_.values()) >= 1]
    rows = [[name, *(f"{each[name]:.0f}" if name in each else "-" for each in kits_.values())] for name in shown]
    large = shown[:_LARGE]
    parts = {
        kit: {name: each.get(name, 0) for name in large}
        | {"others": sum(ms for name, ms in each.items() if name not in large)}
        for kit, each in kits_.items()
    }
    rows.append(["all", *(f"{sum(each.values()):.0f}" for each in kits_.values())])
    return (
        "## Imports\n\nMilliseconds of each package's own code until EC2 can be asked "
        f"(`-X importtime`, which itself costs; median of {result['rounds']}).\n\n"
        + table(["package", *kits_], rows)
        + "\n"
        + bars("imports", "imports until EC2 can be asked", "ms", parts)
    )


def main() -> None:
    """Measure, and write down."""
    parser = argparse.ArgumentParser("python -m bench.imports", description=__doc__)
    parser.add_argument("--kit", action="append", default=[], metavar="NAME=PREFIX")
    with kits(parser.parse_args().kit) as found:
        samples: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in found}
        for _ in range(_ROUNDS):
            for name, prefix in found.items():
                for package, milliseconds in measure(prefix).items():
                    samples[name][package].append(milliseconds)
    medians = {
        name: {package: round(median(ms), 2) for package, ms in each.items()} for name, each in samples.items()
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "imports.json").write_text(json.dumps({"rounds": _ROUNDS, "kits": medians}, indent=1) + "\n")


if __name__ == "__main__":
    main()
