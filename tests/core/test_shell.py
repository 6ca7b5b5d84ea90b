"""What a script assigns, compared with sh itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ec2kit.core.shell import assignments

NAMES = ("A", "B")
# For each file: its number, whether sh came to its end, and the values. No program is to be found.
EVERY_FILE = """
PATH=/nonexistent
for file in "$@"; do
  (
    unset A B
    end=no
    trap 'printf "%s\\0" "$file" "$end" "${A-}" "${B-}" >&3' EXIT
    . "./$file"
    end=yes
  ) 3>&1 >/dev/null 2>&1 </dev/null
done
"""
Values = dict[str, str]


def by_sh(texts: Sequence[str]) -> list[tuple[Values, bool]]:
    """What sh assigns in each text; whether it came to its end. None of them is empty."""
    with TemporaryDirectory() as folder:
        Path(folder, "other").write_text("A=7")
        for number, text in enumerate(texts):
            Path(folder, f"f{number}").write_bytes(text.encode())
        command = ["/bin/sh", "-c", EVERY_FILE, "sh", *(f"f{number}" for number in range(len(texts)))]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
        words = iter(done.stdout.decode().split("\0"))
    told = {
        name: ({"A": a, "B": b}, end == "yes") for name, end, a, b in zip(words, words, words, words, strict=False)
    }
    return [told[f"f{number}"] for number in range(len(texts))]


def by_us(text: str) -> tuple[Values, list[str]]:
    """The same, and the warnings."""
    found, warnings = assignments(text, NAMES)
    assert all(re.match(r"line ([0-9]+): ", each) for each in warnings)
    return {name: found[name].value if name in found else "" for name in NAMES}, warnings


def differ(text: str, theirs: Values) -> list[str]:
    """The names that have another value than in sh, without a warning."""
    ours, warnings = by_us(text)
    unknown = any(re.match(r"line \d+: '(\.|source|eval)' may assign", each) for each in warnings)
    warned = {name for name in NAMES if unknown or any(re.match(rf"line \d+: {name} ", each) for each in warnings)}
    return [name for name in NAMES if ours[name] != theirs[name] and name not in warned]


READ = [  # nothing that sh would have to expand or to run: the same value, without a warning
    "A=5",
    "A=",
    "A=5\nA=",
    "A=5\nA=6",
    " \tA=5\t ",
    "export A=5",
    "export\tA=5 B=6",
    "export A",
    "A=5; export A",
    "A=5; B=6;",
    "A=5 B=6",
    "A=5 # B=6",
    "A=5;# B=6",
    "#A=5\n# \\\nB=6",
    "# it's\nA=5",
    "A=prod#2",
    "A=http://u:p#q@h:3128",
    "A='#5' B=\\#6",
    "A='a & b; c | d < e > f (g)'",
    'A="a & b; c | d < e > f (g)"',
    "A='$HOME `id` \\'",
    'A="\\$HOME \\`id\\` \\\\ \\" \\x \' #"',
    "A=a'b c'd\"e f\"\\ g",
    "A=''\"\"",
    "A=a\\\nb\nB=6",
    'A="a\\\nb"',
    "A\\\n=5",
    "export \\\n  A=5 \\\n  B=6",
    "A=*",
    "A=[ab]? B={1,2}",
    "A=a=b B==",
    "A=a!b%c^d,e@f:g/h+i-j.k_l]m}n{o",
    "A=5\nunset A",
    "A=5; unset A B; B=6",
    "a=5\nAA=6\nB_=7\n_A=8\nxA=5",
    "A='é' B=\u30c6",
    "A=x~y",
    "A=5\nif :; then\nx=1\nfi\nB=6",
    "f() {\nreturn 1\n}\nA=5",
    "cat <<x\nit's\nx\nA=5",
    "cat <<-'x y'\n\"\n\tx y\nA=5",
    "case x in x) y;; esac\nA=5",
    'x $(echo "it\'s" \')\' "$(y)") `echo x` && z\nA=5',
    'x="${y:-"it\'s"}" $((1 + (2)))\nA=5',
    "P=$A:$B:${A}",
    "echo 'x\ny'\nA=5",
]
WARNED = [  # sh assigns what only it can know, or nothing where one could think that it does
    "A = 5",
    "A= 5",
    "A =5",
    "A+=5",
    "A=5 command",
    "A=5 B",
    "A=a;b",
    "A=a&b",
    "A=a|b",
    "A=a(b)",
    "A=a<b",
    "A=a>b",
    "A=5 && B=6",
    "A=1\nfalse &&\nA=5",
    "A=1\nfalse ||\nA=5",
    ";A=5",
    "A=5;;",
    "A=$HOME",
    'A="$HOME"',
    "A=${x:-5}",
    "A=$(echo 5)",
    "A=`echo 5`",
    "A=$((1+2))",
    "A=$",
    "A=~",
    "A=~/x",
    "A=x:~",
    "A='a\nb'",
    "A=a\tb",
    "A='a\tb'",
    "A=a\x0cb",
    "A=a\x85b",
    "A=a\u2028b",
    "\x0cA=5",
    "A=a\rb",
    "readonly A=5",
    "if false; then\nA=5\nfi",
    "if :; then A=5; fi",
    "for x in 1; do\nA=$x\ndone",
    "while false\ndo A=5\ndone",
    "case x in\ny) A=5;;\nesac",
    "f() {\nA=5\n}",
    "f()\nA=5",
    "(A=5)",
    "{ A=5; }",
    "! A=5",
    "A=5 x=1 :",
    "cat <<x\nA=5\nx",
    "cat <<x\nA=5",
    "exit\nA=5",
    "if :; then return; fi\nA=5",
    "eval A=5",
    "read A <<x\n5\nx",
    "for A in 5; do :; done",
    ": ${A:=5} ${B=6}",
    "x=${A:=5}",
    "x=$((A=5))",
    "x='\nA=5\n'",
    "alias x='A=5'",
    "A(5)=5",
    "A=(5)",
    "A='5",
    'A="5',
    "A=`5",
    "A=$(5",
    "A=${5",
    "A=a\\\r\nb",
    "\ufeffA=5",
    "A=5\r\n",
    "A=5\r",
    "A='5'\r\nx=1\r\n",
    "A=5\0",
    "A\0=\x005",
]


def test_lines_that_tell_it_all_themselves() -> None:
    """The same values as sh, and nothing to warn of."""
    for text, (theirs, end) in zip(READ, by_sh(READ), strict=True):
        assert by_us(text) == (theirs, []), text
        assert end, text


def test_lines_that_only_a_shell_could_tell() -> None:
    """A warning with the number of the line, or the same values as sh."""
    for text, (theirs, _) in zip(WARNED, by_sh(WARNED), strict=True):
        _, warnings = by_us(text)
        assert warnings, text
        assert not differ(text, theirs), text
    assert by_us("x=1\n\nA = 5\n")[1] == [
        "line 3: A is not a plain value (this file is never executed); the line is ignored"
    ]


@pytest.mark.parametrize("line", ["A=$x", "A = 5", "if x; then A=5; fi", "A=5 x", "A='\n'"])
def test_a_line_that_is_ignored_changes_nothing(line: str) -> None:
    """The name keeps the value that it had."""
    assert by_us(f"A=1\n{line}\n")[0]["A"] == "1"


def test_another_file_that_is_read_there() -> None:
    """It is told; the lines around it count."""
    for word in (".", "source", "eval"):
        values, warnings = by_us(f"A=5\n{word} ./other\nB=6")
        assert (values, len(warnings)) == ({"A": "5", "B": "6"}, 1)
        assert warnings[0].startswith(f"line 2: '{word}' may assign")


def test_what_an_editor_leaves_is_no_part_of_a_value() -> None:
    """A byte-order mark, carriage returns, the NULs of UTF-16: left out, and told for each name."""
    for text in ("\ufeffA=5\nx=1", "A=5\r\n", "A=5", "A\0=\x005\0\n\0"):
        values, warnings = by_us(text)
        assert values["A"] == "5", text
        assert [each[:10] for each in warnings] == ["line 1: A "] * (text != "A=5"), text
    assert by_us("# x\r\nx=1\r\n\r\nif x\r\nthen y\r\nfi\r\n")[1] == [], "no name of ours"


def test_behind_a_quote_without_its_end() -> None:
    """A typo stops no failover: each line behind it is read by itself, and told."""
    values, warnings = by_us("x=\"y\nA=5\nB=it's\n")
    assert values == {"A": "5", "B": ""}
    assert [each[:10] for each in warnings] == ["line 2: A ", "line 3: B "]
    assert by_us("x=\"y\nA=it's\nB=5\nx='\n")[0] == {"A": "", "B": "5"}, "each line by itself"


def test_names_that_are_not_asked_for_are_never_warned_of() -> None:
    """Whatever the administrators of LifeKeeper have in there."""
    text = "".join(line.replace("A", "C").replace("B", "D") + "\n" for line in WARNED if "eval" not in line)
    assert by_us(text)[1] == []


PIECES = [*"ABx5 \t\n\\'\"#;&|<>()$`~*=+:!é\r", "A=", "B=", "A=5\n", "B=6\n", "\\\n", "&&", "||", "$(", "${", "}"]
PIECES += [
    "export ",
    "unset ",
    "if :; then ",
    "fi",
    "{ ",
    "<<x\n",
    "\nx\n",
    "case x in ",
    "esac",
    ";;",
    "exit",
    ". ./other",
]


TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
TEXTS |= st.lists(st.sampled_from([*READ, *WARNED]), max_size=4).map("\n".join)


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=40))
@example(["A=5\n\\\n#B=6\n", "B=6 <other . ./other", ">&2 . ./other"])
def test_any_text(texts: list[str]) -> None:
    """Where sh comes to the end of a text, it has the same values, or there is a warning."""
    found = [(text, differ(text, theirs)) for text, (theirs, end) in zip(texts, by_sh(texts), strict=True) if end]
    assert [each for each in found if each[1]] == []


@pytest.mark.parametrize(
    "line", ["fi", "done", "}", "then", "; :", "export 5x", "export -n A", "unset 5x", "local A=1", ": ;; :", "& :"]
)
def test_behind_an_error_sh_reads_nothing_more(line: str) -> None:
    """A typo must not stop a failover: the lines behind it count, with a warning that says so."""
    text = f"A=1\n{line}\nB=2"
    ((theirs, _),) = by_sh([text])
    assert not theirs["B"]
    found, warnings = assignments(text, ["A", "B"])
    assert {name: each.value for name, each in found.items()} == {"A": "1", "B": "2"}
    assert "line 3: B is used, but stands behind line 2, where sh gives up" in warnings
