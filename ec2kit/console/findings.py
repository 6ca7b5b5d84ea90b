"""What the doctor's findings mean, and what to do about each. Data only, as the catalogue, of which it is a part."""

from __future__ import annotations

from ec2kit.console.catalogue import CATALOGUE as LOGGED
from ec2kit.console.catalogue import Explanation
from ec2kit.core.doctor.checks import CHECKS

_AS_TOLD = "Do what the line behind it says; then `ec2kit doctor` again."
_MEANINGS = {  # code: what it means, what to do
    "INFO_UNREADABLE": (
        "The info field of LifeKeeper's resource, or the parameters of Pacemaker's, name no usable address.",
        (
            "LifeKeeper: `ec2kit properties ec2-ip-vip` says what is wrong; create it again if it cannot be mended. "
            "Pacemaker: correct the parameter that the line names."
        ),
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
        (
            "Allow the calls that are told: `ec2kit doctor route 10.1.0.10 --policy` prints the policy for just that "
            "address on this node."
        ),
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
    "NOT_EXTENDED": (
        "LifeKeeper has the resource on one system alone, so no other one can take it over.",
        "`ec2kit extend TAG --to SYSTEM`, on the system that has it.",
    ),
    "DEPENDENCY_MISSING": (
        "On another system something stands on the resource, and here not: it would come into service without it.",
        _AS_TOLD,
    ),
    "ADDRESS_LOST": (
        "LifeKeeper has the resource in service on this node, and EC2 shows the address elsewhere or nowhere.",
        "`ec2kit status` says where it is, and since when. The next quickCheck finds it, and recover takes it back.",
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
    "BROADCAST_PING_ON": (
        "LifeKeeper's IP resource looks for the address by a broadcast ping, which no VPC carries (NOBCASTPING).",
        "Put NOBCASTPING=1 into /etc/default/LifeKeeper on every node.",
    ),
    "RECOVERY_TIME_SHORT": (
        "LifeKeeper reserves a resource for a recovery for less time than SIOS's guide advises (RESRVRECTIMEOUT).",
        "Put RESRVRECTIMEOUT=300 into /etc/default/LifeKeeper on every node.",
    ),
    "CHECKS_OVERLAP": (
        "A quickCheck may still wait for EC2 when LifeKeeper begins the next one.",
        "Have EC2_QUICKCHECK_TIMEOUT below LKCHECKINTERVAL, in /etc/default/LifeKeeper.",
    ),
    "PACEMAKER_SILENT": (
        "Pacemaker is installed, and does not tell its configuration: it does not run here, or hangs.",
        "None where another engine is used. Else start it; crm_mon -1 shows whether it runs.",
    ),
    "OPERATION_TIMEOUT_SHORT": (
        (
            "Pacemaker gives start, stop or monitor less time than the agent advises. A slow answer of EC2's is "
            "then a failure, and a failed stop asks for fencing."
        ),
        "Set the operations as docs/pacemaker.md has them: start 120 s, stop 60 s, monitor 60 s.",
    ),
    "RESOURCE_NOT_MONITORED": (
        "Pacemaker does not look at the resource again after its start. It moves it only when the node dies.",
        "Give it a recurring monitor, with the command that is told.",
    ),
    "RESOURCE_UNMANAGED": (
        "The resource is disabled or not managed, or the node or the cluster is in maintenance mode or standby.",
        "None while somebody works on it; else end that with the command that is told.",
    ),
    "RESOURCE_CLONED": (
        "The resource is in a clone. An address is on one node alone, so the agent does not start as a clone.",
        "Take it out of the clone, with the command that is told.",
    ),
    "FENCING_OFF": (
        (
            "The cluster has no fencing. When a stop fails, the address stays where it is until a person acts; in a "
            "partition the last start wins."
        ),
        "Set up fence_aws, as docs/pacemaker.md tells.",
    ),
    "KEEPALIVED_SCRIPT": (
        (
            "keepalived would not run the kit's script, or not after a reload: it is not there, others can change "
            "it, or script_user or enable_script_security is missing or stands behind the FIFO."
        ),
        "Take these lines from the sample in /opt/ec2kit/etc/keepalived, in its order. " + _AS_TOLD,
    ),
    "UNIT_TIMEOUT_SHORT": (
        "systemd ends a run of the kit's unit before the kit gives up. Then nobody is told what it waited for.",
        "Let TimeoutStartSec and TimeoutStopSec of the unit be above the kit's --timeout, as etc/systemd has them.",
    ),
    "VERSIONS_DIFFER": (
        "The nodes do not have the same kit, Python or botocore, or one of them lacks the kit's description of EC2.",
        "Install the same version on each node.",
    ),
    "VIP_NOT_ON_INTERFACE": (
        "EC2 sends the address to this node, and none of its interfaces has it. So what arrives is dropped.",
        "Start what puts it there: IPaddr2 in Pacemaker, the IP resource in LifeKeeper, keepalived. " + _AS_TOLD,
    ),
    "VIP_ON_INTERFACE": (
        (
            "This node has the address on an interface, and another node holds it. What this node itself sends to "
            "the address does not leave it."
        ),
        "Take it off here, with the command that is told. On lo it may stay: docs/pacemaker.md, Side by side.",
    ),
    "WAY_BACK_ELSEWHERE": (
        (
            "Packets for the address come in by one interface, and the answers leave by another one, whose ENI EC2 "
            "does not take them from unless its source/dest check is off, too."
        ),
        "Route by the source address, with the commands that are told, on every node.",
    ),
    "LINK_DOWN": (
        "The interface that the address is for is down, or has no link. `ip link` shows it.",
        "Set it up, with the command that is told.",
    ),
    "SHAPES_MISSING": (
        (
            "Install writes a short description of EC2 for the botocore that it finds. It is not there, or for "
            "another version: each run works, and takes longer."
        ),
        "Run the kit's install again on this node.",
    ),
    "ROUTES_NEAR_QUOTA": (
        (
            "A route table has nearly as many entries as AWS allows by default. The kit changes entries that are "
            "there; one that was lost cannot be made again in a full table."
        ),
        "Have the quota raised, or take entries out. `aws service-quotas get-service-quota` tells yours.",
    ),
    "ONLY_WAY_OUT": (
        (
            "The Elastic IP is on the interface with this node's default route, and EC2's endpoint has a public "
            "address. When the node lets go of it, it may reach EC2 no more until it has another public address."
        ),
        "Give the node another way: a VPC endpoint for EC2, a NAT gateway, or another interface.",
    ),
}

FINDINGS = tuple(
    Explanation(check.message, *_MEANINGS[check.code]) for check in sorted(CHECKS, key=lambda each: each.number)
)
ALL = (*LOGGED, *FINDINGS)
