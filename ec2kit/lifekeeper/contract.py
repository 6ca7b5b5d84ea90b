"""What the kit believes of LifeKeeper's core, in one place: constants only. Pure.

`verified` means read in SIOS's public documents; `unverified` means that nobody has yet tried it
against a LifeKeeper core. To settle one of those, change its line here and nothing else.
"""

from __future__ import annotations

# The kit's own place in $LKROOT/subsys/<APP>/resources/<TYPE>. Unverified: SIOS's is not published.
APP = "comm"
TYPE = "ec2"
ID_PREFIX = "EC2-"

# The IP Recovery Kit: app comm, type ip, instance id IP-<address>. Verified.
IP_APP = "comm"
IP_TYPE = "ip"
IP_ID_PREFIX = "IP-"

# ins_list separates its fields with this character: sys app type tag id info state. Verified.
SEPARATOR = "\x01"
IN_SERVICE = "ISP"
IN_SERVICE_STATES = ("ISP", "ISU")

# ins_list: the field that has the switchback type, and its values. Unverified beyond the first seven fields.
SWITCHBACK_FIELD = 7
SWITCHBACK = {"intelligent": "INTELLIGENT", "automatic": "AUTOMATIC"}

# eqv_list: sys tag othersys othertag, verified; the fields behind them that have the priorities, unverified.
EQUIVALENCY_PRIORITY = 5
EQUIVALENCY_OTHER_PRIORITY = 6

# The flag that is LifeKeeper's admin lock while a hierarchy changes. Its form is described, not tried: unverified.
ADMIN_LOCK = "!action!{pid}!{time}!{system}:{tag}"

# dep_list: the field that has the parent's tag; the child's is the other. Unverified.
DEPENDENCY_PARENT = 0

# Whether quickCheck raises the recovery event itself through sendevent and then exits 1 (as the Load
# Balancer Health Check kit's specification says), or only exits 1 and lkcheck raises it. Unverified.
QUICKCHECK_SENDS_EVENT = True

# The option with which the core gives an action the resource's tag. Verified for restore and remove;
# unverified for quickCheck and delete.
TAG_OPTION = "-t"

# Where canextend and extend find the template system, its tag, and the kit's own value (the interface)
# among their arguments. Verified for canextend's first two; for extend and the interface unverified.
EXTEND_SYSTEM, EXTEND_TAG, EXTEND_INTERFACE = 0, 1, 2

# What lcdremexec needs before -d to show the other system's errors here. Unverified.
REMOTE_OPTIONS = ("-e",)

# Programs that undo app_create and typ_create when the kit is uninstalled. Unverified: only their names were found.
APP_REMOVE, TYP_REMOVE = "app_remove", "typ_remove"

# The event; $LKROOT/subsys/<APP>/resources/<TYPE>/recovery/<EVENT_CLASS>/<EVENT> is our recover. Unverified.
EVENT_CLASS = "ec2"
EVENT = "ec2fail"

# Where in sendevent's options recover finds the tag: the first that is there. -t is a time there
# unless neither of the others is given. Verified for -n; -d and -t unverified.
RECOVER_TAG_OPTIONS = ("-n", "-d", "-t")
