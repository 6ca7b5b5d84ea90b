"""What the kit believes of LifeKeeper's core, in one place: constants only. Pure.

`verified` means read in SIOS's public documents or scripts; `unverified` means that nobody has yet tried it
against a LifeKeeper core. To settle one of those, change its line here and nothing else. A resource that runs as a
Generic Application needs none of the unverified ones, but where a line says so.
"""

from __future__ import annotations

# The kit's own place in $LKROOT/subsys/<APP>/resources/<TYPE>. Unverified: SIOS's is not published.
APP = "comm"
TYPE = "ec2"
ID_PREFIX = "EC2-"

# The Generic Application kit, which runs anybody's scripts: restore, remove, quickCheck, recover, each called
# `-t tag -i id`; 0 is success. Verified: SIOS's Generic Application examples.
GENERIC_APP = "gen"
GENERIC_TYPE = "app"
# The program that makes such a resource: SYSTEM RESTORE REMOVE TAG INFO SWITCHBACK QUICKCHECK RECOVER Yes|No, where
# Yes brings it into service. Verified: the line that LifeKeeper's GUI shows when it makes one.
CREATE_GENERIC = "lkadm/subsys/gen/app/bin/creapphier"
BRING_IN_SERVICE = {True: "Yes", False: "No"}

# The extend manager: TAG SYSTEM PRIORITY SWITCHBACK BUNDLE come behind these options, and the switchback type is in
# small letters; the last option names what separates a resource's values. Verified: SIOS's AWS quick start.
EXTEND_MANAGER = "lkadm/bin/extmgrDoExtend.pl"
BUNDLE_SEPARATOR = ","
EXTEND_MANAGER_OPTIONS = ("-p1", f"-f{BUNDLE_SEPARATOR}")
# BUNDLE for a hierarchy of one resource: its tag, then what its extend gets behind system and tag. A Generic
# Application gets tag and info field there. Unverified: read out of one example, for a hierarchy of two.
BUNDLE = '"{values}"'

# The IP Recovery Kit: app comm, type ip, instance id IP-<address>. Verified.
IP_APP = "comm"
IP_TYPE = "ip"
IP_ID_PREFIX = "IP-"

# ins_list separates its fields with this character: sys app type tag id info state. Verified.
SEPARATOR = "\x01"
IN_SERVICE = "ISP"
IN_SERVICE_STATES = ("ISP", "ISU")
FAILED = "OSF"
MEND = "LifeKeeper's recover puts it right"  # a loss, where the resource is in service

# ins_list: the field that has the switchback type. Unverified beyond the first seven fields.
SWITCHBACK_FIELD = 7
# The switchback types, and what ins_create and ins_setas call them. Verified: the manual page LCDI Instances.
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

# The option with which the core gives an action the resource's tag. Verified for restore, remove, and all that a
# Generic Application's harness calls; unverified for quickCheck and delete of a kit of its own.
TAG_OPTION = "-t"

# Where canextend and extend find the template system and its tag among their arguments. Verified for canextend,
# which gets these two alone: SIOS's AWS quick start calls it so.
EXTEND_SYSTEM, EXTEND_TAG = 0, 1
# Where extend finds the kit's own values, the interface first, behind those two. Unverified.
EXTEND_OWN = 2

# What lcdremexec needs before -d to show the other system's errors here. That it takes this option is in its manual
# page; that it does this is unverified. Its command is one word for a shell on the other system; SIOS's AWS quick
# start gives it shell syntax.
REMOTE_OPTIONS = ("-e",)

# The flag that is up on each system while a resource changes its form: delete keeps key and history then. That
# flags of this name are gone after a boot is verified (SIOS's Generic Application examples).
CHANGING = "!volatile!ec2kit-change-{tag}"

# The program that undoes app_create when the kit is uninstalled. Verified: the manual page LCDI Applications.
APP_REMOVE = "app_remove"
# The one that undoes typ_create. Unverified: only its name was found.
TYP_REMOVE = "typ_remove"

# The event; $LKROOT/subsys/<APP>/resources/<TYPE>/recovery/<EVENT_CLASS>/<EVENT> is our recover. Unverified.
EVENT_CLASS = "ec2"
EVENT = "ec2fail"

# Where recover finds the tag: the first that is there. -t is a time in sendevent's options, which always have -n;
# it is the tag where a Generic Application's harness calls. Verified for -n and that -t; -d is unverified.
RECOVER_TAG_OPTIONS = ("-n", "-d", "-t")
