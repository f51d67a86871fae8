"""Markdown elements of the reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; vertical bars and line breaks in cells are escaped."""
    lines = [list(head), ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def code(text: str, language: str = "") -> str:
    """Return a fenced code block."""
    return f"```{language}\n{text.strip()}\n```\n"


def pictures(paths: Iterable[Path], folder: Path) -> str:
    """Return links to the pictures, each with its name, by paths relative to `folder`."""
    relative = [path.relative_to(folder) for path in paths]
    return "\n".join(f"![{path.with_suffix('')}]({quote(path.as_posix())})\n" for path in relative)


def number(value: float) -> str:
    """Return the value with four significant digits; "not a number" for NaN and infinity."""
    return f"{value:.4g}" if math.isfinite(value) else "not a number"


def fixed(value: float, digits: int) -> str:
    """Return the value with this many decimals; "-" for NaN and infinity."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
