"""A lab to try the kit in by hand: `python -m lab route` or `python -m lab eip`, until Ctrl-C.

Each node gets a file to source in another terminal; from then on that shell is on the node.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import tempfile
import threading
from pathlib import Path

from lab.ec2.vpc import RouteLab
from lab.nodes import Lab, address_lab, route_lab

_ENTER = """# The shell that sources this is on {name} from then on.
{exports}
export PATH={bin}:{lkbin}:$PATH
PS1='{name}$ '
"""


def main() -> int:
    """Run one lab until it is interrupted; the exit code."""
    parser = argparse.ArgumentParser("python -m lab", description=__doc__.partition("\n")[0])
    parser.add_argument("scenario", choices=["route", "eip"], nargs="?", default="route")
    scenario = parser.parse_args().scenario
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    start = route_lab if scenario == "route" else address_lab
    with tempfile.TemporaryDirectory(prefix="ec2kit-lab-") as folder, start(Path(folder), manager=True) as lab:
        _greet(lab)
        ended.wait()
    print("The lab is gone.")
    return 0


def _greet(lab: Lab) -> None:
    for name, node in lab.nodes.items():
        kit = {key: value for key, value in node.environment.items() if key.startswith("EC2KIT_")}
        kit["LKROOT"] = str(node.lkroot)
        exports = "\n".join(f"export {key}={shlex.quote(value)}" for key, value in kit.items())
        text = _ENTER.format(name=name, exports=exports, bin=node.root / "bin", lkbin=node.lkroot / "bin")
        (node.root / "enter").write_text(text)
        print(f"{name}:  . {node.root / 'enter'}")
    print("Type one of these lines in another terminal: that shell is on the node then. For example there:")
    if isinstance(lab.vpc, RouteLab):
        print(f"  ec2kit plan route {lab.vpc.vip} --interface eth1")
        print("  ec2kit create --generic --type route-table --ip-resource ip-vip")
        print("  ec2kit extend ec2-ip-vip --to node2 && ec2kit status")
        print("  ec2kit in-service ip-vip          # on the node that is to have it")
    else:
        print(f"  ec2kit plan eip {lab.vpc.public_ip} --interface eth1")
        print(f"  ec2kit create --generic --type elastic-ip --interface eth1 --elastic-ip {lab.vpc.public_ip}")
        print(f"  ec2kit extend ec2-{lab.vpc.public_ip} --to node2 && ec2kit status")
    print("`ec2kit create`, without more, asks. For LifeKeeper's creapphier, the kit's scripts are in the lab")
    print("in $LKROOT/subsys/comm/resources/ec2/actions, not in /opt/ec2kit/actions.")
    print("Ctrl-C ends the lab.", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
