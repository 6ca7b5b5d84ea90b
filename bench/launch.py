"""Run one command and tell what it cost, as the operating system counts it: a process of its own, to be small.

Standard input: JSON of `command` and `environment`. Standard output: JSON of `wall` and `cpu` (seconds; its
children included), `rss` (peak, MB), `code` (exit) and `said` (what it printed, for a failure's sake).
A process's peak memory is never less than that of the one that forked it, so this file imports next to nothing.
"""

import json
import os
import sys
import time


def main() -> None:
    """Read, run, wait, tell."""
    given = json.load(sys.stdin)
    said = os.memfd_create("said")
    quiet = [
        (os.POSIX_SPAWN_DUP2, said, 1),
        (os.POSIX_SPAWN_DUP2, said, 2),
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", 0, 0),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(given["command"][0], given["command"], given["environment"], file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    os.lseek(said, 0, os.SEEK_SET)
    facts = {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
        "said": os.read(said, 1 << 16).decode(errors="replace"),
    }
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()
