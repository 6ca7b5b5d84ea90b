"""The message catalogue: why each line of the log appears, and what the administrator should do. Pure, data only.

Read by `ec2kit explain` and written to docs/messages.md. No action imports it: its start-up is
failover time. Commands are in backquotes, and exist; 10.1.0.10, 203.0.113.10, eth1, ip-vip,
ec2-ip-vip, rtb-1 and eni-1 in them are examples.
"""

from __future__ import annotations

from dataclasses import dataclass

from ec2kit.core import messages
from ec2kit.core.messages import Message


@dataclass(frozen=True)
class Explanation:
    """One message, why it is logged, and what to do about it."""

    message: Message
    cause: str
    action: str


_EXIT_CODES = (
    "The exit code tells the kind. 1: a look at EC2 shows that it is not so. 3: a bug of the kit. 5: a person must "
    "change a setting, the info field or the set-up. 9: the kit could not look or act (throttled, denied, timed out, "
    "unreachable), and the state is unknown. An OCF agent's exit codes are OCF's: see docs/pacemaker.md."
)
_LOOK = (
    "`ec2kit check route 10.1.0.10 --interface eth1`, or the same with private or eip and its address, on the node "
    "tells the state now"
)
_PLAN = (
    "`ec2kit plan route 10.1.0.10 --interface eth1`, or the same with private or eip and its address, shows what is "
    "missing"
)

