"""Who runs an action that the log names, and what comes next when it ends like that. Data only, read by explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ec2kit.core import messages
from ec2kit.core.messages import Message

OK, FAILED = messages.END_OK, messages.END_FAILED
UNKNOWN, UNFIT, BUG = messages.END_UNKNOWN, messages.END_MISCONFIGURED, messages.INTERNAL


@dataclass(frozen=True)
class Caller:
    """engine: who runs the action. why: what for. then: what comes next, by the message that was logged."""

    engine: str
    why: str
    then: Mapping[Message, str] = field(default_factory=dict)

    def told(self, number: int) -> str:
        """What for, and what comes next after the message of that number."""
        found = next((text for message, text in self.then.items() if message.number == number), "")
        return f"{self.why} {found}".rstrip()


_STAYS = (
    "LifeKeeper sees the exit code 0: the resource stays in service, and LifeKeeper asks again at the next check."
)
_RUNS = (
    "A recurring monitor is 0 then: Pacemaker changes nothing, and asks again. A probe is 0 or 7, by what this node "
    "remembers of the address."
)
_BY_HAND = "Nothing follows by itself: who called it goes by the exit code."
CALLERS = {
    "quickCheck": Caller(
        "LifeKeeper",
        "LifeKeeper asks, once in LKCHECKINTERVAL seconds, whether the address is still here.",
        {
            FAILED: "It is proven lost: LifeKeeper runs recover here next, and fails over if that fails, too.",
            UNKNOWN: _STAYS,
            UNFIT: _STAYS,
            BUG: _STAYS,
        },
    ),
    "recover": Caller(
        "LifeKeeper",
        "LifeKeeper repairs the address on this system, after quickCheck has proven that it is lost.",
        {
            OK: "The resource stays in service here.",
            FAILED: "LifeKeeper fails over next: remove here, then restore on another system.",
        },
    ),
    "restore": Caller(
        "LifeKeeper",
        "LifeKeeper brings the resource into service on this system.",
        {
            OK: "LifeKeeper goes on with what depends on it, and runs quickCheck from now on.",
            FAILED: "It is not in service here, nor is what depends on it. `ec2kit status` shows where it is; "
            "`ec2kit in-service ip-vip` tries again.",
        },
    ),
    "remove": Caller(
        "LifeKeeper",
        "LifeKeeper takes the resource out of service on this system.",
        {
            OK: "LifeKeeper goes on with what it depends on; in a switchover another system runs restore next.",
            FAILED: "In a failover LifeKeeper halts this node next. Otherwise nothing follows by itself: "
            "`ec2kit status` shows where it is.",
        },
    ),
    "delete": Caller("LifeKeeper", "LifeKeeper deletes the resource on this system. AWS is not touched."),
    "create": Caller("LifeKeeper", "A person makes a resource of LifeKeeper's."),
    "canextend": Caller("LifeKeeper", "LifeKeeper asks whether this system can have a resource of another system's."),
    "extend": Caller("LifeKeeper", "A resource of LifeKeeper's comes to another system."),
    "start": Caller(
        "Pacemaker",
        "Pacemaker starts the resource on this node.",
        {
            OK: "Pacemaker starts what depends on it, and runs monitor from now on.",
            FAILED: "Pacemaker runs stop here next, and tries another node. It comes back to this node after "
            "failure-timeout, or after `crm resource cleanup vip`.",
        },
    ),
    "stop": Caller(
        "Pacemaker",
        "Pacemaker stops the resource on this node.",
        {
            OK: "Another node may start it.",
            UNKNOWN: "Pacemaker sees success: another node may start it.",
            FAILED: "Pacemaker fences this node next; without fencing the resource is blocked until a person acts.",
        },
    ),
    "monitor": Caller(
        "Pacemaker",
        "Pacemaker asks whether the address is on this node: again and again while it runs here, and once, as a "
        "probe, before.",
        {
            FAILED: "It is proven lost: Pacemaker stops it here and starts it again, here or on another node.",
            UNKNOWN: _RUNS,
            UNFIT: _RUNS,
        },
    ),
    "reload-agent": Caller(
        "Pacemaker",
        "Pacemaker gives a running resource other values of parameters.",
        {FAILED: "Pacemaker counts the resource as failed, stops it here and starts it again."},
    ),
    "validate-all": Caller("Pacemaker", "A person, or Pacemaker, asks whether the parameters can be used here."),
    "hold": Caller("the command line", f"A person, keepalived or systemd has this node hold the address. {_BY_HAND}"),
    "check": Caller("the command line", f"A person or a script asks whether this node holds the address. {_BY_HAND}"),
    "release": Caller("the command line", f"A person, keepalived or systemd lets go of the address. {_BY_HAND}"),
    "plan": Caller("the command line", f"A person asks what hold would do; nothing is changed. {_BY_HAND}"),
}
