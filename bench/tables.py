"""Samples into words and pictures: medians with their quartiles, Markdown tables, bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

PICTURES = Path(__file__).parent.parent / "docs" / "benchmarks"


def spread(values: Sequence[float], digits: int = 3) -> str:
    """The median, and in parentheses the quartiles."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return f"{median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def bars(name: str, title: str, unit: str, values: Mapping[str, Mapping[str, float]]) -> str:
    """Draw stacked bars into docs/benchmarks/NAME.svg; the Markdown that shows it.

    values: by row and part.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 8})
    figure = Figure(figsize=(7, 1.5 + 0.25 * len(values)), layout="constrained")
    axes = figure.subplots()
    rows = list(values)[::-1]
    left = dict.fromkeys(rows, 0.0)
    for part in dict.fromkeys(part for each in values.values() for part in each):
        widths = [values[row].get(part, 0.0) for row in rows]
        axes.barh(rows, widths, left=list(left.values()), label=part)
        left = {row: left[row] + width for row, width in zip(rows, widths, strict=True)}
    axes.set_xlabel(unit)
    axes.set_title(title)
    if len(next(iter(values.values()))) > 1:
        axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})
    return f"![{title}](benchmarks/{name}.svg)\n"


def curves(name: str, title: str, across: str, up: str, values: Mapping[str, Mapping[int, float]]) -> str:
    """Draw curves, up on a logarithmic scale, into docs/benchmarks/NAME.svg; the Markdown that shows it.

    values: by curve and place across.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 8})
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for label, points in values.items():
        axes.plot(list(points), list(points.values()), marker="o", label=label)
    axes.set_yscale("log")
    axes.set_xticks(sorted({place for points in values.values() for place in points}))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_title(title)
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=7)
    PICTURES.mkdir(exist_ok=True)
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})
    return f"![{title}](benchmarks/{name}.svg)\n"
