"""The kit's own messages: numbers, texts, and per message the level it is logged at. Pure.

The numbers are ec2kit's, not SIOS's. A number never changes its meaning and is never used again.
ec2kit.console.catalogue tells why each is logged, and what to do about it; no action imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """LifeKeeper's log levels, valued as the `logging` module's."""

    INFO = 20
    NOTIFY = 25
    WARN = 30
    ERROR = 40


@dataclass(frozen=True)
class Message:
    """One catalogue entry; `text` is a str.format template, filled by keyword."""

    number: int
    level: Level
    text: str


RETIRED = frozenset({960023, 960031})  # numbers of messages that were given up

BEGIN = Message(960001, Level.INFO, 'BEGIN {action} of "{tag}"')
END_OK = Message(960002, Level.INFO, 'END successful {action} of "{tag}" after {seconds:.1f} s: {what}')
END_FAILED = Message(960003, Level.ERROR, 'END failed {action} of "{tag}" after {seconds:.1f} s: {why}')
END_UNKNOWN = Message(
    960004,
    Level.WARN,
    'END {action} of "{tag}" after {seconds:.1f} s without an answer; not a failure, {then}: {why}',
)
END_MISCONFIGURED = Message(
    960005, Level.ERROR, 'END {action} of "{tag}" after {seconds:.1f} s: a person must act: {why}'
)
INTERNAL = Message(960006, Level.ERROR, "internal error, please report it:\n{trace}")
USAGE = Message(960007, Level.ERROR, "{why}")
FAILED = Message(960008, Level.ERROR, "{why}")
NO_VERDICT = Message(960009, Level.ERROR, "{why}")

SETTING_IGNORED = Message(960010, Level.WARN, "{file}: {warning}")
DEFAULTS_UNREADABLE = Message(960011, Level.WARN, "{file} cannot be read ({why}); every setting has its default")
PARAMETER_IGNORED = Message(960012, Level.WARN, "the parameter {name} of another agent is ignored")

ANSWERED = Message(960016, Level.NOTIFY, "there is an answer again, after {times} runs without one since {since}")

LOCATED = Message(960020, Level.INFO, "this node is {node} in {vpc}, {region}")
STEP = Message(960021, Level.NOTIFY, "{step}")
STEP_REFUSED = Message(960022, Level.WARN, "could not {step}: {why}")
LOOK_AGAIN = Message(960024, Level.WARN, "{why} Trying again, round {number} {most}")
DISPLACED = Message(960025, Level.WARN, "Elastic IP {other} is on {private_ip} of {eni}; {public_ip} takes its place")
TABLE_GONE = Message(960026, Level.WARN, "recorded route table {table} no longer exists; ignored")
SUSPECT = Message(960027, Level.INFO, "a look shows a loss ({why}); looking once more to be sure")
LINK_REPAIR = Message(
    960028,
    Level.WARN,
    "{interface} has no link; it goes down for {seconds} s and up again, with every address on it",
)
LINK_UP = Message(960029, Level.NOTIFY, "{interface} has link again after {seconds:.0f} s")
ROUTE_STAYS = Message(
    960030, Level.INFO, "routes to {destination} stay as they are: the node that takes over moves them"
)
EVENT_SENT = Message(960032, Level.WARN, 'recovery event {event_class}/{event} sent for "{tag}"')
EVENT_FAILED = Message(960033, Level.ERROR, 'could not send the recovery event for "{tag}": {why}')
ALREADY_DELETED = Message(960034, Level.INFO, '"{tag}" is not on this system: nothing to undo')
NOT_REMEMBERED = Message(960035, Level.WARN, "could not write down what this node has last seen: {why}")
THROTTLED = Message(
    960036,
    Level.WARN,
    "EC2 throttles {operation}: the account has used up its calls; sent again while there is time",
)

FOREIGN = Message(
    960037, Level.WARN, "an entry for {destination} was not made by hand, so it is left as it is: {entry}"
)
CONFIRM = Message(960038, Level.INFO, "{what} at the first look; looking once more, for one look of EC2's can be old")
WITNESS = Message(
    960039,
    Level.NOTIFY,
    "EC2 cannot be asked any more ({why}); the instance metadata show that this node no longer has {public_ip}",
)

PROBLEM = Message(960040, Level.ERROR, "{problem}")
CAUTION = Message(960041, Level.WARN, "{problem}")
CREATED = Message(960042, Level.NOTIFY, '"{tag}" created on {system}: {resource} on {interface}, {state}')
TRAFFIC_HERE = Message(
    960043, Level.INFO, "{resource} is on this node now, and its interface is used: {node} in {vpc}, {region}"
)
KEY_KEPT = Message(960044, Level.NOTIFY, "EC2 accepted the access key; saved as [{profile}] in {file}")
KEY_DROPPED = Message(960045, Level.NOTIFY, "the access key of [{profile}] was removed from {file}")
HISTORY_LOST = Message(960046, Level.INFO, "this run is not recorded in the history: {why}")
DISPLACED_BEFORE = Message(
    960047, Level.WARN, "{public_ip} had taken the place of {others} here, and that is not given back"
)
AMAZONS = Message(
    960048,
    Level.WARN,
    "{other}, a public address of Amazon's own, is on {private_ip} of {eni}; {public_ip} takes its place, and it "
    "does not come back",
)
LEFT_OUT = Message(960049, Level.WARN, "{file} is not used, because others can change it: {why}")
EXPOSED = Message(960050, Level.WARN, "{file} has credentials: {why}")
ANOTHERS = Message(960051, Level.WARN, "{resource} stays on this node: {holder} has taken it here since")
WAY = Message(960052, Level.INFO, "EC2 is asked at {url}{proxy}, signed with {whose}")
LEFT_BEHIND = Message(
    960053,
    Level.WARN,
    "{resource} was taken here for this resource, which names another address now; it stays on this node until "
    "'ec2kit release {kind} {address}'",
)
REMEMBERED = Message(
    960054, Level.WARN, "{why} This node remembers that it is about {resource}{eni}, and goes by that"
)
TAKEN_FROM = Message(960056, Level.INFO, "{resource} was on {elsewhere} before")
NO_TRACE = Message(960055, Level.WARN, "the trace cannot be written to {file}: {why}")
