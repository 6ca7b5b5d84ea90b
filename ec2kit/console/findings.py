"""What the doctor's findings mean, and what to do about each. Data only, as the catalogue, of which it is a part."""

from __future__ import annotations

from ec2kit.console.catalogue import CATALOGUE as LOGGED
from ec2kit.console.catalogue import Explanation
from ec2kit.core.doctor.checks import CHECKS

_AS_TOLD = "Do what the line behind it says; then `ec2kit doctor` again."
_MEANINGS = {  # code: what it means, what to do
    "INFO_UNREADABLE": (
        "The info field of LifeKeeper's resource cannot be read, so nobody knows which address it has.",
        "`ec2kit properties ec2-ip-vip` says what is wrong with it. Create it again if it cannot be mended.",
    ),
    "METADATA_SILENT": (
        "The instance metadata do not tell who this node is. Without them the kit can neither look nor act here.",
        "See whether they are switched on, and whether a firewall or a route of this node is in the way. " + _AS_TOLD,
    ),
    "INTERFACE_UNFIT": (
        "The interface that the resource names, or that of the default route, is not there or has no ENI.",
        "Name one that has: `ec2kit choices` lists them.",
    ),
    "ANOTHER_VPC": (
        "The resource was created in another VPC. Neither its routes nor its addresses can come to this node.",
        "Use nodes of one VPC; extend the resource to those only.",
    ),
    "AUTO_RECOVERY_ON": (
        "EC2 may recover this instance at the same time as the cluster moves its address away.",
        (
            "Switch it off with the command that is told, or leave it so knowingly: `ec2kit doctor --mute "
            "AUTO_RECOVERY_ON --for 30d`."
        ),
    ),
    "METADATA_SWITCHED_OFF": (
        "The metadata service of this instance is being switched off. Then the kit does not work here.",
        "Switch it on again with the command that is told.",
    ),
    "METADATA_HOP_LIMIT": (
        "Metadata answers live for one network hop: enough on the instance itself, not in a container.",
        "None where the kit runs on the instance itself; else raise it with the command that is told.",
    ),
    "CREDENTIALS_UNFIT": (
        "There are no credentials with which the kit can sign, or they cannot be read or fetched.",
        "Give the instance a role, or correct the profile. " + _AS_TOLD,
    ),
    "KEY_BEFORE_ROLE": (
        "A key that somebody has left here comes before the instance's role. When it expires, takeovers fail.",
        _AS_TOLD,
    ),
    "FILES_EXPOSED": (
        (
            "Others than root can read a file with credentials, or could write one that AWS's library goes by. What "
            "others can write is not used."
        ),
        "Make it root's alone, with the commands that are told.",
    ),
    "ENDPOINT_SILENT": (
        "Nothing answers at EC2's URL, on the way that the kit goes: its proxy, its certificate authorities.",
        _AS_TOLD,
    ),
    "NAME_NOT_FOUND": (
        "This host has no address for the name of EC2's endpoint. With a VPC endpoint it is a private one.",
        "Check the name servers, and the VPC's DNS support. " + _AS_TOLD,
    ),
    "ENDPOINT_SLOW": (
        "An answer takes so long that a takeover, which waits for several, becomes slow.",
        "Look at the way to EC2; a VPC endpoint for EC2 is the quickest.",
    ),
    "CLOCK_WRONG": (
        "This node's clock and EC2's do not agree. EC2 refuses what is signed more than 5 minutes off.",
        "Set the clock, and keep it right with chrony and Amazon's time service.",
    ),
    "EC2_REFUSES": (
        (
            "EC2 refuses to show route tables or network interfaces to these credentials, for want of rights or "
            "because it does not take them."
        ),
        "Allow the calls that are told: docs/reference.md has the whole IAM policy.",
    ),
    "PERMISSION_MISSING": (
        (
            "EC2 would refuse a call of a takeover by this node. It was asked by DryRun, with the true table, "
            "interface and address, and nothing was changed."
        ),
        "Allow the calls that are told: docs/reference.md has the whole IAM policy.",
    ),
    "PERMISSION_UNPROVABLE": (
        (
            "For these calls EC2 has no DryRun, or it needs what only the node that has the address knows. Whether "
            "they are allowed is shown by the first one alone."
        ),
        "Compare the IAM policy with docs/reference.md, and try a planned move.",
    ),
    "ADDRESS_RESERVED": (
        "The virtual IP is in a range that no route of a VPC can carry, such as 169.254.0.0/16.",
        "Choose another virtual IP, outside every CIDR block of the VPC.",
    ),
    "ADDRESS_NOT_SEEN": (
        "A look at the address from this node fails, or shows nothing that could be taken.",
        _AS_TOLD,
    ),
    "ADDRESS_NOT_TAKABLE": (
        "EC2 shows the address, and this node could not take it. The line says what is in the way.",
        _AS_TOLD,
    ),
    "SOURCE_DEST_CHECK_ON": (
        (
            "The source/dest check of this node's ENI would drop packets for the virtual IP. A takeover switches it "
            "off, which takes a call more."
        ),
        "Switch it off now, with the command that is told: a takeover is quicker then.",
    ),
    "ANOTHER_ACCOUNT": (
        "The VPC is shared. The route tables belong to another account, and this node's own role cannot change them.",
        "Use a profile with a role of that account.",
    ),
    "ROUTES_DISAGREE": (
        "Route tables send the virtual IP to different interfaces: some clients reach one node, some another.",
        "The node that has the resource puts it right with its next check or start. " + _AS_TOLD,
    ),
    "ROUTE_BLACKHOLE": (
        "The target of an entry was deleted or detached. Packets for the virtual IP are dropped there.",
        "A takeover mends it. Look why the interface is gone.",
    ),
    "TABLE_WITHOUT_ENTRY": (
        "A route table of the VPC that subnets use has no entry for the virtual IP. Clients there cannot reach it.",
        (
            "Where clients need it, create the entry there, and record it: `ec2kit properties ec2-ip-vip --set "
            "tables=refresh`."
        ),
    ),
    "ROUTE_BY_OTHERS": (
        "A gateway or a route server makes entries for the same address. The kit leaves those alone.",
        "Let one of the two move the address, not both.",
    ),
    "TABLE_GONE": (
        "Route tables that the resource has recorded were deleted.",
        "Record those that are there: `ec2kit properties ec2-ip-vip --set tables=refresh`.",
    ),
    "PLACE_TAKEN": (
        (
            "Another public address is at the place that the Elastic IP is to have on this node, and a takeover "
            "displaces it."
        ),
        "Move it to another address if it is still needed, or give each a private address of its own.",
    ),
    "ADDRESS_CAUTION": (
        "Something that a person should know of this address before it moves.",
        _AS_TOLD,
    ),
    "PEERS_FORGOTTEN": (
        (
            "The resource does not name this node's interface as a peer's: the other nodes would not take the "
            "private address from it."
        ),
        "`ec2kit properties ec2-ip-vip --set peers=refresh` records the interfaces of all systems.",
    ),
    "ADDRESS_REMOVER_ON": (
        (
            "A service of the distribution sets the interface to what EC2 tells of it, and so removes a virtual IP "
            "that EC2 does not know: nm-cloud-setup (RHEL), cloud-netconfig (SUSE), ec2-net-utils (Amazon Linux)."
        ),
        "Switch it off with the command that is told, on every node.",
    ),
    "REVERSE_PATH_STRICT": (
        "The kernel drops packets that come in by one interface and would be answered by another (rp_filter 1).",
        "Set rp_filter of that interface to 2, with the command that is told, on every node.",
    ),
}

FINDINGS = tuple(
    Explanation(check.message, *_MEANINGS[check.code]) for check in sorted(CHECKS, key=lambda each: each.number)
)
ALL = (*LOGGED, *FINDINGS)
