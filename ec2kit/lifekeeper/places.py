"""Where LifeKeeper looks for the kit, below LKROOT. Pure: constants only.

The installer and the lab put the scripts there; other systems are asked for the command there.
"""

from __future__ import annotations

from ec2kit.lifekeeper.contract import APP, EVENT, EVENT_CLASS, TYPE

ACTIONS = ("restore", "remove", "quickCheck", "recover", "delete")  # called by LifeKeeper's core
ADMIN = ("create", "canextend", "extend")  # called by a person, the GUI and the extend manager

RESOURCES = f"subsys/{APP}/resources/{TYPE}"
SCRIPTS = f"lkadm/subsys/{APP}/{TYPE}/bin"

ACTION_PLACES = {name: f"{RESOURCES}/actions/{name}" for name in ACTIONS}
COMMAND = f"{SCRIPTS}/ec2kit"  # the command line, for lcdremexec from another system
PLACES = (  # place below LKROOT, and which script of actions/ is called there
    *((place, name) for name, place in ACTION_PLACES.items()),
    (f"{RESOURCES}/recovery/{EVENT_CLASS}/{EVENT}", "recover"),
    *((f"{SCRIPTS}/{name}", name) for name in ADMIN),
)
