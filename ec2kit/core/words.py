"""Texts from outside, as people may see them. Pure."""

from __future__ import annotations


def one_line(text: object) -> str:
    """The text in one line, without anything that a terminal or a reader of logs would act on.

    Control characters, line breaks, marks that turn the direction of writing and bytes that are not text become `?`.
    """
    return "".join(char if char.isprintable() else "?" for char in str(text))
