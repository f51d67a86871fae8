"""The few pieces of Markdown that reports are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line breaks in cells do not break it."""
    lines = [list(head), ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def code(text: str, language: str = "") -> str:
    """A fenced block."""
    return f"```{language}\n{text.strip()}\n```\n"


def pictures(paths: Iterable[Path], folder: Path) -> str:
    """Each picture under its name, by its path relative to `folder`."""
    relative = [path.relative_to(folder) for path in paths]
    return "\n".join(f"![{path.with_suffix('')}]({quote(path.as_posix())})\n" for path in relative)


def number(value: float) -> str:
    """Four digits are enough; what is no number is said."""
    return f"{value:.4g}" if math.isfinite(value) else "not a number"


def figures_table(figures: dict[str, float]) -> str:
    return table(("figure", "value"), [(name, number(value)) for name, value in figures.items()])
