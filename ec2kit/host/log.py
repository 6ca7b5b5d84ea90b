"""The log: LifeKeeper's line format, to standard error always and to syslog where there is one.

    LEVEL:ec2:action:tag:NNNNNN:text

Syslog: tag LifeKeeper, facility local6, as LifeKeeper's own programs (LKSYSLOGTAG, LKSYSLOGSELECTOR), or
the tag and facility of the engine that calls.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ec2kit.core.messages import Level, Message

SYSLOG_SOCKET = "/dev/log"
_SYSLOG_SECONDS = 0.2  # a syslog daemon that hangs must not hold a failover up
_SEVERITY = {  # syslog's own numbers; the base class knows no NOTIFY and would call it a warning
    Level.INFO: logging.handlers.SysLogHandler.LOG_INFO,
    Level.NOTIFY: logging.handlers.SysLogHandler.LOG_NOTICE,
    Level.WARN: logging.handlers.SysLogHandler.LOG_WARNING,
    Level.ERROR: logging.handlers.SysLogHandler.LOG_ERR,
}


@dataclass(frozen=True)
class Sender:
    """What syslog calls the writer."""

    tag: str
    facility: int


LIFEKEEPER = Sender("LifeKeeper", logging.handlers.SysLogHandler.LOG_LOCAL6)


def daemon(tag: str) -> Sender:
    """A daemon of that name."""
    return Sender(_one_line(tag), logging.handlers.SysLogHandler.LOG_DAEMON)


class Journal:
    """Writes catalogue messages for one action on one resource. least: the lowest level that is shown."""

    def __init__(self, action: str, tag: str, *, least: Level = Level.INFO, sender: Sender = LIFEKEEPER) -> None:
        self.action = action
        self.tag = _one_line(tag)
        self._logger = logging.Logger("ec2kit", level=least)  # noqa: LOG001  one per run, inherits nothing
        show = logging.StreamHandler(sys.stderr)
        show.setFormatter(logging.Formatter("%(message)s"))
        self._logger.addHandler(show)
        if syslog := _syslog(sender):
            self._logger.addHandler(syslog)

    def say(self, message: Message, **facts: object) -> None:
        """Log one message; each line of its text becomes a line of the log."""
        for line in message.text.format(action=self.action, tag=self.tag, **facts).splitlines():
            prefix = f"{message.level.name}:ec2:{self.action}:{self.tag}:{message.number:06d}"
            self._logger.log(message.level, "%s:%s", prefix, line)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


class _Syslog(logging.handlers.SysLogHandler):
    """Syslog that never holds a failover up: the base class waits for ever for a daemon that does not read."""

    socket: Any  # the base class's, documented only in its source
    broken = False

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; after a failure nothing more is sent, for standard error has it all."""
        if self.broken:
            return
        priority = self.encodePriority(self.facility, _SEVERITY[Level(record.levelno)])
        said = f"<{priority}>{self.format(record)}\0"  # the NUL ends a line where the socket is a stream
        try:
            self.socket.sendall(said.encode(errors="backslashreplace"))
        except OSError:
            self.broken = True


def _syslog(sender: Sender) -> _Syslog | None:
    try:
        if not Path(SYSLOG_SOCKET).is_socket():
            return None
        handler = _Syslog(SYSLOG_SOCKET, facility=sender.facility)
    except OSError:  # no syslog daemon: standard error has it all
        return None
    handler.socket.settimeout(_SYSLOG_SECONDS)
    tag = sender.tag.replace("%", "%%")
    handler.setFormatter(logging.Formatter(f"{tag}[{os.getpid()}]: %(message)s"))
    return handler
