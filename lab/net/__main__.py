"""The lab with real packets, in the background: `python -m lab.net start`, `stop`, `enter`, `tell`. Needs root.

There is one at a time. It is found by a socket that has a name but no file, so that nothing is left when it is gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from lab import PROJECT
from lab.net.hosts import ENVIRONMENT, NAMESPACES

_SOCKET = "\0ec2kit-lab-net"  # a leading zero byte: in no file system (unix(7), abstract)
_PROGRAMS = ("unshare", "nsenter", "ip", "nft", "mount", "pivot_root", "timeout")
_TELL = """cut HOST | heal | part | kill HOST | boot HOST | take_link HOST | give_link HOST |
delay MILLISECONDS (of each call to EC2) | propagation SECONDS (of each change) | metadata NODE hang|refused|mend"""


def main() -> int:
    """Do what the command line says; the exit code."""
    top = argparse.ArgumentParser("python -m lab.net", description=__doc__.partition("\n")[0])
    verbs = top.add_subparsers(dest="verb", required=True)
    for verb in ("start", "run"):
        start = verbs.add_parser(verb, help="in the background" if verb == "start" else "until it is stopped")
        start.add_argument("--tables", type=int, default=1, help="route tables with the virtual IP (default: 1)")
        start.add_argument("--delay", type=float, default=50, metavar="MS", help="of each call (default: 50)")
    verbs.add_parser("check", help="whether it, Pacemaker and keepalived can run here")
    verbs.add_parser("stop", help="and leave nothing behind")
    enter = verbs.add_parser("enter", help="a shell, or a command, on a host")
    enter.add_argument("host", help="node1, node2, client or internet")
    enter.add_argument("command", nargs=argparse.REMAINDER)
    tell = verbs.add_parser("tell", help=_TELL.replace("\n", " "))
    tell.add_argument("words", nargs="+")
    options = top.parse_args()
    if (trouble := why_not()) is not None:
        return _say(trouble)
    doing: dict[str, Callable[[], int]] = {
        "check": _check,
        "start": lambda: _start(["--tables", str(options.tables), "--delay", str(options.delay)]),
        "run": lambda: _run(options),
        "stop": lambda: _say(_ask("stop")),
        "tell": lambda: _say(_ask(" ".join(options.words))),
        "enter": lambda: _enter(options.host, options.command),
    }
    return doing[options.verb]()


def _check() -> int:
    from lab.net.keepalived import why_not as no_keepalived
    from lab.net.pacemaker import why_not as no_pacemaker

    return _say(no_pacemaker() or no_keepalived() or "ok")


def why_not() -> str | None:
    """What keeps this lab from running here, in one line; None when nothing does."""
    if os.geteuid():
        return "The lab with real packets needs root: it makes network namespaces. Run it as root."
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"Missing here: {', '.join(missing)}. On Debian: apt-get install iproute2 nftables util-linux"
    tried = subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"Not even root may make namespaces here ({tried.stderr.strip()}). A container must be privileged."
    return None


def _say(text: str) -> int:
    """Print it; the exit code: 0 for what begins with "ok"."""
    good = text.startswith("ok")
    print(text.removeprefix("ok").strip(), file=sys.stdout if good else sys.stderr, end="\n" if text != "ok" else "")
    return 0 if good else 1


def _start(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "lab.net", "run", *arguments]
    child = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdout
    ready = False
    for line in child.stdout:  # until it lets go of its output, or ends
        print(line, end="", flush=True)
        ready = line.startswith("A shell")
    return 0 if ready else child.wait()


def _run(options: argparse.Namespace) -> int:
    door = socket.socket(socket.AF_UNIX)
    try:
        door.bind(_SOCKET)
    except OSError:
        return _say("It runs already. It is stopped by: make lab-net-stop")
    door.listen()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    print("installing the kit into a package ...", flush=True)
    from lab.net.network import NetLab, net_lab, staged  # moto is a second of import

    def orders(lab: NetLab) -> dict[str, Callable[..., object]]:
        return {
            "cut": lab.cut,
            "heal": lab.heal,
            "part": lab.part,
            "kill": lab.kill,
            "boot": lab.boot,
            "take_link": lab.take_link,
            "give_link": lab.give_link,
            "delay": lambda ms: setattr(lab.ec2, "delay_ms", float(ms)),
            "propagation": lambda seconds: setattr(lab.mirror, "propagation", float(seconds)),
            "metadata": lambda node, fault: setattr(lab.imds[node], "fault", None if fault == "mend" else fault),
            "hosts": lambda: json.dumps({"lab": os.getpid()} | {name: host.pid for name, host in lab.hosts.items()}),
        }

    last = contextlib.ExitStack()  # the asker of "stop" hears of the end when all else has ended
    with last, net_lab(staged(), tables=options.tables) as lab:
        lab.ec2.delay_ms = options.delay
        print(f"node1, node2, client and internet are up; the virtual IP is {lab.vpc.vip}, ", end="")
        print(
            f"the Elastic IP {lab.vpc.public_ip}.\nA shell on one:  {sys.executable} -m lab.net enter node1",
            flush=True,
        )
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        _serve(door, orders(lab), last)
    return 0


def _serve(door: socket.socket, orders: dict[str, Callable[..., object]], last: contextlib.ExitStack) -> None:
    """Follow what is asked through the door, until that is "stop"."""
    while True:
        asker, _ = door.accept()
        order, *words = asker.makefile().readline().split() or [""]
        if order == "stop":
            last.callback(asker.close)
            last.callback(asker.sendall, b"ok The lab is gone.")
            return
        with asker:
            asker.sendall(_follow(orders.get(order), words).encode())


def _follow(order: Callable[..., object] | None, words: Sequence[str]) -> str:
    if order is None:
        return f"No such order. There are: {_TELL}"
    try:
        done = order(*words)
    except Exception as error:  # noqa: BLE001  the asker is told, and the lab goes on
        return f"{type(error).__name__}: {error}"
    return f"ok {done}" if isinstance(done, str) else "ok"


def _interrupted(*_: object) -> NoReturn:
    raise SystemExit(0)


def _ask(order: str) -> str:
    """What the running lab answers to an order."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(_SOCKET)
        except OSError:
            return "ok It does not run." if order == "stop" else "It does not run. It is started by: make lab-net"
        line.sendall(f"{order}\n".encode())
        return line.makefile().read() or "It ended without a word."


def _enter(name: str, command: Sequence[str]) -> int:
    answer = _ask("hosts")
    if not answer.startswith("ok"):
        return _say(answer)
    hosts = json.loads(answer.removeprefix("ok"))
    if name not in hosts:
        return _say(f"There is no host {name} now. There are: {', '.join(hosts)}")
    shell = {"TERM": os.environ.get("TERM", "dumb"), "PS1": f"{name}# "}
    words = ["nsenter", f"--target={hosts[name]}", *NAMESPACES, *(command or ["bash", "--norc"])]
    os.chdir("/")
    return os.execvpe("nsenter", words, ENVIRONMENT | shell)


if __name__ == "__main__":
    raise SystemExit(main())
