"""What is checked of this host, beside the way to EC2: addresses, routes, services, other engines' files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ec2kit.core.doctor.asked import File, Here, Library, Output, Sight, Writers
from ec2kit.core.doctor.finding import Case
from ec2kit.core.errors import KitError, Problem
from ec2kit.core.kinds.facts import Facts
from ec2kit.core.settings import Budget

_TAKES_AWAY = {  # units that remove addresses which EC2 has not given: how to keep them off
    "nm-cloud-setup.timer": "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service",
    "nm-cloud-setup.service": "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service",
    "cloud-netconfig.timer": "systemctl disable --now cloud-netconfig.timer, or CLOUD_NETCONFIG_MANAGE=no for it",
    "refresh-policy-routes@{interface}.timer": "systemctl disable --now refresh-policy-routes@{interface}.timer",
}
ADDRESSES = Output(("ip", "-4", "-o", "addr", "show"))
_ADDRESS_FIELDS = 4  # of a line: number, interface, family, address with its mask
_SOMEWHERE = "192.0.2.1"  # an address that is outside of every network
_NO_LINK = {"down", "lowerlayerdown", "notpresent"}
KEEPALIVED = File("/etc/keepalived/keepalived.conf")
UNITS = Output(
    (
        *("systemctl", "show", "--property=Id,TimeoutStartUSec,TimeoutStopUSec,ExecStart,ExecStop"),
        *("ec2kit@*.service", "ec2kit-check@*.service"),
    )
)
_SPANS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def takers(_case: Case, facts: Facts) -> list[Problem] | None:
    """Services of the distribution that set the interface to what EC2 tells of it."""
    interface = facts.of(Here()).interface or "eth0"
    units = {unit.format(interface=interface): cure.format(interface=interface) for unit, cure in _TAKES_AWAY.items()}
    told = facts.of(Output(("systemctl", "show", "--property=Id,ActiveState,UnitFileState", *units)))
    if "Id=" not in (told or ""):  # another init than systemd
        return None
    problems = {}
    for state in _blocks(told or ""):
        unit = state.get("Id", "")
        if unit in units and (state.get("ActiveState") == "active" or state.get("UnitFileState") == "enabled"):
            what = f"{unit} is on: it takes addresses off the interface that EC2 does not know, such as a virtual IP"
            problems[units[unit]] = Problem(what, units[unit], fatal=False)
    return list(problems.values())


def reverse_path(case: Case, facts: Facts) -> list[Problem] | None:
    """rp_filter 1 drops what comes in by another interface than the one by which the answer would leave."""
    if case.resource is None or not case.resource.stays:
        return None
    node = facts.of(Here())
    names = ["all", node.interface or "eth0"]
    told = [facts.of(File(f"sys/net/ipv4/conf/{name}/rp_filter")) for name in names]
    if None in told or len(node.names) == 1:
        return None if None in told else []
    strict = max(int(each or 0) for each in told if str(each).strip().isdigit()) == 1
    what = (
        f"rp_filter of {names[1]} is strict, and this node has several interfaces: packets for "
        f"{case.resource.address} may be dropped"
    )
    return (
        [Problem(what, f"sysctl -w net.ipv4.conf.{names[1]}.rp_filter=2, and put it into /etc/sysctl.d")]
        if strict
        else []
    )


# ---- the address on this host's interfaces


def _places(case: Case, facts: Facts) -> dict[str, str] | None:
    """The interfaces of this host that have the address, each with the mask; None where that is not told.

    An Elastic IP is on none: EC2 translates it.
    """
    if case.resource is None or case.resource.public:
        return None
    rows = [line.split() for line in (facts.of(ADDRESSES) or "").splitlines()]
    told = [row for row in rows if len(row) >= _ADDRESS_FIELDS and row[2] == "inet"]
    if not told:
        return None
    split = [(row[1], *row[3].partition("/")) for row in told]
    return {interface: mask for interface, address, _, mask in split if address == case.resource.address}


def _held(case: Case, facts: Facts) -> bool | None:
    """Whether EC2 sends the address to this node; None where that is not known."""
    if case.resource is None:
        return None
    view = facts.of(Sight(case.resource))
    try:
        return not view.lost
    except KitError:  # told by another check
        return None


def not_on_interface(case: Case, facts: Facts) -> list[Problem] | None:
    """What EC2 sends here is dropped unless this host has the address."""
    places = _places(case, facts)
    if places is None or case.resource is None or not _held(case, facts):
        return None
    interface = facts.of(Here()).interface or "eth0"
    what = f"EC2 sends {case.resource.address} to this node, which has it on none of its interfaces: it is dropped"
    cure = (
        "Start what puts it there (IPaddr2, LifeKeeper's IP resource, keepalived); by hand: "
        f"ip addr add {case.resource.address}/32 dev {interface}"
    )
    return [] if places else [Problem(what, cure)]


def on_interface(case: Case, facts: Facts) -> list[Problem] | None:
    """A node that has the address and does not hold it keeps its own packets for it. On lo that may be meant."""
    places = _places(case, facts)
    if places is None or case.resource is None or _held(case, facts) is not False:
        return None
    address = case.resource.address
    return [
        Problem(
            f"this node has {address} on {interface}, and EC2 does not send it here: what calls it from this node "
            "reaches this node",
            f"Where the cluster has it on another node: ip addr del {address}/{mask or 32} dev {interface}",
        )
        for interface, mask in places.items()
        if interface != "lo"
    ]


def way_back(case: Case, facts: Facts) -> list[Problem] | None:
    """Answers leave by the interface that the kernel chooses, and EC2 drops those of another ENI's address."""
    if not _places(case, facts) or case.resource is None:
        return None
    node, address = facts.of(Here()), case.resource.address
    if facts.of(Sight(case.resource)).seat != node.eni or node.interface is None:
        return None  # it is on another interface than this one
    told = facts.of(Output(("ip", "-4", "-o", "route", "get", _SOMEWHERE, "from", address))) or ""
    found = re.search(r" dev (\S+)", told)
    if found is None:
        return None
    what = f"what comes to {address} by {node.interface} is answered by {found[1]}"
    cure = (
        f"ip route add default via GATEWAY dev {node.interface} table 100; ip rule add from {address} table 100; "
        "and have the distribution keep both"
    )
    return [] if found[1] == node.interface else [Problem(what, cure)]


