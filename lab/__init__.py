"""The embedded lab: EC2, instance metadata and a LifeKeeper stand-in on one machine, without root.

It has three EC2s: `lab.ec2` is the full one, moto behind a strict front, for executed runs; `lab.wire` is EC2 in this
process, for thousands of runs of the kit's code; `lab.net` adds packets that follow the route tables of the first.
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
