"""The log: LifeKeeper's line format, to standard error always and to syslog where there is one.

    LEVEL:ec2:action:tag:NNNNNN:text

Syslog: tag LifeKeeper, facility local6, as LifeKeeper's own programs (LKSYSLOGTAG, LKSYSLOGSELECTOR), or
the tag and facility of the engine that calls. A quiet run has one line, as ec2kit's.
"""

from __future__ import annotations

import errno
import logging
import logging.handlers
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ec2kit.core import messages
from ec2kit.core.messages import Level, Message
from ec2kit.core.repetition import Said, once_more
from ec2kit.core.words import one_line
from ec2kit.host import files

SYSLOG_SOCKET = "/dev/log"
_SYSLOG_SECONDS = 0.2  # a syslog daemon that hangs must not hold a failover up
_SEVERITY = {  # syslog's own numbers; the base class knows no NOTIFY and would call it a warning
    Level.INFO: logging.handlers.SysLogHandler.LOG_INFO,
    Level.NOTIFY: logging.handlers.SysLogHandler.LOG_NOTICE,
    Level.WARN: logging.handlers.SysLogHandler.LOG_WARNING,
    Level.ERROR: logging.handlers.SysLogHandler.LOG_ERR,
}
_ALWAYS = {messages.BEGIN, messages.END_OK, messages.END_FAILED, messages.EVENT_SENT}  # each tells of one run
_DIFFERS = {"seconds": 0.0, "number": 0}  # from one run, or round, to the next: the line is the same all the same


@dataclass(frozen=True)
class Sender:
    """What syslog calls the writer."""

    tag: str
    facility: int


LIFEKEEPER = Sender("LifeKeeper", logging.handlers.SysLogHandler.LOG_LOCAL6)


def daemon(tag: str) -> Sender:
    """A daemon of that name."""
    return Sender(one_line(tag), logging.handlers.SysLogHandler.LOG_DAEMON)


class Journal:
    """Writes catalogue messages for one action on one resource. least: the lowest level that is shown.

    trace: a file that gets every line with its time, also those that need not be told again.
    past: the lines of former runs that need not be told again so soon, by number and text; None: each line is told.
    said: those of this run.
    """

    def __init__(
        self,
        action: str,
        tag: str,
        *,
        least: Level = Level.INFO,
        sender: Sender | None = LIFEKEEPER,
        trace: Path | None = None,
    ) -> None:
        self.action = action
        self.tag = one_line(tag)
        self.past: dict[str, Said] | None = None
        self.said: dict[str, Said] = {}
        self._logger = logging.Logger("ec2kit", level=least)  # noqa: LOG001  one per run, inherits nothing
        self._show = logging.StreamHandler(sys.stderr)
        self._show.setFormatter(logging.Formatter("%(message)s"))
        self._logger.addHandler(self._show)
        if sender and (syslog := _syslog(sender)):
            self._logger.addHandler(syslog)
        self._trace: int | None = None
        if trace:
            try:
                self._trace = files.begin(trace)
            except OSError as error:
                self.say(messages.NO_TRACE, file=trace, why=error.strerror or "unknown")

    def say(self, message: Message, **facts: object) -> None:
        """Log one message; each line of its own text, and of a trace, becomes a line of the log."""
        facts = {
            name: value if isinstance(value, int | float) or message is messages.INTERNAL else one_line(value)
            for name, value in facts.items()
        }
        text = message.text.format(action=self.action, tag=self.tag, **facts)
        self._write_trace(message, text)
        if not self._logger.isEnabledFor(message.level):
            return
        if self.past is not None and message not in _ALWAYS:
            same = message.text.format(action=self.action, tag=self.tag, **facts | _DIFFERS)
            line = f"{message.number:06d} {same}"
            known, tell = once_more(self.said.get(line) or self.past.get(line), time.time())
            self.said[line] = known
            if not tell:
                return
            if known.times > 1:
                text += f" ({known.times} times since {clock(known.since)})"
        self._tell(message, text)

    def _tell(self, message: Message, text: str) -> None:
        for line in text.splitlines() or [""]:
            self._logger.log(message.level, "%s", self._line(message, line))

    def _line(self, message: Message, text: str) -> str:
        return f"{message.level.name}:ec2:{self.action}:{self.tag}:{message.number:06d}:{one_line(text)}"

    def _write_trace(self, message: Message, text: str) -> None:
        if self._trace is None:
            return
        now = time.time()
        at = f"{clock(now)}.{int(now % 1 * 1000):03d}"
        lines = (f"{at} {self._line(message, line)}\n" for line in text.splitlines())
        with suppress(OSError):  # a full disk: the log has what matters
            os.write(self._trace, "".join(lines).encode(errors="backslashreplace"))


class Quiet(Journal):
    """The log of a run that tells one line, by `conclude`, with the warnings of the run in it.

    Under systemd, standard error is the journal: it has the line once, from there, with its severity. A bug's trace
    is told as ever.
    """

    def __init__(self, action: str, tag: str) -> None:
        journals = _is_journal(sys.stderr)
        super().__init__(action, tag, least=Level.NOTIFY, sender=None if journals else daemon("ec2kit"))
        self._warnings: dict[str, None] = {}
        if journals:
            self._show.setFormatter(_Prioritized())

    def conclude(self, level: Level, text: str) -> None:
        """Tell the one line."""
        self._logger.log(level, "%s", one_line(" ".join((text, *self._warnings))))

    def _tell(self, message: Message, text: str) -> None:
        if message is messages.INTERNAL:
            super()._tell(message, text)
        elif message.level >= Level.WARN:
            self._warnings[f"[{message.number:06d}: {text}]"] = None


class _Prioritized(logging.Formatter):
    """A line for the journal, which reads the severity at its beginning (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_SEVERITY[Level(record.levelno)]}>{super().format(record)}"


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd reads the stream for its journal. Programs that it starts are told so by JOURNAL_STREAM."""
    try:
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file of the system's
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"


def clock(seconds: float) -> str:
    """A time of day here, of seconds since 1970; a dash for one outside of every calendar, as garbage may have it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "-"


def tell(text: str) -> None:
    """Print one line for a person."""
    sys.stdout.write(f"{one_line(text)}\n")


class _Syslog(logging.handlers.SysLogHandler):
    """Syslog that never holds a failover up: the base class waits for ever for a daemon that does not read."""

    socket: socket.socket  # the base class's, documented only in its source, as the method that makes it
    broken = False

    def _connect_unixsocket(self, address: str) -> None:
        """Connect, to a datagram socket or to a stream; raises OSError, soon."""
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            self.socket = socket.socket(socket.AF_UNIX, kind)
            self.socket.settimeout(_SYSLOG_SECONDS)
            try:
                self.socket.connect(address)
            except OSError as error:
                self.socket.close()
                if error.errno != errno.EPROTOTYPE:  # it is of the other kind
                    raise
            else:
                return
        raise OSError(errno.EPROTOTYPE, "neither a datagram socket nor a stream")

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
    tag = sender.tag.replace("%", "%%")
    handler.setFormatter(logging.Formatter(f"{tag}[{os.getpid()}]: %(message)s"))
    return handler
