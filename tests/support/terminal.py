"""A person at a terminal: reads the screen, presses keys, and sees what a person would see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pexpect
import pyte

from lab.nodes import Node
from tests.support.programs import command

LINES, COLUMNS, PATIENCE = 40, 140, 30
ENTER, DOWN, CTRL_C, CTRL_D, CTRL_U = "\r", "\x1b[B", "\x03", "\x04", "\x15"
_BEGINS = "\x1b[?2004h"  # what prompt_toolkit sends once for every question


class Terminal:
    """`ec2kit create` or another program on a node, in a terminal. shown: every byte that it has shown."""

    def __init__(
        self, node: Node, *command: str, columns: int = COLUMNS, environment: Mapping[str, str] | None = None
    ) -> None:
        environment = {**node.environment, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **(environment or {})}
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=environment,
            cwd=str(node.root),
            dimensions=(LINES, columns),
            timeout=PATIENCE,
            encoding="utf-8",
        )
        self.child.delaybeforesend = None
        self.shown = ""
        self.screen = pyte.Screen(columns, LINES)
        self._stream = pyte.Stream(self.screen)
        self._answered = 0

    def answer(self, question: str, text: str = "", *, anew: bool = False) -> None:
        """Type into a text question behind its default (anew: in place of it), and Enter."""
        self.asked(question)
        self._press((CTRL_U if anew else "") + text + ENTER)

    def choose(self, question: str, title: str = "") -> None:
        """Choose the entry of a list that begins so; by default the one that stands out."""
        self.asked(question)
        entries = self._entries()
        assert any(entry.startswith(title) for entry in entries), f"{title} is none of {entries}"
        while not self._pointed().startswith(title):
            before = self._pointed()
            self.child.send(DOWN)
            self._until(lambda seen=before: self._pointed() in entries - {seen}, "another entry")  # type: ignore[misc]
        self._press(ENTER)

    def interrupt(self, question: str, keys: str = CTRL_C) -> None:
        """Ctrl-C at a question."""
        self.asked(question)
        self._press(keys)

    def asked(self, question: str) -> None:
        """Wait until that question is asked, for the first time since the last answer."""

        def whole() -> bool:
            return "(< goes back):" in self._question() or "Cancel" in self._entries()

        def this() -> bool:
            return self.shown.count(_BEGINS) > self._answered and self._question().startswith(f"? {question}")

        self._until(lambda: this() and whole(), f"the question {question}")

    def sees(self, words: str) -> None:
        """Wait until the screen shows those words."""
        self._until(lambda: words in "".join(self.screen.display), words)

    def ends(self) -> int:
        """Wait for the program's end; its exit code."""
        self._until(lambda: not self.child.isalive() and self.child.flag_eof, "the end")
        self.child.close()
        return int(self.child.exitstatus)

    def _press(self, keys: str) -> None:
        self._answered += 1
        self.child.send(keys)

    def _question(self) -> str:
        return next((line.rstrip() for line in reversed(self.screen.display) if line.startswith("? ")), "")

    def _list(self) -> list[str]:
        """The lines of the list that is open: those below the last question."""
        lines = [line.rstrip() for line in self.screen.display]
        first = max((n for n, line in enumerate(lines) if line.startswith("? ")), default=len(lines))
        return [line for line in lines[first + 1 :] if line]

    def _entries(self) -> set[str]:
        return {line[3:] for line in self._list()}

    def _pointed(self) -> str:
        """The entry that stands out; empty when there is none, or it is being drawn anew."""
        return next((line[3:] for line in self._list() if line.startswith(" > ")), "")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        while not condition():
            try:
                new = self.child.read_nonblocking(65_536, timeout=PATIENCE)
            except pexpect.EOF:
                if condition():
                    return
                self._fail(what)
            except pexpect.TIMEOUT:
                self._fail(what)
            self.shown += new
            self._stream.feed(new)

    def _fail(self, what: str) -> None:
        raise AssertionError(f"waiting for: {what}\n" + "\n".join(self.screen.display))


def wizard(node: Node) -> Terminal:
    """`ec2kit create` on that node, which asks for all."""
    return Terminal(node, command(node), "create")