def link_down(case: Case, facts: Facts) -> list[Problem] | None:
    """An interface without link takes no packets, whatever EC2 sends to its ENI."""
    if (interface := facts.of(Here()).interface) is None:
        return None
    state = facts.of(File(f"{case.settings.ec2kit_sysfs}/class/net/{interface}/operstate"))
    if state is None:
        return None
    what = f"{interface} has no link (operstate {state.strip()})"
    return [Problem(what, f"ip link set dev {interface} up")] if state.strip() in _NO_LINK else []


def shapes(_case: Case, facts: Facts) -> list[Problem]:
    """Without the kit's own description of EC2 each run reads botocore's, which is long."""
    version, whole = facts.of(Library())
    what = f"the kit's description of EC2 is not there for botocore {version}: each run takes some 0.1 s longer"
    return [] if whole else [Problem(what, "Run the kit's install again on this node, as after each upgrade")]


# ---- engines that have files and no answers


def keepalived(_case: Case, facts: Facts) -> list[Problem] | None:
    """keepalived runs the kit's script, as root, also after a reload."""
    lines = [re.split("[#!]", line)[0].split() for line in (facts.of(KEEPALIVED) or "").splitlines()]
    words = [line for line in lines if line]
    script = next(
        (line[1].strip('"') for line in words if "ec2kit" in "".join(line[1:2]) and not line[0].endswith("fifo")),
        None,
    )
    if script is None:
        return None
    at = {name: number for number, (name, *_) in reversed([*enumerate(words)])}
    fifo = min((at[name] for name in at if name.endswith("notify_fifo")), default=len(words))
    problems = []
    for name, line in (("script_user", "script_user root"), ("enable_script_security", "enable_script_security")):
        if at.get(name, fifo) >= fifo:
            lack = "is behind the FIFO, which is lost at a reload then" if name in at else "is missing"
            cure = f"Put the line {line} into global_defs of {KEEPALIVED.path}, above vrrp_notify_fifo"
            problems.append(Problem(f"{name} {lack}", cure))
    if facts.of(File(script)) is None:
        cure = f"install -m 755 /opt/ec2kit/etc/keepalived/ec2kit-notify {script}"
        problems.append(Problem(f"{script}, which keepalived is to run, is not there", cure))
    elif why := facts.of(Writers(script)):
        problems.append(
            Problem(f"keepalived does not run {script}: {why}", f"chown root {script}; chmod 755 {script}")
        )
    return problems


def units(case: Case, facts: Facts) -> list[Problem] | None:
    """systemd gives a run of the kit's more time than the kit takes, so that it ends by itself and says why."""
    problems, seen = [], False
    for unit in _blocks(facts.of(UNITS) or ""):
        if not unit.get("Id", "").startswith("ec2kit"):
            continue
        seen = True
        for name, budget in (("Start", Budget.RESTORE), ("Stop", Budget.REMOVE)):
            command = unit.get(f"Exec{name}", "")
            own = re.search(r" --timeout[ =]([0-9]+)", command)
            wanted = float(own[1]) if own else float(case.settings.seconds(budget))
            given = _span(unit.get(f"Timeout{name}USec", ""))
            if command and given is not None and given <= wanted:
                what = f"systemd ends {unit['Id']} after {given:g} s, and the kit takes up to {wanted:g} s"
                cure = f"systemctl edit {unit['Id']}: [Service] Timeout{name}Sec={wanted + 10:g}"
                problems.append(Problem(what, cure))
    return problems if seen else None


def _blocks(told: str) -> Iterator[Mapping[str, str]]:
    """What `systemctl show` tells of each unit."""
    for block in told.split("\n\n"):
        yield dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _span(text: str) -> float | None:
    """A time such as `2min 30s`, in seconds; None for none, and for what has no end."""
    parts = re.findall(r"([0-9.]+)([a-z]+)", text)
    if not parts or any(unit not in _SPANS for _, unit in parts):
        return None
    return sum(float(number) * _SPANS[unit] for number, unit in parts)