# One entry a message, in the order of their numbers.
CATALOGUE = (
    Explanation(
        messages.BEGIN,
        cause="An action begins. It ends with one of 960002 to 960005; without such a line it was killed.",
        action="None; the line that ends the action tells how it went.",
    ),
    Explanation(
        messages.END_OK,
        cause="The action did what it promises, and a look at EC2 has shown it where the action changes or checks "
        "anything there. The end of the line says what holds now, and how many steps were taken.",
        action="None; all is well.",
    ),
    Explanation(
        messages.END_FAILED,
        cause="The action did not succeed; the line itself says what happened, then what to do about it. "
        f"{_EXIT_CODES} For quickCheck it means that two looks have proved the loss, and recover is next. A recover "
        "that fails starts a failover, and a remove that fails in a failover halts the node. Pacemaker recovers "
        "after a monitor, tries another node after a start, and fences the node, if it can, after a stop.",
        action=f"Do what the end of the line says. {_PLAN}; `ec2kit in-service ip-vip`, with the tag on top of the "
        "hierarchy, tries it again through LifeKeeper, `crm resource cleanup vip` through Pacemaker. The lines "
        "before it, of the same action and tag, tell each step that was refused (960022).",
    ),
    Explanation(
        messages.END_UNKNOWN,
        cause="quickCheck, or Pacemaker's monitor, got no answer that proves anything: EC2 or the metadata service "
        "throttled, denied, hung or was not reached, or the time (EC2_QUICKCHECK_TIMEOUT, or Pacemaker's own) was "
        "up. An unknown state is not a failure, so the resource stays as it is, unwatched for this once. For an "
        "agent's stop: the address was not here at the last look, and this node has not taken it since.",
        action="None when it comes once and goes. When it comes again and again the address is not watched: do what "
        f"the end of the line says. {_LOOK}, and ends with 9 as long as nothing can be seen.",
    ),
    Explanation(
        messages.END_MISCONFIGURED,
        cause="quickCheck, or Pacemaker's monitor, cannot check this resource until a person changes something: the "
        "info field, a setting, the credentials, the Region or the interface's name does not fit. This does not "
        "prove a loss, so the resource stays as it is, but nobody watches it.",
        action="Do what the end of the line says, soon: until then restore, recover and start would fail as well "
        f"(exit code 5, of start 1). {_LOOK} and needs no LifeKeeper.",
    ),
    Explanation(
        messages.INTERNAL,
        cause="This is a bug of the kit. The lines with this number are its traceback. The exit code is 3; for "
        "quickCheck it is 0, because a bug proves no loss.",
        action="Report it, with these lines and the output of `ec2kit --version`. Until it is corrected, look and "
        "act by hand: `aws ec2 describe-route-tables`, `aws ec2 replace-route`, `aws ec2 describe-addresses`, `aws "
        "ec2 associate-address`, `aws ec2 describe-network-interfaces`, `aws ec2 assign-private-ip-addresses`.",
    ),
    Explanation(
        messages.USAGE,
        cause="An action was called without what it needs, above all without a resource's tag. Nothing was looked at "
        "and nothing was done; the exit code is 2. The line shows how the action is called.",
        action="If you called it, call it as the line shows. If LifeKeeper called it, its core does so differently "
        "than the kit expects: see docs/lifekeeper.md, and report it with the line.",
    ),
    Explanation(
        messages.FAILED,
        cause="A command that a person gave (`ec2kit extend`, `ec2kit in-service`, `ec2kit out-of-service`) did not "
        f"succeed; the line itself says what happened, then what to do about it. {_EXIT_CODES}",
        action="Do what the end of the line says, then give the command again. The lines above it are those of the "
        "actions, also on the other system, and tell more.",
    ),
    Explanation(
        messages.NO_VERDICT,
        cause="The process that does the work was ended, by a signal, for want of memory, or because it hung past "
        "its time in a place where it could not say so. The line tells how. Nothing is known of the address then; "
        "the exit code is 9, of quickCheck and of Pacemaker's recurring monitor 0, of an agent's other actions 1.",
        action=f"Run it again. {_LOOK}. When it comes again, look for what ended it: `journalctl -k` names a process "
        "that was killed for want of memory.",
    ),
    Explanation(
        messages.SETTING_IGNORED,
        cause="A line of the settings file has a value that cannot be used: not a number, out of its range, or one "
        "that only a shell could tell (the file is never executed). Or it is used without what a shell would see "
        "there, such as a carriage return. The message names the setting, and the number of the line.",
        action="Correct that line in /etc/default/LifeKeeper (or the file that the line names). The next run reads "
        "it again; nothing needs to be restarted.",
    ),
    Explanation(
        messages.DEFAULTS_UNREADABLE,
        cause="The settings file is there and is not used: it cannot be read, or users other than root and the one "
        "who runs the action can change it or a folder above it. The line says which. Every setting has its default "
        "for this run, and AWS is reached by the environment alone.",
        action="Do what the line says; make the file readable for the user that runs the action: `ls -l "
        "/etc/default/LifeKeeper`. A missing file is not a problem and is not reported.",
    ),
    Explanation(
        messages.PARAMETER_IGNORED,
        cause="The Pacemaker resource has a parameter that ClusterLabs' agents aws-vpc-move-ip, awsvip or awseip "
        "have. It is ignored: docs/pacemaker.md tells what the kit does instead.",
        action="Remove it from the resource: `crm resource param vip delete monapi`, or `pcs resource update vip "
        "monapi=`. It does no harm.",
    ),
    Explanation(
        messages.ANSWERED,
        cause="quickCheck, or Pacemaker's recurring monitor, has an answer again. While there is none, the first "
        "line that says so is told, then one each ten minutes with their number; a new cause is told at once.",
        action="None; the address is watched again.",
    ),
    Explanation(
        messages.LOCATED,
        cause="The run has found out who this node is: the instance, the network interface and the ENI behind it, "
        "the VPC and the Region. All that follows is asked of that Region and done for that ENI.",
        action="None. When it is the wrong interface or Region, name the right one: `--interface` and `--region` of "
        "the command line, or create the resource again.",
    ),
    Explanation(
        messages.STEP,
        cause="The kit has changed something, and EC2 (or this host) has accepted it. It names what was changed and "
        "what was there before. Whether it worked is told by the look that follows, at the end of the run.",
        action="None; it is the record of a change. In CloudTrail the user agent of the call names the action.",
    ),
    Explanation(
        messages.STEP_REFUSED,
        cause="A change was refused or not answered; the line says which, why, and what to do. The other changes of "
        "the same round were made all the same; those that had to wait for this one were not. The run looks again, "
        "and tries again where that can help.",
        action="None when the run ends well (960002). Otherwise do what the end of the line says: when EC2 denied "
        "the call, the IAM policy of the node's role lacks the operation that it names (docs/reference.md has the "
        "whole policy).",
    ),
    Explanation(
        messages.LOOK_AGAIN,
        cause="A round of looking, acting and looking again did not end with what is wanted, for the reason that the "
        "line gives. The next round begins after a pause of about 1, 2, 4, ... seconds; EC2_MAX_RETRY says how many "
        "follow the first, whatever the reason. Rounds go on as long as there is time while the move of a private "
        "address is under way; and, where EC2_MAX_RETRY is not set, while an address is to be let go of.",
        action="None; the line that ends the action tells how it went. When rounds are often needed, look at the "
        "reason.",
    ),
    Explanation(
        messages.DISPLACED,
        cause="A private address has room for one Elastic IP. Another one is where ours is about to be associated, "
        "and EC2 removes it from there. It is then associated with nothing, and still belongs to the account.",
        action="If the other Elastic IP is still needed, give it another private address of an ENI: `aws ec2 "
        "associate-address --allocation-id eipalloc-1 --network-interface-id eni-1 --private-ip-address 10.0.1.11`. "
        "With displace=false nothing is displaced. Otherwise none.",
    ),
    Explanation(
        messages.TABLE_GONE,
        cause="The resource's info field names a route table that had the entry at create, and the VPC has no such "
        "table any more. The kit looks after the other tables as before.",
        action="None if the table was deleted on purpose; the line ends when the resource is deleted and created "
        "again. When another table took its place, give that one the entry: `aws ec2 create-route --route-table-id "
        "rtb-1 --destination-cidr-block 10.1.0.10/32 --network-interface-id eni-1`.",
    ),
    Explanation(
        messages.SUSPECT,
        cause="The first look shows that this node does not hold the address. One look at EC2 can be stale, so a "
        "second follows after a second; only a loss that both show is proven.",
        action="None; the end of the run tells what the second look showed.",
    ),
    Explanation(
        messages.LINK_REPAIR,
        cause="The interface that is to have the Elastic IP has no link, so it would get no traffic. It is taken "
        "down and up again. Every other address on that interface is down for that time; IP_WAIT_LINKDOWN sets it. "
        "The kit then puts its routes and IPv6 addresses back. An interface that has something which the kit cannot "
        "put back, such as a route with encapsulation, stays as it is: then 960022 follows, and no address is taken.",
        action="None if 960029 follows. A 960022 between the two names what was not put back: do it by hand. "
        "Otherwise see `ip link "
        "show eth1`, and whether the ENI is attached: `aws ec2 describe-network-interfaces "
        "--network-interface-ids eni-1`. Where the link cannot be read, IP_NOLINKCHECK=1 in "
        "/etc/default/LifeKeeper switches the check off.",
    ),
    Explanation(
        messages.LINK_UP,
        cause="The repair that 960028 announced has worked.",
        action="None. When it happens again and again, find out why the interface loses its link: `ip link show "
        "eth1`, `journalctl -k`.",
    ),
    Explanation(
        messages.ROUTE_STAYS,
        cause="remove and release change nothing of a route: the entries point at this node until the next one takes "
        "over and moves them.",
        action="None; bring the address into service where it is wanted, if nothing does so by itself.",
    ),
    Explanation(
        messages.EVENT_SENT,
        cause="quickCheck has proved that this node lost the address, and has told LifeKeeper. LifeKeeper now runs "
        "recover on this node, and moves the hierarchy to another node if that fails.",
        action="Read recover's lines, which follow with the same tag. When the loss came as a surprise, CloudTrail "
        "tells who changed it: `aws cloudtrail lookup-events --lookup-attributes "
        "AttributeKey=EventName,AttributeValue=ReplaceRoute` (or DeleteRoute, AssociateAddress, DisassociateAddress, "
        "AssignPrivateIpAddresses, UnassignPrivateIpAddresses).",
    ),
    Explanation(
        messages.EVENT_FAILED,
        cause="quickCheck has proved that this node lost the address, and LifeKeeper's sendevent could not be run or "
        "failed, for the reason that the line gives. quickCheck still ends with 1, so a core that listens to the "
        "exit code begins the recovery; one that needs the event does not.",
        action="See that sendevent is in the folder bin of LKROOT and that LifeKeeper runs. If no line of recover "
        "follows, bring the hierarchy back by hand, by the tag on its top: `ec2kit in-service ip-vip`.",
    ),
    Explanation(
        messages.ALREADY_DELETED,
        cause="The action delete was called for a tag that LifeKeeper does not have on this system, or has no "
        "longer. delete undoes nothing in AWS anyway, so it succeeds.",
        action="None. If the tag was a typing error, `ins_list` (in the folder bin of LKROOT) shows the right ones.",
    ),
    Explanation(
        messages.NOT_REMEMBERED,
        cause="An OCF agent could not write down, in the folder ec2kit of HA_RSCTMP (/run/resource-agents), whether "
        "the address is on this node; the line says why. This does not affect the action itself. But a probe that "
        "gets no answer from EC2 then takes the resource for not running here, and a route that was stopped here "
        "still looks running. Or a run could not write down, in the folder of EC2KIT_HISTORY (/var/lib/ec2kit), "
        "which resource has an Elastic IP on this node: until it can, another resource here may take that place.",
        action="Let root, and nobody else, write in the folder that the line names: `ls -ld /var/lib/ec2kit "
        "/run/resource-agents/ec2kit`.",
    ),
    Explanation(
        messages.THROTTLED,
        cause="EC2 limits how often an account may call each API operation in a Region, and that is used up: by many "
        "nodes that act at once, or by the account's other programs. The action that must act sends the call again "
        "as long as its budget lasts, after random pauses that grow; a change that has waited 5 seconds is not sent "
        "before the action has looked again. The line comes once a run.",
        action="None; throttling passes by itself. When it comes often, find who calls in CloudTrail, raise "
        "LKCHECKINTERVAL where thousands of nodes share the account, or ask AWS for higher EC2 API limits.",
    ),
    Explanation(
        messages.FOREIGN,
        cause="A route table has an entry for the address that nobody made by hand: a gateway propagates it "
        "(EnableVgwRoutePropagation), or a route server advertises it (Advertisement). The line names the table, the "
        "entry's target and its state. The kit moves what was made by hand alone.",
        action="None if it is meant to be there: an entry made by hand in the same table comes before one that is "
        "propagated. Otherwise end the propagation or the advertisement.",
    ),
    Explanation(
        messages.CONFIRM,
        cause="The first look shows that nothing is to do. One look at EC2 can be old, also a single entry of it, so "
        "another one follows after a second. What the run has changed itself needs none.",
        action="None; the end of the run tells what the second look showed.",
    ),
    Explanation(
        messages.WITNESS,
        cause="The run has sent the call that lets go of the address, and since then EC2 gives no answer. The "
        "instance metadata show the address on none of this node's interfaces, and that is proof, too. Most likely "
        "the address was this node's way to EC2.",
        action="None for this time. So that each look of the next move has its answer, give the node another way to "
        "EC2: a VPC endpoint, a NAT gateway or a second network interface (docs/reference.md, Two ways out).",
    ),
    Explanation(
        messages.PROBLEM,
        cause="create, canextend or extend found something that is not as it must be; the line says what, then what "
        "to do. Every problem has a line of its own, and nothing is made while there is one.",
        action="Do what each of these lines says, then give the command again. The line 960003 that follows has exit "
        "code 5.",
    ),
    Explanation(
        messages.CAUTION,
        cause="create, canextend, extend or plan found something that is not as it is advised to be; the line says "
        "what, then what to do. Nothing is refused because of it. Of check, quickCheck and monitor: the Elastic IP "
        "is not here, and would take the place of another address if it came. Of remove, release and an agent's "
        "stop: an Elastic IP was on the private address that they let go of.",
        action="Do what the line says, on every node, or decide to live with it.",
    ),
    Explanation(
        messages.CREATED,
        cause="create has made the resource in LifeKeeper. ISP: EC2 shows that this node holds the address already, "
        "so it is in service. OSU: it does not, so the resource is out of service.",
        action="Extend it to another system, or it protects nothing: `ec2kit extend ec2-ip-vip --to node2`. When it "
        "is OSU, bring it into service: `ec2kit in-service ec2-ip-vip`.",
    ),
    Explanation(
        messages.TRAFFIC_HERE,
        cause="No interface was named at create, and the address is on one of this node's that is not the one of "
        "its default route. The resource gets the interface that has the traffic.",
        action="None. If another interface is meant, delete the resource and name it at create with `--interface`.",
    ),
    Explanation(
        messages.KEY_KEPT,
        cause="An access key was given to this system, EC2 answered a call that it signed, and it is now in the "
        "kit's own credentials file, which only root can read. Its secret is nowhere else.",
        action="None. Every system that the resource is extended to needs its own: `ec2kit key ec2-ip-vip "
        "--access-key-id AKIAIOSFODNN7EXAMPLE` on each.",
    ),
    Explanation(
        messages.KEY_DROPPED,
        cause="The resource was deleted or unextended on this system, so its access key was removed from the kit's "
        "credentials file. IAM still knows the key.",
        action="When no other system uses the key, delete it in IAM: `aws iam delete-access-key --access-key-id "
        "AKIAIOSFODNN7EXAMPLE`.",
    ),
    Explanation(
        messages.HISTORY_LOST,
        cause="The result of the run could not be written into the folder of EC2KIT_HISTORY (default "
        "/var/lib/ec2kit); the line says why. This does not affect the run itself.",
        action="None for the resource. If `ec2kit status` is to tell the last actions, let root write in that "
        "folder.",
    ),
    Explanation(
        messages.DISPLACED_BEFORE,
        cause="The Elastic IP has left this node. When it came, other addresses were on its private address and lost "
        "their place (960025, 960048). The kit does not give it back to them.",
        action="If one of them is still needed, associate it again: `aws ec2 associate-address --allocation-id "
        "eipalloc-1 --network-interface-id eni-1 --private-ip-address 10.0.1.11`. A public address of Amazon's own "
        "(960048) cannot be brought back. Otherwise none.",
    ),
    Explanation(
        messages.AMAZONS,
        cause="At launch EC2 gave the instance a public address of Amazon's own (AWS calls it auto-assigned), on the "
        "private address that our Elastic IP is about to get. EC2 takes it back then, for good.",
        action="If something uses that address, tell it the new one, or give the Elastic IP a private address of its "
        "own (--private-ip). With displace=false nothing is displaced. Otherwise none.",
    ),
    Explanation(
        messages.LEFT_OUT,
        cause="An AWS file (configuration, credentials, certificate authorities) could be written by other users "
        "than root and the one who runs the kit: by its mode, its owner, or those of a folder above it. Root would "
        "act with what they write, so it is left out, as if it were not there.",
        action="Do what the line says. Until then the kit acts as if the file were not there: its profiles are not "
        "found, and the instance's role is used where no profile is named. In the place of certificate authorities "
        "of your own, those that come with botocore are used.",
    ),
    Explanation(
        messages.EXPOSED,
        cause="The file with the access key that is used can be read by other users of this machine.",
        action="Do what the line says, and give the resource a new key: who has read the old one can use it "
        "anywhere. `ec2kit key ec2-ip-vip --access-key-id ID` gives one to a resource of LifeKeeper's.",
    ),
    Explanation(
        messages.ANOTHERS,
        cause="Two resources on this node have the same Elastic IP. This one is stopped, but the other one took the "
        "address later and needs it. So nothing is released.",
        action="Delete one of the two. `ec2kit release eip 203.0.113.10` lets go of the address all the same.",
    ),
    Explanation(
        messages.WAY,
        cause="With whose credentials the run's calls are signed, and which way they go: the URL, and the proxy of "
        "HTTPS_PROXY where NO_PROXY does not name the host. quickCheck and a recurring monitor do not tell it.",
        action="None. When it is not what you expect, look for a key in AWS's credentials file or in a variable: "
        "it comes before the instance's role. docs/aws.md tells the order.",
    ),
    Explanation(
        messages.LEFT_BEHIND,
        cause="The resource was given another address while Pacemaker did not know any more that the old one was "
        "running here, as after a cleanup. So it has never stopped the old one, and EC2 still has it on this node.",
        action="If nothing else needs the old address, let go of it with the line's command, on this node.",
    ),
    Explanation(
        messages.REMEMBERED,
        cause="Pacemaker has called the agent without the resource's parameters (of one that was deleted after a "
        "cleanup), or with such as cannot be used. This node has written down what it holds, and goes by that. The "
        "line 960001 or 960002 behind it tells what became of it.",
        action="None for a resource that was deleted. Otherwise put the parameter right that the line names.",
    ),
    Explanation(
        messages.NO_TRACE,
        cause="`crm resource trace` is on for the resource, and the file or its folder cannot be made.",
        action="Name another folder (`crm resource trace vip monitor 0 /var/log/trace`), or switch it off: `crm "
        "resource untrace vip`. The action itself is done as ever.",
    ),
    Explanation(
        messages.TAKEN_FROM,
        cause="The address was taken, and this is who had it: the network interface, its instance with the tag Name, "
        "and the instance's state.",
        action="None. Without the right to DescribeInstances, name and state are left out.",
    ),
)
