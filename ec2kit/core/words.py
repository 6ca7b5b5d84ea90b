"""Texts from outside, as people may see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = 0.6  # difflib's measure, from which a word may be meant


def one_line(text: object) -> str:
    """The text in one line, without anything that a terminal or a reader of logs would act on.

    Control characters, line breaks, marks that turn the direction of writing and bytes that are not text become `?`.
    """
    return "".join(char if char.isprintable() else "?" for char in str(text))


def meant(word: str, known: Iterable[str]) -> str:
    """As a question, which known word was meant by one that is not among them; empty where none is like it."""
    from difflib import get_close_matches

    words = {each.lower(): each for each in known}
    begun = [each for each in words if len(word) > 1 and each.startswith(word.lower())]
    near = begun if len(begun) == 1 else get_close_matches(word.lower(), words, 1, _ALIKE)
    return f"Did you mean {words[near[0]]}?" if near else ""
