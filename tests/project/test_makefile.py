"""`make help` is the list of what there is to make."""

from __future__ import annotations

import re
import subprocess

from lab import PROJECT


def listed() -> tuple[list[str], list[str]]:
    """What `make help` prints: its lines, and the targets in them."""
    done = subprocess.run(
        ["/usr/bin/env", "make", "-s", "help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines(), re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE)


def test_help_lists_each_target_with_a_word_to_it() -> None:
    """No target without a text is in the Makefile, none is told twice, and the list fits 80 columns."""
    lines, targets = listed()
    made = re.findall(r"^([a-z-]+):(?!=)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(targets) == sorted(made)
    assert len(targets) > 15
    assert max(map(len, lines)) <= 80


def test_what_the_documents_tell_to_make_is_there() -> None:
    """Each `make ...` of a page is a target that help lists."""
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]
    told = {
        name for page in pages for name in re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert told - set(listed()[1]) == set()
    assert len(told) > 10
