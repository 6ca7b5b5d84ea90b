"""The table of parameters in docs/reference.md."""

from __future__ import annotations

import pytest

from ec2kit.console import parameters
from lab import PROJECT


def test_the_page_has_the_table_of_the_kinds_as_they_are() -> None:
    """Otherwise `make docs` makes it so."""
    text = (PROJECT / "docs/reference.md").read_text()
    assert parameters.page(text) == text
    assert parameters.table() in text


def test_a_page_without_a_place_for_it_is_refused() -> None:
    """Nothing is printed then, so the page is not replaced."""
    with pytest.raises(ValueError, match="0 places"):
        parameters.page("# Reference\n")
