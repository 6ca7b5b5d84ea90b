"""What the lines of a shell script assign, as sh would, without running them. Pure.

Read are `A=5 B='x y'`, `export A=5`, `A=5; export A` and `unset A`. What sh would have to expand or to run is told,
and the setting keeps the value that it had.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

_EDITORS = re.compile(r"\A\ufeff|\0|(?<!\r)\r+(?=\n|\Z)")  # what they leave and do not show
_SPACE = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_OPERATOR = re.compile(r"\n|&&|\|\||;;|<<-?|[<>][&>|]?|[;&|()]")
_LITERAL = re.compile(r"[^ \t\n;&|()<>'\"\\$`]+")
_NO_EXPANSION = re.compile(r"[^\\$`]*(?:\\.[^\\$`]*)*", re.DOTALL)
_ESCAPED = re.compile(r'\\(?:([$`"\\])|\n)')  # in double quotes; any other backslash there is itself
_NEST = re.compile(r"\$?\(|\$\{|[\"`]")
_HOME = re.compile("[=:]~")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNED = re.compile(f"({_NAME.pattern})=")
_OPENS = {"if": "fi", "while": "done", "until": "done", "for": "done", "case": "esac", "{": "}", "(": ")"}
_GOES_ON = {"then", "elif", "else", "do", "!", "if", "while", "until", "{", "(", ")"}  # then a command begins
_GO_ON_ALONE = {"then", "elif", "else", "do", "fi", "done", "esac", "}", ")", "local"}  # errors where nothing is open
_SEPARATORS = {";", "&", "|", "&&", "||", ";;"}


class Assignment(NamedTuple):
    """A value, and the number of the line that it stands in."""

    value: str
    line: int


class _Token(NamedTuple):
    """A word or an operator, and its lines. value: of a word that sh does not expand. open: a quote has no end."""

    raw: str
    line: int
    last: int
    value: str | None = None
    open: bool = False

    @property
    def name(self) -> str:
        """What it assigns to; empty: it does not."""
        found = _ASSIGNED.match(self.raw)
        return found[1] if found else ""


def assignments(text: str, known: Collection[str]) -> tuple[dict[str, Assignment], list[str]]:
    """What the text assigns to these names, the last one each, and the warnings, each with its line.

    A byte-order mark, a NUL, a carriage return at a line's end: left out, with a warning where a name is set. Behind
    an error, such as a quote that has no end, sh reads nothing more; here the lines are read, with a warning.
    """
    given: dict[str, Assignment] = {}
    warnings: list[str] = []
    odd = {number for number, line in enumerate(text.split("\n"), 1) if _EDITORS.search(line)}
    mentioned = re.compile(rf"(?:(?<![\w$])(?<!\$\{{)|(?<=\$\{{)(?=\w+:?=))({'|'.join(known)})(?!\w)", re.ASCII)
    inside: list[str] = []  # the words that end the conditions, loops and functions that are open
    ended, lost = False, ""  # by an exit; behind what sh reads nothing more

    for line in _lines(_EDITORS.sub("", text)):
        broken = "" if inside else next((f"line {each.line}, where sh gives up" for each in _broken(line)), "")
        lost = lost or next((f"the quote of line {each.line}, which has no end" for each in line if each.open), "")
        parts = _parts(line)
        if inside or ended or not all(map(_only_assigns, parts)):
            why = "stands in a condition, a loop or a function" if inside else "is not a plain value"
            names = {name: word.line for word in reversed(line) for name in mentioned.findall(word.raw)}
            warnings += _ignored(names, "stands behind an exit" if ended else why)
            for word in _commands(line, inside):
                if word.raw in {".", "source", "eval"}:
                    warnings += _ignored({f"'{word.raw}'": word.line}, "may assign what is not known")
                ended = ended or (word.raw in {"exit", "return"} and not {")", "}"} & {*inside})
            lost = lost or broken
            continue
        for first, word in ((part[0].raw, word) for part in parts for word in part):
            name, value = word.name, word.value
            if first == "unset":
                given.pop(word.raw, None)
            elif name in known and value is not None and value.isprintable() and "\ufffd" not in value:
                given[name] = Assignment(value.removeprefix(f"{name}="), word.line)
                seen = (
                    "with a byte-order mark, NUL or carriage return"
                    if odd & {*range(word.line, word.last + 1)}
                    else ""
                )
                warnings += [
                    f"line {word.line}: {name} is used, but stands {what}"
                    for what in (lost and f"behind {lost}", seen)
                    if what
                ]
            elif name in known or value is None or "\n" in value:
                warnings += _ignored(dict.fromkeys(mentioned.findall(word.raw), word.line), "is not a plain value")
    return given, warnings


def _ignored(names: Mapping[str, int], why: str) -> list[str]:
    """The warnings of names, with their lines, that keep the value that they had."""
    return [
        f"line {line}: {name} {why} (this file is never executed); the line is ignored"
        for name, line in names.items()
    ]


def _parts(line: list[_Token]) -> list[list[_Token]]:
    """What stands between the semicolons; behind the last one there need be nothing."""
    parts: list[list[_Token]] = [[]]
    for token in line:
        if token.raw == ";":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts if parts[-1] else parts[:-1]


def _only_assigns(part: list[_Token]) -> bool:
    """Whether a command does nothing else."""
    if part and (first := part[0].raw) in {"export", "unset"}:
        return all(_NAME.fullmatch(each.raw) or (each.name and first == "export") for each in part[1:])
    return bool(part) and all(each.name for each in part)


def _broken(line: list[_Token]) -> Iterator[_Token]:
    """Where sh ends with an error, as far as words alone show it."""
    before: list[str] = []  # the words of the command so far
    for token in line:
        word = token.raw
        begins = all(map(_ASSIGNED.match, before))
        if begins and word in _OPENS:
            return
        if word in _SEPARATORS - {";;"} and before:
            before = []
            continue
        operand = before[:1] in (["export"], ["readonly"], ["unset"])
        stray = word in _SEPARATORS or (begins and word in _GO_ON_ALONE)
        if stray or (operand and not (token.name or word == "-p" or _NAME.fullmatch(word))):
            yield token
        before.append(word)


def _commands(line: list[_Token], inside: list[str]) -> Iterator[_Token]:
    """The words that begin a command. Keeps `inside` meanwhile: the words that end what is open."""
    begins, redirected = True, False
    for token in line:
        word = token.raw
        if redirected or token.name or word[0] in "<>":  # what may stand before a command
            redirected = bool(_OPERATOR.fullmatch(word))
        elif word in _SEPARATORS:
            begins = True
        elif word in {"(", ")"} or (begins and word in {*_OPENS, *_OPENS.values(), *_GOES_ON}):
            if word == (inside or [""])[-1]:
                inside.pop()
            elif word in _OPENS:
                inside.append(_OPENS[word])
            begins = word in _GOES_ON
        else:
            if begins:
                yield token
            begins = False


def _lines(text: str) -> Iterator[list[_Token]]:
    """The tokens line by line; a line that goes on in the next one is one with it."""
    line: list[_Token] = []
    for token in _tokens(text):
        ends = [each.raw for each in line[-2:]]
        if token.raw != "\n":
            line.append(token)
        elif ends[-1:] not in (["&&"], ["||"], ["|"]) and ends != ["(", ")"]:
            yield line
            line = []
    yield line


def _tokens(text: str) -> Iterator[_Token]:
    """Words, operators, line ends, and each here-document as a token that begins with its operator."""
    at, number, stop = 0, 1, len(text)  # stop: no quote goes on behind it; the line's end, once one has no end
    marks: list[re.Pattern[str]] = []  # the last lines of the here-documents that begin behind this line
    operator = ""
    while at < len(text):
        begin, at = at, _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
        number += text.count("\n", begin, at)
        stop = _line_end(text, at) if stop < len(text) else stop
        begin, value, left_open = at, None, False
        if found := _OPERATOR.match(text, at):
            at = found.end()
            for mark in marks if found[0] == "\n" else ():
                ended = mark.search(text, at)
                body, at = text[at : ended.start() if ended else None], ended.end() if ended else len(text)
                yield _Token(f"<<{body}", number + 1, number + 1)
            marks = marks if found[0] != "\n" else []
        else:
            try:
                at, value = _word(text, at, stop)
            except ValueError:
                at = stop = _line_end(text, at)
                left_open = True
        raw = found[0] if found else text[begin:at].replace("\\\n", "")
        last = number + text.count("\n", begin, at)
        if raw:
            yield _Token(raw, number, last, value, left_open)
        if operator.startswith("<<") and not found:
            indent, word = r"\t*" if operator == "<<-" else "", re.escape(re.sub(r"['\"\\]", "", raw))
            marks.append(re.compile(f"^{indent}{word}$", re.MULTILINE))
        operator, number = raw if found else "", last


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _word(text: str, at: int, stop: int) -> tuple[int, str | None]:
    """Where the word ends, and its value; None where sh expands something. Raises ValueError: a quote has no end."""
    value, plain = [""], True
    while at < len(text):
        if found := _LITERAL.match(text, at):
            at = found.end()
            plain = plain and not _HOME.search(value[-1][-1:] + found[0])
            value.append(found[0])
        elif text[at] == "\\":
            value.append(text[at + 1 : at + 2].replace("\n", "") if at + 1 < len(text) else "\\")
            at += 2
        elif text[at] == "'":
            end = text.index("'", at + 1, stop)
            value.append(text[at + 1 : end])
            at = end + 1
        elif text[at] in '"`$':
            begin, at = at, _behind(text, at, stop)
            plain = plain and text[begin] == '"' and bool(_NO_EXPANSION.fullmatch(text, begin + 1, at - 1))
            value.append(_ESCAPED.sub(lambda escaped: escaped[1] or "", text[begin + 1 : at - 1]))
        else:
            break
    return at, "".join(value) if plain else None


def _behind(text: str, at: int, stop: int) -> int:
    """Where what begins with a double quote, a backquote or a dollar has ended. Raises ValueError: nowhere."""
    closing: list[str] = []
    while True:
        char, top = text[at], closing[-1] if closing else ""
        if char == "\\" and top:
            at += 1
        elif char == top:
            closing.pop()
        elif top != "`" and (found := _NEST.match(text, at)) and (found[0] != "(" or top == ")"):
            at = found.end() - 1
            closing.append({"(": ")", "{": "}"}.get(text[at], text[at]))
        elif char == "'" and top not in {"`", '"'}:
            at = text.index("'", at + 1, stop)
        at += 1
        if not closing:
            return at
        if at >= stop:
            raise ValueError(closing)
